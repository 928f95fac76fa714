// Package awsenv builds the configuration of the AWS SDK from the environment that Lambda gives to a function. The SDK's
// own loader also brings the instance metadata service, SSO and shared files, which a function never uses and which
// cost megabytes of binary and milliseconds of each cold start.
package awsenv

import (
	"context"
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// ErrEnvironment says that a variable which Lambda always sets is missing.
var ErrEnvironment = errors.New("AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set")

// CallTimeout is how long one attempt of a call may take. A function has seconds: a call that hangs must fail while there is
// time to try again.
const CallTimeout = 5 * time.Second

// Config reads AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and, if it is set,
// AWS_ENDPOINT_URL, which sends every service's calls to one address.
// See https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.
func Config() (aws.Config, error) {
	region, id, secret := os.Getenv("AWS_REGION"), os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
	if region == "" || id == "" || secret == "" {
		return aws.Config{}, ErrEnvironment
	}
	return New(region, aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: os.Getenv("AWS_SESSION_TOKEN"),
		Source: "environment"},
		os.Getenv("AWS_ENDPOINT_URL")), nil
}

// New is the configuration for these credentials; endpoint is empty for AWS itself.
func New(region string, credentials aws.Credentials, endpoint string) aws.Config {
	c := aws.Config{
		Region:      region,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }),
		HTTPClient:  &http.Client{Timeout: CallTimeout},
		Retryer:     func() aws.Retryer { return retry.NewStandard() },
	}
	if endpoint != "" {
		c.BaseEndpoint = aws.String(endpoint)
	}
	return c
}
