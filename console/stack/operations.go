package stack

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"sms-api/console/page"
	"sms-api/internal/message"
)

// Failed is an execution that did not come to its end.
type Failed struct {
	ID      string    `json:"id"`
	Status  string    `json:"status"`
	Stopped time.Time `json:"stopped"`
	// Link leads to it in AWS's console.
	Link string `json:"link"`
}

// redrivable is for how long after its end an execution can be redriven.
// https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
const redrivable = 14 * 24 * time.Hour

// mostFailed is how many executions of each kind are listed.
const mostFailed = 100

// Failed lists the executions that can be redriven, newest first. Those that somebody stopped are not among them: they were
// announced as what they are, and most of them are messages that were cancelled.
func (s *Stack) Failed(ctx context.Context) ([]Failed, error) {
	failed := []Failed{}
	for _, status := range []types.ExecutionStatus{types.ExecutionStatusFailed, types.ExecutionStatusTimedOut} {
		out, err := s.executions.ListExecutions(ctx, &sfn.ListExecutionsInput{
			StateMachineArn: &s.StateMachine, StatusFilter: status, MaxResults: mostFailed,
		})
		if err != nil {
			return nil, explained(err)
		}
		for _, x := range out.Executions {
			if at := aws.ToTime(x.StopDate); s.Now().Sub(at) < redrivable {
				arn := aws.ToString(x.ExecutionArn)
				failed = append(failed, Failed{
					ID: aws.ToString(x.Name), Status: string(x.Status), Stopped: at,
					Link: s.link("states/home?region=%s#/v2/executions/details/%s", s.Region, url.PathEscape(arn)),
				})
			}
		}
	}
	slices.SortStableFunc(failed, func(a, b Failed) int { return b.Stopped.Compare(a.Stopped) })
	return failed, nil
}

// Redrive takes an execution up again. It sends nothing twice: what may have been sent is looked for first.
func (s *Stack) Redrive(ctx context.Context, id string) error {
	arn := strings.Replace(s.StateMachine, ":stateMachine:", ":execution:", 1) + ":" + id
	_, err := s.executions.RedriveExecution(ctx, &sfn.RedriveExecutionInput{ExecutionArn: &arn})
	var not *types.ExecutionNotRedrivable
	var missing *types.ExecutionDoesNotExist
	switch {
	case errors.As(err, &not):
		return problem(http.StatusConflict, page.ProblemType+"not-redrivable", "The execution cannot be redriven",
			"it goes on already, has ended well, or ended more than 14 days ago")
	case errors.As(err, &missing):
		return page.NoMessage()
	}
	return explained(err)
}

// Parameter is a parameter without its value.
type Parameter struct {
	Name    string    `json:"name"`
	Type    string    `json:"type"`
	Changed time.Time `json:"changed"`
}

// ParameterNames lists what stands at the path of the credentials.
func (s *Stack) ParameterNames(ctx context.Context) ([]Parameter, error) {
	found := []Parameter{}
	in := &ssm.DescribeParametersInput{ParameterFilters: []ssmtypes.ParameterStringFilter{{
		Key: aws.String("Path"), Option: aws.String("Recursive"), Values: []string{s.Parameters},
	}}}
	for {
		out, err := s.parameters.DescribeParameters(ctx, in)
		if err != nil {
			return nil, explained(err)
		}
		for _, p := range out.Parameters {
			found = append(found, Parameter{Name: aws.ToString(p.Name), Type: string(p.Type), Changed: aws.ToTime(p.LastModifiedDate)})
		}
		if out.NextToken == nil {
			return found, nil
		}
		in.NextToken = out.NextToken
	}
}

// Alarm is an alarm as it stands.
type Alarm struct {
	Name        string    `json:"name"`
	State       string    `json:"state"`
	Description string    `json:"description,omitempty"`
	Since       time.Time `json:"since"`
	Link        string    `json:"link"`
}

// AlarmStates lists the stack's alarms, those that ring first.
func (s *Stack) AlarmStates(ctx context.Context) ([]Alarm, error) {
	found := []Alarm{}
	in := &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: &s.Alarms, AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeMetricAlarm}}
	for {
		out, err := s.alarms.DescribeAlarms(ctx, in)
		if err != nil {
			return nil, explained(err)
		}
		for _, a := range out.MetricAlarms {
			name := aws.ToString(a.AlarmName)
			found = append(found, Alarm{
				Name: strings.TrimPrefix(name, s.Alarms), State: string(a.StateValue), Description: aws.ToString(a.AlarmDescription),
				Since: aws.ToTime(a.StateUpdatedTimestamp),
				Link:  s.link("cloudwatch/home?region=%s#alarmsV2:alarm/%s", s.Region, url.PathEscape(name)),
			})
		}
		if out.NextToken == nil {
			break
		}
		in.NextToken = out.NextToken
	}
	ringing := func(a Alarm) int {
		if a.State == string(cwtypes.StateValueAlarm) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(found, func(a, b Alarm) int { return ringing(a) - ringing(b) })
	return found, nil
}

// items is a list as the page reads it.
type items[T any] struct {
	Items []T `json:"items"`
	// Links lead to what AWS's console shows.
	Links map[string]string `json:"links,omitempty"`
}

// note logs what somebody did, who, and what came of it.
func (s *Stack) note(ctx context.Context, log *slog.Logger, what, which string, err error) {
	log.InfoContext(ctx, what, "who", s.Who, "which", which, "result", resultOf(err))
}

// resultOf is done, refused, or unknown: what was not answered, or with a failure over there, may have been done.
func resultOf(err error) string {
	var p *page.ProblemError
	var answer interface{ HTTPStatusCode() int }
	status := 0
	switch {
	case err == nil:
		return "done"
	case errors.As(err, &p):
		status = p.Status
	case errors.As(err, &answer):
		status = answer.HTTPStatusCode()
	}
	if status >= http.StatusBadRequest && status < http.StatusInternalServerError {
		return "refused"
	}
	return "unknown"
}

func (s *Stack) did(log *slog.Logger) func(r *http.Request, what, which string, err error) {
	return func(r *http.Request, what, which string, err error) { s.note(r.Context(), log, what, which, err) }
}

// Source is what the page shows of messages. Who cancels one is logged.
func (s *Stack) Source(log *slog.Logger) page.Source { return source{s.API, s, log} }

type source struct {
	*API

	stack *Stack
	log   *slog.Logger
}

func (s source) Cancel(ctx context.Context, id string) (message.Outcome, error) {
	o, err := s.API.Cancel(ctx, id)
	s.stack.note(ctx, s.log, "cancel a message", id, err)
	return o, err
}

// Campaigns are the campaigns of the stack, as a part of the page. Files are uploaded by a client without a time limit: what is
// uploaded may be large, and a line slow.
func (s *Stack) Campaigns(log *slog.Logger) page.Part {
	return (&page.Campaigns{API: s.API, HTTP: &http.Client{}, Did: s.did(log), Log: log}).Part()
}

// Part is what operators do, as a part of the page. Every action is logged with who did it, here and in CloudTrail or the
// API's own log; rights are AWS's business.
func (s *Stack) Part(log *slog.Logger) page.Part {
	did := func(r *http.Request, what, which string, err error) error {
		s.did(log)(r, what, which, err)
		return err
	}
	letter := func(r *http.Request, what string, do func(context.Context, DeadLetter) error) (any, error) {
		id := r.PathValue("id")
		l, err := s.Letter(r.Context(), id)
		if err != nil {
			return nil, err
		}
		return struct{}{}, did(r, what, id, do(r.Context(), l))
	}
	number := func(r *http.Request) (string, error) {
		to, wrong := message.ParseRecipientPhone(r.PathValue("number"))
		if wrong != "" {
			return "", page.BadRequest("the number " + wrong)
		}
		return "/v1/opt-outs/" + string(to), nil
	}
	optOut := func(method, what string, body []byte) page.Endpoint {
		return func(r *http.Request) (any, error) {
			path, err := number(r)
			if err != nil {
				return nil, err
			}
			var known map[string]any
			err = s.API.Ask(r.Context(), page.Request{Method: method, Path: path, Body: body}, &known)
			if what != "" {
				err = did(r, what, "a number", err)
			}
			return known, err
		}
	}
	limits := func(method string) page.Endpoint {
		return func(r *http.Request) (any, error) {
			query, which := url.Values{}, "everybody"
			for name, what := range map[string]string{"caller": r.FormValue("caller"), "to": "a number"} {
				if value := r.FormValue(name); value != "" {
					which = what
					query.Set(name, value)
				}
			}
			use := map[string]any{}
			err := s.API.Ask(r.Context(), page.Request{Method: method, Path: "/v1/limits", Query: query}, &use)
			if method == http.MethodDelete {
				err = did(r, "reset limits", which, err)
			}
			return use, err
		}
	}
	pass := func(path string) page.Endpoint {
		return func(r *http.Request) (any, error) {
			var v map[string]any
			err := s.API.Ask(r.Context(), page.Request{Method: http.MethodGet, Path: path}, &v)
			return v, err
		}
	}
	return page.Part{Name: "operations", Endpoints: map[string]page.Endpoint{
		"GET /inbox/failed": func(r *http.Request) (any, error) {
			failed, err := s.Failed(r.Context())
			return items[Failed]{Items: failed}, err
		},
		"POST /inbox/failed/{id}/redrive": func(r *http.Request) (any, error) {
			return struct{}{}, did(r, "redrive", r.PathValue("id"), s.Redrive(r.Context(), r.PathValue("id")))
		},
		"GET /inbox/dead-letters": func(r *http.Request) (any, error) {
			letters, err := s.Letters(r.Context())
			return items[DeadLetter]{Items: letters}, err
		},
		"POST /inbox/dead-letters/{id}/again": func(r *http.Request) (any, error) { return letter(r, "handle a dead letter again", s.Again) },
		"DELETE /inbox/dead-letters/{id}":     func(r *http.Request) (any, error) { return letter(r, "drop a dead letter", s.Drop) },
		"GET /inbox/parameters": func(r *http.Request) (any, error) {
			names, err := s.ParameterNames(r.Context())
			return items[Parameter]{Items: names}, err
		},
		"GET /inbox/alarms": func(r *http.Request) (any, error) {
			alarms, err := s.AlarmStates(r.Context())
			return items[Alarm]{Items: alarms, Links: map[string]string{
				"dashboard": s.link("cloudwatch/home?region=%s#dashboards/dashboard/%s", s.Region, strings.TrimSuffix(s.Alarms, "-")),
				"queries":   s.link("cloudwatch/home?region=%s#logsV2:logs-insights", s.Region),
			}}, err
		},
		"GET /inbox/deployed": func(r *http.Request) (any, error) { return s.Deployed(r.Context()) },
		"GET /inbox/template-states": func(r *http.Request) (any, error) {
			states, err := s.TemplateStates(r.Context())
			return items[TemplateState]{Items: states}, err
		},
		"GET /inbox/balance":              pass("/v1/balance"),
		"GET /inbox/limits":               limits(http.MethodGet),
		"DELETE /inbox/limits":            limits(http.MethodDelete),
		"GET /inbox/opt-outs/{number}":    optOut(http.MethodGet, "", nil),
		"PUT /inbox/opt-outs/{number}":    optOut(http.MethodPut, "opt out", []byte(`{"via":"console"}`)),
		"DELETE /inbox/opt-outs/{number}": optOut(http.MethodDelete, "opt in", nil),
	}}
}

// NoLetter is the problem of a dead letter that is not in the queue, or that somebody else has just read.
func NoLetter() *page.ProblemError {
	return problem(http.StatusNotFound, page.ProblemType+"letter-not-found", "There is no such dead letter",
		"it was handled or dropped, or somebody else has just read it: try again in 10 seconds")
}
