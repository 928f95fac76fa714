package apigateway_test

import (
	"log/slog"
	"net/http"
	"slices"
	"testing"

	"sms-api/internal/apigateway"
	"sms-api/internal/intake"
)

// who hands an event over, as Lambda does, and tells who made the request.
func who(t *testing.T, event string) (intake.Caller, error) {
	t.Helper()
	var caller intake.Caller
	var failure error
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, failure = apigateway.Identifier(func(arn string) bool {
			return arn == "arn:aws:sts::000000000000:assumed-role/web-app/session"
		})(r)
		w.WriteHeader(http.StatusNoContent)
	})
	h := &apigateway.Handler{HTTP: handler, Log: slog.New(slog.DiscardHandler)}
	if _, err := h.Invoke(t.Context(), []byte(event)); err != nil {
		t.Fatal(err)
	}
	return caller, failure
}

// request is an event of API Gateway in payload format 2.0.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
func request(authorizer string) string {
	return `{"version":"2.0","routeKey":"GET /v1/templates","rawPath":"/v1/templates","headers":{"x-test-caller":"forged",` +
		`"authorization":"Bearer forged"},
		"requestContext":{"http":{"method":"GET","path":"/v1/templates"}` + authorizer + `}}`
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	all := []string{"messages:send", "messages:read", "messages:text", "campaigns:send", "messages:admin"}
	for _, c := range []struct {
		name, authorizer string
		want             string
		scopes           []string
	}{
		{
			name: "a person",
			authorizer: `,"authorizer":{"jwt":{"claims":{"sub":"11-22","client_id":"web","scope":"openid messages:send ` +
				`messages:read"},"scopes":null}}`,
			want: "jwt:11-22", scopes: []string{"openid", "messages:send", "messages:read"},
		},
		{
			name: "a client of Cognito",
			authorizer: `,"authorizer":{"jwt":{"claims":{"client_id":"orders","scope":"sms-api/messages:send ` +
				`sms-api/messages:text"},"scopes":["sms-api/messages:send"]}}`,
			want: "jwt:orders", scopes: []string{"messages:send", "messages:send", "messages:text"},
		},
		{
			name:       "a scope of another resource server",
			authorizer: `,"authorizer":{"jwt":{"claims":{"sub":"1","scope":"other/messages:text"},"scopes":null}}`,
			want:       "jwt:1", scopes: []string{"other/messages:text"},
		},
		{
			name:       "an array of scopes",
			authorizer: `,"authorizer":{"jwt":{"claims":{"sub":"1","scp":"[messages:send messages:read]"},"scopes":null}}`,
			want:       "jwt:1", scopes: []string{"messages:send", "messages:read"},
		},
		{
			name: "a role",
			authorizer: `,"authorizer":{"iam":{"accountId":"000000000000","userArn":"arn:aws:sts::000000000000:assumed-role/orders/i-0123",` +
				`"userId":"AROA:i-0123"}}`,
			want: "iam:arn:aws:sts::000000000000:assumed-role/orders", scopes: all,
		},
		{
			name:       "a user",
			authorizer: `,"authorizer":{"iam":{"accountId":"000000000000","userArn":"arn:aws:iam::000000000000:user/ops","userId":"AIDA"}}`,
			want:       "iam:arn:aws:iam::000000000000:user/ops", scopes: all,
		},
		{
			name: "an identity of a Cognito identity pool",
			authorizer: `,"authorizer":{"iam":{"userArn":"arn:aws:sts::000000000000:assumed-role/web/CognitoIdentityCredentials",
				"cognitoIdentity":{"amr":["unauthenticated"],"identityId":"ap-northeast-2:1","identityPoolId":"ap-northeast-2:2"}}}`,
			want: "cognito:ap-northeast-2:1", scopes: []string{"messages:send", "messages:read"},
		},
		{
			name:       "a frontend's role",
			authorizer: `,"authorizer":{"iam":{"accountId":"000000000000","userArn":"arn:aws:sts::000000000000:assumed-role/web-app/session"}}`,
			want:       "iam:arn:aws:sts::000000000000:assumed-role/web-app", scopes: []string{"messages:send", "messages:read"},
		},
		{name: "no authorizer"},
		{name: "an empty token", authorizer: `,"authorizer":{"jwt":{"claims":{"scope":"messages:send"},"scopes":null}}`},
		{name: "an empty signature", authorizer: `,"authorizer":{"iam":{"accountId":"000000000000"}}`},
		{name: "another authorizer", authorizer: `,"authorizer":{"lambda":{"sub":"1"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := who(t, request(c.authorizer))
			if got.ID != c.want || !slices.Equal(got.Scopes, c.scopes) || (err == nil) != (c.want != "") {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestRequestThatDidNotComeThroughAPIGateway(t *testing.T) {
	t.Parallel()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/templates", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := apigateway.Identify(r); err == nil {
		t.Errorf("got %+v", got)
	}
}
