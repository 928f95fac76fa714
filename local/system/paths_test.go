package system

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/internal/aligo/aligotest"
)

// TestREADMEsTableOfPaths measures what each path costs and holds the table in the README against it.
func TestREADMEsTableOfPaths(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	everybody := make([]string, 500)
	for i := range everybody {
		everybody[i] = "5678"
	}
	for path, s := range map[string]struct {
		request string
		vendor  []aligotest.Fault
		// from and until cut a piece out of a long path; zero is the whole of it.
		from, until time.Duration
	}{
		"AlimTalk delivered, 1 recipient":    {request: to("", "5678")},
		"AlimTalk delivered, 500 recipients": {request: to("", everybody...)},
		"not reached, SMS delivered":         {request: to("", "0001")},
		"channel `sms`": {request: `{"channel":"sms","text":"안녕하세요",` +
			`"recipients":[{"to":"01010005678"}]}`},
		"the answer to a send was lost, and it had been accepted": {request: to("", "0005")},
		"… and it had not been accepted": {request: to("", "5678"), vendor: []aligotest.Fault{
			{Endpoint: send, Kind: aligotest.FaultResetBefore},
		}},
		"each hour of being parked, after the first": {
			request: to("", "5678"), vendor: []aligotest.Fault{{Endpoint: send, Kind: aligotest.FaultUnregisteredIP, Times: -1}},
			from: 127 * time.Minute, until: 187 * time.Minute,
		},
		"each hour of a receipt that does not come, after the first": {request: to("", "0003"), from: 127 * time.Minute,
			until: 187 * time.Minute},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				// A first message warms the functions up: all of them, with 0001, but for reconcile, with 0005.
				w.settle(w.post(to("", "0001", "0005")))
				for _, f := range s.vendor {
					w.fault(f)
				}
				before := w.effort("")
				id := w.post(s.request)
				if s.until > 0 {
					time.Sleep(s.from)
					before = w.effort(id)
					time.Sleep(s.until - s.from)
				} else {
					w.settle(id)
				}
				after := w.effort(id)
				row := fmt.Sprintf("| %s | %d | %d | %d", path, after[0]-before[0], after[1]-before[1], after[2]-before[2])
				if s.until == 0 {
					// The API's own function is called directly here.
					row = fmt.Sprintf("| %s | %d | %d | %d", path, after[0]-before[0], after[1]-before[1]+1, after[2]-before[2])
				}
				if !strings.Contains(string(readme), row+" ") {
					t.Errorf("the README has no row %q", row)
				}
			})
		})
	}
}

// effort counts the message's state transitions, retries included, and everybody's invocations and calls to Aligo.
func (w *world) effort(id string) [3]int {
	w.t.Helper()
	var n [3]int
	if id != "" {
		for _, e := range w.history(id) {
			if e.StateEnteredEventDetails != nil {
				n[0]++
			}
		}
	}
	w.faults.mu.Lock()
	defer w.faults.mu.Unlock()
	for _, calls := range w.faults.calls {
		n[1] += calls
	}
	n[2] = len(w.Aligo.Calls())
	return n
}
