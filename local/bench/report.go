package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"sms-api/internal/deployment/price"
	"sms-api/internal/message"
	"sms-api/local/cost"
)

// Report is what a run has measured.
type Report struct {
	// Messages of so many Recipients each were sent, Concurrency of them at a time.
	Messages    int  `json:"messages"`
	Recipients  int  `json:"recipients"`
	Concurrency int  `json:"concurrency"`
	Faults      bool `json:"faults"`
	// Seconds is from the first request to the last MessageSettled.
	Seconds             float64 `json:"seconds"`
	MessagesPerSecond   float64 `json:"messagesPerSecond"`
	RecipientsPerSecond float64 `json:"recipientsPerSecond"`
	// LatencyMS is from the request to the first phone of the message that rings, in milliseconds. With more messages
	// under way than the machine can work on, most of it is waiting for a processor.
	LatencyMS Latency `json:"latencyMs"`
	// TransitionsPerMessage are what Step Functions bills: states entered and retries.
	TransitionsPerMessage float64 `json:"transitionsPerMessage"`
	// Lambda invocations, the one of the API included.
	LambdaInvocationsPerMessage   float64 `json:"lambdaInvocationsPerMessage"`
	LambdaInvocationsPerRecipient float64 `json:"lambdaInvocationsPerRecipient"`
	// Aligo calls, those for the list of templates included. Every function reads it again after ten minutes, which are
	// over much sooner here than in production.
	AligoCallsPerMessage   float64 `json:"aligoCallsPerMessage"`
	AligoCallsPerRecipient float64 `json:"aligoCallsPerRecipient"`
	// What AWS would bill: the counts above at the prices of package cost, with its assumptions about durations and bytes.
	USDPerMessage           float64 `json:"usdPerMessage"`
	USDPerMillionRecipients float64 `json:"usdPerMillionRecipients"`
	// ProcessorMSPerMessage is what the whole process, load and stand-ins included, took of the processors, in
	// milliseconds. Unlike the figures per second it says the same on a machine that has other things to do. 0 where the
	// system does not tell.
	ProcessorMSPerMessage float64 `json:"processorMsPerMessage"`
	// TableCallsPerMessage are the operations on the table of sends, TableProcessorMSPerMessage what they took of
	// ProcessorMSPerMessage, client and emulator included, as a profile of the load tells. 0 when another profile is taken.
	TableCallsPerMessage       float64 `json:"tableCallsPerMessage"`
	TableProcessorMSPerMessage float64 `json:"tableProcessorMsPerMessage"`
	// PeakRSSBytes is the memory of the whole process. 0 where the system does not tell.
	PeakRSSBytes int64 `json:"peakRssBytes"`
	// Recipients by what became of them.
	Delivered int `json:"delivered"`
	Failed    int `json:"failed"`
	Unknown   int `json:"unknown"`
}

// Latency is quantiles in milliseconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

func (b *bench) report(elapsed, processor time.Duration, peakRSS int64, tableShare float64) Report {
	messages := float64(b.messages)
	all := messages * float64(b.recipients)
	// Entering the first state is no branch, but billed like one.
	transitions := float64(b.transitions.Load()+b.executions.Load()) / messages
	invocations := float64(b.invocations.Load()+b.requests.Load()) / messages
	calls := float64(b.calls.Load()) / messages
	usd := costOf(b.recipients, transitions, invocations, calls)
	ms := func(q float64) float64 { return milliseconds(b.ledger.latency.quantile(q)) }
	return Report{
		Messages: b.messages, Recipients: b.recipients, Concurrency: b.concurrency, Faults: b.faults,
		Seconds:           elapsed.Seconds(),
		MessagesPerSecond: messages / elapsed.Seconds(), RecipientsPerSecond: all / elapsed.Seconds(),
		LatencyMS:                   Latency{ms(0.5), ms(0.95), ms(0.99)},
		TransitionsPerMessage:       transitions,
		LambdaInvocationsPerMessage: invocations, LambdaInvocationsPerRecipient: invocations / float64(b.recipients),
		AligoCallsPerMessage: calls, AligoCallsPerRecipient: calls / float64(b.recipients),
		USDPerMessage: usd, USDPerMillionRecipients: 1e6 * usd / float64(b.recipients),
		TableCallsPerMessage:       float64(b.tableCalls.Load()) / messages,
		TableProcessorMSPerMessage: milliseconds(processor) / messages * tableShare,
		ProcessorMSPerMessage:      milliseconds(processor) / messages, PeakRSSBytes: peakRSS,
		Delivered: b.ledger.statuses[message.Delivered], Failed: b.ledger.statuses[message.Failed], Unknown: b.ledger.statuses[message.Unknown],
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// costOf is what a message costs, in USD. What was counted takes the place of what the cost model says of a message that
// AlimTalk delivers, and what the model assumes about invocations and calls grows with them.
func costOf(recipients int, transitions, invocations, calls float64) float64 {
	delivered := cost.Paths()[0]
	usage := cost.Door(false, recipients).Plus(delivered.Usage(recipients))
	usage[price.Logs] *= invocations / usage[price.Invocations]
	for _, item := range []price.Item{price.Compute, price.NAT, price.Egress} {
		usage[item] *= calls / float64(delivered.Calls(recipients))
	}
	usage[price.Transitions], usage[price.Invocations] = transitions, invocations
	return price.Seoul().Cost(usage)
}

func (r Report) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	noun, with := "recipients", ""
	if r.Recipients == 1 {
		noun = "recipient"
	}
	if r.Faults {
		with = ", with faults"
	}
	fmt.Fprintf(w, "%d messages of %d %s, %d at a time%s, in %.1f s\n\n", r.Messages, r.Recipients, noun, r.Concurrency, with, r.Seconds)
	fmt.Fprintf(w, "messages/s\t%.0f\n", r.MessagesPerSecond)
	fmt.Fprintf(w, "recipients/s\t%.0f\n", r.RecipientsPerSecond)
	fmt.Fprintf(w, "request to acceptance by Aligo\tp50 %.1f ms, p95 %.1f ms, p99 %.1f ms\n", r.LatencyMS.P50, r.LatencyMS.P95,
		r.LatencyMS.P99)
	fmt.Fprintf(w, "state transitions\t%.3f a message\n", r.TransitionsPerMessage)
	fmt.Fprintf(w, "Lambda invocations\t%.3f a message, %.5f a recipient\n", r.LambdaInvocationsPerMessage, r.LambdaInvocationsPerRecipient)
	fmt.Fprintf(w, "calls to Aligo\t%.3f a message, %.5f a recipient\n", r.AligoCallsPerMessage, r.AligoCallsPerRecipient)
	fmt.Fprintf(w, "AWS, by use\t$%.6f a message, $%.2f a million recipients\n", r.USDPerMessage, r.USDPerMillionRecipients)
	fmt.Fprintf(w, "recipients\t%d delivered, %d failed, %d unknown; all of it as phones received it\n", r.Delivered, r.Failed, r.Unknown)
	fmt.Fprintf(w, "processor\t%.2f ms a message, load and stand-ins included\n", r.ProcessorMSPerMessage)
	fmt.Fprintf(w, "of that the table\t%.2f ms for %.3f operations a message\n", r.TableProcessorMSPerMessage, r.TableCallsPerMessage)
	fmt.Fprintf(w, "peak memory\t%.0f MB, load and stand-ins included\n", float64(r.PeakRSSBytes)/1e6)
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
