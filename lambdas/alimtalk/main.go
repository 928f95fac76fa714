// Command alimtalk is the Lambda function that sends a message's AlimTalk.
package main

import "sms-api/internal/wiring"

func main() {
	e := wiring.FromEnvironment("alimtalk")
	e.Start(e.Dispatch().SendAlimTalk)
}
