package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"sms-api/internal/aligo"
	"sms-api/internal/deadline"
	"sms-api/internal/fault"
	"sms-api/internal/template"
)

// templateVendor is what TemplateDesk calls of *aligo.Client.
type templateVendor interface {
	Templates(ctx context.Context) ([]aligo.Template, error)
	AddTemplate(ctx context.Context, d aligo.TemplateDraft) (aligo.Template, error)
	ModifyTemplate(ctx context.Context, code string, d aligo.TemplateDraft) (aligo.Template, error)
	RequestTemplateReview(ctx context.Context, code string) error
}

// TemplateDesk lists, writes and watches the channel's templates at Aligo. Operators call it, since Aligo hears nobody but the
// functions, and a schedule does.
type TemplateDesk struct {
	*Dispatch

	Vendor templateVendor
	Book   *template.Book
	Sleep  func(ctx context.Context, d time.Duration) error
}

// What a write may take. The pen is held for as long as a call that was given up may still be carried out.
const (
	penHeld = 2 * time.Minute
	// An answer that was lost is looked for in Aligo's list some times.
	looks, lookEvery = 3, 2 * time.Second
)

// Handle does what it is asked, and looks when it is asked nothing. What goes wrong at Aligo is in the answer; an error means that
// the table could not be asked.
func (t *TemplateDesk) Handle(ctx context.Context, r template.Request) (template.Answer, error) {
	ctx, cancel := deadline.Before(ctx, reserve)
	defer cancel()
	switch r.Do {
	case template.DoLook:
		return t.look(ctx)
	case template.DoList:
		_, listed, err := t.remembered(ctx)
		return t.answer(ctx, template.Answer{Listed: listed}, err)
	case template.DoWrite:
		if r.Template == nil {
			return template.Answer{Problem: "there is no template to write"}, nil
		}
		return t.write(ctx, r)
	case template.DoKeep:
		return template.Answer{}, t.Book.Keep(ctx, r.Kept)
	}
	return template.Answer{Problem: fmt.Sprintf("the stack cannot %s: deploy the version of the console", r.Do)}, nil
}

// answer puts an error of Aligo's into the answer, in words that say what to do, and into the log.
func (t *TemplateDesk) answer(ctx context.Context, a template.Answer, err error) (template.Answer, error) {
	var e *aligo.Error
	if !errors.As(err, &e) {
		return a, err
	}
	t.warn(ctx, "templates", t.fault(err, true))
	a.Refused = e.Class == aligo.ClassRejected || e.Class == aligo.ClassInvalid
	var repair *fault.NotConfigured
	switch {
	case errors.As(t.fault(err, true), &repair):
		a.Problem = repair.Reason
	case e.Cause == aligo.CauseNotEditable:
		a.Problem = "Aligo no longer lets it be changed: it is approved, or under review (" + e.Message + ")"
	case e.Class == aligo.ClassRejected || e.Class == aligo.ClassUnrecognised:
		a.Problem = "Aligo refuses it: " + e.Message
	case e.Class == aligo.ClassInvalid:
		a.Problem = e.Error()
	default:
		a.Problem = "Aligo could not be asked; try again: " + e.Error()
	}
	return a, nil
}

// listed are Aligo's template.
func (t *TemplateDesk) list(ctx context.Context) ([]template.Listed, error) {
	all, err := t.Vendor.Templates(ctx)
	if err != nil {
		return nil, err
	}
	listed := make([]template.Listed, len(all))
	for i, one := range all {
		listed[i] = template.FromAligo(one)
	}
	return listed, nil
}

// remembered are Aligo's templates with what is known of their use.
func (t *TemplateDesk) remembered(ctx context.Context) (template.Memory, []template.Listed, error) {
	memory, err := t.Book.Read(ctx)
	if err != nil {
		return memory, nil, err
	}
	listed, err := t.list(ctx)
	memory.Remember(listed, t.Now())
	return memory, listed, err
}

// look logs what a person has to look at, a line each, which an alarm counts.
func (t *TemplateDesk) look(ctx context.Context) (template.Answer, error) {
	memory, listed, err := t.remembered(ctx)
	if err != nil {
		return t.answer(ctx, template.Answer{}, err)
	}
	troubles := template.Troubles(memory.Kept, listed)
	for _, one := range troubles {
		t.Log.LogAttrs(ctx, slog.LevelWarn, "template needs somebody", slog.String("template", one.Code), slog.String("name", one.Name),
			slog.String("trouble", one.What), slog.String("detail", one.Detail))
	}
	t.Log.LogAttrs(ctx, slog.LevelInfo, "templates looked at", slog.Int("kept", len(memory.Kept)), slog.Int("troubles", len(troubles)))
	return template.Answer{Troubles: len(troubles)}, nil
}

// write creates or changes a template and requests its review, whatever of that has been done before.
func (t *TemplateDesk) write(ctx context.Context, r template.Request) (template.Answer, error) {
	owner := uuid.NewString()
	free, err := t.Book.Take(ctx, owner, penHeld)
	switch {
	case err != nil:
		return template.Answer{}, err
	case !free:
		return template.Answer{
			Problem: "templates are being written, or a call of Aligo's was lost a moment ago: try again, in two minutes at most",
		}, nil
	}
	w := writer{TemplateDesk: t, request: r}
	err = w.run(ctx)
	// A call of which nobody knows may still be carried out. Until then nobody else writes.
	if !w.lost {
		if laid := t.Book.Lay(context.WithoutCancel(ctx), owner); laid != nil {
			t.Log.LogAttrs(ctx, slog.LevelWarn, "the pen was not laid down", slog.String("error", laid.Error()))
		}
	}
	if w.at != nil {
		w.answer.Listed = []template.Listed{*w.at}
	}
	if err == nil && len(w.answer.Did) > 0 {
		t.Log.LogAttrs(ctx, slog.LevelInfo, "template written", slog.String("code", w.at.Code), slog.String("name", w.at.Name),
			slog.String("did", strings.Join(w.answer.Did, ", ")))
	}
	return t.answer(ctx, w.answer, err)
}

// writer is one write on its way.
type writer struct {
	*TemplateDesk

	request template.Request
	answer  template.Answer
	// at is the template as Aligo has it.
	at *template.Listed
	// lost says that a call's answer was lost, and that it did not show in the list.
	lost bool
}

func (w *writer) fail(format string, args ...any) error {
	w.answer.Problem = fmt.Sprintf(format, args...)
	return nil
}

func (w *writer) run(ctx context.Context) error {
	want := *w.request.Template
	listed, err := w.list(ctx)
	if err != nil {
		return err
	}
	found, many := template.Find(listed, w.request.Code, want.Name)
	switch {
	case many:
		return w.fail("Aligo has several templates named %s", want.Name)
	case found == nil && w.request.Code != "":
		return w.fail("Aligo no longer has %s", w.request.Code)
	case len(listed) == 0 && w.request.Listed > 0:
		return w.fail("Aligo lists no template at all, and did a moment ago: plan again")
	}
	w.at = found
	same := found != nil && len(template.Differences(want, found.Template)) == 0
	switch {
	case found == nil:
		made, err := w.Vendor.AddTemplate(ctx, want.Draft())
		if err := w.settle(ctx, "created", made, err, func(l template.Listed) bool { return l.Name == want.Name }); w.over(err) {
			return err
		}
	case !same || w.request.Whole:
		if !same && w.request.Seen != "" && found.Seen() != w.request.Seen {
			return w.fail("it was changed at Aligo a moment ago: plan again")
		}
		code := found.Code
		made, err := w.Vendor.ModifyTemplate(ctx, code, want.Draft())
		if err := w.settle(ctx, "changed", made, err, func(l template.Listed) bool {
			return l.Code == code && len(template.Differences(want, l.Template)) == 0
		}); w.over(err) {
			return err
		}
	}
	if w.at.Review != aligo.InspRegistered && (w.at.Review != aligo.InspRejected || len(w.answer.Did) == 0) {
		return nil
	}
	code := w.at.Code
	err = w.Vendor.RequestTemplateReview(ctx, code)
	return w.settle(ctx, "sent for review", aligo.Template{}, err, func(l template.Listed) bool {
		return l.Code == code && (l.Review == aligo.InspRequested || l.Review == aligo.InspApproved)
	})
}

// over says that a write ends here.
func (w *writer) over(err error) bool { return err != nil || w.answer.Problem != "" }

// settle finds what a call has made in Aligo's list, which alone says how it is there. After a call whose answer was lost it says
// whether anything was done.
func (w *writer) settle(ctx context.Context, did string, made aligo.Template, err error, is func(template.Listed) bool) error {
	var e *aligo.Error
	doubted := errors.As(err, &e) && e.Class == aligo.ClassAmbiguous
	if err != nil && !doubted {
		return err
	}
	for look := range looks {
		if look > 0 {
			if err := w.Sleep(ctx, lookEvery); err != nil {
				break
			}
		}
		listed, err := w.list(ctx)
		for i := range listed {
			if err == nil && is(listed[i]) {
				w.at, w.answer.Did = &listed[i], append(w.answer.Did, did)
				return nil
			}
		}
		if !doubted {
			break
		}
	}
	switch {
	case doubted:
		w.lost = true
		return w.fail("Aligo's answer was lost, and its list does not show that it was carried out: submit again in two minutes")
	case made.Code != "":
		at := template.FromAligo(made)
		w.at, w.answer.Did = &at, append(w.answer.Did, did)
	default:
		return w.fail("Aligo has taken it, and its list does not show it yet: submit again in a minute")
	}
	return nil
}
