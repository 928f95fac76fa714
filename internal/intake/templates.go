package intake

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/example"
	"sms-api/internal/message"
	"sms-api/internal/untrusted"
)

// templates is what this package calls of *aligo.TemplateCache.
type templates interface {
	Template(ctx context.Context, code string) (aligo.Template, error)
	List(ctx context.Context) ([]aligo.Template, error)
}

// The door asks for a template only so long, and then leaves its callers in peace for a while: what is not checked here
// is checked right before the send.
const (
	checkTimeout = 2 * time.Second
	checkPause   = 30 * time.Second
)

// templateCheck finds out at the door what Aligo would refuse after it was accepted.
type templateCheck struct {
	templates templates
	now       func() time.Time
	log       *slog.Logger
	pause     *pause
	// policy says what the values of messages of untrusted callers may be.
	policy untrusted.Policy
}

// renderer takes the template of a message apart.
func (c templateCheck) renderer(t aligo.Template, m message.Message) *aligo.Renderer {
	if m.Untrusted {
		return aligo.NewUntrustedRenderer(t, c.policy.Templates[m.Template])
	}
	return aligo.NewRenderer(t)
}

// values checks the values of an untrusted caller whose template is not at hand: which of them it needs, and where, is found
// out right before the send. Names that the stack does not know are the caller's own and not told.
func (c templateCheck) values(m message.Message) []message.ValidationError {
	if !m.Untrusted {
		return nil
	}
	var problems []message.ValidationError
	rules := c.policy.Templates[m.Template]
	for i, r := range m.Recipients {
		values := r.Values()
		for _, name := range slices.Sorted(maps.Keys(values)) {
			rule, known := rules[name]
			detail, at := rule.Check(values[name]), r.ValuePointer(i, name)
			if detail != "" && !known && name != message.NamePlaceholder {
				at, detail = message.Pointer("/recipients", strconv.Itoa(i), "variables"), "have one that "+detail
			}
			if p := (message.ValidationError{Pointer: at, Detail: detail}); detail != "" && !slices.Contains(problems, p) {
				problems = append(problems, p)
			}
		}
	}
	return problems
}

// pause is when the templates are asked for again, after they could not be had. The zero value is no pause.
type pause struct {
	mu    sync.Mutex
	until time.Time
}

func (p *pause) over(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !now.Before(p.until)
}

func (p *pause) begin(until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = until
}

// message checks an AlimTalk against its template, for all recipients.
func (c templateCheck) message(ctx context.Context, m message.Message) []message.ValidationError {
	if m.Channel != message.AlimTalk {
		return nil
	}
	t, err := c.template(ctx, m.Template)
	var unsendable *aligo.UnsendableError
	switch {
	case errors.As(err, &unsendable):
		return []message.ValidationError{{Pointer: "/template", Detail: unsendable.Reason()}}
	case errors.Is(err, aligo.ErrNoTemplate):
		return []message.ValidationError{{Pointer: "/template", Detail: "is not the code of an approved template"}}
	case err != nil:
		return c.values(m)
	}
	var problems []message.ValidationError
	add := func(pointer, detail string) {
		problems = append(problems, message.ValidationError{Pointer: pointer, Detail: detail})
	}
	renderer, templateFits := c.renderer(t, m), true
	for i, r := range m.Recipients {
		if len(problems) >= maxCompared {
			break
		}
		variables, values := message.Pointer("/recipients", strconv.Itoa(i), "variables"), r.Values()
		rendered, err := renderer.Render(values)
		var wrong *aligo.RenderError
		if errors.As(err, &wrong) {
			for _, name := range wrong.Missing {
				add(message.Pointer(variables, name), "is missing: the template has #{"+name+"}")
			}
			for _, v := range wrong.Values {
				add(r.ValuePointer(i, v.Variable), v.Detail)
			}
			for _, detail := range wrong.Problems {
				add(variables, "do not fit the template: "+detail)
			}
		}
		if err != nil || !m.Fallback.Enabled || m.Fallback.Text != "" {
			continue
		}
		text := aligo.FallbackText(rendered)
		if n := message.SMSBytes(message.SMSText(text)); n > message.MaxLMS {
			add(variables, "make the SMS that follows an undelivered AlimTalk "+strconv.Itoa(n)+" bytes long in CP949; an LMS has at most "+
				""+strconv.Itoa(message.MaxLMS))
		}
		bad := message.Unsendable(text)
		if len(bad) == 0 {
			continue
		}
		theirs := false
		for _, name := range renderer.Variables() {
			if value := message.Unsendable(values[name]); len(value) > 0 {
				add(r.ValuePointer(i, name), "may follow as SMS: "+message.UnencodableDetail(value)+
					"; write it otherwise, give fallback.text without it, or set fallback.enabled to false")
				theirs = true
			}
		}
		if !theirs && templateFits {
			templateFits = false
			add("/fallback", "needs a text, or to have enabled false: that of the template cannot be an SMS, because "+
				message.UnencodableDetail(bad))
		}
	}
	return problems
}

// template asks for a template within limits. The error is aligo.ErrNoTemplate, or says that it could not be asked for,
// which is in the log then.
func (c templateCheck) template(ctx context.Context, code string) (aligo.Template, error) {
	if !c.pause.over(c.now()) {
		return aligo.Template{}, errPausing
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	t, err := c.templates.Template(ctx, code)
	if err != nil && !errors.Is(err, aligo.ErrNoTemplate) {
		c.pause.begin(c.now().Add(checkPause))
		c.log.LogAttrs(ctx, slog.LevelWarn, "template not checked at the door", vendorError(err)...)
	}
	return t, err
}

var errPausing = errors.New("the templates could not be had a moment ago")

// vendorError are the attributes of an error of Aligo, among them those that alarms count.
func vendorError(err error) []slog.Attr {
	attributes := []slog.Attr{slog.String("error", err.Error())}
	var e *aligo.Error
	if errors.As(err, &e) {
		attributes = append(attributes, slog.String("fault", string(e.Class)), slog.String("cause", string(e.Cause)))
	}
	return attributes
}

// Template is a template as the API shows it: what a form needs to ask for.
type Template struct {
	Code string `json:"code"`
	Name string `json:"name"`
	// Text has the placeholders.
	Text string `json:"text"`
	// Title is the emphasised title, of templates that have one.
	Title   string           `json:"title,omitempty"`
	Buttons []TemplateButton `json:"buttons,omitempty"`
	// Variables are the names of the placeholders in text, title and buttons.
	Variables []string `json:"variables"`
	// Example is a request that would send it.
	Example TemplateExample `json:"example"`
}

// TemplateButton is a button of a template.
type TemplateButton struct {
	Name string `json:"name"`
	// Type is Aligo's link type, such as WL.
	Type string   `json:"type"`
	URLs []string `json:"urls,omitempty"`
}

// TemplateExample is the body of a POST /v1/messages with made-up values.
type TemplateExample struct {
	Template   string             `json:"template"`
	Recipients []ExampleRecipient `json:"recipients"`
}

// ExampleRecipient is the recipient of a TemplateExample.
type ExampleRecipient struct {
	To        string            `json:"to"`
	Name      string            `json:"name,omitempty"`
	Variables map[string]string `json:"variables,omitempty"`
}

func describeTemplate(t aligo.Template) Template {
	d := Template{Code: t.Code, Name: t.Name, Text: t.Content, Variables: append([]string{}, t.Variables()...)}
	if t.EmphasisType == aligo.EmphasisText {
		d.Title = t.Title
	}
	recipient := ExampleRecipient{To: "010-1234-5678"}
	for name, value := range example.For(t) {
		if name == message.NamePlaceholder {
			recipient.Name = value
			continue
		}
		if recipient.Variables == nil {
			recipient.Variables = map[string]string{}
		}
		recipient.Variables[name] = value
	}
	for _, b := range t.Buttons {
		d.Buttons = append(d.Buttons, describeButton(b))
	}
	d.Example = TemplateExample{Template: t.Code, Recipients: []ExampleRecipient{recipient}}
	return d
}

// vendorTimeout is how long callers wait who ask for what only Aligo knows.
const vendorTimeout = 10 * time.Second

func (a *API) getTemplates(w http.ResponseWriter, r *http.Request, _ Caller) error {
	ctx, cancel := context.WithTimeout(r.Context(), vendorTimeout)
	defer cancel()
	all, err := a.Templates.List(ctx)
	if err != nil {
		return a.vendorFailed(w, r, err)
	}
	slices.SortFunc(all, func(a, b aligo.Template) int { return cmp.Compare(a.Code, b.Code) })
	list := struct {
		Templates []Template `json:"templates"`
	}{Templates: []Template{}}
	for _, t := range all {
		if t.Approved() && len(t.Unsendable) == 0 {
			list.Templates = append(list.Templates, describeTemplate(t))
		}
	}
	return a.writeCacheable(w, r, list)
}

func (a *API) getTemplate(w http.ResponseWriter, r *http.Request, _ Caller) error {
	ctx, cancel := context.WithTimeout(r.Context(), vendorTimeout)
	defer cancel()
	t, err := a.Templates.Template(ctx, r.PathValue("code"))
	var unsendable *aligo.UnsendableError
	switch {
	case errors.As(err, &unsendable):
		p := problemNoTemplate()
		p.Detail = "the template " + unsendable.Reason()
		return p
	case errors.Is(err, aligo.ErrNoTemplate):
		return problemNoTemplate()
	case err != nil:
		return a.vendorFailed(w, r, err)
	}
	return a.writeCacheable(w, r, describeTemplate(t))
}

// vendorFailed logs an error of Aligo and makes a problem of it that says no more than the caller needs.
func (a *API) vendorFailed(w http.ResponseWriter, r *http.Request, err error) error {
	a.Log.LogAttrs(r.Context(), slog.LevelWarn, "Aligo not asked", vendorError(err)...)
	w.Header().Set("Retry-After", "30")
	p := problemUnavailable()
	p.Detail = "Aligo does not answer this at the moment; messages are accepted all the same"
	return p
}
