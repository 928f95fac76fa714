// Command record is the Lambda function that writes down and counts what became of messages.
package main

import "sms-api/internal/wiring"

func main() {
	e := wiring.FromEnvironment("record")
	e.Start(e.Recorder().Handle)
}
