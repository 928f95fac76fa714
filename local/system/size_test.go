package system

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/message"
)

// largest makes a request for 500 recipients whose message is as close to the limit as one more character in each
// recipient's variables would allow, or over it.
func largest(t *testing.T, w *world, ending string) (body string, size int) {
	t.Helper()
	for padding := 64; padding > 0; padding-- {
		var recipients []map[string]any
		for n := range 500 {
			recipients = append(recipients, map[string]any{
				"to": fmt.Sprintf("0101%03d%s", n, ending), "name": "홍길동",
				"variables": map[string]string{"주문번호": fmt.Sprintf("%d%s", n, strings.Repeat("가", padding))},
			})
		}
		b, err := json.Marshal(map[string]any{"template": "TX_1234", "recipients": recipients})
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

// TestTheLargestMessageFitsEverywhere sends 500 recipients with the largest variables along the ways with the most to
// say about each; the runner refuses whatever is over Step Functions' 262,144 bytes.
func TestTheLargestMessageFitsEverywhere(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]struct {
		ending, outcome string
		vendor          []aligotest.Fault
	}{
		"everybody falls back to LMS": {ending: "0001", outcome: "delivered sms delivered"},
		"everybody fails twice":       {ending: "0004", outcome: "failed sms number"},
		"nobody repairs the address": {ending: "5678", outcome: "failed Expired", vendor: []aligotest.Fault{
			{Endpoint: send, Kind: aligotest.FaultUnregisteredIP, Times: -1},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				for _, f := range s.vendor {
					w.fault(f)
				}
				id, size := largest(t, w, s.ending)
				o := w.settle(id)
				longest := 0
				for _, e := range w.history(id) {
					if d := e.StateEnteredEventDetails; d != nil && d.Input != nil {
						longest = max(longest, len(*d.Input))
					}
				}
				t.Logf("request of %d bytes, longest input of a state %d bytes", size, longest)
				for i, r := range o.Recipients {
					if got := strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", r.Status, r.Channel, r.Code)), " "); got != s.outcome {
						t.Fatalf("recipient %d: %q, want %q", i, got, s.outcome)
					}
				}
			})
		})
	}
}
