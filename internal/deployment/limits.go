package deployment

import "time"

// Quotas of Lambda: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	LongestFunction = 15 * time.Minute
	// EnvironmentSize is what all variables of a function may have together, names and values, in bytes.
	EnvironmentSize = 4 << 10
	// LeastMemory is what a function may have at least, in MB.
	LeastMemory = 128
	// MostMemory is what a function may have at most, in MB.
	MostMemory = 10240
	// AccountConcurrency is how many functions an account may run at once, unless AWS allows it more; a new account has ten.
	AccountConcurrency = 1000
	// FunctionNameLength in characters: https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
	FunctionNameLength = 64
	// LongestQueued is how long Lambda's own queue keeps an event at most:
	// https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
	LongestQueued = 6 * time.Hour
)

// Quotas of Step Functions, STANDARD: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
const (
	// PayloadSize is what the input or result of a task, a state or an execution may have, in bytes of UTF-8.
	PayloadSize = 262_144
	// HistoryEvents is how many events an execution may leave, the one that ends it included.
	HistoryEvents = 25_000
	// UniqueName is for how long the name of an execution that has ended is taken, and its history kept.
	UniqueName = 90 * 24 * time.Hour
	// LongestExecution is how long one may run.
	LongestExecution = 365 * 24 * time.Hour
	// Redrivable is for how long an execution that has failed can be redriven:
	// https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
	Redrivable = 14 * 24 * time.Hour
)

// Quotas of EventBridge.
const (
	// EventSize is what an entry of PutEvents may have, in bytes:
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
	EventSize = 262_144
	// RuleNameLength in characters: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
	RuleNameLength = 64
	// LongestDelivery and MostDeliveries are how long and how often EventBridge tries to hand an event over at most:
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
	LongestDelivery = 24 * time.Hour
	MostDeliveries  = 185
)

// Quotas of other services.
const (
	// LongestAPICall is how long API Gateway waits for a function:
	// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
	LongestAPICall = 30 * time.Second
	// RoleNameLength in characters: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
	RoleNameLength = 64
	// LongestRetention of a queue:
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
	LongestRetention = 14 * 24 * time.Hour
)

// PrefixLength is how long the name that begins every other name may be, in characters: the project's and the stack's.
const PrefixLength = 40
