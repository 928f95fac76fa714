package main

import (
	"io"
	"net/http"
	"time"
)

// How long a request may take to arrive: its headers, and then its body. What is answered may take any time, so this is
// no http.Server.ReadTimeout, which would end the context of a function that runs longer.
const (
	headerTime = 5 * time.Second
	bodyTime   = 20 * time.Second
	idleTime   = 2 * time.Minute // between two requests on a connection
)

// newServer makes a server that does not wait for who sends nothing, and that has no memory for what has not come.
func newServer(handler http.Handler) *http.Server {
	return &http.Server{Handler: hurry(handler), ReadHeaderTimeout: headerTime, IdleTimeout: idleTime}
}

// hurry gives up a body that has not arrived in time. The handler is not told how long the body says that it is: it could
// only use that to make room before the first byte is there.
func hurry(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			handler.ServeHTTP(w, r)
			return
		}
		control := http.NewResponseController(w)
		if err := control.SetReadDeadline(time.Now().Add(bodyTime)); err != nil {
			http.Error(w, "this connection has no deadlines", http.StatusInternalServerError)
			return
		}
		r = r.WithContext(r.Context()) // a copy, because the server still needs its own
		r.ContentLength = -1
		r.Body = &arrival{ReadCloser: r.Body, over: func() { _ = control.SetReadDeadline(time.Time{}) }}
		handler.ServeHTTP(w, r)
	})
}

// arrival is a body that says when it has been read to its end.
type arrival struct {
	io.ReadCloser
	over func()
}

func (a *arrival) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if err == io.EOF {
		a.over()
	}
	return n, err
}
