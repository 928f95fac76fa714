package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/unicode/norm"

	"sms-api/console/page"
)

// listOf is a file with this text.
func listOf(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "list.csv")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// imports runs an import that does not wait, and returns what it has printed.
func (w *world) imports(t *testing.T, api asker, l listing) (string, error) {
	t.Helper()
	var out bytes.Buffer
	if l.rate == 0 {
		l.rate = defaultPace
	}
	err := importOptOuts(t.Context(), api, l, func(ctx context.Context, _ time.Duration) error { return ctx.Err() }, &out)
	return out.String(), err
}

// A list as Excel writes it is put in, row by row: what it has lost is named, what is there stays, and once more changes nothing.
func TestImportOfOptOuts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text, err := korean.EUCKR.NewEncoder().String("고객명,전화번호\r\n홍길동,010-1234-5678\r\n김영희,1012345679\r\n박철수,010-1234-5680\r\n" +
		"이몽룡,1.01E+09\r\n성춘향,010-1234-5678\r\n변학도,010-12\r\n방자,1012345681\r\n")
	if err != nil {
		t.Fatal(err)
	}
	file := listOf(t, text)
	dry, err := w.imports(t, w.stack.API, listing{file: file, via: "080", dry: true})
	if err == nil || err.Error() != "refused: 4 of 7 rows" || !strings.Contains(dry, "2 would be new, 0 already there") {
		t.Errorf("%v\n%s", err, dry)
	}
	first, err := w.imports(t, w.stack.API, listing{file: file, via: "080"})
	for _, want := range []string{
		"7 rows, CSV in CP949\n2 new, 0 already there, 0 opted in since, 1 the same number again\n", "lacks the 0 that it begins with",
		"have the column as text: rows 3 8\n", "with an exponent", "rows 5\n", "rows 7\n",
	} {
		if !strings.Contains(first, want) {
			t.Errorf("no %q in\n%s", want, first)
		}
	}
	if err == nil || strings.Contains(first, "1234567") {
		t.Errorf("%v\n%s", err, first)
	}
	again, _ := w.imports(t, w.stack.API, listing{file: file, via: "somewhere else"})
	if !strings.Contains(again, "0 new, 2 already there") {
		t.Errorf("%s", again)
	}
	var entry struct{ Status, Via string }
	err = w.stack.API.Ask(t.Context(), page.Request{Method: http.MethodGet, Path: "/v1/opt-outs/01012345678"}, &entry)
	if err != nil || entry.Status != "opted-out" || entry.Via != "080" {
		t.Errorf("%+v, %v", entry, err)
	}
}

// Who has opted in after the list was made stays in, also when that is only known when it is written; without -at the list is of now.
func TestImportOfAnOldList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := listOf(t, `{"to":"01012345678"}`+"\n"+`{"to":"010-1234-5679"}`+"\n")
	if err := w.stack.API.Ask(t.Context(), page.Request{Method: http.MethodDelete, Path: "/v1/opt-outs/01012345678"}, nil); err != nil {
		t.Fatal(err)
	}
	yesterday := time.Now().Add(-24 * time.Hour).Format(time.RFC3339)
	if out, err := w.imports(t, w.stack.API, listing{file: file, at: yesterday}); err != nil ||
		!strings.Contains(out, "2 rows, JSONL in UTF-8\n1 new, 0 already there, 1 opted in since") {
		t.Errorf("%v\n%s", err, out)
	}
	blind := askerFunc(func(ctx context.Context, q page.Request, into any) error {
		if q.Method == http.MethodGet {
			return &page.ProblemError{Type: page.ProblemType + "opt-out-not-found", Status: http.StatusNotFound}
		}
		return w.stack.API.Ask(ctx, q, into)
	})
	out, err := w.imports(t, blind, listing{file: file, at: yesterday})
	if err != nil || !strings.Contains(out, "1 new, 0 already there, 1 opted in since") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = w.imports(t, w.stack.API, listing{file: file})
	if err != nil || !strings.Contains(out, "1 new, 1 already there, 0 opted in since") {
		t.Errorf("%v\n%s", err, out)
	}
}

// askerFunc answers requests of the API.
type askerFunc func(ctx context.Context, q page.Request, into any) error

func (f askerFunc) Ask(ctx context.Context, q page.Request, into any) error { return f(ctx, q, into) }

// An API that asks to slow down is waited for as long as it says, one that does not answer is asked again, and what cannot go on says
// so without a number, and goes on the next time.
func TestImportThroughABusyAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var list strings.Builder
	list.WriteString("번호\n")
	for n := range 30 {
		fmt.Fprintf(&list, "010-5555-%04d\n", n)
	}
	file := listOf(t, list.String())
	var mu sync.Mutex
	calls, failing := 0, true
	busy := askerFunc(func(ctx context.Context, q page.Request, into any) error {
		mu.Lock()
		calls++
		n := calls
		mu.Unlock()
		switch {
		case n%7 == 3:
			return &page.ProblemError{Status: http.StatusTooManyRequests, RetryAfter: 17 * time.Second}
		case n%11 == 5:
			return &page.ProblemError{Status: http.StatusBadGateway}
		case failing && n > 40:
			return fmt.Errorf("%w on %s %s", errors.New("you may not do this"), q.Method, q.Path)
		}
		return w.stack.API.Ask(ctx, q, into)
	})
	out, err := w.imports(t, busy, listing{file: file})
	if err == nil || !strings.Contains(err.Error(), "you may not do this on ") || !strings.Contains(err.Error(), "goes on where it was") ||
		strings.Contains(err.Error(), "0105555") || !strings.Contains(out, "not looked at") {
		t.Errorf("%v\n%s", err, out)
	}
	failing = false
	var longest time.Duration
	var told bytes.Buffer
	err = importOptOuts(t.Context(), busy, listing{file: file, rate: 10}, func(_ context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		longest = max(longest, d)
		return nil
	}, &told)
	if err != nil || longest < 16*time.Second || longest > 17*time.Second || strings.Contains(told.String(), "not looked at") ||
		strings.Contains(told.String(), "\n30 new") {
		t.Errorf("%v, waited for %v\n%s", err, longest, told.String())
	}
	again, err := w.imports(t, w.stack.API, listing{file: file})
	if err != nil || !strings.Contains(again, "0 new, 30 already there") {
		t.Errorf("%v\n%s", err, again)
	}
}

// An API that never answers is given up.
func TestImportGivesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for status, want := range map[int]int{http.StatusTooManyRequests: patience, http.StatusServiceUnavailable: tries} {
		calls := 0
		_, err := w.imports(t, askerFunc(func(context.Context, page.Request, any) error {
			calls++
			return &page.ProblemError{Status: status, Title: "Not now"}
		}), listing{file: listOf(t, "번호\n01012345678\n")})
		if err == nil || !strings.Contains(err.Error(), "Not now") || calls != want {
			t.Errorf("%d: %v after %d", status, err, calls)
		}
	}
}

// What the API refuses of every number ends it with what the API says is wrong, without the advice to run it again.
func TestImportThatIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.imports(t, askerFunc(func(ctx context.Context, q page.Request, into any) error {
		if q.Method == http.MethodPut {
			q.Body = []byte(`{"at":"9998-01-01T00:00:00Z"}`)
		}
		return w.stack.API.Ask(ctx, q, into)
	}), listing{file: listOf(t, "번호\n01012345678\n")})
	if err == nil || !strings.Contains(err.Error(), "/at is in the future; the same command would be refused again") {
		t.Error(err)
	}
}

// A list may be of now by a clock that is a little ahead, and of no later: a dry run says so as well.
func TestImportOfAListOfTomorrow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := listOf(t, "번호\n01012345678\n")
	for ahead, says := range map[time.Duration]string{5 * time.Minute: "", 11 * time.Minute: "-at is in the future"} {
		for _, dry := range []bool{true, false} {
			out, err := w.imports(t, w.stack.API, listing{file: file, at: time.Now().Add(ahead).Format(time.RFC3339), dry: dry})
			if (err != nil) != (says != "") || err != nil && (err.Error() != says || out != "") {
				t.Errorf("%v ahead, dry run %t: %v\n%s", ahead, dry, err, out)
			}
		}
	}
}

// Nothing is written of a list that cannot be read to its end, or whose column is not known.
func TestListsThatAreNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for text, want := range map[string]string{
		"PK\x03\x04":              "an Excel workbook",
		"":                        "the file is empty",
		"이름,번\n홍길동,01012345678\n": "say with -column which column",
		"번호,번호\n01012345678,01012345678\n":      "the columns 번호, 번호: say with -column",
		"전화번호,휴대폰\n0212345678,01012345678\n":    "the columns 전화번호, 휴대폰: say with -column",
		"휴대폰,전화번호\n01012345678,0212345678\n":    "the columns 휴대폰, 전화번호: say with -column",
		"전화번호,전화번호\n01012345678,\n":             "the columns 전화번호, 전화번호: say with -column",
		"전화번호,Mobile\n0212345678,01012345678\n": "the columns 전화번호, Mobile: say with -column",
		"휴대폰 번호,전화번호\n,0212345678\n":            "the columns 휴대폰 번호, 전화번호: say with -column",
		"연락처\n":                                "no row below its header",
		"번호\n01012345678\n\"01012345679\n":     "a quote that is not closed",
		"01012345678\n01012345679\n":           "the first row must be their names",
		"[{\"to\":\"01012345678\"}]":           "one JSON array",
		"연락처,번호\n01012345678,01012345679\nx,y": "",
	} {
		out, err := w.imports(t, w.stack.API, listing{file: listOf(t, text), dry: true})
		if err == nil || want != "" && (!strings.Contains(err.Error(), want) || out != "") || strings.Contains(err.Error(), "1012345") {
			t.Errorf("%q: %v %q", text, err, out)
		}
	}
	if out, err := w.imports(t, w.stack.API, listing{file: listOf(t, "가입일,고객\n어제,01012345678\n"), column: "고객"}); err != nil ||
		!strings.Contains(out, "1 new") {
		t.Errorf("%v\n%s", err, out)
	}
	// A Mac takes letters apart.
	if out, err := w.imports(t, w.stack.API, listing{file: listOf(t, norm.NFD.String("휴대폰")+"\n01012345670\n")}); err != nil ||
		!strings.Contains(out, "1 new") {
		t.Errorf("%v\n%s", err, out)
	}
	// Where a column is called as one of telephone numbers, 번호 numbers the rows.
	if out, err := w.imports(t, w.stack.API, listing{file: listOf(t, "번호,Phone Number\n1,01012345679\n")}); err != nil ||
		!strings.Contains(out, "1 new") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, l := range []listing{
		{file: "nowhere.csv"}, {file: listOf(t, "번호\n"), at: "yesterday"}, {file: listOf(t, "번호\n"), rate: 101},
		{file: listOf(t, "번호\n"), via: "010-1234-5678"},
	} {
		if _, err := w.imports(t, w.stack.API, l); err == nil {
			t.Errorf("%+v is taken", l)
		}
	}
	for _, args := range [][]string{
		{}, {"import"}, {"import", "-stack", "prod"}, {"export", "f"}, {"import", "f"}, {"import", "f", "-stack", "x", "y"},
	} {
		if err := run(t.Context(), append([]string{"opt-outs"}, args...), io.Discard, io.Discard); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
