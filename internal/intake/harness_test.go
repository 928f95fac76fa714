package intake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"sms-api/internal/aligo"
	"sms-api/internal/apigateway"
	"sms-api/internal/execution"
	"sms-api/internal/intake"
	"sms-api/internal/intake/contract"
	"sms-api/internal/message"
	"sms-api/internal/testkit"
	"sms-api/internal/way"
)

var update = flag.Bool("update", false, "write the golden files anew")

var now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

// store is Step Functions as the door sees it.
type store struct {
	mu       sync.Mutex
	messages map[string]message.Message
	outcomes map[string]message.Outcome
	way      way.Way
	// err, if it is set, is the answer to everything.
	err error
	// refusal is the answer to Cancel.
	refusal *execution.NotCancellableError
	// finds and asked count the calls of Find and Recorded, and of Outcome.
	finds, asked int
}

// made is what the door keeps of what was made first; err, if it is set, is the answer to everything.
type made struct {
	mu    sync.Mutex
	first map[string]string
	err   error
}

func (m *made) First(_ context.Context, id, key string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return "", m.err
	}
	if m.first == nil {
		m.first = map[string]string{}
	}
	if m.first[id] == "" {
		m.first[id] = key
	}
	return m.first[id], nil
}

func (m *made) FirstOf(_ context.Context, id string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.first[id], m.err
}

func newStore() *store {
	return &store{messages: map[string]message.Message{}, outcomes: map[string]message.Outcome{}}
}

func (s *store) Start(_ context.Context, m message.Message) (message.Message, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return message.Message{}, false, s.err
	}
	stored, exists := s.messages[m.ID]
	switch {
	case !exists:
		s.messages[m.ID] = m
		return m, false, nil
	case stored.Fingerprint != m.Fingerprint:
		return message.Message{}, false, execution.ErrConflict
	}
	return stored, true, nil
}

func (s *store) Find(_ context.Context, id string) (message.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finds++
	return s.stored(id)
}

func (s *store) Recorded(_ context.Context, id string) (message.Message, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finds++
	m, err := s.stored(id)
	if errors.Is(err, execution.ErrNotFound) {
		return m, false, nil
	}
	return m, err == nil, err
}

func (s *store) stored(id string) (message.Message, error) {
	m, ok := s.messages[id]
	if s.err == nil && !ok {
		return message.Message{}, execution.ErrNotFound
	}
	return m, s.err
}

func (s *store) Outcome(_ context.Context, id string) (message.Message, message.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	m, err := s.stored(id)
	if err != nil {
		return message.Message{}, message.Outcome{}, err
	}
	o, ok := s.outcomes[id]
	if !ok {
		o = message.NewOutcome(m, message.Pendings(m))
		o.Status = message.Sending
	}
	return m, o, nil
}

func (s *store) Way(ctx context.Context, id string) (way.Way, error) {
	if _, _, err := s.Outcome(ctx, id); err != nil {
		return way.Way{}, err
	}
	return s.way, nil
}

func (s *store) Cancel(ctx context.Context, id string) (message.Outcome, error) {
	m, o, err := s.Outcome(ctx, id)
	switch {
	case err != nil:
		return message.Outcome{}, err
	case s.refusal != nil:
		return message.Outcome{}, s.refusal
	}
	for i := range o.Recipients {
		o.Recipients[i].Status, o.Recipients[i].Code = message.Failed, message.CodeCancelled
	}
	return message.Settled(m, o.Recipients, now), nil
}

func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.messages)
}

// vendor is Aligo as the door sees it.
type vendor struct {
	templates []aligo.Template
	balance   aligo.Balance
	// err, if it is set, is the answer to everything; slow makes callers wait until they give up.
	err  error
	slow bool
	// asked counts the questions for a template.
	asked int
}

func approved(code, content string, buttons ...aligo.Button) aligo.Template {
	return aligo.Template{Code: code, Name: code, Content: content, Buttons: buttons, InspStatus: aligo.InspApproved,
		Status: aligo.StatusNormal}
}

func newVendor() *vendor {
	appointment := approved("TX_4567", "#{고객명}님, #{날짜} 예약입니다.")
	appointment.EmphasisType, appointment.Title = aligo.EmphasisText, "#{날짜}"
	stopped := approved("TX_8888", "stopped")
	stopped.Status = aligo.StatusStopped
	return &vendor{
		templates: []aligo.Template{
			approved("TX_2345", "#{고객명}님의 상품이 출발했습니다.", aligo.Button{
				Name: "배송 조회", Type: "WL", LinkMobile: "https://shop.example/parcels/#{송장번호}", LinkPC: "https://shop.example/parcels/#{송장번호}",
			}),
			approved("TX_1234", "#{고객명}님, 주문 #{주문번호}이 접수되었습니다."),
			appointment,
			approved("TX_5678", "축하합니다 🎉"),
			approved("TX_6789", "바로가기", aligo.Button{Name: "열기", Type: "WL", LinkMobile: "#{주소}/#{번호}"}),
			stopped,
		},
		balance: aligo.Balance{SMS: 5936, LMS: 1925, MMS: 831, AlimTalk: 7671, AlimTalkKnown: true},
	}
}

func (v *vendor) answer(ctx context.Context) error {
	if v.slow {
		<-ctx.Done()
		return ctx.Err()
	}
	return v.err
}

func (v *vendor) Template(ctx context.Context, code string) (aligo.Template, error) {
	v.asked++
	if err := v.answer(ctx); err != nil {
		return aligo.Template{}, err
	}
	for _, t := range v.templates {
		if t.Code == code && t.Approved() {
			if len(t.Unsendable) > 0 {
				return aligo.Template{}, &aligo.UnsendableError{Code: code, Parts: t.Unsendable}
			}
			return t, nil
		}
	}
	return aligo.Template{}, fmt.Errorf("%w: %q", aligo.ErrNoTemplate, code)
}

func (v *vendor) List(ctx context.Context) ([]aligo.Template, error) {
	return append([]aligo.Template{}, v.templates...), v.answer(ctx)
}

func (v *vendor) HeartInfo(ctx context.Context) (aligo.Balance, error) {
	return v.balance, v.answer(ctx)
}

// system is the API with everything around it, and the OpenAPI document that holds every answer to its promise.
type system struct {
	tb      testing.TB
	store   *store
	vendor  *vendor
	log     *bytes.Buffer
	now     time.Time
	handler http.Handler
	// function is the handler as Lambda has it.
	function *apigateway.Handler
	router   routers.Router
}

const (
	service   = "service messages:send messages:read messages:text"
	untrusted = "frontend messages:send messages:read"
)

func newSystem(tb testing.TB) *system {
	tb.Helper()
	s := &system{tb: tb, store: newStore(), vendor: newVendor(), log: &bytes.Buffer{}, now: now, router: newRouter(tb)}
	s.serve(&intake.API{})
	return s
}

// newRouter reads the OpenAPI document. Objects in responses may have no other members than those described, so that
// none is forgotten; for clients the document leaves the door open.
func newRouter(tb testing.TB) routers.Router {
	tb.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(contract.OpenAPI()))
	if err != nil {
		tb.Fatal(err)
	}
	closed := false
	for _, schema := range doc.Components.Schemas {
		if len(schema.Value.Properties) > 0 {
			schema.Value.AdditionalProperties = openapi3.BoolSchema{Has: &closed}
		}
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		tb.Fatal(err)
	}
	return router
}

// schemas are the OpenAPI document's components: what is told of each member of an object, by the object's name.
func schemas(tb testing.TB) map[string]map[string]map[string]any {
	tb.Helper()
	var document struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]map[string]any `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal([]byte(contract.OpenAPI()), &document); err != nil {
		tb.Fatal(err)
	}
	members := map[string]map[string]map[string]any{}
	for name, schema := range document.Components.Schemas {
		members[name] = schema.Properties
	}
	return members
}

type response struct {
	*http.Response

	body []byte
}

// do makes a request and proves that the answer is what the document says, and that of the function behind API Gateway.
// Headers are "Name: value".
func (s *system) do(tb testing.TB, method, path, caller, body string, headers ...string) response {
	tb.Helper()
	request := httptest.NewRequestWithContext(tb.Context(), method, path, strings.NewReader(body))
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if caller != "" {
		request.Header.Set("X-Test-Caller", caller)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if value == "" {
			request.Header.Del(name)
			continue
		}
		request.Header.Add(name, value)
	}
	before, recorder := s.remember(), httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, request)
	result := recorder.Result()
	got, err := io.ReadAll(result.Body)
	if err != nil {
		tb.Fatal(err)
	}
	s.holdToParity(tb, before, gatewayEvent(tb, method, path, request.Header, body), result, got)
	s.validate(tb, request, body, result, got)
	return response{Response: result, body: got}
}

func (s *system) validate(tb testing.TB, request *http.Request, body string, result *http.Response, got []byte) {
	tb.Helper()
	if result.StatusCode >= http.StatusBadRequest && request.Method != http.MethodHead {
		var p intake.Problem
		if err := json.Unmarshal(got, &p); err != nil || p.Status != result.StatusCode || p.Type == "" || p.Title == "" ||
			result.Header.Get("Content-Type") != "application/problem+json" {
			tb.Errorf("%s %s: not a problem document: %s %s", request.Method, request.URL.Path, result.Header.Get("Content-Type"), got)
		}
	}
	route, parameters, err := s.router.FindRoute(request)
	if err != nil {
		return // what is not in the document has nothing to be held to but the form of problems
	}
	request.Body = io.NopCloser(strings.NewReader(body))
	in := &openapi3filter.RequestValidationInput{
		Request: request, PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	refused := openapi3filter.ValidateRequest(request.Context(), in)
	if refused != nil && result.StatusCode < http.StatusBadRequest {
		tb.Errorf("%s %s was answered with %d, but the document refuses it: %v", request.Method, request.URL.Path, result.StatusCode, refused)
	}
	err = openapi3filter.ValidateResponse(request.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: result.StatusCode, Header: result.Header, Body: io.NopCloser(bytes.NewReader(got)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		tb.Errorf("%s %s: the answer breaks the document: %v", request.Method, request.URL.Path, err)
	}
}

// pointers are the problem's errors as "pointer detail".
func (r response) pointers(tb testing.TB) []string {
	tb.Helper()
	var p intake.Problem
	if err := json.Unmarshal(r.body, &p); err != nil {
		tb.Fatalf("%s: %v", r.body, err)
	}
	list := make([]string, len(p.Errors))
	for i, e := range p.Errors {
		list[i] = e.Pointer + " " + e.Detail
	}
	return list
}

// problem is the problem's type without its prefix.
func (r response) problem(tb testing.TB) string {
	tb.Helper()
	var p intake.Problem
	if err := json.Unmarshal(r.body, &p); err != nil {
		tb.Fatalf("%s: %v", r.body, err)
	}
	return strings.TrimPrefix(p.Type, "urn:sms-api:problem:")
}

func (r response) id(tb testing.TB) string {
	tb.Helper()
	var a intake.Accepted
	if err := json.Unmarshal(r.body, &a); err != nil || a.ID == "" {
		tb.Fatalf("%d %s: %v", r.StatusCode, r.body, err)
	}
	return a.ID
}

// golden compares JSON with a file in testdata.
func golden(tb testing.TB, name string, got []byte) {
	tb.Helper()
	var indented bytes.Buffer
	if err := json.Indent(&indented, bytes.TrimSpace(got), "", "  "); err != nil {
		tb.Fatal(err)
	}
	indented.WriteByte('\n')
	file := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".json")
	testkit.Golden(tb, *update, file, indented.Bytes())
}
