package fault_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"

	"sms-api/internal/fault"
	"sms-api/internal/testkit/machinetest"
)

var faults = map[string]error{
	fault.NameTransient:     &fault.Transient{Reason: "r"},
	fault.NameAmbiguous:     &fault.Ambiguous{Reason: "r"},
	fault.NameRejected:      &fault.Rejected{Reason: "r"},
	fault.NameNotConfigured: &fault.NotConfigured{Repair: fault.Repair{Cause: "ip", Reason: "r"}},
	fault.NameUnrecognised:  &fault.Unrecognised{Repair: fault.Repair{Cause: "unknown", Reason: "r"}},
	fault.NameCancelled:     &fault.Cancelled{Reason: "r"},
	fault.NameInvalid:       &fault.Invalid{Reason: "r"},
	fault.NameExpired:       &fault.Expired{Reason: "r"},
	fault.NameLater:         &fault.Later{Until: time.Date(2026, 12, 1, 23, 0, 0, 0, time.UTC)},
}

func TestLambdaReportsTheNamesThatTheStateMachineMatches(t *testing.T) {
	t.Parallel()
	for name, err := range faults {
		handler := lambda.NewHandler(func(context.Context) (string, error) { return "", err })
		var report messages.InvokeResponse
		//nolint:staticcheck // it is the only way to see the runtime's report without a Runtime API
		if e := lambda.NewFunction(handler).Invoke(&messages.InvokeRequest{Payload: []byte("{}")}, &report); e != nil {
			t.Fatal(e)
		}
		if report.Error == nil || report.Error.Type != name || report.Error.Message != err.Error() {
			t.Errorf("%s is reported as %+v", name, report.Error)
		}
	}
}

func TestTheStateMachineMatchesOnlyTheseAndAWSsErrors(t *testing.T) {
	t.Parallel()
	machine := machinetest.As[struct {
		States map[string]struct {
			Retry, Catch []struct{ ErrorEquals []string }
		}
	}](t)
	for state, s := range machine.States {
		for _, rule := range slices.Concat(s.Retry, s.Catch) {
			for _, name := range rule.ErrorEquals {
				if _, ours := faults[name]; !ours && !strings.HasPrefix(name, "Lambda.") && !strings.HasPrefix(name, "States.") {
					t.Errorf("%s matches %q, which nobody raises", state, name)
				}
			}
		}
	}
}

func TestNotSentIsOnlyWhatSurelyWasNot(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"Transient": true, "Rejected": true, "Lambda.TooManyRequestsException": true,
		"Ambiguous": false, "States.Timeout": false, "Lambda.Unknown": false, "Sandbox.Timedout": false, "Runtime.ExitError": false,
		"Lambda.ServiceException": false, "Lambda.SdkClientException": false, "": false,
	} {
		if got := fault.NotSent(name); got != want {
			t.Errorf("NotSent(%q) = %v, want %v", name, got, want)
		}
	}
}
