// Package webhook says what a webhook of a stack is: an address outside AWS that what this system announces is posted to. On AWS
// it is an API destination of EventBridge, and on one machine what behaves as one.
package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"sms-api/statemachine"
)

// Webhook is one that a stack has, as its settings say it.
type Webhook struct {
	Name string `json:"name"`
	// URL is who gets the events, each as the body of a POST.
	URL string `json:"url"`
	// DetailTypes are the events; none means MessageSettled.
	DetailTypes []string `json:"detailTypes"`
	// Header is the name of the header that has the secret; empty means DefaultHeader.
	Header string `json:"header"`
	// SecretParameter is the parameter in Parameter Store that has the secret; empty means one below the stack's own path. Nothing
	// of this system reads it: the deployment prints the command that takes it into the connection.
	SecretParameter string `json:"secretParameter"`
	// Rate is how many events it gets a second at most; 0 means DefaultRate.
	Rate int `json:"rate"`
}

// DefaultHeader is the header of a webhook that names none.
const DefaultHeader = "X-Webhook-Secret"

// Limits of webhooks. The rate is the quota of an API destination:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
const (
	DefaultRate = 10
	maxRate     = 300
	// maxWebhooks keeps the policy of their dead-letter queue, which names the rules, below the 8,192 bytes that it may have.
	maxWebhooks = 20
	maxName     = 20
	// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateConnectionApiKeyAuthRequestParameters.html
	maxHeader = 512
	// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateApiDestination.html
	maxURL = 2048
)

var (
	validName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	// headerName needs no quotes in a shell, unlike some that RFC 9110 has.
	headerName    = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	parameterPath = regexp.MustCompile(`^(/[A-Za-z0-9._-]+)+$`)
)

// reserved are headers that EventBridge sets or that belong to the connection, and that cannot carry a secret:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destination-connection.html
func reserved() []string {
	return []string{
		"accept-encoding", "accept-charset", "access-control-request-headers", "access-control-request-method", "connection",
		"content-encoding", "content-length", "content-type", "cookie", "date", "expect", "host", "keep-alive", "max-forwards", "origin",
		"pragma", "proxy-authenticate", "range", "referer", "server", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "via",
		"warning", "www-authenticate",
	}
}

// Complete is the webhook with what it leaves open. path is the stack's own in Parameter Store.
func (w Webhook) Complete(path string) Webhook {
	if len(w.DetailTypes) == 0 {
		w.DetailTypes = []string{statemachine.DetailTypeSettled}
	}
	if w.Header == "" {
		w.Header = DefaultHeader
	}
	if w.SecretParameter == "" {
		w.SecretParameter = path + "/webhooks/" + w.Name
	}
	if w.Rate == 0 {
		w.Rate = DefaultRate
	}
	return w
}

// RuleName is the name of a webhook's rule, without that of its stack, and of its connection and destination.
func RuleName(name string) string { return "webhook-" + name }

// Pattern is the event pattern of a webhook's rule.
func (w Webhook) Pattern() (string, error) {
	text, err := json.Marshal(map[string][]string{"source": {statemachine.EventSource}, "detail-type": w.DetailTypes})
	return string(text), err
}

// Loopback says that the URL is on the machine that calls it.
func (w Webhook) Loopback() bool {
	u, err := url.Parse(w.URL)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// Check returns everything that is wrong with a webhook. An address is https; with local, http to this machine will do.
func (w Webhook) Check(local bool) error {
	var errs []error
	fail := func(format string, values ...any) { errs = append(errs, fmt.Errorf(format, values...)) }
	if !validName.MatchString(w.Name) || len(w.Name) > maxName {
		fail("name %q is not up to %d lower-case letters, digits and hyphens", w.Name, maxName)
	}
	// The address may have something in it that is not to be printed, so only its place is told.
	switch u, err := url.Parse(w.URL); {
	case err != nil || u.Host == "" || len(w.URL) > maxURL || strings.ContainsAny(w.URL, " *"):
		fail("url is not an address such as https://crm.example.com/hooks/sms")
	case u.User != nil || u.Fragment != "":
		fail("url has a user, a password or a fragment in it; the secret goes into the header")
	case u.Scheme != "https" && (!local || u.Scheme != "http" || !w.Loopback()):
		fail("url does not begin with https://")
	case !local && w.Loopback():
		fail("url is on the machine of whoever calls it")
	}
	for i, kind := range w.DetailTypes {
		if !slices.Contains(statemachine.DetailTypes(), kind) {
			fail("detailTypes: %q is none of %s", kind, strings.Join(statemachine.DetailTypes(), ", "))
		}
		if slices.Contains(w.DetailTypes[:i], kind) {
			fail("detailTypes: %q is there twice", kind)
		}
	}
	if w.Header != "" && (!headerName.MatchString(w.Header) || len(w.Header) > maxHeader) {
		fail("header %q is not a name of letters, digits, hyphens and underscores", w.Header)
	}
	if lower := strings.ToLower(w.Header); slices.Contains(reserved(), lower) {
		fail("header %s is EventBridge's own", w.Header)
	}
	if w.SecretParameter != "" && !parameterPath.MatchString(w.SecretParameter) {
		fail("secretParameter %q is not a parameter such as /sms-api/prod/webhooks/crm", w.SecretParameter)
	}
	if w.Rate < 0 || w.Rate > maxRate {
		fail("rate %d is not from 1 to %d a second", w.Rate, maxRate)
	}
	return errors.Join(errs...)
}

// CheckAll returns everything that is wrong with the webhooks of a stack, each with the index of its webhook; -1 is all of them.
func CheckAll(webhooks []Webhook, local bool) (errs []error, index []int) {
	fail := func(i int, err error) { errs, index = append(errs, err), append(index, i) }
	if len(webhooks) > maxWebhooks {
		fail(-1, fmt.Errorf("there are %d; a stack has at most %d", len(webhooks), maxWebhooks))
	}
	for i, w := range webhooks {
		if err := w.Check(local); err != nil {
			fail(i, err)
		}
		if slices.ContainsFunc(webhooks[:i], func(other Webhook) bool { return other.Name == w.Name }) {
			fail(i, fmt.Errorf("the name %q is there twice", w.Name))
		}
	}
	return errs, index
}
