package limits

import (
	"slices"
	"time"

	"sms-api/internal/message"
)

// day is the day in Korea, as 20060102.
func day(at time.Time) string { return at.In(message.Korea()).Format("20060102") }

// nextDay is when the next day begins in Korea.
func nextDay(at time.Time) time.Time {
	year, month, day := at.In(message.Korea()).Date()
	return time.Date(year, month, day+1, 0, 0, 0, 0, message.Korea()).UTC()
}

// windows are how many messages a number may get in any hour and on any day of Korea; 0 is as many as there are.
type windows struct{ hour, day int }

// full says which of the windows around a time have no room for one more use.
func (w windows) full(uses []time.Time, at time.Time) (hour, sameDay bool) {
	all := append(slices.Clone(uses), at)
	slices.SortFunc(all, time.Time.Compare)
	for i, begins := range all {
		if w.hour == 0 || begins.After(at) || at.Sub(begins) >= time.Hour {
			continue // the hour that begins here does not have the new one in it
		}
		n := 0
		for _, u := range all[i:] {
			if u.Sub(begins) < time.Hour {
				n++
			}
		}
		hour = hour || n > w.hour
	}
	n := 0
	for _, u := range uses {
		if day(u) == day(at) {
			n++
		}
	}
	return hour, w.day > 0 && n >= w.day
}

// free is the first moment from a time on in which all windows have room for one more.
func (w windows) free(uses []time.Time, at time.Time) time.Time {
	// Room comes when a use is an hour old, or with a day.
	moments := []time.Time{at, nextDay(at)}
	for _, u := range uses {
		moments = append(moments, u.Add(time.Hour), nextDay(u))
	}
	slices.SortFunc(moments, time.Time.Compare)
	for _, m := range moments {
		if m.Before(at) {
			continue
		}
		if hour, sameDay := w.full(uses, m); !hour && !sameDay {
			return m
		}
	}
	return nextDay(moments[len(moments)-1])
}

// counts says whether a use is still of any interest at a time: it is in the hour before, on the same day or later.
func counts(use, now time.Time) bool {
	return now.Sub(use) < time.Hour || day(use) >= day(now)
}

// over says which windows have no room for one more use, and when there is room again.
func (w windows) over(uses []use, at time.Time) (full []Limit, until time.Time) {
	times := make([]time.Time, len(uses))
	for i, u := range uses {
		times[i] = u.at
	}
	hour, sameDay := w.full(times, at)
	if hour {
		full = append(full, NumberHour)
	}
	if sameDay {
		full = append(full, NumberDay)
	}
	if len(full) > 0 {
		until = w.free(times, at)
	}
	return full, until
}

// windowHits are the hits of both windows, in the order in which they are told.
type windowHits []Hit

func (w windows) hits() windowHits {
	return windowHits{{Limit: NumberHour, Max: w.hour}, {Limit: NumberDay, Max: w.day}}
}

// add notes that windows have no room for a recipient.
func (h windowHits) add(recipient int, full []Limit, until time.Time) {
	for n := range h {
		if !slices.Contains(full, h[n].Limit) {
			continue
		}
		h[n].Recipients = append(h[n].Recipients, recipient)
		if until.After(h[n].Until) {
			h[n].Until = until
		}
	}
}

// all are those that are about anybody.
func (h windowHits) all() []Hit {
	var all []Hit
	for _, one := range h {
		if len(one.Recipients) > 0 {
			slices.Sort(one.Recipients)
			all = append(all, one)
		}
	}
	return all
}
