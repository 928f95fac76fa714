package deployment

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Alarm tells a person that something is wrong: a metric that has crossed a threshold in each of some periods.
type Alarm struct {
	// Name comes after the stack's own name; Description says what to do.
	Name, Description string
	Namespace, Metric string
	// Lines is a filter pattern, where the metric is the number of log lines that match it; In are the functions that write
	// them. https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
	Lines string
	In    []string
	// Of is whose metric it is; empty where it has no dimension. Function is the function's name, and Gateway counts the NAT
	// gateways from 0.
	Of       Resource
	Function string
	Gateway  int
	// Share is what is watched in place of one metric: it has no Metric then.
	Share *Share
	// Statistic is CloudWatch's word for how the values of a period become one.
	Statistic string
	Period    time.Duration
	// Periods is how many there must be one after the other.
	Periods int
	// Below turns the comparison round: what alarms is a value below the threshold and not one at or above it.
	Below     bool
	Threshold int
	// Silence is CloudWatch's word for what it means that there are no values.
	Silence string
}

// What only alarms speak of.
const (
	OneFunction Resource = "a function"
	WholeStack  Resource = "the stack"
	HTTPAPI     Resource = "the HTTP API"
	// Starts and Transitions are those of all state machines of the account:
	// https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
	Starts      Resource = "StartExecution in the account"
	Transitions Resource = "state transitions in the account"
	NATGateway  Resource = "a NAT gateway"
	NATInstance Resource = "the NAT instance"
	// WebhookLetters are what webhooks did not take.
	WebhookLetters Resource = "what webhooks did not take"
	// Outcomes are what became of recipients in the stack.
	Outcomes Resource = "the outcomes"
)

// MetricNamespace is where the balance function puts its metrics, with the stack as dimension.
const MetricNamespace = "sms-api"

// BalanceMetrics are what the balance function writes: how many of each the wallet pays for.
func BalanceMetrics() []string { return []string{"AlimTalkRemaining", "SmsRemaining", "LmsRemaining"} }

// Words of CloudWatch.
const (
	sum, minimum, maximum, samples = "Sum", "Minimum", "Maximum", "SampleCount"

	isFine, isAlarming, changesNothing = "notBreaching", "breaching", "ignore"
)

const fiveMinutes = 5 * time.Minute

// Watched is what a stack decides about its alarms.
type Watched struct {
	// Stack is the name that begins every other name.
	Stack string
	// LowBalance is how many SMS the wallet must pay for, BalanceEvery how often it is read.
	LowBalance   int
	BalanceEvery time.Duration
	// TemplatesEvery is how often templates are looked at.
	TemplatesEvery time.Duration
	// FailurePercent and FallbackPercent are how many recipients of a hundred may get nothing, and fall back.
	FailurePercent, FallbackPercent int
	// Gateways is how many NAT gateways there are, Instance that there is a NAT instance.
	Gateways int
	Instance bool
	// Daily says that all callers together have a limit of a day, Open that a door may have to let trusted callers in without
	// looking, because there are limits for them, or advertising.
	Daily, Open bool
	// Webhooks says that there are any.
	Webhooks bool
}

// Alarms are all alarms of a stack.
func Alarms(w Watched) []Alarm {
	tasks, writers := []string{}, []string{}
	for _, f := range Functions() {
		if f.Caller == StateMachineTask {
			tasks = append(tasks, f.Name)
		}
		if slices.ContainsFunc(f.Environment, func(v Variable) bool { return v.Name == RetentionDays }) {
			writers = append(writers, f.Name)
		}
	}
	lines := MetricNamespace + "/" + w.Stack // a filter's metric cannot have the stack as a dimension: it is not in the lines
	all := []Alarm{
		{
			Name: "parked", Description: "Messages wait for a repair: address, credentials, balance or sender number. The query " + w.Stack +
				"/parked says which. They go out by themselves after it.",
			Namespace: lines, Metric: "parked", Lines: `{ $.fault = "NotConfigured" }`, In: tasks,
			Statistic: sum, Period: fiveMinutes, Periods: 1, Threshold: 1, Silence: isFine,
		},
		{
			Name: "unrecognised", Description: "Aligo refuses calls in words that nobody has described: maintenance, or a new rule. The log " +
				"lines have its words, as vendor. Messages wait, AlimTalk with a fallback no longer than fallback.after.",
			Namespace: lines, Metric: "unrecognised", Lines: `{ $.fault = "Unrecognised" }`, In: tasks,
			Statistic: sum, Period: fiveMinutes, Periods: 1, Threshold: 1, Silence: isFine,
		},
		{
			Name: "receipts", Description: "Receipts say that something is yours to repair: template, wallet, sender number, or a result that " +
				"nobody has described. The query " + w.Stack + "/receipts says which.",
			Namespace: lines, Metric: "receipts", Lines: `{ $.alert = "*" }`, In: []string{"receipts"},
			Statistic: sum, Period: fiveMinutes, Periods: 1, Threshold: 1, Silence: isFine,
		},
		{
			Name: "address-refused", Description: "Aligo refuses our address. Register egressIps (pulumi stack output) at " +
				"smartsms.aligo.in, or find out why the calls leave from another address.",
			Namespace: lines, Metric: "address-refused", Lines: `{ $.cause = "ip" }`, In: append(tasks, Balance),
			Statistic: sum, Period: fiveMinutes, Periods: 1, Threshold: 1, Silence: isFine,
		},
		{
			Name: "records-missed", Description: "Records of messages could not be written. Nothing that was to be sent is held up. Until their " +
				"next step such messages are shown as they were before or as their executions say, and lists and searches may lack them.",
			Namespace: lines, Metric: "records-missed", Lines: `{ $.missed = "*" }`, In: writers,
			Statistic: sum, Period: fiveMinutes, Periods: 3, Threshold: 1, Silence: isFine,
		},
		{
			Name: "repaired", Description: "Ten announcements or records that had been lost were made good within an hour. Nothing is to be done " +
				"about them; look what had a bad hour: the table, the bus, or the rules " + w.Stack + "-stopped and " + w.Stack + "-settled.",
			Namespace: lines, Metric: "repaired", Lines: `{ $.repaired = "*" }`, In: []string{Sweep},
			Statistic: sum, Period: time.Hour, Periods: 1, Threshold: 10, Silence: isFine,
		},
		{
			Name: "executions-failed", Description: "A message could not be announced or its execution broke. Redrive it in Step Functions.",
			Namespace: "AWS/States", Metric: "ExecutionsFailed", Of: StateMachine,
			Statistic: sum, Period: fiveMinutes, Periods: 1, Threshold: 1, Silence: isFine,
		},
		{
			Name: "executions-timed-out", Description: "A message was not settled in 103 days.",
			Namespace: "AWS/States", Metric: "ExecutionsTimedOut", Of: StateMachine,
			Statistic: sum, Period: fiveMinutes, Periods: 1, Threshold: 1, Silence: isFine,
		},
		{
			Name: "dead-letters", Description: "Events could not be handled. Look into the queue, repair, then replay the archive: what was " +
				"sent is not sent again.",
			Namespace: "AWS/SQS", Metric: "ApproximateNumberOfMessagesVisible", Of: DeadLetters,
			Statistic: maximum, Period: fiveMinutes, Periods: 1, Threshold: 1, Silence: isFine,
		},
		{
			Name: "events-wait", Description: "Events have waited for an hour to become messages: more come than events:rate lets through, or " +
				"they cannot be handled. Nothing is lost for two weeks.",
			Namespace: "AWS/SQS", Metric: "ApproximateAgeOfOldestMessage", Of: WaitingEvents,
			Statistic: maximum, Period: fiveMinutes, Periods: 1, Threshold: 3600, Silence: isFine,
		},
		{
			Name: "starts-throttled", Description: "Step Functions starts fewer executions than are asked for, in the whole account. They are " +
				"tried again; if it lasts, raise StartExecution in Service Quotas.",
			Namespace: "AWS/States", Metric: "ThrottledEvents", Of: Starts,
			Statistic: sum, Period: fiveMinutes, Periods: 3, Threshold: 1, Silence: isFine,
		},
		{
			Name: "transitions-throttled", Description: "Step Functions goes from state to state more slowly than it should, in the whole " +
				"account. If it lasts, raise the state transitions in Service Quotas.",
			Namespace: "AWS/States", Metric: "ThrottledEvents", Of: Transitions,
			Statistic: sum, Period: fiveMinutes, Periods: 3, Threshold: 1, Silence: isFine,
		},
		{
			Name: "api-5xx", Description: "The API answers with errors of its own.",
			Namespace: "AWS/ApiGateway", Metric: "5xx", Of: HTTPAPI,
			Statistic: sum, Period: fiveMinutes, Periods: 1, Threshold: 1, Silence: isFine,
		},
		{
			Name: "templates", Description: "A template was rejected, changed at Aligo by hand, stopped or deleted, or is dormant or soon will " +
				"be. go run ./console templates status -stack " + strings.TrimPrefix(w.Stack, "sms-api-") + " says which, with the reviewer's words.",
			Namespace: lines, Metric: "templates", Lines: `{ $.trouble = "*" }`, In: []string{Templates},
			Statistic: sum, Period: w.TemplatesEvery, Periods: 1, Threshold: 1, Silence: isFine,
		},
		{
			Name: "low-balance", Description: fmt.Sprintf("The Aligo wallet pays for fewer than %d SMS. Charge it before messages are parked.",
				w.LowBalance),
			Namespace: MetricNamespace, Metric: "SmsRemaining", Of: WholeStack,
			Statistic: minimum, Period: w.BalanceEvery, Periods: 1, Below: true, Threshold: w.LowBalance, Silence: changesNothing,
		},
		{
			// The balance is read through the whole way out, so a reading that does not come means that the way is not open: the
			// address is gone or not registered, the credentials are wrong, or Aligo is down.
			Name: "no-balance", Description: "The balance could not be read: nothing can be sent. Invoke " + w.Stack + "-" + Balance +
				"; its answer says what is wrong.",
			Namespace: MetricNamespace, Metric: "SmsRemaining", Of: WholeStack,
			Statistic: samples, Period: w.BalanceEvery, Periods: 2, Below: true, Threshold: 1, Silence: isAlarming,
		},
	}
	all = append(all, campaignAlarms(w)...)
	all = append(all, rateAlarms(w)...)
	all = append(all, limitAlarms(w)...)
	if w.Webhooks {
		all = append(all, Alarm{
			Name: "webhook-dead-letters", Description: "A webhook has refused events, or not taken them for 24 hours. They are in the queue " +
				w.Stack + "-webhook-dead-letters, each with its rule and what went wrong. Repair the receiver; it reads what it missed with " +
				"GET /v1/messages.",
			Namespace: "AWS/SQS", Metric: "ApproximateNumberOfMessagesVisible", Of: WebhookLetters,
			Statistic: maximum, Period: fiveMinutes, Periods: 1, Threshold: 1, Silence: isFine,
		})
	}
	for _, f := range Functions() {
		all = append(all, functionAlarms(f)...)
	}
	return append(all, egressAlarms(w)...)
}

// campaignAlarms watch campaigns. Of a turn that does not come nothing is heard, and usually there is no campaign that has turns:
// so it is the sweep that looks for campaigns that do not go on.
func campaignAlarms(w Watched) []Alarm {
	lines := MetricNamespace + "/" + w.Stack
	return []Alarm{
		{
			Name: "campaign-stuck", Description: "A campaign was not gone on with for an hour, and the sweep has started it again. If that was " +
				"in vain, its execution in " + w.Stack + "-campaigns and the logs of " + w.Stack + "-campaign and " + w.Stack + "-plan say why.",
			Namespace: lines, Metric: "campaign-stuck", Lines: `{ $.stuck = "*" }`, In: []string{Sweep},
			Statistic: sum, Period: time.Hour, Periods: 1, Threshold: 1, Silence: isFine,
		},
		{
			Name: "campaign-parked", Description: "A campaign hands out no more messages, because one of them is parked or was refused. GET on it " +
				"says why. It goes on by itself after the repair; whoever wants no more of it cancels it.",
			Namespace: lines, Metric: "campaign-parked", Lines: `{ $.msg = "campaign parked" }`, In: []string{"campaign"},
			Statistic: sum, Period: fiveMinutes, Periods: 1, Threshold: 1, Silence: isFine,
		},
		{
			Name: "campaigns-failed", Description: "A campaign's file was not planned or its report not written for a day, or its execution " +
				"broke. Nothing was sent twice. Redrive it in Step Functions.",
			Namespace: "AWS/States", Metric: "ExecutionsFailed", Of: CampaignMachine,
			Statistic: sum, Period: fiveMinutes, Periods: 1, Threshold: 1, Silence: isFine,
		},
	}
}

// limitAlarms are there when there are limits.
func limitAlarms(w Watched) []Alarm {
	var all []Alarm
	lines, doors := MetricNamespace+"/"+w.Stack, []string{API, Events}
	if w.Daily {
		for _, percent := range []string{"70", "90", "100"} {
			all = append(all, Alarm{
				Name: "daily-recipients-" + percent, Description: percent + " % of limits:dailyRecipients are used today. What is over it is " +
					"refused until midnight in Korea: look for what sends so much, or raise it.",
				Namespace: lines, Metric: "daily-recipients-" + percent, Lines: `{ ($.limit = "stack-day") && ($.percent >= ` + percent + `) }`,
				In: doors, Statistic: sum, Period: fiveMinutes, Periods: 1, Threshold: 1, Silence: isFine,
			})
		}
	}
	if w.Open {
		all = append(all, Alarm{
			Name: "doors-open", Description: "The table did not answer, and messages of trusted callers were accepted without counting them, or " +
				"without looking for opt-outs, which is done again before the send. Frontends got a 503.",
			Namespace: lines, Metric: "doors-open", Lines: `{ $.open = "*" }`, In: doors,
			Statistic: sum, Period: fiveMinutes, Periods: 1, Threshold: 1, Silence: isFine,
		})
	}
	return all
}

func functionAlarms(f Function) []Alarm {
	// A task reports faults of Aligo as errors too, for the state machine to handle; only what lasts is news.
	periods := 1
	if f.Caller == StateMachineTask {
		periods = 3
	}
	return []Alarm{
		{
			Name: f.Name + "-errors", Description: "The function fails; its log group says why.",
			Namespace: "AWS/Lambda", Metric: "Errors", Of: OneFunction, Function: f.Name,
			Statistic: sum, Period: fiveMinutes, Periods: periods, Threshold: 1, Silence: isFine,
		},
		{
			// With reserved concurrency a short wait is what throttling is for.
			Name: f.Name + "-throttled", Description: "The function is throttled for a quarter of an hour: raise functions:" + f.Name +
				" reservedConcurrency, or the account's limit.",
			Namespace: "AWS/Lambda", Metric: "Throttles", Of: OneFunction, Function: f.Name,
			Statistic: sum, Period: fiveMinutes, Periods: 3, Threshold: 1, Silence: isFine,
		},
	}
}

// egressAlarms notice that what holds the address is gone. A NAT gateway keeps its first address as long as it lives, so
// the gateway's metrics falling silent is the address being let go.
func egressAlarms(w Watched) []Alarm {
	var all []Alarm
	for i := range w.Gateways {
		name := "nat-gateway-gone"
		if i > 0 {
			name += "-" + strconv.Itoa(i+1)
		}
		all = append(all, Alarm{
			Name:        name,
			Description: "The NAT gateway is gone, and with it the address that Aligo knows is not in use: pulumi refresh, then pulumi up.",
			Namespace:   "AWS/NATGateway", Metric: "ActiveConnectionCount", Of: NATGateway, Gateway: i,
			Statistic: samples, Period: fiveMinutes, Periods: 3, Below: true, Threshold: 1, Silence: isAlarming,
		})
	}
	if w.Instance {
		all = append(all, Alarm{
			Name: "nat-instance-down", Description: "The NAT instance fails its checks or is gone: nothing gets out.",
			Namespace: "AWS/EC2", Metric: "StatusCheckFailed", Of: NATInstance,
			Statistic: maximum, Period: fiveMinutes, Periods: 2, Threshold: 1, Silence: isAlarming,
		})
	}
	return all
}

// CustomMetrics is how many metrics CloudWatch bills: those of log lines that alarms watch, and what functions count.
func CustomMetrics(alarms []Alarm) int {
	n := len(BalanceMetrics()) + len(OutcomeMetrics())
	for _, a := range alarms {
		if a.Lines != "" {
			n++
		}
	}
	return n
}

// Dashboards is how many there are.
const Dashboards = 1
