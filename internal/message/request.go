package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Request is what a caller asks for, with absent members absent. Decode makes it, and with it the list of everything in
// it that is of the wrong shape, which Accept reports together with what it finds itself.
type Request struct {
	Channel    Channel          `json:"channel,omitempty"`
	Template   string           `json:"template,omitempty"`
	Text       Text             `json:"text,omitempty"`
	Title      Text             `json:"title,omitempty"`
	Recipients []Recipient      `json:"recipients,omitempty"`
	Fallback   *FallbackRequest `json:"fallback,omitempty"`
	SendAt     time.Time        `json:"sendAt,omitzero"`
	ExpiresAt  time.Time        `json:"expiresAt,omitzero"`
	Purpose    Purpose          `json:"purpose,omitempty"`
	// NightConsent says that all recipients of an ad have agreed to get it at night.
	NightConsent bool `json:"nightConsent,omitempty"`
	Echo
	// IdempotencyKey comes with events only; over HTTP it is a header.
	IdempotencyKey string `json:"-"`

	problems []ValidationError
}

// FallbackRequest is the request's member fallback.
type FallbackRequest struct {
	Enabled   *bool     `json:"enabled,omitempty"`
	Text      Text      `json:"text,omitempty"`
	Title     Text      `json:"title,omitempty"`
	After     *Duration `json:"after,omitempty"`
	OnUnknown OnUnknown `json:"onUnknown,omitempty"`
}

// Limits of a request's members. Lengths are in characters (Unicode code points), as JSON Schema counts them.
const (
	MaxRecipients     = 500 // Aligo's limit for one call
	maxTemplateCode   = 64
	maxReference      = 128
	maxRecipientEcho  = 64
	MaxIdempotencyKey = 255
	maxText           = MaxLMS
	maxTitle          = maxTitleBytes
	maxName           = 100
	maxVariables      = 100
	maxVariableName   = 64
	maxVariableValue  = 1000 // a whole AlimTalk has no more
	maxPhone          = 32
	maxDepth          = 16
)

// The range of Fallback.After. No receipt comes after 24 hours.
const (
	minAfter = 5 * time.Second
	maxAfter = 24 * time.Hour
)

var durationFormat = regexp.MustCompile(`^([0-9]+h)?([0-9]+m)?([0-9]+s)?$`)

// ValidIdempotencyKey says whether s is 1 to 255 visible ASCII characters.
func ValidIdempotencyKey(s string) bool { return visibleASCII(s, MaxIdempotencyKey) }

// visibleASCII says whether s is 1 to limit visible ASCII characters. As a regular expression with such a count it would
// take most of the time that a function needs to start.
func visibleASCII(s string, limit int) bool {
	return s != "" && len(s) <= limit && !strings.ContainsFunc(s, func(r rune) bool { return r < '!' || r > '~' })
}

// SyntaxError says that a body is not one JSON value in UTF-8.
type SyntaxError struct {
	Detail string
}

func (e *SyntaxError) Error() string { return e.Detail }

// Decode reads the body of POST /v1/messages. The error is a *SyntaxError; a body that is JSON but of the wrong shape
// (unknown or duplicate members among it) is reported by Accept.
func Decode(body []byte) (Request, error) { return decode(body, false) }

// DecodeEvent reads the detail of a MessageRequested event: a body that may also have an idempotencyKey.
func DecodeEvent(detail []byte) (Request, error) { return decode(detail, true) }

func decode(body []byte, event bool) (Request, error) {
	v, d, err := parse(body)
	if err != nil {
		return Request{}, err
	}
	r := d.request(v, event)
	r.problems = d.problems
	return r, nil
}

// mark is the byte order mark in UTF-8, which some libraries begin a body with and RFC 8259 lets a reader pass over.
const mark = "\ufeff"

// parse reads a body. The decoder knows which members are there twice. The error is a *SyntaxError.
func parse(body []byte) (any, *decoder, error) {
	body = bytes.TrimPrefix(body, []byte(mark))
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return nil, nil, &SyntaxError{Detail: "the body is empty"}
	case !utf8.Valid(body):
		return nil, nil, &SyntaxError{Detail: "the body is not UTF-8"}
	}
	if !json.Valid(body) {
		return nil, nil, notJSON(body)
	}
	read := reader{text: string(body)}
	v, err := read.value()
	if err != nil {
		return nil, nil, err
	}
	d := &decoder{twice: make(map[string]bool, len(read.duplicates))}
	for _, pointer := range read.duplicates {
		d.twice[pointer] = true
	}
	return v, d, nil
}

// notJSON says why a body is no JSON.
func notJSON(body []byte) *SyntaxError {
	var raw json.RawMessage
	var syntax *json.SyntaxError
	switch err := json.Unmarshal(body, &raw); {
	case !errors.As(err, &syntax):
		return &SyntaxError{Detail: "the body is not JSON"}
	case strings.HasSuffix(syntax.Error(), "exceeded max depth"):
		// encoding/json's own, which is far more than ours.
		return tooDeep()
	}
	return &SyntaxError{Detail: fmt.Sprintf("the body is not JSON: %s (byte %d)", withoutCharacter(syntax), syntax.Offset)}
}

// withoutCharacter is what encoding/json says without the character that it says it about: "invalid character 'x' after …".
func withoutCharacter(err *json.SyntaxError) string {
	const begin, end = "invalid character '", "' "
	said := err.Error()
	if at := strings.LastIndex(said, end); strings.HasPrefix(said, begin) && at > 0 {
		return "invalid character " + said[at+len(end):]
	}
	return said
}

// decoder puts values that were read from JSON into a Request.
type decoder struct {
	problems []ValidationError
	// twice are pointers to the members that are there twice.
	twice map[string]bool
}

func (d *decoder) add(pointer, format string, args ...any) {
	d.problems = append(d.problems, ValidationError{Pointer: pointer, Detail: fmt.Sprintf(format, args...)})
}

// about adds a problem with what the pointer about leads to, which is not to be told.
func (d *decoder) about(about, pointer, format string, args ...any) {
	d.problems = append(d.problems, ValidationError{Pointer: pointer, Detail: fmt.Sprintf(format, args...), about: about})
}

// field is a member that an object may have.
type field struct {
	name string
	// read is given nil for null, which of a member that may be absent means the same.
	read func(v any, pointer string)
}

// members reads an object that may have these members and no others.
func (d *decoder) members(v any, pointer string, known ...field) {
	unknown := d.read(v, pointer, known)
	if unknown == 0 {
		return
	}
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = k.name
	}
	all := strings.Join(names, ", ")
	detail := fmt.Sprintf("has a member that is not known; there are %s", all)
	if unknown > 1 {
		detail = fmt.Sprintf("has %d members that are not known; there are %s", unknown, all)
	}
	d.problems = append(d.problems, ValidationError{Pointer: pointer, Detail: detail, beside: true})
}

// read reads the members of an object that are known, and tells how many are not.
func (d *decoder) read(v any, pointer string, known []field) (unknown int) {
	o, ok := v.(object)
	if !ok {
		d.add(pointer, "must be an object, and is %s", kind(v))
		return 0
	}
	for _, m := range o {
		at := Pointer(pointer, m.name)
		i := slices.IndexFunc(known, func(k field) bool { return k.name == m.name })
		if i < 0 {
			unknown++
			continue
		}
		known[i].read(m.value, at)
		if d.twice[at] {
			d.add(at, "is there twice")
		}
	}
	return unknown
}

// kind says of which type a JSON value is.
func kind(v any) string {
	switch v.(type) {
	case object:
		return "an object"
	case []any:
		return "an array"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case nil:
		return "null"
	}
	return "a number"
}

func (d *decoder) request(v any, event bool) Request {
	var r Request
	known := append(d.content(&r), field{"recipients", func(v any, p string) { r.Recipients = d.recipients(v, p) }})
	if event {
		known = append(known, field{"idempotencyKey", func(v any, p string) {
			r.IdempotencyKey = d.visible(v, p, MaxIdempotencyKey, "must be 1 to 255 visible ASCII characters")
		}})
	}
	d.members(v, "", known...)
	return r
}

// content are the members of a request that say what is sent, and when.
func (d *decoder) content(r *Request) []field {
	return []field{
		{"channel", func(v any, p string) { r.Channel = Channel(d.oneOf(v, p, string(AlimTalk), string(SMS))) }},
		{"template", func(v any, p string) {
			r.Template = d.visible(v, p, maxTemplateCode, "must be a template code: 1 to 64 visible ASCII characters")
		}},
		{"text", func(v any, p string) { r.Text = composed(d.text(v, p, maxText, true)) }},
		{"title", func(v any, p string) { r.Title = composed(d.text(v, p, maxTitle, false)) }},
		{"fallback", func(v any, p string) { r.Fallback = d.fallback(v, p) }},
		{"sendAt", func(v any, p string) { r.SendAt = d.time(v, p) }},
		{"expiresAt", func(v any, p string) { r.ExpiresAt = d.time(v, p) }},
		{"purpose", func(v any, p string) { r.Purpose = Purpose(d.oneOf(v, p, string(Info), string(Ad))) }},
		{"nightConsent", func(v any, p string) { r.NightConsent = d.bool(v, p) }},
		{"reference", func(v any, p string) { r.Reference = d.text(v, p, maxReference, false) }},
	}
}

func (d *decoder) recipients(v any, pointer string) []Recipient {
	list, ok := v.([]any)
	switch {
	case v == nil:
		return nil
	case !ok:
		d.add(pointer, "must be an array")
		return nil
	case len(list) == 0:
		d.add(pointer, "must have at least one recipient")
	case len(list) > MaxRecipients:
		d.add(pointer, "has %d recipients; a message has at most %d", len(list), MaxRecipients)
	}
	recipients := make([]Recipient, len(list))
	for i, v := range list {
		recipients[i] = d.recipient(v, Pointer(pointer, strconv.Itoa(i)))
	}
	return recipients
}

func (d *decoder) recipient(v any, pointer string) Recipient {
	var r Recipient
	given := false
	d.members(v, pointer,
		field{"to", func(v any, p string) { r.To, given = d.phone(v, p), v != nil }},
		field{"name", func(v any, p string) {
			before := len(d.problems)
			r.Name = composed(d.text(v, p, maxName, false))
			if len(d.problems) > before {
				// What it would fill is not missing.
				d.problems[before].about = Pointer(pointer, "variables", NamePlaceholder)
			}
		}},
		field{"variables", func(v any, p string) { r.Variables = d.variables(v, p) }},
		field{"reference", func(v any, p string) { r.Reference = d.recipientReference(v, p) }},
	)
	if _, ok := v.(object); ok && !given {
		d.add(Pointer(pointer, "to"), "is missing")
	}
	return r
}

// maxRecipientEchoBytes is what 64 Korean letters need. The outcome for 500 recipients has to fit into one event.
const maxRecipientEchoBytes = 3 * maxRecipientEcho

// recipientReference reads what a caller calls a recipient, in the one form in which it can be compared.
func (d *decoder) recipientReference(v any, pointer string) string {
	s := string(composed(d.text(v, pointer, maxRecipientEcho, false)))
	if len(s) > maxRecipientEchoBytes {
		d.add(pointer, "has %d bytes in UTF-8; at most %d are allowed", len(s), maxRecipientEchoBytes)
		return ""
	}
	return s
}

func (d *decoder) phone(v any, pointer string) Phone {
	s, ok := d.string(v, pointer, maxPhone)
	if !ok {
		return ""
	}
	p, wrong := ParseRecipientPhone(s)
	if wrong != "" {
		d.add(pointer, "%s", wrong)
	}
	return p
}

func (d *decoder) variables(v any, pointer string) map[string]Text {
	if v == nil {
		return nil
	}
	o, ok := v.(object)
	if !ok {
		d.add(pointer, "must be an object, and is %s", kind(v))
		return nil
	}
	if len(o) > maxVariables {
		d.add(pointer, "has %d members; at most %d are allowed", len(o), maxVariables)
	}
	values := make(map[string]Text, len(o))
	for i, m := range o {
		name := PlaceholderName(m.name)
		p := Pointer(pointer, name)
		wrong := func(format string, args ...any) {
			d.about(p, pointer, "member %d %s", i+1, fmt.Sprintf(format, args...))
		}
		n := utf8.RuneCountInString(m.name)
		if name == "" || n > maxVariableName || strings.ContainsAny(m.name, "{}") || broken(m.name, false) {
			wrong("has a name that no placeholder has: 1 to %d characters, without braces", maxVariableName)
			continue
		}
		if _, again := values[name]; again || d.twice[Pointer(pointer, m.name)] {
			wrong("is there twice")
		}
		s, ok := m.value.(string)
		switch {
		case m.value == nil:
			continue
		case !ok:
			wrong("must be a string, and is %s", kind(m.value))
			continue
		case utf8.RuneCountInString(s) > maxVariableValue:
			wrong("has %d characters; at most %d are allowed", utf8.RuneCountInString(s), maxVariableValue)
		case broken(s, true):
			wrong("%s", brokenDetail)
		}
		values[name] = composed(s)
	}
	return values
}

func (d *decoder) fallback(v any, pointer string) *FallbackRequest {
	if v == nil {
		return nil
	}
	var f FallbackRequest
	d.members(v, pointer,
		field{"enabled", func(v any, p string) {
			switch v := v.(type) {
			case bool:
				f.Enabled = &v
			case nil:
			default:
				d.add(p, "must be true or false")
			}
		}},
		field{"text", func(v any, p string) { f.Text = composed(d.text(v, p, maxText, true)) }},
		field{"title", func(v any, p string) { f.Title = composed(d.text(v, p, maxTitle, false)) }},
		field{"after", func(v any, p string) { f.After = d.duration(v, p) }},
		field{"onUnknown", func(v any, p string) {
			f.OnUnknown = OnUnknown(d.oneOf(v, p, string(LeaveUnknown), string(SMSUnknown)))
		}},
	)
	return &f
}

// bool reads true or false; what is absent is false.
func (d *decoder) bool(v any, pointer string) bool {
	yes, ok := v.(bool)
	if !ok && v != nil {
		d.add(pointer, "must be true or false")
	}
	return yes
}

// string reads a string of 1 to limit characters.
func (d *decoder) string(v any, pointer string, limit int) (string, bool) {
	s, ok := v.(string)
	n := utf8.RuneCountInString(s)
	switch {
	case v == nil:
	case !ok:
		d.add(pointer, "must be a string")
	case n == 0:
		d.add(pointer, "must not be empty")
	case n > limit:
		d.add(pointer, "has %d characters; at most %d are allowed", n, limit)
	default:
		return s, true
	}
	return "", false
}

const brokenDetail = "has a control character, or U+FFFD, which stands for something that was lost"

// broken says whether a text has control characters, or the character that stands for undecodable input. Lone surrogates
// such as "\ud800" have become that one, too.
func broken(s string, lines bool) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		if lines && (r == '\n' || r == '\r' || r == '\t') {
			return false
		}
		return unicode.IsControl(r) || r == utf8.RuneError
	})
}

// text reads a string for people, with line breaks or without.
func (d *decoder) text(v any, pointer string, limit int, lines bool) string {
	s, ok := d.string(v, pointer, limit)
	switch {
	case !ok:
		return ""
	case broken(s, lines):
		d.add(pointer, brokenDetail)
		return ""
	}
	return s
}

// PlaceholderName is the name of a placeholder in the one form in which it can be compared: what looks the same is the same. It
// is without what cannot be seen, such as the byte order mark that the first column of a table may have.
func PlaceholderName(name string) string {
	return string(composed(strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cf, unicode.Variation_Selector) {
			return -1
		}
		return r
	}, name)))
}

// composed is a text in NFC, the form in which keyboards write it: in another one, as file systems have it, the same word
// would be another name of a placeholder, and its letters none that an SMS can carry.
func composed(s string) Text { return Text(norm.NFC.String(s)) }

func (d *decoder) oneOf(v any, pointer string, values ...string) string {
	if v == nil {
		return ""
	}
	for _, value := range values {
		if v == value {
			return value
		}
	}
	d.add(pointer, "must be \"%s\"", strings.Join(values, `" or "`))
	return ""
}

func (d *decoder) visible(v any, pointer string, limit int, detail string) string {
	if v == nil {
		return ""
	}
	s, ok := v.(string)
	if !ok || !visibleASCII(s, limit) {
		d.add(pointer, "%s", detail)
		return ""
	}
	return s
}

// time reads an RFC 3339 time and brings it to whole seconds of UTC, so that the same instant is the same request.
func (d *decoder) time(v any, pointer string) time.Time {
	return d.instant(v, pointer).Truncate(time.Second)
}

// instant reads an RFC 3339 time as it was written.
func (d *decoder) instant(v any, pointer string) time.Time {
	if v == nil {
		return time.Time{}
	}
	s, _ := v.(string)
	t, wrong := ParseTime(s)
	if wrong != "" {
		d.add(pointer, "%s", wrong)
	}
	return t
}

var rfc3339 = regexp.MustCompile(`^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?` +
	`(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))?$`)

// ParseTime reads an RFC 3339 time from 1970 on, in UTC; a leap second is the second after it. The second result says what is
// wrong, and is empty when nothing is. time.Parse takes neither leap seconds nor small letters, and other things that are
// not in the RFC.
func ParseTime(s string) (t time.Time, wrong string) {
	if t, wrong = parseTime(s); wrong == "" && (t.Year() < 1970 || t.Year() > 9998) {
		return time.Time{}, "is out of range"
	}
	return t, wrong
}

func parseTime(s string) (t time.Time, wrong string) {
	m := rfc3339.FindStringSubmatch(s)
	if m == nil {
		return time.Time{}, "must be an RFC 3339 time, such as 2026-12-01T09:00:00+09:00"
	}
	n := make([]int, len(m))
	for i, digits := range m {
		n[i], _ = strconv.Atoi(digits)
	}
	year, month, day, hour, minute, second, zoneHour, zoneMinute := n[1], n[2], n[3], n[4], n[5], n[6], n[9], n[10]
	fraction, _ := strconv.Atoi((strings.TrimPrefix(m[7], ".") + "000000000")[:len("000000000")])
	zone := time.Duration(zoneHour)*time.Hour + time.Duration(zoneMinute)*time.Minute
	if m[8] == "-" {
		zone = -zone
	}
	const leap = 60
	t = time.Date(year, time.Month(month), day, hour, minute, min(second, leap-1), fraction, time.UTC).Add(-zone)
	switch noon := time.Date(year, time.Month(month), day, 12, 0, 0, 0, time.UTC); {
	case m[8] == "" && !strings.HasSuffix(strings.ToUpper(s), "Z"):
		return time.Time{}, "has no time zone; it needs one such as +09:00 or Z"
	case noon.Day() != day || int(noon.Month()) != month:
		return time.Time{}, "is on a day that does not exist"
	case hour > 23 || minute > 59 || second > leap:
		return time.Time{}, "is at a time of day that does not exist"
	case zoneHour > 23 || zoneMinute > 59:
		return time.Time{}, "has a time zone that does not exist"
	case second < leap:
		return t, ""
	}
	// Leap seconds are the last of a month, everywhere at the same time.
	t = t.Add(time.Second)
	if t.Day() != 1 || t.Hour() != 0 || t.Minute() != 0 {
		return time.Time{}, "has a leap second where there is none"
	}
	return t, ""
}

func (d *decoder) duration(v any, pointer string) *Duration {
	if v == nil {
		return nil
	}
	s, ok := v.(string)
	t, err := time.ParseDuration(s)
	switch {
	case !ok || s == "" || !durationFormat.MatchString(s):
		d.add(pointer, "must be a duration in hours, minutes and seconds, such as 5m or 1h30m")
		return nil
	case err != nil, t < minAfter, t > maxAfter: // more than a time.Duration holds is an error
		d.add(pointer, "must be from 5s to 24h")
		return nil
	}
	after := Duration(t)
	return &after
}
