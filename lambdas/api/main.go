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

	"sms-api/internal/execution"
	"sms-api/internal/intake"
	"sms-api/internal/logging"
	"sms-api/internal/wiring"
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

// setUp reads the environment: UNTRUSTED_MAX_RECIPIENTS is how many recipients a message of an untrusted
// caller may have.
func setUp(log *slog.Logger) (*intake.API, error) {
	s, err := wiring.FromEnvironment()
	if err != nil {
		return nil, err
	}
	recipients := 1
	if v := os.Getenv("UNTRUSTED_MAX_RECIPIENTS"); v != "" {
		if recipients, err = strconv.Atoi(v); err != nil || recipients < 1 {
			return nil, fmt.Errorf("UNTRUSTED_MAX_RECIPIENTS is %q, not a number of recipients", v)
		}
	}
	client, templates := s.Aligo()
	return &intake.API{
		Executions:             &execution.Executions{Client: sfn.NewFromConfig(s.AWS), StateMachineARN: os.Getenv("STATE_MACHINE_ARN"), Now: time.Now},
		Identify:               identify,
		UntrustedMaxRecipients: recipients,
		Templates:              templates,
		Wallet:                 client,
		Now:                    time.Now,
		Log:                    log,
	}, nil
}
