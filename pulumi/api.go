package main

import (
	"encoding/json"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/apigatewayv2"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sms-api/internal/deployment"
	"sms-api/internal/intake/contract"
)

// httpAPI is the door for frontends.
type httpAPI struct {
	pulumi.ResourceState
	api      *apigatewayv2.Api
	logGroup *cloudwatch.LogGroup
	url      pulumi.StringOutput
	// target is what the DNS record of a domain of one's own points to; nil without one.
	target pulumi.StringPtrOutput
}

type httpAPIArgs struct {
	config   config
	key      encryptionKey
	function *function
}

func newHTTPAPI(ctx *pulumi.Context, name string, args httpAPIArgs, opts ...pulumi.ResourceOption) (*httpAPI, error) {
	config := args.config.api
	h := &httpAPI{}
	if err := ctx.RegisterComponentResource("sms-api:index:Api", name+"-api", h, opts...); err != nil {
		return nil, err
	}
	api := &apigatewayv2.ApiArgs{
		Name: pulumi.String(name), Description: pulumi.String("sms-api"), ProtocolType: pulumi.String("HTTP"),
		// With a domain of its own there is one way in.
		DisableExecuteApiEndpoint: pulumi.Bool(config.domainName != ""),
	}
	if len(config.corsOrigins) > 0 {
		rules := deployment.CrossOrigin()
		api.CorsConfiguration = apigatewayv2.ApiCorsConfigurationArgs{
			AllowOrigins:  pulumi.ToStringArray(config.corsOrigins),
			AllowMethods:  pulumi.ToStringArray(rules.Methods),
			AllowHeaders:  pulumi.ToStringArray(rules.Headers),
			ExposeHeaders: pulumi.ToStringArray(rules.Exposed),
			MaxAge:        pulumi.Int(int(rules.MaxAge.Seconds())),
		}
	}
	var err error
	if h.api, err = apigatewayv2.NewApi(ctx, name, api, childOf(h)); err != nil {
		return nil, err
	}
	routes, err := h.routes(ctx, name, args)
	if err != nil {
		return nil, err
	}
	if h.logGroup, err = newLogGroup(ctx, name+"-access", logGroupArgs{
		path: "/aws/vendedlogs/apigateway/" + name, days: args.config.logRetention, key: args.key,
	}, childOf(h)); err != nil {
		return nil, err
	}
	format, err := accessLogFormat()
	if err != nil {
		return nil, err
	}
	stage, err := apigatewayv2.NewStage(ctx, name, &apigatewayv2.StageArgs{
		ApiId: h.api.ID(), Name: pulumi.String("$default"), AutoDeploy: pulumi.Bool(true),
		AccessLogSettings: apigatewayv2.StageAccessLogSettingsArgs{DestinationArn: h.logGroup.Arn, Format: pulumi.String(format)},
		DefaultRouteSettings: apigatewayv2.StageDefaultRouteSettingsArgs{
			ThrottlingRateLimit: pulumi.Float64(config.throttleRate), ThrottlingBurstLimit: pulumi.Int(config.throttleBurst),
		},
		RouteSettings: readThrottles(config),
	}, childOf(h), pulumi.DependsOn(routes)) // AWS refuses settings of routes that are not there yet
	if err != nil {
		return nil, err
	}
	_, err = lambda.NewPermission(ctx, name+"-api", &lambda.PermissionArgs{
		Action: pulumi.String("lambda:InvokeFunction"), Function: args.function.Name, Principal: pulumi.String("apigateway.amazonaws.com"),
		// Any method and path of this API's only stage.
		SourceArn: pulumi.Sprintf("%s/$default/*", h.api.ExecutionArn).ToStringPtrOutput(),
	}, childOf(h))
	if err != nil {
		return nil, err
	}
	h.url = h.api.ApiEndpoint
	if config.domainName != "" {
		if err := h.domain(ctx, name, config, stage); err != nil {
			return nil, err
		}
	}
	return h, ctx.RegisterResourceOutputs(h, pulumi.Map{"url": h.url})
}

// readThrottles are the throttles of the routes that are polled.
func readThrottles(config apiConfig) apigatewayv2.StageRouteSettingArray {
	var all apigatewayv2.StageRouteSettingArray
	for _, operation := range contract.Operations() {
		if deployment.Polled(operation.Method, operation.Path) {
			all = append(all, apigatewayv2.StageRouteSettingArgs{
				RouteKey: pulumi.String(operation.Route()), ThrottlingRateLimit: pulumi.Float64(config.readThrottleRate),
				ThrottlingBurstLimit: pulumi.Int(min(2*config.readThrottleRate, maxBurst)),
			})
		}
	}
	return all
}

// maxBurst is the largest burst of an account:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
const maxBurst = 5000

// routes gives each operation of the OpenAPI document a route of its own, with a JWT authorizer or else with IAM's
// signatures. What the document does not call public is never open.
func (h *httpAPI) routes(ctx *pulumi.Context, name string, args httpAPIArgs) (routes []pulumi.Resource, err error) {
	config := args.config.api
	integration, err := apigatewayv2.NewIntegration(ctx, name, &apigatewayv2.IntegrationArgs{
		ApiId: h.api.ID(), IntegrationType: pulumi.String("AWS_PROXY"), IntegrationUri: args.function.InvokeArn.ToStringPtrOutput(),
		PayloadFormatVersion: pulumi.String("2.0"),
		// Long enough to hear the function out when it just makes it.
		TimeoutMilliseconds: pulumi.Int((args.config.functions[deployment.API].Timeout + 1) * 1000),
	}, childOf(h))
	if err != nil {
		return nil, err
	}
	var authorizer pulumi.StringPtrInput
	if config.jwtIssuer != "" {
		made, err := apigatewayv2.NewAuthorizer(ctx, name, &apigatewayv2.AuthorizerArgs{
			ApiId: h.api.ID(), Name: pulumi.String(name), AuthorizerType: pulumi.String("JWT"),
			IdentitySources: pulumi.ToStringArray([]string{"$request.header.Authorization"}),
			JwtConfiguration: apigatewayv2.AuthorizerJwtConfigurationArgs{
				Issuer: pulumi.String(config.jwtIssuer), Audiences: pulumi.ToStringArray(config.jwtAudience),
			},
		}, childOf(h))
		if err != nil {
			return nil, err
		}
		authorizer = made.ID().ToStringPtrOutput()
	}
	for _, operation := range contract.Operations() {
		route := &apigatewayv2.RouteArgs{
			ApiId: h.api.ID(), RouteKey: pulumi.String(operation.Route()),
			Target:        pulumi.Sprintf("integrations/%s", integration.ID()).ToStringPtrOutput(),
			OperationName: pulumi.String(operation.ID), AuthorizationType: pulumi.String("AWS_IAM"),
		}
		switch {
		case operation.Public:
			route.AuthorizationType = pulumi.String("NONE")
		case authorizer != nil:
			route.AuthorizationType, route.AuthorizerId = pulumi.String("JWT"), authorizer
			route.AuthorizationScopes = pulumi.ToStringArray(tokenScopes(operation.Scopes))
		}
		made, err := apigatewayv2.NewRoute(ctx, name+"-"+operation.ID, route, childOf(h))
		if err != nil {
			return nil, err
		}
		routes = append(routes, made)
	}
	return routes, nil
}

// tokenScopes are scopes as they stand in tokens: Amazon Cognito puts the resource server's identifier before them.
func tokenScopes(scopes []string) []string {
	var all []string
	for _, scope := range scopes {
		all = append(all, scope, "sms-api/"+scope)
	}
	return all
}

// domain puts the API under a name of one's own. The DNS record is made by whoever has the zone.
func (h *httpAPI) domain(ctx *pulumi.Context, prefix string, config apiConfig, stage *apigatewayv2.Stage) error {
	name, err := apigatewayv2.NewDomainName(ctx, prefix, &apigatewayv2.DomainNameArgs{
		DomainName: pulumi.String(config.domainName),
		DomainNameConfiguration: apigatewayv2.DomainNameDomainNameConfigurationArgs{
			CertificateArn: pulumi.String(config.certificateARN), EndpointType: pulumi.String("REGIONAL"), SecurityPolicy: pulumi.String("TLS_1_2"),
		},
	}, childOf(h))
	if err != nil {
		return err
	}
	_, err = apigatewayv2.NewApiMapping(ctx, prefix, &apigatewayv2.ApiMappingArgs{
		ApiId: h.api.ID(), DomainName: name.DomainName, Stage: stage.Name,
	}, childOf(h))
	h.url = pulumi.Sprintf("https://%s", name.DomainName)
	h.target = name.DomainNameConfiguration.TargetDomainName()
	return err
}

// accessLogFormat is what is written of each request: no body, no header, no query.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
func accessLogFormat() (string, error) {
	format, err := json.Marshal(map[string]string{
		"requestId": "$context.requestId", "time": "$context.requestTime", "ip": "$context.identity.sourceIp",
		"routeKey": "$context.routeKey", "status": "$context.status", "latency": "$context.responseLatency",
		"integrationLatency": "$context.integrationLatency", "subject": "$context.authorizer.claims.sub",
		"error": "$context.error.message", "authorizerError": "$context.authorizer.error", "integrationError": "$context.integrationErrorMessage",
	})
	return string(format), err
}
