package stack

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/smithy-go"

	"sms-api/console/page"
)

// The types of problems that come from here. The page has words for each.
const (
	typeNotAllowed = page.ProblemType + "not-allowed"
	typeThrottled  = page.ProblemType + "throttled"
	typeExpired    = page.ProblemType + "session-expired"
	typeNobody     = page.ProblemType + "no-credentials"
	typeNoStack    = page.ProblemType + "stack-not-found"
	typeNoToken    = page.ProblemType + "token-needed"
	typeOffline    = page.ProblemType + "unreachable"
	typeOlder      = page.ProblemType + "stack-older"
	typeReason     = page.ProblemType + "reason-missing"
)

func problem(status int, kind, title, detail string) *page.ProblemError {
	return &page.ProblemError{Type: kind, Title: title, Status: status, Detail: detail}
}

// explained is an error of AWS's as a problem that says what to do. Errors that nobody has described stay as they are.
func explained(err error) error {
	if err == nil {
		return nil
	}
	var done *page.ProblemError
	var api smithy.APIError
	var sso *ssocreds.InvalidTokenError
	var network net.Error
	switch {
	case errors.As(err, &done):
		return done
	case errors.As(err, &sso):
		return expired()
	case errors.As(err, &api):
		if p := known(api.ErrorCode(), called(err)); p != nil {
			return p
		}
		return err
	case errors.Is(err, context.Canceled):
		return err
	case strings.Contains(err.Error(), "get credentials") || strings.Contains(err.Error(), "refresh cached credentials"):
		return problem(http.StatusUnauthorized, typeNobody, "There are no AWS credentials",
			"sign in, such as with aws sso login, and set AWS_PROFILE; or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	case errors.As(err, &network):
		return problem(http.StatusBadGateway, typeOffline, "AWS cannot be reached", "check the network and -region")
	}
	return err
}

func expired() *page.ProblemError {
	return problem(http.StatusUnauthorized, typeExpired, "The AWS session has expired",
		"sign in again, such as with aws sso login; the page goes on by itself then")
}

// called is the operation that has failed in the words of a policy, such as sqs:ReceiveMessage.
func called(err error) string {
	var operation *smithy.OperationError
	if !errors.As(err, &operation) {
		return ""
	}
	name := operation.Operation()
	switch operation.Service() {
	case "SFN":
		return "states:" + name
	case "ApiGatewayV2":
		return "apigateway:GET"
	case "Lambda":
		return "lambda:" + strings.Replace(name, "Invoke", "InvokeFunction", 1)
	}
	return strings.ToLower(operation.Service()) + ":" + name
}

// known is what a code of AWS's means; nil when that says nothing.
func known(code, operation string) *page.ProblemError {
	switch code {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "AuthorizationErrorException":
		return notAllowed(operation)
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId", "UnrecognizedClientException":
		return expired()
	case "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded", "RequestThrottled":
		return throttled()
	case "StateMachineDoesNotExist", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "ResourceNotFoundException":
		return notThere()
	}
	return nil
}

func notThere() *page.ProblemError {
	return problem(http.StatusNotFound, typeNoStack, "The stack does not have this",
		"it is not deployed with these names, or not in this account: check -stack and -region")
}

// isMissing says that an error is about something that is not there.
func isMissing(err error) bool {
	var p *page.ProblemError
	return errors.As(err, &p) && p.Status == http.StatusNotFound
}

func notAllowed(operation string) *page.ProblemError {
	p := problem(http.StatusForbidden, typeNotAllowed, "You may not do this", "the policies of the documentation have the right for it")
	if operation != "" {
		p.Right = operation
		p.Detail = "it needs the right " + operation + ", which the policy for operators has"
	}
	return p
}

func throttled() *page.ProblemError {
	return problem(http.StatusTooManyRequests, typeThrottled, "AWS asks to slow down", "wait some seconds and try again")
}
