// Command events is the Lambda function that the rule for MessageRequested events calls.
package main

import (
	"sms-api/internal/intake"
	"sms-api/internal/wiring"
)

func main() {
	e := wiring.FromEnvironment("events")
	_, templates := e.Aligo()
	handler := &intake.Events{Executions: e.Executions(), Account: e.Account(), Bus: e.Bus(), Templates: templates, Now: e.Now, Log: e.Log}
	e.Start(handler.Handle)
}
