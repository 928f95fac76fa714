package message_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/message"
)

func TestDecodeOptOut(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, body string
		event      bool
		want       message.OptOut
		wrong      []string
	}{
		{name: "everything", body: `{"at":"2026-12-01T09:00:00.1239+09:00","via":"080"}`,
			want: message.OptOut{At: at.Add(123 * time.Millisecond), Via: "080"}},
		{name: "nothing", body: `null`},
		{name: "what is null or empty", body: `{"at":null,"via":""}`},
		{name: "small letters", body: "\ufeff" + `{"at":"2026-12-01t00:00:00z"}`, want: message.OptOut{At: at}},
		{name: "a leap second", body: `{"at":"2016-12-31T23:59:60.5Z"}`,
			want: message.OptOut{At: time.Date(2017, 1, 1, 0, 0, 0, 500_000_000, time.UTC)}},
		{name: "an event", event: true, body: `{"to":"\u202a010-1234-5678\u202c","by":"support","via":"service desk"}`,
			want: message.OptOut{To: "01012345678", Via: "service desk"}},

		{name: "an array", body: `[]`, wrong: []string{" must be an object, and is an array"}},
		{name: "a time and a text", body: `{"at":"2026-12-01T09:00:00","via":"a\u0000"}`, wrong: []string{
			"/at has no time zone; it needs one such as +09:00 or Z",
			"/via has a control character, or U+FFFD, which stands for something that was lost",
		}},
		{name: "a long text", body: `{"via":"` + strings.Repeat("가", 65) + `"}`,
			wrong: []string{"/via has 65 characters; at most 64 are allowed"}},
		{name: "a number", body: `{"via":"010-1234-5678 전화"}`, wrong: []string{"/via has a number in it: the list of opt-outs keeps none"}},
		{name: "a number in other digits", body: `{"via":"０１０ (1234) ٥٦٧٨"}`,
			wrong: []string{"/via has a number in it: the list of opt-outs keeps none"}},
		{name: "a month", body: `{"via":"the list of 2026-11"}`, want: message.OptOut{Via: "the list of 2026-11"}},
		{name: "twice", body: `{"via":"a","via":"b"}`, wrong: []string{"/via is there twice"}},
		{name: "another spelling, and a number", body: `{"VIA":"a","to":"01012345678"}`,
			wrong: []string{" has 2 members that are not known; there are at, via"}},
		{name: "an event of nobody", event: true, body: `{"TO":"010-1234-5678"}`, wrong: []string{"/to is missing"}},
		{name: "an event of null", event: true, body: `null`, wrong: []string{" must be an object, and is null"}},
		{name: "an event of two", event: true, body: `{"to":"010-1234-5678","to":"010-1234-5679"}`, wrong: []string{"/to is there twice"}},
		{name: "an event of a number", event: true, body: `{"to":1012345678}`, wrong: []string{"/to must be a string"}},
	} {
		decode := message.DecodeOptOut
		if c.event {
			decode = message.DecodeOptOutEvent
		}
		got, wrong, err := decode([]byte(c.body))
		if details := list(wrong); err != nil || !slices.Equal(details, c.wrong) {
			t.Errorf("%s: %v, %q, want %q", c.name, err, details, c.wrong)
		}
		if len(c.wrong) == 0 && got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
	var syntax *message.SyntaxError
	for _, body := range []string{``, `{`, "{\"via\":\"\xff\"}"} {
		if _, _, err := message.DecodeOptOut([]byte(body)); !errors.As(err, &syntax) {
			t.Errorf("%q: %v", body, err)
		}
	}
}
