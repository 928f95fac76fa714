package webhook_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"sms-api/internal/webhook"
	"sms-api/statemachine"
)

func TestComplete(t *testing.T) {
	t.Parallel()
	got := webhook.Webhook{Name: "crm", URL: "https://crm.example.com/hooks"}.Complete("/sms-api/prod")
	want := webhook.Webhook{
		Name: "crm", URL: "https://crm.example.com/hooks", DetailTypes: []string{"MessageSettled"}, Header: "X-Webhook-Secret",
		SecretParameter: "/sms-api/prod/webhooks/crm", Rate: 10,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if again := got.Complete("/elsewhere"); !reflect.DeepEqual(again, want) {
		t.Errorf("what is complete becomes %+v", again)
	}
	pattern, err := got.Pattern()
	if want := `{"detail-type":["MessageSettled"],"source":["sms-api"]}`; err != nil || pattern != want {
		t.Errorf("%s %v, want %s", pattern, err, want)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const address = "https://crm.example.com/hooks/sms?tenant=7"
	for _, c := range []struct {
		name  string
		w     webhook.Webhook
		local bool
		says  string // empty: nothing is wrong
	}{
		{"the least", webhook.Webhook{Name: "crm", URL: address}, false, ""},
		{"everything", webhook.Webhook{Name: "crm-2", URL: address, DetailTypes: statemachine.DetailTypes(), Header: "Authorization",
			SecretParameter: "/shop/crm", Rate: 300}, false, ""},
		{"a receiver on this machine", webhook.Webhook{Name: "crm", URL: "http://127.0.0.1:9000/hook"}, true, ""},
		{"a receiver under this machine's name", webhook.Webhook{Name: "crm", URL: "http://localhost:9000"}, true, ""},
		{"https is taken there, too", webhook.Webhook{Name: "crm", URL: address}, true, ""},

		{"no name", webhook.Webhook{URL: address}, false, "name"},
		{"a long name", webhook.Webhook{Name: strings.Repeat("a", 21), URL: address}, false, "up to 20"},
		{"no address", webhook.Webhook{Name: "crm"}, false, "url is not an address"},
		{"a wildcard, which EventBridge would fill in", webhook.Webhook{Name: "crm", URL: "https://crm.example.com/*"}, false, "url is not"},
		{"without encryption", webhook.Webhook{Name: "crm", URL: "http://crm.example.com/"}, false, "https://"},
		{"without encryption, from one machine to another", webhook.Webhook{Name: "crm", URL: "http://10.0.0.1/"}, true, "https://"},
		{"this machine, from AWS", webhook.Webhook{Name: "crm", URL: "https://localhost/"}, false, "of whoever calls it"},
		{"a password in the address", webhook.Webhook{Name: "crm", URL: "https://u:p@crm.example.com/"}, false,
			"the secret goes into the header"},
		{"an event that comes in", webhook.Webhook{Name: "crm", URL: address, DetailTypes: []string{"MessageRequested"}}, false, "none of"},
		{"an event twice", webhook.Webhook{Name: "crm", URL: address, DetailTypes: []string{"MessageSettled", "MessageSettled"}}, false, "twice"},
		{"no header", webhook.Webhook{Name: "crm", URL: address, Header: "X Key"}, false, "not a name of letters"},
		{"EventBridge's header", webhook.Webhook{Name: "crm", URL: address, Header: "Content-Type"}, false, "EventBridge's own"},
		{"no parameter", webhook.Webhook{Name: "crm", URL: address, SecretParameter: "crm"}, false, "secretParameter"},
		{"too fast", webhook.Webhook{Name: "crm", URL: address, Rate: 301}, false, "1 to 300"},
		{"never", webhook.Webhook{Name: "crm", URL: address, Rate: -1}, false, "1 to 300"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := c.w.Check(c.local)
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if err != nil && strings.Contains(err.Error(), "u:p") {
				t.Errorf("the error says the password: %v", err)
			}
		})
	}
}

func TestCheckAll(t *testing.T) {
	t.Parallel()
	var many []webhook.Webhook
	for i := range 21 {
		many = append(many, webhook.Webhook{Name: fmt.Sprintf("w%d", i), URL: "https://example.com/"})
	}
	many[3].Name, many[5].URL = "w2", ""
	errs, index := webhook.CheckAll(many, false)
	if !reflect.DeepEqual(index, []int{-1, 3, 5}) || !strings.Contains(errors.Join(errs...).Error(), "there twice") {
		t.Errorf("%v %v", index, errs)
	}
}
