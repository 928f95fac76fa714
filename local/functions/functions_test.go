// Package functions measures the functions as they are deployed: their size, their start, and how fast they are warm.
package functions

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sms-api/awslocal/runtimeapi"
	"sms-api/internal/compile"
	"sms-api/internal/deployment"
	"sms-api/internal/handlers"
	"sms-api/internal/message"
	"sms-api/internal/testkit"
	"sms-api/internal/untrusted"
	"sms-api/local/system"
	"sms-api/statemachine"
)

// root is the folder of the module.
const root = "../.."

// empty is the function that the others are measured against.
const empty = "./local/functions/testdata/empty"

// names are the functions of the product.
func names() []string {
	var all []string
	for _, f := range deployment.Functions() {
		all = append(all, f.Name)
	}
	return all
}

// environment is what a function finds in its environment, with everybody at the address.
func environment(tb testing.TB, f deployment.Function, address string) []string {
	tb.Helper()
	variables, err := system.Variables(f, []string{"127.0.0.1"})
	if err != nil {
		tb.Fatal(err)
	}
	env := []string{
		"AWS_REGION=ap-northeast-2", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_ENDPOINT_URL=" + address,
		deployment.AligoSMSURL + "=" + address, deployment.AligoKakaoURL + "=" + address,
	}
	for name, value := range variables {
		env = append(env, name+"="+value)
	}
	return env
}

// build compiles all functions, and the empty one, into a folder.
func build(tb testing.TB, target compile.Target) string {
	tb.Helper()
	packages := []string{empty}
	for _, name := range names() {
		packages = append(packages, "./lambdas/"+name)
	}
	out := tb.TempDir()
	if err := compile.Build(tb.Context(), root, out, target, packages...); err != nil {
		tb.Fatal(err)
	}
	files, err := deployment.Files(nil, untrusted.Policy{})
	if err != nil {
		tb.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(out, name), content, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return out
}

// pack is the size of the executable and of the deployment package that it makes, in bytes.
func pack(tb testing.TB, executable string) (binary, packed int) {
	tb.Helper()
	data, err := os.ReadFile(executable)
	if err != nil {
		tb.Fatal(err)
	}
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	file, err := archive.Create("bootstrap")
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := file.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		tb.Fatal(err)
	}
	return len(data), buffer.Len()
}

// Of each function as it is deployed, but for this machine:
//
//   - cold: the time from the start of the process to its first request for an invocation (init-ms), as a multiple of
//     what the empty function takes at the same time (×empty), and to its first response (response-ms). Medians.
//   - warm: invocations a second, one after the other, and the most memory it has had resident (RSS-MB).
//   - size: the package for Lambda (zip-bytes) and the executable in it (bin-bytes).
//
// AWS and Aligo are a server that answers at once.
func BenchmarkFunctions(b *testing.B) {
	native, deployed := build(b, compile.Target{}), build(b, compile.Lambda())
	server := httptest.NewServer(http.HandlerFunc(everybody))
	defer server.Close()
	function := func(name string) runtimeapi.Function {
		f, _ := deployment.FunctionNamed(name) // the empty one is none of the product
		return runtimeapi.Function{
			Name: name, Path: filepath.Join(native, name), Memory: 256, Timeout: time.Minute, Log: io.Discard,
			Env: environment(b, f, server.URL),
		}
	}
	for _, name := range append([]string{"empty"}, names()...) {
		payload := eventFor(b, name)
		b.Run(name, func(b *testing.B) {
			b.Run("cold", func(b *testing.B) {
				var baseline, initialised, responded []time.Duration
				for b.Loop() {
					init, _ := start(b, function("empty"), nil)
					baseline = append(baseline, init)
					init, response := start(b, function(name), payload)
					initialised, responded = append(initialised, init), append(responded, response)
				}
				b.ReportMetric(milliseconds(median(initialised)), "init-ms")
				b.ReportMetric(float64(median(initialised))/float64(median(baseline)), "×empty")
				b.ReportMetric(milliseconds(median(responded)), "response-ms")
			})
			b.Run("warm", func(b *testing.B) {
				e, err := runtimeapi.Launch(b.Context(), function(name))
				if err != nil {
					b.Fatal(err)
				}
				defer e.Close()
				respond(b, e, payload)
				for b.Loop() {
					respond(b, e, payload)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "invocations/s")
				b.ReportMetric(float64(e.PeakRSS())/1e6, "RSS-MB")
			})
			b.Run("size", func(b *testing.B) {
				binary, packed := pack(b, filepath.Join(deployed, name))
				b.ReportMetric(float64(packed), "zip-bytes")
				b.ReportMetric(float64(binary), "bin-bytes")
				b.ReportMetric(0, "ns/op") // nothing is done b.N times here
			})
		})
	}
}

// start makes an environment and, with a payload, waits for its response; the times count from the start.
func start(b *testing.B, f runtimeapi.Function, payload []byte) (init, response time.Duration) {
	b.Helper()
	begin := time.Now()
	e, err := runtimeapi.Launch(b.Context(), f)
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	if init, err = e.Initialised(b.Context()); err != nil {
		b.Fatal(err)
	}
	if payload != nil {
		respond(b, e, payload)
	}
	return init, time.Since(begin)
}

func respond(b *testing.B, e *runtimeapi.Environment, payload []byte) {
	b.Helper()
	if _, err := e.Invoke(b.Context(), payload); err != nil {
		b.Fatal(err)
	}
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// eventFor is an event that each function has work with.
func eventFor(b *testing.B, name string) []byte {
	b.Helper()
	request := map[string]any{"template": "TX_1234", "recipients": []any{
		map[string]any{"to": "010-1234-5678", "name": "홍길동", "variables": map[string]string{"주문번호": "A-17"}},
	}}
	m := message.Message{
		ID: "0198f0a0-0000-7000-8000-000000000000", Caller: "shop", Channel: message.AlimTalk, Template: "TX_1234",
		Recipients: []message.Recipient{{To: "01012345678", Name: "홍길동", Variables: map[string]message.Text{"주문번호": "A-17"}}},
		Fallback:   message.Fallback{Enabled: true, After: message.Duration(5 * time.Minute), OnUnknown: message.LeaveUnknown},
		CreatedAt:  time.Now().UTC(), ExpiresAt: time.Now().Add(24 * time.Hour).UTC(),
	}
	task := func(p message.Progress) any { return handlers.Input{Message: m, Progress: p} }
	event := map[string]any{
		"empty":    struct{}{},
		"alimtalk": task(message.Progress{Queue: &message.Queue{Channel: message.AlimTalk}}),
		"sms":      task(message.Progress{Queue: &message.Queue{Channel: message.SMS}}),
		"receipts": task(message.Progress{
			Recipients: []message.Result{{To: "010****5678", Status: message.Pending, Channel: message.AlimTalk}},
			Batches:    []message.Batch{{Channel: message.AlimTalk, MID: "1", At: time.Now().UTC()}},
		}),
		"reconcile": task(message.Progress{
			Queue:   &message.Queue{Channel: message.AlimTalk},
			Failure: &message.Failure{Error: "Ambiguous", Cause: `{"errorMessage":"timeout"}`, Since: time.Now().UTC()},
		}),
		"api": events.APIGatewayV2HTTPRequest{
			Version: "2.0", RawPath: "/v1/messages", Body: testkit.JSON(b, request), Headers: map[string]string{"content-type": "application/json"},
			RequestContext: events.APIGatewayV2HTTPRequestContext{
				HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{Method: http.MethodPost, Path: "/v1/messages"},
				Authorizer: &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
					JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{
						Claims: map[string]string{"sub": "shop", "scope": "messages:send"}, Scopes: []string{"messages:send"},
					}},
			},
		},
		"events": events.EventBridgeEvent{
			ID: "7bf73129-1428-4cd3-a780-95db273d1602", DetailType: statemachine.DetailTypeRequested, Source: "shop", Time: time.Now().UTC(),
			Detail: json.RawMessage(testkit.JSON(b, request)),
		},
		"settle": events.EventBridgeEvent{
			ID: "315c1398-40ff-a850-213b-158f73e60175", DetailType: statemachine.DetailTypeStatusChange, Source: "aws.states",
			Time:   time.Now().UTC(),
			Detail: json.RawMessage(`{"name":"` + m.ID + `","status":"ABORTED"}`),
		},
		"record": events.EventBridgeEvent{
			ID: "6a7e8feb-b491-4cf7-a9f1-bf3703467718", DetailType: statemachine.DetailTypeSettled, Source: statemachine.EventSource,
			Time: time.Now().UTC(), Detail: json.RawMessage(testkit.JSON(b, message.Settled(m, []message.Result{
				{To: "010****5678", Status: message.Delivered, Channel: message.AlimTalk, Code: "0", At: time.Now().UTC()},
			}, time.Now()))),
		},
		"sweep":   struct{}{},
		"balance": struct{}{}, "templates": struct{}{},
	}[name]
	if f, _ := deployment.FunctionNamed(name); event == nil && f.State != "" {
		event = task(message.Progress{})
	}
	if event == nil {
		b.Fatalf("there is no event for the function %s", name)
	}
	return []byte(testkit.JSON(b, event))
}

// everybody answers for AWS and for Aligo.
func everybody(w http.ResponseWriter, r *http.Request) {
	// A request that is cut off has a client that is gone.
	_, _ = io.Copy(io.Discard, r.Body)
	today := time.Now().In(time.FixedZone("KST", 9*60*60)).Format(time.DateTime)
	answers := map[string]string{
		"AmazonSSM.GetParameters": `{"Parameters":[{"Name":"/sms-api/aligo/api-key","Value":"key"},{"Name":"/sms-api/aligo/user-id",` +
			`"Value":"shop"},` +
			`{"Name":"/sms-api/aligo/sender-key","Value":"0123456789012345678901234567890123456789"},{"Name":"/sms-api/aligo/sender",` +
			`"Value":"0212345678"}]}`,
		"AWSStepFunctions.StartExecution": `{"executionArn":"arn:aws:states:ap-northeast-2:000000000000:execution:sms-api-dispatch:x",` +
			`"startDate":1800000000}`,
		"AWSStepFunctions.DescribeExecution": `{"__type":"ExecutionDoesNotExist","message":"Execution Does Not Exist"}`,
		"AWSStepFunctions.ListExecutions":    `{"executions":[]}`,
		"AWSEvents.PutEvents":                `{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}`,
		"DynamoDB_20120810.PutItem":          `{}`, "DynamoDB_20120810.DeleteItem": `{}`, "DynamoDB_20120810.GetItem": `{}`,
		"DynamoDB_20120810.UpdateItem": `{}`, "DynamoDB_20120810.Query": `{"Items":[],"Count":0}`,
		"/akv10/template/list/": `{"code":0,"message":"","list":[{"senderKey":"0123456789012345678901234567890123456789",` +
			`"templtCode":"TX_1234","templtName":"x",` +
			`"templtContent":"#{고객명}님, 주문 #{주문번호}","templateType":"BA","templateEmType":"NONE","status":"A","inspStatus":"APR","buttons":[]}]}`,
		"/akv10/alimtalk/send/": `{"code":0,"message":"성공적으로 전송요청 하였습니다.","info":{"type":"AT","mid":"1","current":"1","unit":6.5,"total":6.5,` +
			`"scnt":1,"fcnt":0}}`,
		"/akv10/history/detail/": `{"code":0,"message":"","list":[{"msgid":"1","phone":"01012345678","rslt":"0","reportdate":"` + today + `"}],` +
			`"currentPage":"1","totalPage":"1","totalCount":"1"}`,
		"/akv10/history/list/": `{"code":0,"message":"","list":[],"currentPage":"1","totalPage":"1","totalCount":"0"}`,
		"/akv10/heartinfo/":    `{"code":0,"message":"","list":{"SMS_CNT":1,"LMS_CNT":1,"MMS_CNT":1,"ALT_CNT":1}}`,
		"/send/":               `{"result_code":"1","message":"success","msg_id":"2","success_cnt":1,"error_cnt":0,"msg_type":"SMS"}`,
		"/remain/":             `{"result_code":1,"message":"success","SMS_CNT":1,"LMS_CNT":1,"MMS_CNT":1}`,
	}
	key := r.Header.Get("X-Amz-Target")
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if key == "" {
		key = path.Clean(r.URL.Path) + "/"
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	}
	answer, ok := answers[key]
	switch {
	case !ok:
		http.Error(w, fmt.Sprintf("no answer to %s", key), http.StatusNotImplemented)
		return
	case key == "AWSStepFunctions.DescribeExecution":
		w.WriteHeader(http.StatusBadRequest)
	}
	_, _ = io.WriteString(w, answer)
}

func TestBuildSaysWhatTheCompilerSays(t *testing.T) {
	t.Parallel()
	err := compile.Build(t.Context(), root, t.TempDir(), compile.Target{}, "./lambdas/none")
	if err == nil || !strings.Contains(err.Error(), "lambdas/none") {
		t.Errorf("error %v, want the compiler's", err)
	}
}

// observe lists folders of the module, so that go test does not take this test's result from its cache when the sources
// that the test compiles have changed.
func observe(t *testing.T, folders ...string) {
	t.Helper()
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(string, fs.DirEntry, error) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
}
