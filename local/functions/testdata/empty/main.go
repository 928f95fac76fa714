// Command empty is the smallest Lambda function in Go: what every function costs, whatever it does.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(context.Context) error { return nil })
}
