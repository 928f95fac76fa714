package bench

import (
	"net/http"
	"net/http/httptest"
	"runtime/pprof"
	"testing"

	"github.com/google/pprof/profile"
)

// What shows for whom it works decides how the rest is divided.
func TestTableShare(t *testing.T) {
	t.Parallel()
	const (
		client   = "github.com/aws/aws-sdk-go-v2/service/dynamodb.(*Client).PutItem"
		keeper   = "sms-api/internal/records.(*Store).Went"
		handler  = "sms-api/internal/handlers.(*Dispatch).SendAlimTalk"
		serves   = "net/http.(*conn).serve"
		collects = "runtime.gcBgMarkWorker"
	)
	type sample struct {
		n     int64
		label string
		stack []string
	}
	for name, c := range map[string]struct {
		samples []sample
		want    float64
	}{
		"nothing was taken":               {nil, 0},
		"there is no table":               {[]sample{{1, "", []string{handler}}, {2, "", []string{collects}}}, 0},
		"the whole of it":                 {[]sample{{4, "", []string{client}}, {5, "", []string{collects}}}, 1},
		"a call of the table's is its":    {[]sample{{3, others, []string{client, keeper, handler}}, {1, others, []string{handler}}}, 0.75},
		"who works for it is its":         {[]sample{{1, theTable, []string{serves}}, {3, "", []string{handler}}}, 0.25},
		"who works for others is not":     {[]sample{{1, theTable, []string{handler}}, {3, others, []string{serves}}}, 0.25},
		"memory and its like do not tell": {[]sample{{2, "", []string{keeper}}, {6, "", []string{handler}}, {8, "", []string{collects}}}, 0.25},
	} {
		p := &profile.Profile{}
		for _, taken := range c.samples {
			s := &profile.Sample{Value: []int64{taken.n}}
			if taken.label != "" {
				s.Label = map[string][]string{worksFor: {taken.label}}
			}
			for _, function := range taken.stack {
				s.Location = append(s.Location, &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: function}}}})
			}
			p.Sample = append(p.Sample, s)
		}
		if got := tableShare(p); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Both ends of a connection, and who is called through one, work for whom the request says.
func TestConnectionsWorkForTheTableOrForOthers(t *testing.T) {
	t.Parallel()
	type connection struct{ worksFor, from string }
	served := make(chan connection, 4)
	server := httptest.NewServer(labelled(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		label, _ := pprof.Label(r.Context(), worksFor)
		served <- connection{label, r.RemoteAddr}
	})))
	defer server.Close()
	client := pooled()
	defer client.CloseIdleConnections()
	ask := func(target string) connection {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", target)
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return <-served
	}
	put, start := ask("DynamoDB_20120810.PutItem"), ask("AWSStepFunctions.StartExecution")
	again, told := ask("DynamoDB_20120810.GetItem"), ask("AWSEvents.PutEvents")
	if put.worksFor != theTable || again.worksFor != theTable || start.worksFor != others || told.worksFor != others {
		t.Errorf("they work for %q, %q, %q and %q", put.worksFor, start.worksFor, again.worksFor, told.worksFor)
	}
	if put.from != again.from || start.from != told.from || put.from == start.from {
		t.Errorf("they come from %s, %s, %s and %s", put.from, start.from, again.from, told.from)
	}
}
