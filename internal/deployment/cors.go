package deployment

import "time"

// CORS is what pages of other origins may do with the HTTP API, from the origins that api:corsOrigins lists. API Gateway
// answers for it, before any function is called.
//
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
type CORS struct {
	// Methods and Headers are what a request may have, Exposed the headers of the answer that a page may read.
	Methods, Headers, Exposed []string
	// MaxAge is how long a browser may remember it.
	MaxAge time.Duration
}

// CrossOrigin is the CORS of the API.
func CrossOrigin() CORS {
	return CORS{
		Methods: []string{"DELETE", "GET", "POST", "PUT"},
		Headers: []string{"authorization", "content-type", "idempotency-key", "if-none-match"},
		Exposed: []string{"location", "etag", "retry-after", "idempotent-replayed"},
		MaxAge:  10 * time.Minute,
	}
}
