package awsapi_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"sms-api/local/awsapi"
)

// clients are the AWS SDK's clients of an endpoint.
type clients struct {
	url    string
	states *sfn.Client
	events *eventbridge.Client
	ssm    *ssm.Client
}

// serve starts an endpoint on a port and gives the SDK's clients of it.
func serve(t *testing.T, o awsapi.Options) (*awsapi.Endpoint, clients) {
	t.Helper()
	endpoint := awsapi.New(o)
	server := httptest.NewServer(endpoint)
	t.Cleanup(func() {
		server.Close()
		if err := endpoint.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	config := aws.Config{
		Region: awsapi.Region, BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
	}
	return endpoint, clients{server.URL, sfn.NewFromConfig(config), eventbridge.NewFromConfig(config), ssm.NewFromConfig(config)}
}
