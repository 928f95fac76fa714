package message

import "time"

// OptOut is what somebody passes on about a recipient: the detail of RecipientOptedOut and RecipientOptedIn, and without To the
// body of PUT /v1/opt-outs/{number}. What is absent is the zero value.
type OptOut struct {
	To Phone
	// At is when it was said, to the millisecond.
	At time.Time
	// Via is where.
	Via string
}

// MaxVia is how many characters OptOut.Via may have.
const MaxVia = 64

// mostAhead is how far the clock of whoever says so may be ahead. What is said to be much later would hold against
// everything that is said until then.
const mostAhead = 10 * time.Minute

// Ahead is what is wrong with when it was said; nil if nothing is.
func (o OptOut) Ahead(now time.Time) []ValidationError {
	if o.At.After(now.Add(mostAhead)) {
		return []ValidationError{{Pointer: "/at", Detail: "is in the future"}}
	}
	return nil
}

// DecodeOptOut reads the body of PUT /v1/opt-outs/{number}. The error is a *SyntaxError; of what is JSON the second result has
// everything that is wrong.
func DecodeOptOut(body []byte) (OptOut, []ValidationError, error) { return decodeOptOut(body, false) }

// DecodeOptOutEvent reads the detail of RecipientOptedOut and RecipientOptedIn, which has To, and may have members that are
// somebody else's.
func DecodeOptOutEvent(detail []byte) (OptOut, []ValidationError, error) {
	return decodeOptOut(detail, true)
}

func decodeOptOut(body []byte, event bool) (OptOut, []ValidationError, error) {
	var o OptOut
	v, d, err := parse(body)
	if err != nil {
		return o, nil, err
	}
	if v == nil && !event {
		return o, nil, nil
	}
	given := false
	known := []field{
		{"at", func(v any, p string) { o.At = d.instant(v, p).Truncate(time.Millisecond) }},
		{"via", func(v any, p string) {
			if v != "" { // which says as little as none
				o.Via = d.text(v, p, MaxVia, false)
			}
			// What is kept for good has numbers masked and hashed only.
			if HasNumber(o.Via) {
				d.add(p, "has a number in it: the list of opt-outs keeps none")
				o.Via = ""
			}
		}},
	}
	if event {
		// Others' events may have more in them than they are asked for.
		d.read(v, "", append(known, field{"to", func(v any, p string) { o.To, given = d.phone(v, p), v != nil }}))
	} else {
		d.members(v, "", known...)
	}
	if _, isObject := v.(object); isObject && event && !given {
		d.add("/to", "is missing")
	}
	return o, d.problems, nil
}
