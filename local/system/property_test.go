package system

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/deployment"
	"sms-api/internal/message"
)

// schedule is what goes wrong with one message, in the order it happens: the shorter, the easier to understand.
type schedule struct {
	channel   message.Channel
	endings   []string
	onUnknown message.OnUnknown
	vendor    []aligotest.Fault
	functions map[string][]string
	// table are the faults of the operations of DynamoDB.
	table []string
}

// functionFaults are the faults of invocations by name.
func (w *world) functionFaults() map[string]invocationFault {
	return map[string]invocationFault{
		"works": nil, "throttled": throttled, "crashedBefore": crashedBefore, "crashedAfter": crashedAfter,
		"timedOutAfter": timedOutAfter, "hungAfter": hungAfter, "lostAfter": lostAfter, "notReached": notReached,
		"twice":           w.doubled(0, hearsFirst),
		"twice, the late": w.doubled(time.Second, hearsSecond),
		"once more soon":  w.doubled(5*time.Second, hearsFirst),
		"once more later": w.doubled(7*time.Minute, hearsFirst),
		"ghost at once":   w.doubled(time.Second, hearsNone),
		"ghost in doubt":  w.doubled(30*time.Second, hearsNone),
		"ghost later":     w.doubled(6*time.Minute, hearsNone),
	}
}

// operationFaults are the faults of the table's operations by name.
func (w *world) operationFaults() map[string]tableFault {
	return map[string]tableFault{
		"works": nil, "throttled": tableThrottled, "failed": tableFailed, "failed after": tableFailedAfter, "stalled": stalled,
		"stalled after": stalledAfter, "late": w.late(7 * time.Second), "very late": w.late(40 * time.Second),
		"far too late": w.late(8 * time.Minute),
	}
}

func drawSchedule(t *rapid.T) schedule {
	s := schedule{
		channel: rapid.SampledFrom([]message.Channel{message.AlimTalk, message.SMS}).Draw(t, "channel"),
		endings: rapid.SliceOfN(rapid.SampledFrom([]string{"5678", "0001", "0002", "0004", "0005", "0006", "0007", "0008"}), 1, 4).Draw(t,
			"numbers"),
		onUnknown: rapid.SampledFrom([]message.OnUnknown{message.LeaveUnknown, message.SMSUnknown}).Draw(t, "onUnknown"),
		functions: map[string][]string{},
	}
	kinds := []aligotest.FaultKind{
		aligotest.FaultResetAfter, aligotest.FaultResetBefore, aligotest.FaultHTTP500, aligotest.FaultHTML200, aligotest.FaultSlow,
		aligotest.FaultUnregisteredIP,
		aligotest.FaultNoBalance, aligotest.FaultBadCredentials, aligotest.FaultUnregisteredSender, aligotest.FaultUnknownRefusal,
		aligotest.FaultPartial, aligotest.FaultCutOff, aligotest.FaultSlowBody, aligotest.FaultReceiptsLate, aligotest.FaultReceiptsOutOfOrder,
		aligotest.FaultRowsDuplicated, aligotest.FaultTypesSwapped, aligotest.FaultLimitIgnored, aligotest.FaultEUCKR,
	}
	s.vendor = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) aligotest.Fault {
		return aligotest.Fault{
			Endpoint: rapid.SampledFrom([]string{send, sms, "/send_mass/", detail, history, smsList, smsHist, list}).Draw(t, "endpoint"),
			Kind:     rapid.SampledFrom(kinds).Draw(t, "fault"),
			Times:    rapid.IntRange(1, 3).Draw(t, "times"),
			Accepted: rapid.Bool().Draw(t, "accepted"),
		}
	}), 0, 6).Draw(t, "vendor faults")
	names := []string{
		"works", "throttled", "crashedBefore", "crashedAfter", "timedOutAfter", "hungAfter", "lostAfter", "notReached",
		"twice", "twice, the late", "once more soon", "once more later", "ghost at once", "ghost in doubt", "ghost later",
	}
	for _, f := range slices.Sorted(maps.Values(deployment.Tasks())) {
		s.functions[f] = rapid.SliceOfN(rapid.SampledFrom(names), 0, 3).Draw(t, f)
	}
	s.table = rapid.SliceOfN(rapid.SampledFrom([]string{
		"works", "throttled", "failed", "failed after", "stalled", "stalled after", "late", "very late", "far too late",
	}), 0, 12).Draw(t, "table")
	return s
}

// TestNoScheduleOfFaultsBreaksAPromise lets rapid look for the shortest schedule of faults after which a recipient has
// two messages or none is accounted for.
func TestNoScheduleOfFaultsBreaksAPromise(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := drawSchedule(rt)
		var wrong []string
		// The bubble belongs to t: what rapid does on failure must happen outside of it.
		synctest.Test(t, func(t *testing.T) { wrong = s.run(t) })
		if len(wrong) > 0 {
			rt.Fatalf("%s", strings.Join(wrong, "\n"))
		}
	})
}

func (s schedule) run(t *testing.T) []string {
	t.Helper()
	w := newWorld(t)
	w.fault(s.vendor...)
	for function, names := range s.functions {
		for _, name := range names {
			w.faults.add(function, w.functionFaults()[name])
		}
	}
	for _, name := range s.table {
		w.table.add(w.operationFaults()[name])
	}
	one := sent{onUnknown: s.onUnknown}
	request := map[string]any{"template": "TX_1234", "fallback": map[string]any{"onUnknown": s.onUnknown}}
	if s.channel == message.SMS {
		request = map[string]any{"channel": "sms", "text": "주문 #{주문번호}"}
		one.onUnknown = message.LeaveUnknown
	}
	var recipients []map[string]any
	for n, ending := range s.endings {
		number := fmt.Sprintf("0101%03d%s", n, ending)
		one.add(number, fmt.Sprintf("A-%d", n))
		r := map[string]any{"to": number, "variables": map[string]string{"주문번호": fmt.Sprintf("A-%d", n)}}
		if s.channel == message.AlimTalk {
			r["name"] = "홍길동"
		}
		recipients = append(recipients, r)
	}
	request["recipients"] = recipients
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := w.do(http.MethodPost, "/v1/messages", string(body))
	if status != http.StatusAccepted {
		return []string{fmt.Sprintf("POST: %d %s", status, answer)}
	}
	if err := json.Unmarshal(answer, &struct{ ID *string }{&one.id}); err != nil {
		t.Fatal(err)
	}
	w.settle(one.id)
	w.crew.Wait()
	time.Sleep(time.Hour) // for whoever comes late
	return w.violations([]sent{one})
}
