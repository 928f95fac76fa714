package stack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"sms-api/console/page"
	"sms-api/internal/message"
	"sms-api/internal/way"
)

// API is the HTTP API of a stack, and a page.Source. Requests are signed, or carry a token where the stack's API takes tokens.
type API struct {
	// URL is https://HOST without a slash at its end.
	URL, Region string
	Credentials aws.CredentialsProvider
	// Token is a token with the scope messages:admin; empty signs requests.
	Token string
	HTTP  aws.HTTPClient
	Now   func() time.Time
}

// maxAnswer bounds what is read of an answer: API Gateway gives 10 MB at most.
const maxAnswer = 10 << 20

// Ask makes a request and decodes the answer. Errors are *page.ProblemError: the API's problems as they are.
func (a *API) Ask(ctx context.Context, q page.Request, into any) error {
	r, err := q.HTTP(ctx, a.URL)
	if err != nil {
		return err
	}
	if err := a.sign(ctx, r, q.Body); err != nil {
		return explained(err)
	}
	answer, err := a.HTTP.Do(r)
	if err != nil {
		return explained(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return explained(err)
	}
	if answer.StatusCode >= http.StatusBadRequest {
		return a.refused(answer, q.Method, body)
	}
	return q.Read(body, into)
}

func (a *API) sign(ctx context.Context, r *http.Request, body []byte) error {
	if a.Token != "" {
		r.Header.Set("Authorization", "Bearer "+a.Token)
		return nil
	}
	credentials, err := a.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("get credentials: %w", err)
	}
	sum := sha256.Sum256(body)
	return v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), "execute-api", a.Region, a.Now())
}

// refused is the problem that an answer tells. What API Gateway refuses itself has a message and no type.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html
func (a *API) refused(answer *http.Response, method string, body []byte) error {
	var p page.ProblemError
	if json.Unmarshal(body, &p) == nil && p.Type != "" {
		if p.Status == 0 {
			p.Status = answer.StatusCode
		}
		if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil {
			p.RetryAfter = time.Duration(seconds) * time.Second
		}
		return &p
	}
	var gateway struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(body, &gateway)
	switch {
	case strings.Contains(gateway.Message, "expired"):
		return expired()
	case answer.StatusCode == http.StatusUnauthorized && a.Token != "":
		return problem(http.StatusUnauthorized, typeNoToken, "The API does not take this token",
			"put a new one into SMS_API_TOKEN: it needs the scope messages:admin")
	case answer.StatusCode == http.StatusUnauthorized:
		return problem(http.StatusUnauthorized, typeNoToken, "The API of this stack takes tokens",
			"put one with the scope messages:admin into SMS_API_TOKEN")
	case answer.StatusCode == http.StatusForbidden:
		return notAllowed("execute-api:Invoke on " + method + " " + answer.Request.URL.Path)
	case answer.StatusCode == http.StatusNotFound:
		return problem(http.StatusNotFound, typeOlder, "The stack does not have this",
			"it was deployed before this version of the console: pulumi up")
	case answer.StatusCode == http.StatusTooManyRequests:
		return throttled()
	}
	return problem(http.StatusBadGateway, typeOffline, "The API does not answer", fmt.Sprintf("it said %d", answer.StatusCode))
}

// Messages finds messages.
func (a *API) Messages(ctx context.Context, s page.Search) (page.Found, error) {
	if s.To != "" && s.Reason == "" {
		return page.Found{}, problem(http.StatusUnprocessableEntity, typeReason, "Say why you look for a number",
			"the log of the stack keeps the reason, and not the number")
	}
	query := url.Values{}
	for name, value := range map[string]string{
		"to": string(s.To), "reason": s.Reason, "reference": s.Reference, "status": string(s.Status), "cursor": s.Cursor,
		"campaign": s.Campaign,
	} {
		if value != "" && (name != "reason" || s.To != "") {
			query.Set(name, value)
		}
	}
	if s.Limit > 0 {
		query.Set("limit", strconv.Itoa(s.Limit))
	}
	var list struct {
		Messages []page.Listed `json:"messages"`
		Cursor   string        `json:"cursor"`
	}
	err := a.Ask(ctx, page.Request{Method: http.MethodGet, Path: "/v1/messages", Query: query}, &list)
	return page.Found{Messages: list.Messages, Cursor: list.Cursor}, err
}

// Message tells what has become of a message so far.
func (a *API) Message(ctx context.Context, id string) (message.Outcome, error) {
	var o message.Outcome
	err := a.Ask(ctx, page.Request{Method: http.MethodGet, Path: "/v1/messages/" + url.PathEscape(id)}, &o)
	return o, err
}

// Way tells the way that it took.
func (a *API) Way(ctx context.Context, id string) (way.Way, error) {
	var w way.Way
	err := a.Ask(ctx, page.Request{Method: http.MethodGet, Path: "/v1/messages/" + url.PathEscape(id) + "/way"}, &w)
	return w, err
}

// Cancel cancels it, whoever sent it.
func (a *API) Cancel(ctx context.Context, id string) (message.Outcome, error) {
	var o message.Outcome
	err := a.Ask(ctx, page.Request{Method: http.MethodDelete, Path: "/v1/messages/" + url.PathEscape(id)}, &o)
	return o, err
}
