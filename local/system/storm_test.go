package system

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/message"
)

// The storm's size and seed. Executions begin at instants of their own, so only one of them moves at a time, and the
// same seed makes the same storm.
var (
	stormRecipients = flag.Int("storm.recipients", defaultStorm, "recipients in the storm")
	stormSeed       = flag.Uint64("storm.seed", 1, "seed of the storm")
)

// lockedSource is a source of random numbers for several goroutines. Which of them comes first is decided by the time in
// the bubble, so the numbers they get are the same each time.
type lockedSource struct {
	mu     sync.Mutex
	source rand.Source
}

func (l *lockedSource) Uint64() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.source.Uint64()
}

// sent is what was asked for, for whoever checks what became of it.
type sent struct {
	id        string
	onUnknown message.OnUnknown
	numbers   []string
}

func TestStorm(t *testing.T) {
	t.Parallel()
	t.Logf("seed %d, %d recipients", *stormSeed, *stormRecipients)
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(&lockedSource{source: rand.NewPCG(*stormSeed, 0)})
		w := newWorld(t, func(o *Options, vendor *aligotest.Options) {
			o.AWS.Random = random.Float64
			o.AWS.Around = stormyFunctions(random)
			vendor.Random = random.Float64
			vendor.Balance = 1e9
			vendor.Keep = 100 * *stormRecipients
		})
		for _, f := range stormyVendor() {
			if err := w.Aligo.SetFault(f); err != nil {
				t.Fatal(err)
			}
		}
		var all []sent
		for left := *stormRecipients; left > 0; {
			one := w.stormMessage(random, len(all), left)
			left -= len(one.numbers)
			all = append(all, one)
			time.Sleep(time.Duration(random.Int64N(int64(20 * time.Second))))
		}
		count := map[message.Status]int{}
		for _, one := range all {
			o := w.settle(one.id)
			for _, r := range o.Recipients {
				count[r.Status]++
			}
		}
		wrong := w.violations(all)
		for _, v := range wrong {
			t.Error(v)
		}
		if len(wrong) > 0 {
			id, _, _ := strings.Cut(wrong[0], " ")
			t.Logf("the way of %s:\n%s", id, w.trace(id))
		}
		t.Logf("%d messages: %v; %d calls to Aligo, %d messages on phones", len(all), count, len(w.Aligo.Calls()), len(w.Aligo.Messages()))
		if count[message.Delivered] < *stormRecipients*8/10 {
			t.Errorf("only %d of %d recipients were reached", count[message.Delivered], *stormRecipients)
		}
	})
}

// stormyVendor is every fault of the stand-in, on every call it makes sense for.
func stormyVendor() []aligotest.Fault {
	var all []aligotest.Fault
	add := func(p float64, kind aligotest.FaultKind, accepted bool, endpoints ...string) {
		for _, e := range endpoints {
			all = append(all, aligotest.Fault{Endpoint: e, Kind: kind, Times: -1, Probability: p, Accepted: accepted})
		}
	}
	sends := []string{send, sms, "/send_mass/"}
	reads := []string{list, detail, history, smsList, smsHist}
	every := slices.Concat(sends, reads)
	add(0.03, aligotest.FaultResetAfter, false, every...)
	add(0.03, aligotest.FaultResetBefore, false, every...)
	add(0.02, aligotest.FaultHTTP500, false, every...)
	add(0.02, aligotest.FaultHTTP500, true, sends...)
	add(0.02, aligotest.FaultHTML200, false, every...)
	add(0.02, aligotest.FaultHTML200, true, sends...)
	add(0.02, aligotest.FaultSlow, false, every...)
	add(0.01, aligotest.FaultSlowBody, false, every...)
	add(0.02, aligotest.FaultCutOff, false, every...)
	add(0.02, aligotest.FaultUnregisteredIP, false, every...)
	add(0.01, aligotest.FaultNoBalance, false, sends...)
	add(0.01, aligotest.FaultBadCredentials, false, every...)
	add(0.01, aligotest.FaultUnregisteredSender, false, sends...)
	add(0.01, aligotest.FaultUnknownRefusal, false, sends...)
	add(0.02, aligotest.FaultPartial, false, sends...)
	add(0.05, aligotest.FaultReceiptsLate, false, detail, smsList)
	add(0.05, aligotest.FaultReceiptsOutOfOrder, false, detail, smsList)
	add(0.05, aligotest.FaultRowsDuplicated, false, reads...)
	add(0.05, aligotest.FaultTypesSwapped, false, every...)
	add(0.05, aligotest.FaultLimitIgnored, false, detail, history, smsList, smsHist)
	add(0.02, aligotest.FaultEUCKR, false, every...)
	return all
}

// stormyFunctions kills, throttles and cuts off one in ten invocations.
func stormyFunctions(random *rand.Rand) func(context.Context, string, func(context.Context) ([]byte, error)) ([]byte, error) {
	faults := []invocationFault{throttled, crashedBefore, crashedAfter, timedOutAfter, lostAfter}
	return func(ctx context.Context, _ string, next func(context.Context) ([]byte, error)) ([]byte, error) {
		if random.IntN(10) == 0 {
			return faults[random.IntN(len(faults))](ctx, next)
		}
		return next(ctx)
	}
}

// stormMessage asks for a message of a random kind and size. Every number is used once, and every text is different.
func (w *world) stormMessage(random *rand.Rand, n, left int) sent {
	w.t.Helper()
	size := min([]int{1, 1, 1, 2, 2, 3, 5, 10, 20, 30, 50, 100, 500}[random.IntN(13)], left)
	var body struct {
		Channel    string           `json:"channel,omitempty"`
		Template   string           `json:"template,omitempty"`
		Text       string           `json:"text,omitempty"`
		Recipients []map[string]any `json:"recipients"`
		Fallback   map[string]any   `json:"fallback,omitempty"`
	}
	one := sent{onUnknown: message.LeaveUnknown}
	if random.IntN(5) == 0 {
		body.Channel, body.Text = "sms", "주문 #{주문번호}"+strings.Repeat("가", random.IntN(60))
	} else {
		body.Template = "TX_1234"
		body.Fallback = map[string]any{"enabled": random.IntN(5) > 0}
		if body.Fallback["enabled"] == true && random.IntN(10) == 0 {
			one.onUnknown = message.SMSUnknown
			body.Fallback["onUnknown"] = "sms"
		}
	}
	for i := range size {
		ending := 1000 + random.IntN(9000)
		if random.IntN(10) == 0 {
			ending = []int{1, 1, 1, 2, 2, 4, 5, 6, 7, 8}[random.IntN(10)]
		}
		if random.IntN(2000) == 0 {
			// Its receipt never comes: a day of reading, which is most of the storm's work.
			ending = 3
		}
		number := fmt.Sprintf("010%04d%04d", n, ending)
		if slices.Contains(one.numbers, number) {
			number = fmt.Sprintf("011%04d%04d", n, 1000+i)
		}
		one.numbers = append(one.numbers, number)
		body.Recipients = append(body.Recipients, map[string]any{
			"to": number, "name": "홍길동", "variables": map[string]string{"주문번호": fmt.Sprintf("A-%d-%d", n, i)},
		})
	}
	if body.Channel == "sms" {
		for _, r := range body.Recipients {
			delete(r, "name")
		}
	}
	request, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	one.id = w.post(string(request))
	return one
}

// violations compares what the outcomes claim with what phones have received: nobody got two messages unless the caller
// wanted rather two than none, nobody is forgotten, and every claim is true.
func (w *world) violations(all []sent) []string {
	received := map[string][]string{}
	for _, m := range w.Aligo.Messages() {
		received[m.To] = append(received[m.To], m.Channel)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var wrong []string
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for _, one := range all {
		outcomes := w.settled[one.id]
		if len(outcomes) != 1 {
			complain("%s: %d MessageSettled, want 1", one.id, len(outcomes))
			continue
		}
		o := outcomes[0]
		if len(o.Recipients) != len(one.numbers) {
			complain("%s: the outcome has %d recipients, the message %d", one.id, len(o.Recipients), len(one.numbers))
			continue
		}
		for i, r := range o.Recipients {
			got := received[one.numbers[i]]
			who := fmt.Sprintf("%s recipient %d (…%s): %s %s %s %q", one.id, i, one.numbers[i][7:], r.Status, r.Channel, r.Code, r.Reason)
			if len(got) > 1 && (one.onUnknown == message.LeaveUnknown || len(got) > 2) {
				complain("%s: got %v", who, got)
			}
			switch r.Status {
			case message.Delivered:
				if !slices.Contains(got, string(r.Channel)) {
					complain("%s: claimed to be delivered, but got %v", who, got)
				}
			case message.Failed:
				if len(got) > 0 && one.onUnknown == message.LeaveUnknown {
					complain("%s: claimed to have failed, but got %v", who, got)
				}
			case message.Unknown:
			default:
				complain("%s: not settled", who)
			}
		}
	}
	return wrong
}
