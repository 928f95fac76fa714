package intake_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sms-api/internal/campaign"
	"sms-api/internal/execution"
	"sms-api/internal/intake"
	"sms-api/internal/limits"
	"sms-api/internal/message"
	"sms-api/internal/optout"
	"sms-api/internal/testkit/tabletest"
)

// limited is a system whose doors have limits, for callers over HTTP and on the bus.
type limited struct {
	*system
	*limits.Limits

	table *tabletest.Table
	bus   *door
}

func newLimited(t *testing.T, set func(*limits.Limits)) *limited {
	t.Helper()
	l := &limited{system: newSystem(t), table: tabletest.New(t), bus: newDoor()}
	l.now = time.Date(2026, 12, 1, 11, 59, 30, 250e6, message.Korea())
	l.Limits = &limits.Limits{
		Client: l.table.Client, Table: tabletest.Name, Numbers: tabletest.Keys{"k"}, Now: func() time.Time { return l.now },
		Log: l.bus.events.Log,
	}
	set(l.Limits)
	l.serve(&intake.API{Limits: l.Limits})
	l.bus.events.Limits, l.bus.events.Now = l.Limits, l.Now
	l.bus.events.Executions = l.store
	return l
}

// ask makes a request over HTTP, once, and holds the answer to the document.
func (l *limited) ask(t *testing.T, method, path, caller, body string, headers ...string) response {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	request.Header.Set("X-Test-Caller", caller)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for pair := range slices.Chunk(headers, 2) {
		request.Header.Set(pair[0], pair[1])
	}
	recorder := httptest.NewRecorder()
	l.handler.ServeHTTP(recorder, request)
	result := recorder.Result()
	got, err := io.ReadAll(result.Body)
	if err != nil {
		t.Fatal(err)
	}
	l.validate(t, request, body, result, got)
	return response{Response: result, body: got}
}

func (l *limited) post(t *testing.T, want int, caller, body string, headers ...string) response {
	t.Helper()
	got := l.ask(t, http.MethodPost, "/v1/messages", caller, body, headers...)
	if got.StatusCode != want {
		t.Errorf("%s: %d %s, want %d", caller, got.StatusCode, got.body, want)
	}
	return got
}

// orders is a request for AlimTalk to numbers that end in these digits.
func orders(endings ...string) string {
	var all []string
	for _, e := range endings {
		all = append(all, `{"to":"0101234`+e+`","name":"홍길동","variables":{"주문번호":"A-17"}}`)
	}
	return `{"template":"TX_1234","recipients":[` + strings.Join(all, ",") + `]}`
}

// told is what a problem says of limits.
func told(t *testing.T, body []byte) intake.Problem {
	t.Helper()
	var p intake.Problem
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return p
}

// Who is over a limit is told which one, what it allows, until when, and for whom.
func TestOverALimit(t *testing.T) {
	t.Parallel()
	l := newLimited(t, func(l *limits.Limits) { l.Untrusted = limits.Rules{NumberHour: 1} })
	l.post(t, http.StatusAccepted, untrusted, orders("5678"))
	l.now = l.now.Add(10 * time.Minute)
	got := l.post(t, http.StatusTooManyRequests, untrusted, orders("5678"))
	// There is room 49 minutes and 60.25 − 60 seconds later; whoever comes when he is told to comes in time.
	if after := got.Header.Get("Retry-After"); after != "3000" {
		t.Errorf("Retry-After %s, want 3000", after)
	}
	want := intake.Problem{
		Type: "urn:sms-api:problem:limit-exceeded", Title: "This is more than the limits allow", Status: http.StatusTooManyRequests,
		Detail: "there is no room in number-hour",
		Errors: []message.ValidationError{{
			Pointer: "/recipients/0/to", Detail: "gets at most 1 messages in an hour; there is room at 2026-12-01T03:59:31Z",
		}},
		Limits: []intake.LimitHit{{Limit: limits.NumberHour, Max: 1, Until: time.Date(2026, 12, 1, 3, 59, 31, 0, time.UTC)}},
	}
	if p, w := fmt.Sprint(told(t, got.body)), fmt.Sprint(want); p != w {
		t.Errorf("told\n%s, want\n%s", p, w)
	}
	l.now = l.now.Add(3000*time.Second - time.Millisecond)
	l.post(t, http.StatusTooManyRequests, untrusted, orders("5678"))
	l.now = l.now.Add(time.Millisecond)
	l.post(t, http.StatusAccepted, untrusted, orders("5678"))
}

// All limits of a batch are told at once, each with whom it is about.
func TestAllLimitsOfABatchAreToldAtOnce(t *testing.T) {
	t.Parallel()
	l := newLimited(t, func(l *limits.Limits) {
		l.Trusted, l.StackDay, l.Same = limits.Rules{NumberHour: 1, NumberDay: 2, CallerDay: 3}, 3, time.Minute
	})
	first := l.post(t, http.StatusAccepted, service, orders("5678")).id(t)
	l.now = l.now.Add(30 * time.Second)
	got := l.post(t, http.StatusTooManyRequests, service, orders("5677", "5678", "5679"))
	p := told(t, got.body)
	var all []string
	for _, hit := range p.Limits {
		all = append(all, fmt.Sprintf("%s %d %s", hit.Limit, hit.Max, hit.Until.In(message.Korea()).Format("02T15:04:05")))
	}
	for _, e := range p.Errors {
		what, _, _ := strings.Cut(e.Detail, ";")
		all = append(all, e.Pointer+" "+what)
	}
	want := []string{
		"number-hour 1 01T12:59:31", "caller-day 3 02T00:00:00", "stack-day 3 02T00:00:00", "same-content 1 01T12:00:31",
		"/recipients/1/to gets at most 1 messages in an hour",
		"/recipients this caller sends to at most 3 recipients on a day",
		"/recipients this system sends to at most 3 recipients on a day",
		"/recipients/1/to has the same content already, from message " + first,
	}
	if !slices.Equal(all, want) {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(all, "\n"), strings.Join(want, "\n"))
	}
	// The longest of them is until when another try makes sense.
	if after := got.Header.Get("Retry-After"); after != "43200" {
		t.Errorf("Retry-After %s, want that of midnight", after)
	}
}

// A refusal says nothing of what others have asked for: no name, no id, no count.
func TestARefusalSaysNothingOfOtherCallers(t *testing.T) {
	t.Parallel()
	l := newLimited(t, func(l *limits.Limits) { l.Untrusted, l.StackDay, l.Same = limits.Rules{NumberDay: 2}, 4, time.Hour })
	var others []string
	for _, one := range []string{"5678", "5678", "5679", "5670"} {
		others = append(others, l.post(t, http.StatusAccepted, "somebody"+one+fmt.Sprint(len(others))+" messages:send", orders(one)).id(t))
	}
	got := string(l.post(t, http.StatusTooManyRequests, untrusted, orders("5678")).body)
	for _, secret := range append(others, "somebody", `"used"`, "same-content", "5678") {
		if strings.Contains(got, secret) {
			t.Errorf("%s\nsays %q", got, secret)
		}
	}
	if p := told(t, []byte(got)); len(p.Limits) != 2 || p.Limits[0].Max != 2 || p.Limits[1].Max != 4 {
		t.Errorf("told %+v", p.Limits)
	}
}

// A misspelt parameter does not make a question about one caller one about everybody.
func TestParametersOfLimits(t *testing.T) {
	t.Parallel()
	l := newLimited(t, func(*limits.Limits) {})
	for query, says := range map[string]string{
		"callers=service": "a parameter is not known; there are caller, to", "caller=a&caller=b": "is there 2 times",
		"to=01012345678&caller=a": "do not go together", "to=12": "it begins as none does",
		"caller=": "is blank", "to=": "is blank",
	} {
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			if got := l.ask(t, method, "/v1/limits?"+query, "operator messages:admin", ""); got.StatusCode != http.StatusBadRequest ||
				!strings.Contains(string(got.body), says) {
				t.Errorf("%s ?%s: %d %s", method, query, got.StatusCode, got.body)
			}
		}
	}
}

// What is refused, cancelled or a replay takes nothing.
func TestWhatCostsNoCount(t *testing.T) {
	t.Parallel()
	l := newLimited(t, func(l *limits.Limits) { l.Trusted, l.StackDay = limits.Rules{NumberDay: 2, CallerDay: 3}, 3 })
	used := func(want ...int) {
		t.Helper()
		var got []int
		for _, query := range []string{"to=01012345678", "caller=service", ""} {
			var use intake.LimitUse
			body := l.ask(t, http.MethodGet, "/v1/limits?"+query, "operator messages:admin", "").body
			if err := json.Unmarshal(body, &use); err != nil {
				t.Fatal(err)
			}
			got = append(got, use.Limits[len(use.Limits)-1].Used)
		}
		if !slices.Equal(got, want) {
			t.Errorf("the number, the caller and the stack have used %d, want %d", got, want)
		}
	}
	id := l.post(t, http.StatusAccepted, service, orders("5678"), "Idempotency-Key", "a").id(t)
	used(1, 1, 1)
	for range 3 {
		l.now = l.now.Add(2 * time.Minute)
		l.post(t, http.StatusOK, service, orders("5678"), "Idempotency-Key", "a")
	}
	used(1, 1, 1)
	l.post(t, http.StatusUnprocessableEntity, service, orders("5679"), "Idempotency-Key", "a") // a conflict
	l.post(t, http.StatusUnprocessableEntity, service, strings.Replace(orders("5678"), "주문번호", "번호", 1))
	l.post(t, http.StatusTooManyRequests, service, orders("5678", "5677", "5676"))
	used(1, 1, 1)
	if got := l.ask(t, http.MethodDelete, "/v1/messages/"+id, service, ""); got.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	used(0, 0, 0)
	// It is still the message of its key, and counts no more.
	l.post(t, http.StatusOK, service, orders("5678"), "Idempotency-Key", "a")
	l.ask(t, http.MethodDelete, "/v1/messages/"+id, service, "")
	used(0, 0, 0)
	l.post(t, http.StatusAccepted, service, orders("5678", "5677"))
	used(1, 2, 2)
	// When no more fits, a replay is still the message that it was.
	l.post(t, http.StatusAccepted, service, orders("5676"), "Idempotency-Key", "b")
	l.post(t, http.StatusOK, service, orders("5676"), "Idempotency-Key", "b")
	used(1, 3, 3)
}

// held holds up the first start until it is let go.
type held struct {
	*store

	first        atomic.Bool
	reached, let chan struct{}
}

func (h *held) Start(ctx context.Context, m message.Message) (message.Message, bool, error) {
	if h.first.CompareAndSwap(false, true) {
		close(h.reached)
		<-h.let
	}
	return h.store.Start(ctx, m)
}

// Of two requests with one key at once the one counts and the other starts the message: then that is counted, whatever the first
// one's start comes to.
func TestTwoRequestsWithOneKeyAtOnceAreCounted(t *testing.T) {
	t.Parallel()
	l := newLimited(t, func(l *limits.Limits) {
		l.Untrusted, l.StackDay, l.Same = limits.Rules{NumberHour: 1, NumberDay: 1, CallerDay: 1}, 8, time.Hour
	})
	h := &held{store: l.store, reached: make(chan struct{}), let: make(chan struct{})}
	l.serve(&intake.API{Limits: l.Limits, Executions: h})
	var wait sync.WaitGroup
	wait.Go(func() { l.post(t, http.StatusOK, untrusted, orders("5678"), "Idempotency-Key", "a") })
	<-h.reached
	l.post(t, http.StatusAccepted, untrusted, orders("5678"), "Idempotency-Key", "a")
	close(h.let)
	wait.Wait()
	for _, key := range []string{"b", "c"} {
		l.post(t, http.StatusTooManyRequests, untrusted, orders("5678"), "Idempotency-Key", key)
	}
}

// chunk is the only chunk of a campaign, and what its guard says and what befalls its file.
type chunk struct {
	campaign.Chunk

	sent, away error
}

func (c *chunk) Cancel(context.Context, string, time.Time) error { return c.sent }

func (c *chunk) Unwant(context.Context, string) error { return c.sent }

// chunkOf makes chunks of campaigns, all of which have the same chunk.
func (l *limited) chunkOf(t *testing.T, request string) (*intake.Chunks, *chunk) {
	t.Helper()
	r, err := message.Decode([]byte(request))
	if err != nil {
		t.Fatal(err)
	}
	c := &chunk{Chunk: campaign.Chunk{Recipients: r.Recipients}}
	return &intake.Chunks{
		Executions: l.store, Guards: c, Files: chunkFile{c}, Rules: intake.Rules{Limits: l.Limits}, Limits: l.Limits, Templates: l.vendor,
		Now: l.Now, Log: l.Log,
	}, c
}

// chunkFile is where a chunk is read from.
type chunkFile struct{ *chunk }

func (c chunkFile) Chunk(context.Context, campaign.Campaign, int) (campaign.Chunk, error) {
	return c.chunk.Chunk, c.away
}

// ofID is a campaign of an id.
func ofID(id string) campaign.Campaign {
	return campaign.Campaign{ID: id, Caller: "service", Request: []byte(`{"template":"TX_1234","bytes":1}`)}
}

// A chunk whose cancellation could not give back what it has taken is not done with: the next turn of its campaign gives it back.
func TestACancelledChunkGivesBackInTheEnd(t *testing.T) {
	t.Parallel()
	l := newLimited(t, func(l *limits.Limits) { l.Trusted = limits.Rules{NumberHour: 1} })
	chunks, chunk := l.chunkOf(t, orders("5678"))
	if err := chunks.Start(t.Context(), ofID("c"), 0, chunk.Chunk); err != nil {
		t.Fatal(err)
	}
	l.table.Fail(func(string) tabletest.Fault { return tabletest.Before })
	if err := chunks.Cancel(t.Context(), ofID("c"), 0); err == nil {
		t.Error("a cancellation without the table is done with")
	}
	l.table.Fail(nil)
	l.post(t, http.StatusTooManyRequests, service, orders("5678"))
	if err := chunks.Cancel(t.Context(), ofID("c"), 0); err != nil {
		t.Error(err)
	}
	l.post(t, http.StatusAccepted, service, orders("5678"))
}

// A chunk whose start was lost has taken its part of the limits, and its campaign is cancelled before it is started again: nobody gets
// it, so that nobody is refused in its favour either, as when the campaign is made anew with what was wrong put right. So it is with one
// that was being started once more when it was cancelled first.
func TestACancelledChunkThatNeverStartedGivesBack(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*limits.Limits){
		"number":       func(l *limits.Limits) { l.Trusted = limits.Rules{NumberDay: 1} },
		"same content": func(l *limits.Limits) { l.Same = 24 * time.Hour },
	} {
		l := newLimited(t, set)
		chunks, chunk := l.chunkOf(t, orders("5678"))
		anew := func() error { return chunks.Start(t.Context(), ofID("anew"), 0, chunk.Chunk) }
		for range 2 {
			chunks.Executions = lostStart{l.store}
			if err := chunks.Start(t.Context(), ofID("c"), 0, chunk.Chunk); err == nil {
				t.Fatal("it was to be lost")
			}
			chunks.Executions = l.store
			for what, wrong := range map[string]*error{"its guard says that it was sent": &chunk.sent, "its file cannot be read": &chunk.away} {
				*wrong = errors.New("away")
				if err := chunks.Cancel(t.Context(), ofID("c"), 0); err == nil {
					t.Errorf("%s: it is done with, though %s", name, what)
				}
				var refused *campaign.RefusedError
				if err := anew(); !errors.As(err, &refused) {
					t.Errorf("%s: it has given back, though %s: %v", name, what, err)
				}
				*wrong = nil
			}
			l.table.Fail(func(string) tabletest.Fault { return tabletest.Before })
			if err := chunks.Cancel(t.Context(), ofID("c"), 0); err == nil {
				t.Errorf("%s: it is done with, though it could not give back", name)
			}
			l.table.Fail(nil)
			if err := chunks.Cancel(t.Context(), ofID("c"), 0); err != nil {
				t.Error(err)
			}
			l.now = l.now.Add(time.Minute)
		}
		if err := anew(); err != nil {
			t.Errorf("%s: the campaign that takes its place is parked: %v", name, err)
		}
	}
}

// Events over a limit are rejected on the bus, in the same words, and are no dead letters.
func TestEventsOverALimitAreRejected(t *testing.T) {
	t.Parallel()
	l := newLimited(t, func(l *limits.Limits) { l.Trusted = limits.Rules{NumberHour: 1} })
	for _, id := range []string{"e-1", "e-1", "e-2", "e-2"} {
		if err := l.bus.handle(t, event(id, strings.Replace(order, "{", `{"reference":"order-17",`, 1))); err != nil {
			t.Fatal(err)
		}
	}
	if n := l.store.count(); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
	if got := l.bus.acceptances(t); len(got) != 2 {
		t.Errorf("accepted %s, want the first event twice", got)
	}
	rejected := l.bus.rejections(t)
	want := `{"type":"urn:sms-api:problem:limit-exceeded","title":"This is more than the limits allow","status":429,` +
		`"detail":"there is no room in number-hour","errors":[{"pointer":"/recipients/0/to",` +
		`"detail":"gets at most 1 messages in an hour; there is room at 2026-12-01T03:59:31Z"}],` +
		`"limits":[{"limit":"number-hour","max":1,"until":"2026-12-01T03:59:31Z"}],"idempotencyKey":"e-2","reference":"order-17"}`
	if !slices.Equal(rejected, []string{want, want}) {
		t.Errorf("rejected %s, want %s twice", rejected, want)
	}
}

// While the table is away the doors are closed to frontends and open to trusted callers, and a line that an alarm counts says so.
func TestDoorsWithoutTheTable(t *testing.T) {
	t.Parallel()
	l := newLimited(t, func(l *limits.Limits) {
		l.Untrusted, l.Trusted = limits.Rules{NumberHour: 1}, limits.Rules{NumberHour: 1}
	})
	l.table.Fail(func(string) tabletest.Fault { return tabletest.Before })
	got := l.post(t, http.StatusServiceUnavailable, untrusted, orders("5678"), "Idempotency-Key", "a")
	if got.Header.Get("Retry-After") != "5" || l.store.count() != 0 {
		t.Errorf("Retry-After %q, %d messages", got.Header.Get("Retry-After"), l.store.count())
	}
	const line = `"msg":"accepted without looking","open":"limits"`
	if strings.Contains(l.log.String(), line) {
		t.Error("a door that is closed says that it is open")
	}
	for range 2 {
		l.post(t, http.StatusAccepted, service, orders("5678"))
	}
	if n := strings.Count(l.log.String(), line); n != 2 {
		t.Errorf("the log has %d lines of open doors, want 2: %s", n, l.log)
	}
	if err := l.bus.handle(t, event("e-1", order)); err != nil || l.store.count() != 3 {
		t.Errorf("%v, %d messages", err, l.store.count())
	}
	if !strings.Contains(l.bus.log.String(), line) {
		t.Errorf("the log of the bus's door has no line of it: %s", l.bus.log)
	}
	// With the table the frontend repeats its request, and nothing has been counted of what came in without it.
	l.table.Fail(nil)
	l.post(t, http.StatusAccepted, untrusted, orders("5678"), "Idempotency-Key", "a")
	l.post(t, http.StatusAccepted, service, orders("5678"))
	l.post(t, http.StatusTooManyRequests, service, orders("5678"))
}

// Advertising is accepted while nobody can say who has opted out: right before its send the list is looked at again.
func TestAdvertisingWithoutTheList(t *testing.T) {
	t.Parallel()
	l := newLimited(t, func(*limits.Limits) {})
	l.table.Fail(func(string) tabletest.Fault { return tabletest.Before })
	l.serve(&intake.API{OptOuts: &optout.List{Client: l.table.Client, Table: tabletest.Name, Numbers: tabletest.Keys{"k"}}})
	l.post(t, http.StatusAccepted, service,
		`{"channel":"sms","purpose":"ad","text":"오늘만 반값","recipients":[{"to":"01012345678"}]}`)
	if !strings.Contains(l.log.String(), `"open":"opt-outs"`) {
		t.Errorf("log: %s", l.log)
	}
}

// Where opt-outs cover everything, a frontend's door is closed while the list cannot be read.
func TestInformationWithoutTheList(t *testing.T) {
	t.Parallel()
	l := newLimited(t, func(*limits.Limits) {})
	l.table.Fail(func(string) tabletest.Fault { return tabletest.Before })
	list := &optout.List{Client: l.table.Client, Table: tabletest.Name, Numbers: tabletest.Keys{"k"}}
	l.serve(&intake.API{OptOuts: list, OptOutsCoverInfo: true})
	l.post(t, http.StatusServiceUnavailable, untrusted, orders("5678"))
	l.post(t, http.StatusAccepted, service, orders("5678"))
	l.serve(&intake.API{OptOuts: list})
	l.post(t, http.StatusAccepted, untrusted, orders("5678"))
}

// A start that was refused gives back what it took, so that nobody is refused in favour of a message that is not there; one whose
// answer was lost keeps it.
func TestAStartThatSurelyFailedCountsNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want int
	}{{fmt.Errorf("%w: throttled", execution.ErrNotStarted), http.StatusAccepted}, {http.ErrServerClosed, http.StatusTooManyRequests}} {
		l := newLimited(t, func(l *limits.Limits) {
			l.Trusted, l.StackDay, l.Same = limits.Rules{NumberHour: 1, CallerDay: 1}, 1, time.Hour
		})
		l.store.err = c.err
		l.post(t, http.StatusServiceUnavailable, service, orders("5678"))
		l.store.err = nil
		l.post(t, c.want, service, orders("5678"))
	}
}

// While nobody knows whether a message that is counted for a time that is over is being started, its request is not accepted uncounted:
// not a trusted caller's either.
func TestARequestInDoubtComesAgain(t *testing.T) {
	t.Parallel()
	l := newLimited(t, func(l *limits.Limits) { l.Trusted = limits.Rules{NumberHour: 1} })
	began := l.now
	at := func(after time.Duration, lost bool, want int) {
		t.Helper()
		l.now = began.Add(after)
		l.serve(&intake.API{Limits: l.Limits})
		if lost {
			l.serve(&intake.API{Limits: l.Limits, Executions: lostStart{l.store}})
		}
		l.post(t, want, service, orders("5678"), "Idempotency-Key", "a")
	}
	at(0, true, http.StatusServiceUnavailable)
	at(55*time.Second, true, http.StatusServiceUnavailable)
	at(61*time.Second, false, http.StatusServiceUnavailable)
	at(116*time.Second, false, http.StatusAccepted)
	l.post(t, http.StatusTooManyRequests, service, orders("5678"))
}

// A message whose start failed, and which comes again on another day as a dead letter, counts on that day.
func TestADeadLetterCountsWhenItComesAgain(t *testing.T) {
	t.Parallel()
	l := newLimited(t, func(l *limits.Limits) { l.Trusted = limits.Rules{NumberDay: 1} })
	l.store.err = http.ErrServerClosed
	if err := l.bus.handle(t, event("e-1", order)); err == nil {
		t.Error("the event was handled without Step Functions")
	}
	l.store.err = nil
	l.now = l.now.Add(13 * time.Hour) // after midnight, and the event is not a day old
	if err := l.bus.handle(t, event("e-2", order)); err != nil || l.store.count() != 1 {
		t.Errorf("%v, %d messages", err, l.store.count())
	}
	if err := l.bus.handle(t, event("e-1", order)); err != nil || l.store.count() != 1 || len(l.bus.rejections(t)) != 1 {
		t.Errorf("%v, %d messages, rejected %s; want a rejection, because the day is full", err, l.store.count(), l.bus.rejections(t))
	}
}

// cancelledUntil is a guard that notes for how long messages are cancelled.
type cancelledUntil struct {
	chunk

	times []time.Time
}

func (c *cancelledUntil) Cancel(_ context.Context, _ string, expiry time.Time) error {
	c.times = append(c.times, expiry)
	return nil
}

// A chunk that does not show is never sent from the first cancellation on, for as long as somebody could be starting it, also when its file
// cannot be read.
func TestACancelledChunkIsShutThoughItsFileIsAway(t *testing.T) {
	t.Parallel()
	l := newLimited(t, func(l *limits.Limits) { l.Trusted = limits.Rules{NumberHour: 1} })
	chunks, chunk := l.chunkOf(t, orders("5678"))
	g := &cancelledUntil{}
	chunks.Guards, chunk.away = g, errors.New("away")
	c := ofID("c")
	c.SendAt, c.ExpiresAt = now.Add(time.Minute), now.Add(time.Hour)
	if err := chunks.Cancel(t.Context(), c, 0); err == nil {
		t.Error("it is done with")
	}
	if len(g.times) != 1 || !g.times[0].Equal(c.ExpiresAt) {
		t.Errorf("cancelled until %v", g.times)
	}
}
