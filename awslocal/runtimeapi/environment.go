// Package runtimeapi runs Lambda functions as they are deployed: each execution environment is a process of its own that
// is started from the function's executable and is served by Lambda's Runtime API. Crashes, deadlines and reported errors
// come out as Lambda reports them.
//
// It refuses calls out of turn, answers to invocations that are not under way, and responses that are too large. It is held
// to AWS by Lambda's own runtime: the programs in its tests, as those that are deployed, are started by aws-lambda-go.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
package runtimeapi

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/google/uuid"
)

// Lambda's defaults.
const (
	DefaultMemory  = 128 // MB
	DefaultTimeout = 3 * time.Second
	// InitTimeout is how long an environment may take from its start to asking for its first invocation.
	InitTimeout = 10 * time.Second
)

// ErrEnded says that an environment has ended before it was given the invocation.
var ErrEnded = errors.New("the execution environment has ended")

// Function is a program and how it is configured.
type Function struct {
	Name string
	// ARN is what the function is told to be invoked as.
	ARN string
	// Path is the executable.
	Path string
	// Env has variables in the form "KEY=value" besides those that Lambda itself sets. Nothing else of this process's
	// own environment is seen by the function, so AWS_REGION and the credentials must be among them.
	Env []string
	// Memory is in MB. The function is told, but nobody holds it to that. 0 means DefaultMemory.
	Memory int
	// Timeout is the longest that an invocation may take; 0 means DefaultTimeout. Its own context may end sooner.
	Timeout time.Duration
	// Log gets what the function writes to its standard output and standard error; nil discards it. When it is not a
	// file, it must be safe for concurrent use by several environments.
	Log io.Writer
}

// Environment is one execution environment: a process that takes one invocation at a time.
type Environment struct {
	function Function
	session  *session
	server   *http.Server
	process  *exec.Cmd
	kill     context.CancelFunc
	started  time.Time
	// initLimit is InitTimeout.
	initLimit time.Duration
	// exited is closed when the process has ended and was waited for.
	exited chan struct{}
	// used says that the process has been given an invocation.
	used atomic.Bool
}

// Launch starts an environment. It ends with ctx, by Close, or when an invocation takes too long. The error is a
// messages.InvokeResponse_Error if the executable cannot be run.
func Launch(ctx context.Context, f Function) (*Environment, error) {
	f.Memory, f.Timeout = cmp.Or(f.Memory, DefaultMemory), cmp.Or(f.Timeout, DefaultTimeout)
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("function %s: listen for its runtime: %w", f.Name, err)
	}
	ctx, kill := context.WithCancel(ctx)
	e := &Environment{function: f, session: newSession(f.ARN), kill: kill, initLimit: InitTimeout, exited: make(chan struct{})}
	e.server = &http.Server{Handler: e.session.mux, ReadHeaderTimeout: InitTimeout}
	e.process = exec.CommandContext(ctx, f.Path)
	e.process.Env = environ(f, listener.Addr().String())
	e.process.Dir = filepath.Dir(f.Path)
	e.process.Stdout, e.process.Stderr = f.Log, f.Log
	// The output may be held open by a process that the function has left behind.
	e.process.WaitDelay = time.Second
	ownGroup(e.process)
	go func() { _ = e.server.Serve(listener) }() // it only ends by being closed
	e.started = time.Now()
	if err := e.process.Start(); err != nil {
		kill()
		_ = e.server.Close()
		return nil, messages.InvokeResponse_Error{Type: errorEntrypoint, Message: "RequestId: " + uuid.NewString() + " Error: " + err.Error()}
	}
	go func() {
		_ = e.process.Wait() // how it ended stands in ProcessState
		kill()
		_ = e.server.Close()
		close(e.exited)
	}()
	return e, nil
}

// environ is what a function finds in its environment.
//
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
func environ(f Function, address string) []string {
	return append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + address,
		"AWS_LAMBDA_FUNCTION_NAME=" + f.Name,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(f.Memory),
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME=local",
		"_HANDLER=" + filepath.Base(f.Path),
		"LAMBDA_TASK_ROOT=" + filepath.Dir(f.Path),
		"PATH=" + os.Getenv("PATH"),
		"LANG=en_US.UTF-8",
		"TZ=:UTC",
	}, f.Env...)
}

// Initialised waits until the runtime asks for its first invocation and returns the time from the start of the process
// to then. The error is ErrEnded if the process ends instead, or ctx's.
func (e *Environment) Initialised(ctx context.Context) (time.Duration, error) {
	return e.initialised(ctx, math.MaxInt64)
}

// errSlow says that an environment has not initialised in time.
var errSlow = errors.New("not initialised in time")

func (e *Environment) initialised(ctx context.Context, limit time.Duration) (time.Duration, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-e.session.begun:
	default:
		select {
		case <-e.session.begun:
		case <-e.exited:
			return 0, ErrEnded
		case <-timer.C:
			return 0, errSlow
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	e.session.mu.Lock()
	defer e.session.mu.Unlock()
	return e.session.begunAt.Sub(e.started), nil
}

// Invoke gives the function an event and returns its response. An error of the function, its crash and the end of its
// time are a messages.InvokeResponse_Error with the errorType, the errorMessage and the stack that Lambda reports for
// it. When the time is over, or ctx ends while the function runs, the process is killed. The error is ErrEnded if the
// process has ended since its last invocation: it has seen nothing of this one.
func (e *Environment) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	inv := &invocation{id: uuid.NewString(), payload: payload, answer: make(chan answer, 1)}
	if err := e.waitForRuntime(ctx, inv.id); err != nil {
		return nil, err
	}
	begin := time.Now()
	inv.deadline = begin.Add(e.function.Timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(inv.deadline) {
		inv.deadline = d
	}
	e.used.Store(true)
	e.session.work <- inv
	return e.result(ctx, inv, begin)
}

// result waits for how an invocation ends.
func (e *Environment) result(ctx context.Context, inv *invocation, begin time.Time) ([]byte, error) {
	timer := time.NewTimer(time.Until(inv.deadline))
	defer timer.Stop()
	select {
	case a := <-inv.answer:
		return a.output, a.err
	case <-e.exited:
	case <-timer.C:
		e.Close()
		return nil, timedOut(inv.id, inv.deadline.Sub(begin))
	case <-ctx.Done():
		e.Close()
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, timedOut(inv.id, inv.deadline.Sub(begin))
		}
	}
	// A runtime that panics answers and then exits: the answer says more.
	select {
	case a := <-inv.answer:
		return a.output, a.err
	default:
		return nil, e.exitError(inv.id)
	}
}

// waitForRuntime returns when the runtime waits for an invocation.
func (e *Environment) waitForRuntime(ctx context.Context, id string) error {
	if _, err := e.initialised(ctx, e.initLimit-time.Since(e.started)); err != nil {
		if errors.Is(err, errSlow) {
			e.Close()
			return timedOut(id, e.initLimit)
		}
		if !errors.Is(err, ErrEnded) {
			return err
		}
	}
	select {
	case <-e.session.polling:
	case <-e.exited:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-e.exited:
		// It may have been waiting when it ended.
		if e.used.Load() {
			return ErrEnded
		}
		return e.exitError(id)
	default:
		return nil
	}
}

// ended reports whether the process is gone.
func (e *Environment) ended() bool {
	select {
	case <-e.exited:
		return true
	default:
		return false
	}
}

// neverUsed reports whether the process is gone and was never given an invocation.
func (e *Environment) neverUsed() bool { return e.ended() && !e.used.Load() }

func timedOut(id string, after time.Duration) error {
	return messages.InvokeResponse_Error{
		Type:    errorTimeout,
		Message: fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", id, after.Seconds()),
	}
}

// exitError is what Lambda says of a process that has ended without an answer.
func (e *Environment) exitError(id string) error {
	e.session.mu.Lock()
	defer e.session.mu.Unlock()
	if e.session.initError != nil {
		return *e.session.initError
	}
	text := "Runtime exited without providing a reason"
	if state := e.process.ProcessState; !state.Success() {
		text = "Runtime exited with error: " + state.String()
	}
	return messages.InvokeResponse_Error{Type: errorExit, Message: "RequestId: " + id + " Error: " + text}
}

// PeakRSS is the most memory that the process has had resident so far, in bytes; 0 where the system does not tell, and
// after the process has ended. It is read from Linux's /proc: what rusage says of a child includes its parent's memory
// at the time of the fork.
func (e *Environment) PeakRSS() int64 {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(e.process.Process.Pid), "status"))
	if err != nil {
		return 0
	}
	_, after, _ := bytes.Cut(status, []byte("VmHWM:"))
	line, _, _ := bytes.Cut(after, []byte("kB"))
	kilobytes, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	if err != nil {
		return 0
	}
	return kilobytes * 1024
}

// Close kills the process and returns when it is gone.
func (e *Environment) Close() {
	e.kill()
	<-e.exited
}
