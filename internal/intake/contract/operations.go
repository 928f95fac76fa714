// Code generated from openapi.json by go test ./internal/intake/contract -update; DO NOT EDIT.

package contract

// Operations lists the operations of the OpenAPI document, in the order of paths.
func Operations() []Operation {
	return []Operation{
		{ID: "getBalance", Method: "GET", Path: "/v1/balance", Scopes: []string{"messages:text"}},
		{ID: "listCampaigns", Method: "GET", Path: "/v1/campaigns", Scopes: []string{"campaigns:send", "messages:admin"}},
		{ID: "createCampaign", Method: "POST", Path: "/v1/campaigns", Scopes: []string{"campaigns:send"}},
		{ID: "getCampaign", Method: "GET", Path: "/v1/campaigns/{id}", Scopes: []string{"campaigns:send", "messages:admin"}},
		{ID: "cancelCampaign", Method: "POST", Path: "/v1/campaigns/{id}/cancel", Scopes: []string{"campaigns:send", "messages:admin"}},
		{ID: "pauseCampaign", Method: "POST", Path: "/v1/campaigns/{id}/pause", Scopes: []string{"campaigns:send", "messages:admin"}},
		{ID: "getCampaignReport", Method: "GET", Path: "/v1/campaigns/{id}/report", Scopes: []string{"campaigns:send", "messages:admin"}},
		{ID: "resumeCampaign", Method: "POST", Path: "/v1/campaigns/{id}/resume", Scopes: []string{"campaigns:send", "messages:admin"}},
		{ID: "startCampaign", Method: "POST", Path: "/v1/campaigns/{id}/start", Scopes: []string{"campaigns:send", "messages:admin"}},
		{ID: "getLimits", Method: "GET", Path: "/v1/limits", Scopes: []string{"messages:admin"}},
		{ID: "resetLimits", Method: "DELETE", Path: "/v1/limits", Scopes: []string{"messages:admin"}},
		{ID: "listMessages", Method: "GET", Path: "/v1/messages", Scopes: []string{"messages:read", "messages:admin"}},
		{ID: "sendMessage", Method: "POST", Path: "/v1/messages", Scopes: []string{"messages:send"}},
		{ID: "getMessage", Method: "GET", Path: "/v1/messages/{id}", Scopes: []string{"messages:read", "messages:admin"}},
		{ID: "cancelMessage", Method: "DELETE", Path: "/v1/messages/{id}", Scopes: []string{"messages:send", "messages:admin"}},
		{ID: "getWay", Method: "GET", Path: "/v1/messages/{id}/way", Scopes: []string{"messages:admin"}},
		{ID: "getContract", Method: "GET", Path: "/v1/openapi.json", Public: true},
		{ID: "listOptOuts", Method: "GET", Path: "/v1/opt-outs", Scopes: []string{"messages:admin"}},
		{ID: "getOptOut", Method: "GET", Path: "/v1/opt-outs/{number}", Scopes: []string{"messages:admin"}},
		{ID: "optOut", Method: "PUT", Path: "/v1/opt-outs/{number}", Scopes: []string{"messages:admin"}},
		{ID: "optIn", Method: "DELETE", Path: "/v1/opt-outs/{number}", Scopes: []string{"messages:admin"}},
		{ID: "previewMessage", Method: "POST", Path: "/v1/previews", Scopes: []string{"messages:send"}},
		{ID: "eraseRecipient", Method: "DELETE", Path: "/v1/recipients/{number}", Scopes: []string{"messages:admin"}},
		{ID: "listTemplates", Method: "GET", Path: "/v1/templates", Scopes: []string{"messages:send"}},
		{ID: "getTemplate", Method: "GET", Path: "/v1/templates/{code}", Scopes: []string{"messages:send"}},
	}
}
