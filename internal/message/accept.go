package message

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// What a message may ask for in time.
const (
	// defaultLifetime is how long a message without expiresAt is sent at most, from sendAt or from when it was asked for.
	defaultLifetime = 24 * time.Hour
	// maxLifetime bounds expiresAt. A parked message tries again every 15 minutes, and an execution's history has 25,000 events.
	maxLifetime = 7 * 24 * time.Hour
	// MaxSchedule bounds sendAt.
	MaxSchedule = 90 * 24 * time.Hour
	// defaultAfter is the default of Fallback.After. Most receipts come within seconds.
	defaultAfter = 5 * time.Minute
)

// MaxSize is how many bytes a message's JSON may have. The payload of a task is the message and its progress: half of what Step
// Functions takes, and the progress of 500 recipients needs less than the other half.
const MaxSize = 128 << 10

// Acceptance is what a request becomes a message with.
type Acceptance struct {
	ID, Caller string
	// Campaign is the campaign that the message is a part of; empty without one.
	Campaign string
	Now      time.Time
	// RequestedAt is when the request was made, if that is before Now, as with events that had to wait: lifetimes count from it.
	RequestedAt time.Time
	// Untrusted narrows the request down to what an untrusted caller may ask for; nil for a trusted one.
	Untrusted *Untrusted
	// Ads is what the stack says about advertising.
	Ads Ads
}

// Untrusted is what protects against a stolen token and SMS pumping: few recipients, mobile phones only, and nothing that
// goes out long after the token has been taken away.
type Untrusted struct {
	MaxRecipients int
	// MaxSchedule bounds SendAt, from now on.
	MaxSchedule time.Duration
}

// Accept makes a message of a request and fills the defaults in, or says everything that is wrong with it.
func Accept(r Request, a Acceptance) (Message, []ValidationError) {
	c := checker{decoder: decoder{problems: slices.Clone(r.problems)}, request: r, acceptance: a, misshapen: Covered(r.problems)}
	m := Message{
		ID: a.ID, Caller: a.Caller, Campaign: a.Campaign, Channel: r.Channel, Template: r.Template, Text: r.Text, Title: r.Title,
		Recipients: r.Recipients, SendAt: r.SendAt, Echo: r.Echo, CreatedAt: a.Now.UTC().Truncate(time.Millisecond), Guarded: true,
		Untrusted: a.Untrusted != nil,
	}
	if m.Channel == "" {
		m.Channel = AlimTalk
	}
	m.SendAt, m.ExpiresAt = c.times()
	if !c.misshapen.Has("/channel") {
		m.Fallback = c.fallback(m)
		c.channel(m)
	}
	c.purpose(m)
	if r.Purpose == Ad {
		m.Purpose, m.NightConsent = Ad, r.NightConsent
		m.Text = Text(c.acceptance.Ads.frame(string(m.Text)))
		if m.Title != "" {
			m.Title = Text(frameTitle(string(m.Title)))
		}
	}
	c.recipients()
	if len(c.problems) > 0 {
		return Message{}, c.problems
	}
	m.Fingerprint = r.Fingerprint()
	return m, nil
}

// Fingerprint hashes the request in a form that does not depend on how it was written: white space, the order of
// members, escapes, hyphens in numbers, time zones.
func (r Request) Fingerprint() string {
	h := sha256.New()
	// Neither a hash nor these types can fail.
	_ = json.NewEncoder(h).Encode(r)
	return hex.EncodeToString(h.Sum(nil))
}

// checker finds what is wrong across members. What the decoder has already complained about it leaves alone.
type checker struct {
	decoder
	request    Request
	acceptance Acceptance
	misshapen  Coverage
}

func (c *checker) add(pointer, format string, args ...any) {
	if !c.misshapen.Has(pointer) {
		c.decoder.add(pointer, format, args...)
	}
}

// about adds a problem with what the pointer about leads to, which is not to be told.
func (c *checker) about(about, pointer, format string, args ...any) {
	if !c.misshapen.Has(about) {
		c.decoder.about(about, pointer, format, args...)
	}
}

// purpose checks what goes with advertising. AlimTalk must not advertise, whatever its template says:
// https://kakaobusiness.gitbook.io/main/ad/infotalk
func (c *checker) purpose(m Message) {
	switch {
	case c.misshapen.Has("/purpose"):
	case c.request.Purpose != Ad:
		if c.request.NightConsent {
			c.add("/nightConsent", "is for purpose ad only: nothing else waits for the morning")
		}
	case m.Channel != SMS:
		c.add("/purpose", "ad is for channel sms only: an AlimTalk must not advertise")
	case !c.acceptance.Ads.enabled():
		c.add("/purpose", "this stack does no advertising: ads:senderName, ads:contact and ads:refusal are not set")
	}
}

// times says when to send, if that is not now, and when to stop. Advertising that would go out at night waits for the morning.
func (c *checker) times() (sendAt, expiresAt time.Time) {
	r, now := c.request, c.acceptance.Now
	// Whose clock is wrong shows when both are told, and that of a local system may run ahead.
	it := " (it is " + now.UTC().Format(time.RFC3339) + ")"
	start := now
	if at := c.acceptance.RequestedAt; !at.IsZero() && at.Before(now) {
		start = at
	}
	if r.SendAt.After(now.Add(MaxSchedule)) {
		c.add("/sendAt", "is more than 90 days ahead%s", it)
	} else if u := c.acceptance.Untrusted; u != nil && r.SendAt.After(now.Add(u.MaxSchedule)) {
		c.add("/sendAt", "is more than %v hours ahead, the most that this caller may ask for%s", u.MaxSchedule.Hours(), it)
	}
	sendAt = r.SendAt
	if !sendAt.IsZero() {
		start = sendAt
	}
	night := Message{Purpose: r.Purpose, NightConsent: r.NightConsent}
	if due := latest(now, sendAt); r.Purpose == Ad && c.acceptance.Ads.enabled() {
		if from := night.NotBefore(due, c.acceptance.Ads.Until); from.After(due) {
			sendAt, start = from, from
			if !r.ExpiresAt.IsZero() && r.ExpiresAt.After(now) && !r.ExpiresAt.After(from) {
				c.add("/expiresAt", "is before %s, and advertising must not arrive at night without nightConsent", from.Format(time.RFC3339))
				return sendAt, r.ExpiresAt
			}
		}
	}
	expiresAt = start.Add(defaultLifetime).UTC().Truncate(time.Millisecond)
	at := "/sendAt"
	if !r.ExpiresAt.IsZero() {
		expiresAt, at = r.ExpiresAt, "/expiresAt"
	} else if r.SendAt.IsZero() {
		at = ""
	}
	switch {
	case !expiresAt.After(now) && at == "/sendAt":
		c.add(at, "is more than 24 hours ago%s: the message has expired", it)
	case !expiresAt.After(now) && at == "":
		c.add(at, "the message was asked for more than 24 hours ago%s: it has expired", it)
	case !expiresAt.After(now):
		c.add(at, "is over%s", it)
	case !expiresAt.After(start):
		c.add(at, "must be after sendAt")
	case expiresAt.After(start.Add(maxLifetime)):
		c.add(at, "is more than 7 days after the message is to be sent")
	}
	return sendAt, expiresAt
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (c *checker) fallback(m Message) Fallback {
	f := Fallback{Enabled: m.Channel == AlimTalk, After: Duration(defaultAfter), OnUnknown: LeaveUnknown}
	r := c.request.Fallback
	if r == nil {
		return f
	}
	if m.Channel == SMS {
		c.add("/fallback", "is for alimtalk only: nothing comes after sms")
		return f
	}
	if r.Enabled != nil {
		f.Enabled = *r.Enabled
	}
	f.Text, f.Title = r.Text, r.Title
	if r.After != nil {
		f.After = *r.After
	}
	if r.OnUnknown != "" {
		f.OnUnknown = r.OnUnknown
	}
	if !f.Enabled {
		const off = "makes no sense while fallback.enabled is false"
		if f.Text != "" {
			c.add("/fallback/text", off)
		}
		if f.Title != "" {
			c.add("/fallback/title", off)
		}
		if f.OnUnknown == SMSUnknown {
			c.add("/fallback/onUnknown", off)
		}
		return f
	}
	start := c.acceptance.Now
	if m.SendAt.After(start) {
		start = m.SendAt
	}
	if f.OnUnknown == SMSUnknown && !m.ExpiresAt.After(start.Add(time.Duration(f.After))) {
		c.add("/fallback/after", "is longer than the message lives, so that onUnknown could never send an SMS")
	}
	if f.Text != "" {
		c.text("/fallback/text", string(f.Text))
	}
	if f.Title != "" {
		c.title("/fallback/title", string(f.Title))
	}
	return f
}

func (c *checker) channel(m Message) {
	if m.Channel == AlimTalk {
		if m.Template == "" {
			c.add("/template", "is missing: an AlimTalk is made from an approved template")
		}
		const only = "is for channel sms only: an AlimTalk is made from its template; see fallback.%s for the SMS that may follow it"
		if m.Text != "" {
			c.add("/text", only, "text")
		}
		if m.Title != "" {
			c.add("/title", only, "title")
		}
		return
	}
	if m.Template != "" {
		c.add("/template", "is for channel alimtalk only")
	}
	if m.Text == "" {
		c.add("/text", "is missing: an SMS needs a text")
	} else {
		c.text("/text", string(m.Text))
	}
	if m.Title != "" {
		c.title("/title", string(m.Title))
		if c.request.Purpose == Ad {
			c.framed("/title", string(m.Title))
		}
	}
}

func (c *checker) recipients() {
	list := c.request.Recipients
	if len(list) == 0 {
		c.add("/recipients", "is missing")
	}
	untrusted := c.acceptance.Untrusted
	if untrusted != nil && len(list) > untrusted.MaxRecipients {
		c.add("/recipients", "has %d recipients; this caller may send to at most %d in a message", len(list), untrusted.MaxRecipients)
	}
	first := make(map[Phone]int, len(list))
	for i, r := range list {
		at := recipientPointer(i, "to")
		if r.To == "" {
			continue
		}
		if j, duplicate := first[r.To]; duplicate {
			c.add(at, "is the same number as %s", recipientPointer(j, "to"))
			continue
		}
		first[r.To] = i
		if untrusted != nil && !r.To.Mobile() {
			c.add(at, "is not a mobile number; this caller may send to no others")
		}
	}
}

// text checks a text that goes out as SMS, with each recipient's values put in.
func (c *checker) text(pointer, text string) {
	names := Placeholders(text)
	fine := !c.misshapen.Has("/recipients")
	wrong := func(at, format string, args ...any) {
		fine = false
		c.add(at, format, args...)
	}
	if bad := Unsendable(text); len(bad) > 0 {
		wrong(pointer, "%s%s", UnencodableDetail(bad), wayOut(pointer))
	}
	if strings.Count(text, "#{") != len(placeholder.FindAllString(text, -1)) {
		wrong(pointer, "has a #{ that does not begin a placeholder such as #{%s}", NamePlaceholder)
	}
	if strings.TrimSpace(SMSText(text)) == "" {
		wrong(pointer, "is blank")
	}
	framed, with := func(text string) string { return text }, ""
	if c.request.Purpose == Ad && pointer == "/text" {
		framed, with = c.acceptance.Ads.frame, " with what the law puts around it"
		fine = c.framed(pointer, text) && fine
	}
	if len(names) == 0 {
		if n, many := lmsBytes(framed(text)); n > MaxLMS {
			wrong(pointer, "has %s bytes in CP949%s; an LMS has at most %d", many, with, MaxLMS)
		}
		return
	}
	for i, r := range c.request.Recipients {
		values := r.Values()
		fine := fine
		var missing []string
		for n, name := range names {
			value, given := values[name]
			at := r.ValuePointer(i, name)
			switch {
			case !given && !c.misshapen.Has(at):
				missing = append(missing, told(n, name))
				fallthrough
			case !given:
				fine = false
				continue
			}
			bad := Unsendable(value)
			switch {
			case len(bad) == 0:
				continue
			case name == NamePlaceholder:
				c.add(at, "%s%s", UnencodableDetail(bad), wayOut(pointer))
			default:
				c.about(at, recipientPointer(i, "variables"), "%s of %s: %s%s", told(n, name), pointer, UnencodableDetail(bad),
					wayOut(pointer))
			}
			fine = false
		}
		if len(missing) > 0 {
			// One error a recipient, however many are missing.
			c.problems = append(c.problems, ValidationError{
				Pointer: recipientPointer(i, "variables"), Detail: missingDetail(pointer, missing), beside: true,
			})
		}
		if !fine {
			continue
		}
		filled, err := Fill(text, values)
		if err != nil {
			continue
		}
		if n, many := lmsBytes(framed(filled)); n > MaxLMS {
			c.add(recipientPointer(i, "variables"), "make %s %s bytes long in CP949%s; an LMS has at most %d", pointer, many, with, MaxLMS)
		}
		if with != "" {
			c.framed(recipientPointer(i, "variables"), filled)
		}
		if strings.TrimSpace(SMSText(filled)) == "" {
			c.add(recipientPointer(i, "variables"), "leave %s blank", pointer)
		}
	}
}

// framed refuses a text of advertising that brings a frame of its own, and says whether it is fine.
func (c *checker) framed(pointer, text string) bool {
	before := len(c.problems)
	if secondMark(text) {
		c.add(pointer, "has a mark of advertising of its own: "+adMark+" is put in front")
	}
	if secondRefusal(text) {
		c.add(pointer, "has a way to refuse of its own: that of ads:refusal is put at the end")
	}
	return len(c.problems) == before
}

// wayOut says what to do about a character that the SMS after an AlimTalk cannot carry.
func wayOut(pointer string) string {
	if strings.HasPrefix(pointer, "/fallback/") {
		return "; without it, or with fallback.enabled false, the message can be sent"
	}
	return ""
}

// told is how a placeholder of a caller's text is told of: its name may be anything.
func told(n int, name string) string {
	if name == NamePlaceholder {
		return "#{" + NamePlaceholder + "}"
	}
	return "placeholder " + strconv.Itoa(n+1)
}

// missingDetail says which placeholders of a text have no value, if they are not too many.
func missingDetail(pointer string, missing []string) string {
	const few = 5
	rest := ""
	if n := len(missing); n > few {
		missing, rest = missing[:few], fmt.Sprintf(" and %d more", n-few)
	}
	return "have no value for " + strings.Join(missing, ", ") + rest + " of " + pointer
}

// lmsBytes counts a text's bytes in CP949, in figures for people, too. No character has less than one, and of a text that
// is far too long no more needs to be known: a request can make hundreds of them.
func lmsBytes(text string) (n int, figures string) {
	if n = utf8.RuneCountInString(text); n > MaxLMS {
		return n, "more than " + strconv.Itoa(n)
	}
	n = SMSBytes(SMSText(text))
	return n, strconv.Itoa(n)
}

// title checks the title of an LMS, which is one for all recipients.
func (c *checker) title(pointer, title string) {
	if bad := Unsendable(title); len(bad) > 0 {
		c.add(pointer, "%s%s", UnencodableDetail(bad), wayOut(pointer))
		return
	}
	if c.request.Purpose == Ad && pointer == "/title" {
		title = frameTitle(title)
	}
	if n := SMSBytes(SMSText(title)); n > maxTitleBytes {
		c.add(pointer, "has %d bytes in CP949; a title has at most %d", n, maxTitleBytes)
	}
	if strings.Contains(title, "#{") {
		c.add(pointer, "cannot have placeholders: it is the same for all recipients")
	}
}

func recipientPointer(i int, tokens ...string) string {
	return Pointer("/recipients/"+strconv.Itoa(i), tokens...)
}

// ValuePointer points to where the value of a placeholder of recipient i was written.
func (r Recipient) ValuePointer(i int, name string) string {
	if _, given := r.Variables[name]; !given && name == NamePlaceholder && r.Name != "" {
		return recipientPointer(i, "name")
	}
	return recipientPointer(i, "variables", name)
}
