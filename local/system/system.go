// Package system puts the whole product together on one machine: the deployed state machine, the deployed handlers, an
// AWS-compatible endpoint in place of AWS and a stand-in for Aligo. What is not here is the network between them; the
// caller says under which addresses they find each other.
package system

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"

	"sms-api/awslocal/asl"
	"sms-api/awslocal/awsapi"
	"sms-api/awslocal/clock"
	"sms-api/awslocal/eventbus"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/apigateway"
	"sms-api/internal/awsenv"
	"sms-api/internal/deployment"
	"sms-api/internal/execution"
	"sms-api/internal/intake"
	"sms-api/internal/logging"
	"sms-api/internal/message"
	"sms-api/internal/parameters"
	"sms-api/internal/records"
	"sms-api/internal/route"
	"sms-api/internal/untrusted"
	"sms-api/internal/webhook"
	"sms-api/internal/wiring"
	"sms-api/statemachine"
)

// The names of the event bus, of the bucket of campaigns, of the table of sends, and of the queues of events and of what could not be
// handled.
const (
	BusName     = "sms-api"
	Bucket      = "sms-api-campaigns"
	GuardTable  = "sms-api-guards"
	EventQueue  = "sms-api-events"
	DeadLetters = StackName + "-dead-letters"
)

// StackName is what the names of a stack's resources would begin with: the console, and whoever invokes a function by hand, find
// things under the names that they have on a stack called local.
const StackName = "sms-api-local"

// accessKey is the ID of the functions' access key, and its secret.
const accessKey = "local"

// Options is what a system is made with.
type Options struct {
	// AWS is handed to the AWS-compatible endpoint; its Clock, which must be set, is everybody's.
	AWS awsapi.Options
	// Aligo is the stand-in.
	Aligo *aligotest.Standin
	// AWSURL and AligoURL are where the functions find the endpoint and the stand-in.
	AWSURL, AligoURL string
	// HTTP is the functions' client; nil means each SDK's own.
	HTTP *http.Client
	// Reserves says that functions have the concurrency that a stack reserves for them. A new account has none to reserve.
	Reserves bool
	// Settings are what variables of functions hold that a setting decides, by name, where that is not what they hold here.
	Settings map[string]string
	// Retryer wraps how the SDK tries again; nil leaves it as it is.
	Retryer func(aws.Retryer) aws.Retryer
	// Routes map other services' events to messages.
	Routes []route.Route
	// Webhooks are called for real; Post makes the calls, and nil is a client of the machine's network.
	Webhooks []webhook.Webhook
	Post     *http.Client
	// Posted is told of each call of a webhook: its error is nil if the event was taken. nil tells nobody.
	Posted func(webhook string, event json.RawMessage, err error)
	// Policy is what the stack says of callers that are not trusted.
	Policy untrusted.Policy
	// EgressIPs are the addresses that a parked message asks to register.
	EgressIPs []string
	// Run replaces how a function runs, which has these variables in its environment: nil, or nil from it, means in this
	// process.
	Run func(f deployment.Function, variables map[string]string) lambda.Handler
	// Definition makes the state machine's JSON with the functions and the bus in it; nil means statemachine.Definition. An
	// older definition is what messages run that were under way when the stack was upgraded.
	Definition func(functions map[string]string, bus string) (string, error)
	// Identify says who calls the API.
	Identify func(*http.Request) (intake.Caller, error)
	// Metrics takes the lines of which CloudWatch would make metrics; nil drops them.
	Metrics io.Writer
	Log     *slog.Logger
}

// System is a running system.
type System struct {
	// API is the HTTP API, the handler of the api function.
	API http.Handler
	// AWS is the AWS-compatible endpoint.
	AWS *awsapi.Endpoint
	// Aligo is the stand-in.
	Aligo *aligotest.Standin
	// StateMachineARN is the ARN of the state machine, Definition its JSON.
	StateMachineARN, Definition string
	// CampaignMachineARN is that of the state machine of campaigns.
	CampaignMachineARN string
	// Executions are the messages as they are, and Records what people read of them.
	Executions *execution.Executions
	Records    *records.Store

	clock asl.Clock
	// timeouts are how long the functions may run, by name.
	timeouts map[string]time.Duration
}

// Shop are the settings of the stand-in's made-up shop, by the names of the variables.
func Shop() map[string]string {
	return map[string]string{
		deployment.AdsSenderName: "가나상점", deployment.AdsContact: "02-000-0000", deployment.AdsRefusal: "무료수신거부 080-000-0000",
	}
}

// Ads is what they make of advertising.
func Ads() message.Ads {
	values := deployment.Defaults()
	maps.Copy(values, Shop())
	return (&wiring.Environment{Variables: values}).Ads()
}

// Variables are what a function finds in its environment on this machine.
func Variables(f deployment.Function, egressIPs []string) (map[string]string, error) {
	values := deployment.Defaults()
	maps.Copy(values, Shop())
	maps.Copy(values, map[string]string{
		deployment.ParameterPrefix: parameters.DefaultPrefix, deployment.EgressIPs: strings.Join(egressIPs, ","),
		deployment.StateMachineARN: awsapi.StateMachineARN(statemachine.Name), deployment.EventBusName: BusName, deployment.Stack: "local",
		deployment.GuardTable: GuardTable, deployment.CampaignBucket: Bucket,
		deployment.CampaignMachineARN: awsapi.StateMachineARN(statemachine.CampaignName),
	})
	return deployment.Pick(f, values)
}

// inProcess are the handlers of the functions that Lambda calls, each as its main makes it.
func inProcess() map[string]func(*wiring.Environment) any {
	return map[string]func(*wiring.Environment) any{
		"alimtalk":         func(e *wiring.Environment) any { return e.Dispatch().SendAlimTalk },
		"sms":              func(e *wiring.Environment) any { return e.SMS().SendSMS },
		"receipts":         func(e *wiring.Environment) any { return e.Dispatch().Receipts },
		"reconcile":        func(e *wiring.Environment) any { return e.Dispatch().Reconcile },
		"plan":             func(e *wiring.Environment) any { return e.Planning().Handle },
		"campaign":         func(e *wiring.Environment) any { return e.Campaign().Turn },
		"report":           func(e *wiring.Environment) any { return e.Reporting().Handle },
		deployment.Balance: func(e *wiring.Environment) any { return e.Balance().Handle },
		deployment.Events:  func(e *wiring.Environment) any { return e.Events().Invoke },
		deployment.Settle:  func(e *wiring.Environment) any { return e.Ended().Handle },
		deployment.Record:  func(e *wiring.Environment) any { return e.Recorder().Handle },
		deployment.Sweep:   func(e *wiring.Environment) any { return e.Sweeper().Handle },

		deployment.Templates: func(e *wiring.Environment) any { return e.TemplateDesk().Handle },
	}
}

// New puts a system together. The parameters hold the stand-in's credentials.
func New(o Options) (*System, error) {
	endpoint := awsapi.New(o.AWS)
	for name, value := range map[string]string{
		"api-key": aligotest.APIKey, "user-id": aligotest.UserID, "sender-key": aligotest.SenderKey, "sender": aligotest.Sender,
		parameters.NumberKey: "local",
	} {
		if err := endpoint.PutParameter(parameters.DefaultPrefix+"/"+name, "SecureString", value); err != nil {
			return nil, fmt.Errorf("set up the parameters: %w", err)
		}
	}
	guards := deployment.GuardsTable()
	if err := endpoint.Table(GuardTable, guards.PartitionKey, guards.SortKey); err != nil {
		return nil, err
	}
	errs, index := route.CheckAll(o.Routes, Ads())
	files, err := deployment.Files(o.Routes, o.Policy)
	wrong := Named(errs, index, func(i int) string { return "the route " + o.Routes[i].Name })
	if err := errors.Join(append(o.Policy.Check(), wrong, err)...); err != nil {
		return nil, fmt.Errorf("the stack: %w", err)
	}
	endpoint.Queue(DeadLetters, awsapi.QueueOptions{Retention: deployment.LongestRetention})
	s := &System{AWS: endpoint, Aligo: o.Aligo, clock: o.AWS.Clock, timeouts: map[string]time.Duration{}}
	if err := endpoint.Bucket(Bucket, awsapi.BucketOptions{
		Secrets: map[string]string{accessKey: accessKey}, Events: true, Origins: []string{"*"}, MaxAge: deployment.CrossOrigin().MaxAge,
	}); err != nil {
		return nil, err
	}
	tasks := map[deployment.Caller]map[string]string{deployment.StateMachineTask: {}, deployment.CampaignTask: {}}
	for _, f := range deployment.Functions() {
		arn, err := s.function(f, o, files)
		if err != nil {
			return nil, err
		}
		s.timeouts[f.Name] = f.Timeout
		if f.State != "" {
			tasks[f.Caller][f.State] = arn
		}
	}
	define := statemachine.Definition
	if o.Definition != nil {
		define = o.Definition
	}
	if s.Definition, err = define(tasks[deployment.StateMachineTask], BusName); err != nil {
		return nil, err
	}
	endpoint.Bus(BusName)
	role := "arn:aws:iam::" + awsapi.Account + ":role/" + statemachine.Name
	if s.StateMachineARN, err = endpoint.StateMachine(statemachine.Name, role, []byte(s.Definition)); err != nil {
		return nil, err
	}
	endpoint.AlsoCalled(StackName+strings.TrimPrefix(statemachine.Name, BusName), statemachine.Name)
	campaigns, err := statemachine.CampaignDefinition(tasks[deployment.CampaignTask])
	if err != nil {
		return nil, err
	}
	if s.CampaignMachineARN, err = endpoint.StateMachine(statemachine.CampaignName, role, []byte(campaigns)); err != nil {
		return nil, err
	}
	for _, r := range deployment.Rules(o.Routes) {
		if err := s.rule(r); err != nil {
			return nil, fmt.Errorf("rule %s: %w", r.Name, err)
		}
	}
	return s, s.webhooks(o)
}

// function makes a function, and the API of the function that answers it.
func (s *System) function(f deployment.Function, o Options, files map[string][]byte) (arn string, err error) {
	variables, err := Variables(f, o.EgressIPs)
	if err != nil {
		return "", err
	}
	for name, value := range o.Settings {
		if _, ok := variables[name]; ok {
			variables[name] = value
		}
	}
	config := awsenv.New(awsapi.Region, aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: accessKey, Source: "local"}, o.AWSURL)
	if o.HTTP != nil {
		// A call of AWS has its limit here, too.
		client := *o.HTTP
		client.Timeout = cmp.Or(client.Timeout, awsenv.CallTimeout)
		config.HTTPClient = &client
	}
	if o.Retryer != nil {
		made := config.Retryer
		config.Retryer = func() aws.Retryer { return o.Retryer(made()) }
	}
	e := &wiring.Environment{
		AWS: config, Parameters: parameterReader(config), Variables: variables, Files: files,
		AligoSMSURL: o.AligoURL, AligoKakaoURL: o.AligoURL, HTTP: o.HTTP,
		Metrics: o.Metrics, Now: o.AWS.Clock.Now, Sleep: o.AWS.Clock.Sleep, Log: o.Log,
	}
	if e.Metrics == nil {
		e.Metrics = io.Discard
	}
	if e.Log == nil {
		e.Log = logging.New()
	}
	if f.Caller == deployment.APIGateway {
		s.Executions, s.Records, s.API = e.Outcomes(), e.Records(), apigateway.Limited(e.API(o.Identify).Handler(), f.Timeout)
		return "", e.Err()
	}
	handle, ok := inProcess()[f.Name]
	if !ok {
		return "", fmt.Errorf("function %s: there is no handler for it", f.Name)
	}
	handler := handle(e)
	if err := e.Err(); err != nil {
		return "", fmt.Errorf("function %s: %w", f.Name, err)
	}
	if o.Run != nil {
		if run := o.Run(f, variables); run != nil {
			handler = run
		}
	}
	// A stack's functions have its prefix before their names.
	s.AWS.Function(StackName+"-"+f.Name, f.Timeout, handler)
	s.AWS.Configure(StackName+"-"+f.Name, awsapi.Configuration{Description: f.Description(), Variables: variables})
	arn = s.AWS.Function(f.Name, f.Timeout, handler)
	if f.Concurrency != deployment.Unreserved && o.Reserves {
		if err := s.AWS.Reserve(f.Name, f.Concurrency); err != nil {
			return "", fmt.Errorf("function %s: %w", f.Name, err)
		}
	}
	if f.Caller == deployment.EventQueue {
		if err := s.queue(f, variables); err != nil {
			return "", err
		}
	}
	return arn, s.AWS.Async(f.Name, awsapi.Async{
		Retries: f.Retries, Age: deployment.LongestQueued, OnFailure: awsapi.QueueARN(DeadLetters),
	})
}

// queue makes the queue of events, which the function takes.
func (s *System) queue(f deployment.Function, variables map[string]string) error {
	s.AWS.Queue(EventQueue, awsapi.QueueOptions{
		Visibility: deployment.EventHidden(f.Timeout), Retention: deployment.LongestRetention, DeadLetters: DeadLetters,
		MaxReceives: deployment.EventReceives,
	})
	rate, err := strconv.Atoi(variables[deployment.EventRate])
	if err != nil {
		return fmt.Errorf("function %s: %s: %w", f.Name, deployment.EventRate, err)
	}
	return s.AWS.Take(EventQueue, awsapi.Source{
		Function: f.Name, Batch: deployment.EventBatch, Concurrency: deployment.EventRuns(rate),
	})
}

// Schedule calls the functions that have a schedule, by the clock of everything, until ctx ends.
func (s *System) Schedule(ctx context.Context) {
	var all sync.WaitGroup
	for _, r := range deployment.Rules(nil) {
		if r.Every == nil {
			continue
		}
		all.Add(1)
		clock.Go(s.clock, func() {
			defer all.Done()
			s.schedule(ctx, r)
		})
	}
	all.Wait()
}

func (s *System) schedule(ctx context.Context, r deployment.Rule) {
	minutes, err := strconv.Atoi(r.Every.Default)
	for err == nil {
		if err = s.clock.Sleep(ctx, time.Duration(minutes)*time.Minute); err == nil {
			err = s.AWS.InvokeLater(r.Function, []byte(`{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}`))
		}
	}
}

// rule makes a rule that calls a function. Those with a schedule are Schedule's.
func (s *System) rule(r deployment.Rule) error {
	if r.Every != nil {
		return nil
	}
	f, ok := deployment.FunctionNamed(r.Function)
	if !ok && r.Function != "" {
		return fmt.Errorf("there is no function %s", r.Function)
	}
	var input eventbus.Input
	if r.InputTemplate != "" {
		input.Transformer = &eventbus.Transformer{Template: r.InputTemplate}
	}
	bus := s.AWS.Bus(BusName)
	if r.OnDefaultBus {
		bus = s.AWS.Bus(eventbus.Default)
	}
	if _, err := bus.PutRule(eventbus.Rule{Name: r.Name, Pattern: r.PatternFor(s.StateMachineARN, Bucket)}); err != nil {
		return err
	}
	target := eventbus.Target{
		ID: r.Name, ARN: awsapi.FunctionARN(r.Function), QueueARN: awsapi.QueueARN(DeadLetters), Input: input,
		Retry:   &eventbus.Retry{Attempts: deployment.MostDeliveries, Age: deployment.LongestDelivery},
		Deliver: func(_ context.Context, event json.RawMessage) error { return s.AWS.InvokeLater(r.Function, event) },
	}
	if r.Function == "" {
		target.ARN = s.CampaignMachineARN
		target.Deliver = func(ctx context.Context, event json.RawMessage) error {
			return s.AWS.StartExecution(ctx, s.CampaignMachineARN, event)
		}
	}
	if f.Caller == deployment.EventQueue {
		target.ARN = awsapi.QueueARN(EventQueue)
		target.Deliver = func(_ context.Context, event json.RawMessage) error { return s.AWS.Send(EventQueue, string(event)) }
	}
	return bus.PutTargets(r.Name, target)
}
