// Package tally turns what became of messages into numbers for people: metrics in CloudWatch's embedded metric format, whose
// lines also say why, so that a query can count causes without a metric for each.
package tally

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"sms-api/internal/deadletter"
	"sms-api/internal/deadline"
	"sms-api/internal/deployment"
	"sms-api/internal/message"
)

// records is what Recorder calls of *records.Store.
type records interface {
	// Settled writes an outcome down and says whether it had not been seen before.
	Settled(ctx context.Context, o message.Outcome) (first bool, err error)
}

// Recorder writes down every outcome that is announced, and counts it once. All fields but Used are needed.
type Recorder struct {
	Records records
	// Used notes when a template was used; nil notes nothing. What it cannot note holds nothing up.
	Used func(ctx context.Context, template string, at time.Time) error
	// Stack is a dimension of the metrics.
	Stack string
	// Metrics takes one JSON object a line; in Lambda it is standard output.
	Metrics io.Writer
	Now     func() time.Time
	Log     *slog.Logger
}

// spare is what is left of the function's time when that of its calls is over, so that it says itself what has failed.
const spare = 2 * time.Second

// Handle takes a MessageSettled event, or the dead letter of one. An error is worth another try: Lambda makes it. An outcome
// that comes again is not counted again; of a message that was redriven and ended otherwise each outcome counts.
func (r *Recorder) Handle(ctx context.Context, event deadletter.Event) error {
	var o message.Outcome
	if err := json.Unmarshal(event.Detail, &o); err != nil || o.ID == "" {
		// The error of the decoder could tell what stands in it.
		return fmt.Errorf("event %s is not the outcome of a message", event.ID)
	}
	ctx, cancel := deadline.Before(ctx, spare)
	defer cancel()
	_, err := r.Count(ctx, o)
	return err
}

// Count writes an outcome down that was announced, and counts it if it had not been seen before. An error is worth another try.
func (r *Recorder) Count(ctx context.Context, o message.Outcome) (first bool, err error) {
	first, err = r.Records.Settled(ctx, o)
	if err != nil {
		return false, fmt.Errorf("record message %s: %w", o.ID, err)
	}
	r.Log.LogAttrs(ctx, slog.LevelInfo, "recorded", slog.String("message", o.ID), slog.String("status", string(o.Status)),
		slog.Bool("first", first))
	if !first {
		return false, nil
	}
	r.note(ctx, o)
	var lines []byte
	for _, l := range Lines(o, r.Stack, r.Now()) {
		b, err := json.Marshal(l)
		if err != nil {
			return first, fmt.Errorf("count message %s: %w", o.ID, err)
		}
		lines = append(append(lines, b...), '\n')
	}
	if _, err := r.Metrics.Write(lines); err != nil {
		return first, fmt.Errorf("count message %s: %w", o.ID, err)
	}
	return first, nil
}

// note notes the use of the message's template, if its AlimTalk reached somebody.
func (r *Recorder) note(ctx context.Context, o message.Outcome) {
	if r.Used == nil || o.Template == "" {
		return
	}
	for _, one := range o.Recipients {
		if one.Channel != message.AlimTalk || one.Status != message.Delivered {
			continue
		}
		if err := r.Used(ctx, o.Template, one.At); err != nil {
			r.Log.LogAttrs(ctx, slog.LevelWarn, "use of a template not noted", slog.String("error", err.Error()))
		}
		return
	}
}

// Line is what is counted of a message in one channel: the recipients who ended in it, and those who went on to the next. A
// message has one for each channel that was tried, since a line has one value a dimension.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
type Line struct {
	AWS     metadata        `json:"_aws"`
	Stack   string          `json:"Stack"`
	Channel message.Channel `json:"Channel"`

	Delivered int `json:"Delivered"`
	Failed    int `json:"Failed"`
	Unknown   int `json:"Unknown"`
	// FellBack are the recipients of an AlimTalk whose turn the SMS was after it.
	FellBack *int `json:"FellBack,omitempty"`
	// Latency is how many seconds it took from when a message was accepted, or was to be sent, to its deliveries.
	Latency []float64 `json:"Latency,omitempty"`

	// Message is its id, Template the AlimTalk's.
	Message  string `json:"message"`
	Template string `json:"template,omitempty"`
	// Causes say how the attempts ended, each with how many recipients.
	Causes []Cause `json:"causes"`
}

// Cause is how an attempt ended.
type Cause struct {
	Status message.Status `json:"status"`
	// Code is a word of message.Codes, or a letter that Aligo has added since.
	Code       string `json:"code,omitempty"`
	Recipients int    `json:"recipients"`
}

type metadata struct {
	// Timestamp is in milliseconds since 1970.
	Timestamp         int64       `json:"Timestamp"`
	CloudWatchMetrics []directive `json:"CloudWatchMetrics"`
}

type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []metric
}

type metric struct{ Name, Unit string }

// Lines are what a settled message adds to the numbers.
func Lines(o message.Outcome, stack string, at time.Time) []Line {
	var lines []Line
	for _, c := range []message.Channel{message.AlimTalk, message.SMS} {
		if l, ok := line(o, c); ok {
			l.Stack = stack
			l.AWS = metadata{Timestamp: at.UnixMilli(), CloudWatchMetrics: []directive{{
				Namespace: deployment.MetricNamespace, Dimensions: [][]string{{"Stack", "Channel"}}, Metrics: l.metrics(),
			}}}
			lines = append(lines, l)
		}
	}
	return lines
}

func (l Line) metrics() []metric {
	all := []metric{{deployment.MetricDelivered, "Count"}, {deployment.MetricFailed, "Count"}, {deployment.MetricUnknown, "Count"}}
	if l.FellBack != nil {
		all = append(all, metric{deployment.MetricFellBack, "Count"})
	}
	if len(l.Latency) > 0 {
		all = append(all, metric{deployment.MetricLatency, "Seconds"})
	}
	return all
}

// line counts one channel; ok is false when nobody ended in it and nobody left it.
func line(o message.Outcome, c message.Channel) (l Line, ok bool) {
	l = Line{Channel: c, Message: o.ID, Template: o.Template, Causes: []Cause{}}
	fellBack := 0
	start := o.CreatedAt
	if o.SendAt.After(start) {
		start = o.SendAt
	}
	for _, r := range o.Recipients {
		ended := r.Channel
		if ended == "" {
			ended = o.Channel // nothing was tried
		}
		for _, a := range r.Attempts {
			if a.Channel == c && c != ended {
				fellBack++
				l.count(a.Status, a.Code)
			}
		}
		if ended != c {
			continue
		}
		l.count(r.Status, r.Code)
		switch r.Status {
		case message.Delivered:
			l.Delivered++
			l.Latency = append(l.Latency, max(0, r.At.Sub(start).Seconds()))
		case message.Failed:
			l.Failed++
		case message.Unknown:
			l.Unknown++
		case message.Pending:
		}
	}
	if c == message.AlimTalk {
		l.FellBack = &fellBack
	}
	l.Latency = sample(l.Latency)
	return l, len(l.Causes) > 0
}

func (l *Line) count(s message.Status, code string) {
	for i := range l.Causes {
		if l.Causes[i].Status == s && l.Causes[i].Code == code {
			l.Causes[i].Recipients++
			return
		}
	}
	l.Causes = append(l.Causes, Cause{Status: s, Code: code, Recipients: 1})
}

// mostValues is how many values a metric of a line may have.
const mostValues = 100

// sample takes as many of the values as a line may have, evenly from the least to the greatest.
func sample(values []float64) []float64 {
	slices.Sort(values)
	if len(values) <= mostValues {
		return values
	}
	picked := make([]float64, mostValues)
	for i := range picked {
		picked[i] = values[i*(len(values)-1)/(mostValues-1)]
	}
	return picked
}
