package awsapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"reflect"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/uuid"

	"sms-api/awslocal/asl"
	"sms-api/awslocal/quota"
	"sms-api/awslocal/rawjson"
)

// maxFunctionTimeout is the longest that a Lambda function may run.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const maxFunctionTimeout = 15 * time.Minute

// latest is the version of a function that is not published.
const latest = "$LATEST"

// lambdaPath is where Lambda's REST API has its functions.
const lambdaPath = "/2015-03-31/functions/"

// FunctionError is how an invocation of a function failed: what Step Functions matches by its name, and Lambda answers
// with the header X-Amz-Function-Error.
type FunctionError struct {
	// Type is the errorType: the Go type of the error, or Lambda's own name such as Sandbox.Timedout.
	Type    string
	Message string
	// payload is the JSON that the runtime reported.
	payload []byte
}

func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// Payload is the JSON document with errorMessage and errorType that invokers get.
func (e *FunctionError) Payload() []byte {
	if e.payload != nil {
		return e.payload
	}
	// Two strings always have a JSON form.
	payload, _ := json.Marshal(messages.InvokeResponse_Error{Message: e.Message, Type: e.Type})
	return payload
}

// FunctionARN is the ARN of a function of the endpoint.
func FunctionARN(name string) string {
	return fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", Region, Account, name)
}

type functions struct {
	around func(context.Context, string, func(context.Context) ([]byte, error)) ([]byte, error)
	// ctx ends when close gives up waiting.
	ctx        context.Context
	cancel     context.CancelFunc
	background background

	limits *quota.Limits

	mu     sync.RWMutex
	byName map[string]function
	// reserved is the concurrency that functions have for themselves, and running how many of each run; those of the others,
	// which share what is left, count under no name.
	reserved, running map[string]int
}

type function struct {
	name    string
	timeout time.Duration
	// async is what becomes of invocations that nobody waits for.
	async Async
	// environments are the execution environments, each a lambda.Handler, that wait for an invocation. An environment has
	// one invocation at a time, and its handler counts on that: the buffer of a result is used again for the next.
	environments *sync.Pool
	// configuration is what is told of it, and modified since when.
	configuration Configuration
	modified      time.Time
}

func newFunctions(
	around func(context.Context, string, func(context.Context) ([]byte, error)) ([]byte, error), limits *quota.Limits,
) *functions {
	ctx, cancel := context.WithCancel(context.Background())
	if around == nil {
		around = func(ctx context.Context, _ string, next func(context.Context) ([]byte, error)) ([]byte, error) {
			return next(ctx)
		}
	}
	return &functions{
		around: around, ctx: ctx, cancel: cancel, limits: limits, byName: map[string]function{}, reserved: map[string]int{},
		running: map[string]int{},
	}
}

// Function registers a Lambda function, or replaces the one of this name, and returns its ARN. The handler is what
// lambda.Start takes, and not a handler made of that by lambda.NewHandler, which can do one invocation at a time. A timeout
// of 0 is Lambda's maximum of 15 minutes.
func (e *Endpoint) Function(name string, timeout time.Duration, handler any) (arn string) {
	if timeout <= 0 || timeout > maxFunctionTimeout {
		timeout = maxFunctionTimeout
	}
	e.functions.mu.Lock()
	defer e.functions.mu.Unlock()
	environments := &sync.Pool{New: func() any { return lambda.NewHandler(handler) }}
	e.functions.byName[name] = function{
		name: name, timeout: timeout, async: DefaultAsync(), environments: environments, modified: e.clock.Now(),
	}
	return FunctionARN(name)
}

// Invoke runs a function, given by its name or ARN, as an invocation of Lambda does and returns its JSON result. An error
// is a *FunctionError when the function failed, and a *ServiceError when it was not run. The function goes on when ctx
// ends, as it does in Lambda when the caller hangs up.
func (e *Endpoint) Invoke(ctx context.Context, nameOrARN string, payload []byte) ([]byte, error) {
	return e.functions.invoke(ctx, nameOrARN, payload)
}

func (f *functions) lookup(nameOrARN string) (function, error) {
	name := strings.TrimPrefix(nameOrARN, FunctionARN(""))
	// A qualified name ends in a version or alias. Nobody publishes any here, so there is one version of everything.
	name = strings.TrimSuffix(name, ":"+latest)
	f.mu.RLock()
	defer f.mu.RUnlock()
	fn, ok := f.byName[name]
	if !ok {
		arn := nameOrARN
		if !strings.HasPrefix(arn, "arn:") {
			arn = FunctionARN(arn)
		}
		return fn, &ServiceError{Code: "ResourceNotFoundException", Status: http.StatusNotFound, Message: "Function not found: " + arn}
	}
	return fn, nil
}

type invocation struct {
	output []byte
	err    error
}

func (f *functions) invoke(ctx context.Context, nameOrARN string, payload []byte) ([]byte, error) {
	fn, err := f.lookup(nameOrARN)
	if err != nil {
		return nil, err
	}
	leave, err := f.enter(fn.name)
	if err != nil {
		return nil, err
	}
	result := make(chan invocation, 1)
	// Whoever invokes a function may give up, but Lambda does not stop it for that.
	running := context.WithoutCancel(ctx)
	started := f.background.start(func() {
		defer leave()
		running, cancel := context.WithCancel(running)
		defer cancel()
		defer context.AfterFunc(f.ctx, cancel)()
		output, err := f.around(running, fn.name, func(ctx context.Context) ([]byte, error) { return fn.run(ctx, payload) })
		result <- invocation{output, err}
	})
	if !started {
		leave()
		return nil, &ServiceError{Code: "ServiceException", Status: http.StatusInternalServerError, Message: "The local endpoint is closed."}
	}
	select {
	case r := <-result:
		return r.output, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *functions) close(ctx context.Context) error {
	f.background.close()
	err := f.background.wait(ctx)
	f.cancel()
	f.background.group.Wait()
	if err != nil {
		return fmt.Errorf("functions still running: %w", err)
	}
	return nil
}

// run calls the handler as Lambda's runtime does: with a deadline and a Lambda context, and with its errors and panics
// reported as JSON. A handler that outlives its timeout, or its caller's ctx, is left behind, and nothing it says any more
// is heard.
func (fn function) run(caller context.Context, payload []byte) ([]byte, error) {
	requestID := uuid.NewString()
	ctx, cancel := context.WithTimeout(caller, fn.timeout)
	defer cancel()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: requestID, InvokedFunctionArn: FunctionARN(fn.name)})
	result := make(chan invocation, 1)
	go func() {
		output, err := fn.call(ctx, payload)
		result <- invocation{output, err}
	}()
	select {
	case r := <-result:
		if ctx.Err() == nil {
			return r.output, r.err
		}
	case <-ctx.Done():
	}
	if errors.Is(caller.Err(), context.Canceled) {
		return nil, &FunctionError{Type: "Runtime.ExitError",
			Message: fmt.Sprintf("RequestId: %s Error: Runtime exited with error: signal: killed", requestID)}
	}
	return nil, &FunctionError{
		Type:    "Sandbox.Timedout",
		Message: fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", requestID, fn.timeout.Seconds()),
	}
}

func (fn function) call(ctx context.Context, payload []byte) (output []byte, err error) {
	defer func() {
		if value := recover(); value != nil {
			output, err = nil, panicError(value)
		}
	}()
	environment := fn.environments.Get().(lambda.Handler)
	output, err = environment.Invoke(ctx, payload)
	output = bytes.Clone(output)
	fn.environments.Put(environment)
	if err != nil {
		return nil, handlerError(err)
	}
	return output, nil
}

// handlerError reports an error as aws-lambda-go does: errorType is the name of the Go type, behind a pointer if need be.
func handlerError(err error) *FunctionError {
	report := messages.InvokeResponse_Error{Message: err.Error(), Type: typeName(err)}
	if own, ok := err.(messages.InvokeResponse_Error); ok { //nolint:errorlint // the runtime looks at the outermost error only
		report = own
	}
	return reported(report)
}

// panicError reports a panic as aws-lambda-go does, before the process exits.
func panicError(value any) *FunctionError {
	report := messages.InvokeResponse_Error{Message: fmt.Sprint(value), Type: typeName(value)}
	if own, ok := value.(messages.InvokeResponse_Error); ok {
		report = own
	}
	for line := range strings.Lines(string(debug.Stack())) {
		if label, ok := strings.CutSuffix(line, ")\n"); ok {
			report.StackTrace = append(report.StackTrace, &messages.InvokeResponse_Error_StackFrame{Label: label + ")"})
		}
	}
	return reported(report)
}

func reported(report messages.InvokeResponse_Error) *FunctionError {
	// Texts and numbers always have a JSON form.
	payload, _ := json.Marshal(report)
	return &FunctionError{Type: report.Type, Message: report.Message, payload: payload}
}

func typeName(value any) string {
	t := reflect.TypeOf(value)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Name()
}

// invokeTask is the optimised integration with Lambda.
// https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html
func (e *Endpoint) invokeTask(ctx context.Context, call asl.Call) (json.RawMessage, error) {
	name, payload, err := invokeArguments(call.Arguments)
	if err != nil {
		return nil, &asl.TaskError{Name: "States.Runtime", Cause: fmt.Sprintf("lambda:invoke takes the arguments FunctionName and Payload: %v",
			err)}
	}
	output, err := e.functions.invoke(ctx, name, payload)
	if err != nil {
		return nil, lambdaTaskError(err)
	}
	const head, tail = `{"ExecutedVersion":"$LATEST","Payload":`, `,"StatusCode":200}`
	result := append(make([]byte, 0, len(head)+len(output)+len(tail)), head...)
	if compact, err := rawjson.AppendCompact(result, output); err == nil {
		return append(compact, tail...), nil
	}
	text, err := rawjson.Marshal(string(output))
	if err != nil {
		return nil, fmt.Errorf("lambda:invoke %s: %w", name, err)
	}
	return append(append(result, text...), tail...), nil
}

// invokeArguments takes the arguments apart. The payload, which is most of them, is not decoded if that can be avoided.
func invokeArguments(arguments json.RawMessage) (name string, payload json.RawMessage, err error) {
	var in struct {
		FunctionName string
		Payload      json.RawMessage
	}
	text, whole := string(arguments), ""
	rest, ok := rawjson.Object(text, func(key, value string) bool {
		if key == "Payload" {
			whole = value
		}
		return key != "Payload"
	})
	if !ok {
		rest, whole = text, ""
	}
	dec := json.NewDecoder(strings.NewReader(rest))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return "", nil, err
	}
	switch {
	case whole != "":
		in.Payload = json.RawMessage(whole)
	case in.Payload == nil:
		in.Payload = json.RawMessage("{}")
	}
	return in.FunctionName, in.Payload, nil
}

// lambdaTaskError names an error as Step Functions does: a function's by its errorType, a service's with "Lambda." before it.
func lambdaTaskError(err error) error {
	var function *FunctionError
	if errors.As(err, &function) {
		return &asl.TaskError{Name: function.Type, Cause: string(function.Payload())}
	}
	var service *ServiceError
	if errors.As(err, &service) {
		status := service.Status
		if status == 0 {
			status = http.StatusBadRequest
		}
		return &asl.TaskError{Name: "Lambda." + service.Code,
			Cause: fmt.Sprintf("%s (Service: AWSLambda; Status Code: %d; Error Code: %s; Request ID: %s; Proxy: null)",
				service.Message, status, service.Code, uuid.NewString())}
	}
	// An error of Around that says nothing about itself: Lambda failed in a way that nobody knows.
	return &asl.TaskError{Name: "Lambda.Unknown",
		Cause: "The cause could not be determined because Lambda did not return an error type. Returned payload: " + err.Error()}
}

// checkInvocation refuses what AWS's model of Invoke refuses, and what would have no effect here.
func (e *Endpoint) checkInvocation(name string, r *http.Request) error {
	in := map[string]any{"FunctionName": name}
	if query := r.URL.Query(); query.Has("Qualifier") {
		in["Qualifier"] = query.Get("Qualifier")
	}
	for member, header := range map[string]string{
		"InvocationType": "X-Amz-Invocation-Type", "LogType": "X-Amz-Log-Type", "ClientContext": "X-Amz-Client-Context",
		"DurableExecutionName": "X-Amz-Durable-Execution-Name", "TenantId": "X-Amz-Tenant-Id",
	} {
		if value := r.Header.Get(header); value != "" {
			in[member] = value
		}
	}
	model, ok := e.models["AWSLambda"]["Invoke"]
	if !ok {
		return errors.New("there is no model of Invoke")
	}
	if err := model.checkValue(in); err != nil {
		return err
	}
	for _, member := range []string{"ClientContext", "DurableExecutionName", "TenantId"} {
		if in[member] != nil {
			return notTaken(member)
		}
	}
	if in["LogType"] == "Tail" {
		return &ServiceError{Code: "InvalidParameterValueException", Message: "The local endpoint keeps no logs that LogType could give back."}
	}
	return nil
}

// serveLambda answers the operations of Lambda's REST API that are served: Invoke and GetFunctionConfiguration.
func (e *Endpoint) serveLambda(w http.ResponseWriter, r *http.Request) {
	name, operation := path.Split(strings.TrimPrefix(r.URL.EscapedPath(), lambdaPath))
	name, err := url.PathUnescape(strings.TrimSuffix(name, "/"))
	switch {
	case err == nil && operation == "invocations" && r.Method == http.MethodPost:
		e.serveInvoke(w, r, name)
	case err == nil && operation == "configuration" && r.Method == http.MethodGet:
		e.serveConfiguration(w, r, name)
	default:
		writeError(w, lambdaType, &ServiceError{Code: "UnknownOperationException", Status: http.StatusNotFound,
			Message: "The local endpoint has no operation of Lambda but Invoke and GetFunctionConfiguration."})
	}
}

// lambdaType is the type of what Lambda answers.
const lambdaType = "application/json"

// Configuration is what people read of a function; it decides nothing here.
type Configuration struct {
	Description string
	// Variables are those of its environment.
	Variables map[string]string
}

// Configure says what GetFunctionConfiguration tells of a function that is registered. To configure one that is not does nothing.
func (e *Endpoint) Configure(name string, c Configuration) {
	e.functions.mu.Lock()
	defer e.functions.mu.Unlock()
	if fn, ok := e.functions.byName[name]; ok {
		fn.configuration, fn.modified = c, e.clock.Now()
		e.functions.byName[name] = fn
	}
}

// serveConfiguration answers GET /2015-03-31/functions/{name}/configuration.
// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
func (e *Endpoint) serveConfiguration(w http.ResponseWriter, r *http.Request, name string) {
	in := map[string]any{"FunctionName": name}
	if query := r.URL.Query(); query.Has("Qualifier") {
		in["Qualifier"] = query.Get("Qualifier")
		name += ":" + query.Get("Qualifier")
	}
	model, ok := e.models["AWSLambda"]["GetFunctionConfiguration"]
	if !ok {
		writeError(w, lambdaType, errors.New("there is no model of GetFunctionConfiguration"))
		return
	}
	if err := model.checkValue(in); err != nil {
		writeError(w, lambdaType, err)
		return
	}
	fn, err := e.functions.lookup(name)
	if err != nil {
		writeError(w, lambdaType, err)
		return
	}
	// https://docs.aws.amazon.com/lambda/latest/dg/lambda-functions.html: ISO 8601 with milliseconds and a zone without a colon.
	const modified = "2006-01-02T15:04:05.000-0700"
	writeJSON(w, lambdaType, http.StatusOK, map[string]any{
		"FunctionName": fn.name, "FunctionArn": FunctionARN(fn.name), "Description": fn.configuration.Description, "Version": latest,
		"Timeout": int(fn.timeout / time.Second), "LastModified": fn.modified.UTC().Format(modified), "State": "Active",
		"LastUpdateStatus": "Successful", "PackageType": "Zip", "Environment": map[string]any{"Variables": fn.configuration.Variables},
	})
}

// serveInvoke answers POST /2015-03-31/functions/{name}/invocations.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func (e *Endpoint) serveInvoke(w http.ResponseWriter, r *http.Request, name string) {
	const contentType = lambdaType
	payload, err := readBody(r)
	if err != nil {
		writeError(w, contentType, err)
		return
	}
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	if !json.Valid(payload) {
		writeError(w, contentType, &ServiceError{Code: "InvalidRequestContentException", Message: "Could not parse request body into json."})
		return
	}
	if err := e.checkInvocation(name, r); err != nil {
		writeError(w, contentType, err)
		return
	}
	if qualifier := r.URL.Query().Get("Qualifier"); qualifier != "" {
		name += ":" + qualifier
	}
	fn, err := e.functions.lookup(name)
	if err != nil {
		writeError(w, contentType, err)
		return
	}
	w.Header().Set("X-Amz-Executed-Version", latest)
	switch r.Header.Get("X-Amz-Invocation-Type") {
	case "Event":
		if err := e.InvokeLater(fn.name, payload); err != nil {
			writeError(w, contentType, err)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		return
	case "DryRun":
		w.WriteHeader(http.StatusNoContent)
		return
	}
	output, err := e.functions.invoke(r.Context(), fn.name, payload)
	var function *FunctionError
	switch {
	case errors.As(err, &function):
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		output = function.Payload()
	case err != nil:
		e.logInternal(r.Context(), "Lambda.Invoke", err)
		writeError(w, contentType, err)
		return
	}
	w.Header().Set("Content-Type", contentType)
	// The client is gone when this fails; there is nobody to tell.
	_, _ = w.Write(output)
}
