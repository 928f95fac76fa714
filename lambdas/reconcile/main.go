// Command reconcile is the Lambda function that finds out what became of a send that failed.
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
	lambda.Start(s.Dispatch().Reconcile)
}
