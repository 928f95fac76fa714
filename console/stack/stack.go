// Package stack is a deployed stack as the people see it who look after it, with AWS credentials of their own: its messages
// through the signed HTTP API, and what only operators may do through AWS's. It stores nothing.
package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"sms-api/console/page"
)

// project is what the names of every stack's resources begin with.
const project = "sms-api"

// Stack is a deployed stack. Names are those that the Pulumi program gives.
type Stack struct {
	// Name is the stack's, such as prod, and Region where it is.
	Name, Region string
	// Who is the ARN of whoever looks, for the log.
	Who string
	// StateMachine is the ARN of the state machine, DeadLetters the name of the queue, Functions what the names of functions
	// begin with, Alarms what those of alarms begin with, and Parameters the path of the credentials.
	StateMachine, DeadLetters, Functions, Alarms, Parameters string
	// API answers for messages.
	API *API
	// Now is the clock by which the stack runs, and Sleep waits by it.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error

	executions *sfn.Client
	queues     *sqs.Client
	functions  *lambda.Client
	parameters *ssm.Client
	alarms     *cloudwatch.Client

	// reading is held while the queue is read.
	reading sync.Mutex

	mu       sync.Mutex
	queueURL string
	// deployed is what ran at deployedAt.
	deployed   Deployed
	deployedAt time.Time
	// templates are those that Aligo had at templatesAt.
	templates   []TemplateState
	templatesAt time.Time
	// seen are the dead letters that were read a moment ago, so that nobody else is given them.
	seen map[string]DeadLetter
}

// New is a stack with the usual names, in an account.
func New(config aws.Config, name, account string, api *API) *Stack {
	prefix := project + "-" + name
	return &Stack{
		Name: name, Region: config.Region,
		StateMachine: fmt.Sprintf("arn:aws:states:%s:%s:stateMachine:%s-dispatch", config.Region, account, prefix),
		DeadLetters:  prefix + "-dead-letters", Functions: prefix + "-", Alarms: prefix + "-",
		Parameters: "/" + project + "/" + name + "/aligo", API: api, Now: time.Now, Sleep: sleep,
		executions: sfn.NewFromConfig(config), queues: sqs.NewFromConfig(config), functions: lambda.NewFromConfig(config),
		parameters: ssm.NewFromConfig(config), alarms: cloudwatch.NewFromConfig(config),
	}
}

// sleep waits by the machine's clock.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Find finds a stack by the name that its API has. With the address of the API nothing is looked for: that needs no right but
// that to call it. Errors are *page.ProblemError and say what to do.
func Find(ctx context.Context, config aws.Config, name, apiURL, token string) (*Stack, error) {
	api := &API{URL: strings.TrimSuffix(apiURL, "/"), Region: config.Region, Credentials: config.Credentials, Token: token,
		HTTP: config.HTTPClient, Now: time.Now}
	me, err := sts.NewFromConfig(config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, explained(err)
	}
	if api.URL == "" {
		if api.URL, err = find(ctx, apigatewayv2.NewFromConfig(config), name, config.Region); err != nil {
			return nil, err
		}
	}
	s := New(config, name, aws.ToString(me.Account), api)
	s.Who = aws.ToString(me.Arn)
	return s, nil
}

// find is the address of the stack's API.
func find(ctx context.Context, client *apigatewayv2.Client, name, region string) (string, error) {
	in := &apigatewayv2.GetApisInput{}
	var others []string
	for {
		out, err := client.GetApis(ctx, in)
		var p *page.ProblemError
		switch err := explained(err); {
		case errors.As(err, &p) && p.Type == typeNotAllowed:
			p.Detail += "; or give the address of the API, which pulumi stack output apiUrl tells: -api https://…"
			return "", p
		case err != nil:
			return "", err
		}
		for _, api := range out.Items {
			if aws.ToString(api.Name) == project+"-"+name {
				return aws.ToString(api.ApiEndpoint), nil
			}
			if other, ok := strings.CutPrefix(aws.ToString(api.Name), project+"-"); ok {
				others = append(others, other)
			}
		}
		if out.NextToken == nil {
			break
		}
		in.NextToken = out.NextToken
	}
	slices.Sort(others)
	p := problem(404, typeNoStack, "There is no stack "+name+" in "+region,
		"check -stack, -region and the account that the credentials are for")
	if len(others) > 0 {
		p.Detail = "there are " + strings.Join(others, ", ") + ": " + p.Detail
	}
	return "", p
}

// System is what the page has to know of the stack.
func (s *Stack) System() page.System {
	return page.System{Name: s.Name, Region: s.Region, StateMachineARN: s.StateMachine, Speed: 1, Now: s.Now()}
}

// link is a place in AWS's console.
func (s *Stack) link(format string, values ...any) string {
	return "https://" + s.Region + ".console.aws.amazon.com/" + fmt.Sprintf(format, values...)
}
