package eventbus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"sms-api/awslocal/clock"
	"sms-api/awslocal/eventbus"
)

// BenchmarkEmit puts the events of executions on a bus with a rule that looks into the detail and takes none of them.
func BenchmarkEmit(b *testing.B) {
	for _, recipients := range []int{1, 500} {
		b.Run(fmt.Sprintf("recipients=%d", recipients), func(b *testing.B) {
			s := eventbus.New(eventbus.Config{Account: "000000000000", Region: "ap-northeast-2", Clock: clock.Real(1)})
			bus := s.Bus(eventbus.Default)
			if _, err := bus.PutRule(eventbus.Rule{Name: "ended", Pattern: `{"source":["aws.states"],"detail":{"status":["FAILED"]}}`}); err != nil {
				b.Fatal(err)
			}
			err := bus.PutTargets("ended", eventbus.Target{ID: "none", Deliver: func(context.Context, json.RawMessage) error { return nil }})
			if err != nil {
				b.Fatal(err)
			}
			input := strings.Repeat(`{"to":"01012345678","name":"홍길동","variables":{"주문번호":"A-17"}},`, recipients)
			entry := eventbus.Entry{Source: "aws.states", DetailType: "Step Functions Execution Status Change", Time: time.Now()}
			detail := eventbus.Detail{Brief: `{"status":"SUCCEEDED","input":null}`, Large: []string{"input"}, Whole: func() (string, error) {
				text, err := json.Marshal(map[string]string{"status": "SUCCEEDED", "input": input})
				return string(text), err
			}}
			b.SetBytes(int64(len(input)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Emit(b.Context(), entry, detail); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
