// Command settle is the Lambda function that announces messages whose execution ended without doing so itself.
package main

import (
	"sms-api/internal/announce"
	"sms-api/internal/wiring"
)

func main() {
	e := wiring.FromEnvironment("settle")
	handler := &announce.Ended{Executions: e.Outcomes(), Bus: e.Bus(), Log: e.Log}
	e.Start(handler.Handle)
}
