package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"sms-api/console/page"
	"sms-api/internal/deadletter"
	"sms-api/internal/deployment"
	"sms-api/internal/way"
)

// DeadLetter is an event that could not be handled, explained. Numbers and texts in it are masked.
type DeadLetter struct {
	ID   string    `json:"id"`
	Sent time.Time `json:"sent"`
	// From says who gave it up: eventbridge, which could not hand it over; lambda, whose function failed; or queue, where a
	// function left it too often.
	From string `json:"from"`
	// Rule is the rule by which it came, if that is known, and Function the one that handles it.
	Rule     string `json:"rule,omitempty"`
	Function string `json:"function"`
	// Why is the error that it was given up with, masked; of a letter from the queue only the function's log knows.
	Why string `json:"why,omitempty"`
	// Event, Source and DetailType are the event's; empty when it cannot be read.
	Event      string          `json:"event,omitempty"`
	Source     string          `json:"source,omitempty"`
	DetailType string          `json:"detailType,omitempty"`
	Detail     json.RawMessage `json:"detail,omitempty"`
	// Log is where the function's log is.
	Log string `json:"log"`

	letter types.Message
	read   time.Time
}

// Reading the queue: letters are hidden for a moment from others who read it.
const (
	letterHidden = 10 * time.Second
	mostLetters  = 100
)

func (s *Stack) queue(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queueURL == "" {
		out, err := s.queues.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &s.DeadLetters})
		if err != nil {
			return "", explained(err)
		}
		s.queueURL = aws.ToString(out.QueueUrl)
	}
	return s.queueURL, nil
}

// Letters reads the dead letters, at most mostLetters of them, oldest first. Those that somebody else has read a moment ago are
// not among them.
func (s *Stack) Letters(ctx context.Context) ([]DeadLetter, error) {
	queue, err := s.queue(ctx)
	if err != nil {
		return nil, err
	}
	// One reading at a time: what the other has in its hands would be in nobody's list.
	s.reading.Lock()
	defer s.reading.Unlock()
	letters, now := s.remembered(), s.Now()
	for len(letters) < mostLetters {
		out, err := s.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &queue, MaxNumberOfMessages: 10, VisibilityTimeout: int32(letterHidden / time.Second),
			MessageAttributeNames:       []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		})
		if err != nil {
			return nil, explained(err)
		}
		fresh := 0
		for _, m := range out.Messages {
			l := s.explain(m)
			l.read = now
			if i := slices.IndexFunc(letters, func(known DeadLetter) bool { return known.ID == l.ID }); i >= 0 {
				letters[i] = l // only the newest receipt counts
				continue
			}
			letters = append(letters, l)
			fresh++
		}
		if fresh == 0 {
			break
		}
	}
	slices.SortStableFunc(letters, func(a, b DeadLetter) int { return a.Sent.Compare(b.Sent) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = map[string]DeadLetter{}
	for _, l := range letters {
		s.seen[l.ID] = l
	}
	return letters, nil
}

// AwaitLetters reads the dead letters as Letters does. Where one with these ids is not there, or none at all, it goes on reading for as
// long as those are hidden that somebody has read a moment ago: they may come back one by one.
func (s *Stack) AwaitLetters(ctx context.Context, ids ...string) ([]DeadLetter, error) {
	begin := s.Now()
	letters, err := s.Letters(ctx)
	none := len(letters) == 0
	for err == nil && s.Now().Sub(begin) <= letterHidden+letterPause {
		missing := slices.ContainsFunc(ids, func(id string) bool {
			return !slices.ContainsFunc(letters, func(l DeadLetter) bool { return l.ID == id })
		})
		if !missing && (len(ids) > 0 || !none) {
			break
		}
		if err = s.Sleep(ctx, letterPause); err == nil {
			letters, err = s.Letters(ctx)
		}
	}
	return letters, err
}

// remembered are the letters that this stack has read, and that are hidden because of that.
func (s *Stack) remembered() []DeadLetter {
	s.mu.Lock()
	defer s.mu.Unlock()
	letters := []DeadLetter{}
	for _, l := range s.seen {
		if s.Now().Sub(l.read) < letterHidden {
			letters = append(letters, l)
		}
	}
	return letters
}

// Letter is a letter that was read, or is there to be read. The error is a problem when it is not.
func (s *Stack) Letter(ctx context.Context, id string) (DeadLetter, error) {
	s.mu.Lock()
	l, ok := s.seen[id]
	s.mu.Unlock()
	if ok && s.holds(l) {
		return l, nil
	}
	return s.anew(ctx, id)
}

// holds says whether a letter is hidden from others because it was read here. Its receipt is good for so long.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html
func (s *Stack) holds(l DeadLetter) bool { return s.Now().Sub(l.read) < letterHidden }

// letterPause is how long a letter that others may have is waited for before it is looked for again.
const letterPause = time.Second

// anew receives a letter once more, so that there is time to do something about it. One that is hidden, because it was read a moment
// ago by whomever, comes back when that is over.
func (s *Stack) anew(ctx context.Context, id string) (DeadLetter, error) {
	for begin := s.Now(); ; {
		letters, err := s.Letters(ctx)
		if err != nil {
			return DeadLetter{}, err
		}
		i := slices.IndexFunc(letters, func(l DeadLetter) bool { return l.ID == id })
		switch {
		case i >= 0 && s.Now().Sub(letters[i].read) < letterHidden/2:
			return letters[i], nil
		case i < 0 && s.Now().Sub(begin) > letterHidden+letterPause:
			return DeadLetter{}, NoLetter()
		}
		if err := s.Sleep(ctx, letterPause); err != nil {
			return DeadLetter{}, err
		}
	}
}

// explain reads what a letter is.
func (s *Stack) explain(m types.Message) DeadLetter {
	l := DeadLetter{ID: aws.ToString(m.MessageId), From: "queue", Function: deployment.Events, letter: m}
	if ms, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64); err == nil {
		l.Sent = time.UnixMilli(ms).UTC()
	}
	text := []byte(aws.ToString(m.Body))
	attribute := func(name string) string { return aws.ToString(m.MessageAttributes[name].StringValue) }
	var record struct {
		RequestContext struct {
			FunctionARN string `json:"functionArn"`
			Condition   string `json:"condition"`
		} `json:"requestContext"`
		ResponsePayload struct {
			ErrorType    string `json:"errorType"`
			ErrorMessage string `json:"errorMessage"`
		} `json:"responsePayload"`
	}
	switch rule := attribute("RULE_ARN"); {
	case rule != "":
		l.From, l.Rule = "eventbridge", strings.TrimPrefix(rule[strings.LastIndex(rule, "/")+1:], s.Functions)
		l.Why = strings.TrimPrefix(attribute("ERROR_CODE")+": "+attribute("ERROR_MESSAGE"), ": ")
		l.Function = functionOf(l.Rule)
	case json.Unmarshal(text, &record) == nil && record.RequestContext.FunctionARN != "":
		l.From, l.Function = "lambda", s.functionIn(record.RequestContext.FunctionARN)
		l.Why = strings.Trim(record.ResponsePayload.ErrorType+": "+record.ResponsePayload.ErrorMessage, ": ")
		if l.Why == "" {
			l.Why = record.RequestContext.Condition
		}
	}
	l.Why = way.MaskText(l.Why)
	var handed struct {
		events.EventBridgeEvent

		// A rule of a route hands over the event beside the route's name.
		Route string          `json:"route"`
		Inner json.RawMessage `json:"event"`
	}
	if _, err := deadletter.Read(text, &handed); err == nil {
		if e := handed.EventBridgeEvent; handed.Route != "" {
			l.Rule = handed.Route
			_, _ = deadletter.Read(handed.Inner, &e)
			handed.EventBridgeEvent = e
		}
		e := handed.EventBridgeEvent
		l.Event, l.Source, l.DetailType, l.Detail = e.ID, e.Source, e.DetailType, way.MaskJSON(string(e.Detail))
		if l.Sent.IsZero() {
			l.Sent = e.Time
		}
	}
	l.Log = s.log(l.Function)
	return l
}

// functionOf is the function that a rule calls. Those of routes call that of events.
func functionOf(rule string) string {
	for _, r := range deployment.Rules(nil) {
		if r.Name == rule {
			return r.Function
		}
	}
	return deployment.Events
}

// functionIn is the function of an ARN, without what is before its name and the version behind it.
func (s *Stack) functionIn(arn string) string {
	parts := strings.Split(arn, ":")
	const name = 6 // arn:aws:lambda:REGION:ACCOUNT:function:NAME
	if len(parts) <= name {
		return arn
	}
	return strings.TrimPrefix(parts[name], s.Functions)
}

// log is where a function's log is.
func (s *Stack) log(function string) string {
	group := strings.ReplaceAll("/aws/lambda/"+s.Functions+function, "/", "$252F")
	return s.link("cloudwatch/home?region=%s#logsV2:log-groups/log-group/%s", s.Region, group)
}

// Again hands a letter to its function once more, and deletes it when that has handled it. What was done before is not done
// again by it: events have keys, and outcomes versions.
func (s *Stack) Again(ctx context.Context, l DeadLetter) error {
	payload, err := l.payload()
	if err != nil {
		return err
	}
	out, err := s.functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(s.Functions + l.Function), Payload: payload})
	if err != nil {
		return explained(err)
	}
	var left events.SQSEventResponse
	if out.FunctionError != nil || json.Unmarshal(out.Payload, &left) == nil && len(left.BatchItemFailures) > 0 {
		return problem(http.StatusConflict, page.ProblemType+"still-dead", "It could not be handled this time either",
			"the log of the function "+l.Function+" says why; repair that first")
	}
	return s.Drop(ctx, l)
}

// payload is what the function takes: events the answer of receive-message, which names the rule, and others the body.
func (l DeadLetter) payload() ([]byte, error) {
	if l.Function != deployment.Events {
		return []byte(aws.ToString(l.letter.Body)), nil
	}
	m := events.SQSMessage{MessageId: l.ID, Body: aws.ToString(l.letter.Body), MessageAttributes: map[string]events.SQSMessageAttribute{}}
	for name, a := range l.letter.MessageAttributes {
		m.MessageAttributes[name] = events.SQSMessageAttribute{DataType: aws.ToString(a.DataType), StringValue: a.StringValue}
	}
	text, err := json.Marshal(map[string]any{"Messages": []events.SQSMessage{m}})
	if err != nil {
		return nil, fmt.Errorf("dead letter %s: %w", l.ID, err)
	}
	return text, nil
}

// drops is how often a letter is received anew to be dropped.
const drops = 3

// Drop deletes a letter. What it was received with is good only for as long as it is hidden: when that is over, before or while it is
// deleted, it is received anew and deleted then.
func (s *Stack) Drop(ctx context.Context, l DeadLetter) error {
	queue, err := s.queue(ctx)
	if err != nil {
		return err
	}
	deleted := false
	for range drops {
		if s.holds(l) {
			_, err := s.queues.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &queue, ReceiptHandle: l.letter.ReceiptHandle})
			if err != nil && !tooOld(err) {
				return explained(err)
			}
			if deleted = deleted || err == nil; err == nil && s.holds(l) {
				s.forget(l.ID)
				return nil
			}
		}
		s.forget(l.ID)
		again, err := s.anew(ctx, l.ID)
		switch {
		case err != nil && deleted && isMissing(err):
			return nil // it was in time after all
		case err != nil:
			return err
		}
		l = again
	}
	return throttled()
}

// tooOld says that a queue does not take a receipt any more.
func tooOld(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains([]string{"ReceiptHandleIsInvalid", "InvalidParameterValue"}, api.ErrorCode())
}

func (s *Stack) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.seen, id)
}
