// Command alimtalk is the Lambda function that sends a message's AlimTalk.
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
	lambda.Start(s.Dispatch().SendAlimTalk)
}
