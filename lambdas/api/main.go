// Command api is the Lambda function behind the HTTP API (payload format 2.0).
package main

import (
	"sms-api/internal/apigateway"
	"sms-api/internal/function"
)

func main() {
	e := function.FromEnvironment("api")
	e.Start(&apigateway.Handler{HTTP: e.API(apigateway.Identifier(e.Policy().Frontend)).Handler(), Log: e.Log})
}
