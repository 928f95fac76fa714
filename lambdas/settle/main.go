// Command settle is the Lambda function that announces messages whose execution ended without doing so itself.
package main

import (
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"sms-api/internal/announce"
	"sms-api/internal/awsenv"
	"sms-api/internal/execution"
	"sms-api/internal/logging"
)

func main() {
	log := logging.New()
	config, err := awsenv.Config()
	if err != nil {
		log.Error("cannot start", slog.String("error", err.Error()))
		os.Exit(1)
	}
	handler := &announce.Ended{
		Executions: &execution.Executions{Client: sfn.NewFromConfig(config), StateMachineARN: os.Getenv("STATE_MACHINE_ARN"), Now: time.Now},
		Bus:        announce.Bus{Client: eventbridge.NewFromConfig(config), Name: os.Getenv("EVENT_BUS_NAME")},
		Log:        log,
	}
	lambda.Start(handler.Handle)
}
