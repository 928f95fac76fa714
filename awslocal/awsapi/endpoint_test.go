package awsapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	"sms-api/awslocal/awsapi"
	"sms-api/awslocal/eventbus"
)

// clients are the AWS SDK's clients of an endpoint.
type clients struct {
	states *sfn.Client
	events *eventbridge.Client
	ssm    *ssm.Client
	tables *dynamodb.Client
}

func newClients(url string, client aws.HTTPClient) clients {
	config := aws.Config{
		Region: awsapi.Region, BaseEndpoint: &url, RetryMaxAttempts: 1, HTTPClient: client,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
	}
	return clients{sfn.NewFromConfig(config), eventbridge.NewFromConfig(config), ssm.NewFromConfig(config), dynamodb.NewFromConfig(config)}
}

// direct calls a handler without a network, so that a test may run in a synctest bubble.
type direct struct{ handler http.Handler }

func (d direct) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	recorder := httptest.NewRecorder()
	d.handler.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

// world is an endpoint with the SDK's clients of it. In a synctest bubble its time is the bubble's.
type world struct {
	*awsapi.Endpoint
	clients
}

// newWorld makes an endpoint that is closed when the test ends.
func newWorld(t *testing.T, o awsapi.Options) world {
	t.Helper()
	endpoint := awsapi.New(o)
	t.Cleanup(func() {
		if err := endpoint.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return world{endpoint, newClients("http://endpoint", direct{endpoint})}
}

// machine makes a state machine of this name, or fails the test.
func (w world) machine(t *testing.T, name, definition string) string {
	t.Helper()
	arn, err := w.StateMachine(name, "arn:aws:iam::000000000000:role/states", []byte(definition))
	if err != nil {
		t.Fatal(err)
	}
	return arn
}

// listen collects what arrives at a bus and matches a pattern.
func (w world) listen(t *testing.T, bus, pattern string) *[]event {
	t.Helper()
	var received []event
	b := w.Bus(bus)
	if _, err := b.PutRule(eventbus.Rule{Name: "listen", Pattern: pattern}); err != nil {
		t.Fatal(err)
	}
	lock := make(chan struct{}, 1)
	err := b.PutTargets("listen", eventbus.Target{ID: "test", Deliver: func(_ context.Context, text json.RawMessage) error {
		lock <- struct{}{}
		defer func() { <-lock }()
		var e event
		if err := json.Unmarshal(text, &e); err != nil {
			t.Errorf("event: %v", err)
		}
		received = append(received, e)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return &received
}

type event struct {
	Source     string          `json:"source"`
	DetailType string          `json:"detail-type"`
	Resources  []string        `json:"resources"`
	Time       time.Time       `json:"time"`
	Detail     json.RawMessage `json:"detail"`
}

// code is the name of AWS's error, "" for none.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// post sends a raw request and gives back the status, the header and the body.
func post(t *testing.T, h http.Handler, method, path, body string, header map[string]string) (int, http.Header, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Header(), w.Body.String()
}

func TestErrorsOnTheWire(t *testing.T) {
	t.Parallel()
	endpoint := awsapi.New(awsapi.Options{})
	target := func(operation string) map[string]string { return map[string]string{"X-Amz-Target": operation} }
	const (
		json10 = "application/x-amz-json-1.0"
		json11 = "application/x-amz-json-1.1"
	)
	signed := func(service string) map[string]string {
		return map[string]string{"Authorization": "AWS4-HMAC-SHA256 Credential=local/20261122/ap-northeast-2/" + service +
			"/aws4_request, SignedHeaders=host, Signature=0"}
	}
	for _, c := range []struct {
		about, method, path, body string
		header                    map[string]string
		status                    int
		contentType, code, says   string
	}{
		{"an operation of Step Functions that is not here", "POST", "/", `{}`, target("AWSStepFunctions.DeleteStateMachine"), 400, json10,
			"UnknownOperationException", "AWSStepFunctions.DeleteStateMachine"},
		{"an operation of EventBridge that is not here", "POST", "/", `{}`, target("AWSEvents.CreateArchive"), 400, json11,
			"UnknownOperationException", "AWSEvents.CreateArchive"},
		{"an operation of Parameter Store that is not here", "POST", "/", `{}`, target("AmazonSSM.DeleteParameter"), 400, json11,
			"UnknownOperationException", "AmazonSSM.DeleteParameter"},
		{"another service in the same protocol", "POST", "/", `{}`, target("Kinesis_20131202.Put"), 400, json10, "UnknownOperationException",
			"Kinesis_20131202.Put"},
		{"another service in another protocol", "POST", "/", `Action=SendMessage`, signed("sqs"), 400, json10, "UnknownOperationException",
			"sqs"},
		{"a browser", "GET", "/", ``, nil, 400, json10, "UnknownOperationException", "X-Amz-Target"},
		{"a wrong method", "GET", "/", ``, target("AmazonSSM.GetParameter"), 405, json11, "UnknownOperationException", "POST"},
		{"a body that is not JSON", "POST", "/", `{`, target("AmazonSSM.GetParameter"), 400, json11, "SerializationException", "unexpected end"},
		{"a body of the wrong shape", "POST", "/", `{"Name": 1}`, target("AmazonSSM.GetParameter"), 400, json11, "SerializationException",
			"Name"},
		{"a time that is none", "POST", "/", `{"Entries": [{"Time": "yesterday"}]}`, target("AWSEvents.PutEvents"), 400, json11,
			"SerializationException", "yesterday"},
		{"a body that is too large", "POST", "/", strings.Repeat(" ", 6<<20+1), target("AmazonSSM.GetParameter"), 413, json11,
			"RequestEntityTooLargeException", "6291456"},
		{"a service's own error", "POST", "/", `{"Name": "/none"}`, target("AmazonSSM.GetParameter"), 400, json11, "ParameterNotFound", "/none"},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			status, header, body := post(t, endpoint, c.method, c.path, c.body, c.header)
			var e struct {
				Type    string `json:"__type"`
				Message string `json:"message"`
			}
			if err := json.Unmarshal([]byte(body), &e); err != nil {
				t.Fatalf("body %s: %v", body, err)
			}
			if status != c.status || header.Get("Content-Type") != c.contentType || header.Get("X-Amzn-ErrorType") != c.code || e.Type != c.code ||
				!strings.Contains(e.Message, c.says) {
				t.Errorf("answer = %d %v %s, want %d %s %s … %s", status, header, body, c.status, c.contentType, c.code, c.says)
			}
			if header.Get("X-Amzn-RequestId") == "" {
				t.Error("no request ID")
			}
		})
	}
}

// brokenBody fails when it is read.
type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestBodyThatCannotBeRead(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", brokenBody{})
	r.Header.Set("X-Amz-Target", "AmazonSSM.GetParameter")
	w := httptest.NewRecorder()
	awsapi.New(awsapi.Options{}).ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "SerializationException") {
		t.Errorf("answer = %d %s", w.Code, w.Body)
	}
}

// The whole of it over a real connection, as everybody else uses it.
func TestOverHTTP(t *testing.T) {
	t.Parallel()
	endpoint := awsapi.New(awsapi.Options{})
	server := httptest.NewServer(endpoint)
	t.Cleanup(func() {
		server.Close()
		if err := endpoint.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	c := newClients(server.URL, server.Client())
	arn, err := endpoint.StateMachine("m", "arn:aws:iam::000000000000:role/states", []byte(passing))
	if err != nil {
		t.Fatal(err)
	}
	started, err := c.states.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &arn, Input: aws.String(`{"a":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	stopped, err := c.states.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: started.ExecutionArn})
	if err != nil || stopped.StopDate.Before(*started.StartDate) {
		t.Errorf("StopExecution = %v, %v", stopped, err)
	}
	if _, err := c.events.ListEventBuses(t.Context(), &eventbridge.ListEventBusesInput{}); err != nil {
		t.Error(err)
	}
	if _, err := c.ssm.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/x")}); code(err) != "ParameterNotFound" {
		t.Error(err)
	}
}

// promise is a body that has one byte and then ends too soon.
type promise struct{ *strings.Reader }

func (p promise) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if err != nil {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// What a request says of its length costs nothing before the bytes are there: 6 MiB announced cost what one byte costs.
func TestNothingIsAllocatedForAnnouncedBytes(t *testing.T) { //nolint:paralleltest // it measures what the whole process allocates
	const requests, announced, bound = 100, 6 << 20, 32 << 10
	endpoint := awsapi.New(awsapi.Options{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range requests {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", promise{strings.NewReader("{")})
		r.ContentLength = announced
		r.Header.Set("X-Amz-Target", "AWSEvents.PutEvents")
		answer := httptest.NewRecorder()
		endpoint.ServeHTTP(answer, r)
		if !strings.Contains(answer.Body.String(), "SerializationException") {
			t.Fatalf("answer = %s", answer.Body)
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / requests; each > bound {
		t.Errorf("%d bytes are allocated for a request, want at most %d", each, bound)
	}
}

// Nothing that a request says is passed over: what the endpoint does not look at, it refuses.
func TestUnknownMembersAreRefused(t *testing.T) {
	t.Parallel()
	for target, body := range map[string]string{
		"AWSStepFunctions.StartExecution": `{"stateMachineArn": "arn:aws:states:ap-northeast-2:000000000000:stateMachine:m", "priority": 1}`,
		"AWSEvents.PutEvents":             `{"Entries": [{"Source": "a", "DetailType": "b", "Detail": "{}", "Priority": 1}]}`,
		"AWSEvents.PutTargets":            `{"Rule": "r", "Targets": [{"Id": "t", "Arn": "a", "RetryPolicy": {"Priority": 1}}]}`,
		"AmazonSSM.GetParameter":          `{"Name": "/a", "priority": 1}`,
	} {
		status, _, text := post(t, awsapi.New(awsapi.Options{}), "POST", "/", body, map[string]string{"X-Amz-Target": target})
		if status != http.StatusBadRequest || !strings.Contains(text, "ValidationException") ||
			!strings.Contains(strings.ToLower(text), "the local endpoint does not take priority") {
			t.Errorf("%s: %d %s", target, status, text)
		}
	}
}
