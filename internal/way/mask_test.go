package way

import (
	"strings"
	"testing"
)

func TestDataIsShownWithoutNumbersAndTexts(t *testing.T) {
	t.Parallel()
	many := strings.Repeat(`{"to":"01012345678"},`, 24) + `{"to":"01012345678"}`
	shown := strings.TrimSuffix(strings.Repeat(`{"to":"010****5678"},`, maxShown), ",")
	for name, test := range map[string]struct{ data, want string }{
		"a message": {
			`{"id":"01938f2e-5c3a-7b1e-8d2f-4a6b9c0d1e2f","text":"안녕","recipients":[{"to":"01012345678","name":"홍길동","variables":{"주문번호":"A-17",` +
				`"to":"x"}}],"reference":"order-17"}`,
			`{"id":"01938f2e-5c3a-7b1e-8d2f-4a6b9c0d1e2f","text":"[2 characters]","recipients":[{"to":"010****5678","name":"[3 ` +
				`characters]","variables":{"주문번호":"[4 characters]","to":"[1 characters]"}}],"reference":"order-17"}`,
		},
		"the order of members and every kind of value": {`{"b":1.50,"a":[true,null,-3e9],"c":{}}`, `{"b":1.50,"a":[true,null,-3e9],"c":{}}`},
		"a number that is masked already":              {`{"to":"010****5678"}`, `{"to":"010****5678"}`},
		"a number as somebody wrote it":                {`{"to":"+82 10 1234 5678"}`, `{"to":"+82****5678"}`},
		"what is no number":                            {`{"to":"5678"}`, `{"to":"****"}`},
		"a number in a reason": {`{"reason":"call 010-1234-5678 or 01012345678"}`,
			`{"reason":"call 010****5678 or 010****5678"}`},
		"numbers in an array under a masked name": {`{"to":["01012345678"]}`, `{"to":["010****5678"]}`},
		"more recipients than can be read":        {`[` + many + `]`, `[` + shown + `,"… and 5 more"]`},
		"not JSON":                                {`cannot reach 01012345678`, `"cannot reach 010****5678"`},
		"half a value":                            {`{"to":"01012345678"`, `"{\"to\":\"010****5678\""`},
		"two values":                              {`{} 01012345678`, `"{} 010****5678"`},
		"nothing":                                 {``, ``},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := string(MaskJSON(test.data)); got != test.want {
				t.Errorf("MaskJSON(%s)\n got %s\nwant %s", test.data, got, test.want)
			}
		})
	}
}
