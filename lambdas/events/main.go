// Command events is the Lambda function that the rule for MessageRequested events calls.
package main

import (
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"sms-api/internal/announce"
	"sms-api/internal/execution"
	"sms-api/internal/intake"
	"sms-api/internal/logging"
	"sms-api/internal/wiring"
)

func main() {
	log := logging.New()
	s, err := wiring.FromEnvironment()
	if err != nil {
		log.Error("cannot start", slog.String("error", err.Error()))
		os.Exit(1)
	}
	_, templates := s.Aligo()
	handler := &intake.Events{
		Executions: &execution.Executions{Client: sfn.NewFromConfig(s.AWS), StateMachineARN: os.Getenv("STATE_MACHINE_ARN"), Now: time.Now},
		Bus:        announce.Bus{Client: eventbridge.NewFromConfig(s.AWS), Name: os.Getenv("EVENT_BUS_NAME")},
		Templates:  templates,
		Now:        time.Now,
		Log:        log,
	}
	lambda.Start(handler.Handle)
}
