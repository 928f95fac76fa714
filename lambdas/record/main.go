// Command record is the Lambda function that writes down and counts what became of messages.
package main

import "sms-api/internal/function"

func main() {
	e := function.FromEnvironment("record")
	e.Start(e.Recorder().Handle)
}
