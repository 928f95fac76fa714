// Package deployment says what the product consists of once it is deployed, as data: the functions with their limits,
// environment and permissions, the rules that call them, the alarms that watch them, and the quotas of AWS that all of it
// relies on. What deploys it, what runs it on one machine, what reckons its price and the tests read it here, so that each
// of these facts stands once.
//
// It imports nothing but the standard library and what knows the names of states and the form of routes and messages, so
// that a function can import it for nothing.
package deployment

import (
	"slices"
	"time"

	"sms-api/internal/message"
	"sms-api/statemachine"
)

// Function is one of the Lambda functions.
type Function struct {
	// Name is the folder below lambdas/ and, after the stack's own name, the function's name.
	Name string
	// Does is what it does, with the function as the subject.
	Does string
	// Timeout is the default of its time limit, Longest the longest one that its caller leaves time for.
	Timeout, Longest time.Duration
	// Memory is the default of its memory, in MB.
	Memory int
	// Concurrency is the default of its reserved concurrency, Unreserved for none: what sends is throttled towards Aligo by it.
	Concurrency int
	Caller      Caller
	// State is the state that calls it, the first of several; empty unless the caller is a state machine.
	State string
	// Retries is how often Lambda repeats a call that failed and that nobody waits for.
	Retries int
	// Environment are the variables that it reads. All of them must be set.
	Environment []Variable
	// Files are the names of the files that lie beside its executable in its package.
	Files []string
	// Permissions are what it may do besides reporting logs and traces.
	Permissions []Permission
}

// Caller is who calls a function, in words that end "… gives up after that".
type Caller string

// The callers.
const (
	StateMachineTask Caller = "the state machine's task"
	// CampaignTask is a task of the state machine of campaigns.
	CampaignTask Caller = "the task"
	APIGateway   Caller = "API Gateway"
	// LambdaQueue is Lambda's own queue, which keeps what a rule has handed over.
	LambdaQueue Caller = "Lambda"
	// EventQueue is the queue into which rules put the events that become messages.
	EventQueue Caller = "the queue"
)

// RoutesFile has the templates of the routes, as package route writes and reads them. It lies in the package of the function
// that fills them in: they come with it, at one moment, without a call, and without regard to the 4 KB that all variables of a
// function may have together, which is less than a single template may.
const RoutesFile = "routes.json"

// UntrustedFile has what the stack says of callers that are not trusted, as package untrusted writes and reads it, in the
// packages of the functions that check or write their messages. It is a file for the same reasons.
const UntrustedFile = "untrusted.json"

// Unreserved is the Concurrency of a function that shares the account's.
const Unreserved = -1

// DefaultMemory is that of every function, in MB. Lambda gives processor time in proportion to it.
const DefaultMemory = 256

// What a task may take: the state waits five seconds longer, so that it never gives up on a function that still runs.
const (
	longestSend = 55 * time.Second
	longestRead = 115 * time.Second
	// longestFile is for what reads or writes a whole file of a campaign.
	longestFile = 895 * time.Second
)

// The functions that are not tasks of the state machine are wired one by one, hence their names.
const (
	API     = "api"
	Events  = "events"
	Settle  = "settle"
	Record  = "record"
	Sweep   = "sweep"
	Balance = "balance"
	// Templates is also invoked by operators.
	Templates = "templates"
)

// Functions are all of them, the tasks of the state machine first.
func Functions() []Function {
	credentials := Permission{Credentials, []string{"ssm:GetParameters"}}
	start := Permission{StateMachine, []string{"states:StartExecution"}}
	announce := Permission{EventBus, []string{"events:PutEvents"}}
	cancels := Permission{Guards, []string{"dynamodb:GetItem", "dynamodb:PutItem"}}
	opens := Permission{Guards, []string{"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}}
	// Whoever accepts a message writes its record, and a task also the items of its numbers, when nobody has erased them. Of one that
	// is scheduled the door writes these, too.
	accepts := Permission{Records, []string{"dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:BatchWriteItem"}}
	records := Permission{Records, []string{
		"dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:BatchWriteItem", "dynamodb:BatchGetItem",
	}}
	// A door counts what is asked for, and a send looks for those who have opted out.
	counts := Permission{Limits, []string{
		"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem",
	}}
	heeds := Permission{OptOuts, []string{"dynamodb:BatchGetItem"}}
	campaigns := Permission{Campaigns, []string{"dynamodb:GetItem", "dynamodb:PutItem"}}
	// Whoever may not list is told of an object that is not there that it is not allowed.
	// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
	missing := Permission{FilesBucket, []string{"s3:ListBucket"}}
	goesOn := Permission{CampaignMachine, []string{"states:StartExecution"}}
	writes := Permission{OptOuts, []string{"dynamodb:BatchGetItem", "dynamodb:PutItem"}}
	lists := Permission{OptOuts, []string{"dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:Query"}}
	notesUse := Permission{TemplateBook, []string{"dynamodb:PutItem"}}
	bury := Permission{DeadLetters, []string{"sqs:SendMessage"}}
	return []Function{
		{
			Name: "alimtalk", Does: "sends a message's AlimTalk", Timeout: 30 * time.Second, Longest: longestSend, Memory: DefaultMemory,
			Concurrency: 5, Caller: StateMachineTask, State: statemachine.StateSendAlimTalk,
			Environment: talksToAligo(guardTable(), retention(), optOutsCoverInfo()), Files: []string{UntrustedFile},
			Permissions: []Permission{credentials, opens, records, heeds},
		},
		{
			Name: "sms", Does: "sends SMS to those whom AlimTalk did not reach", Timeout: 30 * time.Second, Longest: longestSend,
			Memory: DefaultMemory, Concurrency: 5, Caller: StateMachineTask, State: statemachine.StateSendSMS,
			Environment: talksToAligo(guardTable(), adsUntil(), optOutsCoverInfo(), retention()), Files: []string{UntrustedFile},
			Permissions: []Permission{credentials, opens, records, heeds},
		},
		{
			Name: "receipts", Does: "reads delivery receipts", Timeout: time.Minute, Longest: longestRead, Memory: DefaultMemory,
			Concurrency: Unreserved, Caller: StateMachineTask, State: statemachine.StateReadReceipts,
			Environment: talksToAligo(guardTable(), retention()), Permissions: []Permission{credentials, records, {Guards, []string{
				"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem",
			}}},
		},
		{
			Name: "reconcile", Does: "finds out what became of a send that failed", Timeout: time.Minute, Longest: longestRead,
			Memory: DefaultMemory, Concurrency: Unreserved, Caller: StateMachineTask, State: statemachine.StateReconcile,
			Environment: talksToAligo(guardTable(), retention(), optOutsCoverInfo()), Files: []string{UntrustedFile},
			Permissions: []Permission{credentials, records, heeds, {Guards, []string{
				"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query", "dynamodb:BatchGetItem",
			}}},
		},
		{
			Name: API, Does: "answers the HTTP API", Timeout: 10 * time.Second, Longest: LongestAPICall - time.Second, Memory: DefaultMemory,
			Concurrency: Unreserved, Caller: APIGateway,
			Environment: talksToAligo(append(rules(true), stateMachineARN(), eventBusName(), guardTable(), retention(), campaignMachineARN(),
				campaignBucket(), Variable{
					Name: UntrustedMaxRecipients, Holds: "how many recipients a message of an untrusted caller may have", MayBeEmpty: true,
					Setting: &Setting{Key: "api:untrustedMaxRecipients", Default: "1", Lowest: 1, Highest: 500},
				}, Variable{
					Name: UntrustedMaxSchedule, Holds: "how many hours ahead a message of an untrusted caller may be scheduled", MayBeEmpty: true,
					Setting: &Setting{Key: "api:untrustedMaxSchedule", Default: "24", Lowest: 1, Highest: int(message.MaxSchedule / time.Hour)},
				})...), Files: []string{UntrustedFile},
			Permissions: []Permission{
				start,
				{Executions, []string{"states:DescribeExecution", "states:GetExecutionHistory", "states:StopExecution"}},
				cancels, accepts, {Records, []string{"dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:Query"}}, counts, lists,
				announce, credentials, campaigns, {Campaigns, []string{"dynamodb:Query", "dynamodb:BatchGetItem"}}, goesOn,
				// It signs links with them, which let others do the same.
				{CampaignUploads, []string{"s3:PutObject"}}, {CampaignErrors, []string{"s3:GetObject"}},
				{CampaignReports, []string{"s3:GetObject"}},
			},
		},
		{
			Name: "plan", Does: "checks the file of a campaign and cuts it into messages", Timeout: longestFile, Longest: longestFile,
			// That of one processor: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
			Memory: 1769, Concurrency: Unreserved, Caller: CampaignTask, State: statemachine.CampaignPlan,
			Environment: talksToAligo(append(rules(false), stateMachineARN(), eventBusName(), guardTable(), retention(), campaignBucket(),
				campaignFileDays())...),
			Permissions: []Permission{
				campaigns, heeds, {Limits, []string{"dynamodb:GetItem", "dynamodb:BatchGetItem"}}, announce, credentials,
				{CampaignUploads, []string{"s3:GetObject"}}, {CampaignPlans, []string{"s3:PutObject"}}, missing,
			},
		},
		{
			Name: "campaign", Does: "hands out the messages of a campaign that are due", Timeout: 110 * time.Second, Longest: longestRead,
			Memory: 512, Concurrency: Unreserved, Caller: CampaignTask, State: statemachine.CampaignTurn,
			Environment: talksToAligo(append(rules(false), stateMachineARN(), eventBusName(), guardTable(), retention(), campaignMachineARN(),
				campaignBucket())...),
			Permissions: []Permission{
				start, {Executions, []string{"states:DescribeExecution", "states:GetExecutionHistory", "states:StopExecution"}},
				cancels, {Guards, []string{"dynamodb:UpdateItem"}}, records, counts, heeds, announce, credentials, campaigns, goesOn,
				{CampaignPlans, []string{"s3:GetObject"}}, missing,
			},
		},
		{
			Name: "report", Does: "writes the report of a campaign, and deletes its files when they are no longer kept", Timeout: longestFile,
			Longest: longestFile, Memory: 512, Concurrency: Unreserved, Caller: CampaignTask, State: statemachine.CampaignReport,
			Environment: []Variable{
				logLevel(), stateMachineARN(), eventBusName(), guardTable(), retention(), campaignBucket(),
				campaignFileDays(),
			},
			Permissions: []Permission{
				{Executions, []string{"states:DescribeExecution", "states:GetExecutionHistory"}}, {Guards, []string{"dynamodb:GetItem"}},
				{Records, []string{"dynamodb:GetItem"}}, announce, campaigns,
				{CampaignPlans, []string{"s3:GetObject", "s3:DeleteObject"}}, {CampaignReports, []string{"s3:PutObject", "s3:DeleteObject"}},
				{CampaignUploads, []string{"s3:DeleteObject"}}, missing,
			},
		},
		{
			Name: Events, Does: "takes messages from the event bus", Timeout: 30 * time.Second, Longest: LongestFunction, Memory: DefaultMemory,
			Concurrency: Unreserved, Caller: EventQueue, Retries: 2,
			Environment: talksToAligo(append(rules(false), stateMachineARN(), eventBusName(), guardTable(), retention(), Variable{
				Name: EventRate, Holds: "how many messages a second events become at most; the others wait in the queue",
				Setting: eventRate(),
			})...),
			Files: []string{RoutesFile},
			Permissions: []Permission{
				start, {Executions, []string{"states:DescribeExecution"}},
				records, counts, writes, announce, bury, credentials,
				{WaitingEvents, []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}},
			},
		},
		{
			Name: Settle, Does: "announces messages whose execution was stopped", Timeout: 30 * time.Second, Longest: LongestFunction,
			Memory: DefaultMemory, Concurrency: Unreserved, Caller: LambdaQueue, Retries: 2,
			Environment: []Variable{logLevel(), stateMachineARN(), eventBusName(), guardTable(), retention()},
			Permissions: []Permission{
				{Executions, []string{"states:DescribeExecution", "states:GetExecutionHistory"}}, announce,
				cancels, accepts, bury,
			},
		},
		{
			Name: Record, Does: "writes down and counts what became of messages", Timeout: 30 * time.Second, Longest: LongestFunction,
			Memory: DefaultMemory, Concurrency: Unreserved, Caller: LambdaQueue, Retries: 2,
			Environment: []Variable{logLevel(), stackName(), guardTable(), retention()},
			Permissions: []Permission{accepts, notesUse, bury},
		},
		{
			Name: Sweep, Does: "makes good what was lost: announcements, records, numbers, campaigns that do not go on",
			Timeout: LongestFunction, Longest: LongestFunction, Memory: DefaultMemory, Concurrency: Unreserved, Caller: LambdaQueue,
			// The next one goes on where this one was.
			Retries: 0,
			Environment: []Variable{
				logLevel(), parameterPrefix(), stateMachineARN(), campaignMachineARN(), eventBusName(), stackName(), guardTable(), retention(),
				adsUntil(),
			},
			Permissions: []Permission{
				{StateMachine, []string{"states:ListExecutions"}}, goesOn, campaigns,
				{Campaigns, []string{"dynamodb:Query", "dynamodb:DeleteItem"}},
				{Executions, []string{"states:DescribeExecution", "states:GetExecutionHistory"}}, announce,
				cancels, records, {Records, []string{"dynamodb:Query"}}, notesUse, bury, credentials,
			},
		},
		{
			Name: Balance, Does: "reads the balance and checks the way to Aligo", Timeout: 30 * time.Second, Longest: LongestFunction,
			Memory: DefaultMemory, Concurrency: Unreserved, Caller: LambdaQueue,
			// The next hour's reading is as good as a repetition of this one.
			Retries:     0,
			Environment: talksToAligo(stackName()),
			Permissions: []Permission{bury, credentials},
		},
		{
			Name: Templates, Does: "lists, writes and watches templates at Aligo", Timeout: time.Minute, Longest: LongestFunction,
			Memory: DefaultMemory, Concurrency: Unreserved, Caller: LambdaQueue,
			// The next day's look is as good as a repetition of this one, and a write is repeated by whoever asked for it.
			Retries:     0,
			Environment: talksToAligo(guardTable()),
			Permissions: []Permission{bury, credentials, {TemplateBook, []string{"dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem"}}},
		},
	}
}

// FunctionNamed is the function with this name; ok is false if there is none.
func FunctionNamed(name string) (f Function, ok bool) {
	all := Functions()
	i := slices.IndexFunc(all, func(f Function) bool { return f.Name == name })
	if i < 0 {
		return Function{}, false
	}
	return all[i], true
}

// Tasks are the names of the functions that the state machine calls, by state.
func Tasks() map[string]string { return tasksOf(StateMachineTask) }

// CampaignTasks are those of the functions that the state machine of campaigns calls, by the first of their states.
func CampaignTasks() map[string]string { return tasksOf(CampaignTask) }

func tasksOf(caller Caller) map[string]string {
	tasks := map[string]string{}
	for _, f := range Functions() {
		if f.Caller == caller {
			tasks[f.State] = f.Name
		}
	}
	return tasks
}

// Permission is something that a function may do.
type Permission struct {
	On Resource
	// Actions are IAM's names:
	// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
	Actions []string
}

// Resource is what a permission, an alarm or a variable speaks of.
type Resource string

// The resources.
const (
	// Credentials are the parameters with what Aligo asks for.
	Credentials Resource = "the credentials"
	// StateMachine is the state machine itself, Executions all its executions.
	StateMachine Resource = "the state machine"
	Executions   Resource = "the executions"
	EventBus     Resource = "the event bus"
	// CampaignMachine is the state machine of campaigns.
	CampaignMachine Resource = "the state machine of campaigns"
	// FilesBucket is the bucket of campaigns. In it, CampaignUploads are the files that were uploaded, CampaignPlans what was made of
	// them, CampaignErrors those of the latter that people get, and CampaignReports the reports.
	FilesBucket     Resource = "the bucket of campaigns"
	CampaignUploads Resource = "the uploaded files"
	CampaignPlans   Resource = "the plans of campaigns"
	CampaignErrors  Resource = "the errors of campaigns"
	CampaignReports Resource = "the reports of campaigns"
	// Guards are the items of the table in which sends are opened, Records those that say what became of each message, Limits
	// those that count, OptOuts those of who wants no advertising, Campaigns the campaigns, and TemplateBook what is remembered of
	// templates.
	Guards    Resource = "the guards of sends"
	Records   Resource = "the records"
	Limits    Resource = "the counts"
	OptOuts   Resource = "the opt-outs"
	Campaigns Resource = "the campaigns"

	TemplateBook Resource = "what is known of templates"
	// WaitingEvents is the queue of events that become messages.
	WaitingEvents Resource = "the events that wait"
	// DeadLetters is the queue of events that could not be handled.
	DeadLetters Resource = "the dead letters"
)
