// Package apigateway lets API Gateway call the HTTP API: it makes a request of the event that API Gateway has taken it apart
// into, and an event of the answer, both in payload format 2.0, and says who the caller is.
//
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
package apigateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"sms-api/internal/deadline"
)

// Handler is an HTTP handler as a function of Lambda.
type Handler struct {
	HTTP http.Handler
	Log  *slog.Logger
}

// spare is what is left of the function's time when the request's is over, so that an answer still leaves.
const spare = 500 * time.Millisecond

// Invoke answers the event of a request. It never returns an error: API Gateway would tell the caller nothing but 500, and
// Lambda's runtime would log whatever the error quotes of the request. What is no event of API Gateway gets an answer, too.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	ctx, cancel := deadline.Before(ctx, spare)
	defer cancel()
	w := &response{header: http.Header{}}
	if r, ok := newRequest(ctx, payload); ok {
		h.HTTP.ServeHTTP(w, r)
	} else {
		// Not why: the reasons of JSON and Base64 quote what they could not read.
		h.Log.LogAttrs(ctx, slog.LevelError, "request not understood", slog.Int("bytes", len(payload)))
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"type":"about:blank","title":"Bad Request","status":400}`+"\n")
	}
	answer, err := json.Marshal(w.event())
	if err != nil {
		h.Log.LogAttrs(ctx, slog.LevelError, "response not written")
		return []byte(`{"statusCode":500}`), nil
	}
	return answer, nil
}

// newRequest makes the request that API Gateway was sent. API Gateway has decoded the path, has put commas between the
// values of a header that came several times, has taken the cookies out of the headers, and has encoded bodies that it does
// not take for text.
func newRequest(ctx context.Context, payload []byte) (*http.Request, bool) {
	var event events.APIGatewayV2HTTPRequest
	if json.Unmarshal(payload, &event) != nil {
		return nil, false
	}
	body := []byte(event.Body)
	if event.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(event.Body); err != nil {
			return nil, false
		}
	}
	gateway := event.RequestContext
	header := make(http.Header, len(event.Headers))
	for name, value := range event.Headers {
		header.Set(name, value)
	}
	if len(event.Cookies) > 0 {
		header.Set("Cookie", strings.Join(event.Cookies, "; "))
	}
	host := header.Get("Host")
	header.Del("Host") // as net/http has it
	r := &http.Request{
		// The path is decoded already: parsing it again would stumble over a % and end it at a ?.
		Method: gateway.HTTP.Method, URL: &url.URL{Path: event.RawPath, RawQuery: event.RawQueryString},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Host: host, RemoteAddr: gateway.HTTP.SourceIP,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
	return r.WithContext(context.WithValue(ctx, gatewayKey{}, gateway)), true
}

// gatewayKey is under which a request's context has what API Gateway found out about it.
type gatewayKey struct{}

// response is an answer in the making.
type response struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

func (w *response) event() events.APIGatewayV2HTTPResponse {
	w.WriteHeader(http.StatusOK)
	answer := events.APIGatewayV2HTTPResponse{StatusCode: w.status, Headers: make(map[string]string, len(w.header))}
	for name, values := range w.header {
		if name == "Set-Cookie" {
			answer.Cookies = values
			continue
		}
		answer.Headers[name] = strings.Join(values, ",")
	}
	if answer.Body = w.body.String(); !utf8.ValidString(answer.Body) {
		answer.Body, answer.IsBase64Encoded = base64.StdEncoding.EncodeToString(w.body.Bytes()), true
	}
	return answer
}
