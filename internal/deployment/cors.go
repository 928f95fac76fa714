package deployment

import (
	"fmt"
	"net/url"
	"time"
)

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

// CheckOrigin returns what is wrong with one of the origins that api:corsOrigins lists. Anybody's pages are not among what it may say, nor
// is an origin that can be changed on its way, but on the developer's own machine.
func CheckOrigin(origin string) error {
	u, err := url.Parse(origin)
	local := err == nil && u.Scheme == "http" && u.Hostname() == "localhost"
	if err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host || u.Scheme != "https" && !local {
		return fmt.Errorf("%q is not an origin such as https://shop.example.com", origin)
	}
	return nil
}
