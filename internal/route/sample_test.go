package route_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sms-api/internal/message"
	"sms-api/internal/route"
)

// advertises is a stack that does.
func advertises() message.Ads {
	return message.Ads{SenderName: "가나상점", Contact: "02-123-4567", Refusal: "무료수신거부 080-000-0000", Until: 20*60 + 50}
}

// A template of which no event could make a valid message is refused before anything is deployed.
func TestCheckRefusesATemplateThatNothingCouldMakeRight(t *testing.T) {
	t.Parallel()
	const to = `"recipients":[{"to":"<$.detail.phone>"}]`
	for _, c := range []struct{ template, says string }{
		{`{}`, `/recipients is missing`},
		{`{` + to + `}`, `/template is missing`},
		{`{"template":"TX_1234"}`, `/recipients is missing`},
		{`{"template":"TX 1234",` + to + `}`, `/template must be a template code`},
		{`{"template":"TX_<$.a> b",` + to + `}`, `/template must be a template code`},
		{`{"template":1234,` + to + `}`, `/template must be a template code`},
		{`{"templat":"TX_1234",` + to + `}`, `the message has a member that is not known`},
		{`{"template":"T","recipients":[{"phone":"<$.detail.phone>"}]}`, `/recipients/0/to is missing`},
		{`{"template":"T","recipients":["<$.detail.phone>"]}`, `/recipients/0 must be an object, and is a string`},
		{`{"template":"T","recipients":{"to":"<$.detail.phone>"}}`, `/recipients must be an array`},
		{`{"template":"T","recipients":[]}`, `/recipients must have at least one recipient`},
		{`{"template":"T","recipients":[{"to":"010-1234"}]}`, `/recipients/0/to `},
		{`{"template":"T","recipients":[{"to":1012345678}]}`, `/recipients/0/to must be a string`},
		{`{"template":"T","recipients":[{"to":"<$.p>"},{"to":"<$.p>"}]}`, `/recipients/1/to is the same number as /recipients/0/to`},
		{`{"template":"T","recipients":[{"to":"01011112222"},{"to":"010-1111-2222"}]}`, `/recipients/1/to is the same number`},
		{`{"template":"T","recipients":[{"to":"<$.p>","variables":{"a":17}}]}`, `/recipients/0/variables member 1 must be a string`},
		{`{"template":"T","recipients":[{"forEach":"$.l","to":"<@>","tel":"<@>"}]}`, `/recipients/0 has a member that is not known`},
		{`{"template":"T",` + to + `,"text":"<$.a>님"}`, `/text is for channel sms only`},
		{`{"template":"T",` + to + `,"title":"<$.a>"}`, `/title is for channel sms only`},
		{`{"channel":"SMS","text":"a",` + to + `}`, `/channel must be "alimtalk" or "sms"`},
		{`{"channel":"sms",` + to + `}`, `/text is missing`},
		{`{"channel":"sms","text":" ",` + to + `}`, `/text is blank`},
		{`{"channel":"sms","text":"<$.a> 🎉",` + to + `}`, `/text SMS cannot carry an emoji`},
		{`{"channel":"sms","text":"` + strings.Repeat("가", 1001) + `<$.a>",` + to + `}`, `/text has 2002 bytes in CP949; an LMS has`},
		{`{"channel":"sms","text":"#{이름}",` + to + `}`, `/recipients/0/variables have no value for`},
		{`{"channel":"sms","text":"#{이름","recipients":[{"to":"<$.p>"}]}`, `/text has a #{ that does not begin a placeholder`},
		{`{"channel":"sms","text":"a","template":"T",` + to + `}`, `/template is for channel alimtalk only`},
		{`{"channel":"sms","text":"a","fallback":{"enabled":"<$.a>"},` + to + `}`, `/fallback is for alimtalk only`},
		{`{"channel":"<$.c>",` + to + `}`, `is missing`},
		{`{"template":"T","fallback":{"enabled":"is <$.a>"},` + to + `}`, `/fallback/enabled must be true or false`},
		{`{"template":"T","fallback":{"enabled":"true"},` + to + `}`, `/fallback/enabled must be true or false`},
		{`{"template":"T","fallback":{"enabled":false,"text":"<$.a>"},` + to + `}`, `/fallback/text makes no sense while`},
		{`{"template":"T","fallback":{"after":"5 minutes"},` + to + `}`, `/fallback/after must be a duration`},
		{`{"template":"T","sendAt":"tomorrow",` + to + `}`, `/sendAt must be an RFC 3339 time`},
		{`{"template":"T","sendAt":"2026-12-02T00:00:00Z","expiresAt":"2026-12-01T00:00:00Z",` + to + `}`, `/expiresAt must be after sendAt`},
		{`{"template":"T","reference":"` + strings.Repeat("a", 129) + `<$.a>",` + to + `}`, `/reference has 129 characters`},
		{`{"template":"T","idempotencyKey":"order <$.a>",` + to + `}`, `/idempotencyKey must be 1 to 255 visible`},
		{`{"template":"T","purpose":"ad",` + to + `}`, `/purpose ad is for channel sms only`},
		{`{"channel":"sms","text":"a","purpose":"ad",` + to + `}`, `/purpose this stack does no advertising`},
		{`{"template":"T","nightConsent":true,` + to + `}`, `/nightConsent is for purpose ad only`},
	} {
		errs := made(c.template, nil).Check(message.Ads{})
		if !slices.ContainsFunc(errs, func(err error) bool {
			return strings.Contains(err.Error(), c.says) && strings.HasPrefix(err.Error(), "inputTemplate: ") &&
				strings.HasSuffix(err.Error(), "; no event makes it right")
		}) {
			t.Errorf("%.200s: got %v, want %s", c.template, errs, c.says)
		}
	}
}

// Of a place that an event fills nothing is said that another event would make right.
func TestCheckTakesATemplateThatSomeEventMakesRight(t *testing.T) {
	t.Parallel()
	const to = `"recipients":[{"to":"<$.detail.phone>"}]`
	for _, template := range []string{
		`{"template":"<$.t>",` + to + `}`,
		`{"template":"TX_<$.t>","reference":"<$.a><$.b>","idempotencyKey":"<$.a>",` + to + `}`,
		`{"template":"T","recipients":[{"to":"+82 <$.p>"},{"to":"<$.p><$.q>"},{"to":"<$.p>"},{"to":"<$.q>"}]}`,
		`{"template":"T","recipients":[{"forEach":"$.l","to":"<@.p>","name":"<@.n>님","variables":{"a":"<$.a>"},"reference":"<@.r>"}]}`,
		`{"template":"T","recipients":[{"forEach":"$.l","to":"<$.p>"},{"to":"<$.p>"}]}`,
		`{"template":"T","recipients":[{"forEach":"$.l","to":"<@.a>"},{"forEach":"$.l","to":"<@.b>"}]}`,
		`{"template":"T","fallback":{"enabled":"<$.a>","after":"<$.m>m","onUnknown":"<$.u>","text":"<$.t>","title":"a <$.t>"},` + to + `}`,
		`{"template":"T","fallback":{"enabled":"<$.a>","onUnknown":"sms","after":"24h"},"expiresAt":"2026-12-01T00:00:00Z",` + to + `}`,
		`{"template":"T","sendAt":"<$.t>","expiresAt":"<$.u>",` + to + `}`,
		`{"template":"T","sendAt":"2020-01-01T00:00:00Z","expiresAt":"<$.d>T09:00:00+09:00",` + to + `}`,
		`{"template":"T","sendAt":"<$.t>","expiresAt":"2020-01-01T00:00:00Z",` + to + `}`,
		`{"channel":"<$.c>","text":"<$.t>",` + to + `}`,
		`{"channel":"<$.c>","template":"<$.t>","purpose":"<$.p>",` + to + `}`,
		`{"channel":"s<$.c>","text":" <$.t>","purpose":"<$.p>","nightConsent":true,` + to + `}`,
		`{"channel":"sms","text":"#{이름}, <$.t>","purpose":"ad","nightConsent":"<$.n>","recipients":[{"to":"<$.p>","variables":{"이름":"<$.a>"}}]}`,
		`{"channel":"sms","text":"a","purpose":"ad","expiresAt":"2026-12-01T02:00:00+09:00",` + to + `}`,
		`{"channel":null,"template":"T","fallback":null,"sendAt":null,` + to + `}`,
	} {
		if errs := made(template, nil).Check(advertises()); len(errs) != 0 {
			t.Errorf("%s: %v", template, errs)
		}
	}
}

// What is refused no event could have made right: values that are right wherever they are put, and lists of them.
func TestCheckIsSureOfWhatItRefuses(t *testing.T) {
	t.Parallel()
	var values []string
	for _, v := range []any{"01012345678", "alimtalk", "sms", "info", "ad", "none", "5m", "2026-12-01T03:00:00Z", true, false, 17, "", "가"} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, string(text))
	}
	refused := 0
	for i, place := range []string{"channel", "template", "text", "purpose", "sendAt", "expiresAt", "reference", "idempotencyKey"} {
		for _, rest := range []string{`"template":"T"`, `"channel":"sms","text":"a"`, `"channel":"sms","text":"a","purpose":"ad"`, `"text":"a"`} {
			for _, around := range []string{"%s", "a%s", "%s0"} {
				fields := map[string]any{"recipients": []any{map[string]any{"to": "<$.detail.a>"}}}
				if err := json.Unmarshal([]byte(`{`+rest+`}`), &fields); err != nil {
					t.Fatal(err)
				}
				fields[place] = fmt.Sprintf(around, "<$.detail.b>")
				template, err := json.Marshal(fields)
				if err != nil {
					t.Fatal(err)
				}
				r := made(string(template), nil)
				errs := r.Check(advertises())
				if len(errs) == 0 {
					continue
				}
				refused++
				filler, err := r.Template()
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range values {
					filled, err := filler.Fill(event(`{"a":"01012345678","b":` + v + `}`))
					if err != nil {
						t.Fatal(err)
					}
					if accepted(filled) {
						t.Errorf("%d: %s was refused (%v), and with %s it makes %s", i, template, errs, v, filled.Request)
					}
				}
			}
		}
	}
	if refused < 10 {
		t.Errorf("only %d templates were refused", refused)
	}
}

func accepted(filled route.Filled) bool {
	if len(filled.Problems) > 0 {
		return false
	}
	r, err := message.DecodeEvent(filled.Request)
	if err != nil {
		return false
	}
	at := r.SendAt
	if at.IsZero() {
		at = r.ExpiresAt.Add(-message.MaxSchedule / 1000)
	}
	_, wrong := message.Accept(r, message.Acceptance{ID: "a", Caller: "b", Now: at, Ads: advertises()})
	return len(wrong) == 0
}
