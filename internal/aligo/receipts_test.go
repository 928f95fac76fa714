package aligo_test

import (
	"fmt"
	"strings"
	"testing"

	"sms-api/internal/aligo"
)

// detail is a row of the detailed history of AlimTalk.
func detail(fields string) string {
	return `{"code":0,"message":"","list":[{` + fields + `}],"currentPage":"1","totalPage":"1","totalCount":"1"}`
}

func alimTalkReceipt(t *testing.T, fields string) aligo.Receipt {
	t.Helper()
	rows := must[[]aligo.AlimTalkReceipt](t)(answering(detail(fields)).AlimTalkReceipts(t.Context(), "", "1"))
	if len(rows) != 1 || rows[0].To != "01012345678" {
		t.Fatalf("%d rows", len(rows))
	}
	return rows[0].Result
}

func TestEveryAlimTalkResult(t *testing.T) {
	t.Parallel()
	for _, row := range readResultCodes(t).AlimTalk.Codes {
		t.Run(row.Rslt, func(t *testing.T) {
			t.Parallel()
			got := alimTalkReceipt(t, fmt.Sprintf(
				`"msgid":"1","phone":"010-1234-5678","rslt":%q,"rslt_message":%q,"reportdate":"2026-11-23 10:00:05"`, row.Rslt, row.Meaning))
			if string(got.State) != row.Final || got.Code != row.Rslt || got.SMSUseful != row.Fallback || (got.Alert != "") != row.Alert {
				t.Errorf("got %+v, want %+v", got, row)
			}
			if row.Rslt != "0" && got.Reason != row.Meaning || !got.At.Equal(monday.Add(5e9)) {
				t.Errorf("reason %q at %s", got.Reason, got.At)
			}
			// Without a text of the vendor's, the reason is the one that is known.
			plain := alimTalkReceipt(t, fmt.Sprintf(`"msgid":"1","phone":"01012345678","rslt":%q,"reportdate":"2026-11-23 10:00:05"`, row.Rslt))
			if row.Rslt != "0" && plain.Reason != row.Meaning {
				t.Errorf("the reason is %q, want %q", plain.Reason, row.Meaning)
			}
		})
	}
	t.Run("as a number", func(t *testing.T) {
		t.Parallel()
		if got := alimTalkReceipt(t,
			`"msgid":1,"phone":821012345678,"rslt":0,"reportdate":"2026-11-23 10:00:05"`); got.State != aligo.StateDelivered {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("a letter that no list has", func(t *testing.T) {
		t.Parallel()
		got := alimTalkReceipt(t, `"msgid":"1","phone":"01012345678","rslt":"Z","reportdate":"2026-11-23 10:00:05"`)
		if got.State != aligo.StateUnknown || got.SMSUseful || got.Alert == "" || got.Code != "Z" {
			t.Errorf("got %+v", got)
		}
	})
}

func TestEveryPendingAlimTalk(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"msgid starts with Q": `"msgid":"Q1","phone":"01012345678","rslt":"0","reportdate":"2026-11-23 10:00:05"`,
		"rslt empty":          `"msgid":"1","phone":"01012345678","rslt":"","reportdate":"2026-11-23 10:00:05"`,
		"reportdate empty":    `"msgid":"1","phone":"01012345678","rslt":"0","reportdate":""`,
		"reportdate zero":     `"msgid":"1","phone":"01012345678","rslt":"0","reportdate":"0000-00-00 00:00:00"`,
		"rslt null":           `"msgid":"1","phone":"01012345678","rslt":null,"reportdate":null`,
	}
	for _, sign := range readResultCodes(t).AlimTalk.Pending {
		if _, ok := cases[sign]; !ok && sign != "row absent" {
			t.Errorf("nothing tests %q", sign)
		}
	}
	for name, fields := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := alimTalkReceipt(t, fields); got.State != aligo.StatePending || !got.At.IsZero() || got.SMSUseful {
				t.Errorf("got %+v", got)
			}
		})
	}
	t.Run("row absent", func(t *testing.T) {
		t.Parallel()
		for _, list := range []string{"[]", "null", `""`, "{}"} {
			rows, err := answering(`{"code":0,"list":`+list+`}`).AlimTalkReceipts(t.Context(), "", "1")
			if err != nil || len(rows) != 0 {
				t.Errorf("list %s: %d rows, %v", list, len(rows), err)
			}
		}
	})
}

func TestEverySMSState(t *testing.T) {
	t.Parallel()
	states := readResultCodes(t).SMSState
	check := func(state aligo.State, texts ...string) {
		for _, text := range texts {
			t.Run(text, func(t *testing.T) {
				t.Parallel()
				body := fmt.Sprintf(`{"result_code":1,"list":[{"mdid":"1","receiver":"01012345678","sms_state":%q,"send_date":"2026-11-23 `+
					`10:00:00"}],"next_yn":"N"}`, text)
				rows := must[[]aligo.SMSReceipt](t)(answering(body).SMSReceipts(t.Context(), "", "1"))
				got := rows[0].Result
				if got.State != state || got.SMSUseful {
					t.Errorf("got %+v, want %s", got, state)
				}
				if got.At.IsZero() != (state == aligo.StatePending) {
					t.Errorf("at %s", got.At)
				}
			})
		}
	}
	check(aligo.StateDelivered, append(states.Delivered, "발송 완료")...)
	check(aligo.StatePending, append(states.Pending, "", "예약대기중")...)
	check(aligo.StateFailed, append(states.Failed, "규격 오류", "전송경로 없음", "MMS를 미지원 단말")...)
}

// A row's final state counts, wherever it stands among its pending ones. Of several rows of a number a delivery counts, and
// one that is still pending is waited for.
func TestAFinalRowWins(t *testing.T) {
	t.Parallel()
	const pending = `{"msgid":"Q1","phone":"01012345678","rslt":"","reportdate":""}`
	const final = `{"msgid":"1","phone":"010-1234-5678","rslt":"A","reportdate":"2026-11-23 10:00:05"}`
	const other = `{"msgid":"2","phone":"01012345678","rslt":"0","reportdate":"2026-11-23 10:00:06"}`
	const later = `{"msgid":"Q2","phone":"01012345678","rslt":"","reportdate":""}`
	for want, all := range map[string][][]string{
		"A": {{pending, final}, {final, pending}, {pending, final, pending}, {pending, pending, final}},
		"0": {{final, other}, {other, final}, {later, final, other}},
		"":  {{final, later}, {later, final}, {pending, later, final}},
	} {
		for _, rows := range all {
			body := `{"code":0,"list":[` + strings.Join(rows, ",") + `],"totalPage":"1","totalCount":"1"}`
			got := must[[]aligo.AlimTalkReceipt](t)(answering(body).AlimTalkReceipts(t.Context(), "", "1"))
			if len(got) != 1 || got[0].Result.Code != want {
				t.Errorf("%s: %d rows, %+v, want %q", body, len(got), got[0].Result, want)
			}
		}
	}
}
