package runtimeapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// TestMain lets the test's executable be the function: started by Launch, it does what its events say.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") == "" {
		os.Exit(m.Run())
	}
	switch os.Getenv("INIT") {
	case "exit":
		os.Exit(7)
	case "hang":
		select {}
	case "ask":
		resp, err := http.Get(os.Getenv("INIT_URL")) //nolint:noctx // the test's server answers when it wants to
		if err != nil || resp.StatusCode != http.StatusOK {
			os.Exit(7)
		}
		_ = resp.Body.Close()
	case "report":
		url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/init/error"
		resp, err := http.Post(url, "application/json", //nolint:noctx // a runtime's way out
			strings.NewReader(`{"errorType":"NoConfiguration","errorMessage":"STATE_MACHINE_ARN is not set"}`))
		if err == nil {
			_ = resp.Body.Close()
		}
		os.Exit(1)
	}
	lambda.Start(behave)
}

// event says what the function does.
type event struct {
	Do  string `json:"do"`
	URL string `json:"url,omitempty"`
}

// seen is what the function answers.
type seen struct {
	PID, Child     int
	RequestID, ARN string
	Deadline       time.Time
	Variables      map[string]string
}

type madeUpError struct{ why string }

func (e *madeUpError) Error() string { return e.why }

func behave(ctx context.Context, e event) (any, error) {
	switch e.Do {
	case "fail":
		return nil, &madeUpError{"the wallet is empty"}
	case "panic":
		panic(&madeUpError{"index out of range"})
	case "exit 0":
		os.Exit(0)
	case "exit 3":
		os.Exit(3)
	case "killed":
		return nil, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "hang":
		select {}
	case "large":
		return strings.Repeat("a", maxResponse), nil
	case "largest":
		return strings.Repeat("a", maxResponse-2), nil // two quotation marks
	}
	answer := seen{PID: os.Getpid(), Variables: map[string]string{}}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		answer.Variables[name] = value
	}
	answer.Deadline, _ = ctx.Deadline()
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		answer.RequestID, answer.ARN = lc.AwsRequestID, lc.InvokedFunctionArn
	}
	switch e.Do {
	case "leave a child":
		child := exec.Command("sleep", "600") //nolint:noctx // it is to outlive everything
		if err := child.Start(); err != nil {
			return nil, err
		}
		answer.Child = child.Process.Pid
	case "get":
		resp, err := http.Get(e.URL) //nolint:noctx // the test's server answers when it wants to
		if err != nil {
			return nil, err
		}
		_ = resp.Body.Close()
	}
	return answer, nil
}

func itself(t *testing.T, variables ...string) Function {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Function{
		Name: "alimtalk", ARN: "arn:aws:lambda:ap-northeast-2:000000000000:function:alimtalk",
		Path: path, Env: variables, Memory: 256, Timeout: time.Minute,
	}
}

func launch(t *testing.T, f Function) *Environment {
	t.Helper()
	e, err := Launch(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

type invoker interface {
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}

func invoke(t *testing.T, on invoker, e event) (seen, error) {
	t.Helper()
	payload, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	output, err := on.Invoke(t.Context(), payload)
	var s seen
	if err == nil {
		if err := json.Unmarshal(output, &s); err != nil {
			t.Fatalf("%v: %.100s", err, output)
		}
	}
	return s, err
}

func TestAnEnvironmentTakesOneInvocationAfterTheOther(t *testing.T) {
	t.Parallel()
	e := launch(t, itself(t, "AWS_REGION=ap-northeast-2"))
	initialised, err := e.Initialised(t.Context())
	if err != nil || initialised <= 0 || initialised > InitTimeout {
		t.Errorf("initialised after %v, %v", initialised, err)
	}
	before := time.Now()
	first, err := invoke(t, e, event{Do: "look"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := invoke(t, e, event{Do: "look"})
	if err != nil {
		t.Fatal(err)
	}
	if first.PID != second.PID {
		t.Errorf("processes %d and %d, want one", first.PID, second.PID)
	}
	if first.RequestID == "" || first.RequestID == second.RequestID {
		t.Errorf("request ids %q and %q", first.RequestID, second.RequestID)
	}
	if first.ARN != "arn:aws:lambda:ap-northeast-2:000000000000:function:alimtalk" {
		t.Errorf("ARN %q", first.ARN)
	}
	if left := first.Deadline.Sub(before); left < 59*time.Second || left > 70*time.Second {
		t.Errorf("the deadline is in %v, want the timeout of 1m", left)
	}
	for name, want := range map[string]string{
		"AWS_LAMBDA_FUNCTION_NAME": "alimtalk", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
		"AWS_REGION": "ap-northeast-2", "TZ": ":UTC", "HOME": "",
	} {
		if got := first.Variables[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if _, err := os.Stat("/proc/self/status"); err == nil && (e.PeakRSS() < 1<<20 || e.PeakRSS() > 1<<30) {
		t.Errorf("peak memory %d bytes", e.PeakRSS())
	}
	e.Close()
	gone(t, first.PID)
	if _, err := invoke(t, e, event{}); !errors.Is(err, ErrEnded) {
		t.Errorf("after Close: %v, want ErrEnded", err)
	}
}

func TestFailuresAreReportedAsLambdaReportsThem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		init, do string
		timeout  time.Duration
		kind     string
		message  string // as a whole, or the end after "Error: "
		stack    bool
	}{
		"an error of the handler": {do: "fail", kind: "madeUpError", message: "the wallet is empty"},
		"a panic":                 {do: "panic", kind: "madeUpError", message: "index out of range", stack: true},
		"an exit with a status":   {do: "exit 3", kind: "Runtime.ExitError", message: "Runtime exited with error: exit status 3"},
		"an exit without one":     {do: "exit 0", kind: "Runtime.ExitError", message: "Runtime exited without providing a reason"},
		"a signal":                {do: "killed", kind: "Runtime.ExitError", message: "Runtime exited with error: signal: killed"},
		"the end of its time": {do: "hang", timeout: 250 * time.Millisecond, kind: "Sandbox.Timedout",
			message: "Task timed out after 0.25 seconds"},
		"a response too large": {do: "large", kind: "Function.ResponseSizeTooLarge",
			message: "Response payload size exceeded maximum allowed payload size (6291556 bytes)."},
		"an exit before the start": {init: "exit", kind: "Runtime.ExitError", message: "Runtime exited with error: exit status 7"},
		"a reported false start":   {init: "report", kind: "NoConfiguration", message: "STATE_MACHINE_ARN is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := itself(t, "INIT="+c.init)
			if c.timeout != 0 {
				f.Timeout = c.timeout
			}
			_, err := invoke(t, launch(t, f), event{Do: c.do})
			expect(t, err, c.kind, c.message)
			var report messages.InvokeResponse_Error
			if errors.As(err, &report) && len(report.StackTrace) > 0 != c.stack {
				t.Errorf("stack %v", report.StackTrace)
			}
		})
	}
}

// expect holds an error against Lambda's document of it.
func expect(t *testing.T, err error, kind, message string) {
	t.Helper()
	var report messages.InvokeResponse_Error
	if !errors.As(err, &report) {
		t.Fatalf("error %v, want a report of Lambda", err)
	}
	text := report.Message
	if id, after, ok := strings.Cut(text, " Error: "); ok && strings.HasPrefix(id, "RequestId: ") {
		text = after
	}
	if report.Type != kind || text != message {
		t.Errorf("reported %s: %q, want %s: %q", report.Type, text, kind, message)
	}
}

func TestAnAnswerCountsThoughTheProcessHasEndedSince(t *testing.T) {
	t.Parallel()
	e := launch(t, itself(t))
	e.Close()
	// Both are there when it looks; it must not be left to chance.
	for range 100 {
		inv := &invocation{id: "1", deadline: time.Now().Add(time.Hour), answer: make(chan answer, 1)}
		inv.answer <- answer{output: []byte("{}")}
		if output, err := e.result(t.Context(), inv, time.Now()); err != nil || string(output) != "{}" {
			t.Fatalf("%s, %v", output, err)
		}
	}
}

func TestTheLargestResponseArrives(t *testing.T) {
	t.Parallel()
	output, err := launch(t, itself(t)).Invoke(t.Context(), []byte(`{"do":"largest"}`))
	if err != nil || len(output) != maxResponse {
		t.Errorf("%d bytes, %v", len(output), err)
	}
}

func TestAnInitialisationHasItsTimeToo(t *testing.T) {
	t.Parallel()
	e := launch(t, itself(t, "INIT=hang"))
	e.initLimit = 200 * time.Millisecond
	_, err := invoke(t, e, event{})
	expect(t, err, "Sandbox.Timedout", "Task timed out after 0.20 seconds")
	if _, err := e.Initialised(t.Context()); !errors.Is(err, ErrEnded) {
		t.Errorf("initialised: %v, want ErrEnded", err)
	}
}

func TestWhatCannotBeRunIsReported(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bootstrap")
	_, err := Launch(t.Context(), Function{Name: "x", Path: path})
	expect(t, err, "Runtime.InvalidEntrypoint", "fork/exec "+path+": no such file or directory")
}

func TestTheContextOfAnInvocationLimitsIt(t *testing.T) {
	t.Parallel()
	t.Run("by its deadline", func(t *testing.T) {
		t.Parallel()
		e := launch(t, itself(t))
		if _, err := e.Initialised(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := e.Invoke(ctx, []byte(`{"do":"hang"}`))
		var report messages.InvokeResponse_Error
		if !errors.As(err, &report) || report.Type != "Sandbox.Timedout" {
			t.Errorf("error %v", err)
		}
	})
	t.Run("by its end", func(t *testing.T) {
		t.Parallel()
		e := launch(t, itself(t))
		ctx, cancel := context.WithCancel(t.Context())
		reached := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		}))
		defer reached.Close()
		_, err := e.Invoke(ctx, []byte(`{"do":"get","url":"`+reached.URL+`"}`))
		expect(t, err, "Runtime.ExitError", "Runtime exited with error: signal: killed")
	})
}

func TestClosingLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	e := launch(t, itself(t))
	s, err := invoke(t, e, event{Do: "leave a child"})
	if err != nil {
		t.Fatal(err)
	}
	if syscall.Kill(s.Child, 0) != nil {
		t.Fatal("the child does not run")
	}
	e.Close()
	gone(t, s.PID)
	// The child is an orphan now, so init has to wait for it; until then it is a zombie.
	limit := time.Now().Add(10 * time.Second)
	for syscall.Kill(s.Child, 0) == nil {
		status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.Child), "stat"))
		if err == nil && strings.Contains(string(status), ") Z ") {
			break
		}
		if time.Now().After(limit) {
			_ = syscall.Kill(s.Child, syscall.SIGKILL)
			t.Fatal("the child still runs")
		}
	}
}

func TestAFunctionDoesNotOutliveItsServer(t *testing.T) {
	t.Parallel()
	e := launch(t, itself(t))
	s, err := invoke(t, e, event{})
	if err != nil {
		t.Fatal(err)
	}
	// As when the process that serves it is killed.
	if err := e.server.Close(); err != nil {
		t.Fatal(err)
	}
	<-e.exited
	gone(t, s.PID)
}

func gone(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d: %v, want none", pid, err)
	}
}

func TestAPoolUsesEnvironmentsAgain(t *testing.T) {
	t.Parallel()
	p := NewPool(t.Context(), itself(t), 10)
	defer p.Close()
	first, err := invoke(t, p, event{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := invoke(t, p, event{Do: "fail"}); err == nil {
		t.Error("no error")
	}
	second, err := invoke(t, p, event{})
	if err != nil || second.PID != first.PID {
		t.Errorf("process %d, %v, want %d", second.PID, err, first.PID)
	}
	// One that has died while it was idle is replaced without anybody noticing.
	idle := p.idle[0]
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-idle.exited
	third, err := invoke(t, p, event{})
	if err != nil || third.PID == first.PID {
		t.Errorf("process %d, %v, want another than %d", third.PID, err, first.PID)
	}
	// And so is one that has died of its work.
	if _, err := invoke(t, p, event{Do: "exit 3"}); err == nil {
		t.Error("no error")
	}
	if fourth, err := invoke(t, p, event{}); err != nil || fourth.PID == third.PID {
		t.Errorf("process %d, %v, want another than %d", fourth.PID, err, third.PID)
	}
}

// Whoever invokes a function whose environment does not come up learns it; the next one gets a new environment, as in
// Lambda, which throws away what could not initialise.
func TestAPoolThrowsAwayWhatCouldNotInitialise(t *testing.T) {
	t.Parallel()
	var starts atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if starts.Add(1) <= 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	p := NewPool(t.Context(), itself(t, "INIT=ask", "INIT_URL="+server.URL), 1)
	defer p.Close()
	for range 2 {
		_, err := invoke(t, p, event{})
		expect(t, err, "Runtime.ExitError", "Runtime exited with error: exit status 7")
	}
	if _, err := invoke(t, p, event{}); err != nil || starts.Load() != 3 {
		t.Errorf("%v after %d starts, want none after 3", err, starts.Load())
	}
}

// An environment that dies while nobody waits for it, and that has seen no event, is not the next invocation's affair.
func TestAPoolReplacesWhatDiedBeforeItsFirstUse(t *testing.T) {
	t.Parallel()
	var starts atomic.Int32
	reached, die := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if starts.Add(1) == 1 {
			close(reached)
			<-die
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	p := NewPool(t.Context(), itself(t, "INIT=ask", "INIT_URL="+server.URL), 1)
	defer p.Close()
	ctx, giveUp := context.WithCancel(t.Context())
	go func() {
		<-reached
		giveUp()
	}()
	if _, err := p.Invoke(ctx, []byte(`{}`)); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want the context's", err)
	}
	idle := p.idle[0]
	close(die)
	<-idle.exited
	if _, err := invoke(t, p, event{}); err != nil || starts.Load() != 2 {
		t.Errorf("%v after %d starts, want none after 2", err, starts.Load())
	}
}

func TestAPoolRunsInvocationsAtTheSameTimeUpToItsLimit(t *testing.T) {
	t.Parallel()
	const limit, invocations = 2, 5
	p := NewPool(t.Context(), itself(t), limit)
	defer p.Close()
	// The server holds what reaches it until the limit is reached.
	var mu sync.Mutex
	now, most := 0, 0
	full := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		now++
		if now > most {
			most = now
		}
		if now == limit {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		mu.Unlock()
		<-full
		mu.Lock()
		now--
		mu.Unlock()
	}))
	defer server.Close()
	var running sync.WaitGroup
	processes := make(chan int, invocations)
	for range invocations {
		running.Go(func() {
			s, err := invoke(t, p, event{Do: "get", URL: server.URL})
			if err != nil {
				t.Error(err)
			}
			processes <- s.PID
		})
	}
	running.Wait()
	close(processes)
	distinct := map[int]bool{}
	for pid := range processes {
		distinct[pid] = true
	}
	if most != limit || len(distinct) != limit {
		t.Errorf("%d at the same time in %d processes, want %d", most, len(distinct), limit)
	}
	// Whoever has to wait may give up.
	block, entered := make(chan struct{}), make(chan struct{}, limit)
	busy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-block
	}))
	defer busy.Close()
	defer close(block)
	for range limit {
		go func() { _, _ = p.Invoke(t.Context(), []byte(`{"do":"get","url":"`+busy.URL+`"}`)) }()
		<-entered
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := p.Invoke(ctx, []byte(`{}`)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the context's", err)
	}
	p.Close()
	for pid := range distinct {
		gone(t, pid)
	}
	if _, err := p.Invoke(t.Context(), []byte(`{}`)); !errors.Is(err, ErrEnded) {
		t.Errorf("closed pool: %v, want ErrEnded", err)
	}
}
