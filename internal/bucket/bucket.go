// Package bucket reads and writes objects of one bucket in S3, and signs links with which others do. It is a few requests over
// HTTP, with AWS's own signatures: the SDK's client for S3 is larger than all else in a function together.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
package bucket

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Bucket is a bucket. All fields are needed.
type Bucket struct {
	// Config has the credentials and the region; with a BaseEndpoint the bucket's name is the first part of the path there.
	Config aws.Config
	Name   string
	Now    func() time.Time
	// Sleep waits between two tries.
	Sleep func(ctx context.Context, d time.Duration) error
}

// What Get says besides other errors.
var (
	ErrNotFound = errors.New("there is no such object")
	// ErrReplaced says that there is another object than the one that was asked for.
	ErrReplaced = errors.New("the object has been replaced")
)

// Link is a request that whoever has it may make.
type Link struct {
	URL    string
	Method string
	// Header has what must be sent with it, as it is.
	Header    map[string]string
	ExpiresAt time.Time
}

// unsigned stands for the hash of a body that is not known when a link is signed.
const unsigned = "UNSIGNED-PAYLOAD"

// Upload signs the link for one upload of exactly so many bytes under a key that has no object.
//
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
func (b *Bucket) Upload(ctx context.Context, key string, size int64, valid time.Duration) (Link, error) {
	r, err := b.request(ctx, http.MethodPut, key, nil, nil)
	if err != nil {
		return Link{}, err
	}
	r.ContentLength = size
	r.Header.Set("If-None-Match", "*")
	l, err := b.presign(ctx, r, valid)
	l.Header = map[string]string{"Content-Length": strconv.FormatInt(size, 10), "If-None-Match": "*"}
	return l, err
}

// Download signs the link for reading an object, which browsers save under the name.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_RequestSyntax
func (b *Bucket) Download(ctx context.Context, key, name string, valid time.Duration) (Link, error) {
	saved := mime.FormatMediaType("attachment", map[string]string{"filename": name})
	r, err := b.request(ctx, http.MethodGet, key, url.Values{"response-content-disposition": {saved}}, nil)
	if err != nil {
		return Link{}, err
	}
	return b.presign(ctx, r, valid)
}

func (b *Bucket) presign(ctx context.Context, r *http.Request, valid time.Duration) (Link, error) {
	q := r.URL.Query()
	q.Set("X-Amz-Expires", strconv.Itoa(int(valid.Seconds())))
	r.URL.RawQuery = q.Encode()
	credentials, err := b.Config.Credentials.Retrieve(ctx)
	if err != nil {
		return Link{}, fmt.Errorf("sign a link to the bucket: %w", err)
	}
	at := b.Now()
	signed, _, err := v4.NewSigner(asIs).PresignHTTP(ctx, credentials, r, unsigned, "s3", b.Config.Region, at)
	if err != nil {
		return Link{}, fmt.Errorf("sign a link to the bucket: %w", err)
	}
	return Link{URL: signed, Method: r.Method, ExpiresAt: at.Add(valid).UTC().Truncate(time.Second)}, nil
}

// asIs has a path signed as it is, which S3 wants.
func asIs(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }

// Put writes an object, which replaces one that is there.
func (b *Bucket) Put(ctx context.Context, key, contentType string, body io.ReadSeeker) error {
	hash := sha256.New()
	size, err := io.Copy(hash, body)
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	resp, err := b.do(ctx, func() (*http.Request, error) {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		// What is sent must not be closed by the client: it may be sent again.
		r, err := b.request(ctx, http.MethodPut, key, nil, io.NopCloser(body))
		if err == nil {
			r.ContentLength = size
			if size == 0 {
				r.Body = http.NoBody
			}
			r.Header.Set("Content-Type", contentType)
		}
		return r, err
	}, sum)
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return resp.Body.Close()
}

// Get opens an object; with an etag only that very one. The error may be ErrNotFound or ErrReplaced.
func (b *Bucket) Get(ctx context.Context, key, etag string) (io.ReadCloser, error) {
	resp, err := b.do(ctx, func() (*http.Request, error) {
		r, err := b.request(ctx, http.MethodGet, key, nil, nil)
		if err == nil && etag != "" {
			r.Header.Set("If-Match", `"`+strings.Trim(etag, `"`)+`"`)
		}
		return r, err
	}, emptyHash)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return resp.Body, nil
}

// emptyHash is that of no body.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// DeleteAll deletes all objects whose keys begin so.
func (b *Bucket) DeleteAll(ctx context.Context, prefix string) error {
	for {
		keys, more, err := b.list(ctx, prefix)
		if err != nil {
			return fmt.Errorf("list %s: %w", prefix, err)
		}
		for _, key := range keys {
			resp, err := b.do(ctx, func() (*http.Request, error) { return b.request(ctx, http.MethodDelete, key, nil, nil) }, emptyHash)
			if err != nil {
				return fmt.Errorf("delete %s: %w", key, err)
			}
			if err := resp.Body.Close(); err != nil {
				return fmt.Errorf("delete %s: %w", key, err)
			}
		}
		if !more || len(keys) == 0 {
			return nil
		}
	}
}

// list are the first keys that begin so; more says that they are not all.
func (b *Bucket) list(ctx context.Context, prefix string) (keys []string, more bool, err error) {
	resp, err := b.do(ctx, func() (*http.Request, error) {
		return b.request(ctx, http.MethodGet, "", url.Values{"list-type": {"2"}, "prefix": {prefix}}, nil)
	}, emptyHash)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = resp.Body.Close() }()
	var page struct {
		IsTruncated bool
		Contents    []struct{ Key string }
	}
	// A page has at most 1,000 keys of 1,024 bytes.
	if err := xml.NewDecoder(io.LimitReader(resp.Body, 8<<20)).Decode(&page); err != nil {
		return nil, false, err
	}
	for _, o := range page.Contents {
		keys = append(keys, o.Key)
	}
	return keys, page.IsTruncated, nil
}

// request is one for an object, or for the bucket itself.
func (b *Bucket) request(ctx context.Context, method, key string, query url.Values, body io.Reader) (*http.Request, error) {
	u := &url.URL{Scheme: "https", Host: b.Name + ".s3." + b.Config.Region + ".amazonaws.com", Path: "/" + key}
	if b.Config.BaseEndpoint != nil {
		base, err := url.Parse(*b.Config.BaseEndpoint)
		if err != nil {
			return nil, err
		}
		u = base.JoinPath(b.Name, key)
	}
	u.RawQuery = query.Encode()
	return http.NewRequestWithContext(ctx, method, u.String(), body)
}

// tries is how often a request is made that S3 does not answer, and pause how long it is waited before the second try.
const (
	tries = 4
	pause = 100 * time.Millisecond
)

// do makes a request until it is answered. An answer that is no success is an error.
func (b *Bucket) do(ctx context.Context, request func() (*http.Request, error), hash string) (*http.Response, error) {
	var last error
	for try := range tries {
		if try > 0 {
			if err := b.Sleep(ctx, pause<<(2*(try-1))); err != nil {
				return nil, cmp.Or(last, err)
			}
		}
		r, err := request()
		if err != nil {
			return nil, err
		}
		credentials, err := b.Config.Credentials.Retrieve(ctx)
		if err != nil {
			return nil, err
		}
		r.Header.Set("X-Amz-Content-Sha256", hash)
		if err := v4.NewSigner(asIs).SignHTTP(ctx, credentials, r, hash, "s3", b.Config.Region, b.Now()); err != nil {
			return nil, err
		}
		resp, err := b.client().Do(r)
		if err != nil {
			// An error of net/http quotes the address, which has the key and no secret.
			last = err
			continue
		}
		if resp.StatusCode < http.StatusMultipleChoices {
			return resp, nil
		}
		if last = failure(resp); resp.StatusCode < http.StatusInternalServerError && resp.StatusCode != http.StatusTooManyRequests {
			return nil, last
		}
	}
	return nil, last
}

// failure is what an answer that is no success says.
func failure(resp *http.Response) error {
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusPreconditionFailed:
		return ErrReplaced
	}
	var said struct{ Code string }
	// What cannot be read leaves the status.
	_ = xml.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&said)
	return fmt.Errorf("S3 answers %d %s", resp.StatusCode, said.Code)
}

// client is that of the configuration without its time limit, which is for answers of a few kilobytes and counts their reading:
// a file may be read for as long as the function has.
func (b *Bucket) client() aws.HTTPClient {
	if c, ok := b.Config.HTTPClient.(*http.Client); ok {
		patient := *c
		patient.Timeout = 0
		return &patient
	}
	return b.Config.HTTPClient
}
