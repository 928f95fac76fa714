package eventbus_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/awslocal/eventbus"
)

// bubble is the time of a synctest bubble.
type bubble struct{}

func (bubble) Now() time.Time { return time.Now() }

func (bubble) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// newService makes a service with the bus "shop" beside the default one.
func newService(t *testing.T) (*eventbus.Service, *eventbus.Bus) {
	t.Helper()
	s := eventbus.New(eventbus.Config{Account: "000000000000", Region: "ap-northeast-2", Clock: bubble{}, Log: slog.New(slog.DiscardHandler)})
	return s, s.Bus("shop")
}

// inbox is a target that remembers what it was given.
type inbox struct {
	mu       sync.Mutex
	received []string
	at       []time.Time
	// fail is how often it refuses before it takes an event.
	fail int
}

func (in *inbox) deliver(_ context.Context, event json.RawMessage) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.at = append(in.at, time.Now())
	if in.fail > 0 {
		in.fail--
		return errors.New("not now")
	}
	in.received = append(in.received, string(event))
	return nil
}

// route adds a rule with one target to a bus.
func route(t *testing.T, b *eventbus.Bus, name, pattern string, target eventbus.Target) {
	t.Helper()
	if _, err := b.PutRule(eventbus.Rule{Name: name, Pattern: pattern}); err != nil {
		t.Fatal(err)
	}
	if err := b.PutTargets(name, target); err != nil {
		t.Fatal(err)
	}
}

// put puts one entry, which must be taken.
func put(t *testing.T, s *eventbus.Service, e eventbus.Entry) string {
	t.Helper()
	results, err := s.Put(t.Context(), []eventbus.Entry{e})
	if err != nil || len(results) != 1 || results[0].ErrorCode != "" {
		t.Fatalf("Put = %+v, %v", results, err)
	}
	return results[0].EventID
}

func order(detail string) eventbus.Entry {
	return eventbus.Entry{Source: "shop.orders", DetailType: "OrderPaid", Detail: detail, EventBusName: "shop"}
}

const orders = `{"source": ["shop.orders"]}`

func TestEnvelope(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b := newService(t)
		var in inbox
		route(t, b, "all", orders, eventbus.Target{ID: "in", Deliver: in.deliver})
		now := time.Now()

		e := order(`{"no": 17, "html": "<b>&"}`)
		first := put(t, s, e)
		e.Time, e.Resources = now.Add(-time.Hour), []string{"arn:aws:x"}
		second := put(t, s, e)
		synctest.Wait()

		seen := map[string]map[string]any{}
		for _, text := range in.received {
			var event map[string]any
			if err := json.Unmarshal([]byte(text), &event); err != nil {
				t.Fatal(err)
			}
			seen[event["id"].(string)] = event
		}
		want := map[string]any{
			"version": "0", "id": first, "detail-type": "OrderPaid", "source": "shop.orders", "account": "000000000000",
			"time": now.UTC().Format(time.RFC3339), "region": "ap-northeast-2", "resources": []any{},
			"detail": map[string]any{"no": 17.0, "html": "<b>&"},
		}
		if got := seen[first]; !reflect.DeepEqual(got, want) {
			t.Errorf("event = %v,\nwant    %v", got, want)
		}
		want["id"], want["time"], want["resources"] = second, now.Add(-time.Hour).UTC().Format(time.RFC3339), []any{"arn:aws:x"}
		if got := seen[second]; !reflect.DeepEqual(got, want) {
			t.Errorf("event = %v,\nwant    %v", got, want)
		}
	})
}

func TestPutRefusesEntries(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	without := func(change func(*eventbus.Entry)) eventbus.Entry {
		e := order(`{}`)
		change(&e)
		return e
	}
	required := func(name string) string {
		return "Parameter " + name + " is not valid. Reason: " + name + " is a required argument."
	}
	cases := []struct {
		entry         eventbus.Entry
		code, message string
	}{
		{without(func(e *eventbus.Entry) { e.Source = "" }), "InvalidArgument", required("Source")},
		{without(func(e *eventbus.Entry) { e.DetailType = "" }), "InvalidArgument", required("DetailType")},
		{without(func(e *eventbus.Entry) { e.Detail = "" }), "InvalidArgument", required("Detail")},
		{order(`{"open"`), "MalformedDetail", "Detail is malformed."},
		{order(`[1]`), "MalformedDetail", "Detail is malformed."},
		{order(`"{}"`), "MalformedDetail", "Detail is malformed."},
		{order(`null`), "MalformedDetail", "Detail is malformed."},
		{without(func(e *eventbus.Entry) { e.Source = "aws.states" }), "NotAuthorizedForSourceException", "Not authorized for the source."},
		{order(`{}`), "", ""},
	}
	var entries []eventbus.Entry
	for _, c := range cases {
		entries = append(entries, c.entry)
	}
	results, err := s.Put(t.Context(), entries)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		if got := results[i]; got.ErrorCode != c.code || got.ErrorMessage != c.message || (got.EventID == "") != (c.code != "") {
			t.Errorf("result %d = %+v, want %s %s", i, got, c.code, c.message)
		}
	}
}

func TestPutRefusesRequests(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	large := order(`{"x": "` + strings.Repeat("a", 256*1024) + `"}`)
	fits := large
	fits.Detail = `{"x": "` + strings.Repeat("a", 256*1024-len(`{"x": ""}`)-len(fits.Source)-len(fits.DetailType)) + `"}`
	for name, c := range map[string]struct {
		entries []eventbus.Entry
		refused bool
	}{
		"none":                       {nil, true},
		"ten":                        {slicesRepeat(order(`{}`), 10), false},
		"eleven":                     {slicesRepeat(order(`{}`), 11), true},
		"256 KiB":                    {[]eventbus.Entry{fits}, false},
		"more than 256 KiB":          {[]eventbus.Entry{large}, true},
		"256 KiB and one entry more": {[]eventbus.Entry{fits, order(`{}`)}, true},
	} {
		_, err := s.Put(t.Context(), c.entries)
		var refused *eventbus.Error
		if errors.As(err, &refused) != c.refused || c.refused && refused.Code != "ValidationException" {
			t.Errorf("%s: Put = %v", name, err)
		}
	}
}

func slicesRepeat(e eventbus.Entry, n int) []eventbus.Entry {
	entries := make([]eventbus.Entry, n)
	for i := range entries {
		entries[i] = e
	}
	return entries
}

// EventBridge takes events for a bus that does not exist and drops them; here at least the log says so.
func TestPutOnUnknownBus(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := eventbus.New(eventbus.Config{Clock: bubble{}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	e := order(`{}`)
	e.EventBusName = "shpo"
	put(t, s, e)
	if !strings.Contains(log.String(), "bus=shpo") {
		t.Errorf("log = %s", log.String())
	}
}

func TestBusesAreApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b := newService(t)
		var shop, fallback, states inbox
		route(t, b, "orders", orders, eventbus.Target{ID: "in", Deliver: shop.deliver})
		route(t, s.Bus(eventbus.Default), "orders", orders, eventbus.Target{ID: "in", Deliver: fallback.deliver})
		route(t, s.Bus(eventbus.Default), "states", `{"source": ["aws.states"]}`, eventbus.Target{ID: "in", Deliver: states.deliver})

		e := order(`{}`)
		put(t, s, e)
		e.EventBusName = b.ARN
		put(t, s, e)
		e.EventBusName = ""
		put(t, s, e)
		if _, err := s.Emit(t.Context(), eventbus.Entry{Source: "aws.states", DetailType: "x"}, eventbus.Detail{Brief: `{}`}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(shop.received) != 2 || len(fallback.received) != 1 || len(states.received) != 1 {
			t.Errorf("shop %d, default %d, states %d; want 2, 1, 1", len(shop.received), len(fallback.received), len(states.received))
		}
		if want := "arn:aws:events:ap-northeast-2:000000000000:event-bus/shop"; b.ARN != want {
			t.Errorf("ARN = %s, want %s", b.ARN, want)
		}
	})
}

// The large members of a service's event are there for everybody who looks, and made for nobody else.
func TestLargeMembersOfADetail(t *testing.T) {
	t.Parallel()
	const brief, whole = `{"status":"FAILED","input":null}`, `{"status":"FAILED","input":"large"}`
	for name, c := range map[string]struct {
		pattern         string
		received, makes int
	}{
		"nobody's source":                   {`{"source":["nobody"]}`, 0, 0},
		"another status":                    {`{"source":["aws.states"],"detail":{"status":["SUCCEEDED"]}}`, 0, 0},
		"this status":                       {`{"source":["aws.states"],"detail":{"status":["FAILED"]}}`, 1, 1},
		"every detail":                      {`{"source":["aws.states"]}`, 1, 1},
		"the member itself":                 {`{"detail":{"input":["large"]}}`, 1, 1},
		"another member":                    {`{"detail":{"input":["small"]}}`, 0, 1},
		"that the member is not there":      {`{"detail":{"input":[null]}}`, 0, 1},
		"the member, of a source of nobody": {`{"source":["nobody"],"detail":{"input":["large"]}}`, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, _ := newService(t)
				var in inbox
				route(t, s.Bus(eventbus.Default), "r", c.pattern, eventbus.Target{ID: "in", Deliver: in.deliver})
				makes := 0
				_, err := s.Emit(t.Context(), eventbus.Entry{Source: "aws.states", DetailType: "x"}, eventbus.Detail{
					Brief: brief, Large: []string{"input", "output"}, Whole: func() (string, error) { makes++; return whole, nil },
				})
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if len(in.received) != c.received || makes != c.makes {
					t.Errorf("received %d and made %d times, want %d and %d", len(in.received), makes, c.received, c.makes)
				}
				for _, e := range in.received {
					if !strings.Contains(e, whole) {
						t.Errorf("received %s", e)
					}
				}
			})
		})
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b := newService(t)
		var one, two inbox
		route(t, b, "r", `{"source": ["nobody"]}`, eventbus.Target{ID: "one", Deliver: one.deliver})
		// A new pattern replaces the old one and the targets stay.
		if arn, err := b.PutRule(eventbus.Rule{Name: "r", Pattern: orders}); err != nil ||
			arn != "arn:aws:events:ap-northeast-2:000000000000:rule/shop/r" {
			t.Fatalf("PutRule = %s, %v", arn, err)
		}
		if err := b.PutTargets("r", eventbus.Target{ID: "two", Deliver: two.deliver}); err != nil {
			t.Fatal(err)
		}
		put(t, s, order(`{}`))
		synctest.Wait()
		if len(one.received) != 1 || len(two.received) != 1 {
			t.Errorf("received %d and %d, want 1 and 1", len(one.received), len(two.received))
		}
		if _, err := b.PutRule(eventbus.Rule{Name: "r", Pattern: orders, Disabled: true}); err != nil {
			t.Fatal(err)
		}
		put(t, s, order(`{}`))
		synctest.Wait()
		if len(one.received) != 1 {
			t.Error("a disabled rule delivers")
		}
		if targets, ok := b.Targets("r"); !ok || len(targets) != 2 || targets[0].ID != "one" {
			t.Errorf("Targets = %v, %t", targets, ok)
		}
		if rules := b.Rules(); len(rules) != 1 || rules[0].Name != "r" || !rules[0].Disabled {
			t.Errorf("Rules = %+v", rules)
		}
		if arn, ok := s.Bus(eventbus.Default).RuleARN("r"); ok || arn != "arn:aws:events:ap-northeast-2:000000000000:rule/r" {
			t.Errorf("RuleARN = %s, %t", arn, ok)
		}
	})
}

func TestRulesRefused(t *testing.T) {
	t.Parallel()
	_, b := newService(t)
	var refused *eventbus.Error
	if _, err := b.PutRule(eventbus.Rule{Name: "no spaces", Pattern: orders}); !errors.As(err, &refused) ||
		refused.Code != "ValidationException" {
		t.Errorf("PutRule = %v", err)
	}
	var pattern *eventbus.PatternError
	if _, err := b.PutRule(eventbus.Rule{Name: "r", Pattern: `{"source": "shop"}`}); !errors.As(err, &pattern) || pattern.Path != "$.source" {
		t.Errorf("PutRule = %v", err)
	}
	if err := b.PutTargets("r", eventbus.Target{ID: "x"}); !errors.As(err, &refused) || refused.Code != "ResourceNotFoundException" {
		t.Errorf("PutTargets without a rule = %v", err)
	}
	if _, err := b.PutRule(eventbus.Rule{Name: "r", Pattern: orders}); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]eventbus.Target{
		"no ID":             {},
		"too many attempts": {ID: "x", Retry: &eventbus.Retry{Attempts: 186, Age: time.Hour}},
		"negative attempts": {ID: "x", Retry: &eventbus.Retry{Attempts: -1, Age: time.Hour}},
		"too young":         {ID: "x", Retry: &eventbus.Retry{Attempts: 1, Age: time.Second}},
		"too old":           {ID: "x", Retry: &eventbus.Retry{Attempts: 1, Age: 25 * time.Hour}},
		"two inputs":        {ID: "x", Input: eventbus.Input{Constant: "{}", Path: "$"}},
	} {
		if err := b.PutTargets("r", eventbus.Target{ID: "good"}, target); !errors.As(err, &refused) || refused.Code != "ValidationException" {
			t.Errorf("%s: PutTargets = %v", name, err)
		}
	}
	if targets, _ := b.Targets("r"); len(targets) != 0 {
		t.Errorf("targets were added together with refused ones: %v", targets)
	}
}

// delivering is a service with an event on its way to a target that refuses it so often.
func delivering(t *testing.T, refusals int) (*eventbus.Service, *inbox) {
	t.Helper()
	s, b := newService(t)
	in := &inbox{fail: refusals}
	route(t, b, "r", orders, eventbus.Target{ID: "in", Deliver: in.deliver})
	put(t, s, order(`{}`))
	return s, in
}

func TestDeliveryIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, in := delivering(t, 5)
		if err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(in.received) != 1 || len(in.at) != 6 || len(s.DeadLetters()) != 0 {
			t.Fatalf("received %d after %d attempts, %d dead letters", len(in.received), len(in.at), len(s.DeadLetters()))
		}
		pause := time.Second
		for i := range in.at[1:] {
			if waited := in.at[i+1].Sub(in.at[i]); waited < pause/2 || waited > pause {
				t.Errorf("pause %d was %v, want %v to %v", i+1, waited, pause/2, pause)
			}
			pause *= 2
		}
	})
}

func TestDeliveryIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		retry *eventbus.Retry
		code  string
		check func(attempts int, after time.Duration) bool
	}{
		{"at once", &eventbus.Retry{Attempts: 0, Age: time.Hour}, "NO_MORE_ATTEMPTS", func(n int, _ time.Duration) bool { return n == 1 }},
		{"after three attempts", &eventbus.Retry{Attempts: 2, Age: time.Hour}, "NO_MORE_ATTEMPTS",
			func(n int, _ time.Duration) bool { return n == 3 }},
		{"after its age", &eventbus.Retry{Attempts: 185, Age: time.Minute}, "EVENT_TOO_OLD", func(n int, after time.Duration) bool {
			return n > 5 && after <= time.Minute && after > 10*time.Second
		}},
		{"after EventBridge's 185 attempts in about a day", nil, "NO_MORE_ATTEMPTS", func(n int, after time.Duration) bool {
			return n == 186 && after <= 24*time.Hour && after > 20*time.Hour
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, b := newService(t)
				in := inbox{fail: 1000}
				route(t, b, "r", orders, eventbus.Target{ID: "in", ARN: "arn:x", Retry: c.retry, Deliver: in.deliver,
					Input: eventbus.Input{Path: "$.detail"}})
				start := time.Now()
				id := put(t, s, order(`{}`))
				if err := s.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
				dead := s.DeadLetters()
				if len(dead) != 1 {
					t.Fatalf("%d dead letters", len(dead))
				}
				d := dead[0]
				if d.Code != c.code || d.Message != "not now" || d.TargetID != "in" || d.TargetARN != "arn:x" ||
					!strings.HasSuffix(d.RuleARN, "rule/shop/r") {
					t.Errorf("dead letter = %+v, want %s", d, c.code)
				}
				if !strings.Contains(string(d.Event), id) {
					t.Errorf("dead letter has %s, not the event as it was put", d.Event)
				}
				if d.Attempts != len(in.at) || !c.check(d.Attempts, d.At.Sub(start)) {
					t.Errorf("%d attempts in %v", d.Attempts, d.At.Sub(start))
				}
			})
		})
	}
}

func TestCloseWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, in := delivering(t, 3)
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(in.received) != 1 {
			t.Error("Close did not wait for the delivery")
		}
		results, err := s.Put(t.Context(), []eventbus.Entry{order(`{}`)})
		if err != nil || results[0].ErrorCode != "InternalFailure" {
			t.Errorf("Put on a closed bus = %+v, %v", results, err)
		}
	})
}

func TestCloseGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b := newService(t)
		in := inbox{fail: 1000}
		route(t, b, "retrying", orders, eventbus.Target{ID: "in", Deliver: in.deliver})
		route(t, b, "hanging", orders, eventbus.Target{ID: "in", Deliver: func(ctx context.Context, _ json.RawMessage) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		put(t, s, order(`{}`))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close = %v", err)
		}
		dead := s.DeadLetters()
		if len(dead) != 2 || dead[0].Code != "SHUTDOWN" || dead[1].Code != "SHUTDOWN" {
			t.Errorf("dead letters = %+v", dead)
		}
	})
}

func TestCheckEvent(t *testing.T) {
	t.Parallel()
	const good = `{"id": "1", "source": "s", "detail-type": "d", "account": "a", "region": "r", "time": "t"}`
	if err := eventbus.CheckEvent([]byte(good)); err != nil {
		t.Error(err)
	}
	for _, event := range []string{``, `"text"`, `null`, `{}`, strings.Replace(good, `"id"`, `"ID"`, 1),
		strings.Replace(good, `"time"`, `"t"`, 1)} {
		if err := eventbus.CheckEvent([]byte(event)); err == nil {
			t.Errorf("%s is taken for an event", event)
		}
	}
}

// Many senders at once lose nothing and break nothing; the race detector looks on.
func TestPutConcurrently(t *testing.T) {
	t.Parallel()
	s, b := newService(t)
	var in inbox
	route(t, b, "r", orders, eventbus.Target{ID: "in", Deliver: in.deliver})
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for range 100 {
				put(t, s, order(`{"n": 1}`))
				if err := b.PutTargets("r", eventbus.Target{ID: "in", Deliver: in.deliver}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	senders.Wait()
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(in.received) != 800 {
		t.Errorf("received %d events, want 800", len(in.received))
	}
}
