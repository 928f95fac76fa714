package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"sms-api/awslocal/awsapi"
	"sms-api/awslocal/clock"
	"sms-api/awslocal/direct"
	"sms-api/awslocal/eventbus"
	"sms-api/awslocal/quota"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/awsenv"
	"sms-api/internal/deployment"
	"sms-api/internal/intake"
	"sms-api/local/system"
	"sms-api/statemachine"
)

// burstOptions are what a run on the virtual clock is asked for.
type burstOptions struct {
	// messages come within over, evenly, through events or the API, or are handed out in that time as one campaign: then each is a
	// recipient of it.
	messages int
	over     time.Duration
	through  string
	// quotas are the name of a profile, or a file.
	quotas string
	// rate is how many events a second become messages; 0 is the stack's default.
	rate int
	// atOnce schedules all of them for one second. again asks for all of them once more when they are settled, and measures that.
	atOnce, again bool
	// reads is how many requests for a message's status come every second.
	reads int
	// progress is told every minute how far a run has come; nil is nobody.
	progress io.Writer
}

// What things take where nobody has measured it, as the cost model assumes: a call of AWS and of Aligo, one of DynamoDB, and
// what a function does besides.
const (
	awsTakes, tableTakes, vendorTakes, functionTakes = 50 * time.Millisecond, 10 * time.Millisecond, 200 * time.Millisecond,
		20 * time.Millisecond
	// templateList is the vendor's list of templates.
	templateList = "/akv10/template/list/"
	// horizon is for how long it is waited for what has not settled, after the last was asked for.
	horizon = 3 * 24 * time.Hour
	// scheduled is how long after the last of them messages are sent that are scheduled for one second.
	scheduled = time.Hour
	// quiet is for how long nothing comes when all of a replay has come: longer than what failed is hidden.
	quiet = 15 * time.Minute
	// after is for how long is looked whether anything is sent twice.
	after = time.Hour
	// lifeOfBurst is how long a message of a burst may take before it expires.
	lifeOfBurst = 6 * 24 * time.Hour
)

// burst is a system on a virtual clock, under the load of a burst.
type burst struct {
	burstOptions
	clock  *clock.Virtual
	limits *quota.Limits
	system *system.System
	client *http.Client
	events *eventbridge.Client
	tally  *tally
	began  time.Time
	// overdue counts invocations that took longer than their functions may, on the virtual clock.
	transitions, started, invocations, calls, reading, refusals, failures, overdue atomic.Int64
	// lastDoor is when the last invocation of the function events ended.
	lastDoor    atomic.Pointer[time.Time]
	bottlenecks []bottleneck
	// toldAt is when progress was told last, on the machine's clock.
	toldAt time.Time
}

// runBurst makes a system, sends the messages through it, and reports.
func runBurst(ctx context.Context, o burstOptions) (BurstReport, error) {
	b, err := newBurst(o)
	if err != nil {
		return BurstReport{}, err
	}
	var report BurstReport
	done := make(chan struct{})
	b.clock.Go(func() {
		defer close(done)
		report, err = b.run(ctx)
	})
	<-done
	// What still sleeps on the virtual clock ends with the process.
	return report, err
}

func newBurst(o burstOptions) (*burst, error) {
	profile, err := quota.Open(o.quotas)
	if err != nil {
		return nil, err
	}
	if n := profile[quota.Concurrency].Most; n == 0 {
		return nil, fmt.Errorf("quotas %s: %s is missing", o.quotas, quota.Concurrency)
	}
	c := clock.NewVirtual(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
	b := &burst{burstOptions: o, clock: c, limits: quota.New(profile, c), tally: newTally(), began: c.Now()}
	standin := aligotest.New(aligotest.Options{Now: c.Now, Balance: 1e12, Keep: o.remembered()})
	standin.Subscribe(func(m aligotest.PhoneMessage) { b.tally.ring(m.To, c.Now()) })
	// Its limit would be of the machine's time, in which a large run rests for seconds while it collects its memory.
	b.client = &http.Client{Transport: &inside{b: b, handlers: map[string]http.Handler{"aligo": standin}}, Timeout: 24 * time.Hour}
	variables := map[string]string{}
	if o.rate > 0 {
		variables[deployment.EventRate] = strconv.Itoa(o.rate)
	}
	kept, keptBytes := b.kept()
	s, err := system.New(system.Options{
		AWS: awsapi.Options{
			Clock: c, Limits: b.limits, Kept: kept, KeptBytes: keptBytes, Around: b.invoke,
			Trace: func(string) { b.transitions.Add(1) },
		},
		Aligo: standin, AWSURL: "http://aws", AligoURL: "http://aligo", HTTP: b.client,
		// What an account cannot reserve its stack does not.
		Reserves: profile[quota.Concurrency].Most > profile[quota.Unreserved].Most,
		Retryer:  b.patient,
		Settings: variables,
		Identify: func(*http.Request) (intake.Caller, error) {
			return intake.Caller{ID: "bench", Scopes: intake.Scopes()}, nil
		},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	b.system = s
	handlers := b.client.Transport.(*inside).handlers
	handlers["aws"], handlers["api"] = s.AWS, s.Gateway(b.limits, c)
	config := awsenv.New(awsapi.Region, aws.Credentials{AccessKeyID: "bench", SecretAccessKey: "bench"}, "http://aws")
	config.HTTPClient, config.Retryer = b.client, func() aws.Retryer { return b.patient(retry.NewStandard(persistent)) }
	b.events = eventbridge.NewFromConfig(config)
	return b, b.listen()
}

// kept is how many finished executions are remembered, and how large they may be together. Nothing asks for those of some minutes
// ago, but a replay for all of them, whose names must still be taken.
func (b *burst) kept() (executions, size int) {
	const lately = 20_000
	if b.again {
		return b.messages + lately, 1 << 30
	}
	return lately, 1 << 26
}

// persistent are producers who do not give up.
func persistent(o *retry.StandardOptions) { o.MaxAttempts, o.RateLimiter = 100, unlimited{} }

// unlimited lets a producer try again as often as it wants.
type unlimited struct{}

func (unlimited) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (unlimited) AddTokens(uint) error { return nil }

// patient has the SDK wait on the virtual clock before it tries again.
func (b *burst) patient(r aws.Retryer) aws.Retryer { return patient{r, b.clock} }

type patient struct {
	aws.Retryer
	clock *clock.Virtual
}

func (p patient) RetryDelay(attempt int, failed error) (time.Duration, error) {
	d, err := p.Retryer.RetryDelay(attempt, failed)
	if err != nil {
		return 0, err
	}
	return 0, p.clock.Sleep(context.Background(), d)
}

// inside is a network in one process, on which calls take as long as they do elsewhere.
type inside struct {
	b        *burst
	handlers map[string]http.Handler
}

func (n *inside) RoundTrip(r *http.Request) (*http.Response, error) {
	takes := time.Duration(0)
	switch host := r.URL.Hostname(); {
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), "AmazonSSM"), r.URL.Path == templateList:
		// Others wait for what a function reads once in a while, and not on the clock: it must take no time.
	case host == "aligo":
		n.b.calls.Add(1)
		// The vendor takes one call after the other.
		takes = vendorTakes + n.b.limits.Reserve(system.VendorCalls)
	case asksTable(r):
		takes = tableTakes
	case host == "aws":
		takes = awsTakes
	}
	if err := n.b.clock.Sleep(r.Context(), takes); err != nil {
		return nil, err
	}
	a := direct.Do(n.handlers[r.URL.Hostname()], r)
	if a.Status == http.StatusOK && strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".StartExecution") {
		n.b.started.Add(1)
	}
	return &http.Response{
		Status: http.StatusText(a.Status), StatusCode: a.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: a.Header,
		Body: io.NopCloser(&a.Body), ContentLength: int64(a.Body.Len()), Request: r,
	}, nil
}

// invoke is every invocation of a function that Lambda runs.
func (b *burst) invoke(ctx context.Context, name string, next func(context.Context) ([]byte, error)) ([]byte, error) {
	b.invocations.Add(1)
	begin := b.clock.Now()
	if err := b.clock.Sleep(ctx, functionTakes); err != nil {
		return nil, err
	}
	output, err := next(ctx)
	if took := b.clock.Now().Sub(begin); took > b.system.Timeout(name) {
		b.overdue.Add(1)
	}
	if name == deployment.Events {
		now := b.clock.Now()
		b.lastDoor.Store(&now)
	}
	return output, err
}

// listen subscribes to what the system announces.
func (b *burst) listen() error {
	bus := b.system.AWS.Bus(system.BusName)
	pattern := fmt.Sprintf(`{"source":[%q],"detail-type":[%q,%q]}`, statemachine.EventSource, statemachine.DetailTypeSettled,
		statemachine.DetailTypeRejected)
	if _, err := bus.PutRule(eventbus.Rule{Name: "bench", Pattern: pattern}); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	return bus.PutTargets("bench", eventbus.Target{ID: "bench", Deliver: func(_ context.Context, event json.RawMessage) error {
		var e struct {
			DetailType string `json:"detail-type"`
			Detail     struct {
				Reference, Campaign string
				Recipients          []struct{ Reference string }
			}
		}
		if err := json.Unmarshal(event, &e); err != nil {
			return err
		}
		rejected, now := e.DetailType == statemachine.DetailTypeRejected, b.clock.Now()
		if e.Detail.Campaign == "" {
			b.tally.settle(e.Detail.Reference, rejected, now)
			return nil
		}
		for _, r := range e.Detail.Recipients {
			b.tally.settle(r.Reference, rejected, now)
		}
		return nil
	}})
}

// run is the whole of it, as a goroutine of the virtual clock.
func (b *burst) run(ctx context.Context) (BurstReport, error) {
	rounds := 1
	if b.again {
		rounds = 2
	}
	var report BurstReport
	for round := range rounds {
		b.began, b.bottlenecks = b.clock.Now(), nil
		before := b.throttled()
		for _, n := range []*atomic.Int64{&b.transitions, &b.started, &b.invocations, &b.calls} {
			n.Store(0)
		}
		if err := b.load(ctx, round); err != nil {
			return report, err
		}
		took, err := b.await(ctx, round)
		if err != nil {
			return report, err
		}
		if err := b.clock.Sleep(ctx, after); err != nil {
			return report, err
		}
		if b.through == campaigns {
			if err := b.campaignEnded(ctx); err != nil {
				return report, err
			}
		}
		report = b.report(took, before)
	}
	return report, nil
}

// load asks for the messages, evenly over the time.
func (b *burst) load(ctx context.Context, round int) error {
	const batch = 10
	at := ""
	if b.atOnce {
		at = b.began.Add(b.over + scheduled).Format(time.RFC3339)
	}
	if b.through == campaigns {
		stop := b.read(ctx)
		defer stop()
		return b.campaign(ctx, at)
	}
	step := 1
	if b.through == "events" {
		step = batch
	}
	stop := b.read(ctx)
	defer stop()
	var failed atomic.Pointer[error]
	for i := 0; i < b.messages && failed.Load() == nil; i += step {
		due := b.began.Add(time.Duration(float64(b.over) * float64(i) / float64(b.messages)))
		if err := b.clock.Sleep(ctx, due.Sub(b.clock.Now())); err != nil {
			return err
		}
		b.tell()
		b.clock.Go(func() {
			var err error
			if b.through == "events" {
				err = b.put(ctx, i, min(i+batch, b.messages), at, round)
			} else {
				err = b.post(ctx, i, at, round)
			}
			if err != nil {
				failed.Store(&err)
			}
		})
	}
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// body is a message's request, without its closing brace.
func (b *burst) body(i int, at string, round int) string {
	number := number(i)
	if round == 0 {
		b.tally.ask(reference(i), number, b.clock.Now())
	}
	var s strings.Builder
	fmt.Fprintf(&s, `{"template":"TX_1234","reference":%q,"expiresAt":%q`, reference(i), b.began.Add(lifeOfBurst).Format(time.RFC3339))
	if at != "" {
		fmt.Fprintf(&s, `,"sendAt":%q`, at)
	}
	fmt.Fprintf(&s, `,"recipients":[{"to":%q,"name":"홍길동","variables":{"주문번호":"A-%d"}}]`, number, i)
	return s.String()
}

func reference(i int) string { return "burst-" + strconv.Itoa(i) }

// number is a phone whose ending makes nothing happen.
func number(i int) string { return fmt.Sprintf("010%04d%04d", i/9000%10_000, 1000+i%9000) }

// put puts the events of some messages on the bus. A producer tries again what the bus has not taken.
func (b *burst) put(ctx context.Context, from, to int, at string, round int) error {
	entries := make([]types.PutEventsRequestEntry, 0, to-from)
	for i := from; i < to; i++ {
		entries = append(entries, types.PutEventsRequestEntry{
			EventBusName: aws.String(system.BusName), Source: aws.String("bench"), DetailType: aws.String(statemachine.DetailTypeRequested),
			Detail: aws.String(b.bodies(i, at, round) + `,"idempotencyKey":"` + reference(i) + `"}`),
		})
	}
	out, err := b.events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
	if err == nil && out.FailedEntryCount > 0 {
		err = errors.New("entries were refused")
	}
	if err != nil {
		return fmt.Errorf("put events: %w", err)
	}
	return nil
}

// bodies is a message's request as it was the first time: a replay is the same event once more.
func (b *burst) bodies(i int, at string, round int) string {
	text := b.body(i, at, round)
	if round > 0 {
		return strings.Replace(text, b.began.Add(lifeOfBurst).Format(time.RFC3339), b.tally.first.Add(lifeOfBurst).Format(time.RFC3339), 1)
	}
	return text
}

// post asks the API for a message, and again after a second when there were too many.
func (b *burst) post(ctx context.Context, i int, at string, round int) error {
	text := b.bodies(i, at, round) + "}"
	for {
		status, location, err := b.do(ctx, http.MethodPost, "/v1/messages", text, reference(i))
		switch {
		case err != nil:
			return err
		case status == http.StatusAccepted || status == http.StatusOK:
			b.tally.accepted(strings.TrimPrefix(location, b.resource()))
			return nil
		case status == http.StatusTooManyRequests:
			b.refusals.Add(1)
		case status >= http.StatusInternalServerError:
			b.failures.Add(1)
		default:
			return fmt.Errorf("POST /v1/messages: %d", status)
		}
		if err := b.clock.Sleep(ctx, time.Second); err != nil {
			return err
		}
	}
}

// do makes a request of the API.
func (b *burst) do(ctx context.Context, method, path, body, key string) (status int, location string, err error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://api"+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
	}
	resp, err := b.client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode, resp.Header.Get("Location"), nil
}

// read asks for the status of messages while the load lasts.
func (b *burst) read(ctx context.Context) (stop func()) {
	if b.reads == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	b.clock.Go(func() {
		for b.clock.Sleep(ctx, time.Second/time.Duration(b.reads)) == nil {
			id := b.tally.anybody()
			if id == "" {
				continue
			}
			b.clock.Go(func() {
				status, _, err := b.do(context.WithoutCancel(ctx), http.MethodGet, b.resource()+id, "", "")
				b.reading.Add(1)
				switch {
				case err != nil || status >= http.StatusInternalServerError:
					b.failures.Add(1)
				case status == http.StatusTooManyRequests:
					b.refusals.Add(1)
				}
			})
		}
	})
	return cancel
}

// await waits until all messages have settled, or will not.
func (b *burst) await(ctx context.Context, round int) (took time.Duration, _ error) {
	before := b.throttled()
	for limit := b.clock.Now().Add(horizon); b.clock.Now().Before(limit); {
		for range int(watchFor / time.Second) {
			switch last := b.lastDoor.Load(); {
			case round == 0 && b.tally.done()+b.deadLetters() >= b.messages:
				return b.clock.Now().Sub(b.began), nil
			case round > 0 && last != nil && b.clock.Now().Sub(*last) > quiet:
				return last.Sub(b.began), nil
			}
			if err := b.clock.Sleep(ctx, time.Second); err != nil {
				return 0, err
			}
		}
		b.watch(before)
		b.tell()
		before = b.throttled()
	}
	return b.clock.Now().Sub(b.began), nil
}

// tell says how far the run is. A day of a million messages takes hours of the machine's time.
func (b *burst) tell() {
	now := time.Now()
	if b.toldAt.IsZero() {
		b.toldAt = now
	}
	if b.progress == nil || now.Sub(b.toldAt) < time.Minute {
		return
	}
	b.toldAt = now
	fmt.Fprintf(b.progress, "after %s of virtual time: %d of %d messages have ended\n", round(b.clock.Now().Sub(b.began)), b.tally.done(),
		b.messages)
}

// deadLetters is how many there are.
func (b *burst) deadLetters() int {
	ready, hidden := b.system.AWS.QueueDepth(system.DeadLetters)
	return ready + hidden
}

// throttled is how often what was throttled so far.
func (b *burst) throttled() map[string]int {
	refused, delayed := b.limits.Throttled()
	all := maps.Clone(refused)
	for name, n := range delayed {
		all[name+" (delayed)"] += n
	}
	return all
}

// check says everything that is wrong with what is asked for.
func (o burstOptions) check() error {
	var wrong []error
	if o.messages < 1 || o.messages > 10_000_000 {
		wrong = append(wrong, fmt.Errorf("-burst is %d, want 1 to 10000000", o.messages))
	}
	if o.through != "events" && o.through != "api" && o.through != campaigns {
		wrong = append(wrong, fmt.Errorf("-through is %q, want events, api or campaign", o.through))
	}
	if o.through == campaigns && (o.again || o.messages > mostOfCampaign) {
		wrong = append(wrong, fmt.Errorf("-through campaign goes without -again, and with -burst 1 to %d", mostOfCampaign))
	}
	if o.over <= 0 || o.over > 7*24*time.Hour {
		wrong = append(wrong, fmt.Errorf("-over is %v, want more than nothing and at most 168h", o.over))
	}
	if o.rate < 0 || o.rate > 1000 || o.reads < 0 || o.reads > 10_000 {
		wrong = append(wrong, errors.New("-rate is 0 to 1000, -reads 0 to 10000"))
	}
	return errors.Join(wrong...)
}
