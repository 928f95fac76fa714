// Package eventbus is an event bus in one process that behaves as Amazon EventBridge: the same event patterns, input
// transformers, validation and delivery, so that rules that work here work there.
//
// It refuses, in EventBridge's words, the entries, patterns, rules and targets that EventBridge refuses; what only fails when
// an event comes is a dead letter here as well. It is held to AWS by tables of patterns and inputs with the answers that
// EventBridge documents and those that were recorded from it, and by properties that compare the bus with the single pattern.
package eventbus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"sms-api/awslocal/clock"
	"sms-api/awslocal/rawjson"
)

// Default is the name of the bus that AWS's own services put their events on.
const Default = "default"

// Limits of PutEvents.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
const (
	maxEntries      = 10
	maxRequestBytes = 256 * 1024
)

// maxTargets is how many targets a rule has.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
const maxTargets = 5

// What EventBridge does when a target says nothing else.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
const (
	defaultAttempts = 185
	defaultAge      = 24 * time.Hour
)

// Pauses between attempts double from firstPause to longestPause; 185 attempts take about 22 hours with them.
const (
	firstPause   = time.Second
	longestPause = 10 * time.Minute
)

// maxDeadLetters is how many dead letters are kept; beyond it the oldest are dropped.
const maxDeadLetters = 10_000

// Clock is the time in which deliveries wait for their next attempt.
type Clock interface {
	Now() time.Time
	// Sleep returns nil after d, or ctx's error if ctx ends first.
	Sleep(ctx context.Context, d time.Duration) error
}

// Config says where the buses are.
type Config struct {
	// Account is the twelve digits of the account, Region the AWS region; both appear in every event.
	Account, Region string
	Clock           Clock
	// Log is told of events that nobody will receive.
	Log *slog.Logger
	// Refuse returns an error code for an entry that fails for reasons of EventBridge's own, such as InternalFailure, and
	// nothing for one that is taken; nil takes them all.
	Refuse func(Entry) (code string)
	// Turn says how long a delivery has to wait because there are too many; nil means that none has to.
	Turn func() time.Duration
	// Bury is told of dead letters whose target has a queue for them; nil keeps them here only.
	Bury func(DeadLetter)
}

// Service is the buses of one account and region.
type Service struct {
	config Config
	// ctx ends when Close gives up waiting; deliveries run in it.
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.RWMutex
	buses  map[string]*Bus
	closed bool
	dead   []DeadLetter

	deliveries deliveries
}

// New makes a service that has the default bus.
func New(config Config) *Service {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Service{config: config, ctx: ctx, cancel: cancel, buses: map[string]*Bus{}}
	s.Bus(Default)
	return s
}

// Bus is the bus of this name; it is made when there is none.
func (s *Service) Bus(name string) *Bus {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, ok := s.buses[name]; ok {
		return b
	}
	b := &Bus{
		Name:    name,
		ARN:     fmt.Sprintf("arn:aws:events:%s:%s:event-bus/%s", s.config.Region, s.config.Account, name),
		Created: s.config.Clock.Now(),
		service: s,
		rules:   map[string]*rule{},
	}
	s.buses[name] = b
	return b
}

// Lookup finds a bus by its name or ARN; no name means the default bus.
func (s *Service) Lookup(nameOrARN string) (*Bus, bool) {
	if nameOrARN == "" {
		nameOrARN = Default
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, ok := s.buses[strings.TrimPrefix(nameOrARN, fmt.Sprintf("arn:aws:events:%s:%s:event-bus/", s.config.Region, s.config.Account))]
	return b, ok
}

// Buses lists all buses by name.
func (s *Service) Buses() []*Bus {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.SortedFunc(maps.Values(s.buses), func(a, b *Bus) int { return strings.Compare(a.Name, b.Name) })
}

// Error is a request that EventBridge refuses as a whole.
type Error struct {
	// Code is AWS's name of the exception.
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Entry is one event that is put. All fields but Resources, Time and EventBusName are required.
type Entry struct {
	Source     string
	DetailType string
	// Detail is a JSON object.
	Detail    string
	Resources []string
	// Time is when it happened; zero means now.
	Time time.Time
	// EventBusName is a name or an ARN; none means the default bus.
	EventBusName string
}

// size is how EventBridge counts an entry: the time, and the bytes of the texts.
func (e Entry) size() int {
	n := len(e.Source) + len(e.DetailType) + len(e.Detail)
	if !e.Time.IsZero() {
		n += 14
	}
	for _, resource := range e.Resources {
		n += len(resource)
	}
	return n
}

// Result is what became of an entry: it has an ID or an error.
type Result struct {
	EventID      string `json:"EventId,omitempty"`
	ErrorCode    string `json:"ErrorCode,omitempty"`
	ErrorMessage string `json:"ErrorMessage,omitempty"`
}

// Put takes events in and delivers them in the background, each at least once to every target whose rule matches. It
// has a result per entry, or an *Error for the request as a whole. As in EventBridge an entry for a bus that does not
// exist gets an ID all the same and goes nowhere; the log says so.
func (s *Service) Put(ctx context.Context, entries []Entry) ([]Result, error) {
	size := 0
	for _, e := range entries {
		size += e.size()
	}
	switch {
	case len(entries) == 0:
		return nil, &Error{"ValidationException", "1 validation error detected: Value '[]' at 'entries' failed to satisfy constraint: " +
			"Member must have length greater than or equal to 1"}
	case len(entries) > maxEntries:
		return nil, &Error{"ValidationException", fmt.Sprintf("1 validation error detected: Value of %d entries at 'entries' failed to "+
			"satisfy constraint: Member must have length less than or equal to %d", len(entries), maxEntries)}
	case size > maxRequestBytes:
		return nil, &Error{"ValidationException", "Total size of the entries in the request is over the limit."}
	}
	results := make([]Result, len(entries))
	for i, e := range entries {
		if e.Detail, results[i] = e.check(); results[i].ErrorCode != "" {
			continue
		}
		if s.config.Refuse != nil {
			if code := s.config.Refuse(e); code != "" {
				results[i] = Result{ErrorCode: code, ErrorMessage: "The entry could not be put."}
				continue
			}
		}
		result, err := s.put(ctx, e, Detail{Brief: e.Detail})
		if err != nil {
			return nil, err
		}
		results[i] = result
	}
	return results, nil
}

// Detail is an event's detail, whose large members are made only for rules and targets that see them: most events of
// services are for nobody. It is JSON without white space, as encoding/json writes it; that is not checked.
type Detail struct {
	// Brief is the detail with null for the members named in Large.
	Brief string
	Large []string
	// Whole makes the detail with all members; nil when Brief is that.
	Whole func() (string, error)
}

// whole is the detail with all its members, which are made once.
func (d *Detail) whole() (string, error) {
	if d.Whole != nil {
		text, err := d.Whole()
		if err != nil {
			return "", fmt.Errorf("event: %w", err)
		}
		*d = Detail{Brief: text}
	}
	return d.Brief, nil
}

// Emit puts the event of an AWS service onto the default bus. Unlike Put it takes sources that start with aws. The entry's
// Detail and EventBusName do not count.
func (s *Service) Emit(ctx context.Context, e Entry, d Detail) (id string, err error) {
	e.EventBusName = Default
	result, err := s.put(ctx, e, d)
	return result.EventID, err
}

// check refuses what EventBridge refuses, in its words, and returns the detail without white space.
func (e Entry) check() (detail string, _ Result) {
	invalid := func(name, reason string) (string, Result) {
		return "", Result{ErrorCode: "InvalidArgument", ErrorMessage: fmt.Sprintf("Parameter %s is not valid. Reason: %s", name, reason)}
	}
	switch {
	case e.Source == "":
		return invalid("Source", "Source is a required argument.")
	case e.DetailType == "":
		return invalid("DetailType", "DetailType is a required argument.")
	case e.Detail == "":
		return invalid("Detail", "Detail is a required argument.")
	case strings.HasPrefix(e.Source, "aws."):
		return "", Result{ErrorCode: "NotAuthorizedForSourceException", ErrorMessage: "Not authorized for the source."}
	}
	return e.checkDetail()
}

func (e Entry) checkDetail() (detail string, _ Result) {
	compact, err := rawjson.AppendCompact(make([]byte, 0, len(e.Detail)), []byte(e.Detail))
	if err != nil || compact[0] != '{' {
		return "", Result{ErrorCode: "MalformedDetail", ErrorMessage: "Detail is malformed."}
	}
	return string(compact), Result{}
}

// envelope is an event as targets receive it, without its last field, detail.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
type envelope struct {
	Version    string   `json:"version"`
	ID         string   `json:"id"`
	DetailType string   `json:"detail-type"`
	Source     string   `json:"source"`
	Account    string   `json:"account"`
	Time       string   `json:"time"`
	Region     string   `json:"region"`
	Resources  []string `json:"resources"`
}

// CheckEvent tells whether TestEventPattern takes an event: it must have the fields that every event has.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html
func CheckEvent(event []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(event, &fields); err != nil || fields == nil {
		return &Error{"ValidationException", "Parameter Event is not valid."}
	}
	for _, name := range []string{"id", "account", "source", "time", "region", "detail-type"} {
		if _, ok := fields[name]; !ok {
			return &Error{"ValidationException", fmt.Sprintf("Parameter Event is not valid: the field %s is missing.", name)}
		}
	}
	return nil
}

// put puts an entry that was checked.
func (s *Service) put(ctx context.Context, e Entry, d Detail) (Result, error) {
	now := s.config.Clock.Now()
	if e.Time.IsZero() {
		e.Time = now
	}
	if e.Resources == nil {
		e.Resources = []string{}
	}
	id := uuid.NewString()
	head, err := rawjson.Marshal(envelope{
		Version: "0", ID: id, DetailType: e.DetailType, Source: e.Source, Account: s.config.Account,
		Time: e.Time.UTC().Format(time.RFC3339), Region: s.config.Region, Resources: e.Resources,
	})
	if err != nil {
		return Result{}, fmt.Errorf("event: %w", err)
	}
	bus, ok := s.Lookup(e.EventBusName)
	if !ok {
		s.config.Log.WarnContext(ctx, "event for a bus that does not exist", "bus", e.EventBusName, "source", e.Source, "detailType",
			e.DetailType, "id", id)
		return Result{EventID: id}, nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return Result{ErrorCode: "InternalFailure", ErrorMessage: "The event bus is closed."}, nil
	}
	return Result{EventID: id}, bus.dispatch(head, &d, now)
}

// DeadLetter is an event that a target did not take.
type DeadLetter struct {
	RuleARN   string
	TargetARN string
	TargetID  string
	// QueueARN is the target's dead-letter queue; without one AWS drops the event.
	QueueARN string
	// Event is the event as it was put, not as the target's input makes it.
	Event json.RawMessage
	// Code is NO_MORE_ATTEMPTS, EVENT_TOO_OLD, INPUT_INVALID or SHUTDOWN, or that of a DeliveryError that is final.
	Code string
	// Message is the last attempt's error.
	Message string
	// Attempts is how often it was tried.
	Attempts int
	At       time.Time
}

// DeadLetters lists the events that were given up, oldest first; at most the last 10,000 are kept.
func (s *Service) DeadLetters() []DeadLetter {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.dead)
}

func (s *Service) bury(d DeadLetter) {
	d.At = s.config.Clock.Now()
	s.mu.Lock()
	if s.dead = append(s.dead, d); len(s.dead) > maxDeadLetters {
		s.dead = slices.Delete(s.dead, 0, len(s.dead)-maxDeadLetters)
	}
	s.mu.Unlock()
	if s.config.Bury != nil && d.QueueARN != "" {
		s.config.Bury(d)
	}
	s.config.Log.Error("event given up", "rule", d.RuleARN, "target", d.TargetARN, "code", d.Code, "attempts", d.Attempts, "error", d.Message)
}

// Drain waits until no delivery is under way or waiting for its next attempt, or until ctx ends.
func (s *Service) Drain(ctx context.Context) error {
	select {
	case <-s.deliveries.idle():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("event bus: deliveries still under way: %w", ctx.Err())
	}
}

// Close takes no more events and waits for the deliveries. When ctx ends before they do, it gives them up, as dead
// letters, and returns ctx's error when they have noticed.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	err := s.Drain(ctx)
	s.cancel()
	<-s.deliveries.idle()
	return err
}

// deliveries counts what is under way.
type deliveries struct {
	mu      sync.Mutex
	count   int
	waiting []chan struct{}
}

func (d *deliveries) start(c Clock, f func()) {
	d.mu.Lock()
	d.count++
	d.mu.Unlock()
	clock.Go(c, func() {
		defer func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.count--; d.count == 0 {
				for _, c := range d.waiting {
					close(c)
				}
				d.waiting = nil
			}
		}()
		f()
	})
}

// idle is closed once nothing is under way.
func (d *deliveries) idle() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := make(chan struct{})
	if d.count == 0 {
		close(c)
	} else {
		d.waiting = append(d.waiting, c)
	}
	return c
}

// Bus is an event bus: its rules say which events go where.
type Bus struct {
	Name, ARN string
	Created   time.Time

	service *Service
	mu      sync.RWMutex
	rules   map[string]*rule
}

// Rule selects events.
type Rule struct {
	// Name has 1 to 64 letters, digits, dots, dashes and underscores.
	Name        string
	Description string
	// RoleARN is kept; nothing here asks for rights.
	RoleARN string
	// Pattern is an event pattern.
	Pattern  string
	Disabled bool
}

type rule struct {
	Rule
	arn     string
	pattern *Pattern
	targets map[string]*target
}

// Target is who receives the events of a rule.
type Target struct {
	// ID has 1 to 64 letters, digits, dots, dashes and underscores; it is unique within a rule.
	ID string
	// ARN is what the target is in AWS, and RoleARN who calls it. They are for people only.
	ARN, RoleARN string
	// QueueARN is the dead-letter queue. There is no queue here: each dead letter says where it would be.
	QueueARN string
	Input    Input
	// Retry is EventBridge's own policy when it is nil.
	Retry *Retry
	// Deliver hands an event over. An error means that it is tried again later; a *DeliveryError says more.
	Deliver func(ctx context.Context, event json.RawMessage) error
}

// Retry says how long a target is tried.
type Retry struct {
	// Attempts is how often an event is tried again after the first time, 0 to 185.
	Attempts int
	// Age is how old an event may become, 1 minute to 24 hours.
	Age time.Duration
}

// DefaultRetry is the policy of a target that has none of its own.
func DefaultRetry() Retry { return Retry{Attempts: defaultAttempts, Age: defaultAge} }

type target struct {
	Target
	retry Retry
	build builder
}

var validName = regexp.MustCompile(`^[.\-_A-Za-z0-9]{1,64}$`)

// PutRule adds a rule, or replaces one of the same name, whose targets stay. What is wrong with it is an *Error or, for
// its pattern, a *PatternError.
func (b *Bus) PutRule(r Rule) (arn string, err error) {
	if !validName.MatchString(r.Name) {
		return "", &Error{"ValidationException", fmt.Sprintf("Value '%s' at 'name' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+", r.Name)}
	}
	pattern, err := Compile([]byte(r.Pattern))
	if err != nil {
		return "", err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	next := &rule{Rule: r, arn: b.ruleARN(r.Name), pattern: pattern}
	if old, ok := b.rules[r.Name]; ok {
		next.targets = old.targets
	}
	b.rules[r.Name] = next
	return next.arn, nil
}

func (b *Bus) ruleARN(name string) string {
	prefix := strings.Replace(b.ARN, ":event-bus/"+b.Name, ":rule/", 1)
	if b.Name == Default {
		return prefix + name
	}
	return prefix + b.Name + "/" + name
}

// PutTargets adds targets to a rule, or replaces those of the same ID. None is added when one is wrong.
func (b *Bus) PutTargets(ruleName string, targets ...Target) error {
	compiled := map[string]*target{}
	for _, t := range targets {
		if !validName.MatchString(t.ID) {
			return &Error{"ValidationException", fmt.Sprintf("Value '%s' at 'targets.1.member.id' failed to satisfy constraint: "+
				"Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+", t.ID)}
		}
		retry := DefaultRetry()
		if t.Retry != nil {
			retry = *t.Retry
		}
		if retry.Attempts < 0 || retry.Attempts > defaultAttempts || retry.Age < time.Minute || retry.Age > defaultAge {
			return &Error{"ValidationException",
				fmt.Sprintf("Target %s: RetryPolicy must have 0 to 185 attempts and an age of 1 minute to 24 hours.", t.ID)}
		}
		build, err := t.Input.compile(t.ID)
		if err != nil {
			return err
		}
		compiled[t.ID] = &target{Target: t, retry: retry, build: build}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	old, ok := b.rules[ruleName]
	if !ok {
		return &Error{"ResourceNotFoundException", fmt.Sprintf("Rule %s does not exist on EventBus %s.", ruleName, b.Name)}
	}
	// Deliveries read rules without the lock, so a rule in place is never changed.
	next := *old
	next.targets = maps.Clone(old.targets)
	if next.targets == nil {
		next.targets = map[string]*target{}
	}
	maps.Copy(next.targets, compiled)
	if len(next.targets) > maxTargets {
		return &Error{"LimitExceededException", "The requested resource exceeds the maximum number allowed."}
	}
	b.rules[ruleName] = &next
	return nil
}

// Rules lists the rules by name.
func (b *Bus) Rules() []Rule {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var rules []Rule
	for _, name := range slices.Sorted(maps.Keys(b.rules)) {
		rules = append(rules, b.rules[name].Rule)
	}
	return rules
}

// RuleARN is the ARN of a rule, and whether there is one.
func (b *Bus) RuleARN(name string) (arn string, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	_, ok = b.rules[name]
	return b.ruleARN(name), ok
}

// Targets lists the targets of a rule by ID, and whether there is such a rule.
func (b *Bus) Targets(ruleName string) ([]Target, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	r, ok := b.rules[ruleName]
	if !ok {
		return nil, false
	}
	var targets []Target
	for _, id := range slices.Sorted(maps.Keys(r.targets)) {
		targets = append(targets, r.targets[id].Target)
	}
	return targets, true
}

// dispatch starts the deliveries of an event, given by its envelope and its detail, to all targets of the rules that
// match it.
func (b *Bus) dispatch(head []byte, detail *Detail, ingested time.Time) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if len(b.rules) == 0 {
		return nil
	}
	flat, err := flatten(head)
	if err != nil {
		return err
	}
	// Details are large and most rules do not get as far as looking at them.
	var candidates []*rule
	var patterns []*Pattern
	for _, r := range b.rules {
		if !r.Disabled && r.pattern.matchHead(flat) {
			candidates, patterns = append(candidates, r), append(patterns, r.pattern)
		}
	}
	if slices.ContainsFunc(detail.Large, func(name string) bool { return looksAt(patterns, detailPath+name) }) {
		if _, err := detail.whole(); err != nil {
			return err
		}
	}
	if err := flat.addDetail(detail.Brief, patterns); err != nil {
		return err
	}
	var event []byte
	for _, r := range candidates {
		if !r.pattern.match(flat) {
			continue
		}
		if event == nil {
			text, err := detail.whole()
			if err != nil {
				return err
			}
			event = slices.Concat(head[:len(head)-1], []byte(`,"detail":`), []byte(text), []byte("}"))
		}
		o := occasion{event: event, ruleARN: r.arn, ruleName: r.Name, ingested: ingested}
		for _, t := range r.targets {
			b.service.deliveries.start(b.service.config.Clock, func() { b.service.deliver(t, o) })
		}
	}
	return nil
}

// turn waits until EventBridge makes another delivery.
func (s *Service) turn() error {
	if s.config.Turn == nil {
		return nil
	}
	return s.config.Clock.Sleep(s.ctx, s.config.Turn())
}

// deliver tries a target until it takes the event or its retry policy is exhausted.
func (s *Service) deliver(t *target, o occasion) {
	letter := DeadLetter{RuleARN: o.ruleARN, TargetARN: t.ARN, TargetID: t.ID, QueueARN: t.QueueARN, Event: o.event}
	input, err := t.build(o)
	if err != nil {
		letter.Code, letter.Message = "INPUT_INVALID", err.Error()
		s.bury(letter)
		return
	}
	pause := firstPause
	for {
		letter.Attempts++
		err := s.turn()
		if err == nil {
			err = t.Deliver(s.ctx, input)
		}
		if err == nil {
			return
		}
		letter.Message = err.Error()
		// Half of the pause is random, so that events that failed together do not come back together.
		wait := pause/2 + rand.N(pause/2+1)
		failure := new(DeliveryError)
		if errors.As(err, &failure) {
			wait = max(wait, failure.After)
		}
		switch {
		case failure.Final != "":
			letter.Code = failure.Final
		case letter.Attempts > t.retry.Attempts:
			letter.Code = "NO_MORE_ATTEMPTS"
		case s.config.Clock.Now().Add(wait).Sub(o.ingested) > t.retry.Age:
			letter.Code = "EVENT_TOO_OLD"
		default:
			err := s.config.Clock.Sleep(s.ctx, wait)
			if err == nil {
				pause = min(2*pause, longestPause)
				continue
			}
			letter.Code, letter.Message = "SHUTDOWN", errors.Join(errors.New(letter.Message), err).Error()
		}
		s.bury(letter)
		return
	}
}
