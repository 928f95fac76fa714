package bench

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"strings"

	"github.com/google/pprof/profile"
)

// table counts an operation on the table of sends and records.
func (b *bench) table(ctx context.Context, _, _ string, next func(context.Context) ([]byte, error)) ([]byte, error) {
	b.tableCalls.Add(1)
	return next(ctx)
}

// tableCode is in the names of functions that run because of the table: what keeps it, its client, and its emulator, most of
// which is DynamoDB's in AWS.
var tableCode = []string{
	"sms-api/internal/records.", "sms-api/internal/guard.", "sms-api/internal/limits.", "sms-api/internal/ddb.",
	"aws-sdk-go-v2/service/dynamodb", "kumo/internal/service/dynamodb", "sms-api/awslocal/awsapi.(*tables)",
	"sms-api/awslocal/awsapi.(*tableRequest)",
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

// tableShare is the table's part of a profile's samples. Those that do not show for whom they work, as of collecting memory, of
// moving bytes and of taking requests of AWS, are divided as the others are.
func tableShare(p *profile.Profile) float64 {
	var table, others int64
	for _, s := range p.Sample {
		switch n := s.Value[0]; {
		case runs(s, tableCode...):
			table += n
		case runs(s, "sms-api/awslocal/awsapi.(*Endpoint).ServeHTTP"):
		case runs(s, "sms-api/"):
			others += n
		}
	}
	if table == 0 {
		return 0
	}
	return float64(table) / float64(table+others)
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
