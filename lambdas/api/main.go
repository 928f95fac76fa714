// Command api is the Lambda function behind the HTTP API (payload format 2.0).
package main

import (
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"

	"sms-api/internal/wiring"
)

func main() {
	e := wiring.FromEnvironment("api")
	e.Start(httpadapter.NewV2(e.API(identify).Handler()).ProxyWithContext)
}
