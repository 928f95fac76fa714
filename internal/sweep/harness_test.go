package sweep_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/sivchari/kumo/inprocess"

	"sms-api/internal/awsenv"
	"sms-api/internal/execution"
	"sms-api/internal/message"
	"sms-api/internal/records"
	"sms-api/internal/sweep"
	"sms-api/internal/tally"
	"sms-api/internal/testkit"
	"sms-api/internal/testkit/tabletest"
)

var began = time.Date(2026, 12, 1, 0, 30, 0, 0, time.UTC)

// run is the execution of a message.
type run struct {
	listed execution.Listed
	seen   execution.Seen
}

// world is a table of one's own, executions that a test makes up, and a clock that stands still until it is moved.
type world struct {
	*testkit.Clock

	tb      testing.TB
	store   *records.Store
	metrics *testkit.Buffer
	logs    *testkit.Buffer

	mu sync.Mutex
	// runs are the executions, the newest last.
	runs []*run
	// page is how many are listed at once, listings how often somebody has asked.
	page, listings int
	// looks are the ids of those that were looked at, and announced of those that were put on the bus.
	looks, announced []string
	keys             []string
	// calls counts the calls of AWS; after killed of them everything ends. Before each, fail may fail it.
	calls, killed int
	kill          context.CancelFunc
	fail          func(operation string) error
	// stuck is how many campaigns do not go on, away the error of those that cannot be looked at.
	stuck int
	away  error
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{
		Clock: testkit.NewClock(began), tb: tb, metrics: &testkit.Buffer{}, logs: &testkit.Buffer{}, page: 1000, keys: []string{"secret"},
	}
	table := inprocess.DynamoDB()
	client := func(through aws.HTTPClient) *dynamodb.Client {
		config := awsenv.New("ap-northeast-2", aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, "http://table")
		config.HTTPClient = through
		return dynamodb.NewFromConfig(config, func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 })
	}
	serve := func(r *http.Request) *http.Response {
		recorder := httptest.NewRecorder()
		table.ServeHTTP(recorder, r)
		return recorder.Result()
	}
	w.store = &records.Store{
		Client: client(doer(func(r *http.Request) (*http.Response, error) {
			_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
			if err := w.call(r.Context(), operation); err != nil {
				return nil, err
			}
			return serve(r), nil
		})),
		Table: "table", Numbers: w, Kept: 90 * 24 * time.Hour, Now: w.Now, Log: testkit.Log(w.logs),
	}
	raw := client(doer(func(r *http.Request) (*http.Response, error) { return serve(r), nil }))
	tabletest.Create(tb, raw, "table")
	return w
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

// call is what happens to every call of AWS.
func (w *world) call(ctx context.Context, operation string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.calls++; w.calls == w.killed {
		w.kill()
		return context.Canceled
	}
	if w.fail != nil {
		return w.fail(operation)
	}
	return nil
}

// NumberKeys are the keys that numbers are hashed with.
func (w *world) NumberKeys(context.Context) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.keys, nil
}

// List gives the executions, the newest first; a token is how many are left.
func (w *world) List(ctx context.Context, token string) (page []execution.Listed, next string, err error) {
	if err := w.call(ctx, "ListExecutions"); err != nil {
		return nil, "", err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listings++
	left := len(w.runs)
	if token != "" {
		if _, err := fmt.Sscan(token, &left); err != nil || left > len(w.runs) {
			return nil, "", execution.ErrToken
		}
	}
	for len(page) < w.page && left > 0 {
		left--
		page = append(page, w.runs[left].listed)
	}
	if left > 0 {
		next = fmt.Sprint(left)
	}
	return page, next, nil
}

// Look is execution.Executions'.
func (w *world) Look(ctx context.Context, id string) (execution.Seen, error) {
	if err := w.call(ctx, "DescribeExecution"); err != nil {
		return execution.Seen{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks = append(w.looks, id)
	for _, r := range w.runs {
		if r.listed.ID == id {
			return r.seen, nil
		}
	}
	return execution.Seen{}, execution.ErrNotFound
}

// Put is announce.Bus's.
func (w *world) Put(ctx context.Context, detailType string, detail any) error {
	if err := w.call(ctx, "PutEvents"); err != nil {
		return err
	}
	o, ok := detail.(message.Outcome)
	if !ok || detailType != "MessageSettled" {
		return errors.New("no outcome")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.announced = append(w.announced, o.ID)
	return nil
}

// watch looks at the campaigns, of which some are stuck.
type watch struct{ *world }

func (w watch) Look(context.Context) (stuck int, err error) { return w.stuck, w.away }

// sweeper is a Sweeper of this world.
func (w *world) sweeper() *sweep.Sweeper {
	log := testkit.Log(w.logs)
	return &sweep.Sweeper{
		Executions: w, Records: w.store, Campaigns: watch{w}, Bus: w, Now: w.Now, Log: log,
		Counter: &tally.Recorder{Records: w.store, Stack: "dev", Metrics: w.metrics, Now: w.Now, Log: log},
		Sleep:   func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
}

// sweeps makes a sweep that is to succeed.
func (w *world) sweeps() sweep.Report {
	w.tb.Helper()
	r, err := w.sweeper().Handle(context.Background())
	if err != nil {
		w.tb.Fatal(err)
	}
	return r
}

// did are the ids of those that were looked at since the last call.
func (w *world) did() (looks, announced []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	looks, announced = slices.Sorted(slices.Values(w.looks)), slices.Sorted(slices.Values(w.announced))
	w.looks, w.announced = nil, nil
	return looks, announced
}

// announcedOne is that one message has been announced since.
func (w *world) announcedOne() {
	w.tb.Helper()
	if _, announced := w.did(); len(announced) != 1 {
		w.tb.Errorf("announced %q", announced)
	}
}

// announcedNext is that the sweep an hour later announces one message, and that the records are complete then.
func (w *world) announcedNext(r *run) {
	w.tb.Helper()
	w.Add(hour)
	w.sweeps()
	w.announcedOne()
	w.complete(r)
}

// counted is how many messages the metrics have.
func (w *world) counted() int { return bytes.Count([]byte(w.metrics.String()), []byte("\n")) }

// message is the nth message, which was accepted now.
func (w *world) message(n int) message.Message {
	return message.Message{
		ID: fmt.Sprintf("01933333-0000-7000-8000-%012d", n), Caller: "shop", Fingerprint: strings.Repeat("ab", 32),
		Channel: message.AlimTalk, Template: "TX_1234", CreatedAt: w.Now(), ExpiresAt: w.Now().Add(24 * time.Hour), Guarded: true,
		Recipients: []message.Recipient{{To: message.Phone(fmt.Sprintf("010%08d", n))}},
	}
}

// start has a message under way; it is told to the records if told.
func (w *world) start(m message.Message, told bool) *run {
	w.tb.Helper()
	r := &run{listed: execution.Listed{ID: m.ID, Started: w.Now()}}
	r.seen = execution.Seen{Message: m, Outcome: message.Underway(m, message.Progress{Recipients: message.Pendings(m), Seq: 1}),
		Version: records.Version{Seq: 1}}
	w.mu.Lock()
	w.runs = append(w.runs, r)
	w.mu.Unlock()
	if told {
		w.store.Accepted(context.Background(), m)
		w.store.Went(context.Background(), m, r.seen.Outcome, records.Version{Seq: 1}, true)
	}
	return r
}

// end ends it, as delivered or not.
func (w *world) end(r *run, status message.Status, announced, told bool) {
	w.tb.Helper()
	m := r.seen.Message
	all := message.Pendings(m)
	for i := range all {
		all[i].Status, all[i].Channel, all[i].At = status, message.AlimTalk, w.Now()
	}
	w.mu.Lock()
	r.seen.Outcome, r.seen.Version = message.Settled(m, all, w.Now()), records.Version{Redrives: r.listed.Redrives, Ended: true}
	r.seen.Ended, r.seen.Stopped, r.seen.Announced, r.seen.Redrivable = true, w.Now(), announced, !announced
	r.listed.Ended, r.listed.Stopped, r.listed.Succeeded = true, w.Now(), announced
	w.mu.Unlock()
	if told {
		w.store.Went(context.Background(), m, r.seen.Outcome, r.seen.Version, false)
		if _, err := w.store.Settled(context.Background(), r.seen.Outcome); err != nil {
			w.tb.Fatal(err)
		}
	}
}

// complete checks that a message is found in every way, as its execution says.
func (w *world) complete(r *run) {
	w.tb.Helper()
	m := r.seen.Message
	got, ok, err := w.store.Find(context.Background(), m.ID)
	switch {
	case err != nil || !ok:
		w.tb.Errorf("%s: no record, %v", m.ID, err)
	case got.Outcome.Status != r.seen.Outcome.Status || got.Announced != r.listed.Ended || !got.Listed || !got.Indexed ||
		got.Message.Caller != "shop":
		w.tb.Errorf("%s: %+v", m.ID, got)
	}
	for name, q := range map[string]records.Query{
		"by number": {To: m.Recipients[0].To}, "the caller's": {Caller: "shop"},
		"everybody's": {From: m.CreatedAt, Until: m.CreatedAt.Add(time.Millisecond)},
	} {
		q.Limit = records.MaxPage
		page, err := w.store.Search(context.Background(), q)
		n := 0
		for _, f := range page.Found {
			if f.Message.ID == m.ID {
				n++
			}
		}
		if err != nil || n != 1 {
			w.tb.Errorf("%s is there %d times %s, %v", m.ID, n, name, err)
		}
	}
}
