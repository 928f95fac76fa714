// Command balance is the Lambda function that reads the Aligo wallet, and so checks the whole way out to Aligo.
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
	lambda.Start(s.Balance(os.Getenv("STACK")).Handle)
}
