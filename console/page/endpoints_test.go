package page_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/testkit"
)

// answer is what the server says to a request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// call makes a request. Pairs of header names and values may follow the body.
func (w *world) call(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	status, header, text := testkit.Do(t, client, r)
	return answer{status, header, text}
}

// get reads JSON.
func get[T any](t *testing.T, w *world, path string) T {
	t.Helper()
	a := w.call(t, http.MethodGet, path, "")
	if a.status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, a.status, a.body)
	}
	var v T
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return v
}

// send starts a message through the API and returns its id.
func (w *world) send(t *testing.T, body string) string {
	t.Helper()
	a := w.call(t, http.MethodPost, "/v1/messages", body)
	if a.status != http.StatusAccepted {
		t.Fatalf("POST /v1/messages: %d %s", a.status, a.body)
	}
	var accepted struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(a.body, &accepted); err != nil {
		t.Fatal(err)
	}
	return accepted.ID
}

// order is a message to a number.
func order(to, more string) string {
	return fmt.Sprintf(`{"template":"TX_1234","recipients":[{"to":%q,"name":"홍길동","variables":{"주문번호":"A-17"}}]%s}`, to, more)
}

// stream opens the page's stream.
func (w *world) stream(t *testing.T) io.ReadCloser {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/inbox/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return response.Body
}

// until waits for something to be true, and looks whenever the page's stream says that something has changed.
func (w *world) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	stream := w.stream(t)
	defer func() { _ = stream.Close() }()
	late := time.AfterFunc(90*time.Second, func() { _ = stream.Close() })
	defer late.Stop()
	lines := bufio.NewScanner(stream)
	for lines.Scan() {
		if lines.Text() == "event: change" && holds() {
			return
		}
	}
	t.Fatalf("%s: not within a minute and a half", what)
}

// settled waits until a message has settled and its execution is over: on a slow machine a record is told of by the execution, which
// comes later.
func (w *world) settled(t *testing.T, id string) {
	t.Helper()
	w.until(t, "message "+id+" settles", func() bool {
		return slices.ContainsFunc(get[list[item]](t, w, "/inbox/messages?limit=100").Items,
			func(m item) bool { return m.ID == id && m.SettledAt != "" }) &&
			!slices.Contains([]string{"", "RUNNING"}, get[messageDetail](t, w, "/inbox/messages/"+id).Way.Status)
	})
}

type list[T any] struct {
	Items []T
	Total int
	Next  json.RawMessage
}

// item is what these tests look at in a message of a list.
type item struct {
	ID, Status, Reference          string
	CreatedAt, SettledAt, Template string
	Counts                         map[string]int
	Recipients                     []struct{ To, Status string }
	Parked                         *struct {
		Cause       string
		Since, Next time.Time
	}
}

type delivery struct {
	Number                  int64
	To, Channel, Type, Text string
	Message, Reference, MID string
	EmphasisTitle           string
	Bytes, Characters       int
	Price                   float64
	Buttons                 []struct{ Name, LinkMo string }
}

type phone struct {
	Number string
	Count  int
	Newest delivery
}

func TestPhonesShowWhatArrived(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.send(t, order("010-1234-5678", `,"reference":"order-17"`))
	w.settled(t, first)
	fallen := w.send(t, order("01012340001", `,"reference":"order-18"`))
	w.settled(t, fallen)

	// A phone may ring a little after Aligo has said that it has.
	var phones list[phone]
	w.until(t, "both phones have rung, and the page knows why", func() bool {
		phones = get[list[phone]](t, w, "/inbox/phones")
		return len(phones.Items) == 2 && !slices.ContainsFunc(phones.Items, func(p phone) bool { return p.Newest.Message == "" })
	})
	if phones.Total != 2 || phones.Items[0].Number != "01012340001" || phones.Items[1].Number != "01012345678" {
		t.Fatalf("the phones are %+v, want the newest first", phones)
	}
	sms, alimTalk := phones.Items[0].Newest, phones.Items[1].Newest
	if alimTalk.Channel != "alimtalk" || alimTalk.Price != 6.5 || alimTalk.Message != first || alimTalk.Reference != "order-17" {
		t.Errorf("the AlimTalk is %+v", alimTalk)
	}
	if sms.Type != "LMS" || sms.Price != 25.9 || sms.Bytes <= 90 || sms.Message != fallen {
		t.Errorf("the fallback is %+v", sms)
	}
	if !strings.Contains(sms.Text, "홍길동님") {
		t.Errorf("the text is %q", sms.Text)
	}
	for query, want := range map[string]string{
		"q=5678":                                 "01012345678",
		"q=010-1234-56":                          "01012345678",
		"q=order-18":                             "01012340001",
		"q=ORDER-17":                             "01012345678",
		"q=" + first:                             "01012345678",
		"q=tx_1234":                              "01012340001 01012345678",
		"q=%EC%A3%BC%EB%AC%B8%EB%B2%88%ED%98%B8": "01012340001 01012345678", // 주문번호
		"q=nothing":                              "",
	} {
		var numbers []string
		for _, p := range get[list[phone]](t, w, "/inbox/phones?"+query).Items {
			numbers = append(numbers, p.Number)
		}
		if got := strings.Join(numbers, " "); got != want {
			t.Errorf("%s finds %q, want %q", query, got, want)
		}
	}
	of := get[list[delivery]](t, w, "/inbox/deliveries?message="+fallen)
	if of.Total != 1 || of.Items[0].To != "01012340001" {
		t.Errorf("the deliveries of the second message are %+v", of)
	}
}

func TestADeliveryLeadsToItsMessageBeforeThatHasSettled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *worldOptions) { o.speed = 1 })
	id := w.send(t, order("01012340003", ""))
	var arrived list[delivery]
	id2 := w.send(t, order("01012345678", ""))
	w.until(t, "the second message arrives and is linked", func() bool {
		arrived = get[list[delivery]](t, w, "/inbox/deliveries?to=01012345678")
		return arrived.Total == 1 && arrived.Items[0].Message != ""
	})
	if arrived.Items[0].Message != id2 {
		t.Errorf("the delivery belongs to %s, want %s (not %s)", arrived.Items[0].Message, id2, id)
	}
}

func TestPagesOfAList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ids []string
	for i := range 5 {
		ids = append(ids, w.send(t, order(fmt.Sprintf("0101111220%d", i), fmt.Sprintf(`,"reference":"n%d"`, i))))
		// Of messages started at the same moment the bus may tell in any order.
		w.settled(t, ids[i])
	}
	var got []string
	next := ""
	for range 4 {
		page := get[struct {
			Items []item
			Next  string
		}](t, w, "/inbox/messages?limit=2&cursor="+next)
		for _, m := range page.Items {
			got = append(got, m.ID)
		}
		if next = page.Next; next == "" {
			break
		}
	}
	slices.Reverse(ids)
	if !slices.Equal(got, ids) {
		t.Errorf("the pages have\n%v, want\n%v", got, ids)
	}
}

// messageDetail is what these tests look at in a message.
type messageDetail struct {
	Status      string
	Recipients  []struct{ To, Status, Channel string }
	Cancellable bool
	Way         struct {
		Status      string
		Transitions int
		Visits      []struct {
			State, Ended string
			Attempts     []struct{ Ended, Error string }
		}
	}
}

// called are calls to the vendor.
type called []struct {
	Endpoint, MID, Fault string
	Visit                int
	Certain              bool
}

func (m messageDetail) states() string {
	var names []string
	for _, v := range m.Way.Visits {
		names = append(names, v.State)
	}
	return strings.Join(names, " > ")
}

func TestAMessageShowsTheWayItTook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.send(t, order("01012340001", `,"reference":"order-18"`))
	w.settled(t, id)
	raw := w.call(t, http.MethodGet, "/inbox/messages/"+id, "")
	var m messageDetail
	if err := json.Unmarshal(raw.body, &m); err != nil {
		t.Fatal(err)
	}
	const want = "Route > Send AlimTalk > Wait for receipts > Read receipts > Settled? > Wait for receipts > Read receipts > Settled? > " +
		"Send SMS > Wait for receipts > Read receipts > Settled? > Announce"
	if got := m.states(); got != want {
		t.Errorf("the way is\n%s, want\n%s", got, want)
	}
	if m.Status != "delivered" || m.Way.Status != "SUCCEEDED" || m.Way.Transitions != 13 {
		t.Errorf("status %s, %s, %d transitions", m.Status, m.Way.Status, m.Way.Transitions)
	}
	var calls []string
	for _, c := range get[called](t, w, "/inbox/calls?message="+id) {
		if c.Certain {
			calls = append(calls, c.Endpoint+" in "+m.Way.Visits[c.Visit].State)
		}
	}
	wantCalls := []string{
		"/akv10/alimtalk/send/ in Send AlimTalk", "/akv10/history/detail/ in Read receipts", "/akv10/history/detail/ in Read receipts",
		"/send/ in Send SMS", "/sms_list/ in Read receipts",
	}
	if !slices.Equal(calls, wantCalls) {
		t.Errorf("the calls are\n%v, want\n%v", calls, wantCalls)
	}
	for _, secret := range []string{"01012340001", "홍길동", "A-17"} {
		if bytes.Contains(raw.body, []byte(secret)) {
			t.Errorf("%s can be read beside the phone", secret)
		}
	}
}

func TestFaultsShowInTheWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.call(t, http.MethodPost, "/inbox/standin/faults", `{"endpoint":"/akv10/alimtalk/send/","fault":"reset-before","times":1}`)
	if a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	id := w.send(t, order("01012345678", ""))
	w.settled(t, id)
	m := get[messageDetail](t, w, "/inbox/messages/"+id)
	// The request was written before the connection broke, so only Aligo's history can tell.
	if v := m.Way.Visits[1]; v.Ended != "caught" || len(v.Attempts) != 1 || v.Attempts[0].Error != "Ambiguous" {
		t.Errorf("the first send is %+v", v)
	}
	if !strings.HasPrefix(m.states(), "Route > Send AlimTalk > Reconcile > Settled? > ") || m.Status != "delivered" {
		t.Errorf("%s: %s", m.Status, m.states())
	}
	faults := 0
	calls := get[called](t, w, "/inbox/calls?message="+id)
	for _, c := range calls {
		if c.Fault == "reset-before" {
			faults++
		}
	}
	if faults != 1 {
		t.Errorf("%d calls show the fault, want 1: %+v", faults, calls)
	}
	if a := w.call(t, http.MethodPost, "/inbox/standin/faults", `{"fault":"no such"}`); a.status != http.StatusBadRequest ||
		!bytes.Contains(a.body, []byte("there is no fault")) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// What a message that has settled went through is read once, however often the page asks for it.
func TestWayIsReadOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.send(t, order("01012345678", ""))
	w.settled(t, id)
	later := w.send(t, order("01012345679", `,"sendAt":"`+time.Now().Add(240*time.Hour).Format(time.RFC3339)+`"`))
	w.until(t, "the later one waits", func() bool { return get[messageDetail](t, w, "/inbox/messages/"+later).states() != "" })
	if a := w.call(t, http.MethodDelete, "/inbox/messages/"+later, ""); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	ways := map[string]string{}
	for _, c := range []struct {
		id   string
		want int64
		why  string
	}{
		{id, 0, "it was read when it had succeeded"}, {later, 1, "it is another"}, {later, 1, "an aborted one may be redriven"},
		{id, 0, "the other one is not kept"},
	} {
		before := w.ways.Load()
		way := get[messageDetail](t, w, "/inbox/messages/"+c.id).states()
		if n := w.ways.Load() - before; n != c.want {
			t.Errorf("the history was read %d times, want %d: %s", n, c.want, c.why)
		}
		if first, ok := ways[c.id]; way == "" || ok && way != first {
			t.Errorf("its way is %q, was %q", way, first)
		}
		ways[c.id] = way
	}
}

func TestParkedMessagesSayWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.standin.SetBalance(0)
	id := w.send(t, order("01012345678", ""))
	w.until(t, "the message is parked", func() bool {
		m := get[list[item]](t, w, "/inbox/messages?status=parked").Items
		return len(m) == 1 && m[0].Status == "parked" && m[0].Parked.Cause == "balance"
	})
	if o := get[overview](t, w, "/inbox/overview"); o.Messages["parked"] != 1 || o.Messages["sending"] != 0 {
		t.Errorf("the overview counts %v", o.Messages)
	}
	if m := get[messageDetail](t, w, "/inbox/messages/"+id); !m.Cancellable {
		t.Error("a parked message of which nothing was sent cannot be cancelled")
	}
	w.call(t, http.MethodPost, "/inbox/standin/balance", `{"balance":1000}`)
	w.settled(t, id)
	if o := get[overview](t, w, "/inbox/overview"); o.Messages["delivered"] != 1 || o.Messages["parked"] != 0 {
		t.Errorf("the overview counts %v", o.Messages)
	}
}

// A list of one status has the messages that have it now, of all or of those that are looked for.
func TestListsOfAStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *worldOptions) { o.speed = 1 }) // nothing goes on while the test looks
	listed := func(query string) (ids []string) {
		for _, m := range get[list[item]](t, w, "/inbox/messages?"+query).Items {
			ids = append(ids, m.ID)
		}
		return ids
	}
	is := func(status, id string) {
		t.Helper()
		w.until(t, id+" is "+status, func() bool { return slices.Equal(listed("status="+status), []string{id}) })
	}
	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	ids := map[string]string{"scheduled": w.send(t, order("01012345678", `,"reference":"scheduled","sendAt":"`+later+`"`))}
	is("scheduled", ids["scheduled"])
	ids["sending"] = w.send(t, order("01012340003", `,"reference":"sending"`))
	is("sending", ids["sending"])
	w.until(t, "it is sent", func() bool {
		return slices.ContainsFunc(w.standin.Calls(), func(c aligotest.Call) bool { return c.Endpoint == "/akv10/alimtalk/send/" })
	})
	w.standin.SetBalance(0)
	ids["parked"] = w.send(t, order("01012345678", `,"reference":"parked"`))
	is("parked", ids["parked"])
	for status, id := range ids {
		is(status, id)
		for _, query := range []string{"status=" + status + "&q=" + status, "status=" + status + "&q=" + id} {
			if got := listed(query); !slices.Equal(got, []string{id}) {
				t.Errorf("%s: %q, want %s", query, got, id)
			}
		}
		for _, query := range []string{"status=delivered&q=" + id, "status=delivered&q=" + status} {
			if got := listed(query); len(got) > 0 {
				t.Errorf("%s: %q", query, got)
			}
		}
	}
}

func TestCancelling(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.send(t, order("01012345678", `,"sendAt":"`+time.Now().Add(48*time.Hour).UTC().Format(time.RFC3339)+`"`))
	w.until(t, "the message waits for its time", func() bool {
		m := get[messageDetail](t, w, "/inbox/messages/"+id)
		return m.Cancellable && len(m.Way.Visits) == 2
	})
	if a := w.call(t, http.MethodDelete, "/inbox/messages/"+id, ""); a.status != http.StatusOK ||
		!bytes.Contains(a.body, []byte(`"cancelled"`)) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	w.settled(t, id)
	if m := get[messageDetail](t, w, "/inbox/messages/"+id); m.Status != "cancelled" || m.Way.Status != "ABORTED" ||
		m.Way.Visits[1].Ended != "aborted" {
		t.Errorf("it is %+v", m)
	}
	done := w.send(t, order("01012345678", ""))
	w.settled(t, done)
	if a := w.call(t, http.MethodDelete, "/inbox/messages/"+done, ""); a.status != http.StatusConflict {
		t.Errorf("cancelling a delivered message: %d %s", a.status, a.body)
	}
	for _, method := range []string{http.MethodDelete, http.MethodGet} {
		if a := w.call(t, method, "/inbox/messages/unknown", ""); a.status != http.StatusNotFound {
			t.Errorf("%s an unknown message: %d %s", method, a.status, a.body)
		}
	}
}

type event struct {
	Number                          int64
	ID, Source, DetailType, Message string
	Detail                          json.RawMessage
}

func TestEventsOfTheBus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	put := w.call(t, http.MethodPost, "/inbox/events", `{"source":"shop","detailType":"MessageRequested","detail":`+order("01012345678",
		`,"reference":"order-30"`)+`}`)
	if put.status != http.StatusOK || !bytes.Contains(put.body, []byte(`"id"`)) {
		t.Fatalf("%d %s", put.status, put.body)
	}
	w.call(t, http.MethodPost, "/inbox/events",
		`{"source":"shop","detailType":"MessageRequested","detail":{"template":"TX_1234","idempotencyKey":"k1",`+
			`"recipients":[{"to":"010-1234-567"}]}}`)
	byType := map[string]event{}
	w.until(t, "the events show", func() bool {
		clear(byType)
		for _, e := range get[list[event]](t, w, "/inbox/events").Items {
			byType[e.DetailType] = e
		}
		return len(byType) == 4
	})
	if e := byType["MessageAccepted"]; e.Source != "sms-api" || e.Message == "" || e.Message != byType["MessageSettled"].Message {
		t.Errorf("MessageAccepted is %+v", e)
	}
	if e := byType["MessageSettled"]; e.Source != "sms-api" || e.Message == "" {
		t.Errorf("MessageSettled is %+v", e)
	} else if m := get[messageDetail](t, w, "/inbox/messages/"+e.Message); m.Status != "delivered" {
		t.Errorf("it leads to a message that is %s", m.Status)
	}
	if e := byType["MessageRequested"]; bytes.Contains(e.Detail, []byte("01012345678")) || bytes.Contains(e.Detail, []byte("홍길동")) {
		t.Errorf("MessageRequested is not masked: %s", e.Detail)
	}
	if e := byType["MessageRejected"]; !bytes.Contains(e.Detail, []byte(`"title":"The message cannot be accepted"`)) ||
		!bytes.Contains(e.Detail, []byte(`"k1"`)) {
		t.Errorf("MessageRejected is %s", e.Detail)
	}
	if o := get[used](t, w, "/inbox/usage"); o.Rejected != 1 {
		t.Errorf("%d events are counted as rejected, want 1", o.Rejected)
	}
	for name, body := range map[string]string{
		"no JSON":        `{`,
		"no source":      `{"detailType":"x","detail":{}}`,
		"no detail":      `{"source":"shop","detailType":"x"}`,
		"a detail of []": `{"source":"shop","detailType":"x","detail":[]}`,
		"AWS's source":   `{"source":"aws.states","detailType":"x","detail":{}}`,
		"too much":       `{"source":"shop","detailType":"x","detail":{"a":"` + strings.Repeat("x", 256<<10) + `"}}`,
	} {
		if a := w.call(t, http.MethodPost, "/inbox/events", body); a.status != http.StatusBadRequest ||
			a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("an event with %s: %d %s", name, a.status, a.body)
		}
	}
}

type overview struct {
	Messages, Recipients, Last map[string]int
	Fallbacks, FallbackOf      int
}

type used struct {
	Rejected int
	Balance  float64
	Usage    map[string]int
	Cost     struct{ AWS, Aligo float64 }
	Kept     map[string][2]int
}

func TestOverviewAndClearing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settled(t, w.send(t, order("01012345678", "")))
	w.settled(t, w.send(t, order("01012340001", "")))
	w.settled(t, w.send(t, order("01012340004", "")))
	waiting := w.send(t, order("01012345678", `,"sendAt":"`+time.Now().Add(48*time.Hour).UTC().Format(time.RFC3339)+`"`))
	var o overview
	var u used
	w.until(t, "everything is counted", func() bool {
		o, u = get[overview](t, w, "/inbox/overview"), get[used](t, w, "/inbox/usage")
		return o.Messages["scheduled"] == 1 && u.Usage["transitions"] == 6+13+13+2 && u.Usage["alimtalk"]+u.Usage["lms"] == 2
	})
	if o.Messages["delivered"] != 2 || o.Messages["failed"] != 1 || o.Recipients["delivered"] != 2 || o.Last["sms"] != 2 {
		t.Errorf("the counts are %+v", o)
	}
	if o.Fallbacks != 2 || o.FallbackOf != 3 {
		t.Errorf("%d of %d fell back, want 2 of 3", o.Fallbacks, o.FallbackOf)
	}
	want := map[string]int{"messages": 4, "transitions": 34, "invocations": 2 + 5 + 5, "events": 3, "alimtalk": 1, "sms": 0, "lms": 1,
		"mms": 0}
	if !maps.Equal(u.Usage, want) {
		t.Errorf("the usage is %+v, want %+v", u.Usage, want)
	}
	if u.Cost.AWS == 0 || u.Cost.Aligo != 6.5+25.9 {
		t.Errorf("the cost is %+v", u.Cost)
	}
	if a := w.call(t, http.MethodDelete, "/inbox", ""); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if phones := get[list[phone]](t, w, "/inbox/phones"); phones.Total != 0 || phones.Items == nil {
		t.Errorf("after clearing the phones are %+v", phones)
	}
	if left := get[list[item]](t, w, "/inbox/messages"); len(left.Items) != 1 || left.Items[0].ID != waiting {
		t.Errorf("after clearing the messages are %+v, want the one that waits", left)
	}
	if o := get[overview](t, w, "/inbox/overview"); o.Messages["delivered"] != 0 || o.Messages["scheduled"] != 1 {
		t.Errorf("after clearing the overview is %+v", o)
	}
	if u := get[used](t, w, "/inbox/usage"); u.Usage["transitions"] != 0 {
		t.Errorf("after clearing the usage is %+v", u)
	}
}

func TestWrongRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/inbox/phones?limit=0", "/inbox/phones?limit=201", "/inbox/deliveries?before=x",
		"/inbox/messages?limit=101", "/inbox/messages?cursor=x", "/inbox/events?limit=many"} {
		if a := w.call(t, http.MethodGet, path, ""); a.status != http.StatusBadRequest ||
			a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("GET %s: %d %s", path, a.status, a.body)
		}
	}
	if a := w.call(t, http.MethodGet, "/inbox/nothing", ""); a.status != http.StatusNotFound {
		t.Errorf("GET /inbox/nothing: %d", a.status)
	}
}

func TestOtherSitesCanNeitherReadNorChangeAnything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, request := range [][2]string{{http.MethodDelete, "/inbox"}, {http.MethodPost, "/inbox/events"},
		{http.MethodPost, "/inbox/standin/balance"}, {http.MethodDelete, "/inbox/messages/x"}} {
		a := w.call(t, request[0], request[1], `{"balance":0}`, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
		if a.status != http.StatusForbidden {
			t.Errorf("%s %s from another site: %d %s", request[0], request[1], a.status, a.body)
		}
	}
	if w.standin.Balance() == 0 {
		t.Error("another site has emptied the wallet")
	}
	a := w.call(t, http.MethodGet, "/inbox/phones", "", "Origin", "https://evil.example")
	if a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Cross-Origin-Resource-Policy") != "same-origin" {
		t.Errorf("another site may read: %v", a.header)
	}
}

// version is how many changes pages have been told of.
func (w *world) version(t *testing.T) string {
	t.Helper()
	stream := w.stream(t)
	defer func() { _ = stream.Close() }()
	for lines := bufio.NewScanner(stream); lines.Scan(); {
		if version, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			return version
		}
	}
	t.Fatal("the stream says nothing")
	return ""
}

// A page reads again when it is told of a change: if reading were one, every open page would ask for ever.
func TestReadingIsNoChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.version(t)
	for _, path := range []string{"/inbox/system", "/inbox/messages", "/inbox/messages/none", "/inbox/overview", "/inbox/machine",
		"/inbox/campaigns", "/inbox/campaigns/none", "/inbox/templates", "/inbox/phones", "/inbox/deliveries", "/inbox/calls",
		"/inbox/events", "/inbox/usage", "/inbox/operations", "/inbox/standin/faults", "/inbox/standin/balance", "/v1/messages/none"} {
		w.call(t, http.MethodGet, path, "")
		w.call(t, http.MethodHead, path, "")
		if after := w.version(t); after != before {
			t.Fatalf("whoever looks at %s tells all pages of a change", path)
		}
	}
	w.call(t, http.MethodPost, "/inbox/standin/faults", `{"fault":"no-balance"}`)
	if w.version(t) == before {
		t.Error("no page is told of a fault that was set")
	}
}

func TestOpenPagesDoNotKeepTheServerFromShuttingDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stream := w.stream(t)
	defer func() { _ = stream.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	begin := time.Now()
	if err := w.front.Shutdown(ctx); err != nil {
		t.Errorf("after %v: %v", time.Since(begin), err)
	}
}

func TestPagesAndFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/", "/phones/01012345678", "/messages", "/messages/x", "/compose", "/events", "/faults", "/overview",
		"/docs"} {
		a := w.call(t, http.MethodGet, path, "", "Accept-Language", "ko-KR,ko;q=0.9")
		if a.status != http.StatusOK || !bytes.Contains(a.body, []byte(`<html lang="ko"`)) {
			t.Errorf("GET %s: %d", path, a.status)
		}
		policy := a.header.Get("Content-Security-Policy")
		for _, rule := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "connect-src 'self';",
			"frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(policy, rule) {
				t.Errorf("GET %s: the policy lacks %s: %s", path, rule, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("GET %s: %v", path, a.header)
		}
	}
	if a := w.call(t, http.MethodGet, "/nothing", "", "Accept-Language", "en"); a.status != http.StatusNotFound ||
		!bytes.Contains(a.body, []byte(`<html lang="en"`)) {
		t.Errorf("GET /nothing: %d %s", a.status, a.body)
	}
	for path, contentType := range map[string]string{"app.js": "text/javascript", "strings/ko.js": "text/javascript", "style.css": "text/css",
		"icon.svg": "image/svg+xml"} {
		a := w.call(t, http.MethodGet, "/inbox/assets/"+path, "")
		if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), contentType) {
			t.Errorf("GET %s: %d %s", path, a.status, a.header.Get("Content-Type"))
		}
		if again := w.call(t, http.MethodGet, "/inbox/assets/"+path, "", "If-None-Match",
			a.header.Get("ETag")); again.status != http.StatusNotModified {
			t.Errorf("GET %s once more: %d", path, again.status)
		}
	}
	// What a page reads again and again is sent once.
	known := w.call(t, http.MethodGet, "/inbox/system", "")
	if known.header.Get("Cache-Control") != "no-store" || known.header.Get("ETag") == "" {
		t.Errorf("GET /inbox/system: %v", known.header)
	}
	list := w.call(t, http.MethodGet, "/inbox/messages", "")
	if again := w.call(t, http.MethodGet, "/inbox/messages", "", "If-None-Match",
		list.header.Get("ETag")); again.status != http.StatusNotModified || len(again.body) > 0 {
		t.Errorf("GET /inbox/messages once more: %d %s", again.status, again.body)
	}
	w.send(t, order("01012345678", ""))
	if news := w.call(t, http.MethodGet, "/inbox/messages", "", "If-None-Match", list.header.Get("ETag")); news.status != http.StatusOK {
		t.Errorf("GET /inbox/messages when there is news: %d", news.status)
	}
	for _, path := range []string{"index.html", "../page.go", "nothing.js"} {
		if a := w.call(t, http.MethodGet, "/inbox/assets/"+path, ""); a.status == http.StatusOK {
			t.Errorf("GET /inbox/assets/%s is served", path)
		}
	}
}
