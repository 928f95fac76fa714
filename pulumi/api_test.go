package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// The routes of the contract with the scopes of which a token needs one.
func contractRoutes() map[string][]string {
	send, read, text := []string{"messages:send", "sms-api/messages:send"}, []string{"messages:read", "sms-api/messages:read"},
		[]string{"messages:text", "sms-api/messages:text"}
	admin, campaigns := []string{"messages:admin", "sms-api/messages:admin"}, []string{"campaigns:send", "sms-api/campaigns:send"}
	return map[string][]string{
		"POST /v1/messages":              send,
		"GET /v1/messages/{id}":          slices.Concat(read, admin),
		"GET /v1/messages/{id}/way":      admin,
		"GET /v1/messages":               slices.Concat(read, admin),
		"DELETE /v1/recipients/{number}": {"messages:admin", "sms-api/messages:admin"},
		"DELETE /v1/messages/{id}":       slices.Concat(send, admin),
		"POST /v1/previews":              send,
		"GET /v1/templates":              send,
		"GET /v1/templates/{code}":       send,
		"GET /v1/balance":                text,
		"GET /v1/limits":                 admin,
		"DELETE /v1/limits":              admin,
		"GET /v1/opt-outs":               admin,
		"GET /v1/opt-outs/{number}":      admin,
		"PUT /v1/opt-outs/{number}":      admin,
		"DELETE /v1/opt-outs/{number}":   admin,

		"POST /v1/campaigns":             campaigns,
		"GET /v1/campaigns":              slices.Concat(campaigns, admin),
		"GET /v1/campaigns/{id}":         slices.Concat(campaigns, admin),
		"GET /v1/campaigns/{id}/report":  slices.Concat(campaigns, admin),
		"POST /v1/campaigns/{id}/start":  slices.Concat(campaigns, admin),
		"POST /v1/campaigns/{id}/pause":  slices.Concat(campaigns, admin),
		"POST /v1/campaigns/{id}/resume": slices.Concat(campaigns, admin),
		"POST /v1/campaigns/{id}/cancel": slices.Concat(campaigns, admin),
	}
}

const openRoute = "GET /v1/openapi.json"

func TestRoutesWithTokens(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{"api:jwtIssuer": "https://issuer.example.com", "api:jwtAudience": `["shop"]`})
	authorizer := c.one(t, "apigatewayv2:Authorizer", "")
	same(t, "authorizer", []any{authorizer.at("authorizerType"), authorizer.at("identitySources"), authorizer.at("jwtConfiguration")},
		[]any{"JWT", []string{"$request.header.Authorization"}, map[string]any{"audiences": []string{"shop"},
			"issuer": "https://issuer.example.com"}})
	routes := map[string][]string{}
	for _, route := range c.all("apigatewayv2:Route") {
		key := route.text("routeKey")
		same(t, key+" leads to the function", route.at("target"), "integrations/"+c.one(t, "apigatewayv2:Integration", "").id)
		if key == openRoute {
			same(t, key, []any{route.at("authorizationType"), route.at("authorizerId"), route.at("authorizationScopes")}, []any{"NONE", nil, nil})
			continue
		}
		same(t, key, []any{route.at("authorizationType"), route.at("authorizerId")}, []any{"JWT", authorizer.id})
		routes[key] = route.texts("authorizationScopes")
	}
	same(t, "routes", routes, contractRoutes())
}

// TestNeverOpen: who forgets to configure an issuer gets an API that takes AWS signatures, not one that takes everybody.
func TestNeverOpen(t *testing.T) {
	t.Parallel()
	c := deployed(t, nil)
	same(t, "authorizers", len(c.all("apigatewayv2:Authorizer")), 0)
	signed := 0
	for _, route := range c.all("apigatewayv2:Route") {
		if route.text("routeKey") == openRoute {
			continue
		}
		signed++
		same(t, route.text("routeKey"), []any{route.at("authorizationType"), route.at("authorizationScopes")}, []any{"AWS_IAM", nil})
	}
	same(t, "signed routes", signed, len(contractRoutes()))
}

func TestAPI(t *testing.T) {
	t.Parallel()
	c := deployed(t, nil)
	api := c.one(t, "apigatewayv2:Api", "")
	same(t, "API", []any{api.at("protocolType"), api.at("corsConfiguration"), api.at("disableExecuteApiEndpoint")}, []any{"HTTP", nil, false})
	integration := c.one(t, "apigatewayv2:Integration", "")
	same(t, "integration", []any{integration.at("integrationType"), integration.at("integrationUri"), integration.at("payloadFormatVersion"),
		integration.at("timeoutMilliseconds")},
		[]any{"AWS_PROXY", "arn:aws:apigateway:ap-northeast-2:lambda:path/functions/" + arnOf("lambda:Function", "sms-api-dev-api") +
			"/invocations", "2.0", 11000})
	permission := c.one(t, "lambda:Permission", "api")
	same(t, "permission", []any{permission.at("function"), permission.at("principal"), permission.at("sourceArn")},
		[]any{"sms-api-dev-api", "apigateway.amazonaws.com", "arn:aws:execute-api:" + testRegion + ":" + testAccount + ":sms-api-dev/$default/*"})
	stage := c.one(t, "apigatewayv2:Stage", "")
	same(t, "stage", []any{stage.at("name"), stage.at("autoDeploy"), stage.at("defaultRouteSettings")},
		[]any{"$default", true, map[string]any{"throttlingBurstLimit": 40, "throttlingRateLimit": 20}})
	read := func(route string, rate int) map[string]any {
		return map[string]any{"routeKey": route, "throttlingRateLimit": rate, "throttlingBurstLimit": 2 * rate}
	}
	same(t, "throttling of reads", stage.at("routeSettings"), []any{
		read("GET /v1/campaigns/{id}", 500), read("GET /v1/messages", 500), read("GET /v1/messages/{id}", 500),
	})
	// AWS refuses a throttle of a route that is not there yet.
	for _, name := range []string{"listMessages", "getMessage", "getCampaign"} {
		waits(t, stage, "apigatewayv2/route:Route::sms-api-dev-"+name)
	}
	same(t, "access log", stage.at("accessLogSettings.destinationArn"), arnOf("cloudwatch:LogGroup", "/aws/vendedlogs/apigateway/sms-api-dev"))
	for name, variable := range parsed(t, stage.text("accessLogSettings.format")) {
		if text := variable.(string); !strings.HasPrefix(text, "$context.") || strings.Contains(strings.ToLower(text), "body") ||
			strings.Contains(text, ".path") {
			t.Errorf("the access log has %s: %s", name, text)
		}
	}
	same(t, "apiUrl", c.outputs["apiUrl"], "https://api.example.invalid")
}

func TestAPISettings(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{
		"api:corsOrigins": `["https://shop.example.com","http://localhost:5173"]`, "api:throttleRate": "100", "api:throttleBurst": "200",
		"api:readThrottleRate": "4000",
		"api:domainName":       "sms.example.com", "api:certificateArn": "arn:aws:acm:ap-northeast-2:111122223333:certificate/abc",
		"functions:api": `{"timeout":20}`,
	})
	cors := c.one(t, "apigatewayv2:Api", "").at("corsConfiguration").(map[string]any)
	methods := map[string]bool{}
	for route := range contractRoutes() {
		method, _, _ := strings.Cut(route, " ")
		methods[method] = true
	}
	same(t, "CORS", []any{cors["allowOrigins"], cors["allowMethods"], cors["allowCredentials"]},
		[]any{[]string{"https://shop.example.com", "http://localhost:5173"}, slices.Sorted(maps.Keys(methods)), nil})
	if headers := cors["allowHeaders"].([]any); !slices.Contains(headers, any("idempotency-key")) ||
		!slices.Contains(headers, any("authorization")) {
		t.Errorf("a frontend may send only %v", headers)
	}
	same(t, "a frontend may read", cors["exposeHeaders"], []string{"location", "etag", "retry-after", "idempotent-replayed"})
	same(t, "throttling", c.one(t, "apigatewayv2:Stage", "").at("defaultRouteSettings"),
		map[string]any{"throttlingBurstLimit": 200, "throttlingRateLimit": 100})
	for _, one := range c.one(t, "apigatewayv2:Stage", "").at("routeSettings").([]any) {
		same(t, "a burst of reads is no larger than an account's", one.(map[string]any)["throttlingBurstLimit"], 5000)
	}
	same(t, "the gateway hears the function out", c.one(t, "apigatewayv2:Integration", "").at("timeoutMilliseconds"), 21000)
	domain := c.one(t, "apigatewayv2:DomainName", "")
	same(t, "domain", []any{domain.at("domainName"), domain.at("domainNameConfiguration")}, []any{"sms.example.com",
		map[string]any{"certificateArn": "arn:aws:acm:ap-northeast-2:111122223333:certificate/abc", "endpointType": "REGIONAL",
			"securityPolicy": "TLS_1_2"}})
	mapping := c.one(t, "apigatewayv2:ApiMapping", "")
	same(t, "mapping", []any{mapping.at("apiId"), mapping.at("domainName"), mapping.at("stage")},
		[]any{c.one(t, "apigatewayv2:Api", "").id, "sms.example.com", "$default"})
	same(t, "the other way in is closed", c.one(t, "apigatewayv2:Api", "").at("disableExecuteApiEndpoint"), true)
	same(t, "apiUrl", c.outputs["apiUrl"], "https://sms.example.com")
}

// TestEventSchemas: each event that goes over the bus is described.
func TestEventSchemas(t *testing.T) {
	t.Parallel()
	found, err := eventSchemas()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, schema := range found {
		names = append(names, schema.name)
		if draft := parsed(t, schema.content)["$schema"]; draft != "http://json-schema.org/draft-04/schema#" {
			t.Errorf("%s: the registry takes no %v", schema.name, draft)
		}
	}
	same(t, "schemas", names, []string{
		"MessageRequested", "MessageAccepted", "MessageSettled", "MessageRejected", "RecipientOptedOut", "RecipientOptedIn",
		"CampaignPlanned", "CampaignSettled",
	})
}
