// Command sms is the Lambda function that sends SMS to those whom AlimTalk did not reach, and the messages of channel sms.
package main

import "sms-api/internal/wiring"

func main() {
	e := wiring.FromEnvironment("sms")
	e.Start(e.SMS().SendSMS)
}
