package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"sms-api/awslocal/awsapi"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/parameters"
	"sms-api/internal/webhook"
	"sms-api/local/system"
	"sms-api/statemachine"
)

// welcome says where everything is, and what to type first. The lines work as they are printed.
func welcome(out io.Writer, api, aws, aligo, time string) {
	endings := aligotest.Endings()
	fmt.Fprintf(out, `sms-api, on this machine only. Nothing is sent to anybody.

  API and inbox page       %[1]s
  AWS-compatible endpoint  %[2]s   (Step Functions, EventBridge, SQS, DynamoDB, S3, SSM, Lambda; region %[4]s, account %[5]s)
  Aligo stand-in           %[3]s   (what phones received: %[3]s/_standin/messages)

%[11]s
The credentials in %[6]s are the stand-in's: user %[7]s, sender number %[8]s.

An AlimTalk message, and what became of it:

  curl -sS -X POST %[1]s/v1/messages -H 'content-type: application/json' -d '{"template":"TX_1234","recipients":[{"to":"010-1234-5678","name":"홍길동","variables":{"주문번호":"A-17"}}]}'
  curl -sS %[3]s/_standin/messages

The same to a number that is not on KakaoTalk, which gets an SMS some seconds later:

  curl -sS -X POST %[1]s/v1/messages -H 'content-type: application/json' -d '{"template":"TX_1234","recipients":[{"to":"010-1234-0001","name":"홍길동","variables":{"주문번호":"A-18"}}]}'

The same from another service, and the way it took:

  export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=%[4]s AWS_ENDPOINT_URL=%[2]s
  aws events put-events --entries '[{"EventBusName":"%[9]s","Source":"shop","DetailType":"MessageRequested","Detail":"{\"template\":\"TX_1234\",\"idempotencyKey\":\"order-19\",\"recipients\":[{\"to\":\"010-1234-5678\",\"name\":\"홍길동\",\"variables\":{\"주문번호\":\"A-19\"}}]}"}]'
  aws stepfunctions list-executions --state-machine-arn %[10]s
  aws stepfunctions get-execution-history --execution-arn "$(aws stepfunctions list-executions --state-machine-arn %[10]s --query 'executions[0].executionArn' --output text)" --query 'events[].[type,stateEnteredEventDetails.name]' --output text

Whether Aligo can be reached, as on a stack that is deployed:

  aws lambda invoke --function-name sms-api-local-balance balance.json && cat balance.json

Numbers that end in %[12]s to %[13]s make one thing happen each; Ctrl-C ends it all.
`, api, aws, aligo, awsapi.Region, awsapi.Account, parameters.DefaultPrefix, aligotest.UserID, aligotest.Sender, system.BusName,
		"arn:aws:states:"+awsapi.Region+":"+awsapi.Account+":stateMachine:"+statemachine.Name, time, slices.Min(endings), slices.Max(endings))
}

// tellWebhooks says who is called, and who would be on a stack.
func tellWebhooks(out io.Writer, called, elsewhere []webhook.Webhook) {
	for _, w := range called {
		w = w.Complete("")
		fmt.Fprintf(out, "Webhook %s: %s go to %s, with %s: %s\n", w.Name, strings.Join(w.DetailTypes, ", "), w.URL, w.Header,
			system.WebhookSecret)
	}
	for _, w := range elsewhere {
		fmt.Fprintf(out, "Webhook %s is not called: it is not on this machine, and -webhooks is not set\n", w.Name)
	}
	if len(called)+len(elsewhere) > 0 {
		fmt.Fprintln(out)
	}
}

// systemTime is the time that sendAt and expiresAt are measured by.
func systemTime(now time.Time, speed float64) string {
	text := "It is " + now.UTC().Format(time.RFC3339) + " here"
	if speed == 1 {
		return text + "."
	}
	return text + ", and time runs " + strconv.FormatFloat(speed, 'g', -1, 64) +
		" times as fast as the wall's from now on: sendAt and expiresAt are of this time."
}
