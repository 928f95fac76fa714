package campaign_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"sms-api/internal/campaign"
	"sms-api/internal/message"
	"sms-api/internal/sheet"
)

// door accepts messages as the API does, but for templates. Numbers that end in optedOut have opted out.
// Those that end in limited are over a limit.
type door struct {
	err   error
	calls int
	rooms []campaign.Room
}

const optedOut, limited = "9999", "8888"

func (d *door) Rooms(context.Context) ([]campaign.Room, error) { return d.rooms, d.err }

func (d *door) Check(_ context.Context, r message.Request) (campaign.Checked, error) {
	d.calls++
	if d.err != nil {
		return campaign.Checked{}, d.err
	}
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	m, wrong := message.Accept(r, message.Acceptance{ID: strings.Repeat("x", 52), Caller: "me", Now: now})
	if len(wrong) > 0 {
		return campaign.Checked{Wrong: wrong}, nil
	}
	text, err := json.Marshal(m)
	c := campaign.Checked{Size: len(text)}
	var over []int
	for i, r := range m.Recipients {
		if strings.HasSuffix(string(r.To), optedOut) {
			c.OptedOut = append(c.OptedOut, i)
		}
		if strings.HasSuffix(string(r.To), limited) || strings.HasSuffix(string(r.To), optedOut) {
			c.Limited = []campaign.LimitHit{{Limit: "number-day", Max: 5, Recipients: append(over, i)}}
			over = c.Limited[0].Recipients
		}
		filled, _ := message.Fill(string(m.Text), r.Values())
		c.Texts = append(c.Texts, filled)
		c.PriceKRW += 8.4
		c.PriceAtMostKRW += 25.9
		c.Bills = campaign.Bills{AlimTalk: c.Bills.AlimTalk + 1, SMS: c.Bills.SMS + 2, LMS: c.Bills.LMS + 3}
	}
	return c, err
}

func request(tb testing.TB, body string) message.Request {
	tb.Helper()
	r, err := message.Decode([]byte(body))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// planned is what came of a file.
type planned struct {
	campaign.Plan
	// bills are what the wallet was asked for.
	bills  []campaign.Bills
	chunks []campaign.Chunk
	errors []string
}

func plan(t *testing.T, d *door, body, file string) (planned, error) {
	t.Helper()
	var all planned
	p := campaign.Planner{
		Door: d, Request: request(t, body), Columns: message.Columns{To: "전화번호", Name: "이름", Variables: map[string]string{"주문번호": "주문"}},
		Rate: 5000,
		Suffices: func(_ context.Context, b campaign.Bills) *bool {
			all.bills = append(all.bills, b)
			return nil
		},
		Put: func(_ context.Context, n int, c campaign.Chunk) error {
			if n != len(all.chunks) {
				t.Errorf("chunk %d after %d", n, len(all.chunks))
			}
			all.chunks = append(all.chunks, c)
			return nil
		},
		Refuse: func(e campaign.RowError) error {
			all.errors = append(all.errors, strings.TrimSpace(fmt.Sprintf("%d %s %s", e.Row, e.Pointer, e.Detail)))
			return nil
		},
	}
	var err error
	all.Plan, err = p.Plan(t.Context(), strings.NewReader(file))
	return all, err
}

const text = `{"channel":"sms","text":"#{고객명}님, 주문 #{주문번호}이 도착했습니다."}`

// Who would meet a limit is told, and planned like everybody else: who has opted out takes nothing of a limit, and of a day that has
// room for some the chunks that do not fit wait, and those behind them.
func TestPlanTellsOfLimits(t *testing.T) {
	t.Parallel()
	var file strings.Builder
	file.WriteString("이름,전화번호,주문\n김철수,010-3000-9999,A\n")
	for i := range 1300 {
		fmt.Fprintf(&file, "홍길동,010-%04d-%d,A-%d\n", 2000+i, []int{1000, 1000, 8888}[i%3], i)
	}
	got, err := plan(t, &door{rooms: []campaign.Room{
		{Limit: "caller-day", Max: 2000, Free: 1299}, {Limit: "stack-day", Max: 9000, Free: 1300},
	}}, text, file.String())
	if err != nil {
		t.Fatal(err)
	}
	if got.Valid != 1300 || got.OptedOut != 1 || got.Refused != 0 || got.Messages != 3 || len(got.Limits) != 2 || len(got.errors) != 1 {
		t.Fatalf("%+v", got.Plan)
	}
	if l := got.Limits[0]; l.Limit != "number-day" || l.Max != 5 || l.Recipients != 433 || len(l.Rows) != campaign.MaxErrors ||
		l.Rows[0] != 5 || l.Rows[1] != 8 {
		t.Errorf("%+v", l)
	}
	if l := got.Limits[1]; l.Limit != "caller-day" || l.Max != 2000 || l.Recipients != 300 || l.Rows != nil {
		t.Errorf("%+v", l)
	}
	// A chunk for which there is no room holds up a smaller one behind it.
	if got, err = plan(t, &door{rooms: []campaign.Room{{Limit: "stack-day", Max: 499, Free: 499}}}, text, file.String()); err != nil ||
		len(got.Limits) != 2 || got.Limits[1].Recipients != 1300 {
		t.Errorf("%+v, %v", got.Limits, err)
	}
	// Of a file that is not sent nothing is told.
	got, err = plan(t, &door{rooms: []campaign.Room{{Limit: "stack-day", Max: 499, Free: 499}}}, text, file.String()+"\"")
	if err != nil || got.Valid != 0 || got.Limits != nil {
		t.Errorf("%+v, %v", got.Plan, err)
	}
}

// people are the rows of so many.
func people(n int) *strings.Builder {
	var file strings.Builder
	file.WriteString("이름,전화번호,주문\n")
	for i := range n {
		fmt.Fprintf(&file, "홍길동,010-2000-%04d,A-%d\n", i, i)
	}
	return &file
}

// Each row is sent to, or it is said why not.
func TestPlan(t *testing.T) {
	t.Parallel()
	file := people(1200)
	file.WriteString("김철수,010-1234-567,A\n")  // 1202
	file.WriteString("김철수,01020000000,A\n")   // 1203, as 2
	file.WriteString("김철수,010-3000-9999,A\n") // 1204, has opted out
	file.WriteString("김철수,010-3000-0000,\n")  // 1205
	file.WriteString(",010-3000-0001,A\n")    // 1206
	file.WriteString("김철수,010-3000-0002,😀\n") // 1207
	file.WriteString("김철수,010-3000-0003,B\n") // 1208
	got, err := plan(t, &door{}, text, file.String())
	if err != nil {
		t.Fatal(err)
	}
	if got.Rows != 1207 || got.Valid != 1201 || got.Refused != 4 || got.Duplicates != 1 || got.OptedOut != 1 || got.Messages != 3 ||
		got.Seconds != 14 || got.Kind != sheet.CSV {
		t.Errorf("%+v", got.Plan)
	}
	want := []string{
		"1202 /to is not a Korean telephone number: it has 10 digits, and a mobile number that begins with 010 has 11",
		"1203 /to is the same number as in row 2",
		"1204 /to has opted out",
		"1205 /variables have no value for placeholder 2 of /text",
		"1206 /variables have no value for #{고객명} of /text",
		"1207 /variables placeholder 2 of /text: SMS cannot carry an emoji",
	}
	for i, w := range want {
		if len(got.errors) != len(want) || !strings.HasPrefix(got.errors[i], w) {
			t.Errorf("errors are\n%s\nwant\n%s", strings.Join(got.errors, "\n"), strings.Join(want, "\n"))
			break
		}
	}
	if len(got.Examples) != 3 || got.Examples[0] != (campaign.Example{To: "010****0000", Text: "홍길동님, 주문 A-0이 도착했습니다."}) {
		t.Errorf("examples: %+v", got.Examples)
	}
	rows := 0
	for _, c := range got.chunks {
		rows += len(c.Rows)
	}
	if last := got.chunks[2]; rows != got.Valid || last.Rows[200] != 1208 || last.Recipients[200].To != "01030000003" {
		t.Errorf("%d rows in chunks, the last are %v", rows, last.Rows)
	}
}

// A number counts as there twice only if something can be sent for its first row.
func TestTheFirstOfTwo(t *testing.T) {
	t.Parallel()
	got, err := plan(t, &door{}, text, "이름,전화번호,주문\n홍길동,01020000000,\n홍길동,01020000000,A\n홍길동,01020000001,A\n"+
		"홍길동,01020000001,A\n홍길동,01020000000,B\n")
	if err != nil || got.Valid != 2 || got.Refused != 1 || got.Duplicates != 2 || got.chunks[0].Rows[0] != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}

// What it comes to is that of the valid rows, over all chunks; of what is wrong the first hundred are told, and all are written down.
func TestWhatAPlanComesTo(t *testing.T) {
	t.Parallel()
	file := people(1100)
	for range 150 {
		file.WriteString("홍길동,010-2000,A\n")
	}
	got, err := plan(t, &door{}, text, file.String())
	if err != nil || got.PriceKRW != 9240 || got.PriceAtMostKRW != 28490 || got.Seconds != 13 {
		t.Errorf("%v, %v KRW in %d s, %v", got.PriceKRW, got.PriceAtMostKRW, got.Seconds, err)
	}
	if want := (campaign.Bills{AlimTalk: 1100, SMS: 2200, LMS: 3300}); len(got.bills) != 1 || got.bills[0] != want {
		t.Errorf("the wallet was asked for %+v, want %+v", got.bills, want)
	}
	if got.Refused != 150 || len(got.Errors) != campaign.MaxErrors || len(got.errors) != 150 {
		t.Errorf("%d refused, %d told, %d written down", got.Refused, len(got.Errors), len(got.errors))
	}
	// Nobody asks the wallet for nothing.
	if got, err := plan(t, &door{}, text, "이름,전화번호,주문\n홍길동,010-2000,A\n"); err != nil || got.bills != nil {
		t.Errorf("%+v, %v", got.bills, err)
	}
}

// What is wrong is written down by row, although the door refuses a row later than the file does: also where more is wrong with the file
// than what is waited for.
func TestErrorsAreToldByRow(t *testing.T) {
	t.Parallel()
	wrong := []string{
		"이철수,0102222%04d,A\n", "김영희,010-%04d-9999,A\n" /* has opted out */, "홍길동,02-2,A%04d\n", ",010-3333-%04d,A\n", "이철수,010-7777-7777,%04d\n",
	}
	for name, of := range map[string]func(row int) string{
		"one of each, again and again": func(row int) string { return wrong[row%len(wrong)] },
		"hardly one that is right": func(row int) string {
			if row%6000 == 1 {
				return wrong[0]
			}
			return wrong[2]
		},
	} {
		var file strings.Builder
		file.WriteString("이름,전화번호,주문\n")
		const rows = 25_000
		for row := range rows {
			fmt.Fprintf(&file, of(row), row%10_000)
		}
		got, err := plan(t, &door{}, text, file.String())
		last := 0
		for _, e := range got.errors {
			var row int
			if _, err := fmt.Sscanf(e, "%d ", &row); err != nil || row < last {
				t.Fatalf("%s: %q after row %d", name, e, last)
			}
			last = row
		}
		if err != nil || len(got.errors) != rows-got.Valid || got.Refused+got.Duplicates+got.OptedOut != rows-got.Valid {
			t.Errorf("%s: %d errors, %+v, %v", name, len(got.errors), got.Plan, err)
		}
		if len(got.Errors) != campaign.MaxErrors || fmt.Sprint(got.Errors[99].Row) != strings.Fields(got.errors[99])[0] {
			t.Errorf("%s: the last that is told is %+v, want that of %q", name, got.Errors[len(got.Errors)-1], got.errors[99])
		}
	}
}

// A file that cannot be read to its end just now is read once more, and one whose errors cannot be written down is planned once more.
func TestPlansThatFail(t *testing.T) {
	t.Parallel()
	file := people(6000) // more than what is looked at before it is read
	file.WriteString("합계,6000\n")
	p := campaign.Planner{
		Door: &door{}, Request: request(t, text), Columns: message.Columns{To: "전화번호", Name: "이름", Variables: map[string]string{"주문번호": "주문"}},
		Rate: 5000, Put: func(context.Context, int, campaign.Chunk) error { return nil }, Refuse: func(campaign.RowError) error { return nil },
	}
	if _, err := p.Plan(t.Context(), io.MultiReader(strings.NewReader(file.String()), iotest.ErrReader(errAway))); !errors.Is(err, errAway) {
		t.Errorf("a connection that is lost behind a row: %v", err)
	}
	for _, end := range []string{"", "나,\"0101234"} {
		p.Refuse = func(campaign.RowError) error { return errAway }
		if _, err := p.Plan(t.Context(), strings.NewReader(file.String()+end)); !errors.Is(err, errAway) {
			t.Errorf("what is wrong cannot be written down: %v", err)
		}
	}
}

// Why nothing of a file is sent is told, however much was wrong with it before.
func TestWhyAFileIsRefused(t *testing.T) {
	t.Parallel()
	for end, why := range map[string]string{
		"홍길동,01012345678": "row 802 is not whole, and its line does not end: the file breaks off there",
		"홍,\"0101234":     "row 802 has a quote that is not closed",
	} {
		got, err := plan(t, &door{}, text, people(600).String()+strings.Repeat("홍길동,02-2,A\n", 200)+end)
		if len(got.Examples) > 0 || got.PriceKRW != 0 || got.PriceAtMostKRW != 0 || got.Messages != 0 {
			t.Errorf("%q: what nobody gets comes to %+v", end, got.Plan)
		}
		if err != nil || len(got.Errors) != campaign.MaxErrors || got.Errors[0] != (campaign.RowError{Detail: why}) || got.Valid != 0 {
			t.Errorf("%q: %d errors, %+v, %v", end, len(got.Errors), got.Errors[:1], err)
		}
	}
}

// A chunk fits into the input of an execution, however long its values are.
func TestChunksFit(t *testing.T) {
	t.Parallel()
	var file strings.Builder
	// What is around the recipients is known from the first few that are checked, here from one.
	file.WriteString("이름,전화번호,주문\n홍길동,010-2000-0000,가\n홍길동,010-2000-0000,가\n")
	for i := 1; i < 1000; i++ {
		fmt.Fprintf(&file, "홍길동,010-2000-%04d,%s\n", i, strings.Repeat("가", 200+i%7))
	}
	got, err := plan(t, &door{}, text, file.String())
	if err != nil || got.Valid != 1000 || got.Messages < 6 {
		t.Fatalf("%+v, %v", got.Plan, err)
	}
	for i, c := range got.chunks {
		r := request(t, text)
		r.Recipients = c.Recipients
		checked, err := (&door{}).Check(t.Context(), r)
		if err != nil || len(checked.Wrong) > 0 || checked.Size > message.MaxSize ||
			i+1 < len(got.chunks) && checked.Size < message.MaxSize-1500 {
			t.Errorf("chunk %d of %d recipients has %d bytes: %v %v", i, len(c.Recipients), checked.Size, checked.Wrong, err)
		}
	}
}

// Of a file that cannot be read, or a message that cannot be sent, nothing is.
func TestNothingToSend(t *testing.T) {
	t.Parallel()
	const row = "홍길동,01020000000,A\n"
	for name, c := range map[string]struct{ body, file, want string }{
		"no table":        {text, "PK\x03\x04", "0  the file is an Excel workbook or a ZIP archive; save it as CSV"},
		"no such column":  {text, "이름,번호,주문\n" + row, "0 /columns/to is no column of the file, whose header has 3"},
		"an open quote":   {text, "이름,전화번호,주문\n" + row + "\"" + strings.Repeat(row, 5000), "0  row 3 has a quote that is not closed"},
		"a wrong message": {`{"channel":"sms"}`, "이름,전화번호,주문\n" + row, "0 /text is missing"},
		"only a header":   {text, "이름,전화번호,주문\n \n", "0  the file has no row below its header"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := plan(t, &door{}, c.body, c.file)
			if err != nil || got.Valid != 0 || got.Messages != 0 {
				t.Errorf("%+v, %v", got.Plan, err)
			}
			if all := strings.Join(got.errors, "\n"); !strings.HasPrefix(strings.ReplaceAll(all, "  ", " "), strings.ReplaceAll(c.want, "  ", " ")) {
				t.Errorf("%s, want %s", all, c.want)
			}
		})
	}
}

// Of a file without its columns it is told what it is and all that is missing.
func TestPlanOfOtherColumns(t *testing.T) {
	t.Parallel()
	got, err := plan(t, &door{}, text, "성명;연락처\n홍길동;01020000000\n")
	const each = " is no column of the file, whose header has 2"
	want := []string{"0 /columns/to" + each, "0 /columns/name" + each, "0 /columns/variables/주문번호" + each}
	if err != nil || !slices.Equal(got.errors, want) || got.Format != (sheet.Format{Kind: "csv", Encoding: "utf-8", Delimiter: ";"}) {
		t.Errorf("%+v, %q, %v", got.Format, got.errors, err)
	}
}

// When others do not answer, all of it is worth another try.
func TestPlanFails(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	if _, err := plan(t, &door{err: away}, text, "이름,전화번호,주문\n홍길동,01020000000,A\n"); !errors.Is(err, away) {
		t.Error(err)
	}
}

// BenchmarkPlan is a million rows.
func BenchmarkPlan(b *testing.B) {
	var file strings.Builder
	file.WriteString("이름,전화번호,주문\n")
	const rows = 1_000_000
	for i := range rows {
		fmt.Fprintf(&file, "홍길동,010-%04d-%04d,A-%d\n", 2000+i/10_000, i%10_000, i)
	}
	p := campaign.Planner{
		Door: &door{}, Request: request(b, text), Columns: message.Columns{To: "전화번호", Name: "이름", Variables: map[string]string{"주문번호": "주문"}},
		Rate: 5000, Put: func(context.Context, int, campaign.Chunk) error { return nil }, Refuse: func(campaign.RowError) error { return nil },
	}
	for b.Loop() {
		plan, err := p.Plan(b.Context(), strings.NewReader(file.String()))
		if err != nil || plan.Valid+plan.OptedOut != rows {
			b.Fatal(plan, err)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapSys-m.HeapReleased)/1e6, "MB")
}
