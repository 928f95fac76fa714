package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sms-api/console/stack"
)

// letters is what the command needs of a stack.
type letters interface {
	Letters(ctx context.Context) ([]stack.DeadLetter, error)
	AwaitLetters(ctx context.Context, ids ...string) ([]stack.DeadLetter, error)
	Again(ctx context.Context, l stack.DeadLetter) error
	Drop(ctx context.Context, l stack.DeadLetter) error
}

// checkOrders says what is wrong with what deadLetters is to do.
func checkOrders(args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case args[0] != "again" && args[0] != "drop":
		return fmt.Errorf("%q is neither again nor drop", args[0])
	case len(args) == 1:
		return fmt.Errorf("%s what? The ids, or all", args[0])
	}
	return nil
}

// deadLetters explains what is in the queue, or handles letters again, or drops them. Without ids it explains all; all is the
// name of all of them.
func deadLetters(ctx context.Context, s letters, args []string, out io.Writer) error {
	if err := checkOrders(args); err != nil {
		return err
	}
	if len(args) == 0 {
		found, err := s.Letters(ctx)
		if err != nil {
			return err
		}
		for _, l := range found {
			tell(out, l)
		}
		if fmt.Fprintln(out, some(len(found))); len(found) == 0 {
			fmt.Fprintln(out, "Those that somebody has read in the last 10 seconds are hidden.")
		}
		return nil
	}
	ids := slices.DeleteFunc(slices.Clone(args[1:]), func(id string) bool { return id == "all" })
	found, err := s.AwaitLetters(ctx, ids...)
	if err != nil {
		return err
	}
	if len(found) == 0 && len(ids) < len(args[1:]) {
		fmt.Fprintln(out, some(0))
	}
	do, said := s.Again, "handled"
	if args[0] == "drop" {
		do, said = s.Drop, "dropped"
	}
	var failed []error
	left := args[1:]
	for _, l := range found {
		i := slices.Index(left, l.ID)
		if i < 0 && !slices.Contains(args[1:], "all") {
			continue
		}
		if i >= 0 {
			left = slices.Delete(slices.Clone(left), i, i+1)
		}
		if err := do(ctx, l); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", l.ID, err))
			continue
		}
		fmt.Fprintf(out, "%s %s\n", l.ID, said)
	}
	for _, id := range left {
		if id != "all" {
			failed = append(failed, fmt.Errorf("%s: %w", id, stack.NoLetter()))
		}
	}
	return errors.Join(failed...)
}

// some is how many letters there are.
func some(n int) string {
	if n == 1 {
		return "1 dead letter"
	}
	return fmt.Sprintf("%d dead letters", n)
}

// tell explains a letter in some lines.
func tell(out io.Writer, l stack.DeadLetter) {
	fmt.Fprintf(out, "%s\n  since    %s\n", l.ID, l.Sent.Format(time.RFC3339))
	from := map[string]string{
		"eventbridge": "EventBridge could not hand it to " + l.Function, "lambda": "the function " + l.Function + " failed with it",
		"queue": "the function " + l.Function + " left it in the queue too often",
	}[l.From]
	fmt.Fprintf(out, "  because  %s\n", from)
	for _, line := range [][2]string{{"rule", l.Rule}, {"error", l.Why}, {"event", l.Event}, {"source", l.Source}, {"type", l.DetailType}} {
		if line[1] != "" {
			fmt.Fprintf(out, "  %-8s %s\n", line[0], line[1])
		}
	}
	if l.Event == "" {
		fmt.Fprintln(out, "  it cannot be read as an event: nobody can handle it, only drop it")
	}
	fmt.Fprintf(out, "  log      %s\n\n", l.Log)
}
