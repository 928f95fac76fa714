package template_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/deployment"
	"sms-api/internal/template"
	"sms-api/internal/testkit/tabletest"
)

func notice(text string) template.Template { return template.Template{Name: "공지", Text: text} }

func at(t template.Template, review, status string) template.Listed {
	return template.Listed{Template: t, Code: "UK_0001", Review: review, Status: status}
}

// one is a list with one template, the notice.
func one(text, review, status string) []template.Listed {
	return []template.Listed{at(notice(text), review, status)}
}

// What lies between a file and Aligo, before and after a template was written, and after others had their hands on it.
func TestCompare(t *testing.T) {
	t.Parallel()
	written := &template.Locked{Code: "UK_0001", Sent: notice("하나").Sent(), Seen: notice("하나").Seen()}
	begun := &template.Locked{Code: "UK_0001"}
	secret := notice("하나")
	secret.Secure = true
	two := append([]template.Listed{{Code: "UK_0002", Template: notice("둘")}}, one("하나", "APR", "A")...)
	renamed := []template.Listed{at(template.Template{Name: "x", Text: "하나"}, "APR", "A")}
	linked := at(notice("하나"), "APR", "A")
	linked.Unsendable = []string{"대표링크"}
	for name, c := range map[string]struct {
		file   template.Template
		locked *template.Locked
		aligo  []template.Listed
		want   template.State
		says   string
	}{
		"it is new":                                        {notice("하나"), nil, nil, template.Create, ""},
		"it was made by hand":                              {notice("하나"), nil, one("하나", "APR", "A"), template.Nothing, ""},
		"it was made by hand with \\r\\n":                  {notice("하나\n둘"), nil, one("하나\r\n둘", "APR", "A"), template.Nothing, ""},
		"it was made by hand otherwise":                    {notice("둘"), nil, one("하나", "REG", "R"), template.Change, "text from line 1 on"},
		"it was made by hand otherwise, and approved":      {notice("둘"), nil, one("하나", "APR", "R"), template.Stuck, "no longer lets it"},
		"somebody was cut off before the review":           {notice("하나"), nil, one("하나", "REG", "R"), template.Review, ""},
		"somebody was cut off before the lock":             {notice("하나"), nil, one("하나", "REQ", "R"), template.Waiting, ""},
		"somebody was cut off in a change":                 {notice("하나"), begun, one("하나", "REJ", "R"), template.Change, ""},
		"somebody was cut off after a change":              {notice("둘"), written, one("둘", "REJ", "R"), template.Change, ""},
		"somebody was cut off after its review":            {notice("둘"), written, one("둘", "REQ", "R"), template.Waiting, ""},
		"it waits":                                         {notice("하나"), written, one("하나", "REQ", "R"), template.Waiting, ""},
		"it is approved":                                   {notice("하나"), written, one("하나", "APR", "A"), template.Nothing, ""},
		"it is rejected":                                   {notice("하나"), written, one("하나", "REJ", "R"), template.Rejected, "change what"},
		"it is rejected, and the file was changed":         {notice("둘"), written, one("하나", "REJ", "R"), template.Change, "text"},
		"it waits, and the file was changed":               {notice("둘"), written, one("하나", "REQ", "R"), template.Stuck, "under review"},
		"it is approved, and the file was changed":         {notice("둘"), written, one("하나", "APR", "A"), template.Stuck, "a name of its own"},
		"what Aligo does not list was changed":             {secret, written, one("하나", "REJ", "R"), template.Change, ""},
		"what Aligo does not list was changed, too late":   {secret, written, one("하나", "APR", "A"), template.Stuck, "approved"},
		"it was changed by hand":                           {notice("하나"), written, one("셋", "APR", "A"), template.Drift, "by hand: text"},
		"it was changed by hand and in the file":           {notice("둘"), written, one("셋", "REJ", "R"), template.Drift, "by hand: text"},
		"it was changed by hand, and the file follows":     {notice("셋"), written, one("셋", "APR", "A"), template.Nothing, ""},
		"it was renamed by hand":                           {notice("하나"), written, renamed, template.Drift, "name"},
		"it was stopped":                                   {notice("하나"), written, one("하나", "APR", "S"), template.Stopped, "ask Aligo"},
		"it was deleted":                                   {notice("하나"), written, []template.Listed{}, template.Gone, "UK_0001"},
		"two have its name":                                {notice("하나"), nil, two, template.Doubled, "UK_0002, UK_0001"},
		"two have its name, and it is said which is meant": {notice("하나"), written, two, template.Nothing, ""},
		"it has what cannot be sent":                       {notice("하나"), written, []template.Listed{linked}, template.Unsendable, "대표링크"},
	} {
		got := template.Compare(c.file, c.locked, c.aligo)
		if got.State != c.want || !strings.Contains(got.Detail, c.says) {
			t.Errorf("%s: %s %q, want %s with %q", name, got.State, got.Detail, c.want, c.says)
		}
	}
}

// Aligo may write down what it was sent in a way of its own. That is neither drift nor a change.
func TestCompareWithWhatAligoMadeOfIt(t *testing.T) {
	t.Parallel()
	file, listed := notice("하나 "), at(notice("하나"), "APR", "A")
	locked := &template.Locked{Code: "UK_0001", Sent: file.Sent(), Seen: listed.Seen()}
	if got := template.Compare(file, locked, []template.Listed{listed}); got.State != template.Nothing {
		t.Errorf("%s %s", got.State, got.Detail)
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	a := template.Template{Name: "가", Text: "하나\n둘", Buttons: []template.Button{{Name: "열기", Type: "WL", Mobile: "https://a.example"}}}
	b := template.Template{Name: "가", Text: "하나\n셋", Type: "BA", Emphasis: "TEXT", Title: "제목", Subtitle: "부제"}
	if got := template.Differences(a, b); !slices.Equal(got, []string{"emphasis", "title", "subtitle", "text from line 2 on", "buttons"}) {
		t.Errorf("got %q", got)
	}
	if got := template.Differences(a, a); got != nil || a.Seen() == b.Seen() {
		t.Errorf("got %q", got)
	}
}

// book is a book with a table and a clock of its own.
func book(t *testing.T, now *time.Time) (*template.Book, *tabletest.Table) {
	t.Helper()
	table := tabletest.New(t)
	return &template.Book{Client: table.Client, Table: tabletest.Name, Now: func() time.Time { return *now }}, table
}

func TestBook(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	b, table := book(t, &now)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(b.Keep(t.Context(), []template.Kept{{Name: "가", Code: "UK_1", Seen: "x"}}))
	now = now.Add(48 * time.Hour)
	check(b.Keep(t.Context(), []template.Kept{{Name: "가", Code: "UK_1", Seen: "y"}, {Name: "나", Code: "UK_2"}}))
	table.Operations()
	for range 3 {
		check(b.Used(t.Context(), "UK_1", now))
	}
	if got := table.Operations(); len(got) != 1 {
		t.Errorf("three uses on a day take %q", got)
	}
	// An outcome that comes late does not take back a later one.
	other, _ := book(t, &now)
	other.Client = b.Client
	check(other.Used(t.Context(), "UK_1", now.Add(-24*time.Hour)))
	m, err := b.Read(t.Context())
	check(err)
	if !m.Used["UK_1"].Equal(now) || len(m.Kept) != 2 || !m.Kept[0].Since.Equal(now.Add(-48*time.Hour)) || m.Kept[0].Seen != "y" ||
		!m.Kept[1].Since.Equal(now) {
		t.Errorf("got %+v", m)
	}
}

// Only one writes, until it lays the pen down or has had it too long. A request that an SDK repeats finds the pen its own.
func TestPen(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	b, _ := book(t, &now)
	take := func(owner string, want bool) {
		t.Helper()
		if got, err := b.Take(t.Context(), owner, time.Minute); err != nil || got != want {
			t.Errorf("%s takes the pen: %v %v, want %v", owner, got, err, want)
		}
	}
	take("kim", true)
	take("kim", true)
	take("lee", false)
	if err := b.Lay(t.Context(), "lee"); err != nil {
		t.Error(err)
	}
	take("lee", false)
	if err := b.Lay(t.Context(), "kim"); err != nil {
		t.Error(err)
	}
	take("lee", true)
	now = now.Add(61 * time.Second)
	take("kim", true)
}

// Each function may do to the book what its part of this package does there, and nothing else.
func TestPermissions(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	uses := func(b *template.Book) { _ = b.Used(t.Context(), "UK_1", now) }
	does := map[string]func(*template.Book){
		deployment.Record: uses, deployment.Sweep: uses,
		deployment.Templates: func(b *template.Book) {
			_ = b.Keep(t.Context(), nil)
			_, _ = b.Take(t.Context(), "kim", time.Minute)
			_ = b.Lay(t.Context(), "kim")
		},
	}
	tabletest.HoldPermissions(t, deployment.TemplateBook, func(function string) []string {
		b, table := book(t, &now)
		table.Operations()
		if do := does[function]; do != nil {
			do(b)
		}
		return table.Operations()
	})
}
