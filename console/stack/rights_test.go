package stack

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go/encoding/cbor"

	"sms-api/internal/template"
	"sms-api/internal/testkit"
)

// policies are the actions of the policies in the documentation, in their order.
func policies(t *testing.T) [][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs", "console.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(text, -1) {
		var policy struct {
			Statement []struct {
				Effect           string
				Action, Resource any
			}
		}
		if err := json.Unmarshal(block[1], &policy); err != nil {
			t.Fatal(err)
		}
		var actions []string
		for _, s := range policy.Statement {
			switch a := s.Action.(type) {
			case string:
				actions = append(actions, a)
			case []any:
				for _, one := range a {
					actions = append(actions, one.(string))
				}
			}
			if s.Effect != "Allow" || s.Resource == nil {
				t.Errorf("a statement is %+v", s)
			}
		}
		slices.Sort(actions)
		all = append(all, actions)
	}
	return all
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
	say(s.Drop(t.Context(), DeadLetter{letter: types.Message{ReceiptHandle: aws.String("r")}}))
	_, err = s.Templates(t.Context(), template.Request{Do: template.DoList})
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
	if !slices.Equal(documented[0], []string{"execute-api:Invoke"}) {
		t.Errorf("support has %q", documented[0])
	}
	if !slices.Equal(documented[1], needed) {
		t.Errorf("operators have %q, and need %q", documented[1], needed)
	}
}
