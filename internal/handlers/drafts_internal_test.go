package handlers

import (
	"slices"
	"strings"
	"testing"

	"sms-api/internal/aligo"
	"sms-api/internal/message"
)

// Carriers count one byte or two for a line break. What would be an SMS by the one and not by the other is an LMS.
func TestWhatMayBeTooLongForAnSMSIsAnLMS(t *testing.T) {
	t.Parallel()
	drafts := []draft{
		{recipient: 0, sms: strings.Repeat("가", 44) + "\n"},                 // 90 bytes
		{recipient: 1, sms: strings.Repeat("가", 44) + "\na"},                // 91, or 90
		{recipient: 2, sms: strings.Repeat("가", 43) + "\r\nab"},             // 90
		{recipient: 3, sms: strings.Repeat("가", 45) + "a"},                  // 91
		{recipient: 4, sms: strings.Repeat(strings.Repeat("가", 9)+"\n", 5)}, // 100, or 95
	}
	kind, call := today().next(drafts)
	if kind != aligo.TypeSMS || !slices.Equal(recipients(call), []int{0, 2}) {
		t.Errorf("the first call is %s for %v", kind, recipients(call))
	}
	kind, call = today().next([]draft{drafts[1], drafts[3], drafts[4]})
	if kind != aligo.TypeLMS || !slices.Equal(recipients(call), []int{1, 3, 4}) {
		t.Errorf("the second call is %s for %v", kind, recipients(call))
	}
	// A call of version 0.1.0 whose answer was lost is looked for with the recipients that it had.
	kind, call = version010().next(drafts)
	if kind != aligo.TypeSMS || !slices.Equal(recipients(call), []int{0, 1, 2}) {
		t.Errorf("version 0.1.0 made a call as %s for %v", kind, recipients(call))
	}
}

// The text is replaced where it is made, so that what is sent is what is looked for; an AlimTalk keeps its Unicode.
func TestSMSHasEquivalentsOfWhatCarriersLack(t *testing.T) {
	t.Parallel()
	m := message.Message{
		Channel: message.SMS, Text: "1,000₩ – #{고객명}", Title: "₩",
		Recipients: []message.Recipient{{To: "01012345678", Name: "José"}, {To: "01012345679", Name: "😀"}},
	}
	var d Dispatch
	drafts, err := d.smsDrafts(t.Context(), m, []int{0, 1}, today())
	if err != nil || drafts[0].err != nil || drafts[0].text(message.SMS) != "1,000￦ - Jose" || title(m) != "￦" || drafts[1].err == nil {
		t.Errorf("drafts %+v, title %q, %v", drafts, title(m), err)
	}
	// Version 0.1.0 could not send that.
	if drafts, err = d.smsDrafts(t.Context(), m, []int{0}, version010()); err != nil || drafts[0].err == nil {
		t.Errorf("version 0.1.0 would have sent %+v, %v", drafts, err)
	}
}

func TestAnLMSIsBoundedByEitherCount(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("가", 999) + "\n"
	if err := today().check(long); err != nil {
		t.Errorf("2,000 bytes: %v", err)
	}
	if err := today().check(long + "a"); err == nil {
		t.Error("2,001 bytes, of which a line break is two, are taken")
	}
}
