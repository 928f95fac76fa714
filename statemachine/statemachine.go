// Package statemachine holds the state machine that delivers a message: its definition in Amazon States Language
// (JSONata) and the names in it that Go code refers to. What is deployed and what runs locally is this very JSON.
package statemachine

import (
	_ "embed" // for the definition
	"encoding/json"
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
	StateWaitForMorning    = "Wait for the morning"
	StateReconcile         = "Reconcile"
	StateWaitToLookAgain   = "Wait to look again"
	StateSettled           = "Settled?"
	StateSaveEvents        = "Save events"
	StateWaitForReceipts   = "Wait for receipts"
	StateReadReceipts      = "Read receipts"
	StateAnnounce          = "Announce"
)

// Sends are the states that send: when one of them has failed, nobody knows by itself whether Aligo accepted its call.
func Sends() []string { return []string{StateSendAlimTalk, StateSendSMS} }

// The events of this system: their source, and what they are.
const (
	EventSource             = "sms-api"
	DetailTypeAccepted      = "MessageAccepted"
	DetailTypeSettled       = "MessageSettled"
	DetailTypeRejected      = "MessageRejected"
	DetailTypeCampaignPlan  = "CampaignPlanned"
	DetailTypeCampaignEnded = "CampaignSettled"
	DetailTypeRequested     = "MessageRequested"
	DetailTypeOptedOut      = "RecipientOptedOut"
	DetailTypeOptedIn       = "RecipientOptedIn"
	DetailTypeStatusChange  = "Step Functions Execution Status Change"
	DetailTypeObjectCreated = "Object Created"
)

// DetailTypes are those of what this system itself announces, all with EventSource. The names of those that it does not
// announce yet are taken too.
func DetailTypes() []string {
	return []string{DetailTypeAccepted, DetailTypeSettled, DetailTypeRejected, DetailTypeCampaignPlan, DetailTypeCampaignEnded}
}

//go:embed dispatch.asl.json
var definition string

// Definition returns the state machine's JSON with what it calls put in: functions has the ARN or name of the function of
// each state that calls one, by the state's name, and bus is the name or ARN of the event bus. The error names a state that
// lacks its function, a function of a state that calls none, or what is neither a name nor an ARN.
func Definition(functions map[string]string, bus string) (string, error) {
	callers, err := placeholders(definition)
	if err != nil {
		return "", err
	}
	for state := range functions {
		if callers[state] == "" {
			return "", fmt.Errorf("state machine definition: there is no state %q that calls a function", state)
		}
	}
	return Fill(definition, functions, bus)
}

// Fill puts what is called into the JSON of any version; functions may have those of other versions too.
func Fill(definition string, functions map[string]string, bus string) (string, error) {
	return fill(definition, functions, map[string]string{"${EventBus}": bus})
}

func fill(definition string, functions, values map[string]string) (string, error) {
	callers, err := placeholders(definition)
	if err != nil {
		return "", err
	}
	for state, placeholder := range callers {
		// Several states may call the same function, which stands with one of them.
		if f := functions[state]; f != "" || values[placeholder] == "" {
			values[placeholder] = f
		}
	}
	var pairs []string
	for placeholder, value := range values {
		if value == "" || strings.ContainsAny(value, "\"\\{}\n") {
			return "", fmt.Errorf("state machine definition: %s is %q, not a name or an ARN", placeholder, value)
		}
		pairs = append(pairs, placeholder, value)
	}
	return strings.NewReplacer(pairs...).Replace(definition), nil
}

// placeholders are what stands for the functions, by the states that call them.
func placeholders(definition string) (map[string]string, error) {
	var machine struct {
		States map[string]struct {
			Arguments struct{ FunctionName string }
		}
	}
	if err := json.Unmarshal([]byte(definition), &machine); err != nil {
		return nil, fmt.Errorf("state machine definition: %w", err)
	}
	found := map[string]string{}
	for name, state := range machine.States {
		if state.Arguments.FunctionName != "" {
			found[name] = state.Arguments.FunctionName
		}
	}
	return found, nil
}
