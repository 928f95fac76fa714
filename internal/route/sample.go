package route

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sms-api/internal/message"
)

// impossible is what is wrong with every message that the template could make, whatever an event has: what its own texts,
// members and lists make of it. Placeholders stand for values that are right where they stand.
func (t *Template) impossible(ads message.Ads) []message.ValidationError {
	var fewest []message.ValidationError
	for i, s := range samples() {
		request, _ := json.Marshal(s.node(t.root, ""))
		r, err := message.DecodeEvent(request)
		if err != nil {
			return []message.ValidationError{{Detail: err.Error()}}
		}
		_, wrong := message.Accept(r, message.Acceptance{ID: "sample", Caller: "event:sample", Now: moment(r), Ads: ads})
		if wrong = slices.DeleteFunc(wrong, func(w message.ValidationError) bool { return s.unknown[w.Pointer] }); i == 0 ||
			len(wrong) < len(fewest) {
			fewest = wrong
		}
		if len(fewest) == 0 || !s.chose {
			break
		}
	}
	return fewest
}

// sample fills a template in with what could be in an event.
type sample struct {
	// channel, purpose and enabled are what placeholders in their places have; chose says that there was one.
	channel message.Channel
	purpose message.Purpose
	enabled bool
	chose   bool
	// unknown are pointers to texts of which only a part is known, where that tells nothing.
	unknown map[string]bool
	// numbers are the telephone numbers that have been made, by the paths that lead to them; another one for each that is made in
	// a loop, of which there may be none.
	numbers map[string]string
	inLoop  bool
}

// samples are all that have a choice of their own.
func samples() []*sample {
	var all []*sample
	for _, channel := range []message.Channel{message.AlimTalk, message.SMS} {
		for _, purpose := range []message.Purpose{message.Info, message.Ad} {
			for _, enabled := range []bool{true, false} {
				all = append(all, &sample{
					channel: channel, purpose: purpose, enabled: enabled, unknown: map[string]bool{}, numbers: map[string]string{},
				})
			}
		}
	}
	return all
}

// moment is when a sample is asked for: at noon in Korea, when everything may be sent, and such that the times that stand in it
// are right.
func moment(r message.Request) time.Time {
	const noon, day = 3 * time.Hour, 24 * time.Hour // of UTC
	switch {
	case !r.SendAt.IsZero() && r.ExpiresAt.Before(r.SendAt) && !r.ExpiresAt.IsZero():
		return r.ExpiresAt.Add(-time.Minute)
	case !r.SendAt.IsZero():
		return r.SendAt.Add(-time.Minute)
	case !r.ExpiresAt.IsZero():
		return r.ExpiresAt.Truncate(day).Add(noon - 2*day)
	}
	return time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC).Add(noon)
}

func (s *sample) node(n node, at string) any {
	switch n := n.(type) {
	case fixed:
		return n.value
	case text:
		return s.text(n, at)
	case object:
		o := make(map[string]any, len(n))
		for _, m := range n {
			o[m.name] = s.node(m.value, message.Pointer(at, m.name))
		}
		return o
	case list:
		values := make([]any, len(n))
		for i, element := range n {
			l, loops := element.(loop)
			if loops {
				element = l.element
			}
			before := s.inLoop
			s.inLoop = before || loops
			values[i] = s.node(element, message.Pointer(at, strconv.Itoa(i)))
			s.inLoop = before
		}
		return values
	}
	return nil
}

// text is a text with placeholders. Of one that has to have a form, such as a time, no more is known if a part of it is fixed.
func (s *sample) text(n text, at string) any {
	alone := len(n) == 1
	fit, hasForm := s.fit(at, n)
	switch {
	case hasForm:
		s.unknown[at] = !alone
		return fit
	case alone:
		return "1"
	}
	var out strings.Builder
	for _, p := range n {
		out.WriteString(p.literal)
	}
	if strings.TrimSpace(out.String()) == "" {
		return "1"
	}
	return out.String()
}

// fit is a value that is right at a place where not every text is: nil for one that may as well be absent.
func (s *sample) fit(at string, n text) (value any, ok bool) {
	alone := len(n) == 1
	switch place := strings.TrimPrefix(at, "/"); {
	case strings.HasPrefix(place, "recipients/") && strings.HasSuffix(place, "/to") && strings.Count(place, "/") == 2:
		return s.number(n[0], alone && !s.inLoop), true
	case place == "channel":
		s.chose = true
		return string(s.channel), true
	case place == "purpose":
		s.chose = true
		return string(s.purpose), true
	case place == "fallback/enabled" && alone:
		s.chose = true
		return s.enabled, true
	case place == "nightConsent" && alone:
		return nil, true
	}
	return nil, slices.Contains([]string{"/fallback/onUnknown", "/fallback/after", "/sendAt", "/expiresAt"}, at)
}

// number is a telephone number that nobody has.
func (s *sample) number(p piece, always bool) string {
	path := p.path.text
	if !always {
		path = strconv.Itoa(len(s.numbers))
	}
	if s.numbers[path] == "" {
		s.numbers[path] = fmt.Sprintf("0100000%04d", len(s.numbers))
	}
	return s.numbers[path]
}
