package stack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"sms-api/console/page"
)

// recorded is an AWS that answers every call with the same recorded answer.
func recorded(t *testing.T, status int, contentType, body string) (aws.Config, string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return somebody(server), server.URL
}

// somebody asks an AWS, with credentials of theirs.
func somebody(cloud *httptest.Server) aws.Config {
	return aws.Config{
		Region: "ap-northeast-2", BaseEndpoint: &cloud.URL, HTTPClient: cloud.Client(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "secret"}, nil
		}),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// prod is the stack in an AWS.
func prod(cloud *httptest.Server) *Stack { return New(somebody(cloud), "prod", "123456789012", nil) }

// What AWS answers, and what the page says to it.
func TestEachRefusalSaysWhatToDo(t *testing.T) {
	t.Parallel()
	const jsonType, apiType = "application/x-amz-json-1.0", "application/json"
	failed := func(s *Stack) error { _, err := s.Failed(t.Context()); return err }
	letters := func(s *Stack) error { _, err := s.Letters(t.Context()); return err }
	names := func(s *Stack) error { _, err := s.ParameterNames(t.Context()); return err }
	deployed := func(s *Stack) error { _, err := s.Deployed(t.Context()); return err }
	message := func(s *Stack) error { _, err := s.API.Message(t.Context(), "x"); return err }
	cancel := func(s *Stack) error { _, err := s.API.Cancel(t.Context(), "x"); return err }
	for name, c := range map[string]struct {
		status            int
		contentType, body string
		do                func(*Stack) error
		kind, says        string
	}{
		"no right for executions": {
			400, jsonType, `{"__type":"AccessDeniedException","Message":"User: arn:aws:sts::1:assumed-role/support/kim is not authorized"}`, failed,
			"not-allowed", "states:ListExecutions",
		},
		"no right for the queue": {
			403, jsonType, `{"__type":"com.amazon.coral.service#AccessDeniedException","message":"User is not authorized"}`, letters,
			"not-allowed", "sqs:GetQueueUrl",
		},
		"no right for parameters": {
			400, jsonType, `{"__type":"AccessDeniedException","Message":"User is not authorized"}`, names, "not-allowed", "ssm:DescribeParameters",
		},
		"no right for the functions' configuration": {
			403, jsonType, `{"__type":"AccessDeniedException","Message":"User is not authorized"}`, deployed, "not-allowed",
			"lambda:GetFunctionConfiguration",
		},
		"no function at all": {
			404, jsonType, `{"__type":"ResourceNotFoundException","Message":"Function not found"}`, deployed, "stack-not-found", "-stack",
		},
		"no right for a route": {403, apiType, `{"message":"Forbidden"}`, cancel, "not-allowed", "execute-api:Invoke on DELETE /v1/messages/x"},
		"throttled by Step Functions": {
			400, jsonType, `{"__type":"ThrottlingException","message":"Rate exceeded"}`, failed, "throttled", "wait",
		},
		"throttled by API Gateway": {429, apiType, `{"message":"Too Many Requests"}`, message, "throttled", "wait"},
		"a session that is over": {
			400, jsonType, `{"__type":"ExpiredTokenException","message":"The security token included in the request is expired"}`, failed,
			"session-expired", "aws sso login",
		},
		"a session that is over, at the API": {
			403, apiType, `{"message":"The security token included in the request is expired"}`, message, "session-expired", "aws sso login",
		},
		"a stack that is not there": {
			400, jsonType, `{"__type":"StateMachineDoesNotExist","message":"State Machine Does Not Exist"}`, failed, "stack-not-found", "-region",
		},
		"a queue that is not there": {
			400, jsonType, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}`, letters,
			"stack-not-found", "-stack",
		},
		"an API that takes tokens": {401, apiType, `{"message":"Unauthorized"}`, message, "token-needed", "SMS_API_TOKEN"},
		"a stack from before":      {404, apiType, `{"message":"Not Found"}`, message, "stack-older", "pulumi up"},
		"a problem of the API's": {
			404, "application/problem+json",
			`{"type":"urn:sms-api:problem:message-not-found","title":"There is no such message","status":404,"detail":"gone"}`, message,
			"message-not-found", "gone",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, url := recorded(t, c.status, c.contentType, c.body)
			s := New(config, "prod", "123456789012",
				&API{URL: url, Region: config.Region, Credentials: config.Credentials, HTTP: config.HTTPClient, Now: time.Now})
			err := c.do(s)
			var p *page.ProblemError
			if !errors.As(err, &p) || p.Type != page.ProblemType+c.kind || !strings.Contains(p.Detail, c.says) {
				t.Errorf("it says %v, want a %s with %q", err, c.kind, c.says)
			}
		})
	}
}

func TestNobodyIsToldToSignIn(t *testing.T) {
	t.Parallel()
	config, _ := recorded(t, 200, "text/xml", "")
	config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no EC2 IMDS role found")
	})
	_, err := Find(t.Context(), config, "prod", "", "")
	var p *page.ProblemError
	if !errors.As(err, &p) || p.Type != typeNobody {
		t.Errorf("it says %v", err)
	}
}

// finding is an AWS in which there are two stacks, and whoever asks is known.
func finding(t *testing.T, apis string, status int) aws.Config {
	t.Helper()
	identity, err := os.ReadFile(filepath.Join("testdata", "identity.xml"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v2/apis") {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(apis))
			return
		}
		w.Header().Set("Content-Type", "text/xml")
		_, _ = w.Write(identity)
	}))
	t.Cleanup(server.Close)
	return somebody(server)
}

func TestAStackIsFoundByItsName(t *testing.T) {
	t.Parallel()
	const apis = `{"items":[{"name":"sms-api-dev","apiEndpoint":"https://dev.example"},` +
		`{"name":"sms-api-prod","apiEndpoint":"https://prod.example"}]}`
	s, err := Find(t.Context(), finding(t, apis, 200), "prod", "", "")
	if err != nil {
		t.Fatal(err)
	}
	if s.API.URL != "https://prod.example" || s.Who != "arn:aws:sts::123456789012:assumed-role/support/kim" ||
		s.StateMachine != "arn:aws:states:ap-northeast-2:123456789012:stateMachine:sms-api-prod-dispatch" {
		t.Errorf("it is %+v", s)
	}
	for name, c := range map[string]struct {
		config aws.Config
		url    string
		says   string
	}{
		"a name that no stack has": {finding(t, apis, 200), "", "there are dev, prod"},
		"no right to look":         {finding(t, `{"message":"no","__type":"AccessDeniedException"}`, 403), "", "-api https://"},
	} {
		_, err := Find(t.Context(), c.config, "production", c.url, "")
		var p *page.ProblemError
		if !errors.As(err, &p) || !strings.Contains(p.Detail, c.says) {
			t.Errorf("%s: it says %v, want %q", name, err, c.says)
		}
	}
	s, err = Find(t.Context(), finding(t, `{}`, 403), "prod", "https://api.example/", "")
	if err != nil || s.API.URL != "https://api.example" {
		t.Errorf("with the address of the API: %v", err)
	}
}

// The log of what operators did says that something was refused only when it was.
func TestResultOf(t *testing.T) {
	t.Parallel()
	of := func(status int) error {
		config, _ := recorded(t, status, "application/x-amz-json-1.0", `{"__type":"SomethingElse","message":"no"}`)
		_, err := sfn.NewFromConfig(config).StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: aws.String("arn")})
		return err
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	nobody := somebody(gone)
	gone.Close()
	_, lost := sfn.NewFromConfig(nobody).StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: aws.String("arn")})
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"nothing is wrong":         {nil, "done"},
		"the API says no":          {fmt.Errorf("cancel: %w", &page.ProblemError{Status: http.StatusConflict}), "refused"},
		"the API is broken":        {&page.ProblemError{Status: http.StatusBadGateway}, "unknown"},
		"AWS says no":              {of(http.StatusBadRequest), "refused"},
		"AWS says no, explained":   {explained(of(http.StatusForbidden)), "refused"},
		"AWS is broken":            {of(http.StatusInternalServerError), "unknown"},
		"nobody answers":           {lost, "unknown"},
		"nobody answers, in words": {explained(lost), "unknown"},
		"who asked has gone":       {context.Canceled, "unknown"},
	} {
		if got := resultOf(c.err); got != c.want {
			t.Errorf("%s: %s, want %s, of %v", name, got, c.want, c.err)
		}
	}
}
