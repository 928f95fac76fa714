package apigateway

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"sms-api/internal/intake"
)

// Identify says who makes a request where no role of IAM is a frontend's; see Identifier.
func Identify(r *http.Request) (intake.Caller, error) {
	return Identifier(func(string) bool { return false })(r)
}

// Identifier takes the caller from what API Gateway's authorizer has found out: the JWT's subject or client, or else the
// IAM principal. Nothing in the request's own headers counts. frontend says of a principal's ARN whether that is a role in
// somebody's browser or telephone.
func Identifier(frontend func(arn string) bool) func(*http.Request) (intake.Caller, error) {
	return func(r *http.Request) (intake.Caller, error) { return identify(r, frontend) }
}

func identify(r *http.Request, frontend func(arn string) bool) (intake.Caller, error) {
	gateway, ok := r.Context().Value(gatewayKey{}).(events.APIGatewayV2HTTPRequestContext)
	if !ok || gateway.Authorizer == nil {
		return intake.Caller{}, errors.New("the request did not come through an authorizer")
	}
	switch {
	case gateway.Authorizer.JWT != nil:
		return fromJWT(gateway.Authorizer.JWT)
	case gateway.Authorizer.IAM != nil:
		return fromIAM(gateway.Authorizer.IAM, frontend)
	}
	return intake.Caller{}, errors.New("the authorizer is neither JWT nor IAM")
}

// scopePrefix is what Amazon Cognito puts before the scopes of a resource server with the identifier sms-api.
const scopePrefix = "sms-api/"

func fromJWT(jwt *events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription) (intake.Caller, error) {
	subject := jwt.Claims["sub"]
	if subject == "" {
		subject = jwt.Claims["client_id"]
	}
	if subject == "" {
		return intake.Caller{}, errors.New("the token has neither sub nor client_id")
	}
	c := intake.Caller{ID: "jwt:" + subject}
	// API Gateway lists the scopes only where a route asks for some. RFC 9068 has them in "scope", separated by spaces;
	// Okta and Entra in "scp", as an array, which API Gateway prints in brackets.
	scopes := slices.Concat(jwt.Scopes, strings.Fields(jwt.Claims["scope"]), strings.Fields(strings.Trim(jwt.Claims["scp"], "[]")))
	for _, s := range scopes {
		c.Scopes = append(c.Scopes, strings.TrimPrefix(s, scopePrefix))
	}
	return c, nil
}

// fromIAM makes a caller of a principal that has signed its request. A principal of the account is a service that its
// IAM policy trusts with the API; an identity of a Cognito identity pool is somebody's browser or telephone, and so is a
// session of a frontend's role. Of the sessions of a role nothing tells one from another that they have not chosen
// themselves, so that those of a frontend's are one caller, too.
func fromIAM(
	iam *events.APIGatewayV2HTTPRequestContextAuthorizerIAMDescription, frontend func(arn string) bool,
) (intake.Caller, error) {
	if id := iam.CognitoIdentity.IdentityID; id != "" {
		return intake.Caller{ID: "cognito:" + id, Scopes: frontends()}, nil
	}
	if iam.UserARN == "" {
		return intake.Caller{}, errors.New("the signature has no principal")
	}
	c := intake.Caller{ID: "iam:" + principal(iam.UserARN), Scopes: intake.Scopes()}
	if frontend(iam.UserARN) {
		c.Scopes = frontends()
	}
	return c, nil
}

// frontends are the scopes of a caller that has no token to say them.
func frontends() []string { return []string{intake.ScopeSend, intake.ScopeRead} }

// principal cuts the session off an assumed role, arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION: each instance of a
// service has its own, and they are one caller.
func principal(arn string) string {
	before, after, ok := strings.Cut(arn, ":assumed-role/")
	if !ok {
		return arn
	}
	role, _, _ := strings.Cut(after, "/")
	return before + ":assumed-role/" + role
}
