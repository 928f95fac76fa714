package awsapi

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/uuid"
	"github.com/sivchari/kumo/inprocess"

	"sms-api/awslocal/direct"
	"sms-api/awslocal/eventbus"
)

// buckets is S3, with the bucket's name as the first part of the path. The objects are github.com/sivchari/kumo's; what is here is
// what kumo does not do, or would pass over: the signatures of links, the lengths that are signed with them, requests of pages from
// other origins, and the events of what is put.
type buckets struct {
	endpoint *Endpoint
	kumo     http.Handler

	mu     sync.RWMutex
	byName map[string]BucketOptions
}

// BucketOptions is what a bucket is made with.
type BucketOptions struct {
	// Secrets are the secret access keys that links may be signed with, by their IDs. Other requests are not checked.
	Secrets map[string]string
	// Events says that the default event bus is told of objects that are created.
	Events bool
	// Origins are those whose pages may put and get objects, * for all, MaxAge for how long a browser may remember it.
	Origins []string
	MaxAge  time.Duration
}

// Bucket makes a bucket, or replaces how the one of this name is answered.
func (e *Endpoint) Bucket(name string, o BucketOptions) error {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPut, "/"+name, http.NoBody)
	if err != nil {
		return fmt.Errorf("make the bucket %s: %w", name, err)
	}
	if a := direct.Do(e.buckets.kumo, r); a.Status != http.StatusOK {
		return fmt.Errorf("make the bucket %s: status %d: %s", name, a.Status, a.Body.String())
	}
	e.buckets.mu.Lock()
	defer e.buckets.mu.Unlock()
	e.buckets.byName[name] = o
	return nil
}

func newBuckets(e *Endpoint) *buckets {
	return &buckets{endpoint: e, kumo: inprocess.S3(), byName: map[string]BucketOptions{}}
}

// of is the bucket that a request is for; ok is false when it is for none.
func (b *buckets) of(r *http.Request) (name, key string, o BucketOptions, ok bool) {
	name, key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	b.mu.RLock()
	defer b.mu.RUnlock()
	o, ok = b.byName[name]
	return name, key, o, ok
}

// bucketError is an error as S3 reports it.
type bucketError struct {
	XMLName xml.Name `xml:"Error"`
	Code    string
	Message string
	status  int
}

// serve answers a request for an object, or for a list of objects.
func (b *buckets) serve(w http.ResponseWriter, r *http.Request, name, key string, o BucketOptions) {
	if origin := r.Header.Get("Origin"); origin != "" {
		if !b.crossOrigin(w, r, origin, o) {
			return
		}
	}
	failed := b.check(r, key)
	if failed == nil {
		r, failed = b.verified(r, o)
	}
	if failed != nil {
		writeBucketError(w, failed)
		return
	}
	if r.Method != http.MethodPut {
		b.kumo.ServeHTTP(w, r)
		return
	}
	counted := &counter{Reader: r.Body}
	r.Body = io.NopCloser(counted)
	answer := direct.Do(b.kumo, r)
	if answer.Status == http.StatusOK && o.Events {
		if err := b.created(r, name, key, counted.n, answer.Header.Get("Etag")); err != nil {
			b.endpoint.logInternal(r.Context(), "Object Created", err)
		}
	}
	maps.Copy(w.Header(), answer.Header)
	w.WriteHeader(answer.Status)
	// The client is gone when this fails; there is nobody to tell.
	_, _ = w.Write(answer.Body.Bytes())
}

// counter counts what is read.
type counter struct {
	io.Reader

	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// check refuses what S3 does and this does not.
func (b *buckets) check(r *http.Request, key string) *bucketError {
	no := func(format string, args ...any) *bucketError {
		return &bucketError{Code: "NotImplemented", Message: "The local endpoint does not serve " + fmt.Sprintf(format, args...) + ".",
			status: http.StatusNotImplemented}
	}
	query := r.URL.Query()
	switch {
	case key == "" && (r.Method != http.MethodGet || query.Get("list-type") != "2"):
		return no("%s of a bucket but ListObjectsV2", r.Method)
	case !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete}, r.Method):
		return no("%s of an object", r.Method)
	case strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-"), length(r) < 0:
		return no("bodies in signed chunks, or of no length")
	case r.Header.Get("X-Amz-Copy-Source") != "":
		return no("CopyObject")
	}
	if key == "" {
		return nil
	}
	for parameter := range query {
		if !strings.HasPrefix(parameter, "X-Amz-") && parameter != "x-id" && parameter != disposition {
			return no("the parameter %s", parameter)
		}
	}
	return nil
}

// disposition is the parameter of a link that says as what the object is saved.
const disposition = "response-content-disposition"

// length is how long the body of a request is said to be, also by one whose ContentLength was taken away from its handler; -1 when
// nobody says.
func length(r *http.Request) int64 {
	if r.ContentLength >= 0 {
		return r.ContentLength
	}
	n, err := strconv.ParseInt(r.Header.Get("Content-Length"), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// verified checks the signature of a link, as far as the request has one in its query, and takes it out of the request.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
func (b *buckets) verified(r *http.Request, o BucketOptions) (*http.Request, *bucketError) {
	query := r.URL.Query()
	signature := query.Get("X-Amz-Signature")
	if signature == "" && r.Header.Get("Authorization") != "" {
		return r, nil
	}
	denied := func(code, message string) (*http.Request, *bucketError) {
		return nil, &bucketError{Code: code, Message: message, status: http.StatusForbidden}
	}
	id, _, _ := strings.Cut(query.Get("X-Amz-Credential"), "/")
	secret, known := o.Secrets[id]
	at, err := time.Parse("20060102T150405Z", query.Get("X-Amz-Date"))
	valid, wrong := strconv.Atoi(query.Get("X-Amz-Expires"))
	switch {
	case signature == "":
		return denied("AccessDenied", "Access Denied")
	case err != nil, wrong != nil, valid < 1, valid > 7*24*60*60:
		return denied("AuthorizationQueryParametersError", "X-Amz-Date and X-Amz-Expires must say for how long the link is valid.")
	case !known:
		return denied("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
	}
	if now := b.endpoint.clock.Now(); now.After(at.Add(time.Duration(valid)*time.Second)) || now.Before(at.Add(-15*time.Minute)) {
		return denied("AccessDenied", "Request has expired")
	}
	again := &http.Request{
		Method: r.Method, Host: r.Host, Header: http.Header{}, URL: &url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path},
	}
	for _, header := range strings.Split(query.Get("X-Amz-SignedHeaders"), ";") {
		switch header {
		case "host":
		case "content-length":
			again.ContentLength = length(r)
		default:
			again.Header[http.CanonicalHeaderKey(header)] = r.Header.Values(header)
		}
	}
	for header := range r.Header {
		if strings.HasPrefix(header, "X-Amz-") && again.Header[header] == nil {
			return denied("AccessDenied", "There were headers present in the request which were not signed")
		}
	}
	for _, parameter := range []string{"X-Amz-Signature", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders"} {
		query.Del(parameter)
	}
	again.URL.RawQuery = query.Encode()
	signed, _, err := v4.NewSigner(func(s *v4.SignerOptions) { s.DisableURIPathEscaping = true }).PresignHTTP(
		r.Context(), aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, again, "UNSIGNED-PAYLOAD", "s3", Region, at)
	if err != nil || !strings.HasSuffix(signed, "X-Amz-Signature="+signature) {
		return denied("SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your key and signing method.")
	}
	plain := r.Clone(r.Context())
	plain.URL.RawQuery = url.Values{disposition: query[disposition]}.Encode()
	return plain, nil
}

// crossOrigin answers for CORS, and says whether there is something else to answer.
//
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
func (b *buckets) crossOrigin(w http.ResponseWriter, r *http.Request, origin string, o BucketOptions) bool {
	wanted := r.Header.Get("Access-Control-Request-Method")
	preflight := r.Method == http.MethodOptions && wanted != ""
	if !preflight {
		wanted = r.Method
	}
	if !slices.Contains(o.Origins, "*") && !slices.Contains(o.Origins, origin) || wanted != http.MethodPut && wanted != http.MethodGet {
		if preflight {
			writeBucketError(w, &bucketError{Code: "AccessForbidden", Message: "CORSResponse: This CORS request is not allowed.",
				status: http.StatusForbidden})
		}
		return !preflight
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "ETag")
	h.Add("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
	if preflight {
		h.Set("Access-Control-Allow-Methods", "GET, PUT")
		if headers := r.Header.Get("Access-Control-Request-Headers"); headers != "" {
			h.Set("Access-Control-Allow-Headers", headers)
		}
		h.Set("Access-Control-Max-Age", strconv.Itoa(int(o.MaxAge.Seconds())))
		w.WriteHeader(http.StatusOK)
	}
	return !preflight
}

// created tells the default event bus of an object.
//
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
func (b *buckets) created(r *http.Request, name, key string, size int64, etag string) error {
	detail, err := json.Marshal(map[string]any{
		"version": "0", "bucket": map[string]string{"name": name}, "request-id": uuid.NewString(), "requester": Account,
		"object": map[string]any{
			"key": key, "size": size, "etag": strings.Trim(etag, `"`),
			"sequencer": fmt.Sprintf("%018X", b.endpoint.clock.Now().UnixNano()),
		},
		"source-ip-address": "127.0.0.1", "reason": "PutObject",
	})
	if err != nil {
		return err
	}
	_, err = b.endpoint.events.Emit(r.Context(), eventbus.Entry{
		Source: "aws.s3", DetailType: "Object Created", Resources: []string{"arn:aws:s3:::" + name},
	}, eventbus.Detail{Brief: string(detail)})
	return err
}

func writeBucketError(w http.ResponseWriter, failed *bucketError) {
	body, err := xml.Marshal(failed)
	if err != nil {
		// Two strings: there is nothing that cannot be encoded.
		body = nil
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(failed.status)
	// The client is gone when this fails; there is nobody to tell.
	_, _ = w.Write(append([]byte(xml.Header), body...))
}

// StartExecution starts an execution as a rule of EventBridge does whose target is the state machine: under a name of its own.
func (e *Endpoint) StartExecution(ctx context.Context, stateMachineARN string, input json.RawMessage) error {
	text := string(input)
	_, err := e.states.startExecution(ctx, startExecutionInput{StateMachineARN: stateMachineARN, Input: &text})
	return err
}
