package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"sms-api/internal/aligo"
	"sms-api/internal/template"
	"sms-api/internal/template/files"
)

// desk is what the command needs of a stack.
type desk interface {
	Templates(ctx context.Context, r template.Request) (template.Answer, error)
}

// templatesFlags are what the command templates has besides.
type templatesFlags struct {
	folder    string
	overwrite bool
}

func (f *templatesFlags) add(set *flag.FlagSet) {
	set.StringVar(&f.folder, "dir", "templates", "folder of the templates; the lock file is beside it, with .lock.yaml behind the name")
	set.BoolVar(&f.overwrite, "overwrite", false,
		"submit: write also what was changed at Aligo by hand; pull: write also the files that say something else than Aligo")
}

// templatesCommand is one run of the command templates.
type templatesCommand struct {
	templatesFlags

	stack string
	desk  desk
	out   io.Writer
	lock  *files.Lock
}

// templates compares the templates of a folder with what Aligo has, or makes Aligo have them, or the folder have what Aligo has, or
// says how they are there.
func templates(ctx context.Context, s desk, stack, do string, f templatesFlags, out io.Writer) error {
	c := templatesCommand{templatesFlags: f, stack: stack, desk: s, out: out}
	// The folder may be told of as the one that this is run in, which has no name to put something behind.
	folder, err := filepath.Abs(f.folder)
	if err != nil {
		return err
	}
	if c.lock, err = files.ReadLock(folder + ".lock.yaml"); err != nil {
		return err
	}
	switch do {
	case "plan":
		return c.plan(ctx)
	case "submit":
		return c.submit(ctx)
	case "status":
		return c.status(ctx)
	case "pull":
		return c.pull(ctx)
	}
	return fmt.Errorf("templates has no %q; it is pull, plan, submit or status", do)
}

// ask has the function do something, and fails with what Aligo says.
func (c *templatesCommand) ask(ctx context.Context, r template.Request) (template.Answer, error) {
	answer, err := c.desk.Templates(ctx, r)
	if err == nil && answer.Problem != "" {
		err = errors.New(answer.Problem)
	}
	return answer, err
}

// compare reads the files and Aligo's list, and compares them.
func (c *templatesCommand) compare(ctx context.Context) ([]template.Compared, []template.Listed, error) {
	all, listed, err := c.both(ctx)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("there is no file in %s: it has a .yaml file for each template, as docs/templates.md says; pull writes those that "+
			"Aligo has", c.folder)
	}
	if err != nil {
		return nil, nil, err
	}
	locked := c.lock.Of(c.stack)
	var compared []template.Compared
	for _, t := range all {
		var l *template.Locked
		if one, ok := locked[t.Name]; ok {
			l = &one
		}
		compared = append(compared, template.Compare(t.Template, l, listed))
	}
	return compared, listed, nil
}

// both reads the files and Aligo's list.
func (c *templatesCommand) both(ctx context.Context) ([]files.File, []template.Listed, error) {
	all, err := files.Read(c.folder)
	if err != nil {
		return nil, nil, err
	}
	answer, err := c.ask(ctx, template.Request{Do: template.DoList})
	if written := len(c.lock.Of(c.stack)); err == nil && len(answer.Listed) == 0 && written > 0 {
		err = fmt.Errorf("%d templates were written, and Aligo lists none at all: is it the right sender key?", written)
	}
	return all, answer.Listed, err
}

func (c *templatesCommand) plan(ctx context.Context) error {
	compared, listed, err := c.compare(ctx)
	if err != nil {
		return err
	}
	todo, wrong := 0, 0
	for _, one := range compared {
		c.tell(one)
		if one.Acts() {
			todo++
		}
		if one.Wrong() {
			wrong++
		}
	}
	c.others(compared, listed)
	fmt.Fprintf(c.out, "templates: %d, to submit: %d, need somebody: %d\n", len(compared), todo, wrong)
	return needed(wrong)
}

// needed is an error when templates need somebody.
func needed(n int) error {
	if n == 0 {
		return nil
	}
	return fmt.Errorf("templates that need somebody: %d", n)
}

// tell says what lies between a file and Aligo.
func (c *templatesCommand) tell(one template.Compared) {
	at := ""
	if one.At != nil {
		at = " (" + one.At.Code + ")"
	}
	fmt.Fprintf(c.out, "%-10s %s%s\n", one.State, one.Name, at)
	if one.At != nil && (one.State == template.Rejected || one.At.Review == aligo.InspRejected) {
		c.words(*one.At)
	}
	if one.Detail != "" {
		c.line(one.Detail)
	}
}

// line is a line below a template's.
func (c *templatesCommand) line(text string) {
	fmt.Fprintf(c.out, "%-10s %s\n", "", strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", len("xxxxxxxxxx "))))
}

// words are the reviewer's.
func (c *templatesCommand) words(l template.Listed) {
	for _, words := range l.Words {
		c.line("the reviewer: " + words)
	}
}

// others names the templates at Aligo that no file has.
func (c *templatesCommand) others(compared []template.Compared, listed []template.Listed) {
	for _, l := range listed {
		if !slices.ContainsFunc(compared, func(one template.Compared) bool {
			return one.At != nil && one.At.Code == l.Code || one.State == template.Doubled && one.Name == l.Name
		}) {
			fmt.Fprintf(c.out, "%-10s %s (%s)\n", "no file", l.Name, l.Code)
		}
	}
}

func (c *templatesCommand) submit(ctx context.Context) error {
	compared, listed, err := c.compare(ctx)
	if err != nil {
		return err
	}
	var failed []error
	wrong := 0
	for _, one := range compared {
		overwritten := c.overwrite && one.State == template.Drift && one.At.Editable() && len(one.Unknown) == 0
		switch {
		case one.Acts(), overwritten:
			goesOn, err := c.write(ctx, one, len(listed))
			if err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", one.Name, err))
			}
			if !goesOn {
				return errors.Join(append(failed, errors.New("submit again goes on from here"))...)
			}
			continue
		case one.Wrong():
			wrong++
		}
		c.tell(one)
		if one.At != nil && slices.Contains([]template.State{template.Nothing, template.Waiting, template.Stopped}, one.State) {
			if err := c.lock.Put(c.stack, one.Name, c.locked(one, *one.At, false)); err != nil {
				return err
			}
		}
	}
	if err := c.keep(ctx, compared); err != nil {
		failed = append(failed, err)
	}
	return errors.Join(append(failed, needed(wrong))...)
}

// locked is the entry of a template that is at Aligo as its file says. What others sent of what Aligo does not list stays unknown
// until it is written.
func (c *templatesCommand) locked(one template.Compared, at template.Listed, written bool) template.Locked {
	l := template.Locked{Code: at.Code, Sent: one.Sent(), Seen: at.Seen()}
	if !written && c.lock.Of(c.stack)[one.Name].Pulled() {
		l.Sent = ""
	}
	return l
}

// write has a template created or changed, and its review requested. goesOn is false when the next would fail, too.
func (c *templatesCommand) write(ctx context.Context, one template.Compared, listed int) (goesOn bool, err error) {
	r := template.Request{Do: template.DoWrite, Template: &one.Template, Listed: listed}
	if one.At != nil {
		r.Code, r.Seen, r.Whole = one.At.Code, one.At.Seen(), one.State != template.Review
		if r.Whole {
			// Whoever comes after this one was cut off writes it once more.
			if err := c.lock.Put(c.stack, one.Name, template.Locked{Code: one.At.Code}); err != nil {
				return false, err
			}
		}
	}
	answer, err := c.ask(ctx, r)
	if len(answer.Listed) == 1 {
		if len(answer.Did) > 0 {
			fmt.Fprintf(c.out, "%-10s %s (%s): %s\n", "done", one.Name, answer.Listed[0].Code, strings.Join(answer.Did, ", "))
		}
		entry := c.locked(one, answer.Listed[0], r.Whole)
		if err != nil {
			entry = template.Locked{Code: entry.Code}
		}
		if err := c.lock.Put(c.stack, one.Name, entry); err != nil {
			return false, err
		}
	}
	return err == nil || answer.Refused, err
}

// keep has the stack keep an eye on what has a file and is at Aligo.
func (c *templatesCommand) keep(ctx context.Context, compared []template.Compared) error {
	r := template.Request{Do: template.DoKeep}
	locked := c.lock.Of(c.stack)
	for _, one := range compared {
		if l, ok := locked[one.Name]; ok {
			r.Kept = append(r.Kept, template.Kept{Name: one.Name, Code: l.Code, Seen: l.Seen})
		}
	}
	_, err := c.ask(ctx, r)
	return err
}

// status says how Aligo's templates are.
func (c *templatesCommand) status(ctx context.Context) error {
	answer, err := c.ask(ctx, template.Request{Do: template.DoList})
	if err != nil {
		return err
	}
	byCode := map[string]template.Locked{}
	for _, l := range c.lock.Of(c.stack) {
		byCode[l.Code] = l
	}
	for _, l := range answer.Listed {
		fmt.Fprintf(c.out, "%-10s %s: %s\n", l.Code, l.Name, state(l))
		if l.Review != aligo.InspApproved {
			c.words(l)
		}
		if locked, ok := byCode[l.Code]; ok && locked.Seen != "" && locked.Seen != l.Seen() {
			c.line("drift: it was changed at Aligo by hand; templates plan says where")
		}
		if len(l.Unsendable) > 0 {
			c.line("Aligo's API cannot send it: it has " + strings.Join(l.Unsendable, ", "))
		}
		switch l.Dormancy {
		case template.DormantSoon:
			c.line(fmt.Sprintf("dormant soon: unused since %s, dormant on %s; send it once", l.UnusedSince.Format(day),
				template.DormantAt(*l.UnusedSince).Format(day)))
		case template.Dormant:
			c.line(fmt.Sprintf("dormant: unused since %s; Aligo has no call to wake it: ask Aligo, or give it a new name and submit",
				l.UnusedSince.Format(day)))
		}
	}
	for name, l := range c.lock.Of(c.stack) {
		if !slices.ContainsFunc(answer.Listed, func(one template.Listed) bool { return one.Code == l.Code }) {
			fmt.Fprintf(c.out, "%-10s %s: gone: Aligo no longer has it\n", l.Code, name)
		}
	}
	fmt.Fprintf(c.out, "templates at Aligo: %d\n", len(answer.Listed))
	return nil
}

const day = "2006-01-02"

// state is how a template is at Aligo, in words.
func state(l template.Listed) string {
	switch {
	case l.Review == aligo.InspRegistered:
		return "not sent for review"
	case l.Review == aligo.InspRequested:
		return "under review"
	case l.Review == aligo.InspRejected:
		return "rejected"
	case l.Review == aligo.InspApproved && l.Status == aligo.StatusStopped:
		return "approved, stopped"
	case l.Review == aligo.InspApproved && l.Status == aligo.StatusWaiting:
		return "approved, never used"
	case l.Review == aligo.InspApproved:
		return "approved"
	}
	return "in a state that is not known: " + l.Review + " " + l.Status
}
