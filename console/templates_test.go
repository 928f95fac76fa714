package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/template"
)

// folder are templates in files, and the command on them.
type folder struct {
	t    *testing.T
	dir  string
	desk desk
}

func newFolder(t *testing.T, d desk, texts map[string]string) *folder {
	t.Helper()
	f := &folder{t: t, dir: filepath.Join(t.TempDir(), "templates"), desk: d}
	if err := os.Mkdir(f.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range texts {
		f.put(name, text)
	}
	return f
}

func (f *folder) put(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name+".yaml"), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// says runs the command and holds what it prints, and its error, to pieces of them.
func (f *folder) says(do string, pieces ...string) {
	f.t.Helper()
	var out bytes.Buffer
	do, overwrite := strings.CutSuffix(do, " -overwrite")
	if err := templates(f.t.Context(), f.desk, "local", do, templatesFlags{folder: f.dir, overwrite: overwrite}, &out); err != nil {
		out.WriteString("error: " + err.Error() + "\n")
	} else {
		out.WriteString("no error\n")
	}
	rest := out.String()
	for _, piece := range pieces {
		_, after, ok := strings.Cut(rest, piece)
		if !ok {
			f.t.Errorf("%s says\n%s\nwhich has no %q (after what was looked for before it)", do, &out, piece)
			return
		}
		rest = after
	}
}

func (f *folder) lock() string {
	f.t.Helper()
	text, err := os.ReadFile(f.dir + ".lock.yaml")
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

// A template from its first line to its approval, and what others do to it meanwhile.
func TestTemplates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := newFolder(t, w.stack, map[string]string{
		"order": "name: 주문 접수\ntext: |\n  [마실상점] 주문이 접수되었습니다.\n\n  #{고객명}님, 주문해 주셔서 감사합니다.\n\n" +
			"  ■ 주문번호: #{주문번호}\n\n  상품이 준비되는 대로 발송 소식을 알려 드리겠습니다.\n",
		"notice": "name: 공지\ntext: |\n  #{고객명}님께 알립니다.\n  #{내용}\nexample:\n  내용: 오늘은 쉽니다.\n",
	})
	review := func(to aligotest.TemplateState) {
		t.Helper()
		if err := w.standin.SetTemplateState(to); err != nil {
			t.Fatal(err)
		}
	}
	const code = "UK_0001"
	f.says("plan", "create     공지\n", "nothing    주문 접수 (TX_1234)\n", "no file    배송 출발 (TX_2345)\n",
		"templates: 2, to submit: 1, need somebody: 0", "no error")
	if _, err := os.Stat(f.dir + ".lock.yaml"); err == nil {
		t.Error("plan has written the lock file")
	}
	f.says("submit", "done       공지 (UK_0001): created, sent for review\n", "nothing    주문 접수 (TX_1234)\n", "no error")
	for _, want := range []string{"# Which code", "local:", "공지:", "code: UK_0001", "code: TX_1234"} {
		if !strings.Contains(f.lock(), want) {
			t.Errorf("the lock file has no %s:\n%s", want, f.lock())
		}
	}
	f.says("plan", "waiting    공지 (UK_0001)\n", "to submit: 0", "no error")
	f.says("status", "UK_0001    공지: under review\n", "no error")
	f.put("notice", "name: 공지\ntext: 급히 바꿉니다.\n")
	f.says("submit", "stuck      공지 (UK_0001)\n", "under review", "error: templates that need somebody: 1")

	review(aligotest.TemplateState{Code: code, InspStatus: "REJ", Comment: "변수만 있는 줄은 안 됩니다."})
	f.put("notice", "name: 공지\ntext: |\n  #{고객명}님께 알립니다.\n  #{내용}\n")
	f.says("plan", "rejected   공지 (UK_0001)\n", "the reviewer: 변수만 있는 줄은 안 됩니다.", "error: templates that need somebody: 1")
	f.says("submit", "rejected   공지", "error: templates that need somebody: 1")
	f.says("status", "공지: rejected\n", "the reviewer: 변수만 있는 줄은 안 됩니다.")
	f.put("notice", "name: 공지\ntext: |\n  #{고객명}님께 알립니다.\n  안내: #{내용}\n")
	f.says("plan", "change     공지 (UK_0001)\n", "the reviewer", "text from line 2 on", "to submit: 1")
	f.says("submit", "done       공지 (UK_0001): changed, sent for review\n", "no error")

	review(aligotest.TemplateState{Code: code, InspStatus: "APR", Status: "R"})
	f.says("plan", "nothing    공지 (UK_0001)\n", "to submit: 0, need somebody: 0")
	f.says("status", "공지: approved, never used\n")
	f.put("notice", "name: 공지\ntext: 다른 글\n")
	f.says("plan", "stuck      공지 (UK_0001)\n", "approved, and Aligo no longer lets it be changed", "error: templates that need somebody: 1")
	f.put("notice", "name: 공지\ntext: |\n  #{고객명}님께 알립니다.\n  안내: #{내용}\n")

	review(aligotest.TemplateState{Code: code, Content: "손으로 고침"})
	f.says("plan", "drift      공지 (UK_0001)\n", "changed at Aligo by hand: text from line 1 on", "error: templates that need somebody: 1")
	f.says("status", "공지: approved, never used\n", "drift: it was changed at Aligo by hand")
	f.says("submit -overwrite", "drift      공지", "error: templates that need somebody: 1")
	review(aligotest.TemplateState{Code: code, InspStatus: "REG"})
	f.says("submit", "drift      공지", "error: templates that need somebody: 1")
	f.says("submit -overwrite", "done       공지 (UK_0001): changed, sent for review\n", "no error")
	review(aligotest.TemplateState{Code: code, InspStatus: "APR", Status: "S"})
	f.says("plan", "stopped    공지 (UK_0001)\n", "error: templates that need somebody: 1")
	f.says("status", "공지: approved, stopped\n")
	f.says("dance", "pull, plan, submit or status")
}

// lost is a stack whose answers to some calls are lost, after they were carried out or before.
type lost struct {
	desk

	// at is the write that is lost, from 1.
	at     int
	before bool
	writes int
}

var errLost = errors.New("connection reset by peer")

func (l *lost) Templates(ctx context.Context, r template.Request) (template.Answer, error) {
	if r.Do != template.DoWrite {
		return l.desk.Templates(ctx, r)
	}
	l.writes++
	if l.writes == l.at && l.before {
		return template.Answer{}, errLost
	}
	a, err := l.desk.Templates(ctx, r)
	if l.writes == l.at {
		return template.Answer{}, errLost
	}
	return a, err
}

// A submit that is cut off between the console and the function is ended by the next, and no template is there twice.
func TestSubmitCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, l := range []*lost{{at: 1}, {at: 1, before: true}, {at: 2}, {at: 2, before: true}} {
		l.desk = w.stack
		names := []string{"가" + strings.Repeat("x", i), "나" + strings.Repeat("x", i)}
		f := newFolder(t, l, map[string]string{"a": "name: " + names[0] + "\ntext: 하나\n", "b": "name: " + names[1] + "\ntext: 둘\n"})
		f.says("submit", "error: "+names[l.at-1]+": connection reset by peer", "submit again goes on from here")
		f.says("submit", "no error")
		f.says("plan", "waiting    "+names[0], "waiting    "+names[1], "to submit: 0, need somebody: 0")
		a, err := w.stack.Templates(t.Context(), template.Request{Do: template.DoList})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			var codes []string
			for _, l := range a.Listed {
				if l.Name == name {
					codes = append(codes, l.Code)
				}
			}
			if len(codes) != 1 || !strings.Contains(f.lock(), codes[0]) {
				t.Errorf("%+v: %s is there as %q; the lock file is\n%s", *l, name, codes, f.lock())
			}
		}
	}
}

// A change that is cut off, of a template that was made by hand and has no entry in the lock file.
func TestChangeCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := &lost{desk: w.stack, at: 2}
	f := newFolder(t, l, map[string]string{"a": "name: 가\ntext: 하나\n"})
	f.says("submit", "created, sent for review")
	code := "UK_0001"
	if err := w.standin.SetTemplateState(aligotest.TemplateState{Code: code, InspStatus: "REJ", Comment: "짧습니다."}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(f.dir + ".lock.yaml"); err != nil {
		t.Fatal(err)
	}
	f.put("a", "name: 가\ntext: 하나 둘\n")
	// The function has changed it, and could not request the review.
	if err := w.standin.SetFault(aligotest.Fault{Endpoint: "/akv10/template/request/", Kind: aligotest.FaultUnregisteredIP}); err != nil {
		t.Fatal(err)
	}
	f.says("submit", "error: 가: connection reset")
	f.says("plan", "change     가 (UK_0001)")
	f.says("submit", "changed, sent for review", "no error")
}

// What Aligo refuses of one template does not keep the others.
func TestSubmitGoesOnAfterARefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := newFolder(t, w.stack, map[string]string{"a": "name: 가\ntext: 하나\n", "b": "name: 나\ntext: 둘\n"})
	if err := w.standin.SetFault(aligotest.Fault{Endpoint: "/akv10/template/list/", Kind: aligotest.FaultEmptyList}); err != nil {
		t.Fatal(err)
	}
	f.says("plan", "create     가\n", "create     나\n")
	if err := w.standin.SetFault(aligotest.Fault{Endpoint: "/akv10/template/add/", Kind: aligotest.FaultUnregisteredIP}); err != nil {
		t.Fatal(err)
	}
	f.says("submit", "error: 가: register 127.0.0.1 with Aligo", "submit again goes on from here")
	if err := w.standin.SetFault(aligotest.Fault{Endpoint: "/akv10/template/request/", Kind: aligotest.FaultBadCredentials}); err != nil {
		t.Fatal(err)
	}
	f.says("submit", "done       가 (UK_0001): created", "error: 가: put the right Aligo credentials")
	f.says("submit", "done       가 (UK_0001): changed, sent for review", "done       나 (UK_0002): created, sent for review", "no error")
	if err := w.standin.SetFault(aligotest.Fault{Endpoint: "/akv10/template/list/", Kind: aligotest.FaultEmptyList}); err != nil {
		t.Fatal(err)
	}
	f.says("submit", "error: 2 templates were written, and Aligo lists none at all")
}

// The lock file is beside the folder, however one tells of it.
func TestLockBesideTheFolder(t *testing.T) {
	w := newWorld(t)
	f := newFolder(t, w.stack, map[string]string{"a": "name: 가\ntext: 하나\n"})
	beside := f.dir
	t.Chdir(beside)
	for _, f.dir = range []string{".", "./", "../templates/", beside + "/"} {
		f.says("submit", "no error")
		if _, err := os.Stat(beside + ".lock.yaml"); err != nil {
			t.Errorf("-dir %s: %v", f.dir, err)
		}
		if err := os.Remove(beside + ".lock.yaml"); err != nil {
			t.Error(err)
		}
	}
}

// says is a stack that answers so.
type says template.Answer

func (s says) Templates(context.Context, template.Request) (template.Answer, error) {
	return template.Answer(s), nil
}

// What goes dormant, and what no call can send, is told by status.
func TestStatus(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	at := func(code, name string, d template.Dormancy, unsendable ...string) template.Listed {
		return template.Listed{
			Template: template.Template{Name: name, Text: name}, Code: code, Review: "APR", Status: "A", UnusedSince: &since, Dormancy: d,
			Unsendable: unsendable,
		}
	}
	f := newFolder(t, says{Listed: []template.Listed{
		at("UK_1", "가", ""), at("UK_2", "나", template.DormantSoon), at("UK_3", "다", template.Dormant), at("UK_4", "라", "", "대표링크"),
		{Template: template.Template{Name: "마"}, Code: "UK_5", Review: "HLD", Status: "R"},
	}}, nil)
	f.says("status", "UK_1       가: approved\nUK_2       나: approved\n",
		"dormant soon: unused since 2026-01-05, dormant on 2027-01-05; send it once\nUK_3", "dormant: unused since 2026-01-05; Aligo has no call",
		"UK_4", "Aligo's API cannot send it: it has 대표링크\n", "UK_5       마: in a state that is not known: HLD R\n", "templates at Aligo: 5\n")
	f.desk = says{Problem: "register 203.0.113.7"}
	f.says("status", "error: register 203.0.113.7")
}
