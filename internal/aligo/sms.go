package aligo

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sms-api/internal/message"
)

// Limits of the SMS API, in bytes as message.SMSBytes counts them.
const (
	// MaxSMSReceivers is how many numbers one text goes to in a call of SendSMS.
	MaxSMSReceivers = 1000
	// MaxMassMessages is how many messages a call of SendMassSMS takes.
	MaxMassMessages = 500
	// MaxSMSBytes is the length of an SMS.
	MaxSMSBytes = 90
	// MaxLMSBytes is the length of an LMS or MMS.
	MaxLMSBytes = 2000
	// MaxTitleBytes is the length of the title of an LMS or MMS.
	MaxTitleBytes = 44
	// MaxImages is how many pictures an MMS has.
	MaxImages = 3
)

// SMSType is what a text is sent and charged as.
type SMSType string

// The types of messages of the SMS API.
const (
	// TypeSMS is a short text of up to 90 bytes.
	TypeSMS SMSType = "SMS"
	// TypeLMS is a long text of up to 2,000 bytes with a title.
	TypeLMS SMSType = "LMS"
	// TypeMMS is an LMS with one to three pictures.
	TypeMMS SMSType = "MMS"
)

// SMS is one text for up to 1,000 receivers.
type SMS struct {
	unlogged

	// Type is required: left to itself the vendor may count a text otherwise than expected, and charge an LMS.
	Type SMSType
	// To are the receivers' numbers in digits, each once.
	To []string
	// Names fill the vendor's only placeholder, %고객명%, one for each of To. Empty leaves the text as it is.
	Names []string
	Text  string
	SMSOptions
}

// SMSOptions are what the sends of one text and of many have in common.
type SMSOptions struct {
	unlogged

	// Title is for LMS and MMS; empty means the beginning of the text.
	Title string
	// Images are the pictures of an MMS: one to three, JPEG, PNG or GIF, 300 KB each.
	Images []Image
	// ReserveAt is when the message goes out, at least ten minutes ahead, in whole minutes (rounded up); zero is now.
	ReserveAt time.Time
	// TestMode makes the vendor accept and list the message without sending or charging it.
	TestMode bool
	// ReplaceUnencodable sends a text with characters that CP949 does not have, each of which becomes "?" on the phone.
	// Without it such a text is refused.
	ReplaceUnencodable bool
	Guard              Guard
}

// MassSMS are up to 500 messages of one type, each with its own text.
type MassSMS struct {
	unlogged

	Type     SMSType
	Messages []MassMessage
	SMSOptions
}

// MassMessage is one message of a MassSMS.
type MassMessage struct {
	unlogged

	// To is the receiver's number in digits.
	To   string
	Text string
}

// Accepted is the vendor's answer to a send. It says nothing about delivery.
type Accepted struct {
	// MID identifies the call; receipts are asked for with it. It is empty when no recipient was accepted.
	MID string
	// Accepted and Refused count recipients. Where the vendor does not tell, everybody counts as accepted.
	Accepted, Refused int
	// Type is what was sent: SMS, LMS, MMS or AT.
	Type string
	// Account is the one that the call was made with: its receipts and its history are in no other's. It is there beside an
	// error, too, if the call got as far as having credentials.
	Account Account
}

// SendSMS calls POST /send/: one text to up to 1,000 receivers.
//
// https://smartsms.aligo.in/admin/api/spec.html
func (c *Client) SendSMS(ctx context.Context, s SMS) (Accepted, error) {
	ep := endpoint{path: "/send/"}
	var p problems
	checkReceivers(&p, s.To, MaxSMSReceivers, func(i int) string { return indexed("To", i) })
	s.checkNames(&p)
	c.checkSMS(&p, s.Type, s.SMSOptions)
	checkText(&p, "Text", s.Type, s.Text, s.ReplaceUnencodable)
	if err := p.err(ep); err != nil {
		return Accepted{}, err
	}
	return c.sendSMS(ctx, ep, s.Guard, len(s.To), func(f *form) {
		f.add("receiver", strings.Join(s.To, ","))
		f.masked = append(f.masked, s.To...)
		if len(s.Names) > 0 {
			pairs := make([]string, len(s.To))
			for i, to := range s.To {
				pairs[i] = to + "|" + s.Names[i]
			}
			f.add("destination", strings.Join(pairs, ","))
			f.masked = append(f.masked, s.Names...)
		}
		f.hide("msg", s.Text)
		f.add("msg_type", string(s.Type))
		f.addSMSOptions(s.SMSOptions)
	})
}

// SendMassSMS calls POST /send_mass/: up to 500 messages, each with a text of its own, as one batch with one id.
//
// https://smartsms.aligo.in/admin/api/spec.html
func (c *Client) SendMassSMS(ctx context.Context, m MassSMS) (Accepted, error) {
	ep := endpoint{path: "/send_mass/"}
	var p problems
	numbers := make([]string, len(m.Messages))
	for i, one := range m.Messages {
		numbers[i] = one.To
	}
	checkReceivers(&p, numbers, MaxMassMessages, func(i int) string { return indexed("Messages", i) + ".To" })
	c.checkSMS(&p, m.Type, m.SMSOptions)
	for i, one := range m.Messages {
		checkText(&p, indexed("Messages", i)+".Text", m.Type, one.Text, m.ReplaceUnencodable)
	}
	if err := p.err(ep); err != nil {
		return Accepted{}, err
	}
	return c.sendSMS(ctx, ep, m.Guard, len(m.Messages), func(f *form) {
		f.addInt("cnt", len(m.Messages))
		f.add("msg_type", string(m.Type))
		f.addSMSOptions(m.SMSOptions)
		for i, one := range m.Messages {
			n := strconv.Itoa(i + 1)
			f.hide("rec_"+n, one.To)
			f.hide("msg_"+n, one.Text)
		}
	})
}

// sendSMS makes the call and reads what both sends answer.
func (c *Client) sendSMS(
	ctx context.Context, ep endpoint, guard Guard, receivers int, fill func(*form),
) (Accepted, error) {
	var answer struct {
		MsgID        scalar `json:"msg_id"`
		SuccessCount scalar `json:"success_cnt"`
		ErrorCount   scalar `json:"error_cnt"`
		MsgType      scalar `json:"msg_type"`
	}
	build := func(creds Credentials) *form {
		f := smsForm(creds)
		f.needsSender = true
		f.hide("sender", creds.Sender)
		fill(f)
		return f
	}
	how, err := c.make(ctx, call{endpoint: ep, build: build, answer: &answer, guard: guard})
	if err != nil {
		return Accepted{Account: how.account}, err
	}
	return accepted(ep, how.account, receivers, answer.MsgID, answer.SuccessCount, answer.ErrorCount, answer.MsgType)
}

// accepted reads the counts of a send. A success without an id leaves nothing to ask receipts with, except when the
// vendor says that it accepted nobody; then the history has to tell which id it was.
func accepted(ep endpoint, account Account, receivers int, mid, ok, bad, kind scalar) (Accepted, error) {
	a := Accepted{MID: mid.id(), Accepted: max(0, ok.int()), Refused: max(0, bad.int()), Type: string(kind), Account: account}
	if a.Accepted == 0 && a.Refused == 0 {
		a.Accepted = receivers
	}
	if a.MID == "" && a.Accepted > 0 {
		return Accepted{Account: account}, &Error{
			Class: ClassAmbiguous, Endpoint: ep.path, Status: 200, Message: "success without a message id",
		}
	}
	return a, nil
}

// addSMSOptions adds what both sends have in common.
func (f *form) addSMSOptions(o SMSOptions) {
	f.hideSet("title", o.Title)
	if !o.ReserveAt.IsZero() {
		at := ceil(o.ReserveAt, time.Minute).In(kst)
		f.add("rdate", at.Format("20060102"))
		f.add("rtime", at.Format("1504"))
	}
	if o.TestMode {
		f.add("testmode_yn", "Y")
	}
	for i, image := range o.Images {
		f.files = append(f.files, formFile{name: fmt.Sprintf("image%d", i+1), image: image})
	}
}

func (s SMS) checkNames(p *problems) {
	if len(s.Names) > 0 && len(s.Names) != len(s.To) {
		p.add("Names", "has %d names for %d receivers", len(s.Names), len(s.To))
	}
	for i, name := range s.Names {
		if name == "" || strings.ContainsAny(name, ",|") {
			p.add(fmt.Sprintf("Names[%d]", i), "must be a name without comma and vertical bar")
		}
	}
}

// checkSMS checks what both sends have in common.
func (c *Client) checkSMS(p *problems, kind SMSType, o SMSOptions) {
	switch kind {
	case TypeSMS, TypeLMS, TypeMMS:
	default:
		p.add("Type", "must be SMS, LMS or MMS")
	}
	if o.Title != "" && kind == TypeSMS {
		p.add("Title", "an SMS has no title")
	}
	if n := message.SMSBytes(o.Title); n > MaxTitleBytes {
		p.add("Title", "has %d bytes, the limit is %d", n, MaxTitleBytes)
	}
	switch {
	case kind == TypeMMS && (len(o.Images) == 0 || len(o.Images) > MaxImages):
		p.add("Images", "has %d pictures, an MMS has 1 to %d", len(o.Images), MaxImages)
	case kind != TypeMMS && len(o.Images) > 0:
		p.add("Images", "only an MMS has pictures")
	}
	for i, image := range o.Images {
		image.check(p, fmt.Sprintf("Images[%d]", i), "image/jpeg", "image/png", "image/gif")
	}
	checkReservation(p, o.ReserveAt, c.now(), time.Minute)
}

// checkText finds out whether a text is too long for its type, and which characters would not arrive.
func checkText(p *problems, field string, kind SMSType, text string, replace bool) {
	limit := MaxLMSBytes
	if kind == TypeSMS {
		limit = MaxSMSBytes
	}
	switch n := message.SMSBytes(text); {
	case strings.TrimSpace(text) == "":
		p.add(field, "is empty")
	case n > limit:
		p.add(field, "has %d bytes, the limit is %d", n, limit)
	}
	if replace {
		return
	}
	for _, bad := range message.Unencodable(text) {
		p.add(field, "character %d (%U) cannot be shown by phones in Korea and would arrive as a question mark", bad.Index+1, bad.Rune)
	}
}
