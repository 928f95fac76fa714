// Command events is the Lambda function that makes messages of the events in the queue.
package main

import "sms-api/internal/function"

func main() {
	e := function.FromEnvironment("events")
	e.Start(e.Events().Invoke)
}
