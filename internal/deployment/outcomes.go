package deployment

import (
	"fmt"
	"strings"
	"time"

	"sms-api/internal/message"
)

// The metrics of what became of recipients, with the stack and the channel as dimensions. The record function writes them.
const (
	MetricDelivered = "Delivered"
	MetricFailed    = "Failed"
	MetricUnknown   = "Unknown"
	// MetricFellBack counts recipients of an AlimTalk whose turn the SMS was after it.
	MetricFellBack = "FellBack"
	// MetricLatency is how many seconds it took from acceptance to delivery.
	MetricLatency = "Latency"
)

// Counted is such a metric of a channel.
type Counted struct {
	Metric  string
	Channel message.Channel
}

// OutcomeMetrics are all of them.
func OutcomeMetrics() []Counted {
	return append(ended(message.AlimTalk, message.SMS),
		Counted{MetricFellBack, message.AlimTalk}, Counted{MetricLatency, message.AlimTalk}, Counted{MetricLatency, message.SMS})
}

// ended are the metrics that say how recipients ended in these channels.
func ended(channels ...message.Channel) []Counted {
	var all []Counted
	for _, c := range channels {
		all = append(all, Counted{MetricDelivered, c}, Counted{MetricFailed, c}, Counted{MetricUnknown, c})
	}
	return all
}

// Share is how many percent some of the outcomes are of others.
type Share struct {
	// Part is some of Whole.
	Part, Whole []Counted
	// Least is how many there must be in all for the share to say something.
	Least int
}

// Expression is the share as CloudWatch reckons it, and 0 while there are too few; name says what each metric is called in it.
// A metric without values counts as none.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
func (s Share) Expression(name func(Counted) string) string {
	sum := func(all []Counted) string {
		var terms []string
		for _, c := range all {
			terms = append(terms, "FILL("+name(c)+", 0)")
		}
		return strings.Join(terms, " + ")
	}
	return fmt.Sprintf("IF(%[2]s >= %[3]d, 100 * (%[1]s) / (%[2]s), 0)", sum(s.Part), sum(s.Whole), s.Least)
}

// enough is for how many recipients a share is looked at: of fewer, a few wrong numbers would be an alarm.
const enough = 100

// ratePeriod is for how long recipients are counted.
const ratePeriod = 6 * time.Hour

// FailurePercent is from how many recipients of a hundred on that got nothing there is an alarm. More than all is never.
func FailurePercent() *Setting {
	return &Setting{Key: "alarms:failurePercent", Default: "20", Lowest: 1, Highest: never}
}

// FallbackPercent is from how many on that fell back there is one.
func FallbackPercent() *Setting {
	return &Setting{Key: "alarms:fallbackPercent", Default: "50", Lowest: 1, Highest: never}
}

const never = 101

// rateAlarms watch what became of messages.
func rateAlarms(w Watched) []Alarm {
	rate := func(name, what string, percent int, s Share) Alarm {
		return Alarm{
			Name: name, Description: fmt.Sprintf("%d %% of the recipients of six hours, of at least %d, %s. The query %s/by-cause, over "+
				"these hours, says why.", percent, enough, what, w.Stack),
			Namespace: MetricNamespace, Of: Outcomes, Share: &s,
			Statistic: sum, Period: ratePeriod, Periods: 1, Threshold: percent, Silence: isFine,
		}
	}
	everybody, alimTalk := ended(message.AlimTalk, message.SMS), ended(message.AlimTalk)
	fellBack := []Counted{{MetricFellBack, message.AlimTalk}}
	return []Alarm{
		rate("failure-rate", "got nothing", w.FailurePercent, Share{
			Part: []Counted{{MetricFailed, message.AlimTalk}, {MetricFailed, message.SMS}}, Whole: everybody, Least: enough,
		}),
		rate("fallback-rate", "were not reached by AlimTalk and fell back to SMS, which costs more", w.FallbackPercent, Share{
			Part: fellBack, Whole: append(alimTalk, fellBack...), Least: enough,
		}),
	}
}

// AlarmMetrics is how many metrics alarms watch, which is what CloudWatch bills: those that reckon a share watch several.
// https://aws.amazon.com/cloudwatch/pricing/
func AlarmMetrics(alarms []Alarm) int {
	n := 0
	for _, a := range alarms {
		if a.Share != nil {
			n += len(a.Share.Whole)
		} else {
			n++
		}
	}
	return n
}
