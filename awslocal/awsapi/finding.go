package awsapi

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/google/uuid"
)

// httpAPI is an HTTP API as GetApis lists it.
type httpAPI struct {
	APIEndpoint              string `json:"apiEndpoint"`
	APIID                    string `json:"apiId"`
	Name                     string `json:"name"`
	ProtocolType             string `json:"protocolType"`
	RouteSelectionExpression string `json:"routeSelectionExpression"`
}

// HTTPAPI has an HTTP API listed under a name. Who answers there is no concern of the endpoint's.
func (e *Endpoint) HTTPAPI(name, url string) {
	e.found.Lock()
	defer e.found.Unlock()
	e.apis = append(e.apis, httpAPI{url, name, name, "HTTP", "$request.method $request.path"})
}

// identity is the answer of GetCallerIdentity.
type identity struct {
	XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
	ARN     string   `xml:"GetCallerIdentityResult>Arn"`
	UserID  string   `xml:"GetCallerIdentityResult>UserId"`
	Account string   `xml:"GetCallerIdentityResult>Account"`
	Request string   `xml:"ResponseMetadata>RequestId"`
}

// find answers what whoever looks for a stack asks of services that there are not here otherwise: who asks, where its HTTP API is, and
// what rings, which is nothing ever. False is that it is another request.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
// https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html
// https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
func (e *Endpoint) find(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/v2/apis":
		e.found.Lock()
		defer e.found.Unlock()
		writeJSON(w, "application/json", http.StatusOK, map[string][]httpAPI{"items": append([]httpAPI{}, e.apis...)})
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/operation/DescribeAlarms"):
		w.Header().Set("Content-Type", "application/cbor")
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		_, _ = w.Write(cbor.Encode(cbor.Map{"MetricAlarms": cbor.List{}}))
	case r.Method == http.MethodPost && r.URL.Path == "/" &&
		strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		w.Header().Set("Content-Type", "text/xml")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if action := r.PostFormValue("Action"); action != "GetCallerIdentity" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprint(w, "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code>"+
				"<Message>The local endpoint has no such action.</Message></Error></ErrorResponse>")
			return true
		}
		_ = xml.NewEncoder(w).Encode(identity{
			ARN: "arn:aws:iam::" + Account + ":root", UserID: Account, Account: Account, Request: uuid.NewString(),
		})
	default:
		return false
	}
	return true
}
