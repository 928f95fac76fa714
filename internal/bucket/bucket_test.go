package bucket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sms-api/internal/awsenv"
	"sms-api/internal/bucket"
)

// recorder answers for S3, and remembers what it was asked.
type recorder struct {
	mu sync.Mutex
	// broken is how many requests are answered by 503 at first.
	broken int
	keys   []string
	seen   []string
}

func (s *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, fmt.Sprintf("%s %s %s", r.Method, r.URL.Path, body))
	signed := strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=key/") &&
		r.Header.Get("X-Amz-Content-Sha256") != ""
	switch {
	case !signed:
		http.Error(w, "<Error><Code>AccessDenied</Code></Error>", http.StatusForbidden)
	case s.broken > 0:
		s.broken--
		http.Error(w, "<Error><Code>SlowDown</Code></Error>", http.StatusServiceUnavailable)
	case strings.HasSuffix(r.URL.Path, "/none"):
		http.Error(w, "<Error><Code>NoSuchKey</Code></Error>", http.StatusNotFound)
	case r.Header.Get("If-Match") == `"old"`:
		http.Error(w, "<Error><Code>PreconditionFailed</Code></Error>", http.StatusPreconditionFailed)
	case r.URL.Query().Get("list-type") == "2":
		page := s.keys[:min(2, len(s.keys))]
		fmt.Fprintf(w, "<ListBucketResult><IsTruncated>%t</IsTruncated>", len(page) < len(s.keys))
		for _, key := range page {
			fmt.Fprintf(w, "<Contents><Key>%s</Key></Contents>", key)
		}
		fmt.Fprint(w, "</ListBucketResult>")
	case r.Method == http.MethodDelete:
		s.keys = slices.DeleteFunc(s.keys, func(key string) bool { return r.URL.Path == "/files/"+key })
		w.WriteHeader(http.StatusNoContent)
	default:
		fmt.Fprint(w, "content")
	}
}

func newBucket(t *testing.T, s *recorder) *bucket.Bucket {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return &bucket.Bucket{
		Config: awsenv.New("ap-northeast-2", aws.Credentials{AccessKeyID: "key", SecretAccessKey: "secret", SessionToken: "token"}, server.URL),
		Name:   "files", Now: func() time.Time { return time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC) },
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	s := &recorder{broken: 2, keys: []string{"a/1", "a/2", "a/3"}}
	b := newBucket(t, s)
	if err := b.Put(t.Context(), "a/1", "text/csv", strings.NewReader("one")); err != nil {
		t.Fatal(err)
	}
	got, err := b.Get(t.Context(), "a/1", "new")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(got); err != nil || string(text) != "content" || got.Close() != nil {
		t.Errorf("%s, %v", text, err)
	}
	if err := b.DeleteAll(t.Context(), "a/"); err != nil || len(s.keys) > 0 {
		t.Errorf("%v, left are %v", err, s.keys)
	}
	if want := slices.Repeat([]string{"PUT /files/a/1 one"}, 3); !slices.Equal(s.seen[:3], want) {
		t.Errorf("it was written as %q", s.seen[:3])
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	s := &recorder{}
	b := newBucket(t, s)
	if _, err := b.Get(t.Context(), "none", ""); !errors.Is(err, bucket.ErrNotFound) {
		t.Error(err)
	}
	if _, err := b.Get(t.Context(), "a", "old"); !errors.Is(err, bucket.ErrReplaced) {
		t.Error(err)
	}
	s.broken = 100
	if err := b.Put(t.Context(), "a", "", strings.NewReader("")); err == nil || !strings.Contains(err.Error(), "SlowDown") {
		t.Error(err)
	}
	if n := len(s.seen); n != 6 {
		t.Errorf("%d requests, want one each of what cannot be and four of what may be", n)
	}
	b.Config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("away")
	})
	if _, err := b.Upload(t.Context(), "a", 1, time.Minute); err == nil {
		t.Error("a link without credentials")
	}
	if _, err := b.Get(t.Context(), "a", ""); err == nil {
		t.Error("a request without credentials")
	}
}

// A link to AWS has the bucket in its host, and everything signed that it is to be used with.
func TestLinks(t *testing.T) {
	t.Parallel()
	b := newBucket(t, &recorder{})
	b.Config.BaseEndpoint = nil
	l, err := b.Upload(t.Context(), "campaigns/x/file", 42, 15*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"https://files.s3.ap-northeast-2.amazonaws.com/campaigns/x/file?", "X-Amz-Expires=900", "X-Amz-Security-Token=token",
		"X-Amz-SignedHeaders=content-length%3Bhost%3Bif-none-match&",
	} {
		if !strings.Contains(l.URL, want) {
			t.Errorf("%s lacks %s", l.URL, want)
		}
	}
	if l.Method != http.MethodPut || l.Header["Content-Length"] != "42" || l.Header["If-None-Match"] != "*" ||
		!l.ExpiresAt.Equal(b.Now().Add(15*time.Minute)) {
		t.Errorf("%+v", l)
	}
	l, err = b.Download(t.Context(), "a", "새해 인사.csv", time.Minute)
	if err != nil || l.Method != http.MethodGet || !strings.Contains(l.URL, "SignedHeaders=host&") {
		t.Errorf("%+v, %v", l, err)
	}
	u, err := url.Parse(l.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, saved, err := mime.ParseMediaType(u.Query().Get("response-content-disposition"))
	if err != nil || saved["filename"] != "새해 인사.csv" {
		t.Errorf("%s is saved as %q, %v", l.URL, saved["filename"], err)
	}
}
