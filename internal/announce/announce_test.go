package announce_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"sms-api/internal/announce"
	"sms-api/internal/awsenv"
)

func TestPut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		detail any
		status int
		answer string
		// request is what EventBridge gets; empty means that it gets nothing.
		request string
		// err is in the error; empty means none.
		err string
	}{
		"taken": {
			detail: map[string]string{"to": "<홍길동>"}, status: http.StatusOK, answer: `{"FailedEntryCount":0,"Entries":[{"EventId":"e-1"}]}`,
			request: `AWSEvents.PutEvents {"Entries":[{"Detail":"{\"to\":\"\\u003c홍길동\\u003e\"}","DetailType":"MessageSettled",` +
				`"EventBusName":"shop","Source":"sms-api"}]}`,
		},
		"not taken, with status 200": {
			detail: 1, status: http.StatusOK,
			answer:  `{"FailedEntryCount":1,"Entries":[{"ErrorCode":"InternalFailure","ErrorMessage":"try again"}]}`,
			request: `AWSEvents.PutEvents {"Entries":[{"Detail":"1","DetailType":"MessageSettled","EventBusName":"shop","Source":"sms-api"}]}`,
			err:     "put MessageSettled: InternalFailure: try again",
		},
		"not allowed": {
			detail: 1, status: http.StatusBadRequest, answer: `{"__type":"AccessDeniedException","message":"not yours"}`,
			request: `AWSEvents.PutEvents {"Entries":[{"Detail":"1","DetailType":"MessageSettled","EventBusName":"shop","Source":"sms-api"}]}`,
			err:     "AccessDeniedException: not yours",
		},
		"no JSON": {detail: make(chan int), err: "put MessageSettled: json: unsupported type: chan int"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var request string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				request = r.Header.Get("X-Amz-Target") + " " + string(body)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer)
			}))
			defer server.Close()
			config := awsenv.New("ap-northeast-2", aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, server.URL)
			err := announce.Bus{Client: eventbridge.NewFromConfig(config), Name: "shop"}.Put(t.Context(), "MessageSettled", c.detail)
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v, want %q", err, c.err)
			}
			if request != c.request {
				t.Errorf("EventBridge got\n%s, want\n%s", request, c.request)
			}
		})
	}
}
