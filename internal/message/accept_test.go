package message_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/message"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	m := accept(t, `{"template":"T","recipients":[{"to":"010-1234-5678"}]}`, acceptance())
	switch {
	case m.ID != "0193" || m.Caller != "jwt:someone":
		t.Errorf("id %q, caller %q", m.ID, m.Caller)
	case m.Channel != message.AlimTalk:
		t.Errorf("channel %q", m.Channel)
	case m.Fallback != message.Fallback{Enabled: true, After: message.Duration(5 * time.Minute), OnUnknown: message.LeaveUnknown}:
		t.Errorf("fallback %+v", m.Fallback)
	case !m.SendAt.IsZero() || !m.ExpiresAt.Equal(now.Truncate(time.Millisecond).Add(24*time.Hour)):
		t.Errorf("sendAt %v, expiresAt %v", m.SendAt, m.ExpiresAt)
	case !m.CreatedAt.Equal(now.Truncate(time.Millisecond)):
		t.Errorf("createdAt %v", m.CreatedAt)
	case m.Recipients[0].To != "01012345678":
		t.Errorf("recipient %q", string(m.Recipients[0].To))
	}
}

// The clock shows 2026-12-01T00:00:00Z.
func TestTimes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, times string
		requested   time.Time
		untrusted   bool   // a caller who may schedule a day ahead
		expiresAt   string // what the message has
		wrong       string
	}{
		{name: "sendAt moves expiresAt", times: `"sendAt":"2026-12-02T00:00:00Z"`, expiresAt: "2026-12-03T00:00:00Z"},
		{name: "a sendAt that is over means now", times: `"sendAt":"2026-11-30T12:00:00Z"`, expiresAt: "2026-12-01T12:00:00Z"},
		{name: "but not if it has expired", times: `"sendAt":"2026-11-30T00:00:00Z"`,
			wrong: "/sendAt is more than 24 hours ago (it is 2026-12-01T00:00:00Z): the message has expired"},
		{name: "90 days ahead", times: `"sendAt":"2027-03-01T00:00:00Z"`, expiresAt: "2027-03-02T00:00:00Z"},
		{name: "further ahead", times: `"sendAt":"2027-03-01T00:00:01Z"`,
			wrong: "/sendAt is more than 90 days ahead (it is 2026-12-01T00:00:00Z)"},
		{name: "a day ahead, for whom that is the most", untrusted: true, times: `"sendAt":"2026-12-02T00:00:00Z"`,
			expiresAt: "2026-12-03T00:00:00Z"},
		{name: "further ahead than this caller may", untrusted: true, times: `"sendAt":"2026-12-02T00:00:01Z"`,
			wrong: "/sendAt is more than 24 hours ahead, the most that this caller may ask for (it is 2026-12-01T00:00:00Z)"},
		{name: "further ahead than anybody may", untrusted: true, times: `"sendAt":"2027-12-02T00:00:00Z"`,
			wrong: "/sendAt is more than 90 days ahead (it is 2026-12-01T00:00:00Z)"},
		{name: "expired for whoever asks", untrusted: true, times: `"sendAt":"2026-11-01T00:00:00Z"`,
			wrong: "/sendAt is more than 24 hours ago (it is 2026-12-01T00:00:00Z): the message has expired"},
		{name: "expiresAt", times: `"expiresAt":"2026-12-01T00:01:00Z"`, expiresAt: "2026-12-01T00:01:00Z"},
		{name: "expiresAt is over", times: `"expiresAt":"2026-12-01T00:00:00Z"`, wrong: "/expiresAt is over (it is 2026-12-01T00:00:00Z)"},
		{name: "expiresAt at sendAt", times: `"sendAt":"2026-12-02T00:00:00Z","expiresAt":"2026-12-02T00:00:00Z"`,
			wrong: "/expiresAt must be after sendAt"},
		{name: "a week", times: `"expiresAt":"2026-12-08T00:00:00Z"`, expiresAt: "2026-12-08T00:00:00Z"},
		{name: "more than a week", times: `"expiresAt":"2026-12-08T00:00:01Z"`,
			wrong: "/expiresAt is more than 7 days after the message is to be sent"},
		{name: "a week from sendAt", times: `"sendAt":"2026-12-02T00:00:00Z","expiresAt":"2026-12-09T00:00:00Z"`,
			expiresAt: "2026-12-09T00:00:00Z"},
		{name: "an event counts from when it was made", times: `"reference":"r"`, requested: now.Add(-23 * time.Hour),
			expiresAt: "2026-12-01T01:00:00.123Z"},
		{name: "an old event has expired", times: `"reference":"r"`, requested: now.Add(-24 * time.Hour),
			wrong: " the message was asked for more than 24 hours ago (it is 2026-12-01T00:00:00Z): it has expired"},
		{name: "an event from the future counts from now", times: `"reference":"r"`, requested: now.Add(24 * time.Hour),
			expiresAt: "2026-12-02T00:00:00.123Z"},
		{name: "not RFC 3339", times: `"sendAt":"2026-12-01 09:00:00"`,
			wrong: "/sendAt must be an RFC 3339 time, such as 2026-12-01T09:00:00+09:00"},
		{name: "no time zone", times: `"sendAt":"2026-12-01T09:00:00"`, wrong: "/sendAt has no time zone; it needs one such as +09:00 or Z"},
		{name: "no such day", times: `"sendAt":"2026-02-30T09:00:00Z"`, wrong: "/sendAt is on a day that does not exist"},
		{name: "no such month", times: `"sendAt":"2026-13-01T09:00:00Z"`, wrong: "/sendAt is on a day that does not exist"},
		{name: "no such hour", times: `"sendAt":"2026-12-01T24:00:00Z"`, wrong: "/sendAt is at a time of day that does not exist"},
		{name: "no such second", times: `"sendAt":"2026-12-01T09:00:61Z"`, wrong: "/sendAt is at a time of day that does not exist"},
		{name: "no such zone", times: `"sendAt":"2026-12-01T09:00:00+24:00"`, wrong: "/sendAt has a time zone that does not exist"},
		{name: "small letters", times: `"expiresAt":"2026-12-02t09:00:00z"`, expiresAt: "2026-12-02T09:00:00Z"},
		{name: "not on any day", times: `"sendAt":"2026-12-03T08:59:60+09:00"`,
			wrong: "/sendAt has a leap second where there is none"},
		{name: "a leap second is the second after it", times: `"sendAt":"2027-01-01T08:59:60+09:00"`, expiresAt: "2027-01-02T00:00:00Z"},
		{name: "in the middle of a day there is none", times: `"sendAt":"2026-12-02T09:00:60Z"`,
			wrong: "/sendAt has a leap second where there is none"},
		{name: "the end of time", times: `"sendAt":"9999-12-31T23:59:59-09:00"`, wrong: "/sendAt is out of range"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := acceptance()
			a.RequestedAt = c.requested
			if c.untrusted {
				a.Untrusted = &message.Untrusted{MaxRecipients: 1, MaxSchedule: 24 * time.Hour}
			}
			body := `{"template":"T","recipients":[{"to":"01012345678"}],` + c.times + `}`
			if c.wrong != "" {
				if got := problems(t, body, a); !slices.Equal(got, []string{c.wrong}) {
					t.Errorf("got %q, want %q", got, c.wrong)
				}
				return
			}
			if got := accept(t, body, a).ExpiresAt.Format(time.RFC3339Nano); got != c.expiresAt {
				t.Errorf("expiresAt %s, want %s", got, c.expiresAt)
			}
		})
	}
}

func TestWhatMakesNoSenseTogether(t *testing.T) {
	t.Parallel()
	const to = `"recipients":[{"to":"01012345678"}]`
	for body, want := range map[string][]string{
		`{` + to + `}`: {"/template is missing: an AlimTalk is made from an approved template"},
		`{"template":"T","text":"t","title":"t",` + to + `}`: {
			"/text is for channel sms only: an AlimTalk is made from its template; see fallback.text for the SMS that may follow it",
			"/title is for channel sms only: an AlimTalk is made from its template; see fallback.title for the SMS that may follow it",
		},
		`{"channel":"sms",` + to + `}`: {"/text is missing: an SMS needs a text"},
		`{"channel":"sms","text":"t","template":"T","fallback":{},` + to + `}`: {
			"/fallback is for alimtalk only: nothing comes after sms", "/template is for channel alimtalk only",
		},
		`{"template":"T","fallback":{"enabled":false,"text":"t","title":"t","onUnknown":"sms"},` + to + `}`: {
			"/fallback/text makes no sense while fallback.enabled is false",
			"/fallback/title makes no sense while fallback.enabled is false",
			"/fallback/onUnknown makes no sense while fallback.enabled is false",
		},
		`{"template":"T","fallback":{"enabled":false,"after":"1m","onUnknown":"none"},` + to + `}`: {},
		`{"template":"T","fallback":{"onUnknown":"sms"},"expiresAt":"2026-12-01T00:05:00Z",` + to + `}`: {
			"/fallback/after is longer than the message lives, so that onUnknown could never send an SMS",
		},
		`{"template":"T","fallback":{"onUnknown":"sms","after":"4m"},"expiresAt":"2026-12-01T00:05:00Z",` + to + `}`: {},
		`{"template":"T","fallback":{"after":"1h"},"expiresAt":"2026-12-01T00:05:00Z",` + to + `}`:                   {},
	} {
		if got := problems(t, body, acceptance()); !slices.Equal(got, want) {
			t.Errorf("%s\ngot  %q\nwant %q", body, got, want)
		}
	}
}

func TestEveryCopyOfANumberIsAnError(t *testing.T) {
	t.Parallel()
	got := problems(t, `{"template":"T","recipients":[{"to":"010-1234-5678"},{"to":"+82 10 1234 `+
		`5678"},{"to":"01012345679"},{"to":"01012345678"}]}`, acceptance())
	want := []string{"/recipients/1/to is the same number as /recipients/0/to", "/recipients/3/to is the same number as /recipients/0/to"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The functions that send get a message as JSON, and hold an untrusted caller's values to its template once more.
func TestTrustTravelsInTheMessage(t *testing.T) {
	t.Parallel()
	for _, u := range []*message.Untrusted{nil, {MaxRecipients: 1}} {
		a := acceptance()
		a.Untrusted = u
		text, err := json.Marshal(accept(t, `{"template":"T","recipients":[{"to":"01012345678"}]}`, a))
		if err != nil {
			t.Fatal(err)
		}
		var m message.Message
		if err := json.Unmarshal(text, &m); err != nil || m.Untrusted != (u != nil) {
			t.Errorf("%+v: %v, %s", u, err, text)
		}
	}
}

func TestUntrustedCallersSendToFewMobilePhones(t *testing.T) {
	t.Parallel()
	body := `{"template":"T","recipients":[{"to":"01012345678"},{"to":"02-123-4567"},{"to":"0504-1234-5678"}]}`
	if got := problems(t, body, acceptance()); len(got) > 0 {
		t.Errorf("a trusted caller: %q", got)
	}
	a := acceptance()
	a.Untrusted = &message.Untrusted{MaxRecipients: 2}
	want := []string{
		"/recipients has 3 recipients; this caller may send to at most 2 in a message",
		"/recipients/1/to is not a mobile number; this caller may send to no others",
		"/recipients/2/to is not a mobile number; this caller may send to no others",
	}
	if got := problems(t, body, a); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTextsForSMS(t *testing.T) {
	t.Parallel()
	hangul := func(n int) string { return strings.Repeat("가", n) } // 2 bytes each
	for _, c := range []struct {
		name, text, title, variables string
		want                         []string
	}{
		{name: "the longest LMS", text: hangul(1000)},
		{name: "what has an equivalent", text: "1,000₩ – “é”\u00a0\u200b", title: "₩"},
		{name: "in a value", text: "#{a}", variables: `"variables":{"a":"café ☎\ufe0f"}`},
		{name: "what cannot be seen has no bytes", text: hangul(999) + "\u200b"},
		{name: "nothing that can be seen", text: "\u200b\u00a0", want: []string{"/text is blank"}},
		{name: "a byte more", text: hangul(1000) + "a", want: []string{"/text has 2001 bytes in CP949; an LMS has at most 2000"}},
		{name: "emoji", text: "축하😀 🎉", want: []string{`/text SMS cannot carry an emoji at character 3, an emoji at character 5`}},
		{name: "many emoji", text: "😀😀😀😀😀😀😀", want: []string{
			`/text SMS cannot carry an emoji at character 1, an emoji at character 2, an emoji at character 3, an emoji at character 4, ` +
				`an emoji at character 5 and 2 more`,
		}},
		{name: "blank", text: " \\n ", want: []string{"/text is blank"}},
		{name: "half a placeholder", text: "#{고객명 님", want: []string{"/text has a #{ that does not begin a placeholder such as #{고객명}"}},
		{name: "an empty placeholder", text: "#{}", want: []string{"/text has a #{ that does not begin a placeholder such as #{고객명}"}},
		{name: "the longest title", text: "t", title: hangul(22)},
		{name: "two bytes more", text: "t", title: hangul(23), want: []string{"/title has 46 bytes in CP949; a title has at most 44"}},
		{name: "emoji in the title", text: "t", title: "😀", want: []string{`/title SMS cannot carry an emoji at character 1`}},
		{name: "a placeholder in the title", text: "t", title: "#{고객명}",
			want: []string{"/title cannot have placeholders: it is the same for all recipients"}},
		{name: "a line break in the title", text: "t", title: "a\\nb",
			want: []string{"/title has a control character, or U+FFFD, which stands for something that was lost"}},
		{name: "filled", text: "#{고객명} #{a}", variables: `"name":"홍길동","variables":{"a":"1","more":"😀"}`},
		{name: "filled to the limit", text: "#{a}", variables: `"variables":{"a":"` + hangul(1000) + `"}`},
		{name: "filled beyond it", text: "#{a}!", variables: `"variables":{"a":"` + hangul(1000) + `"}`, want: []string{
			"/recipients/0/variables make /text 2001 bytes long in CP949; an LMS has at most 2000",
		}},
		{name: "filled far beyond it", text: strings.Repeat("#{a}", 3), variables: `"variables":{"a":"` + hangul(1000) + `"}`, want: []string{
			"/recipients/0/variables make /text more than 3000 bytes long in CP949; an LMS has at most 2000",
		}},
		{name: "filled with nothing", text: "#{a}", variables: `"variables":{"a":""}`,
			want: []string{"/recipients/0/variables leave /text blank"}},
		{name: "filled with emoji", text: "#{고객명} #{a}", variables: `"name":"😀","variables":{"a":"b😀"}`, want: []string{
			`/recipients/0/name SMS cannot carry an emoji at character 1`,
			`/recipients/0/variables placeholder 2 of /text: SMS cannot carry an emoji at character 2`,
		}},
		{name: "the variable before the name", text: "#{고객명}", variables: `"name":"홍길동","variables":{"고객명":"😀"}`, want: []string{
			`/recipients/0/variables/고객명 SMS cannot carry an emoji at character 1`,
		}},
		{name: "missing", text: "#{a/b} #{고객명} #{a/b}", want: []string{
			"/recipients/0/variables have no value for placeholder 1, #{고객명} of /text",
		}},
	} {
		for _, place := range []struct {
			name, open, end, pointer string
		}{
			{"sms", `{"channel":"sms",`, `,`, ""},
			{"fallback", `{"template":"T","fallback":{`, `},`, "/fallback"},
		} {
			t.Run(place.name+" "+c.name, func(t *testing.T) {
				t.Parallel()
				body := place.open + `"text":"` + c.text + `"`
				if c.title != "" {
					body += `,"title":"` + c.title + `"`
				}
				body += place.end + `"recipients":[{"to":"01012345678"`
				if c.variables != "" {
					body += "," + c.variables
				}
				got := problems(t, body+`}]}`, acceptance())
				want := make([]string, len(c.want))
				for i, w := range c.want {
					if strings.Contains(w, "SMS cannot carry") && place.pointer != "" {
						w += "; without it, or with fallback.enabled false, the message can be sent"
					}
					for _, member := range []string{"/text", "/title"} {
						w = strings.Replace(w, member, place.pointer+member, 1)
					}
					want[i] = w
				}
				if !slices.Equal(got, want) {
					t.Errorf("got  %q\nwant %q", got, want)
				}
			})
		}
	}
}

func TestEveryRecipientMustFillTheText(t *testing.T) {
	t.Parallel()
	got := problems(t, `{"channel":"sms","text":"#{a}","recipients":[{"to":"01012345678"},{"to":"01012345679","variables":{"a":"1"}},`+
		`{"to":"01012345670","variables":{"b":"1"}}]}`, acceptance())
	want := []string{"/recipients/0/variables have no value for placeholder 1 of /text",
		"/recipients/2/variables have no value for placeholder 1 of /text",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
