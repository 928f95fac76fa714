package system

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/tally"
	"sms-api/internal/testkit"
	"sms-api/statemachine"
)

// TestOutcomesAreCounted: each message that settles is counted once, in every channel that was tried, also when its event
// comes again and when it was announced from outside.
func TestOutcomesAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines testkit.Buffer
		w := newWorld(t, func(o *Options, _ *aligotest.Options) { o.Metrics = &lines })
		told := func() (all []string) {
			for _, text := range strings.Split(strings.TrimSpace(lines.String()), "\n") {
				var l tally.Line
				if err := json.Unmarshal([]byte(text), &l); err != nil {
					t.Fatalf("%q: %v", text, err)
				}
				all = append(all, fmt.Sprintf("%s %d %d %d %v %v", l.Channel, l.Delivered, l.Failed, l.Unknown, l.Latency, l.Causes))
			}
			return all
		}
		o := w.settle(w.post(to("", "5678", "0001", "0004")))
		cancelled := w.post(to(`"sendAt":"2000-01-02T00:00:00Z",`, "5678"))
		time.Sleep(time.Minute)
		if status, body := w.cancel(cancelled); status != 200 {
			t.Fatalf("cancel: %d %s", status, body)
		}
		w.settle(cancelled)
		if err := w.putEvent(statemachine.EventSource, statemachine.DetailTypeSettled, testkit.JSON(t, o)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		want := []string{
			"alimtalk 1 0 0 [5] [{delivered 0 1} {failed A 2}]",
			"sms 1 1 0 [15] [{delivered delivered 1} {failed number 1}]",
			"alimtalk 0 1 0 [] [{failed Cancelled 1}]",
		}
		if got := told(); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("counted\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}
