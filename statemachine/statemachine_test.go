package statemachine_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/deployment"
	"sms-api/internal/fault"
	"sms-api/internal/testkit"
	"sms-api/statemachine"
)

// functions are ARNs of the functions by the states that call them.
func functions() map[string]string {
	arns := map[string]string{}
	for state, name := range deployment.Tasks() {
		arns[state] = "arn:aws:lambda:ap-northeast-2:000000000000:function:" + name
	}
	return arns
}

const bus = "sms-api"

func TestDefinitionHasEveryResourceAndNoPlaceholder(t *testing.T) {
	t.Parallel()
	definition, err := statemachine.Definition(functions(), bus)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(definition, "${") {
		t.Error("a placeholder is left in the definition")
	}
	for state, arn := range functions() {
		if got := states(t)[state].Arguments.FunctionName; got != arn {
			t.Errorf("%s calls %q, want %q", state, got, arn)
		}
	}
	if !strings.Contains(definition, `"EventBusName": "`+bus+`"`) {
		t.Errorf("the definition does not name %s", bus)
	}
}

func TestDefinitionRefusesAMissingOrStrangeResource(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", `a"b`, "{% $x %}"} {
		if _, err := statemachine.Definition(functions(), value); err == nil || !strings.Contains(err.Error(), "EventBus") {
			t.Errorf("event bus %q: got error %v, want one that names EventBus", value, err)
		}
	}
	less, more := functions(), functions()
	delete(less, statemachine.StateReconcile)
	if _, err := statemachine.Definition(less, bus); err == nil || !strings.Contains(err.Error(), "ReconcileFunction") {
		t.Errorf("a state without its function: got error %v, want one that names it", err)
	}
	more["Dance"] = "dance"
	if _, err := statemachine.Definition(more, bus); err == nil || !strings.Contains(err.Error(), `"Dance"`) {
		t.Errorf("a function without its state: got error %v, want one that names it", err)
	}
}

// states reads the definition the way a person would: names, types and the error names of every Retry and Catch.
func states(t *testing.T) map[string]state {
	t.Helper()
	definition, err := statemachine.Definition(functions(), bus)
	if err != nil {
		t.Fatal(err)
	}
	var machine struct{ States map[string]state }
	if err := json.Unmarshal([]byte(definition), &machine); err != nil {
		t.Fatal(err)
	}
	return machine.States
}

type state struct {
	Type           string
	TimeoutSeconds int
	Arguments      struct {
		FunctionName string
		Payload      map[string]string
	}
	Retry, Catch []rule
}

// rule is an entry of Retry or Catch.
type rule struct {
	ErrorEquals     []string
	MaxDelaySeconds int
	MaxAttempts     *int
	JitterStrategy  string
	Next            string
}

func TestConstantsNameTheStates(t *testing.T) {
	t.Parallel()
	names := slices.Sorted(maps.Keys(states(t)))
	var constants []string
	for _, c := range testkit.Constants(t, ".", testkit.Named("State")) {
		constants = append(constants, c.Value)
	}
	for _, name := range slices.Concat(constants, slices.Collect(maps.Keys(deployment.Tasks()))) {
		if !slices.Contains(names, name) {
			t.Errorf("Go code speaks of a state %q, the JSON has %q", name, names)
		}
	}
}

// What leads to Reconcile when it has failed may have sent something.
func TestSendsAreTheStatesThatLeaveDoubts(t *testing.T) {
	t.Parallel()
	for name, s := range states(t) {
		doubts := slices.ContainsFunc(s.Catch, func(c rule) bool { return c.Next == statemachine.StateReconcile })
		if doubts != slices.Contains(statemachine.Sends(), name) {
			t.Errorf("%s is caught by Reconcile: %t, the states that send are %q", name, doubts, statemachine.Sends())
		}
	}
}

// The execution ends by itself before Step Functions ends it, and the alarm says when.
func TestExecutionsEnd(t *testing.T) {
	t.Parallel()
	definition, err := statemachine.Definition(functions(), bus)
	if err != nil {
		t.Fatal(err)
	}
	var machine struct{ TimeoutSeconds int }
	if err := json.Unmarshal([]byte(definition), &machine); err != nil {
		t.Fatal(err)
	}
	limit := time.Duration(machine.TimeoutSeconds) * time.Second
	if limit <= 0 || limit > deployment.LongestExecution {
		t.Errorf("an execution may run for %v, Step Functions lets it for %v", limit, deployment.LongestExecution)
	}
	for _, a := range deployment.Alarms(deployment.Watched{}) {
		if want := fmt.Sprintf("%.0f days", limit.Hours()/24); a.Metric == "ExecutionsTimedOut" && !strings.Contains(a.Description, want) {
			t.Errorf("the alarm says %q, want %s", a.Description, want)
		}
	}
}

func TestTasksEndAndRetriesAreSpread(t *testing.T) {
	t.Parallel()
	for name, s := range states(t) {
		if s.Type != "Task" {
			continue
		}
		if s.TimeoutSeconds == 0 {
			t.Errorf("%s has no TimeoutSeconds", name)
		}
		if len(s.Retry) == 0 {
			t.Errorf("%s has no Retry", name)
		}
		for i, r := range s.Retry {
			if r.MaxAttempts != nil && *r.MaxAttempts == 0 {
				continue // it is there for Catch
			}
			if r.JitterStrategy != "FULL" || r.MaxDelaySeconds == 0 {
				t.Errorf("%s Retry %d: jitter %q, longest delay %d s: want FULL and a limit", name, i, r.JitterStrategy, r.MaxDelaySeconds)
			}
		}
	}
}

// TestTasksOutliveTheirFunctions: what a function still does when its task is over nobody hears of.
func TestTasksOutliveTheirFunctions(t *testing.T) {
	t.Parallel()
	for name, s := range states(t) {
		i := slices.IndexFunc(deployment.Functions(), func(f deployment.Function) bool { return f.State == name })
		if i < 0 {
			continue
		}
		f := deployment.Functions()[i]
		if task := time.Duration(s.TimeoutSeconds) * time.Second; task <= f.Timeout {
			t.Errorf("%s ends after %v, the function %s after %v", name, task, f.Name, f.Timeout)
		}
	}
}

func TestASendIsRepeatedOnlyWhenItSurelyDidNotHappen(t *testing.T) {
	t.Parallel()
	sure := []string{
		"Transient", "Lambda.TooManyRequestsException", "Lambda.EC2ThrottledException", "Lambda.EC2UnexpectedException",
		"Lambda.ENILimitReachedException", "Lambda.SubnetIPAddressLimitReachedException", "Lambda.ResourceNotReadyException",
	}
	all := states(t)
	for _, name := range statemachine.Sends() {
		for _, r := range all[name].Retry {
			for _, e := range r.ErrorEquals {
				if !slices.Contains(sure, e) {
					t.Errorf("%s is retried after %s, which may have sent something", name, e)
				}
			}
		}
		// Reconcile would have it sent again at once, and again.
		for _, e := range sure {
			if !slices.ContainsFunc(all[name].Retry, func(r rule) bool { return slices.Contains(r.ErrorEquals, e) }) || !fault.NotSent(e) {
				t.Errorf("%s does not wait after %s, or it is not known for what has sent nothing", name, e)
			}
		}
		last := all[name].Catch[len(all[name].Catch)-1]
		if !slices.Equal(last.ErrorEquals, []string{"States.ALL"}) {
			t.Errorf("%s: the last Catch matches %q, want States.ALL", name, last.ErrorEquals)
		}
	}
}

// What only reads, and what may be done twice, is repeated whatever the error.
func TestAllElseIsRepeatedAfterEveryError(t *testing.T) {
	t.Parallel()
	for name, s := range states(t) {
		if s.Type != "Task" || slices.Contains(statemachine.Sends(), name) {
			continue
		}
		if last := s.Retry[len(s.Retry)-1]; !slices.Equal(last.ErrorEquals, []string{"States.ALL"}) {
			t.Errorf("%s is repeated after %q at last, want States.ALL", name, last.ErrorEquals)
		}
	}
}

// Only the execution knows that it was redriven, and that what it did before is in doubt.
func TestSendsAndLookUpsAreToldOfRedrives(t *testing.T) {
	t.Parallel()
	all := states(t)
	for _, name := range append(statemachine.Sends(), statemachine.StateReconcile) {
		if told := all[name].Arguments.Payload["redrives"]; !strings.Contains(told, "$states.context.Execution.RedriveCount") {
			t.Errorf("%s is told %q of redrives", name, told)
		}
	}
}

// What an operator has to repair parks, wherever Aligo is asked, and is not repeated before.
func TestEveryTaskThatAsksAligoParks(t *testing.T) {
	t.Parallel()
	all := states(t)
	for name := range deployment.Tasks() {
		s := all[name]
		for _, e := range []string{"NotConfigured", "Unrecognised"} {
			names := func(r rule) bool {
				return slices.Contains(r.ErrorEquals, e) || slices.Contains(r.ErrorEquals, "States.ALL")
			}
			if i := slices.IndexFunc(s.Catch, names); i < 0 || s.Catch[i].Next != statemachine.StateWaitForRepair {
				t.Errorf("%s: %s is not caught by %s", name, e, statemachine.StateWaitForRepair)
			}
			if i := slices.IndexFunc(s.Retry, names); i >= 0 && (s.Retry[i].MaxAttempts == nil || *s.Retry[i].MaxAttempts > 0) {
				t.Errorf("%s is tried again after %s at once", name, e)
			}
		}
	}
}

// TestSendsFailAlike: ASL has no way to say once what two states do about errors.
func TestSendsFailAlike(t *testing.T) {
	t.Parallel()
	definition, err := statemachine.Definition(functions(), bus)
	if err != nil {
		t.Fatal(err)
	}
	var machine struct {
		States map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(definition), &machine); err != nil {
		t.Fatal(err)
	}
	// Only SMS wait for a time of day. Of the rest no byte may differ.
	sms := machine.States[statemachine.StateSendSMS]
	var catches []json.RawMessage
	if err := json.Unmarshal(sms["Catch"], &catches); err != nil || !bytes.Contains(catches[0], []byte(`["Later"]`)) {
		t.Fatalf("%v: the first Catch of %q is not for what may not go out at night", err, statemachine.StateSendSMS)
	}
	sms["Catch"] = slices.Concat([]byte("["), sms["Catch"][bytes.Index(sms["Catch"], catches[0])+len(catches[0])+1:])
	first := statemachine.Sends()[0]
	for _, other := range statemachine.Sends()[1:] {
		for _, field := range []string{"Retry", "Catch"} {
			a, b := machine.States[first][field], machine.States[other][field]
			if len(a) == 0 || !bytes.Equal(a, b) {
				t.Errorf("%s of %q:\n%s\nof %q:\n%s", field, first, a, other, b)
			}
		}
	}
}
