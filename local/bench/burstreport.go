package bench

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"sms-api/internal/deployment/price"
)

// BurstReport is what became of a burst. Its JSON is the nine members; the rest is for people.
type BurstReport struct {
	Messages    int `json:"messages"`
	Settled     int `json:"settled"`
	Rejected    int `json:"rejected"`
	DeadLetters int `json:"deadLetters"`
	// Lost are messages of which nothing was heard.
	Lost int `json:"lost"`
	// Twice counts phones that rang once more than they should have.
	Twice                 int     `json:"twice"`
	TransitionsPerMessage float64 `json:"transitionsPerMessage"`
	// USD is what AWS asks for all of them, at list prices and by use.
	USD float64 `json:"usd"`
	// Seconds are from the first request until the last message has settled, or was found to have been asked for before.
	Seconds float64 `json:"seconds"`

	sentP50, sentP99, sentLast               time.Duration
	invocations, calls                       float64
	refusals, failures, overdue, reads, peak int64
	throttled                                map[string]int
	bottlenecks                              []bottleneck
	wrong                                    []string
}

// bottleneck is what was throttled most during some time.
type bottleneck struct {
	from, until time.Duration
	what        string
	times       int
}

// report reckons a round that began with these counts.
func (b *burst) report(took time.Duration, before map[string]int) BurstReport {
	b.tally.mu.Lock()
	defer b.tally.mu.Unlock()
	n := float64(b.messages)
	r := BurstReport{
		Messages: b.messages, Settled: b.tally.settled, Rejected: b.tally.rejected, DeadLetters: b.deadLetters(), Twice: b.tally.twice,
		Seconds: took.Seconds(),
		sentP50: b.tally.untilSent.quantile(0.5), sentP99: b.tally.untilSent.quantile(0.99), sentLast: b.tally.lastRing.Sub(b.began),
		invocations: float64(b.invocations.Load()) / n, calls: float64(b.calls.Load()) / n,
		refusals: b.refusals.Load(), failures: b.failures.Load(), overdue: b.overdue.Load(), reads: b.reading.Load(),
		throttled: b.throttled(), bottlenecks: b.bottlenecks, wrong: b.tally.wrong,
	}
	_, r.peak = used()
	for name, times := range before {
		if r.throttled[name] -= times; r.throttled[name] == 0 {
			delete(r.throttled, name)
		}
	}
	r.Lost = max(0, b.messages-r.Settled-r.Rejected-r.DeadLetters)
	if started := b.started.Load(); started > 0 || b.transitions.Load() > 0 {
		// Entering the first state is no branch, but billed like one.
		r.TransitionsPerMessage = float64(b.transitions.Load()+started) / n
	}
	r.USD = price.Seoul().Cost(b.usage(r))
	return r
}

// err says what must not be.
func (r BurstReport) err() error {
	var errs []error
	if len(r.wrong) > 0 {
		errs = append(errs, fmt.Errorf("not as it should be:\n  %s", strings.Join(r.wrong, "\n  ")))
	}
	if r.Lost > 0 {
		errs = append(errs, fmt.Errorf("%d messages were lost", r.Lost))
	}
	return errors.Join(errs...)
}

func (r BurstReport) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%d messages, in %s of virtual time\n\n", r.Messages, round(time.Duration(r.Seconds*float64(time.Second))))
	fmt.Fprintf(w, "settled\t%d, rejected %d, dead letters %d, lost %d, twice %d\n", r.Settled, r.Rejected, r.DeadLetters, r.Lost, r.Twice)
	fmt.Fprintf(w, "until sent\tp50 %s, p99 %s, the last after %s\n", round(r.sentP50), round(r.sentP99), round(r.sentLast))
	fmt.Fprintf(w, "state transitions\t%.3f a message\n", r.TransitionsPerMessage)
	fmt.Fprintf(w, "Lambda invocations\t%.3f a message\n", r.invocations)
	fmt.Fprintf(w, "calls to Aligo\t%.3f a message\n", r.calls)
	fmt.Fprintf(w, "AWS, by use\t$%.2f, $%.6f a message\n", r.USD, r.USD/float64(r.Messages))
	fmt.Fprintf(w, "the API answered\t%d times 429, %d times 5xx; %d reads\n", r.refusals, r.failures, r.reads)
	fmt.Fprintf(w, "too long for their functions\t%d invocations, which Lambda would have ended\n", r.overdue)
	fmt.Fprintf(w, "peak memory\t%.0f MB, load and stand-ins included\n", float64(r.peak)/1e6)
	for _, name := range slices.Sorted(maps.Keys(r.throttled)) {
		fmt.Fprintf(w, "throttled\t%s\t%d\n", name, r.throttled[name])
	}
	for _, n := range r.bottlenecks {
		fmt.Fprintf(w, "bottleneck\t%s to %s\t%s\t%d times\n", round(n.from), round(n.until), n.what, n.times)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func round(d time.Duration) time.Duration {
	if d > time.Minute {
		return d.Round(time.Second)
	}
	return d.Round(time.Millisecond)
}

// watchFor is how long a bottleneck is looked for at a time.
const watchFor = time.Minute

// watch notes what is throttled most, minute by minute. The list stays short: neighbours that are the same are one.
func (b *burst) watch(before map[string]int) {
	now := b.throttled()
	most, times := "none", 0
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if n := now[name] - before[name]; n > times {
			most, times = name, n
		}
	}
	until := b.clock.Now().Sub(b.began)
	if last := len(b.bottlenecks) - 1; last >= 0 && b.bottlenecks[last].what == most {
		b.bottlenecks[last].until = until
		b.bottlenecks[last].times += times
		return
	}
	const listed = 50
	if len(b.bottlenecks) < listed {
		b.bottlenecks = append(b.bottlenecks, bottleneck{max(0, until-watchFor), until, most, times})
	}
}
