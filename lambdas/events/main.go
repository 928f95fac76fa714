// Command events is the Lambda function that makes messages of the events in the queue.
package main

import "sms-api/internal/wiring"

func main() {
	e := wiring.FromEnvironment("events")
	e.Start(e.Events().Invoke)
}
