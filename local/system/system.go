// Package system puts the whole product together on one machine: the deployed state machine, the deployed handlers, an
// AWS-compatible endpoint in place of AWS and a stand-in for Aligo. What is not here is the network between them; the
// caller says under which addresses they find each other.
package system

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"sms-api/awslocal/awsapi"
	"sms-api/awslocal/eventbus"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/announce"
	"sms-api/internal/awsenv"
	"sms-api/internal/execution"
	"sms-api/internal/intake"
	"sms-api/internal/parameters"
	"sms-api/internal/route"
	"sms-api/internal/wiring"
	"sms-api/statemachine"
)

// BusName is the name of the event bus.
const BusName = "sms-api"

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
	// Routes map other services' events to messages.
	Routes []route.Route
	// EgressIPs are the addresses that a parked message asks to register.
	EgressIPs []string
	// Run replaces how a function runs: nil, or nil from it, means in this process. Such a function must have the same
	// settings, from its environment.
	Run func(function string, timeout time.Duration) lambda.Handler
	// Definition makes the state machine's JSON with the functions and the bus in it; nil means statemachine.Definition. An
	// older definition is what messages run that were under way when the stack was upgraded.
	Definition func(statemachine.Resources) (string, error)
	// Identify says who calls the API.
	Identify func(*http.Request) (intake.Caller, error)
	Log      *slog.Logger
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
	// Executions are the messages.
	Executions *execution.Executions
}

// The functions' time limits, as they are deployed.
const (
	sendTimeout = 30 * time.Second
	readTimeout = 60 * time.Second
)

// New puts a system together. The parameters hold the stand-in's credentials.
func New(o Options) (*System, error) {
	endpoint := awsapi.New(o.AWS)
	now := o.AWS.Clock.Now
	for name, value := range map[string]string{
		"api-key": aligotest.APIKey, "user-id": aligotest.UserID, "sender-key": aligotest.SenderKey, "sender": aligotest.Sender,
	} {
		if err := endpoint.PutParameter(parameters.DefaultPrefix+"/"+name, "SecureString", value); err != nil {
			return nil, fmt.Errorf("set up the parameters: %w", err)
		}
	}
	credentials := aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local", Source: "local"}
	config := awsenv.New(awsapi.Region, credentials, o.AWSURL)
	if o.HTTP != nil {
		config.HTTPClient = o.HTTP
	}
	functions := func() wiring.Settings {
		return wiring.Settings{
			AWS: config, HTTP: o.HTTP, AligoSMSURL: o.AligoURL, AligoKakaoURL: o.AligoURL, EgressIPs: o.EgressIPs, Now: now, Log: o.Log,
		}
	}
	function := func(name string, timeout time.Duration, handler any) (arn string) {
		if o.Run != nil {
			if run := o.Run(name, timeout); run != nil {
				handler = run
			}
		}
		return endpoint.Function(name, timeout, handler)
	}
	define := statemachine.Definition
	if o.Definition != nil {
		define = o.Definition
	}
	definition, err := define(statemachine.Resources{
		AlimTalkFunction:  function("alimtalk", sendTimeout, functions().Dispatch().SendAlimTalk),
		SMSFunction:       function("sms", sendTimeout, functions().Dispatch().SendSMS),
		ReceiptsFunction:  function("receipts", readTimeout, functions().Dispatch().Receipts),
		ReconcileFunction: function("reconcile", readTimeout, functions().Dispatch().Reconcile),
		EventBus:          BusName,
	})
	if err != nil {
		return nil, err
	}
	function("balance", sendTimeout, functions().Balance("local").Handle)
	bus := endpoint.Bus(BusName)
	machine, err := endpoint.StateMachine(statemachine.Name, "arn:aws:iam::"+awsapi.Account+":role/"+statemachine.Name, []byte(definition))
	if err != nil {
		return nil, err
	}
	executions := &execution.Executions{Client: sfn.NewFromConfig(config), StateMachineARN: machine, Now: now}
	announced := announce.Bus{Client: eventbridge.NewFromConfig(config), Name: BusName}
	client, templates := functions().Aligo()
	api := &intake.API{
		Executions: executions, Identify: o.Identify, UntrustedMaxRecipients: 1, Templates: templates, Wallet: client, Now: now, Log: o.Log,
	}
	_, doorTemplates := functions().Aligo()
	function("events", sendTimeout, (&intake.Events{
		Executions: executions, Bus: announced, Templates: doorTemplates, Now: now, Log: o.Log,
	}).Handle)
	function("settle", sendTimeout, (&announce.Ended{Executions: executions, Bus: announced, Log: o.Log}).Handle)

	s := &System{API: api.Handler(), AWS: endpoint, Aligo: o.Aligo, StateMachineARN: machine, Definition: definition, Executions: executions}
	if err := s.rule(bus, "message-requested", `{"detail-type":["MessageRequested"]}`, "events", eventbus.Input{}); err != nil {
		return nil, err
	}
	for _, r := range o.Routes {
		if err := errors.Join(r.Check()...); err != nil {
			return nil, fmt.Errorf("route %s: %w", r.Name, err)
		}
		input := eventbus.Input{Transformer: &eventbus.Transformer{PathsMap: r.Paths(), Template: r.Template()}}
		if err := s.rule(bus, "route-"+r.Name, string(r.Pattern), "events", input); err != nil {
			return nil, err
		}
	}
	ended := fmt.Sprintf(`{"source":["aws.states"],"detail-type":[%q],"detail":{"stateMachineArn":[%q],"status":["FAILED","TIMED_OUT",`+
		`"ABORTED"]}}`,
		statemachine.DetailTypeStatusChange, machine)
	if err := s.rule(endpoint.Bus(eventbus.Default), "execution-ended", ended, "settle", eventbus.Input{}); err != nil {
		return nil, err
	}
	return s, nil
}

// rule makes a rule that calls a function.
func (s *System) rule(bus *eventbus.Bus, name, pattern, function string, input eventbus.Input) error {
	if _, err := bus.PutRule(eventbus.Rule{Name: name, Pattern: pattern}); err != nil {
		return fmt.Errorf("rule %s: %w", name, err)
	}
	err := bus.PutTargets(name, eventbus.Target{
		ID: function, ARN: awsapi.FunctionARN(function), Input: input,
		// As Lambda tries a function again that EventBridge has called.
		Retry: &eventbus.Retry{Attempts: 2, Age: 6 * time.Hour},
		Deliver: func(ctx context.Context, event json.RawMessage) error {
			_, err := s.AWS.Invoke(ctx, function, event)
			return err
		},
	})
	if err != nil {
		return fmt.Errorf("rule %s: %w", name, err)
	}
	return nil
}
