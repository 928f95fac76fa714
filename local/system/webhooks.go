package system

import (
	"encoding/json"
	"errors"
	"fmt"

	"sms-api/awslocal/awsapi"
	"sms-api/awslocal/eventbus"
	"sms-api/internal/deployment"
	"sms-api/internal/webhook"
)

// What is the same for all webhooks on this machine.
const (
	// WebhookLetters is the queue of what webhooks did not take.
	WebhookLetters = "sms-api-local-webhook-dead-letters"
	// WebhookSecret is what their header says.
	WebhookSecret = "local"
	// parameterRoot is the path below which their secrets are.
	parameterRoot = "/sms-api"
)

// Named says which ones of a list are wrong, by their names; an index of -1 is the whole list.
func Named(errs []error, index []int, name func(i int) string) error {
	named := make([]error, len(errs))
	for i, err := range errs {
		if named[i] = err; index[i] >= 0 {
			named[i] = fmt.Errorf("%s: %w", name(index[i]), err)
		}
	}
	return errors.Join(named...)
}

// webhooks makes a rule for each, whose target posts the events.
func (s *System) webhooks(o Options) error {
	errs, index := webhook.CheckAll(o.Webhooks, true)
	if err := Named(errs, index, func(i int) string { return "the webhook " + o.Webhooks[i].Name }); err != nil {
		return fmt.Errorf("the stack: %w", err)
	}
	if len(o.Webhooks) == 0 {
		return nil
	}
	s.AWS.Queue(WebhookLetters, awsapi.QueueOptions{Retention: deployment.LongestRetention})
	for _, w := range o.Webhooks {
		w = w.Complete(parameterRoot)
		if err := s.webhook(w, o); err != nil {
			return fmt.Errorf("webhook %s: %w", w.Name, err)
		}
	}
	return nil
}

func (s *System) webhook(w webhook.Webhook, o Options) error {
	if err := s.AWS.PutParameter(w.SecretParameter, "SecureString", WebhookSecret); err != nil {
		return err
	}
	pattern, err := w.Pattern()
	if err != nil {
		return err
	}
	name, bus := webhook.RuleName(w.Name), s.AWS.Bus(BusName)
	if _, err := bus.PutRule(eventbus.Rule{Name: name, Pattern: pattern}); err != nil {
		return err
	}
	to := &eventbus.Destination{
		URL: w.URL, Header: w.Header, Secret: func() (string, error) { return WebhookSecret, nil }, Rate: w.Rate, Clock: s.clock, Client: o.Post,
	}
	if o.Posted != nil {
		to.Called = func(event json.RawMessage, err error) { o.Posted(w.Name, event, err) }
	}
	return bus.PutTargets(name, eventbus.Target{
		ID: name, ARN: fmt.Sprintf("arn:aws:events:%s:%s:api-destination/%s", awsapi.Region, awsapi.Account, name),
		QueueARN: awsapi.QueueARN(WebhookLetters), Deliver: to.Deliver,
		Retry: &eventbus.Retry{Attempts: deployment.MostDeliveries, Age: deployment.LongestDelivery},
	})
}
