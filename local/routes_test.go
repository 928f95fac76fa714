package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ordered is an event that the example's route takes, with this detail.
func ordered(detail string) string {
	return `{"version":"0","id":"e-1","detail-type":"OrderPaid","source":"com.example.shop","account":"111122223333",` +
		`"time":"2020-12-01T00:00:00Z","region":"ap-northeast-2","resources":[],"detail":` + detail + `}`
}

func TestRouteCommandPrintsTheMessage(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := tryRoute([]string{"-name", "order-paid", "-stack", "../" + defaultStack},
		strings.NewReader(ordered(`{"order":{"id":17},"customer":{"name":"O\"Neil","phone":"010-1234-5678"}}`)), time.Now(), &out)
	const want = `{
  "idempotencyKey": "order-paid-17",
  "recipients": [
    {
      "name": "O\"Neil",
      "to": "010-1234-5678",
      "variables": {
        "주문번호": "17"
      }
    }
  ],
  "reference": "17",
  "template": "TX_1234"
}
`
	if err != nil || out.String() != want {
		t.Errorf("%v\n%s", err, &out)
	}
}

func TestRouteCommandSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	const stack = "../" + defaultStack
	without := filepath.Join(t.TempDir(), "Pulumi.without.yaml")
	if err := os.WriteFile(without, []byte("config: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for says, c := range map[string]struct {
		args  []string
		event string
	}{
		without + " has no routes": {[]string{"-name", "order-paid", "-stack", without}, ``},
		"/recipients/0/to route order-paid: <$.detail.customer.phone> is $.detail.customer.phone, which the event does not have": {
			[]string{"-name", "order-paid", "-stack", stack}, ordered(`{"order":{"id":17},"customer":{"name":"김"}}`),
		},
		"(route order-paid: <$.detail.customer.phone> is $.detail.customer.phone)": {
			[]string{"-name", "order-paid", "-stack", stack}, ordered(`{"order":{"id":17},"customer":{"name":"김","phone":"010"}}`),
		},
		"the pattern of route order-shipped does not match": {
			[]string{"-name", "order-shipped", "-stack", stack}, ordered(`{}`),
		},
		`the routes of ` + stack + ` are: order-paid, order-shipped`: {[]string{"-name", "paid", "-stack", stack}, ordered(`{}`)},
		"it is to be as EventBridge delivers it":                     {[]string{"-name", "order-paid", "-stack", stack}, `{"order":{"id":17}}`},
		"the event is not a JSON object":                             {[]string{"-name", "order-paid", "-stack", stack}, `[`},
		"unknown argument":                                           {[]string{"order-paid"}, ``},
		"read the routes":                                            {[]string{"-stack", "nowhere.yaml"}, ``},
	} {
		var out bytes.Buffer
		err := tryRoute(c.args, strings.NewReader(c.event), time.Now(), &out)
		if err == nil || !strings.Contains(err.Error(), says) || out.Len() > 0 {
			t.Errorf("got %v\n%s\nwant %s", err, &out, says)
		}
	}
	impossible := filepath.Join(t.TempDir(), "Pulumi.impossible.yaml")
	const wrong = `config:
  events:routes:
    - name: order-paid
      pattern: { source: [com.example.shop] }
      inputTemplate: { template: TX_1234, recipients: [{ phone: <$.detail.phone> }] }
`
	if err := os.WriteFile(impossible, []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	err := tryRoute([]string{"-name", "order-paid", "-stack", impossible}, broken{}, time.Now(), &bytes.Buffer{})
	const unknown = "/recipients/0 has a member that is not known; there are to, name, variables, reference; no event makes it right\n"
	if err == nil || !strings.Contains(err.Error(), unknown) ||
		!strings.HasSuffix(err.Error(), "inputTemplate: /recipients/0/to is missing; no event makes it right") {
		t.Errorf("got %v", err)
	}
	if err := tryRoute([]string{"-name", "order-paid", "-stack", stack}, broken{}, time.Now(), &bytes.Buffer{}); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

var errBroken = errors.New("broken pipe")

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

// What the program that deploys would refuse of a stack's file is refused here with its place, and not left out.
func TestSettingsThatWouldNotBeDeployed(t *testing.T) {
	t.Parallel()
	const head = "config:\n  events:routes:\n    - { name: paid, pattern: {}, inputTemplate: {} }\n    - "
	for says, settings := range map[string]string{
		`: events:routes[1], whose name is "order-paid": json: unknown field "patern"`: head + "{ name: order-paid, patern: { source: [shop] } }",
		`: events:routes[1], whose name is "order-paid": json: unknown field "extra"`:  head + "{ name: order-paid, pattern: {}, extra: 1 }",
		`: api:corsOrigins: "*" is not an origin`:                                      `config: { "api:corsOrigins": ["*"] }`,
		`: api:corsOrigins: "https://a.example/path" is not an origin`: `config: { "api:corsOrigins": ["https://b.example", ` +
			`"https://a.example/path"] }`,
	} {
		file := filepath.Join(t.TempDir(), "Pulumi.wrong.yaml")
		if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
		_, routes := readRoutes(file)
		_, origins := readOrigins(file)
		if err := errors.Join(routes, origins); err == nil || !strings.HasPrefix(err.Error(), file+says) {
			t.Errorf("%v\nwant %s", err, says)
		}
	}
}
