// Command events is the Lambda function that the rule for MessageRequested events calls.
package main

import "sms-api/internal/wiring"

func main() {
	e := wiring.FromEnvironment("events")
	e.Start(e.Events().Handle)
}
