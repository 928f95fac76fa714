package handlers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sms-api/internal/aligo"
	"sms-api/internal/message"
)

// A draft is what one recipient is going to get, or why it cannot be written.
type draft struct {
	recipient int
	alimTalk  aligo.Rendered
	sms       string
	err       error
}

// text is what the recipient is going to get through the channel.
func (d draft) text(c message.Channel) string {
	if c == message.AlimTalk {
		return d.alimTalk.Text
	}
	return d.sms
}

// alimTalkDrafts renders the template for the recipients. The error is the template's own: not there, not approved, or
// the list cannot be read.
func (d *Dispatch) alimTalkDrafts(ctx context.Context, m message.Message, who []int) ([]draft, error) {
	t, err := d.Templates.Template(ctx, m.Template)
	if err != nil {
		return nil, err
	}
	return d.rendered(m, who, t), nil
}

// rendered fills a template in for the recipients.
func (d *Dispatch) rendered(m message.Message, who []int, t aligo.Template) []draft {
	renderer, drafts := aligo.NewRenderer(t), make([]draft, len(who))
	if m.Untrusted {
		// The template may not have been at hand at the door.
		renderer = aligo.NewUntrustedRenderer(t, d.Policy.Templates[m.Template])
	}
	for n, i := range who {
		drafts[n].recipient = i
		drafts[n].alimTalk, drafts[n].err = renderer.Render(m.Recipients[i].Values())
	}
	return drafts
}

// style is how the text of an SMS is written and measured.
type style struct {
	write func(text string) string
	bytes func(text string) int
}

// today is how SMS are written and sent.
func today() style { return style{message.SMSText, message.SMSBytes} }

// version010 is how version 0.1.0 did it: a line break was one byte, and a text with a character that CP949 lacks was
// not sent. Which of the recipients a call of that version was for follows from it.
func version010() style {
	oneByte := strings.NewReplacer("\n", " ", "\r", " ")
	return style{
		write: func(text string) string { return text },
		bytes: func(text string) int { return message.SMSBytes(oneByte.Replace(text)) },
	}
}

// smsDrafts writes the SMS texts: those of channel sms, the fallback's own, or else the AlimTalk text with the addresses
// behind its buttons, which an SMS cannot show as buttons.
func (d *Dispatch) smsDrafts(ctx context.Context, m message.Message, who []int, s style) ([]draft, error) {
	text := m.Fallback.Text
	if m.Channel == message.SMS {
		text = m.Text
	}
	var drafts []draft
	if text == "" {
		// Whoever gets no AlimTalk because the template was stopped since the message was accepted gets its text all the same.
		t, err := d.Templates.Reviewed(ctx, m.Template)
		if err != nil {
			return nil, err
		}
		drafts = d.rendered(m, who, t)
		for n := range drafts {
			drafts[n].sms = aligo.FallbackText(drafts[n].alimTalk)
		}
	} else {
		drafts = make([]draft, len(who))
		for n, i := range who {
			drafts[n].recipient = i
			drafts[n].sms, drafts[n].err = message.Fill(string(text), m.Recipients[i].Values())
		}
	}
	for n := range drafts {
		if drafts[n].err == nil {
			drafts[n].sms = s.write(drafts[n].sms)
			drafts[n].err = s.check(drafts[n].sms)
		}
	}
	return drafts, nil
}

func (s style) check(text string) error {
	if strings.TrimSpace(text) == "" {
		return errors.New("the text is empty")
	}
	if bad := message.Unencodable(text); len(bad) > 0 {
		return errors.New(message.UnencodableDetail(bad))
	}
	if n := s.bytes(text); n > message.MaxLMS {
		return fmt.Errorf("the text has %d bytes, an LMS holds %d", n, message.MaxLMS)
	}
	return nil
}

// next picks the drafts of the next call: Aligo takes one type a call, and a short message should not wait for a long
// one. The choice depends on nothing but the message and the queue, so that after a crash it comes out the same.
func (s style) next(drafts []draft) (aligo.SMSType, []draft) {
	var short, long []draft
	for _, one := range drafts {
		switch {
		case one.err != nil:
		case s.bytes(one.sms) <= message.MaxSMS:
			short = append(short, one)
		default:
			long = append(long, one)
		}
	}
	if len(short) > 0 {
		return aligo.TypeSMS, short
	}
	return aligo.TypeLMS, long
}

// title is the subject of an LMS; empty lets Aligo take the beginning of the text.
func title(m message.Message) string {
	if m.Channel == message.SMS {
		return message.SMSText(string(m.Title))
	}
	return message.SMSText(string(m.Fallback.Title))
}

func recipients(drafts []draft) []int {
	who := make([]int, len(drafts))
	for n, one := range drafts {
		who[n] = one.recipient
	}
	return who
}

// split separates the drafts that can be sent from the rest.
func split(drafts []draft) (good, bad []draft) {
	for _, one := range drafts {
		if one.err == nil {
			good = append(good, one)
		} else {
			bad = append(bad, one)
		}
	}
	return good, bad
}
