package campaign_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"strings"
	"testing"
	"time"

	"sms-api/internal/campaign"
	"sms-api/internal/message"
)

// archive has what a campaign has left behind.
type archive struct {
	chunks   []campaign.Chunk
	outcomes map[int]message.Outcome
	refused  []campaign.RowError
}

func (a archive) Chunk(_ context.Context, _ campaign.Campaign, number int) (campaign.Chunk, error) {
	return a.chunks[number], nil
}

func (a archive) Outcome(_ context.Context, _ campaign.Campaign, number int) (message.Outcome, bool, error) {
	o, ok := a.outcomes[number]
	return o, ok, nil
}

func (a archive) Refused(context.Context, campaign.Campaign) (next func() (campaign.RowError, error), end func(), err error) {
	left := a.refused
	return func() (campaign.RowError, error) {
		if len(left) == 0 {
			return campaign.RowError{}, io.EOF
		}
		e := left[0]
		left = left[1:]
		return e, nil
	}, func() {}, nil
}

func recipient(to, reference string) message.Recipient {
	return message.Recipient{To: message.Phone(to), RecipientEcho: message.RecipientEcho{Reference: reference}}
}

// The report has each row of the file, and nothing that a spreadsheet would reckon with.
func TestReport(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 12, 1, 1, 2, 3, 0, time.UTC)
	a := archive{
		chunks: []campaign.Chunk{
			{Rows: []int{2, 4}, Recipients: []message.Recipient{recipient("01012345678", "m-1"), recipient("01012345679", "=1+1")}},
			{Rows: []int{5}, Recipients: []message.Recipient{recipient("01012345670", "")}},
			{Rows: []int{6}, Recipients: []message.Recipient{recipient("01012345671", "m-4")}},
		},
		outcomes: map[int]message.Outcome{0: {SettledAt: at, Recipients: []message.Result{
			{Status: message.Delivered, Channel: message.SMS, At: at},
			{Status: message.Failed, Channel: message.SMS, Code: "number", Reason: "no such number, \"they\" say", At: at},
		}}, 2: {Recipients: []message.Result{{}}}},
		refused: []campaign.RowError{{Row: 3, Pointer: "/to", Detail: "is missing"}},
	}
	r := campaign.Reporter{Messages: a, Files: a}
	report := func(c campaign.Campaign) (string, error) {
		var out bytes.Buffer
		lines := csv.NewWriter(&out)
		err := r.Report(t.Context(), c, lines)
		lines.Flush()
		return out.String(), err
	}
	c := campaign.Campaign{ID: "c-1", Status: campaign.Cancelled, Next: 2, Plan: &campaign.Plan{Messages: 3}}
	got, err := report(c)
	if err != nil {
		t.Fatal(err)
	}
	want := "2,m-1,010****5678,delivered,sms,,,2026-12-01 10:02:03\n" +
		"4,'=1+1,010****5679,failed,sms,number,\"no such number, \"\"they\"\" say\",2026-12-01 10:02:03\n" +
		"5,,010****5670,cancelled,,,,\n" +
		"6,m-4,010****5671,cancelled,,,,\n" +
		"3,,,refused,,,/to is missing,\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	c.Status = campaign.Settled
	if got, err := report(c); err != nil || got != strings.ReplaceAll(want, "cancelled", "expired") {
		t.Errorf("of one that has expired: %s, %v", got, err)
	}
	// Of who was erased since nothing is told, and what became of the others stands in their rows.
	a.outcomes[0] = message.Outcome{SettledAt: at, Recipients: a.outcomes[0].Recipients[1:], Erased: []int{0}}
	_, others, _ := strings.Cut(strings.ReplaceAll(want, "cancelled", "expired"), "\n")
	if got, err := report(c); err != nil || got != "2,,,erased,,,,\n"+others {
		t.Errorf("of one somebody was erased from: %s, %v", got, err)
	}
	// A record that lags behind is no result.
	a.outcomes[1] = message.Outcome{Recipients: []message.Result{{Status: message.Pending}}}
	if got, err := report(c); err == nil {
		t.Errorf("of one that has not settled: %s", got)
	}
	a.outcomes[1] = message.Outcome{}
	if _, err := report(c); err == nil {
		t.Error("an outcome without recipients is a report")
	}
}

// Files are saved under the name of the campaign, without what some file system refuses or takes for something else.
func TestFileNames(t *testing.T) {
	t.Parallel()
	const id = "k7mnv4q2"
	for reference, want := range map[string]string{
		"":                             "k7mnv4q2-report.csv",
		"notice-2026.12":               "notice-2026.12-report.csv",
		"새해 인사 (VIP)":                  "새해 인사 (VIP)-report.csv",
		"../../etc/passwd":             "etc-passwd-report.csv",
		`C:\a"b*?<>|`:                  "C--a-b-report.csv",
		"a\u202egpj.exe\r\nx":          "a-gpj.exe--x-report.csv",
		"/🎉/":                          "k7mnv4q2-report.csv",
		" .- ":                         "k7mnv4q2-report.csv",
		strings.Repeat("가", 128):       strings.Repeat("가", 60) + "-report.csv",
		strings.Repeat("a", 59) + " b": strings.Repeat("a", 59) + "-report.csv",
	} {
		if got := (campaign.Campaign{ID: id, Reference: reference}).FileName("report"); got != want {
			t.Errorf("%q is saved as %q, want %q", reference, got, want)
		}
	}
}
