// Package function is what a function of Lambda's has and the same function in another's process has not: its environment, and the SDK's
// client for Parameter Store. That client takes longer to compile than anything else here, for one operation of 150, so what runs on a
// developer's machine does without it: nothing that it is compiled of may import this package.
package function

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"sms-api/internal/parameters"
	"sms-api/internal/wiring"
)

// FromEnvironment is wiring.FromEnvironment with parameters from Parameter Store.
func FromEnvironment(name string) *wiring.Environment {
	return wiring.FromEnvironment(name, Parameters)
}

// Parameters reads from Parameter Store.
func Parameters(config aws.Config) parameters.Reader {
	client := sync.OnceValue(func() *ssm.Client { return ssm.NewFromConfig(config) }) // some functions read none
	return func(ctx context.Context, names []string) (map[string]string, error) {
		out, err := client().GetParameters(ctx, &ssm.GetParametersInput{Names: names, WithDecryption: aws.Bool(true)})
		if err != nil {
			return nil, fmt.Errorf("ask Parameter Store: %w", err)
		}
		values := map[string]string{}
		for _, p := range out.Parameters {
			values[aws.ToString(p.Name)] = aws.ToString(p.Value)
		}
		return values, nil
	}
}
