// Command api is the Lambda function behind the HTTP API (payload format 2.0).
package main

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"

	"sms-api/internal/awsenv"
	"sms-api/internal/execution"
	"sms-api/internal/intake"
	"sms-api/internal/logging"
)

func main() {
	log := logging.New()
	api, err := setUp(log)
	if err != nil {
		log.Error("cannot start", slog.String("error", err.Error()))
		os.Exit(1)
	}
	lambda.Start(httpadapter.NewV2(api.Handler()).ProxyWithContext)
}

func setUp(log *slog.Logger) (*intake.API, error) {
	config, err := awsenv.Config()
	if err != nil {
		return nil, err
	}
	maxRecipients := 1
	if s := os.Getenv("UNTRUSTED_MAX_RECIPIENTS"); s != "" {
		if maxRecipients, err = strconv.Atoi(s); err != nil || maxRecipients < 0 {
			return nil, fmt.Errorf("UNTRUSTED_MAX_RECIPIENTS is %q, not a number of recipients", s)
		}
	}
	return &intake.API{
		Executions:    &execution.Executions{Client: sfn.NewFromConfig(config), StateMachineARN: os.Getenv("STATE_MACHINE_ARN"), Now: time.Now},
		Identify:      identify,
		MaxRecipients: maxRecipients,
		Now:           time.Now,
		Log:           log,
	}, nil
}
