package intake

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/execution"
	"sms-api/internal/intake/contract"
	"sms-api/internal/message"
	"sms-api/internal/untrusted"
	"sms-api/internal/way"
)

// The scopes that a caller may have.
const (
	// ScopeSend is for sending approved templates and for cancelling.
	ScopeSend = "messages:send"
	// ScopeRead is for reading what became of one's own messages.
	ScopeRead = "messages:read"
	// ScopeText marks a trusted caller: it may write the texts itself, send to many and to any Korean number, and see the
	// wallet. A caller without it is untrusted.
	ScopeText = "messages:text"
	// ScopeCampaigns is for campaigns: for sending approved templates to many. A text of one's own needs ScopeText as well.
	ScopeCampaigns = "campaigns:send"
	// ScopeAdmin is an operator's: reading and cancelling everybody's messages, those of events included.
	ScopeAdmin = "messages:admin"
)

// Scopes are all of them: what a caller has whom the account itself trusts.
func Scopes() []string { return []string{ScopeSend, ScopeRead, ScopeText, ScopeCampaigns, ScopeAdmin} }

// Caller is who makes a request.
type Caller struct {
	// ID is stable for one person or service: idempotency keys and messages belong to it.
	ID     string
	Scopes []string
}

func (c Caller) has(scope string) bool { return slices.Contains(c.Scopes, scope) }

func (c Caller) trusted() bool { return c.has(ScopeText) }

// messages is what the API calls of *execution.Executions.
type messages interface {
	starter
	Outcome(ctx context.Context, id string) (message.Message, message.Outcome, error)
	Cancel(ctx context.Context, id string) (message.Outcome, error)
	Way(ctx context.Context, id string) (way.Way, error)
}

// API is the HTTP API. All fields but Policy are needed.
type API struct {
	Executions messages
	// Records are searched.
	Records book
	// Identify says who makes a request; an error means nobody known.
	Identify func(*http.Request) (Caller, error)
	// UntrustedMaxRecipients is how many recipients a message of an untrusted caller may have.
	UntrustedMaxRecipients int
	// UntrustedMaxSchedule is how far ahead it may be scheduled: not for long after a stolen token has been taken away.
	UntrustedMaxSchedule time.Duration
	// Ads is what the stack says about advertising.
	Ads message.Ads
	// Policy says what the values of an untrusted caller may be.
	Policy untrusted.Policy
	// Limits are what callers may ask for; nil is no limit.
	Limits limitBook
	// OptOuts are those who want no advertising; OptOutsCoverInfo says that they want no other messages either. Nil is nobody.
	OptOuts          optOutList
	OptOutsCoverInfo bool
	// Templates are checked against when they can be had.
	Templates templates
	Wallet    wallet
	Campaigns Campaigns
	Now       func() time.Time
	Log       *slog.Logger

	pause pause
}

// wallet is what the API calls of *aligo.Client.
type wallet interface {
	HeartInfo(ctx context.Context) (aligo.Balance, error)
}

// maxBody bounds request bodies, in bytes. A message of message.MaxSize has at most three times as many when every
// character is written as \uXXXX.
const maxBody = 512 << 10

// serve answers a request of a caller who may make it; of an operation for everybody the caller is nobody.
type serve func(http.ResponseWriter, *http.Request, Caller) error

// handlers has a handler for each operation of the OpenAPI document, by its operationId.
func (a *API) handlers() map[string]serve {
	return map[string]serve{
		"sendMessage":       a.postMessage,
		"previewMessage":    a.postPreview,
		"getMessage":        a.getMessage,
		"getWay":            a.getWay,
		"listMessages":      a.listMessages,
		"eraseRecipient":    a.eraseRecipient,
		"cancelMessage":     a.deleteMessage,
		"listTemplates":     a.getTemplates,
		"getTemplate":       a.getTemplate,
		"getBalance":        a.getBalance,
		"getContract":       a.getContract,
		"listOptOuts":       a.listOptOuts,
		"getOptOut":         a.getOptOut,
		"optOut":            a.putOptOut,
		"optIn":             a.deleteOptOut,
		"getLimits":         a.getLimits,
		"resetLimits":       a.deleteLimits,
		"createCampaign":    a.createCampaign,
		"listCampaigns":     a.listCampaigns,
		"getCampaign":       a.getCampaign,
		"startCampaign":     a.startCampaign,
		"pauseCampaign":     a.pauseCampaign,
		"resumeCampaign":    a.resumeCampaign,
		"cancelCampaign":    a.cancelCampaign,
		"getCampaignReport": a.getReport,
	}
}

// Handler returns the API as a handler for the paths under /v1/.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	handlers, methods := a.handlers(), map[string][]string{}
	for _, o := range contract.Operations() {
		mux.Handle(o.Route(), a.operation(o, handlers[o.ID]))
		methods[o.Path] = append(methods[o.Path], o.Method)
		if o.Method == http.MethodGet {
			methods[o.Path] = append(methods[o.Path], http.MethodHead)
		}
	}
	for p, allowed := range methods {
		mux.Handle(p, a.otherMethods(strings.Join(append(allowed, http.MethodOptions), ", ")))
	}
	mux.HandleFunc("/", a.noRoute)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = throughGateway(r)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		defer a.recovered(w, r)
		// The mux would redirect from a path such as /v1//messages.
		if r.URL.Path != path.Clean(r.URL.Path) || !strings.HasPrefix(r.URL.Path, "/") {
			a.noRoute(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// throughGateway is the request as API Gateway hands it on, wherever it comes from, so that it gets the same answer
// everywhere: the path is decoded, a %2F in it separates, and a header that came several times is one with commas.
func throughGateway(r *http.Request) *http.Request {
	r = r.WithContext(r.Context()) // a copy, because the caller still needs its own
	decoded := *r.URL
	decoded.RawPath = ""
	r.URL = &decoded
	header := make(http.Header, len(r.Header))
	for name, values := range r.Header {
		if len(values) > 1 {
			values = []string{strings.Join(values, ",")}
		}
		header[name] = values
	}
	r.Header = header
	return r
}

// recovered answers when a handler has panicked. The value is not logged: it may quote the request.
func (a *API) recovered(w http.ResponseWriter, r *http.Request) {
	if v := recover(); v != nil {
		a.fail(w, r, fmt.Errorf("panic: %T\n%s", v, debug.Stack()))
	}
}

// operation identifies the caller, checks that it has one of the scopes that the document asks for, and serves.
func (a *API) operation(o contract.Operation, serve serve) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var caller Caller
		if !o.Public {
			var err error
			if caller, err = a.Identify(r); err != nil || caller.ID == "" {
				w.Header().Set("WWW-Authenticate", "Bearer")
				a.fail(w, r, problemUnauthenticated())
				return
			}
			if len(o.Scopes) > 0 && !slices.ContainsFunc(o.Scopes, caller.has) {
				w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="`+strings.Join(o.Scopes, " ")+`"`)
				a.fail(w, r, problemScope(strings.Join(o.Scopes, " or ")))
				return
			}
		}
		if err := serve(w, r, caller); err != nil {
			a.fail(w, r, err)
		}
	})
}

func (a *API) otherMethods(allowed string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allowed)
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		a.fail(w, r, problemMethod(allowed))
	})
}

func (a *API) noRoute(w http.ResponseWriter, r *http.Request) {
	a.fail(w, r, problemRoute())
}

// fail answers with a problem document. An error that is no *problemError is ours: it is logged, and the caller is asked to
// try again.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	var p *problemError
	if !errors.As(err, &p) {
		a.Log.LogAttrs(r.Context(), slog.LevelError, "request not served", slog.String("method", r.Method), slog.String("error", err.Error()))
		p = problemUnavailable()
		w.Header().Set("Retry-After", "5")
	}
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.Status == http.StatusUnprocessableEntity || p.Status == http.StatusTooManyRequests || p.Status == http.StatusForbidden {
		a.Log.LogAttrs(r.Context(), slog.LevelInfo, "request refused", slog.String("problem", p.Type), slog.Int("errors", len(p.Errors)))
	}
	w.Header().Set("Cache-Control", "no-store")
	a.writeJSON(w, r, p.Status, "application/problem+json", p.Problem)
}

func (a *API) writeJSON(w http.ResponseWriter, r *http.Request, status int, contentType string, v any) {
	body, err := encode(v)
	if err != nil {
		a.Log.LogAttrs(r.Context(), slog.LevelError, "response not written", slog.String("error", err.Error()))
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	a.write(w, r, status, contentType, body)
}

func (a *API) write(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// encode makes JSON that people can read as well: a link has its "&", and what is to be clicked through its ">".
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// writeCacheable answers a GET with an entity tag, and with 304 when the caller has the same already.
func (a *API) writeCacheable(w http.ResponseWriter, r *http.Request, v any) error {
	body, err := encode(v)
	if err != nil {
		return fmt.Errorf("write the response: %w", err)
	}
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "private, no-cache")
	for _, known := range strings.Split(r.Header.Get("If-None-Match"), ",") {
		if known = strings.TrimPrefix(strings.TrimSpace(known), "W/"); known == tag || known == "*" {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	a.write(w, r, http.StatusOK, "application/json", body)
	return nil
}

// Accepted is the body of a response to POST /v1/messages.
type Accepted struct {
	ID     string `json:"id"`
	Status string `json:"status"`
}

func (a *API) postMessage(w http.ResponseWriter, r *http.Request, caller Caller) error {
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	request, s, err := a.submitted(w, r, caller)
	if err != nil {
		return err
	}
	s.key = key
	m, replayed, err := a.door().submit(r.Context(), request, s)
	if err != nil {
		return err
	}
	a.Log.LogAttrs(r.Context(), slog.LevelInfo, "message accepted", slog.String("message", m.ID), slog.String("caller", caller.ID),
		slog.String("channel", string(m.Channel)), slog.Int("recipients", len(m.Recipients)), slog.Bool("replayed", replayed))
	w.Header().Set("Location", "/v1/messages/"+m.ID)
	w.Header().Set("Cache-Control", "no-store")
	status := http.StatusAccepted
	if replayed {
		w.Header().Set("Idempotent-Replayed", "true")
		status = http.StatusOK
	} else {
		w.Header().Set("Retry-After", strconv.Itoa(wait(message.Sending, m, a.Now())))
	}
	a.writeJSON(w, r, status, "application/json", Accepted{ID: m.ID, Status: "accepted"})
	return nil
}

// submitted reads the request for a message, and says what its caller may ask for.
func (a *API) submitted(w http.ResponseWriter, r *http.Request, caller Caller) (message.Request, submission, error) {
	s := submission{caller: caller.ID}
	body, err := readBody(w, r)
	if err != nil {
		return message.Request{}, s, err
	}
	request, err := message.Decode(body)
	var syntax *message.SyntaxError
	if errors.As(err, &syntax) {
		return message.Request{}, s, problemMalformed(syntax.Detail)
	}
	if !caller.trusted() {
		if err := templatesOnly(request); err != nil {
			return message.Request{}, s, err
		}
		s.untrusted = &message.Untrusted{MaxRecipients: a.UntrustedMaxRecipients, MaxSchedule: a.UntrustedMaxSchedule}
	}
	return request, s, nil
}

func (a *API) door() *door {
	return &door{
		executions: a.Executions, rules: a.rules(), now: a.Now,
		check: templateCheck{templates: a.Templates, now: a.Now, log: a.Log, pause: &a.pause, policy: a.Policy},
	}
}

// idempotencyKey is the header's value; empty without one.
func idempotencyKey(r *http.Request) (string, error) {
	key := r.Header.Get("Idempotency-Key")
	if len(r.Header.Values("Idempotency-Key")) > 0 && !message.ValidIdempotencyKey(key) {
		return "", problemKey()
	}
	return key, nil
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	mediaType, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err != nil || mediaType != "application/json":
		return nil, problemMediaType("Content-Type must be application/json")
	case !slices.Contains([]string{"", "utf-8", "utf8"}, strings.ToLower(parameters["charset"])):
		return nil, problemMediaType("the charset of JSON is UTF-8")
	case !strings.EqualFold(cmp.Or(r.Header.Get("Content-Encoding"), "identity"), "identity"):
		return nil, problemMediaType("the body must not be compressed")
	}
	// There is no room for a body before it is there, whatever its header says of it.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, problemBodyTooLarge()
	case err != nil:
		return nil, problemMalformed("the body could not be read to its end")
	}
	return body, nil
}

// templatesOnly refuses free text: whoever has stolen an untrusted caller's token can send nothing but approved templates.
func templatesOnly(r message.Request) error {
	p := problemScope(ScopeText)
	refuse := func(pointer, what string) {
		p.Errors = append(p.Errors, message.ValidationError{Pointer: pointer, Detail: what + " needs the scope " + ScopeText})
	}
	if r.Channel == message.SMS {
		refuse("/channel", "sending SMS with a text of one's own")
	}
	if f := r.Fallback; f != nil && f.Text != "" {
		refuse("/fallback/text", "a text of one's own")
	}
	if f := r.Fallback; f != nil && f.Title != "" {
		refuse("/fallback/title", "a title of one's own")
	}
	if len(p.Errors) == 0 {
		return nil
	}
	return p
}

func (a *API) getMessage(w http.ResponseWriter, r *http.Request, caller Caller) error {
	m, o, err := a.find(r, caller)
	if err != nil {
		return err
	}
	if s := wait(o.Status, m, a.Now()); s > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(s))
	}
	return a.writeCacheable(w, r, shown(o, caller))
}

// getWay tells the way of a message to those who may see everybody's. That somebody looked is logged.
func (a *API) getWay(w http.ResponseWriter, r *http.Request, caller Caller) error {
	m, _, err := a.find(r, caller)
	if err != nil {
		return err
	}
	a.Log.LogAttrs(r.Context(), slog.LevelInfo, "way of a message read", slog.String("message", m.ID), slog.String("caller", caller.ID))
	took, err := a.Executions.Way(r.Context(), m.ID)
	switch {
	case errors.Is(err, execution.ErrNotFound):
		return problemNoMessage()
	case err != nil:
		return err
	}
	return a.writeCacheable(w, r, took)
}

func (a *API) deleteMessage(w http.ResponseWriter, r *http.Request, caller Caller) error {
	m, known, err := a.find(r, caller)
	if err != nil {
		return err
	}
	o, err := a.Executions.Cancel(r.Context(), m.ID)
	var not *execution.NotCancellableError
	switch {
	case errors.As(err, &not):
		return problemNotCancellable(not.Reason)
	case errors.Is(err, execution.ErrNotFound):
		return problemNoMessage()
	case err != nil:
		return err
	}
	if a.Limits != nil {
		if err := a.Limits.Cancelled(r.Context(), m.ID, m.Fingerprint); err != nil {
			// What it has taken stays counted.
			a.Log.LogAttrs(r.Context(), slog.LevelWarn, "a count was not given back", slog.String("message", m.ID),
				slog.String("error", err.Error()))
		}
	}
	a.Log.LogAttrs(r.Context(), slog.LevelInfo, "message cancelled", slog.String("message", m.ID), slog.String("caller", caller.ID))
	w.Header().Set("Cache-Control", "no-store")
	// The execution knows nobody who was erased from the record.
	a.writeJSON(w, r, http.StatusOK, "application/json", shown(o.Without(known.Erased), caller))
	return nil
}

// shown is an outcome as a caller may see it. What an operator has to repair, which egress IP to register among it, is none
// of an untrusted caller's business, whether it stands in parked or in a reason: reasons are what the codes mean, then.
func shown(o message.Outcome, caller Caller) message.Outcome {
	if caller.trusted() || caller.has(ScopeAdmin) {
		return o
	}
	return o.Public()
}

// find reads a message of the caller, or of anybody for an operator. Those of others do not exist.
func (a *API) find(r *http.Request, caller Caller) (message.Message, message.Outcome, error) {
	id := r.PathValue("id")
	if !isMessageID(id) {
		return message.Message{}, message.Outcome{}, problemNoMessage()
	}
	m, o, err := a.Executions.Outcome(r.Context(), id)
	if errors.Is(err, execution.ErrNotFound) || err == nil && m.Caller != caller.ID && !caller.has(ScopeAdmin) {
		return message.Message{}, message.Outcome{}, problemNoMessage()
	}
	return m, o, err
}

// wait is how many seconds a caller should leave a message alone before it polls again; 0 when nothing will change. Most
// receipts come within seconds, and what is not there after a minute may take hours.
func wait(s message.MessageStatus, m message.Message, now time.Time) int {
	begin := m.CreatedAt
	if m.SendAt.After(begin) {
		begin = m.SendAt
	}
	age := now.Sub(begin)
	switch {
	case s != message.Scheduled && s != message.Sending && s != message.Parked:
		return 0
	case age < 0:
		return int(min(-age, time.Hour)/time.Second) + 1
	case s == message.Parked:
		return 60
	case age < time.Minute:
		return 3
	case age < 10*time.Minute:
		return 15
	}
	return 60
}

func (a *API) getContract(w http.ResponseWriter, r *http.Request, _ Caller) error {
	// As it is written: people read it, too.
	w.Header().Set("Cache-Control", "public, max-age=300")
	a.write(w, r, http.StatusOK, "application/json", []byte(contract.OpenAPI()))
	return nil
}
