package apigateway

import (
	"context"
	"io"
	"maps"
	"net/http"
	"time"
)

// Limited answers requests over HTTP as API Gateway does with a function of this time limit behind it: the handler has as
// much time as it has in Invoke, does not learn that its caller hangs up, and what it has not answered when the limit is
// over is answered with API Gateway's own 503. It is for a machine without API Gateway. The handler must not panic.
//
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html
func Limited(h http.Handler, limit time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		alive, kill := context.WithTimeout(context.WithoutCancel(r.Context()), limit)
		defer kill()
		answer, answered := &response{header: http.Header{}}, make(chan struct{})
		go func() {
			defer close(answered)
			ctx, cancel := context.WithTimeout(alive, limit-spare)
			defer cancel()
			h.ServeHTTP(answer, r.WithContext(ctx))
		}()
		select {
		case <-answered:
			maps.Copy(w.Header(), answer.header)
			answer.WriteHeader(http.StatusOK)
			w.WriteHeader(answer.status)
			// The caller is gone when this fails; there is nobody to tell.
			_, _ = w.Write(answer.body.Bytes())
		case <-alive.Done():
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"message":"Service Unavailable"}`)
		}
	})
}
