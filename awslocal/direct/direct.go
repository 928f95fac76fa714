// Package direct has a handler answer requests without a network in between.
package direct

import (
	"bytes"
	"net/http"
)

// Answer is what a handler has answered.
type Answer struct {
	Status int
	Header http.Header
	Body   bytes.Buffer
}

// Do has h answer r.
func Do(h http.Handler, r *http.Request) *Answer {
	a := &Answer{Status: http.StatusOK, Header: http.Header{}}
	h.ServeHTTP(writer{a}, r)
	return a
}

type writer struct{ answer *Answer }

func (w writer) Header() http.Header         { return w.answer.Header }
func (w writer) WriteHeader(status int)      { w.answer.Status = status }
func (w writer) Write(p []byte) (int, error) { return w.answer.Body.Write(p) }
