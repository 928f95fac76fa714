package bench

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"runtime/pprof"
	"strings"

	"github.com/google/pprof/profile"
)

// table counts an operation on the table of sends and records.
func (b *bench) table(ctx context.Context, _, _ string, next func(context.Context) ([]byte, error)) ([]byte, error) {
	b.tableCalls.Add(1)
	return next(ctx)
}

// tableCode is in the names of functions that run because of the table, whoever calls them: what keeps it, and its client.
var tableCode = []string{
	"sms-api/internal/records.", "sms-api/internal/guard.", "sms-api/internal/limits.", "sms-api/internal/ddb.",
	"aws-sdk-go-v2/service/dynamodb", "sms-api/internal/handlers.digests",
}

// worksFor labels the goroutines of a profile for whose work no function on the stack stands: those of a connection, at both of
// its ends, and of what a request has made somebody do.
const worksFor = "works for"

const theTable, others = "the table", "others"

// forTable and forOthers are such labels.
var forTable, forOthers = pprof.Labels(worksFor, theTable), pprof.Labels(worksFor, others)

// asksTable says whether a request is for DynamoDB.
func asksTable(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB_")
}

// labels are those of whoever works on a request.
func labels(r *http.Request) pprof.LabelSet {
	if asksTable(r) {
		return forTable
	}
	return forOthers
}

// apart is a client's transport with connections of their own for the table: goroutines that serve a connection are started by
// the request that opens it, and have its label for good.
type apart struct{ table, others *http.Transport }

func (a apart) RoundTrip(r *http.Request) (*http.Response, error) {
	pprof.SetGoroutineLabels(pprof.WithLabels(r.Context(), labels(r)))
	defer pprof.SetGoroutineLabels(r.Context())
	if asksTable(r) {
		return a.table.RoundTrip(r)
	}
	return a.others.RoundTrip(r)
}

// CloseIdleConnections is for http.Client's.
func (a apart) CloseIdleConnections() {
	a.table.CloseIdleConnections()
	a.others.CloseIdleConnections()
}

// labelled serves requests by a handler. The label stays on the connection's goroutine until its next request: it writes the
// answer when the handler has returned, and what it reads next is mostly for the same one.
func labelled(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := pprof.WithLabels(r.Context(), labels(r))
		pprof.SetGoroutineLabels(ctx)
		handler.ServeHTTP(w, r.WithContext(ctx))
	})
}

// profiled runs the load and tells which part of the time that the processors took for it was the table's, from 0 to 1. It is 0 if
// somebody else profiles this process.
func profiled(load func() error) (share float64, _ error) {
	var taken bytes.Buffer
	if pprof.StartCPUProfile(&taken) != nil {
		return 0, load()
	}
	err := load()
	pprof.StopCPUProfile()
	if err != nil {
		return 0, err
	}
	p, err := profile.Parse(&taken)
	if err != nil {
		return 0, fmt.Errorf("read the profile of the load: %w", err)
	}
	return tableShare(p), nil
}

// tableShare is the table's part of a profile's samples. Those that do not show for whom they work, as of collecting memory and
// of looking for something to do, are divided as the others are.
func tableShare(p *profile.Profile) float64 {
	var table, rest int64
	for _, s := range p.Sample {
		switch n := s.Value[0]; {
		case s.HasLabel(worksFor, theTable), runs(s, tableCode...):
			table += n
		case s.HasLabel(worksFor, others), runs(s, "sms-api/"):
			rest += n
		}
	}
	if table == 0 {
		return 0
	}
	return float64(table) / float64(table+rest)
}

// runs says whether there is a function on a sample's stack whose name has one of these in it.
func runs(s *profile.Sample, names ...string) bool {
	for _, l := range s.Location {
		for _, line := range l.Line {
			for _, name := range names {
				if strings.Contains(line.Function.Name, name) {
					return true
				}
			}
		}
	}
	return false
}
