// Command sms is the Lambda function that sends SMS to those whom AlimTalk did not reach, and the messages of channel sms.
package main

import (
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"sms-api/internal/wiring"
)

func main() {
	s, err := wiring.FromEnvironment()
	if err != nil {
		slog.Error("start", slog.Any("error", err))
		os.Exit(1)
	}
	lambda.Start(s.Dispatch().SendSMS)
}
