package campaign_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"sms-api/internal/campaign"
	"sms-api/internal/message"
)

// byDay is when advertising may go out where it may be until 20:50.
func byDay(at time.Time) time.Time {
	return message.Message{Purpose: message.Ad}.NotBefore(at, 20*60+50)
}

// Advertising by day that takes longer than a day has the hours for it: nobody expires who only had to wait for a morning, and what is
// told of its end comes true.
func TestAdvertisingByDayHasItsHours(t *testing.T) {
	t.Parallel()
	const chunks = 160 // of ten minutes each
	w := newSending(t, chunks, 10)
	w.NotBefore = byDay
	begin := time.Date(2026, 12, 1, 22, 0, 0, 0, message.Korea())
	w.now = begin
	if _, err := w.store.Change(t.Context(), id, func(c *campaign.Campaign) (bool, error) {
		c.Daytime, c.ExpiresAt = true, time.Time{}
		c.Begin(begin, byDay)
		return true, nil
	}); err != nil {
		t.Fatal(err)
	}
	told := w.find().Forecast(w.now, byDay)
	if morning := time.Date(2026, 12, 2, 8, 0, 0, 0, message.Korea()); !told.WaitsUntil.Equal(morning) {
		t.Errorf("at ten in the evening it waits until %v, want %v", told.WaitsUntil, morning)
	}
	by := false
	for n := w.turn(2); n.Next == campaign.NextWait; n = w.turn(2) {
		w.settleAll()
		if f := w.find().Forecast(w.now, byDay); w.now.In(message.Korea()).Hour() == 12 && len(w.started) < chunks {
			if by = true; !f.WaitsUntil.IsZero() || f.EndsAt.Sub(told.EndsAt).Abs() > time.Hour {
				t.Fatalf("at noon it waits until %v, and ends at %v; at first it was %v", f.WaitsUntil, f.EndsAt, told.EndsAt)
			}
		}
	}
	var last time.Time
	for number, at := range w.started {
		if byDay(at).After(at) {
			t.Errorf("chunk %d was handed out at %v", number, at.In(message.Korea()))
		}
		if at.After(last) {
			last = at
		}
	}
	if len(w.started) != chunks || !by {
		t.Errorf("%d of %d chunks were handed out", len(w.started), chunks)
	}
	// The last is handed out when those before it have had their time, and each night may take from the one before it.
	if early := told.EndsAt.Sub(last); early < 0 || early > time.Hour {
		t.Errorf("it was to end at %v, and did at %v", told.EndsAt, last)
	}
	if left := w.find().ExpiresAt.Sub(last); left < 24*time.Hour || left > 26*time.Hour {
		t.Errorf("%v are left after the last", left)
	}
}

// What is told is of the time at which somebody asks: a chunk takes seconds, and the last before the night was due before it; and after a
// pause nothing was due for days.
func TestForecastByNight(t *testing.T) {
	t.Parallel()
	for second := range 10 {
		w := newSending(t, 10_000, 1000)
		w.NotBefore, w.half = byDay, true
		w.now = time.Date(2026, 12, 1, 20, 48, second, 0, message.Korea())
		if _, err := w.store.Change(t.Context(), id, func(c *campaign.Campaign) (bool, error) {
			c.Daytime, c.ExpiresAt = true, time.Time{}
			c.Begin(w.now, byDay)
			return true, nil
		}); err != nil {
			t.Fatal(err)
		}
		morning := time.Date(2026, 12, 2, 8, 0, 0, 0, message.Korea())
		for w.now.Before(morning) {
			w.settleAll()
			at := w.now
			w.turn(2)
			f := w.find().Forecast(at, byDay)
			if night := byDay(at).After(at); night && !f.WaitsUntil.Equal(morning) || f.EndsAt.Before(morning) {
				t.Fatalf("at %v it waits until %v and ends at %v", at.In(message.Korea()), f.WaitsUntil, f.EndsAt)
			}
		}
	}
	c := campaign.Campaign{
		Status: campaign.Sending, Rate: 100, Plan: &campaign.Plan{Messages: 3, Valid: 600}, Due: noon, Next: 1,
		ExpiresAt: noon.Add(96 * time.Hour),
	}
	if f, want := c.Forecast(noon.Add(72*time.Hour), byDay), noon.Add(72*time.Hour+6*time.Minute); !f.EndsAt.Equal(want) {
		t.Errorf("three days later it ends at %v, want %v", f.EndsAt, want)
	}
	c.Due = noon.Add(80 * time.Hour) // as when it waits for its time
	if f, want := c.Forecast(noon.Add(72*time.Hour), byDay), noon.Add(80*time.Hour+6*time.Minute); !f.EndsAt.Equal(want) {
		t.Errorf("eight hours before its time it ends at %v, want %v", f.EndsAt, want)
	}
	// Nothing is told of an end that it does not see.
	c.Due = noon
	c.ExpiresAt = noon.Add(6 * time.Minute)
	if f := c.Forecast(noon, byDay); !f.EndsAt.IsZero() {
		t.Errorf("it expires at %v, and ends at %v", c.ExpiresAt, f.EndsAt)
	}
}

// A campaign without an end of its own has time for all of its recipients and a day more, and no more than its messages may: seven
// days from the first of them on. Nights count for nothing of that but in advertising that must heed them.
func TestExpiry(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from := time.Date(2026, 12, 1, 0, 0, 0, 0, message.Korea())
		now := from.Add(time.Duration(rapid.IntRange(0, 2*24*60*60).Draw(t, "second")) * time.Second)
		c := campaign.Campaign{
			Status: campaign.Planned, Daytime: rapid.Bool().Draw(t, "by day"), Rate: rapid.SampledFrom([]int{100, 5000, 60_000}).Draw(t, "rate"),
			Plan: &campaign.Plan{Valid: rapid.IntRange(1, 3_000_000).Draw(t, "recipients"), Messages: 6000},
		}
		if rapid.Bool().Draw(t, "scheduled") {
			c.SendAt = from.Add(time.Duration(rapid.IntRange(0, 4*24*60).Draw(t, "at")) * time.Minute)
		}
		c.Begin(now, byDay)
		first := now
		if c.SendAt.After(first) {
			first = c.SendAt
		}
		if c.Daytime {
			first = byDay(first)
		}
		// How many can be handed out until a day before the end.
		minutes := 0
		for at := first; !at.Add(time.Minute).After(c.ExpiresAt.Add(-24 * time.Hour)); at = at.Add(time.Minute) {
			if !c.Daytime || byDay(at).Equal(at) {
				minutes++
			}
		}
		life := c.ExpiresAt.Sub(first)
		switch enough := (minutes+2)*c.Rate >= c.Plan.Valid; {
		case life > 7*24*time.Hour:
			t.Fatalf("it expires %v after its first message", life)
		case !enough && life < 7*24*time.Hour-time.Second:
			t.Fatalf("in %d minutes at %d there is no time for %d", minutes, c.Rate, c.Plan.Valid)
		case life > 24*time.Hour && (minutes-2)*c.Rate > c.Plan.Valid:
			t.Fatalf("it expires %v after its first message, with %d minutes at %d for %d", life, minutes, c.Rate, c.Plan.Valid)
		}
	})
}

// Seven days count from the morning on for what begins at night.
func TestTheLongestLife(t *testing.T) {
	t.Parallel()
	evening, morning := time.Date(2026, 12, 1, 22, 0, 0, 0, message.Korea()), time.Date(2026, 12, 2, 8, 0, 0, 0, message.Korea())
	c := campaign.Campaign{Daytime: true, Rate: 100, Plan: &campaign.Plan{Valid: 3_000_000, Messages: 6000}}
	if !c.TooSlow(evening, byDay) {
		t.Error("there is time for all of it")
	}
	if c.Begin(evening, byDay); !c.ExpiresAt.Equal(morning.Add(7 * 24 * time.Hour)) {
		t.Errorf("it expires at %v", c.ExpiresAt)
	}
}

// Of a campaign that is not being sent, or has nothing left to hand out, nothing is foretold.
func TestNothingIsForetold(t *testing.T) {
	t.Parallel()
	sending := campaign.Campaign{Status: campaign.Sending, Rate: 100, Plan: &campaign.Plan{Messages: 3, Valid: 300}, Due: noon, Next: 1,
		ExpiresAt: noon.Add(time.Hour)}
	if f := sending.Forecast(noon, byDay); f.EndsAt.IsZero() || !f.WaitsUntil.IsZero() {
		t.Errorf("of one at noon there is %+v", f)
	}
	for name, change := range map[string]func(*campaign.Campaign){
		"paused":      func(c *campaign.Campaign) { c.Status = campaign.Paused },
		"planned":     func(c *campaign.Campaign) { c.Status = campaign.Planned },
		"handed out":  func(c *campaign.Campaign) { c.Next = 3 },
		"not planned": func(c *campaign.Campaign) { c.Plan = nil },
	} {
		c := sending
		if change(&c); c.Forecast(noon, byDay) != (campaign.Forecast{}) {
			t.Errorf("%s: %+v", name, c.Forecast(noon, byDay))
		}
	}
}
