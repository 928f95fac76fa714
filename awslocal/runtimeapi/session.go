package runtimeapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
)

// maxResponse is how large a function's response may be, in bytes.
//
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const maxResponse = 6*1024*1024 + 100

// The names of errors that Lambda gives itself.
const (
	errorExit            = "Runtime.ExitError"
	errorTimeout         = "Sandbox.Timedout"
	errorEntrypoint      = "Runtime.InvalidEntrypoint"
	errorUnknown         = "Runtime.Unknown"
	errorResponseTooLong = "Function.ResponseSizeTooLarge"
)

// Headers of the Runtime API.
const (
	headerRequestID = "Lambda-Runtime-Aws-Request-Id"
	headerDeadline  = "Lambda-Runtime-Deadline-Ms"
	headerARN       = "Lambda-Runtime-Invoked-Function-Arn"
	headerErrorType = "Lambda-Runtime-Function-Error-Type"
	headerErrorBody = "Lambda-Runtime-Function-Error-Body"
)

// session is the Runtime API of one execution environment, in which there is one invocation at a time.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type session struct {
	arn string
	mux *http.ServeMux
	// begun is closed when the runtime asks for an invocation for the first time, which ends its initialisation.
	begun chan struct{}
	// polling holds a token while the runtime waits for an invocation.
	polling chan struct{}
	// work is the invocation that the waiting runtime gets.
	work chan *invocation

	mu sync.Mutex
	// current is the invocation that the runtime has not answered yet.
	current *invocation
	// initError is why the runtime could not initialise, in its own words.
	initError *messages.InvokeResponse_Error
	begunAt   time.Time
}

type invocation struct {
	id       string
	payload  []byte
	deadline time.Time
	// answer has room for the one answer of the runtime.
	answer chan answer
}

type answer struct {
	output []byte
	err    error
}

func newSession(arn string) *session {
	s := &session{
		arn: arn, mux: http.NewServeMux(),
		begun: make(chan struct{}), polling: make(chan struct{}, 1), work: make(chan *invocation, 1),
	}
	const version = "/2018-06-01/runtime/"
	s.mux.HandleFunc("GET "+version+"invocation/next", s.next)
	s.mux.HandleFunc("POST "+version+"invocation/{id}/response", s.response)
	s.mux.HandleFunc("POST "+version+"invocation/{id}/error", s.failure)
	s.mux.HandleFunc("POST "+version+"init/error", s.initFailure)
	return s
}

// next hands out the next invocation, for which the runtime waits without limit.
func (s *session) next(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	busy := s.current != nil
	if !busy && s.begunAt.IsZero() {
		s.begunAt = time.Now()
		close(s.begun)
	}
	s.mu.Unlock()
	if busy {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the invocation before has not been answered")
		return
	}
	select {
	case s.polling <- struct{}{}:
	default: // a token of a request that was given up is as good
	}
	var inv *invocation
	select {
	case inv = <-s.work:
	case <-r.Context().Done():
		return
	}
	s.mu.Lock()
	s.current = inv
	s.mu.Unlock()
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set(headerRequestID, inv.id)
	h.Set(headerDeadline, strconv.FormatInt(inv.deadline.UnixMilli(), 10))
	h.Set(headerARN, s.arn)
	// A runtime that is gone does not answer; that is noticed by its process ending, or by the deadline.
	_, _ = w.Write(inv.payload)
}

// take returns the invocation that the path names and that is answered by this request.
func (s *session) take(w http.ResponseWriter, r *http.Request) *invocation {
	s.mu.Lock()
	inv := s.current
	ok := inv != nil && inv.id == r.PathValue("id")
	if ok {
		s.current = nil
	}
	s.mu.Unlock()
	if !ok {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "there is no such invocation under way")
		return nil
	}
	return inv
}

func (s *session) response(w http.ResponseWriter, r *http.Request) {
	inv := s.take(w, r)
	if inv == nil {
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxResponse))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		const text = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
		inv.answer <- answer{err: messages.InvokeResponse_Error{Type: errorResponseTooLong, Message: text}}
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", text)
	case err != nil:
		// The runtime went away in the middle of its answer: its end, or the deadline, is the invocation's.
		return
	case r.Trailer.Get(headerErrorType) != "":
		// A handler that streams its response has failed on the way.
		inv.answer <- answer{err: streamError(r.Trailer)}
		accept(w)
	default:
		inv.answer <- answer{output: body}
		accept(w)
	}
}

func streamError(trailer http.Header) error {
	body, err := base64.StdEncoding.DecodeString(trailer.Get(headerErrorBody))
	if err != nil {
		body = nil
	}
	return reported(body, trailer.Get(headerErrorType))
}

func (s *session) failure(w http.ResponseWriter, r *http.Request) {
	inv := s.take(w, r)
	if inv == nil {
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxResponse))
	if err != nil {
		body = nil // that it failed is known even where the reason got lost
	}
	inv.answer <- answer{err: reported(body, r.Header.Get(headerErrorType))}
	accept(w)
}

func (s *session) initFailure(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxResponse))
	if err != nil {
		body = nil
	}
	report := reported(body, r.Header.Get(headerErrorType))
	s.mu.Lock()
	s.initError = &report
	s.mu.Unlock()
	accept(w)
}

// reported reads the error document of a runtime. What it leaves out is taken from the header, or unknown.
func reported(body []byte, header string) messages.InvokeResponse_Error {
	var report messages.InvokeResponse_Error
	if err := json.Unmarshal(body, &report); err != nil {
		report = messages.InvokeResponse_Error{Message: string(body)}
	}
	if report.Type == "" {
		report.Type = header
	}
	if report.Type == "" {
		report.Type = errorUnknown
	}
	return report
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func refuse(w http.ResponseWriter, status int, kind, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(messages.InvokeResponse_Error{Type: kind, Message: text})
}
