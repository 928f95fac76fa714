package deployment

import (
	"strings"

	"sms-api/internal/route"
	"sms-api/statemachine"
)

// Rule calls a function for each event that matches its pattern, or on a schedule, or starts the state machine of campaigns.
type Rule struct {
	// Name comes after the stack's own name.
	Name, Description string
	// OnDefaultBus says that the events come from AWS's services, which announce to the account's default bus.
	OnDefaultBus bool
	// Pattern is an EventBridge event pattern with ${StateMachine} in place of the state machine's ARN and ${Bucket} in place of the
	// name of the bucket of campaigns; empty for a schedule.
	Pattern string
	// Every is where a stack says how many minutes lie between two calls; nil for a rule with a pattern.
	Every *Setting
	// Function is the name of the function that is called; empty when the state machine of campaigns is started, with the event as
	// its input.
	Function string
	// InputTemplate is what the function is handed in place of the event; empty hands the event over as it is.
	InputTemplate string
}

// Rules are all of them, with those of the routes.
func Rules(routes []route.Route) []Rule {
	all := []Rule{{
		Name: "requested", Description: "MessageRequested events become messages",
		Pattern: `{"detail-type":["` + statemachine.DetailTypeRequested + `"]}`, Function: Events,
	}}
	all = append(all, Rule{
		Name: "opt-outs", Description: "Who wants no advertising any more, or wants it again",
		Pattern:  `{"detail-type":["` + statemachine.DetailTypeOptedIn + `","` + statemachine.DetailTypeOptedOut + `"]}`,
		Function: Events,
	})
	for _, r := range routes {
		all = append(all, Rule{
			Name: route.RuleName(r.Name), Description: "Events of another service become messages", Pattern: string(r.Pattern), Function: Events,
			InputTemplate: route.InputTemplate(r.Name),
		})
	}
	return append(all,
		Rule{
			Name: "stopped", Description: "Executions that did not come to their end are announced", OnDefaultBus: true,
			Pattern: `{"detail":{"stateMachineArn":["${StateMachine}"],"status":["FAILED","TIMED_OUT","ABORTED"]},` +
				`"detail-type":["` + statemachine.DetailTypeStatusChange + `"],"source":["aws.states"]}`,
			Function: Settle,
		},
		Rule{
			Name: "campaign-file", Description: "A file that was uploaded for a campaign is planned", OnDefaultBus: true,
			Pattern: `{"detail":{"bucket":{"name":["${Bucket}"]},"object":{"key":[{"wildcard":"campaigns/*/file"}]}},` +
				`"detail-type":["` + statemachine.DetailTypeObjectCreated + `"],"source":["aws.s3"]}`,
		},
		Rule{
			Name: "settled", Description: "What became of messages is written down and counted",
			Pattern:  `{"detail-type":["` + statemachine.DetailTypeSettled + `"],"source":["` + statemachine.EventSource + `"]}`,
			Function: Record,
		},
		Rule{Name: "sweep", Description: "Makes good what was lost", Every: SweepEvery(), Function: Sweep},
		Rule{Name: "balance", Description: "Reads the balance and checks the way to Aligo", Every: BalanceEvery(), Function: Balance},
		Rule{Name: "templates", Description: "Looks for templates that need somebody", Every: TemplatesEvery(), Function: Templates},
	)
}

// BalanceEvery is how often the balance is read, in minutes. The alarms on it look as often.
func BalanceEvery() *Setting {
	return &Setting{Key: "alarms:balanceMinutes", Default: "60", Lowest: 5, Highest: 12 * 60}
}

// TemplatesEvery is how often templates are looked at, in minutes. The alarm on them looks as often.
func TemplatesEvery() *Setting {
	return &Setting{Key: "alarms:templatesMinutes", Default: "1440", Lowest: 60, Highest: 1440}
}

// SweepEvery is how often what was lost is made good, in minutes.
func SweepEvery() *Setting {
	return &Setting{Key: "records:sweepMinutes", Default: "60", Lowest: 15, Highest: 6 * 60}
}

// LowBalance is how many SMS the wallet must pay for, before an alarm.
func LowBalance() *Setting {
	return &Setting{Key: "alarms:lowBalance", Default: "100", Lowest: 0, Highest: 10_000_000}
}

// PatternFor is the pattern with the state machine's ARN and the bucket's name in it.
func (r Rule) PatternFor(stateMachineARN, bucket string) string {
	return strings.NewReplacer("${StateMachine}", stateMachineARN, "${Bucket}", bucket).Replace(r.Pattern)
}
