package system

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/fault"
	"sms-api/internal/message"
)

// The storm's size and seeds. The same seed makes nearly the same storm: only the ids of messages and the pauses of the
// AWS SDK before it tries again are other ones.
var (
	stormRecipients = flag.Int("storm.recipients", defaultStorm, "recipients in a storm")
	stormSeed       = flag.Uint64("storm.seed", 1, "seed of the first storm")
	stormSeeds      = flag.Uint64("storm.seeds", 1, "how many storms, each with the next seed")
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

func TestStorm(t *testing.T) {
	t.Parallel()
	for seed := *stormSeed; seed < *stormSeed+*stormSeeds; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStorm(t, seed)
				s.blow(*stormRecipients)
				s.judge(*stormRecipients)
			})
		})
	}
}

// storm is a world in which everything goes wrong now and then, for weeks.
type storm struct {
	*world

	random *rand.Rand
	over   chan struct{}
	end    func() // closes over, once
	sent   []*sent
	// reviewed says that the template was withdrawn once.
	reviewed bool
	laws     stormLaws
	// drives are the campaigns, said what was announced of each by its id, and repeated what was announced more than once.
	drives   []*drive
	said     map[string][]said
	repeated []string
	// evening has the next message be advertising, minutes before the night.
	evening bool
}

// newStorm makes a storm; each kind of bad luck has a sequence of random numbers of its own.
func newStorm(t *testing.T, seed uint64) *storm {
	t.Helper()
	sequence := func(n uint64) *rand.Rand { return rand.New(&lockedSource{source: rand.NewPCG(seed, n)}) }
	s := &storm{random: sequence(0), over: make(chan struct{})}
	s.end = sync.OnceFunc(func() { close(s.over) })
	t.Cleanup(func() {
		s.end()
		s.crew.Wait()
	})
	invocations, jitter, vendor := sequence(1), sequence(2), sequence(3)
	s.world = newWorld(t, func(o *Options, v *aligotest.Options) {
		calm := o.AWS.Around
		o.AWS.Random = jitter.Float64
		o.AWS.Around = s.stormyFunctions(invocations, calm)
		o.AWS.RefuseEvent = stormyBus(sequence(4))
		s.limited(o)
		v.Random = vendor.Float64
		v.Balance = 1e9
		v.Keep = 100 * *stormRecipients
	})
	s.table.set(s.stormyTable(sequence(5)))
	s.network.serve(t, "aws", s.stormyAWS(sequence(11)))
	s.hearCampaigns()
	for _, f := range stormyVendor() {
		s.fault(f)
	}
	s.crew.Go(func() { s.outages(sequence(6)) })
	s.crew.Go(func() { s.moods(sequence(7)) })
	s.crew.Go(func() { s.switches(sequence(8)) })
	s.crew.Go(func() { s.reviews(sequence(9)) })
	s.crew.Go(func() { s.optOuts(sequence(10)) })
	s.crew.Go(func() { s.rotations(sequence(11)) })
	s.crew.Go(s.sweeps)
	return s
}

// blow asks for messages to that many recipients in all and waits until each has its outcome and everybody has gone home.
func (s *storm) blow(recipients int) {
	s.t.Helper()
	s.sweepAtLast() // as on any stack that has been there for a while: the first one looks back a day
	for left := recipients; left > 0; {
		s.startCampaigns(recipients - left)
		if s.random.IntN(5) == 0 {
			left -= s.frontends(left)
		}
		if one, ok := s.message(max(1, left)); ok {
			left -= len(one.numbers)
			s.sent = append(s.sent, one)
			s.crew.Go(func() { s.meddle(one, s.random.Float64(), s.random.Float64()) })
		}
		pause := time.Duration(s.random.Int64N(int64(20 * time.Second)))
		if s.random.IntN(5) == 0 {
			pause = time.Duration(s.random.Int64N(int64(6 * time.Hour)))
		}
		s.evening = s.wait(pause)
		if len(s.sent)%20 == 0 {
			for _, w := range s.glimpse() {
				s.t.Error(w)
			}
		}
	}
	s.laws.pending.Wait()
	s.sent = append(s.sent, s.laws.sent...)
	for _, one := range s.sent {
		s.settle(one.id)
	}
	s.end()
	s.crew.Wait()
	for range 2 { // while one is at work another does nothing
		s.sweepAtLast()
		time.Sleep(time.Hour)
	}
	// Until the last of what was redriven has ended.
	for range 15 {
		time.Sleep(24 * time.Hour)
		s.redriveCampaigns()
	}
	s.table.set(nil)
	// A day is the longest pause between two looks at a message.
	for range 3 {
		time.Sleep(25 * time.Hour)
		s.sweepAtLast()
	}
	s.sent = append(s.sent, s.handedOut()...)
}

// judge compares the world with what was claimed.
func (s *storm) judge(recipients int) {
	s.t.Helper()
	all := make([]sent, len(s.sent))
	for i, one := range s.sent {
		all[i] = *one
	}
	wrong := slices.Concat(s.violations(all), s.outlaws(), s.misdriven())
	for _, v := range wrong {
		s.t.Error(v)
	}
	if len(wrong) > 0 {
		s.explain(wrong[0])
	}
	for _, v := range slices.Concat(s.unjustified(), s.misrecorded(all)) {
		s.t.Error(v)
	}
	count, why := map[message.Status]int{}, map[string]int{}
	s.mu.Lock()
	for _, one := range all {
		outcomes := s.settled[one.id]
		for _, r := range outcomes[len(outcomes)-1].Recipients {
			count[r.Status]++
			if r.Status != message.Delivered {
				why[fmt.Sprintf("%s %s %s", r.Status, r.Channel, r.Code)]++
			}
		}
	}
	s.mu.Unlock()
	s.t.Logf("%d messages: %v; %d calls to Aligo, %d messages on phones; %d violations", len(all), count, len(s.Aligo.Calls()),
		len(s.Aligo.Messages()), len(wrong))
	s.t.Logf("not delivered: %v", why)
	s.laws.report(s.t, recipients)
	s.reportCampaigns()
	if count[message.Delivered] < recipients/2 {
		s.t.Errorf("only %d of %d recipients were reached", count[message.Delivered], recipients)
	}
}

// explain tells the way of each message that a violation names, and what the phones got that they were sent to.
func (s *storm) explain(violation string) {
	s.t.Helper()
	for _, one := range s.sent {
		if !strings.Contains(violation, one.id) {
			continue
		}
		s.t.Logf("the way of %s, to %q:\n%s", one.id, one.numbers, s.trace(one.id))
		for _, m := range s.Aligo.Messages() {
			if slices.Contains(one.numbers, m.To) && slices.Contains(one.contents, contentOf(m.Text)) {
				s.t.Logf("…%s got %s %s at %s", m.To[7:], m.Channel, m.MID, m.At.Format(time.DateTime))
			}
		}
	}
}

// unjustified are failures that need not have been: what the weather has not made impossible must arrive.
func (s *storm) unjustified() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var wrong []string
	for _, one := range s.sent {
		outcomes := s.settled[one.id]
		for i, r := range outcomes[len(outcomes)-1].Recipients {
			if r.Status == message.Delivered && !one.cancelled {
				continue
			}
			ok := r.Status != message.Delivered
			switch r.Code {
			case fault.NameRejected:
				ok = s.reviewed && !one.sms
			case fault.NameInvalid:
				ok = false
			case fault.NameExpired:
				ok = !s.hold(one, r.At).Before(one.expires)
			case message.CodeCancelled:
				ok = one.cancelled || one.stopped
			case message.CodeStopped:
				ok = one.stopped
			case message.CodeOptedOut:
				ok = one.ad && s.laws.mayBeOut(one.numbers[i], r.At)
			}
			if !ok {
				wrong = append(wrong, fmt.Sprintf("%s recipient %d: %s %s %s %q at %v, cancelled %v, stopped %v, expires %v", one.id, i,
					r.Status, r.Channel, r.Code, r.Reason, r.At, one.cancelled, one.stopped, one.expires))
			}
		}
	}
	return wrong
}

// message asks for a message of a random kind and size. Some are much like one of the last: the same texts to the same
// people, to some of them, or to them and others. It is false for one that was over a limit.
func (s *storm) message(left int) (*sent, bool) {
	s.t.Helper()
	n := s.laws.next()
	size := min([]int{1, 1, 1, 1, 2, 2, 3, 3, 5, 10, 20, 50}[s.random.IntN(12)], left)
	if s.random.IntN(40) == 0 {
		size = min(message.MaxRecipients, left)
	}
	one := &sent{onUnknown: message.LeaveUnknown, sms: s.evening || s.random.IntN(3) == 0}
	if one.sms {
		s.advertise(one)
	}
	for i := range size {
		one.add(s.number(n, i, one.numbers), fmt.Sprintf("A-%d-%d", n, i))
	}
	if len(s.sent) > 0 && !s.evening && s.random.IntN(3) == 0 {
		one = s.echo(s.sent[max(0, len(s.sent)-1-s.random.IntN(4))], n, left)
	}
	body := map[string]any{}
	var recipients []map[string]any
	for i, number := range one.numbers {
		r := map[string]any{"to": number, "variables": map[string]string{"주문번호": one.contents[i]}}
		if !one.sms {
			r["name"] = "홍길동"
		}
		recipients = append(recipients, r)
	}
	body["recipients"] = recipients
	if one.sms {
		body["channel"], body["text"] = "sms", "주문 #{주문번호} 안내"
		if one.long {
			body["text"] = "주문 #{주문번호} " + strings.Repeat("가", 60)
		}
		one.mark(body)
	} else {
		fallback := map[string]any{"enabled": s.random.IntN(5) > 0}
		if fallback["enabled"] == true && s.random.IntN(10) == 0 {
			one.onUnknown = message.SMSUnknown
			fallback["onUnknown"] = "sms"
		}
		body["template"], body["fallback"] = "TX_1234", fallback
	}
	now := time.Now().UTC()
	one.expires = s.hold(one, now).Add(24 * time.Hour)
	switch s.random.IntN(6) {
	case 0:
		one.expires = now.Add(7 * 24 * time.Hour).Truncate(time.Second)
		body["expiresAt"] = one.expires
	case 1:
		if expires := now.Add(time.Hour).Truncate(time.Second); s.hold(one, expires).Equal(expires) {
			one.expires = expires
			body["expiresAt"] = expires
		}
	case 2:
		one.due = now.Add(time.Duration(s.random.IntN(7200)) * time.Second).Truncate(time.Second)
		one.expires = s.hold(one, one.due).Add(24 * time.Hour)
		body["sendAt"] = one.due
	}
	request, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	return one, s.persist(one, string(request), fmt.Sprintf("order-%d", n))
}

// number is a recipient's, most of them of nobody else; its ending decides what happens to it.
func (s *storm) number(n, i int, others []string) string {
	ending := 1000 + s.random.IntN(9000)
	if s.random.IntN(10) == 0 {
		ending = []int{1, 1, 1, 2, 2, 4, 5, 6, 7, 8}[s.random.IntN(10)]
	}
	if s.random.IntN(2000) == 0 {
		// Its receipt never comes: days of reading.
		ending = 3
	}
	number := fmt.Sprintf("010%04d%04d", n, ending)
	if slices.Contains(others, number) {
		number = fmt.Sprintf("011%04d%04d", n, 1000+i)
	}
	return number
}

// echo is a message that says the same as an earlier one to some of its people, and to others besides.
func (s *storm) echo(of *sent, n, left int) *sent {
	one := &sent{onUnknown: message.LeaveUnknown, sms: of.sms, long: of.long, ad: of.ad, night: of.night}
	all := s.random.IntN(2) == 0
	for i, number := range of.numbers {
		if (all || s.random.IntN(3) > 0 || i == 0) && len(one.numbers) < left {
			one.add(number, of.contents[i])
		}
	}
	for i := range s.random.IntN(3) {
		if len(one.numbers) < min(left, message.MaxRecipients) {
			one.add(fmt.Sprintf("016%04d%04d", n, 1000+i), fmt.Sprintf("A-%d-%d", n, i))
		}
	}
	if s.random.IntN(4) == 0 {
		s.random.Shuffle(len(one.numbers), func(i, j int) {
			one.numbers[i], one.numbers[j] = one.numbers[j], one.numbers[i]
			one.contents[i], one.contents[j] = one.contents[j], one.contents[i]
		})
	}
	return one
}

// persist asks for a message as somebody does who does not give up, with a key against doing it twice. It returns false for a
// message that is over a limit.
func (s *storm) persist(one *sent, body, key string) bool {
	s.t.Helper()
	one.asked = time.Now()
	for pause := time.Second; ; {
		status, answer := s.do(http.MethodPost, "/v1/messages", body, "Idempotency-Key", key, "X-Frontend", one.frontend)
		var accepted struct{ ID string }
		switch {
		case status == http.StatusAccepted || status == http.StatusOK:
			if err := json.Unmarshal(answer, &accepted); err != nil {
				s.t.Fatal(err)
			}
			one.id, one.accepted = accepted.ID, time.Now()
			s.laws.advertised(one)
			return true
		case status == http.StatusTooManyRequests && strings.Contains(string(answer), "limit-exceeded"):
			s.laws.refuse(string(answer))
			return false
		case status == http.StatusUnprocessableEntity && strings.Contains(string(answer), "is not the code of an approved template"):
			time.Sleep(time.Minute)
		case status == http.StatusUnprocessableEntity && strings.Contains(string(answer), "the message has expired"):
			return false // the door was closed for longer than it was good for
		case status < http.StatusInternalServerError && status != http.StatusTooManyRequests:
			s.t.Fatalf("POST /v1/messages: %d %s", status, answer)
		}
		time.Sleep(pause)
		if one.frontend != "" {
			// The table may be away for days, and the door is closed to frontends until it is back.
			pause = min(2*pause, 10*time.Minute)
		}
	}
}

// meddle is what people do to a message while it is under way, most of the time nothing.
func (s *storm) meddle(one *sent, what, when float64) {
	later := time.Duration(when * when * when * float64(30*time.Hour)) // most of them within an hour
	switch {
	case what < 0.05:
		time.Sleep(later)
		s.callOff(one)
	case what < 0.08:
		// The way into the send is short, and its second is the worst of all.
		time.Sleep(time.Duration(when * float64(time.Second)))
		s.callOff(one)
	case what < 0.12:
		time.Sleep(later)
		unheard := when < 0.3 // its caller calls it off before the function that announces it has run
		if unheard {
			s.faults.add("settle", slices.Repeat([]invocationFault{throttled}, 3)...)
		}
		if _, err := s.sfn.StopExecution(s.t.Context(), &sfn.StopExecutionInput{ExecutionArn: s.arn(one.id)}); err != nil {
			s.t.Errorf("stop %s: %v", one.id, err)
		}
		s.mu.Lock()
		one.stopped = true
		s.mu.Unlock()
		if unheard {
			s.callOff(one) // and the operator redrives it at once
		} else {
			time.Sleep(later)
		}
		if what > 0.10 {
			// Redriven and stopped again, mostly in the state where it was.
			_, _ = s.sfn.RedriveExecution(s.t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: s.arn(one.id)})
			time.Sleep(later / 7)
			if _, err := s.sfn.StopExecution(s.t.Context(), &sfn.StopExecutionInput{ExecutionArn: s.arn(one.id)}); err != nil {
				s.t.Errorf("stop %s again: %v", one.id, err)
			}
			time.Sleep(later)
		}
	}
	if what < 0.11 || what >= 0.12 && what < 0.13 {
		// An operator who redrives whatever has failed, cancelled or not, but for some who only stop it. Nothing happens when it has not.
		_, _ = s.sfn.RedriveExecution(s.t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: s.arn(one.id)})
	}
}

// callOff asks for the cancellation until it gets an answer.
func (s *storm) callOff(one *sent) {
	for range 100 {
		switch status, answer := s.cancel(one.id); status {
		case http.StatusOK:
			s.mu.Lock()
			one.cancelled = true
			s.mu.Unlock()
			return
		case http.StatusConflict:
			return
		case http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusBadGateway:
			time.Sleep(time.Second)
		default:
			s.t.Errorf("DELETE: %d %s", status, answer)
			return
		}
	}
}
