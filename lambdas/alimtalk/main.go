// Command alimtalk is the Lambda function that sends a message's AlimTalk.
package main

import "sms-api/internal/function"

func main() {
	e := function.FromEnvironment("alimtalk")
	e.Start(e.Dispatch().SendAlimTalk)
}
