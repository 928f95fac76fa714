// Package awsapi is an AWS-compatible HTTP endpoint in one process: Step Functions, EventBridge, SQS, DynamoDB, S3, Systems
// Manager parameters and Lambda invocations, as far as this system uses them, in AWS's wire protocols and with AWS's error names,
// so that the aws CLI and every SDK work with it unchanged. It tells, too, who asks and where the HTTP API is, which is how a stack is
// found.
//
// It refuses what it does not serve, by name: operations, members of their requests, states' resources and event targets.
// Signatures and rights are not checked, but for the signatures of links to objects. It is held to AWS by its tests, which call
// it through AWS's own SDK and state the limits, errors and events that AWS documents.
package awsapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"sms-api/awslocal/asl"
	"sms-api/awslocal/clock"
	"sms-api/awslocal/eventbus"
	"sms-api/awslocal/quota"
	"sms-api/awslocal/rawjson"
)

// Where everything at the endpoint exists.
const (
	Account = "000000000000"
	Region  = "ap-northeast-2"
)

// How much each state machine remembers of finished executions.
const (
	DefaultKept      = 10_000
	DefaultKeptBytes = 512 << 20
)

// maxBody is the largest request that is read: EventBridge and Step Functions take less than a mebibyte, Lambda six.
const maxBody = 6 << 20

// Options is what an endpoint is made with. Every field may be left out.
type Options struct {
	// Clock is the time of executions, events and parameters; without it the machine's.
	Clock asl.Clock
	// Random is in [0,1) and decides the jitter of retries; nil means math/rand.
	Random func() float64
	// Kept is how many finished executions each state machine remembers, and KeptBytes how large their histories may be
	// together, in bytes of JSON. The oldest is forgotten for the newest, and its name is free again; the newest stays
	// however large it is. DefaultKept and DefaultKeptBytes when 0.
	Kept, KeptBytes int
	// Around is called instead of every invocation of a function and calls next for the real one. It may fail before,
	// after or instead of it, or end next's context to interrupt it. An error that is a *FunctionError or an
	// *ServiceError is what the invoker sees, as it would from Lambda.
	Around func(ctx context.Context, functionName string, next func(context.Context) ([]byte, error)) ([]byte, error)
	// AroundTable is the same for every operation of DynamoDB, such as PutItem, with the table that it is for; table is
	// empty when it is for several or for none. next returns the answer's JSON, or the error of DynamoDB as a *ServiceError.
	// An answer that never comes is to wait until ctx ends.
	AroundTable func(ctx context.Context, operation, table string, next func(context.Context) ([]byte, error)) ([]byte, error)
	// Limits are AWS's quotas; nil means that there are none.
	Limits *quota.Limits
	// RefuseEvent is eventbus.Config's Refuse.
	RefuseEvent func(eventbus.Entry) (code string)
	// Trace is told the branches that executions take, see asl.Env.
	Trace func(path string)
	// Log is told what nobody would otherwise learn of; without it nothing is written.
	Log *slog.Logger
}

// Endpoint is the AWS-compatible endpoint, an http.Handler.
type Endpoint struct {
	clock     asl.Clock
	kept      int
	keptBytes int
	log       *slog.Logger
	env       asl.Env
	served    map[string]asl.Arguments
	events    *eventbus.Service
	functions *functions
	queues    *queues
	limits    *quota.Limits
	states    *states
	ssm       *parameters
	tables    *tables
	buckets   *buckets
	services  map[string]service
	models    models

	// found is held for apis.
	found sync.Mutex
	apis  []httpAPI
}

// service is the operations of one AWS service by their name in X-Amz-Target.
type service struct {
	contentType string
	operations  map[string]operation
}

type operation func(ctx context.Context, body []byte) (any, error)

// New makes an endpoint that has the default event bus and nothing else.
func New(o Options) *Endpoint {
	if o.Clock == nil {
		o.Clock = clock.Real(1)
	}
	if o.Kept == 0 {
		o.Kept = DefaultKept
	}
	if o.KeptBytes == 0 {
		o.KeptBytes = DefaultKeptBytes
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e := &Endpoint{
		clock:     o.Clock,
		kept:      o.Kept,
		keptBytes: o.KeptBytes,
		log:       o.Log,
		limits:    o.Limits,
		functions: newFunctions(o.Around, o.Limits),
		ssm:       &parameters{clock: o.Clock, byName: map[string]*parameter{}},
		tables:    newTables(o.AroundTable, o.Limits),
	}
	e.queues, e.buckets = newQueues(e), newBuckets(e)
	e.events = eventbus.New(eventbus.Config{
		Account: Account, Region: Region, Clock: o.Clock, Log: o.Log, Refuse: o.RefuseEvent, Bury: e.queues.bury,
		Turn: func() time.Duration { return o.Limits.Reserve(quota.Deliveries) },
	})
	e.env = asl.Env{
		Clock: o.Clock, Random: o.Random, Trace: o.Trace, Tasks: map[string]asl.Task{},
		Turn: func() time.Duration { return o.Limits.Reserve(quota.Transitions) },
	}
	var err error
	if e.models, err = loadModels(); err != nil {
		// They are part of the program, so only a bug gets here, and every request says so.
		e.log.Error("the models of AWS cannot be read", "error", err)
	}
	e.served = map[string]asl.Arguments{}
	for resource, i := range e.integrations() {
		e.env.Tasks[resource], e.served[resource] = i.task, i.takes
	}
	e.states = newStates(e)
	e.services = e.operations()
	return e
}

// operations are those that are served here, by AWS's names for the service and for the operation in X-Amz-Target.
func (e *Endpoint) operations() map[string]service {
	return map[string]service{
		"AWSStepFunctions": {"application/x-amz-json-1.0", map[string]operation{
			"StartExecution":       handle(e.states.startExecution),
			"DescribeExecution":    handle(e.states.describeExecution),
			"GetExecutionHistory":  handle(e.states.getExecutionHistory),
			"ListExecutions":       handle(e.states.listExecutions),
			"StopExecution":        handle(e.states.stopExecution),
			"RedriveExecution":     handle(e.states.redriveExecution),
			"DescribeStateMachine": handle(e.states.describeStateMachine),
			"ListStateMachines":    handle(e.states.listStateMachines),
		}},
		"AWSEvents": {"application/x-amz-json-1.1", map[string]operation{
			"PutEvents":         handle(e.putEvents),
			"PutRule":           handle(e.putRule),
			"PutTargets":        handle(e.putTargets),
			"ListRules":         handle(e.listRules),
			"ListTargetsByRule": handle(e.listTargetsByRule),
			"DescribeRule":      handle(e.describeRule),
			"DescribeEventBus":  handle(e.describeEventBus),
			"ListEventBuses":    handle(e.listEventBuses),
			"TestEventPattern":  handle(e.testEventPattern),
		}},
		"AmazonSSM": {"application/x-amz-json-1.1", map[string]operation{
			"PutParameter":        handle(e.ssm.putParameter),
			"GetParameter":        handle(e.ssm.getParameter),
			"GetParameters":       handle(e.ssm.getParameters),
			"GetParametersByPath": handle(e.ssm.getParametersByPath),
			"DescribeParameters":  handle(e.ssm.describeParameters),
		}},
		"AmazonSQS": {"application/x-amz-json-1.0", map[string]operation{
			"SendMessage":        handle(e.queues.sendMessage),
			"ReceiveMessage":     handle(e.queues.receiveMessage),
			"DeleteMessage":      handle(e.queues.deleteMessage),
			"GetQueueUrl":        handle(e.queues.getQueueURL),
			"GetQueueAttributes": handle(e.queues.getQueueAttributes),
			"ListQueues":         handle(e.queues.listQueues),
		}},
		dynamoDB: {"application/x-amz-json-1.0", e.tables.operations()},
	}
}

// integration is a resource of Step Functions that is served here.
type integration struct {
	task  asl.Task
	takes asl.Arguments
}

// integrations are the resources that states can name, with the arguments that are looked at; AWS knows more of both.
func (e *Endpoint) integrations() map[string]integration {
	return map[string]integration{
		"arn:aws:states:::lambda:invoke": {e.invokeTask, asl.Arguments{"FunctionName": nil, "Payload": nil}},
		"arn:aws:states:::events:putEvents": {e.putEventsTask, asl.Arguments{"Entries": {
			"Source": nil, "DetailType": nil, "Detail": nil, "Resources": nil, "Time": nil, "EventBusName": nil,
		}}},
	}
}

// Bus is the event bus of this name; it is made when there is none.
func (e *Endpoint) Bus(name string) *eventbus.Bus { return e.events.Bus(name) }

// Events is all buses of the endpoint.
func (e *Endpoint) Events() *eventbus.Service { return e.events }

// Close stops the executions that run, of which the event bus is not told, then waits for the functions and the event
// deliveries that are under way. When ctx ends first, their contexts are ended and ctx's error is returned.
func (e *Endpoint) Close(ctx context.Context) error {
	return errors.Join(e.states.close(ctx), e.events.Close(ctx), e.queues.close(ctx), e.functions.close(ctx))
}

// ServiceError is an error as an AWS service reports it.
type ServiceError struct {
	// Code is the exception's name, such as ExecutionDoesNotExist.
	Code    string
	Message string
	// Status is the HTTP status; 400 when 0.
	Status int
	// Reason is what Lambda says of a TooManyRequestsException besides.
	Reason string
}

func (e *ServiceError) Error() string { return e.Code + ": " + e.Message }

// ServeHTTP answers a request in the awsJson protocols, or of Lambda's REST API.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-amzn-RequestId", uuid.NewString())
	if strings.HasPrefix(r.URL.Path, lambdaPath) {
		e.serveLambda(w, r)
		return
	}
	target := r.Header.Get("X-Amz-Target")
	if target == "" && e.find(w, r) {
		return
	}
	if bucket, key, o, ok := e.buckets.of(r); ok && target == "" {
		e.buckets.serve(w, r, bucket, key, o)
		return
	}
	prefix, name, _ := strings.Cut(target, ".")
	s, ok := e.services[prefix]
	if !ok {
		writeError(w, "application/x-amz-json-1.0", &ServiceError{Code: "UnknownOperationException", Message: unknownTarget(r, target)})
		return
	}
	op, ok := s.operations[name]
	switch {
	case r.Method != http.MethodPost:
		writeError(w, s.contentType, &ServiceError{Code: "UnknownOperationException", Message: "The request's method is not POST.",
			Status: http.StatusMethodNotAllowed})
		return
	case !ok:
		writeError(w, s.contentType, &ServiceError{Code: "UnknownOperationException",
			Message: fmt.Sprintf("The local endpoint has no operation %s.", target)})
		return
	}
	body, err := readBody(r)
	if err == nil && !e.limits.Take(target, 1) {
		err = throttled()
	}
	if err != nil {
		writeError(w, s.contentType, err)
		return
	}
	var output any
	if err = e.models.check(prefix, name, body); err == nil {
		output, err = op(r.Context(), body)
	}
	if err != nil {
		e.logInternal(r.Context(), target, err)
		writeError(w, s.contentType, err)
		return
	}
	writeJSON(w, s.contentType, http.StatusOK, output)
}

// throttled is an operation that was called too often. Step Functions, EventBridge and Systems Manager name it alike, and
// SDKs try it again.
//
// https://docs.aws.amazon.com/step-functions/latest/apireference/CommonErrors.html
func throttled() error {
	return &ServiceError{Code: "ThrottlingException", Message: "Rate exceeded"}
}

// unknownTarget says what is served here when a request is for something else.
func unknownTarget(r *http.Request, target string) string {
	const served = "The local endpoint serves Step Functions, EventBridge, SQS, DynamoDB, S3, SSM parameters and Lambda functions"
	if target != "" {
		return fmt.Sprintf("%s; it does not know %s.", served, target)
	}
	if s := signingService(r); s != "" {
		return fmt.Sprintf("%s; it does not know the service %s.", served, s)
	}
	return served + "; the request has no X-Amz-Target header."
}

// signingService is the service in the credential scope of the request's signature.
func signingService(r *http.Request) string {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	credential, _, _ = strings.Cut(credential, ",")
	scope := strings.Split(credential, "/")
	if len(scope) != 5 {
		return ""
	}
	return scope[3]
}

// readBody makes room for what has come, not for what the request says will come.
func readBody(r *http.Request) ([]byte, error) {
	var b bytes.Buffer
	if _, err := b.ReadFrom(io.LimitReader(r.Body, maxBody+1)); err != nil {
		return nil, &ServiceError{Code: "SerializationException", Message: "The request's body cannot be read: " + err.Error()}
	}
	body := b.Bytes()
	if len(body) > maxBody {
		return nil, &ServiceError{
			Code: "RequestEntityTooLargeException", Status: http.StatusRequestEntityTooLarge,
			Message: fmt.Sprintf("The request's body is larger than %d bytes.", maxBody),
		}
	}
	return body, nil
}

// handle makes an operation of a function that takes the decoded request.
func handle[In any](f func(context.Context, In) (any, error)) operation {
	return func(ctx context.Context, body []byte) (any, error) {
		var in In
		if len(body) > 0 {
			if err := decode(body, &in); err != nil {
				return nil, err
			}
		}
		return f(ctx, in)
	}
}

// decode reads a request. AWS passes over members that it does not know; here they are refused, because they may well be what
// AWS knows and this endpoint does not do.
func decode(body []byte, in any) error {
	if !rawjson.Valid(body) {
		return &ServiceError{Code: "SerializationException", Message: json.Unmarshal(body, new(any)).Error()}
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	err := dec.Decode(in)
	if err == nil {
		return nil
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return notTaken(strings.Trim(name, `"`))
	}
	return &ServiceError{Code: "SerializationException", Message: err.Error()}
}

// logInternal writes down what the caller, if still there, is not told.
func (e *Endpoint) logInternal(ctx context.Context, what string, err error) {
	if asServiceError(err) == nil && ctx.Err() == nil {
		e.log.ErrorContext(ctx, "request failed", "operation", what, "error", err)
	}
}

// asServiceError is the error as the caller sees it, or nil if it is none of theirs.
func asServiceError(err error) *ServiceError {
	var service *ServiceError
	if errors.As(err, &service) {
		return service
	}
	var event *eventbus.Error
	if errors.As(err, &event) {
		return &ServiceError{Code: event.Code, Message: event.Message}
	}
	var pattern *eventbus.PatternError
	if errors.As(err, &pattern) {
		return &ServiceError{Code: "InvalidEventPatternException", Message: pattern.Error()}
	}
	return nil
}

func writeError(w http.ResponseWriter, contentType string, err error) {
	service := asServiceError(err)
	if service == nil {
		service = &ServiceError{Code: "InternalFailure", Message: "The request processing has failed because of an unknown error.",
			Status: http.StatusInternalServerError}
	}
	status := service.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	w.Header().Set("x-amzn-ErrorType", service.Code)
	writeJSON(w, contentType, status, struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
		Reason  string `json:"Reason,omitempty"`
	}{service.Code, service.Message, service.Reason})
}

func writeJSON(w http.ResponseWriter, contentType string, status int, value any) {
	body, err := rawjson.Marshal(value)
	if err != nil {
		// Every value comes from this package, so only a bug gets here.
		status, body = http.StatusInternalServerError, []byte(`{"__type":"InternalFailure","message":"The response cannot be encoded."}`)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	// The client is gone when this fails; there is nobody to tell.
	_, _ = w.Write(body)
}

// epoch is a timestamp of the awsJson protocols: seconds since 1970 with milliseconds.
type epoch time.Time

func (t epoch) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%.3f", float64(time.Time(t).UnixMilli())/1000), nil
}

// UnmarshalJSON takes seconds since 1970 or, as Step Functions' own integrations do, RFC 3339.
func (t *epoch) UnmarshalJSON(b []byte) error {
	var at time.Time
	if err := json.Unmarshal(b, &at); err == nil {
		*t = epoch(at)
		return nil
	}
	var seconds float64
	if err := json.Unmarshal(b, &seconds); err != nil || math.Abs(seconds) > 1e11 {
		return fmt.Errorf("timestamp %s is neither seconds since 1970 nor RFC 3339", b)
	}
	*t = epoch(time.UnixMilli(int64(math.Round(seconds * 1000))))
	return nil
}

// background is the work that goes on while requests come and go.
type background struct {
	mu     sync.Mutex
	closed bool
	group  sync.WaitGroup
}

// start runs f, unless the background is closed. Whoever starts it waits for it; what goes on by itself is for startOn.
func (b *background) start(f func()) bool {
	return b.startOn(nil, f)
}

// startOn is start in a goroutine that the clock knows of.
func (b *background) startOn(c asl.Clock, f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.group.Add(1)
	clock.Go(c, func() {
		defer b.group.Done()
		f()
	})
	return true
}

// close lets nothing start any more.
func (b *background) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}

func (b *background) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// wait waits until everything has ended, or ctx has.
func (b *background) wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		b.group.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
