package aligo_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/aligo/aligotest"
)

// Receipts of all recipients come back, once each, however the vendor pages, orders and repeats them.
func TestAllReceiptsOverAllPages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		honour bool
		faults []aligotest.Fault
	}{
		"pages as long as asked for":         {honour: true},
		"pages of 50":                        {},
		"the size ignored on the first page": {honour: true, faults: []aligotest.Fault{{Kind: aligotest.FaultLimitIgnored}}},
		"in reverse":                         {faults: []aligotest.Fault{{Kind: aligotest.FaultReceiptsOutOfOrder, Times: -1}}},
		"everything twice, once as pending":  {faults: []aligotest.Fault{{Kind: aligotest.FaultRowsDuplicated, Times: -1}}},
		"numbers as strings and vice versa":  {faults: []aligotest.Fault{{Kind: aligotest.FaultTypesSwapped, Times: -1}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *aligotest.ServerOptions) { o.HonourLimit = c.honour })
			people := numbers(130)
			a := must[aligo.Accepted](t)(w.client.SendAlimTalk(t.Context(), order(people...)))
			b := must[aligo.Accepted](t)(w.client.SendSMS(t.Context(), sms("안녕", people...)))
			w.Add(time.Minute)
			for _, f := range c.faults {
				f.Endpoint = "/akv10/history/detail/"
				setFault(t, w, f)
				f.Endpoint = "/sms_list/"
				setFault(t, w, f)
			}
			var got []string
			for _, r := range must[[]aligo.AlimTalkReceipt](t)(w.client.AlimTalkReceipts(t.Context(), "", a.MID)) {
				if r.Result.State != aligo.StateDelivered {
					t.Errorf("a receipt is %+v", r.Result)
				}
				got = append(got, r.To)
			}
			wantPeople(t, got, people)
			got = nil
			for _, r := range must[[]aligo.SMSReceipt](t)(w.client.SMSReceipts(t.Context(), "", b.MID)) {
				if r.Result.State != aligo.StateDelivered {
					t.Errorf("an SMS receipt is %+v", r.Result)
				}
				got = append(got, r.To)
			}
			wantPeople(t, got, people)
		})
	}
}

func wantPeople(t *testing.T, got, want []string) {
	t.Helper()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%d of %d recipients: %v", len(got), len(want), got)
	}
}

// Late receipts are pending ones, and are asked for again.
func TestLateReceipts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := must[aligo.Accepted](t)(w.client.SendAlimTalk(t.Context(), order("01012345678")))
	state := func() aligo.State {
		return must[[]aligo.AlimTalkReceipt](t)(w.client.AlimTalkReceipts(t.Context(), "", a.MID))[0].Result.State
	}
	if got := state(); got != aligo.StatePending {
		t.Errorf("at once: %s", got)
	}
	w.Add(5 * time.Second)
	setFault(t, w, aligotest.Fault{Endpoint: "/akv10/history/detail/", Kind: aligotest.FaultReceiptsLate})
	if got := state(); got != aligo.StatePending {
		t.Errorf("late: %s", got)
	}
	if got := state(); got != aligo.StateDelivered {
		t.Errorf("then: %s", got)
	}
}

// The totals of a page do not always agree with its rows.
func TestTotalsThatContradictTheRows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rows   int
		totals string
		want   int
	}{
		"pages counted with another size": {120, `"totalPage":"1","totalCount":"120"`, 120},
		"no totals at all":                {120, `"x":1`, 120},
		"no totals and a short page":      {20, `"x":1`, 20},
		"more pages than there are":       {60, `"totalPage":"7","totalCount":"60"`, 60},
		"totals as numbers":               {120, `"totalPage":3,"totalCount":120`, 120},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := clientWith(roundTripper(func(r *http.Request) (*http.Response, error) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return nil, err
				}
				_, rest, _ := strings.Cut(string(body), "page=")
				number, _, _ := strings.Cut(rest, "&")
				page, err := strconv.Atoi(number)
				if err != nil {
					return nil, err
				}
				var rows []string
				for i := (page - 1) * 50; i < min(page*50, c.rows); i++ {
					rows = append(rows, fmt.Sprintf(`{"msgid":"%d","phone":"0101234%04d"}`, i+1, i))
				}
				answer := `{"code":0,"list":[` + strings.Join(rows, ",") + `],` + c.totals + `}`
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer))}, nil
			}))
			rows, err := client.AlimTalkReceipts(t.Context(), "", "1")
			if err != nil || len(rows) != c.want {
				t.Errorf("%d rows, %v, want %d", len(rows), err, c.want)
			}
		})
	}
}

// A list of recipients that cannot be read is in doubt: taken for an empty one it would mean that nobody was sent to.
func TestListsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, list := range []string{
		`"x"`, `1`, `true`, `{"a":1}`, `[1]`, `["x"]`, `[null]`, `[[]]`, `[{"phone":{},"receiver":{}}]`, `[{"phone":[],"receiver":[]}]`,
		`[{"phone":"1"]`,
		`[{"phone":"1",}]`, `[{"phone" "1"}]`, `[{}`, `[]}x{`, `[]},{`, `[] "a":1`, ``,
	} {
		_, err := answering(`{"code":0,"list":`+list+`}`).AlimTalkReceipts(t.Context(), "", "1")
		wantError(t, err, aligo.ClassAmbiguous, "")
		_, err = answering(`{"result_code":1,"list":`+list+`}`).SMSReceipts(t.Context(), "", "1")
		wantError(t, err, aligo.ClassAmbiguous, "")
	}
	for _, body := range []string{``, `[]`, `"list"`, `null`, `{"code":0,"result_code":1,"list":[`, `{"code":0,"result_code":1,"list":[]`} {
		_, err := answering(body).AlimTalkReceipts(t.Context(), "", "1")
		wantError(t, err, aligo.ClassAmbiguous, "")
		_, err = answering(body).SMSReceipts(t.Context(), "", "1")
		wantError(t, err, aligo.ClassAmbiguous, "")
	}
	// What PHP writes although it should not can be read all the same.
	rows := must[[]aligo.AlimTalkReceipt](t)(answering(`{"code":"0","list":[{"phone":1,"ph\u006fne":821012345678,"message":"`+"\xff"+`",`+
		`"`+"\xff"+`\\":1}],"code":0}`).AlimTalkReceipts(t.Context(), "", "1"))
	if len(rows) != 1 || rows[0].To != "01012345678" {
		t.Errorf("the rows are %v", rows)
	}
}
