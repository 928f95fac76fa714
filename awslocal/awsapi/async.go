package awsapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/google/uuid"

	"sms-api/awslocal/quota"
	"sms-api/awslocal/rawjson"
)

// Async is what Lambda does about an invocation that nobody waits for: it stands in a queue of Lambda's own.
//
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
type Async struct {
	// Retries is how often an invocation that has failed is repeated, 0 to 2. One that was throttled is repeated for as long as
	// Age lets it, up to 6 hours.
	Retries int
	Age     time.Duration
	// OnFailure is the ARN of the queue for what was given up; without one it is lost.
	OnFailure string
}

// DefaultAsync is what a function has that nobody has configured.
func DefaultAsync() Async { return Async{Retries: 2, Age: 6 * time.Hour} }

// Pauses before an invocation is repeated: after an error one minute and then two, after a throttle from a second to 5 minutes.
const (
	errorPause                       = time.Minute
	throttlePause, longestThrottling = time.Second, 5 * time.Minute
)

// Async configures a function that is there.
func (e *Endpoint) Async(name string, a Async) error {
	fn, err := e.functions.lookup(name)
	if err != nil {
		return err
	}
	e.functions.mu.Lock()
	defer e.functions.mu.Unlock()
	fn.async = a
	e.functions.byName[fn.name] = fn
	return nil
}

// Reserve gives a function a concurrency of its own, as far as the account has any to give. Without limits it means nothing.
//
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
func (e *Endpoint) Reserve(name string, concurrency int) error {
	f := e.functions
	f.mu.Lock()
	defer f.mu.Unlock()
	if account, limited := f.limits.Most(quota.Concurrency); limited {
		least, _ := f.limits.Most(quota.Unreserved)
		for other, n := range f.reserved {
			if other != name {
				account -= n
			}
		}
		if account-concurrency < least {
			return &ServiceError{Code: "InvalidParameterValueException", Message: fmt.Sprintf("Specified ReservedConcurrentExecutions for "+
				"function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", least)}
		}
	}
	f.reserved[name] = concurrency
	return nil
}

// enter counts an invocation, or refuses it when too many run already. leave is called at its end.
func (f *functions) enter(name string) (leave func(), err error) {
	account, limited := f.limits.Most(quota.Concurrency)
	if !limited {
		return func() {}, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	pool, most, reason := name, f.reserved[name], "ReservedFunctionConcurrentInvocationLimitExceeded"
	if most == 0 {
		pool, most, reason = "", account, "ConcurrentInvocationLimitExceeded"
		for _, n := range f.reserved {
			most -= n
		}
	}
	if f.running[pool] >= most {
		f.limits.Refuse("Lambda.Invoke " + name)
		return nil, &ServiceError{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: http.StatusTooManyRequests, Reason: reason}
	}
	f.running[pool]++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.running[pool]--
	}, nil
}

// InvokeLater puts an invocation of a function, given by its name or ARN, into Lambda's queue and returns. The error says that
// there is no such function.
func (e *Endpoint) InvokeLater(nameOrARN string, payload []byte) error {
	fn, err := e.functions.lookup(nameOrARN)
	if err != nil {
		return err
	}
	if !e.functions.background.startOn(e.clock, func() { e.invokeLater(fn, payload) }) {
		return &ServiceError{Code: "ServiceException", Status: http.StatusInternalServerError, Message: "The local endpoint is closed."}
	}
	return nil
}

func (e *Endpoint) invokeLater(fn function, payload []byte) {
	since, pause, failures := e.clock.Now(), throttlePause, 0
	for attempt := 1; ; attempt++ {
		_, err := e.functions.invoke(e.functions.ctx, fn.name, payload)
		var failed *FunctionError
		var wait time.Duration
		condition := ""
		switch {
		case err == nil || e.functions.ctx.Err() != nil:
			return
		case errors.As(err, &failed):
			failures++
			if wait = time.Duration(failures) * errorPause; failures > fn.async.Retries {
				condition = "RetriesExhausted"
			}
		default:
			wait = pause/2 + rand.N(pause/2)
			pause = min(2*pause, longestThrottling)
		}
		if condition == "" && e.clock.Now().Add(wait).Sub(since) > fn.async.Age {
			condition = "EventAgeExceeded"
		}
		if condition != "" {
			e.giveUp(fn, payload, err, condition, attempt)
			return
		}
		if e.functions.background.isClosed() || e.clock.Sleep(e.functions.ctx, wait) != nil {
			return // the process ends, and Lambda's queue with it
		}
	}
}

// giveUp puts the record of an invocation into the function's queue for failures.
//
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
func (e *Endpoint) giveUp(fn function, payload []byte, err error, condition string, attempts int) {
	e.log.Error("asynchronous invocation given up", "function", fn.name, "condition", condition, "error", err)
	if fn.async.OnFailure == "" {
		return
	}
	type requestContext struct {
		RequestID              string `json:"requestId"`
		FunctionARN            string `json:"functionArn"`
		Condition              string `json:"condition"`
		ApproximateInvokeCount int    `json:"approximateInvokeCount"`
	}
	type responseContext struct {
		StatusCode      int    `json:"statusCode"`
		ExecutedVersion string `json:"executedVersion"`
		FunctionError   string `json:"functionError"`
	}
	record := struct {
		Version         string           `json:"version"`
		Timestamp       string           `json:"timestamp"`
		RequestContext  requestContext   `json:"requestContext"`
		RequestPayload  json.RawMessage  `json:"requestPayload"`
		ResponseContext *responseContext `json:"responseContext,omitempty"`
		ResponsePayload json.RawMessage  `json:"responsePayload,omitempty"`
	}{
		"1.0", e.clock.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		requestContext{uuid.NewString(), FunctionARN(fn.name) + ":" + latest, condition, attempts}, payload, nil, nil,
	}
	var failed *FunctionError
	if errors.As(err, &failed) {
		record.ResponseContext, record.ResponsePayload = &responseContext{http.StatusOK, latest, "Unhandled"}, failed.Payload()
	}
	body, encoding := rawjson.Marshal(record)
	if encoding == nil {
		encoding = e.queues.send(fn.async.OnFailure, string(body))
	}
	if encoding != nil {
		e.log.Error("record of an invocation lost", "function", fn.name, "error", encoding)
	}
}
