package handlers_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"sms-api/internal/aligo"
	"sms-api/internal/fault"
	"sms-api/internal/handlers"
	"sms-api/internal/message"
	"sms-api/internal/untrusted"
)

// approved is a list with one template.
type approved struct{ template aligo.Template }

func (a approved) Template(context.Context, string) (aligo.Template, error) { return a.template, nil }

func (a approved) Reviewed(context.Context, string) (aligo.Template, error) { return a.template, nil }

// The template may not have been at hand when the message was accepted: what its caller may not say does not leave. Messages
// that do not say whether their caller is trusted are from before, and leave as they were accepted.
func TestNothingLeavesThatAnUntrustedCallerMayNotSay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		untrusted bool
		value     string
		policy    untrusted.Policy
		refused   bool
	}{
		{true, "A-17", untrusted.Policy{}, false},
		{true, "evil.com", untrusted.Policy{}, true},
		{true, "evil.com", untrusted.Policy{Templates: map[string]untrusted.Rules{"TX_1": {"주문번호": {Address: true}}}}, false},
		{true, "A-17", untrusted.Policy{Templates: map[string]untrusted.Rules{"TX_1": {"주문번호": {Pattern: "B.*"}}}}, true},
		{false, "evil.com", untrusted.Policy{}, false},
	} {
		for _, channel := range []message.Channel{message.AlimTalk, message.SMS} {
			d := newDoubt(t, aligo.NotAccepted)
			m := &d.in.Message
			m.Channel, m.Text, m.Template, m.Untrusted = message.AlimTalk, "", "TX_1", c.untrusted
			m.Fallback.Enabled = true
			m.Recipients = []message.Recipient{{To: "01010005678", Variables: map[string]message.Text{"주문번호": message.Text(c.value)}}}
			d.in.Progress = message.Progress{Queue: &message.Queue{Channel: channel}}
			h := &handlers.Dispatch{
				Aligo: &slow{way: func() {}}, Guards: &closing{}, Now: noon, Log: slog.New(slog.DiscardHandler), Policy: c.policy,
				Templates: approved{aligo.Template{
					Code: "TX_1", Content: "주문 #{주문번호}", InspStatus: aligo.InspApproved, Status: aligo.StatusNormal,
				}},
			}
			send := h.SendAlimTalk
			if channel == message.SMS {
				send = h.SendSMS
			}
			_, err := send(t.Context(), d.in)
			var invalid *fault.Invalid
			if errors.As(err, &invalid) != c.refused || !c.refused && err != nil || err != nil && strings.Contains(err.Error(), "evil") {
				t.Errorf("%s of %+v: %v", channel, c, err)
			}
		}
	}
}
