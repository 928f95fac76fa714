package system

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"sms-api/awslocal/awsapi"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/deployment"
	"sms-api/internal/message"
)

// shape is what the recipients of a large message have most of. padding is how long that is, in Korean letters.
type shape struct {
	template  string
	recipient func(n, padding int) map[string]any
	// least is the padding with which the message must still be accepted.
	least int
}

// longVariables has as much to say to each recipient as there is room for.
func longVariables() shape {
	return shape{"TX_1234", func(n, padding int) map[string]any {
		return map[string]any{
			"name": "홍길동", "variables": map[string]string{"주문번호": fmt.Sprintf("%d%s", n, strings.Repeat("가", padding))},
		}
	}, 20}
}

// longReferences has the longest references, which stand in the outcome as well.
func longReferences() shape {
	return shape{"TX_3456", func(n, padding int) map[string]any {
		return map[string]any{"variables": map[string]string{"인증번호": fmt.Sprint(n % 10)}, "reference": strings.Repeat("가", padding)}
	}, 64}
}

// largest makes a request for 500 recipients whose message is as close to the limit as one more letter in each
// recipient's would allow, or over it.
func largest(t *testing.T, w *world, of shape, ending string) (body string, size int) {
	t.Helper()
	for padding := 64; padding >= of.least; padding-- {
		var recipients []map[string]any
		for n := range message.MaxRecipients {
			r := of.recipient(n, padding)
			r["to"] = fmt.Sprintf("0101%03d%s", n, ending)
			recipients = append(recipients, r)
		}
		b, err := json.Marshal(map[string]any{"template": of.template, "recipients": recipients})
		if err != nil {
			t.Fatal(err)
		}
		status, answer := w.do(http.MethodPost, "/v1/messages", string(b))
		switch status {
		case http.StatusRequestEntityTooLarge:
			if !strings.Contains(string(answer), fmt.Sprint(message.MaxSize)) {
				t.Fatalf("413 without the figure: %s", answer)
			}
		case http.StatusAccepted:
			var accepted struct{ ID string }
			if err := json.Unmarshal(answer, &accepted); err != nil {
				t.Fatal(err)
			}
			return accepted.ID, len(b)
		default:
			t.Fatalf("POST: %d %.300s", status, answer)
		}
	}
	t.Fatal("nothing is small enough")
	return "", 0
}

// TestTheLargestMessageFitsEverywhere sends 500 recipients with the largest variables, or the longest references, along the
// ways with the most to say about each; the runner refuses whatever is over Step Functions' 262,144 bytes, and the bus
// what is over EventBridge's.
func TestTheLargestMessageFitsEverywhere(t *testing.T) {
	t.Parallel()
	nobody := []aligotest.Fault{{Endpoint: send, Kind: aligotest.FaultUnregisteredIP, Times: -1}}
	for name, s := range map[string]struct {
		shape

		ending, outcome string
		vendor          []aligotest.Fault
	}{
		"everybody falls back to LMS":                  {longVariables(), "0001", "delivered sms delivered", nil},
		"everybody fails twice":                        {longVariables(), "0004", "failed sms number", nil},
		"nobody repairs the address":                   {longVariables(), "5678", "failed Expired", nobody},
		"everybody with a reference falls back":        {longReferences(), "0001", "delivered sms delivered", nil},
		"everybody with a reference fails twice":       {longReferences(), "0004", "failed sms number", nil},
		"nobody repairs the address before references": {longReferences(), "5678", "failed Expired", nobody},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.fault(s.vendor...)
				id, size := largest(t, w, s.shape, s.ending)
				announced := w.settle(id)
				b, err := json.Marshal(announced)
				if err != nil {
					t.Fatal(err)
				}
				o := w.get(id)
				if c := announced.Counts; c != o.Counts || c.Delivered+c.Failed != message.MaxRecipients {
					t.Errorf("it was announced as %+v, and GET says %+v", c, o.Counts)
				}
				for i, r := range o.Recipients {
					if r.Reference != announced.Recipients[i].Reference || r.Status == message.Failed && r.Reason == "" {
						t.Fatalf("recipient %d is %+v, and was announced as %+v", i, r, announced.Recipients[i])
					}
				}
				longest := 0
				for _, e := range w.history(id) {
					if d := e.StateEnteredEventDetails; d != nil && d.Input != nil {
						longest = max(longest, len(*d.Input))
					}
				}
				t.Logf("request of %d bytes, longest input of a state %d bytes, outcome %d bytes", size, longest, len(b))
				for i, r := range o.Recipients {
					if got := strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", r.Status, r.Channel, r.Code)), " "); got != s.outcome {
						t.Fatalf("recipient %d: %q, want %q", i, got, s.outcome)
					}
				}
			})
		})
	}
}

// TestQuotas: what stands in for AWS has numbers of its own, and they are those that the deployment goes by.
func TestQuotas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		machine, err := w.AWS.StateMachine("quotas", "arn:aws:iam::"+awsapi.Account+":role/quotas",
			[]byte(`{"QueryLanguage":"JSONata","StartAt":"End","States":{"End":{"Type":"Succeed"}}}`))
		if err != nil {
			t.Fatal(err)
		}
		start := func(size int) error {
			_, err := w.sfn.StartExecution(t.Context(), &sfn.StartExecutionInput{
				StateMachineArn: &machine, Input: aws.String(`"` + strings.Repeat("x", size-2) + `"`),
			})
			return err
		}
		put := func(size int) error {
			source, about := "quotas", "x"
			return w.putEvent(source, about, `{"a":"`+strings.Repeat("x", size-len(source)-len(about)-len(`{"a":""}`))+`"}`)
		}
		for what, c := range map[string]struct {
			most int
			try  func(size int) error
		}{"the input of an execution": {deployment.PayloadSize, start}, "an event": {deployment.EventSize, put}} {
			if err := c.try(c.most); err != nil {
				t.Errorf("%s of %d bytes: %v", what, c.most, err)
			}
			if err := c.try(c.most + 1); err == nil {
				t.Errorf("%s of %d bytes is taken", what, c.most+1)
			}
		}
	})
}
