package stack

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go/encoding/cbor"

	"sms-api/console/page"
	"sms-api/internal/template"
	"sms-api/internal/testkit"
)

// policy is one of those in the documentation: its actions, and the requests to the API that it allows, as METHOD/path.
type policy struct{ actions, requests []string }

// policies are those of the documentation, in their order.
func policies(t *testing.T) []policy {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs", "console.md"))
	if err != nil {
		t.Fatal(err)
	}
	texts := func(v any) (all []string) {
		switch v := v.(type) {
		case string:
			all = append(all, v)
		case []any:
			for _, one := range v {
				all = append(all, one.(string))
			}
		}
		return all
	}
	var all []policy
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(text, -1) {
		var document struct {
			Statement []struct {
				Effect           string
				Action, Resource any
			}
		}
		if err := json.Unmarshal(block[1], &document); err != nil {
			t.Fatal(err)
		}
		var p policy
		for _, s := range document.Statement {
			p.actions = append(p.actions, texts(s.Action)...)
			for _, resource := range texts(s.Resource) {
				if _, request, ok := strings.Cut(resource, ":API/$default/"); ok {
					p.requests = append(p.requests, request)
				}
			}
			if s.Effect != "Allow" || s.Resource == nil {
				t.Errorf("a statement is %+v", s)
			}
		}
		slices.Sort(p.actions)
		all = append(all, p)
	}
	return all
}

// allows says whether a pattern of IAM's takes a text.
func allows(pattern, text string) bool {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$").MatchString(text)
}

// Operators may make each request to the API that the page makes, and are allowed none that it does not; support may read messages.
func TestThePoliciesHaveTheRequests(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var made []string
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			made = append(made, r.Method+r.URL.Path)
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"message":"Forbidden"}`)
	}))
	defer cloud.Close()
	config := aws.Config{
		Region: "ap-northeast-2", BaseEndpoint: &cloud.URL, HTTPClient: cloud.Client(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "secret"}, nil
		}),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
	s := New(config, "prod", "123456789012", &API{URL: cloud.URL, Region: "ap-northeast-2", Credentials: config.Credentials,
		HTTP: cloud.Client(), Now: time.Now})
	log := slog.New(slog.DiscardHandler)
	shown, err := page.New(page.Options{
		Source: s.API, Definition: `{"QueryLanguage":"JSONata","StartAt":"a","States":{"a":{"Type":"Succeed"}}}`, System: s.System,
		Parts: []page.Part{s.Part(log), s.Campaigns(log)}, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path string) {
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader("{}"))
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		shown.ServeHTTP(httptest.NewRecorder(), r)
	}
	// What support does, and what operators do besides.
	for _, path := range []string{"/inbox/messages", "/inbox/messages?q=010-1234-5678&reason=asked", "/inbox/messages/m1", "/inbox/overview"} {
		ask(http.MethodGet, path)
	}
	_, _ = s.API.Way(t.Context(), "m1") // which is asked for a message that is there
	reads := len(made)
	ask(http.MethodDelete, "/inbox/messages/m1")
	filled := regexp.MustCompile(`\{(\w+)\}`)
	for _, part := range []page.Part{s.Part(log), s.Campaigns(log)} {
		for pattern := range part.Endpoints {
			method, path, _ := strings.Cut(pattern, " ")
			ask(method, filled.ReplaceAllStringFunc(path, func(name string) string {
				return map[string]string{"{number}": "01012345678", "{order}": "start"}[name] + map[string]string{"{id}": "c1"}[name]
			}))
		}
		for pattern := range part.Handlers {
			method, path, _ := strings.Cut(pattern, " ")
			ask(method, strings.ReplaceAll(path, "{id}", "c1"))
		}
	}
	documented := policies(t)
	if len(documented) != 2 || reads == 0 || len(made) < reads+10 {
		t.Fatalf("there are %d policies, and %d requests were made", len(documented), len(made))
	}
	for i, name := range []string{"support", "operators"} {
		p, requests := documented[i], made
		if name == "support" {
			requests = made[:reads]
		}
		for _, request := range requests {
			if !slices.ContainsFunc(p.requests, func(pattern string) bool { return allows(pattern, request) }) {
				t.Errorf("%s may not %s", name, request)
			}
		}
		for _, pattern := range p.requests {
			if !slices.ContainsFunc(requests, func(request string) bool { return allows(pattern, request) }) {
				t.Errorf("%s may %s, which the page never does", name, pattern)
			}
		}
	}
	for _, pattern := range documented[0].requests {
		if !strings.HasPrefix(pattern, "GET/v1/messages") {
			t.Errorf("support may %s", pattern)
		}
	}
}

// The policies have the rights that are asked for, and no other.
func TestThePoliciesAreWhatIsNeeded(t *testing.T) {
	t.Parallel()
	var queue string
	refused := ""
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// What is refused is only what is asked for: a queue has to be found before it can be read.
		target := r.Header.Get("X-Amz-Target")
		switch {
		case strings.Contains(r.URL.Path, "DescribeAlarms"):
			w.Header().Set("Content-Type", "application/cbor")
			w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write(cbor.Encode(cbor.Map{"__type": cbor.String("AccessDenied"), "message": cbor.String("no")}))
		case strings.HasSuffix(target, ".GetQueueUrl") && refused != target:
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			_, _ = io.WriteString(w, `{"QueueUrl":"`+queue+`"}`)
		case strings.HasSuffix(r.URL.Path, "/invocations"), !strings.HasPrefix(r.URL.Path, "/v1/messages"):
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"__type":"AccessDeniedException","Message":"no"}`)
		default:
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"message":"Forbidden"}`)
		}
	}))
	defer cloud.Close()
	queue = cloud.URL + "/queue"
	config := aws.Config{
		Region: "ap-northeast-2", BaseEndpoint: &cloud.URL, HTTPClient: cloud.Client(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "secret"}, nil
		}),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
	made := func() *Stack {
		return New(config, "prod", "123456789012", &API{URL: cloud.URL, Region: "ap-northeast-2", Credentials: config.Credentials,
			HTTP: cloud.Client(), Now: time.Now})
	}
	rights := map[string]bool{}
	say := func(err error) {
		if err == nil {
			t.Error("it was allowed")
			return
		}
		right := regexp.MustCompile(`[a-z-]+:[A-Z][A-Za-z]+`).FindString(err.Error())
		rights[right] = true
	}
	s := made()
	_, err := s.Failed(t.Context())
	say(err)
	say(s.Redrive(t.Context(), "x"))
	_, err = s.ParameterNames(t.Context())
	say(err)
	_, err = s.AlarmStates(t.Context())
	say(err)
	_, err = s.Letters(t.Context())
	say(err)
	say(s.Again(t.Context(), DeadLetter{Function: "events"}))
	say(s.Drop(t.Context(), DeadLetter{read: s.Now(), letter: types.Message{ReceiptHandle: aws.String("r")}}))
	_, err = s.Templates(t.Context(), template.Request{Do: template.DoList})
	say(err)
	_, err = s.Deployed(t.Context())
	say(err)
	_, err = s.API.Message(t.Context(), "x")
	say(err)
	refused = "AmazonSQS.GetQueueUrl"
	_, err = made().Letters(t.Context())
	say(err)
	_, err = find(t.Context(), apigatewayv2.NewFromConfig(config), "prod", config.Region)
	say(err)
	var needed []string
	for right := range rights {
		needed = append(needed, right)
	}
	slices.Sort(needed)
	documented := policies(t)
	if len(documented) != 2 {
		t.Fatalf("there are %d policies, want those of support and of operators", len(documented))
	}
	if !slices.Equal(documented[0].actions, []string{"execute-api:Invoke"}) {
		t.Errorf("support has %q", documented[0].actions)
	}
	if !slices.Equal(documented[1].actions, needed) {
		t.Errorf("operators have %q, and need %q", documented[1].actions, needed)
	}
}
