package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	jsonv2 "github.com/go-json-experiment/json"

	"sms-api/awslocal/awsapi"
	"sms-api/awslocal/clock"
	"sms-api/awslocal/eventbus"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/awsenv"
	"sms-api/internal/deployment"
	"sms-api/internal/intake"
	"sms-api/local/system"
)

const (
	// speed is how many times faster the machine's waits are over: the 5 s until receipts are looked for take 50 ms. Time
	// limits of functions and tasks are not scaled.
	speed = 100
	// life is how long a message may take on the scaled clock before it expires, 7 days being the most that is allowed.
	// It is more than an hour of the machine's time.
	life = 6 * 24 * time.Hour
	// stall is how long a message may take in the machine's time before the run is given up.
	stall = 5 * time.Minute
	// kept is how many finished executions the endpoint remembers, and keptBytes how large they may be together.
	kept, keptBytes = 1000, 16 << 20
	// remembered is how many recipients and calls the stand-in remembers, at least.
	remembered = 10_000
	// closing is how long the system has to come to rest.
	closing = 10 * time.Second
)

// counts is what happened during a run.
type counts struct {
	requests, transitions, executions, invocations, calls, tableCalls atomic.Int64
}

// bench is a system under load.
type bench struct {
	options
	*counts
	ledger  *ledger
	clock   *clock.Scaled
	system  *system.System
	servers []*http.Server
	// api is the URL of the HTTP API, client who calls it, and aws the URL of the AWS-compatible endpoint.
	api, aws string
	client   *http.Client
}

// run makes a system, sends the messages through it, and reports. The error tells what was not delivered as claimed.
func run(ctx context.Context, o options) (Report, error) {
	b, err := start(ctx, o, nil)
	if err != nil {
		return Report{}, err
	}
	// The system shares its heap with the load and the stand-ins here, and must not be charged with collecting theirs.
	defer debug.SetGCPercent(debug.SetGCPercent(200))
	began := time.Now()
	before, _ := used()
	share, err := profiled(func() error { return b.load(ctx) })
	elapsed := time.Since(began)
	after, peakRSS := used()
	// A message that is sent twice may be sent late: nothing is final before everything has come to rest.
	if err = errors.Join(err, b.stop(), b.ledger.verdict()); err != nil {
		return Report{}, err
	}
	return b.report(elapsed, after-before, peakRSS, share), nil
}

// start makes a system that listens on loopback addresses of its own. ring is told what phones receive; without it the ledger is.
func start(ctx context.Context, o options, ring func(aligotest.PhoneMessage)) (*bench, error) {
	b := &bench{options: o, counts: &counts{}, ledger: newLedger(!o.faults), clock: clock.Real(speed), client: pooled()}
	var listeners []net.Listener
	giveUp := func(err error) (*bench, error) {
		for _, l := range listeners {
			_ = l.Close()
		}
		return nil, err
	}
	for range 3 {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return giveUp(fmt.Errorf("listen: %w", err))
		}
		listeners = append(listeners, l)
	}
	url := func(i int) string { return "http://" + listeners[i].Addr().String() }
	standin := aligotest.New(aligotest.Options{Now: b.clock.Now, Balance: 1e12, Keep: max(remembered, 2*o.concurrency*o.recipients)})
	if o.faults {
		for _, f := range vendorFaults() {
			if err := standin.SetFault(f); err != nil {
				return giveUp(err)
			}
		}
	}
	if ring != nil {
		standin.Subscribe(ring)
	} else {
		standin.Subscribe(b.ledger.ring)
	}
	s, err := system.New(system.Options{
		AWS: awsapi.Options{
			Clock: b.clock, Kept: kept, KeptBytes: keptBytes, Around: b.invoke, AroundTable: b.table,
			// A branch that is taken is a state entered, or a retry: what Step Functions bills as a transition.
			Trace: func(string) { b.transitions.Add(1) },
		},
		Aligo: standin, AWSURL: url(1), AligoURL: url(2), HTTP: pooled(),
		Identify: func(*http.Request) (intake.Caller, error) {
			return intake.Caller{ID: "bench", Scopes: intake.Scopes()}, nil
		},
		// Functions write their log lines, but to nobody.
		Log: slog.New(slog.NewJSONHandler(io.Discard, nil)), //nolint:sloglint // writing the log is a part of the work
	})
	if err != nil {
		return giveUp(err)
	}
	b.system, b.api, b.aws = s, url(0), url(1)
	if ring == nil {
		err = b.listen()
	}
	if err != nil {
		return giveUp(err)
	}
	for i, handler := range []http.Handler{counted(&b.requests, s.API), s.AWS, counted(&b.calls, standin)} {
		server := &http.Server{Handler: labelled(handler), ReadHeaderTimeout: time.Minute}
		b.servers = append(b.servers, server)
		// Serve ends with http.ErrServerClosed; if it ended with anything else, the run would come to a halt and say so.
		go func() { _ = server.Serve(listeners[i]) }()
	}
	return b, nil
}

// pooled is a client that keeps its connections: net/http keeps two, which is right for a function, and here all
// functions are one process.
func pooled() *http.Client {
	connections := func() *http.Transport {
		return &http.Transport{MaxIdleConnsPerHost: 1024, IdleConnTimeout: time.Minute}
	}
	return &http.Client{Transport: apart{table: connections(), others: connections()}, Timeout: time.Minute}
}

// counted counts the requests to a handler.
func counted(n *atomic.Int64, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		handler.ServeHTTP(w, r)
	})
}

// invoke counts an invocation and, with faults, lets some fail. The function that writes records works for the table.
func (b *bench) invoke(
	ctx context.Context, function string, next func(context.Context) ([]byte, error),
) (answer []byte, err error) {
	b.invocations.Add(1)
	worker := forOthers
	if function == deployment.Record {
		worker = forTable
	}
	pprof.Do(ctx, worker, func(ctx context.Context) {
		if b.faults {
			answer, err = failingFunctions(ctx, next)
		} else {
			answer, err = next(ctx)
		}
	})
	return answer, err
}

// listen subscribes to what the system announces, as another service would.
func (b *bench) listen() error {
	bus := b.system.AWS.Bus(system.BusName)
	if _, err := bus.PutRule(eventbus.Rule{Name: "settled", Pattern: `{"source":["sms-api"],"detail-type":["MessageSettled"]}`}); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	err := bus.PutTargets("settled", eventbus.Target{ID: "bench", Deliver: func(_ context.Context, event json.RawMessage) error {
		var e struct {
			Detail outcome `json:"detail"`
		}
		// The load must not be what is measured: this takes a third of encoding/json's time.
		if err := jsonv2.Unmarshal(event, &e); err != nil {
			return err
		}
		b.ledger.ended(e.Detail)
		return nil
	}})
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	return nil
}

// load sends the messages, as many at a time as concurrency says, and returns when all have settled.
func (b *bench) load(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(b.concurrency, b.messages) {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= b.messages {
					return
				}
				if err := b.send(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// send asks for one message and waits until it has settled.
func (b *bench) send(ctx context.Context, i int) error {
	reference, numbers := "bench-"+strconv.Itoa(i), b.numbers(i)
	body := b.request(reference, numbers)
	f := b.ledger.begin(reference, numbers)
	id, err := b.post(ctx, body)
	if err != nil {
		return fmt.Errorf("%s: %w", reference, err)
	}
	b.executions.Add(1)
	timer := time.NewTimer(stall)
	defer timer.Stop()
	select {
	case <-f.settled:
		return nil
	case <-timer.C:
		return fmt.Errorf("%s has not settled after %v; its latest events, newest first: %s", reference, stall, b.latest(ctx, id))
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// request is the body of POST /v1/messages.
func (b *bench) request(reference string, numbers []string) []byte {
	body := make([]byte, 0, 200*(len(numbers)+1))
	body = fmt.Appendf(body, `{"template":"TX_1234","reference":%q,"expiresAt":%q,"recipients":[`, reference,
		b.clock.Now().Add(life).Format(time.RFC3339))
	for i, number := range numbers {
		body = append(append(body, `{"to":"`...), number...)
		body = append(append(body, `","name":"홍길동","variables":{"주문번호":"A-`...), reference...)
		body = append(strconv.AppendInt(append(body, '-'), int64(i), 10), `"}},`...)
	}
	return append(body[:len(body)-1], `]}`...)
}

// post asks for a message and returns its id.
func (b *bench) post(ctx context.Context, body []byte) (id string, _ error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.api+"/v1/messages", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := b.client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	if resp.StatusCode != http.StatusAccepted {
		return "", fmt.Errorf("POST /v1/messages: %d %s", resp.StatusCode, strings.TrimSpace(string(answer)))
	}
	var accepted struct{ ID string }
	if err := json.Unmarshal(answer, &accepted); err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	return accepted.ID, nil
}

// latest is what an execution did last, for whoever has to find out why it does not end.
func (b *bench) latest(ctx context.Context, id string) string {
	config := awsenv.New(awsapi.Region, aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, b.aws)
	arn := strings.Replace(b.system.StateMachineARN, ":stateMachine:", ":execution:", 1) + ":" + id
	history, err := sfn.NewFromConfig(config).GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{
		ExecutionArn: &arn, ReverseOrder: true, MaxResults: 10,
	})
	if err != nil {
		return err.Error()
	}
	var events []string
	for _, e := range history.Events {
		event := string(e.Type)
		switch {
		case e.StateEnteredEventDetails != nil:
			event += " " + aws.ToString(e.StateEnteredEventDetails.Name)
		case e.TaskFailedEventDetails != nil:
			event += " " + aws.ToString(e.TaskFailedEventDetails.Error) + " " + aws.ToString(e.TaskFailedEventDetails.Cause)
		}
		events = append(events, event)
	}
	return strings.Join(events, "; ")
}

// stop lets what is under way end, and closes the connections.
func (b *bench) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	// The machine first: what it calls must still be there.
	err := b.system.AWS.Close(ctx)
	for _, server := range b.servers {
		err = errors.Join(err, server.Close())
	}
	b.client.CloseIdleConnections()
	return err
}
