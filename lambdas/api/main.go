// Command api is the Lambda function behind the HTTP API (payload format 2.0).
package main

import (
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"

	"sms-api/internal/intake"
	"sms-api/internal/wiring"
)

func main() {
	e := wiring.FromEnvironment("api")
	e.Start(httpadapter.NewV2(newAPI(e).Handler()).ProxyWithContext)
}

func newAPI(e *wiring.Environment) *intake.API {
	client, templates := e.Aligo()
	return &intake.API{
		Executions: e.Outcomes(), Identify: identify, UntrustedMaxRecipients: e.UntrustedMaxRecipients(), Templates: templates,
		Wallet: client, Now: e.Now, Log: e.Log,
	}
}
