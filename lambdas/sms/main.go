// Command sms is the Lambda function that sends SMS to those whom AlimTalk did not reach, and the messages of channel sms.
package main

import "sms-api/internal/function"

func main() {
	e := function.FromEnvironment("sms")
	e.Start(e.SMS().SendSMS)
}
