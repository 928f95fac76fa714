// Package statemachine holds the state machine that delivers a message: its definition in Amazon States Language
// (JSONata) and the names in it that Go code refers to. What is deployed and what runs locally is this very JSON.
package statemachine

import (
	_ "embed" // for the definition
	"fmt"
	"strings"
)

// Name is the state machine's name where nothing else is configured.
const Name = "sms-api-dispatch"

// The states, in the order of a message's way.
const (
	StateRoute             = "Route"
	StateWaitUntilSendTime = "Wait until send time"
	StateSendAlimTalk      = "Send AlimTalk"
	StateSendSMS           = "Send SMS"
	StateWaitForRepair     = "Wait for repair"
	StateReconcile         = "Reconcile"
	StateWaitToLookAgain   = "Wait to look again"
	StateSettled           = "Settled?"
	StateWaitForReceipts   = "Wait for receipts"
	StateReadReceipts      = "Read receipts"
	StateAnnounce          = "Announce"
)

// The event that Announce puts on the bus.
const (
	EventSource            = "sms-api"
	DetailTypeSettled      = "MessageSettled"
	DetailTypeRejected     = "MessageRejected"
	DetailTypeRequested    = "MessageRequested"
	DetailTypeStatusChange = "Step Functions Execution Status Change"
)

// Resources are what the definition calls. Functions are ARNs or names, EventBus is a name or an ARN.
type Resources struct {
	AlimTalkFunction  string
	SMSFunction       string
	ReceiptsFunction  string
	ReconcileFunction string
	EventBus          string
}

//go:embed dispatch.asl.json
var definition string

// Definition returns the state machine's JSON with the resources put in. Every resource must be given.
func Definition(r Resources) (string, error) {
	var pairs []string
	for name, value := range map[string]string{
		"AlimTalkFunction":  r.AlimTalkFunction,
		"SMSFunction":       r.SMSFunction,
		"ReceiptsFunction":  r.ReceiptsFunction,
		"ReconcileFunction": r.ReconcileFunction,
		"EventBus":          r.EventBus,
	} {
		if value == "" || strings.ContainsAny(value, "\"\\{}\n") {
			return "", fmt.Errorf("state machine definition: %s is %q, not a name or an ARN", name, value)
		}
		pairs = append(pairs, "${"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(definition), nil
}
