package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/handlers"
	"sms-api/internal/message"
	"sms-api/internal/template"
	"sms-api/internal/testkit"
	"sms-api/internal/testkit/tabletest"
)

// office is the function of templates in front of a stand-in and a table.
type office struct {
	*handlers.TemplateDesk
	*testkit.Clock

	t       *testing.T
	standin *aligotest.Server
	table   *tabletest.Table
	logs    bytes.Buffer
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, Clock: testkit.NewClock(time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)), table: tabletest.New(t)}
	o.standin = aligotest.NewServer(t, func(s *aligotest.ServerOptions) { s.Now = o.Now })
	o.TemplateDesk = &handlers.TemplateDesk{
		Dispatch: &handlers.Dispatch{Now: o.Now, Log: testkit.Log(&o.logs), EgressIPs: []string{"203.0.113.7"}},
		Vendor:   o.standin.Client(),
		Book:     &template.Book{Client: o.table.Client, Table: tabletest.Name, Now: o.Now},
		Sleep: func(_ context.Context, d time.Duration) error {
			o.Add(d)
			return nil
		},
	}
	return o
}

func (o *office) fault(f aligotest.Fault) {
	o.t.Helper()
	if err := o.standin.SetFault(f); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) ask(r template.Request) template.Answer {
	o.t.Helper()
	a, err := o.Handle(o.t.Context(), r)
	if err != nil {
		o.t.Fatal(err)
	}
	return a
}

// write writes a template as the console does: it lists first.
func (o *office) write(t template.Template) template.Answer {
	o.t.Helper()
	all := o.ask(template.Request{Do: template.DoList})
	r := template.Request{Do: template.DoWrite, Template: &t, Listed: len(all.Listed)}
	if found, _ := template.Find(all.Listed, "", t.Name); found != nil {
		r.Code, r.Seen, r.Whole = found.Code, found.Seen(), found.Editable()
	}
	return o.ask(r)
}

// named are the templates of a name at Aligo, each as code, review and text.
func (o *office) named(name string) []string {
	o.t.Helper()
	var found []string
	for _, l := range o.ask(template.Request{Do: template.DoList}).Listed {
		if l.Name == name {
			found = append(found, l.Code+" "+l.Review+" "+l.Text)
		}
	}
	return found
}

func (o *office) review(to aligotest.TemplateState) {
	o.t.Helper()
	if err := o.standin.SetTemplateState(to); err != nil {
		o.t.Fatal(err)
	}
}

func notice(text string) template.Template { return template.Template{Name: "공지", Text: text} }

// Wherever a submit is cut off, another one ends it, and there is one template.
func TestAWriteThatWasCutOffIsEndedByTheNext(t *testing.T) {
	t.Parallel()
	const add, modify, review = "/akv10/template/add/", "/akv10/template/modify/", "/akv10/template/request/"
	over := func(endpoint string, kind aligotest.FaultKind) aligotest.Fault {
		return aligotest.Fault{Endpoint: endpoint, Kind: kind}
	}
	for name, c := range map[string]struct {
		fault aligotest.Fault
		// did is what the first one says that it has done, and says is in its problem.
		did, says string
	}{
		"nothing":                    {did: "created, sent for review"},
		"the answer to add":          {fault: over(add, aligotest.FaultResetAfter), did: "created, sent for review"},
		"the answer to add, cut off": {fault: over(add, aligotest.FaultCutOff), did: "created, sent for review"},
		"the answer to the review":   {fault: over(review, aligotest.FaultResetAfter), did: "created, sent for review"},
		"add, not carried out":       {fault: over(add, aligotest.FaultHTTP500), says: "answer was lost"},
		"the review, not requested":  {fault: over(review, aligotest.FaultHTTP500), did: "created", says: "answer was lost"},
		"the wrong address":          {fault: over(add, aligotest.FaultUnregisteredIP), says: "register 203.0.113.7"},
		"unheard-of words":           {fault: over(review, aligotest.FaultUnknownRefusal), did: "created", says: "Aligo refuses it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			if c.fault.Kind != "" {
				o.fault(c.fault)
			}
			a := o.write(notice("처음"))
			if got := strings.Join(a.Did, ", "); got != c.did || !strings.Contains(a.Problem, c.says) || (c.says == "") != (a.Problem == "") {
				t.Errorf("did %q, problem %q", got, a.Problem)
			}
			if strings.Contains(a.Problem, "answer was lost") {
				if b := o.write(notice("처음")); !strings.Contains(b.Problem, "in two minutes at most") || len(b.Did) > 0 {
					t.Errorf("at once: did %q, problem %q", b.Did, b.Problem)
				}
				o.Add(3 * time.Minute)
			}
			if b := o.write(notice("처음")); b.Problem != "" {
				t.Errorf("again: %s", b.Problem)
			}
			if got := o.named("공지"); len(got) != 1 || !strings.HasSuffix(got[0], " REQ 처음") {
				t.Errorf("Aligo has %q", got)
			}
		})
	}
	t.Run("a change", func(t *testing.T) {
		t.Parallel()
		for _, f := range []aligotest.Fault{
			{Endpoint: modify, Kind: aligotest.FaultResetAfter}, {Endpoint: modify, Kind: aligotest.FaultHTTP500},
			{Endpoint: review, Kind: aligotest.FaultResetAfter}, {Endpoint: review, Kind: aligotest.FaultHTTP500},
		} {
			o := newOffice(t)
			code := o.write(notice("처음")).Listed[0].Code
			o.review(aligotest.TemplateState{Code: code, InspStatus: "REJ", Comment: "변수가 너무 많습니다."})
			o.fault(f)
			o.write(notice("다음"))
			o.Add(3 * time.Minute)
			o.write(notice("다음"))
			if got := o.named("공지"); !slices.Equal(got, []string{code + " REQ 다음"}) {
				t.Errorf("%+v: Aligo has %q", f, got)
			}
		}
	})
}

// A call that Aligo carries out after it was given up is found by the next submit, which does not come before that.
func TestAWriteThatIsCarriedOutLate(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.fault(aligotest.Fault{Endpoint: "/akv10/template/add/", Kind: aligotest.FaultLate, After: message.Duration(time.Minute)})
	if a := o.write(notice("처음")); !strings.Contains(a.Problem, "answer was lost") {
		t.Errorf("problem %q", a.Problem)
	}
	if a := o.write(notice("처음")); !strings.Contains(a.Problem, "two minutes at most") {
		t.Errorf("problem %q", a.Problem)
	}
	o.Add(2 * time.Minute)
	if a := o.write(notice("처음")); a.Problem != "" {
		t.Errorf("problem %q", a.Problem)
	}
	if got := o.named("공지"); len(got) != 1 || !strings.HasSuffix(got[0], " REQ 처음") {
		t.Errorf("Aligo has %q", got)
	}
}

func TestAWriteThatMustNotBe(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	all := o.ask(template.Request{Do: template.DoList}).Listed
	o.fault(aligotest.Fault{Endpoint: "/akv10/template/list/", Kind: aligotest.FaultEmptyList})
	order := all[0].Template
	a := o.ask(template.Request{Do: template.DoWrite, Template: &order, Listed: len(all)})
	if !strings.Contains(a.Problem, "lists no template at all") {
		t.Errorf("an empty list: %q", a.Problem)
	}
	changed := order
	changed.Text += "!"
	a = o.ask(template.Request{Do: template.DoWrite, Template: &changed, Code: all[0].Code, Seen: all[0].Seen(), Listed: len(all)})
	if !strings.Contains(a.Problem, "no longer lets it be changed") || !a.Refused {
		t.Errorf("an approved one: %+v", a)
	}
	a = o.ask(template.Request{Do: template.DoWrite, Template: &changed, Code: all[0].Code, Seen: "other", Listed: len(all)})
	if !strings.Contains(a.Problem, "changed at Aligo a moment ago") {
		t.Errorf("one that was changed meanwhile: %q", a.Problem)
	}
	a = o.ask(template.Request{Do: template.DoWrite, Template: &template.Template{Name: "x"}, Listed: len(all)})
	if !strings.Contains(a.Problem, "Content") {
		t.Errorf("one without a text: %q", a.Problem)
	}
	if a := o.ask(template.Request{Do: "dance"}); !strings.Contains(a.Problem, "cannot dance") {
		t.Errorf("an unknown request: %q", a.Problem)
	}
	if got := o.ask(template.Request{Do: template.DoList}).Listed; len(got) != len(all) {
		t.Errorf("Aligo has %d templates, before it were %d", len(got), len(all))
	}
}

// The daily look logs a line for each template that needs somebody, and none for the others.
func TestTheLook(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var kept []template.Kept
	codes := map[string]string{}
	for _, name := range []string{"가", "나", "다", "라", "마", "바"} {
		a := o.write(template.Template{Name: name, Text: "알림 " + name})
		codes[name] = a.Listed[0].Code
		kept = append(kept, template.Kept{Name: name, Code: a.Listed[0].Code, Seen: a.Listed[0].Seen()})
	}
	o.ask(template.Request{Do: template.DoKeep, Kept: kept})
	if a := o.ask(template.Request{}); a.Troubles != 0 {
		t.Errorf("%d troubles of templates that wait for their review: %s", a.Troubles, &o.logs)
	}
	o.review(aligotest.TemplateState{Code: codes["가"], InspStatus: "REJ", Comment: "광고로 보입니다."})
	o.review(aligotest.TemplateState{Code: codes["나"], Content: "손으로 고침"})
	o.review(aligotest.TemplateState{Code: codes["다"], InspStatus: "APR", Status: "S"})
	o.review(aligotest.TemplateState{Code: codes["라"], InspStatus: "APR", Status: "R"})
	o.review(aligotest.TemplateState{Code: codes["마"], InspStatus: "APR", Status: "A"})
	if err := o.standin.Client().DeleteTemplate(t.Context(), codes["바"]); err != nil {
		t.Fatal(err)
	}
	o.logs.Reset()
	if a := o.ask(template.Request{}); a.Troubles != 4 {
		t.Errorf("%d troubles", a.Troubles)
	}
	o.wantLines("가 rejected 광고로 보입니다.", "나 drift it was changed at Aligo by hand", "다 stopped it is not sent any more",
		"바 gone Aligo no longer has it")
	// 라 was never used; of 마 the year begins when the stack began to look, and once more when it is used.
	o.Add(340 * 24 * time.Hour)
	o.logs.Reset()
	o.ask(template.Request{})
	o.wantLines("가 rejected 광고로 보입니다.", "나 drift it was changed at Aligo by hand", "다 stopped it is not sent any more",
		"다 soon unused since 2026-11-23", "라 soon unused since 2026-11-23", "마 soon unused since 2026-11-23", "바 gone Aligo no longer has it")
	if err := o.Book.Used(t.Context(), codes["마"], o.Now()); err != nil {
		t.Fatal(err)
	}
	o.Add(30 * 24 * time.Hour)
	o.logs.Reset()
	o.ask(template.Request{})
	o.wantLines("가 rejected 광고로 보입니다.", "나 drift it was changed at Aligo by hand", "다 dormant unused since 2026-11-23",
		"다 stopped it is not sent any more", "라 dormant unused since 2026-11-23", "바 gone Aligo no longer has it")
	o.fault(aligotest.Fault{Endpoint: "/akv10/template/list/", Kind: aligotest.FaultUnregisteredIP})
	if a := o.ask(template.Request{}); !strings.Contains(a.Problem, "203.0.113.7") {
		t.Errorf("a look that Aligo refuses: %+v", a)
	}
}

// wantLines holds the lines that the alarm counts.
func (o *office) wantLines(want ...string) {
	o.t.Helper()
	var got []string
	for _, line := range bytes.Split(bytes.TrimSpace(o.logs.Bytes()), []byte("\n")) {
		var said struct{ Name, Trouble, Detail string }
		if json.Unmarshal(line, &said) == nil && said.Trouble != "" {
			got = append(got, said.Name+" "+said.Trouble+" "+said.Detail)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		o.t.Errorf("lines\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
