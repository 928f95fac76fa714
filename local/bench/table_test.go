package bench

import (
	"testing"

	"github.com/google/pprof/profile"
)

// What shows for whom it works decides how the rest is divided.
func TestTableShare(t *testing.T) {
	t.Parallel()
	const (
		client   = "github.com/aws/aws-sdk-go-v2/service/dynamodb.(*Client).PutItem"
		emulator = "github.com/sivchari/kumo/internal/service/dynamodb.(*Service).PutItem"
		keeper   = "sms-api/internal/records.(*Store).Went"
		endpoint = "sms-api/awslocal/awsapi.(*Endpoint).ServeHTTP"
		handler  = "sms-api/internal/handlers.(*Dispatch).SendAlimTalk"
		collects = "runtime.gcBgMarkWorker"
	)
	for name, c := range map[string]struct {
		stacks map[int64][]string
		want   float64
	}{
		"nothing was taken":              {nil, 0},
		"there is no table":              {map[int64][]string{1: {handler}, 2: {collects}}, 0},
		"the whole of it":                {map[int64][]string{4: {client}, 5: {collects}}, 1},
		"a call of the table's is its":   {map[int64][]string{3: {client, keeper, handler}, 1: {handler}}, 0.75},
		"its emulator's part is its":     {map[int64][]string{1: {emulator, endpoint}, 3: {handler}}, 0.25},
		"who serves AWS does not tell":   {map[int64][]string{1: {client}, 3: {handler}, 8: {endpoint}}, 0.25},
		"memory and network do not tell": {map[int64][]string{2: {keeper}, 6: {handler}, 8: {collects}}, 0.25},
	} {
		p := &profile.Profile{}
		for samples, stack := range c.stacks {
			s := &profile.Sample{Value: []int64{samples}}
			for _, function := range stack {
				s.Location = append(s.Location, &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: function}}}})
			}
			p.Sample = append(p.Sample, s)
		}
		if got := tableShare(p); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
