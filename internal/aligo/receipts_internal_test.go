package aligo

import (
	"maps"
	"testing"
	"time"

	"sms-api/internal/message"
)

// What callers are told of a code is what its receipt does to a message.
func TestCodesOfReceiptsAreThoseThatCallersKnow(t *testing.T) {
	t.Parallel()
	type meaning struct {
		status   message.Status
		fallback bool
	}
	got := map[message.Channel]map[string]meaning{message.AlimTalk: {}, message.SMS: {}}
	for word, l := range letters() {
		got[message.AlimTalk][word] = meaning{message.Status(l.state), l.smsUseful}
	}
	for _, state := range []string{"발송완료", "발/착신번호에러", "전송실패", "전송중", ""} {
		if r := smsResult(state, time.Now()); r.State != StatePending {
			got[message.SMS][r.Code] = meaning{message.Status(r.State), r.SMSUseful}
		}
	}
	want := map[message.Channel]map[string]meaning{message.AlimTalk: {}, message.SMS: {}}
	for _, c := range message.Codes() {
		if c.Channel != "" {
			want[c.Channel][c.Word] = meaning{c.Status, c.Fallback}
		}
	}
	for channel := range want {
		if !maps.Equal(got[channel], want[channel]) {
			t.Errorf("%s: receipts are %v, callers are told %v", channel, got[channel], want[channel])
		}
	}
}
