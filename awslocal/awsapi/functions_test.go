package awsapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/awslocal/awsapi"
)

// transient and ambiguous are errors behind pointers, valueError is one that is no pointer.
type (
	transient  struct{ why string }
	ambiguous  struct{ why string }
	valueError string
)

func (e *transient) Error() string { return e.why }
func (e *ambiguous) Error() string { return e.why }

func (e valueError) Error() string { return string(e) }

// around is a hook of the invocations.
type around = func(context.Context, string, func(context.Context) ([]byte, error)) ([]byte, error)

// call runs the function in a state machine and describes how the execution ended.
func call(t *testing.T, w world) (status types.ExecutionStatus, name, cause, output string) {
	t.Helper()
	x := start(t, w, w.machine(t, "m", calling), "x", `{"function": "f", "n": 1}`)
	time.Sleep(20 * time.Minute)
	synctest.Wait()
	d := describe(t, w, x)
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	return d.Status, text(d.Error), text(d.Cause), text(d.Output)
}

func TestInvokeTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		w.Function("f", 3*time.Second, func(ctx context.Context, in map[string]any) (map[string]any, error) {
			lc, ok := lambdacontext.FromContext(ctx)
			deadline, _ := ctx.Deadline()
			if !ok || lc.InvokedFunctionArn != "arn:aws:lambda:ap-northeast-2:000000000000:function:f" || len(lc.AwsRequestID) != 36 ||
				time.Until(deadline) != 3*time.Second {
				return nil, fmt.Errorf("context: %+v, deadline in %v", lc, time.Until(deadline))
			}
			in["seen"] = true
			return in, nil
		})
		status, _, cause, output := call(t, w)
		if status != "SUCCEEDED" {
			t.Fatalf("%s: %s", status, cause)
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(output), &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"ExecutedVersion": "$LATEST", "StatusCode": 200.0,
			"Payload": map[string]any{"function": "f", "n": 1.0, "seen": true}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("result = %v, want %v", got, want)
		}
	})
}

// What a handler returns that is no JSON object is passed on as it is.
func TestInvokeTaskResults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler any
		payload string
	}{
		"nothing":  {func() error { return nil }, `null`},
		"a string": {func() (string, error) { return "<x>", nil }, `"<x>"`},
		"no JSON":  {raw("plain"), `"plain"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, awsapi.Options{})
				w.Function("f", 0, c.handler)
				status, _, cause, output := call(t, w)
				var got struct{ Payload json.RawMessage }
				if status != "SUCCEEDED" || json.Unmarshal([]byte(output), &got) != nil || string(got.Payload) != c.payload {
					t.Errorf("%s %s: payload %s, want %s", status, cause, got.Payload, c.payload)
				}
			})
		})
	}
}

// raw is a handler that answers with bytes.
type raw string

func (r raw) Invoke(context.Context, []byte) ([]byte, error) { return []byte(r), nil }

func TestInvokeTaskErrors(t *testing.T) {
	t.Parallel()
	fails := func(err error) any { return func() error { return err } }
	for _, c := range []struct {
		about   string
		handler any
		around  around
		name    string
		cause   string
	}{
		{about: "an error by value", handler: fails(valueError("no connection")), name: "valueError",
			cause: `{"errorMessage":"no connection","errorType":"valueError"}`},
		{about: "an error behind a pointer", handler: fails(&ambiguous{why: "reset"}), name: "ambiguous",
			cause: `{"errorMessage":"reset","errorType":"ambiguous"}`},
		{about: "only the outermost error counts", handler: fails(fmt.Errorf("outer: %w", &transient{why: "inner"})), name: "wrapError",
			cause: `{"errorMessage":"outer: inner","errorType":"wrapError"}`},
		{about: "an error of the runtime's own type", handler: fails(messages.InvokeResponse_Error{Type: "Own.Type", Message: "m"}),
			name: "Own.Type", cause: `{"errorMessage":"m","errorType":"Own.Type"}`},
		{about: "an event that the handler cannot decode", handler: func(string) error { return nil }, name: "UnmarshalTypeError"},
		{about: "a timeout that the handler notices", handler: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
			name: "Sandbox.Timedout", cause: "Task timed out after 2.00 seconds"},
		{about: "a timeout that the handler ignores", handler: func() error { time.Sleep(5 * time.Minute); return nil }, name: "Sandbox.Timedout",
			cause: "Task timed out after 2.00 seconds"},
		{about: "a panic with a string", handler: func() error { panic("at the disco") }, name: "string",
			cause: `{"errorMessage":"at the disco","errorType":"string","stackTrace":[{`},
		{about: "a panic with an error", handler: func() error { panic(&ambiguous{why: "x"}) }, name: "ambiguous", cause: `"errorMessage":"x"`},
		{about: "a panic with the runtime's own type", handler: func() error { panic(messages.InvokeResponse_Error{Type: "Own", Message: "m"}) },
			name: "Own", cause: `"errorMessage":"m"`},
		{about: "a panic of Go itself", handler: func() error { var none []error; return none[0] }, name: "boundsError"},
		{
			about: "throttled before it ran", handler: fails(errors.New("must not run")), name: "Lambda.TooManyRequestsException",
			around: func(context.Context, string, func(context.Context) ([]byte, error)) ([]byte, error) {
				return nil, &awsapi.ServiceError{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: 429}
			},
			cause: "Rate Exceeded. (Service: AWSLambda; Status Code: 429; Error Code: TooManyRequestsException; Request ID: ",
		},
		{
			about: "a service error without a status", handler: fails(nil), name: "Lambda.ServiceException",
			around: func(context.Context, string, func(context.Context) ([]byte, error)) ([]byte, error) {
				return nil, &awsapi.ServiceError{Code: "ServiceException", Message: "x"}
			},
			cause: "Status Code: 400",
		},
		{
			about: "killed in the middle", handler: func() error { time.Sleep(time.Second); return nil }, name: "Runtime.ExitError",
			around: func(ctx context.Context, _ string, next func(context.Context) ([]byte, error)) ([]byte, error) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(500*time.Millisecond, cancel)
				return next(ctx)
			},
			cause: "Runtime exited with error: signal: killed",
		},
		{
			about:   "killed in the middle, and the handler notices",
			handler: func(ctx context.Context) error { <-ctx.Done(); return &transient{why: "noticed"} }, name: "Runtime.ExitError",
			around: func(ctx context.Context, _ string, next func(context.Context) ([]byte, error)) ([]byte, error) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(500*time.Millisecond, cancel)
				return next(ctx)
			},
		},
		{
			about: "timed out by the hook", handler: func() error { time.Sleep(time.Second); return nil }, name: "Sandbox.Timedout",
			around: func(ctx context.Context, _ string, next func(context.Context) ([]byte, error)) ([]byte, error) {
				ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
				defer cancel()
				return next(ctx)
			},
		},
		{
			about: "killed after it ran", handler: fails(nil), name: "Runtime.ExitError",
			cause: `{"errorMessage":"gone","errorType":"Runtime.ExitError"}`,
			around: func(ctx context.Context, name string, next func(context.Context) ([]byte, error)) ([]byte, error) {
				if out, err := next(ctx); err != nil || string(out) != "null" || name != "f" {
					return nil, fmt.Errorf("%s: %s, %w", name, out, err)
				}
				return nil, &awsapi.FunctionError{Type: "Runtime.ExitError", Message: "gone"}
			},
		},
		{
			about: "an answer that says nothing", handler: fails(nil), name: "Lambda.Unknown", cause: "Returned payload: lost",
			around: func(context.Context, string, func(context.Context) ([]byte, error)) ([]byte, error) {
				return nil, errors.New("lost")
			},
		},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, awsapi.Options{Around: c.around})
				w.Function("f", 2*time.Second, c.handler)
				status, name, cause, _ := call(t, w)
				if status != "FAILED" || name != c.name || !strings.Contains(cause, c.cause) {
					t.Errorf("%s %s: %s,\nwant %s … %s", status, name, cause, c.name, c.cause)
				}
			})
		})
	}
}

func TestInvokeTaskRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ arguments, name, cause string }{
		{`{"FunctionName": "nobody"}`, "Lambda.ResourceNotFoundException",
			"Function not found: arn:aws:lambda:ap-northeast-2:000000000000:function:nobody (Service: AWSLambda; Status Code: 404; Error Code: " +
				"ResourceNotFoundException; "},
		{`{"FunctionName": "arn:aws:lambda:us-east-1:000000000000:function:f"}`, "Lambda.ResourceNotFoundException",
			"Function not found: arn:aws:lambda:us-east-1:000000000000:function:f "},
		{`{"FunctionName": "f:live"}`, "Lambda.ResourceNotFoundException",
			"Function not found: arn:aws:lambda:ap-northeast-2:000000000000:function:f:live "},
		{`{"FunctionName": "arn:aws:lambda:ap-northeast-2:000000000000:function:f:7"}`, "Lambda.ResourceNotFoundException",
			"Function not found: arn:aws:lambda:ap-northeast-2:000000000000:function:f:7 "},
		{`"{% {'FunctionName': 'f', 'InvocationType': 'Event'} %}"`, "States.Runtime", "InvocationType"},
		{`{"FunctionName": 1}`, "States.Runtime", "FunctionName"},
	} {
		t.Run(c.arguments, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, awsapi.Options{})
				w.Function("f", 0, raw("1"))
				arn := w.machine(t, "m",
					`{"QueryLanguage": "JSONata", "StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", `+
						`"Arguments": `+c.arguments+`, "End": true}}}`)
				x := start(t, w, arn, "x", "{}")
				synctest.Wait()
				if d := describe(t, w, x); d.Status != "FAILED" || *d.Error != c.name || !strings.Contains(*d.Cause, c.cause) {
					t.Errorf("%s %s: %s, want %s: %s", d.Status, *d.Error, *d.Cause, c.name, c.cause)
				}
			})
		})
	}
}

// A function is found by its name, its ARN and either with $LATEST, which is the one version that there is, and gets {} when
// nothing is passed to it.
func TestInvokeTaskNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"f", "f:$LATEST", awsapi.FunctionARN("f"), awsapi.FunctionARN("f") + ":$LATEST"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, awsapi.Options{})
			w.Function("f", 0, func(in json.RawMessage) (json.RawMessage, error) { return in, nil })
			arn := w.machine(t, "m",
				`{"QueryLanguage": "JSONata", "StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
				"Arguments": {"FunctionName": "`+name+`"}, "Output": "{% $states.result.Payload %}", "End": true}}}`)
			x := start(t, w, arn, "x", "{}")
			synctest.Wait()
			if d := describe(t, w, x); d.Status != "SUCCEEDED" || *d.Output != "{}" {
				t.Errorf("%s: %s %v", name, d.Status, d.Cause)
			}
		})
	}
}

// The timeout of a Task state lets the function go on.
func TestTaskTimeoutLeavesFunctionRunning(t *testing.T) {
	t.Parallel()
	var done atomic.Bool
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		w.Function("f", time.Minute, func() error {
			time.Sleep(10 * time.Second)
			done.Store(true)
			return nil
		})
		arn := w.machine(t, "m",
			`{"QueryLanguage": "JSONata", "StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
			"Arguments": {"FunctionName": "f"}, "TimeoutSeconds": 3, "End": true}}}`)
		begin := time.Now()
		x := start(t, w, arn, "x", "{}")
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if d := describe(t, w, x); d.Status != "FAILED" || *d.Error != "States.Timeout" || d.StopDate.Sub(begin) != 3*time.Second || done.Load() {
			t.Errorf("%s %s after %v", d.Status, *d.Error, d.StopDate.Sub(begin))
		}
		time.Sleep(10 * time.Second)
		if !done.Load() {
			t.Error("the function was interrupted")
		}
	})
}

// POST /2015-03-31/functions/{name}/invocations, as the CLI and the SDKs send it.
func TestInvokeOverHTTP(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	options := awsapi.Options{
		Log: slog.New(slog.NewTextHandler(&log, nil)),
		Around: func(ctx context.Context, name string, next func(context.Context) ([]byte, error)) ([]byte, error) {
			switch name {
			case "throttled":
				return nil, &awsapi.ServiceError{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: 429}
			case "lost":
				return nil, errors.New("nobody knows")
			}
			return next(ctx)
		},
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options)
		var async atomic.Int32
		w.Function("echo", 0, func(in json.RawMessage) (json.RawMessage, error) { return in, nil })
		w.Function("broken", 0, func() error { return &transient{why: "x"} })
		w.Function("throttled", 0, raw("1"))
		w.Function("lost", 0, raw("1"))
		w.Function("slow", 0, func() error {
			time.Sleep(time.Second)
			async.Add(1)
			return errors.New("too late")
		})
		const path = "/2015-03-31/functions/"
		kind := func(kind string) map[string]string { return map[string]string{"X-Amz-Invocation-Type": kind} }
		for _, c := range []struct {
			method, path, body string
			header             map[string]string
			status             int
			errorHeader, want  string
		}{
			{"POST", "echo/invocations", `{"a":1}`, nil, 200, "", `{"a":1}`},
			{"POST", "echo/invocations", ``, kind("RequestResponse"), 200, "", `{}`},
			{"POST", "arn%3Aaws%3Alambda%3Aap-northeast-2%3A000000000000%3Afunction%3Aecho/invocations", `1`, nil, 200, "", `1`},
			{"POST", "broken/invocations", `{}`, nil, 200, "Unhandled", `{"errorMessage":"x","errorType":"transient"}`},
			{"POST", "slow/invocations", `{}`, kind("Event"), 202, "", ``},
			{"POST", "echo/invocations", `{}`, kind("DryRun"), 204, "", ``},
			{"POST", "echo/invocations", `{}`, kind("Later"), 400, "", `Value 'Later' at 'invocationType' failed to satisfy constraint`},
			{"POST", "echo/invocations", `{}`, map[string]string{"X-Amz-Log-Type": "None"}, 200, "", `{}`},
			{"POST", "echo/invocations", `{}`, map[string]string{"X-Amz-Log-Type": "Tail"}, 400, "", `keeps no logs`},
			{"POST", "echo/invocations", `{}`, map[string]string{"X-Amz-Client-Context": "e30="}, 400, "", `does not take ClientContext`},
			{"POST", "echo/invocations?Qualifier=", `{}`, nil, 400, "", `at 'qualifier' failed to satisfy constraint`},
			{"POST", "echo/invocations?Qualifier=$LATEST", `1`, nil, 200, "", `1`},
			{"POST", "echo/invocations?Qualifier=live", `1`, nil, 404, "", `ResourceNotFoundException`},
			{"POST", "echo%3A7/invocations", `1`, nil, 404, "", `ResourceNotFoundException`},
			{"POST", "echo/invocations", `{`, nil, 400, "", `InvalidRequestContentException`},
			{"POST", "echo/invocations", strings.Repeat(" ", 6<<20+1), nil, 413, "", `RequestEntityTooLargeException`},
			{"POST", "nobody/invocations", `{}`, nil, 404, "", `Function not found: arn:aws:lambda:ap-northeast-2:000000000000:function:nobody`},
			{"POST", "throttled/invocations", `{}`, nil, 429, "", `TooManyRequestsException`},
			{"POST", "lost/invocations", `{}`, nil, 500, "", `InternalFailure`},
			{"GET", "echo/invocations", ``, nil, 404, "", `UnknownOperationException`},
			{"POST", "echo/configuration", ``, nil, 404, "", `UnknownOperationException`},
		} {
			status, header, body := post(t, w, c.method, path+c.path, c.body, c.header)
			if status != c.status || header.Get("X-Amz-Function-Error") != c.errorHeader || !strings.Contains(body, c.want) {
				t.Errorf("%s %s: %d %v %s, want %d %s", c.method, c.path, status, header, body, c.status, c.want)
			}
			if status >= 400 && header.Get("X-Amzn-ErrorType") == "" {
				t.Errorf("%s: no error type in %v", c.path, header)
			}
		}
		// It is repeated after a minute, and after two.
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if n := async.Load(); n != 3 {
			t.Errorf("the asynchronous invocation ran %d times, want 3", n)
		}
		for _, want := range []string{"nobody knows", "too late"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("log lacks %q: %s", want, log.String())
			}
		}
	})
}

func TestInvoke(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		w.Function("f", 0, func(n int) (int, error) {
			if n < 0 {
				return 0, &transient{why: "negative"}
			}
			return n + 1, nil
		})
		if out, err := w.Invoke(t.Context(), "f", []byte("1")); err != nil || string(out) != "2" {
			t.Errorf("Invoke = %s, %v", out, err)
		}
		_, err := w.Invoke(t.Context(), "f", []byte("-1"))
		var function *awsapi.FunctionError
		if !errors.As(err, &function) || function.Error() != "transient: negative" ||
			string(function.Payload()) != `{"errorMessage":"negative","errorType":"transient"}` {
			t.Errorf("Invoke = %v", err)
		}
		_, err = w.Invoke(t.Context(), "g", []byte("1"))
		var service *awsapi.ServiceError
		if !errors.As(err, &service) || service.Code != "ResourceNotFoundException" || service.Status != 404 {
			t.Errorf("Invoke = %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w.Function("slow", 0, func() error { time.Sleep(time.Second); return nil })
		if _, err := w.Invoke(ctx, "slow", []byte("1")); !errors.Is(err, context.Canceled) {
			t.Errorf("Invoke = %v", err)
		}
	})
}

// TestInvokeAtOnce: each of many invocations at a time gets its own result.
func TestInvokeAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, awsapi.Options{})
	w.Function("f", 0, func(letter string) (string, error) { return strings.Repeat(letter, 50_000), nil })
	var callers sync.WaitGroup
	for i := range 16 {
		callers.Go(func() {
			letter := string(rune('a' + i))
			want := `"` + strings.Repeat(letter, 50_000) + `"`
			for range 50 {
				if out, err := w.Invoke(t.Context(), "f", []byte(`"`+letter+`"`)); err != nil || string(out) != want {
					t.Errorf("the result for %s begins with %.3s, error %v", letter, out, err)
					return
				}
			}
		})
	}
	callers.Wait()
}

func TestGetFunctionConfiguration(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		w.Function("f", 3*time.Second, func() error { return nil })
		read := func(path string) (int, string) {
			status, _, answer := post(t, w.Endpoint, http.MethodGet, "/2015-03-31/functions/"+path, "", nil)
			return status, answer
		}
		time.Sleep(time.Hour)
		w.Configure("f", awsapi.Configuration{Description: "what it does", Variables: map[string]string{"A": "1"}})
		w.Configure("nobody", awsapi.Configuration{})
		at := time.Now().UTC().Format("2006-01-02T15:04:05.000") + "+0000"
		status, answer := read("f/configuration")
		for _, part := range []string{
			`"FunctionName":"f"`, `"Description":"what it does"`, `"Environment":{"Variables":{"A":"1"}}`,
			`"LastModified":"` + at + `"`, `"Timeout":3`, `"Version":"$LATEST"`,
		} {
			if status != http.StatusOK || !strings.Contains(answer, part) {
				t.Errorf("%d %s lacks %s", status, answer, part)
			}
		}
		for path, want := range map[string]int{
			"f/configuration?Qualifier=$LATEST": http.StatusOK, url.PathEscape(awsapi.FunctionARN("f")) + "/configuration": http.StatusOK,
			"f/configuration?Qualifier=1": http.StatusNotFound, "nobody/configuration": http.StatusNotFound, "f/code": http.StatusNotFound,
			"f": http.StatusNotFound,
		} {
			if status, answer := read(path); status != want {
				t.Errorf("%s: %d %s", path, status, answer)
			}
		}
	})
}
