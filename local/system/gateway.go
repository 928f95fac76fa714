package system

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"sms-api/awslocal/quota"
	"sms-api/internal/deployment"
)

// What API Gateway throttles: the account, by a quota of AWS's, and the stage, as the stack says.
const (
	accountRequests = "ApiGateway.requests"
	stageRequests   = "the stage"
	stageReads      = "the stage's reads"
)

// Gateway is the API behind API Gateway's throttles, that of the account and those of a stack with the defaults: reads have one of
// their own.
//
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
func (s *System) Gateway(limits *quota.Limits, clock interface{ Now() time.Time }) http.Handler {
	rate, burst := deployment.APIThrottle()
	reads, readBurst := deployment.ReadThrottle()
	stage := quota.New(quota.Profile{
		stageRequests: {Burst: float64(burst), PerSecond: float64(rate)}, stageReads: {Burst: float64(readBurst), PerSecond: float64(reads)},
	}, clock)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		which := stageRequests
		if deployment.Polled(r.Method, r.URL.Path) {
			which = stageReads
		}
		if limits.Take(accountRequests, 1) && stage.Take(which, 1) {
			s.API.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"message":"Too Many Requests"}`)
	})
}

// VendorCalls is the vendor's own pace, in a profile.
const VendorCalls = "vendor.calls"

// Paced is the vendor's stand-in at the vendor's own pace: what comes faster waits.
func Paced(vendor http.Handler, limits *quota.Limits, clock interface {
	Sleep(ctx context.Context, d time.Duration) error
}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/_standin") || clock.Sleep(r.Context(), limits.Reserve(VendorCalls)) == nil {
			vendor.ServeHTTP(w, r)
		}
	})
}

// Timeout is how long a function may run.
func (s *System) Timeout(function string) time.Duration { return s.timeouts[function] }
