// Package bench measures the whole system end to end on one machine: the deployed handlers and state machine, the
// AWS-compatible endpoint and the stand-in for Aligo, all of them talking over real loopback connections. Only the waits
// are shorter than they are in production. It also checks every single outcome against what the phones received, so that
// a figure is never that of a system which has lost or repeated something.
package bench

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"sms-api/awslocal/quota"
)

// options are what a run is asked for.
type options struct {
	// messages to send, each to so many recipients, concurrency of them under way at any time.
	messages, recipients, concurrency int
	// faults makes the vendor, Lambda and some recipients' phones fail.
	faults bool
	// json asks for a JSON object instead of a table.
	json bool
	// campaign is the recipients of a campaign that is sent in place of messages; 0 is none.
	campaign int
	// burst is a run on the virtual clock, if it has messages.
	burst burstOptions
}

// Command is `local bench`: it makes a run and prints what was measured. The error is flag.ErrHelp, says which argument
// is wrong, or tells what was not delivered as claimed.
func Command(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args, out)
	if err != nil {
		return err
	}
	switch {
	case o.campaign > 0:
		return campaignCommand(ctx, o, out)
	case o.burst.messages > 0:
		return burstCommand(ctx, o, out)
	}
	report, err := run(ctx, o)
	if err != nil {
		return err
	}
	if !o.json {
		return report.print(out)
	}
	return object(out, report)
}

// burstCommand makes a run on the virtual clock. What it has measured is printed also when it was not as it should be.
func burstCommand(ctx context.Context, o options, out io.Writer) error {
	o.burst.progress = os.Stderr
	report, err := runBurst(ctx, o.burst)
	if err != nil {
		return err
	}
	if o.json {
		err = object(out, report)
	} else {
		err = report.print(out)
	}
	return errors.Join(err, report.err())
}

func object(out io.Writer, report any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(report); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func parse(args []string, out io.Writer) (options, error) {
	var o options
	set := flag.NewFlagSet("local bench", flag.ContinueOnError)
	set.SetOutput(out)
	set.IntVar(&o.messages, "messages", 1000, "messages to send")
	set.IntVar(&o.recipients, "recipients", 1, "recipients of each message, 1 to 500")
	set.IntVar(&o.concurrency, "concurrency", 0,
		"messages that are under way at the same time; 0 is as many as have 5,000 recipients, 10 to 64")
	set.BoolVar(&o.faults, "faults", false, "let Aligo, Lambda and some phones fail")
	set.BoolVar(&o.json, "json", false, "print one JSON object")
	set.IntVar(&o.campaign, "campaign", 0, "send a campaign with so many recipients, from its request to its report")
	b := &o.burst
	set.IntVar(&b.messages, "burst", 0, "send so many messages under AWS's quotas, on a virtual clock, and tell what became of them")
	set.DurationVar(&b.over, "over", time.Minute, "with -burst: the time in which they come")
	set.StringVar(&b.through, "through", "events", "with -burst: events or api, or campaign, which is one file with a row for each")
	set.StringVar(&b.quotas, "quotas", "seoul", "with -burst: "+strings.Join(quota.Names(), ", ")+", or a file")
	set.IntVar(&b.rate, "rate", 0, "with -burst: how many events a second become messages; 0 is the stack's default")
	set.IntVar(&b.reads, "reads", 0, "with -burst and -through api or campaign: requests for a status a second")
	set.BoolVar(&b.atOnce, "at-once", false, "with -burst: schedule all of them for the same second")
	set.BoolVar(&b.again, "again", false, "with -burst: ask for all of them once more when they have settled, and measure that")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	if err := together(set); err != nil {
		return o, err
	}
	switch {
	case o.campaign != 0:
		o.recipients, o.concurrency = 500, 64
		return o, checkCampaign(o.campaign)
	case b.messages != 0:
		return o, b.check()
	}
	var wrong []error
	within := func(name string, value, most int) {
		if value < 1 || value > most {
			wrong = append(wrong, fmt.Errorf("-%s is %d, want 1 to %d", name, value, most))
		}
	}
	within("messages", o.messages, 10_000_000)
	within("recipients", o.recipients, 500)
	if o.concurrency == 0 {
		// Enough to keep the processors busy while messages wait for their receipts. More would only fill the memory.
		o.concurrency = min(max(5000/max(o.recipients, 1), 10), 64)
	}
	within("concurrency", o.concurrency, 1000)
	return o, errors.Join(wrong...)
}

// together says which of the flags that were set say nothing of the run that is asked for.
func together(set *flag.FlagSet) error {
	if set.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", set.Arg(0))
	}
	kind := "messages"
	given := map[string]bool{}
	set.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for _, other := range []string{"campaign", "burst"} {
		if given[other] {
			kind = other
		}
	}
	kinds := map[string][]string{
		"messages": {"messages", "recipients", "concurrency", "faults"},
		"campaign": {"campaign"},
		"burst":    {"burst", "over", "through", "quotas", "rate", "reads", "at-once", "again"},
	}
	var wrong []error
	for name := range given {
		if name != "json" && !slices.Contains(kinds[kind], name) {
			wrong = append(wrong, fmt.Errorf("-%s says nothing of a run of -%s", name, kind))
		}
	}
	slices.SortFunc(wrong, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(wrong...)
}
