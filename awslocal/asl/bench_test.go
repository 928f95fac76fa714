package asl

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// instantly is a clock on which waits are over at once and the execution's timeout never is.
type instantly struct{}

func (instantly) Now() time.Time { return time.Unix(1_800_000_000, 0) }

func (instantly) Sleep(ctx context.Context, d time.Duration) error {
	if d >= time.Hour {
		<-ctx.Done()
	}
	return ctx.Err()
}

// sixStates has the shape of a message's way: route, send, wait, read, settled, announce.
const sixStates = `{"QueryLanguage":"JSONata","StartAt":"Route","TimeoutSeconds":3600,"States":{
"Route":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.channel = 'sms' %}","Next":"Announce"}],
  "Default":"Send","Output":{"open":"{% $count($states.input.recipients) %}","reads":0}},
"Send":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":30,
  "Arguments":{"FunctionName":"send","Payload":{"message":"{% $states.context.Execution.Input %}","progress":"{% $states.input %}"}},
  "Output":"{% $states.result.Payload %}","Next":"Wait",
  "Retry":[{"ErrorEquals":["Transient"],"JitterStrategy":"FULL","MaxDelaySeconds":60}],
  "Catch":[{"ErrorEquals":["States.ALL"],"Next":"Announce","Output":"{% $states.input %}"}]},
"Wait":{"Type":"Wait","Seconds":"{% $states.input.seconds %}","Next":"Read"},
"Read":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":30,
  "Arguments":{"FunctionName":"read","Payload":{"message":"{% $states.context.Execution.Input %}","progress":"{% $states.input %}"}},
  "Output":"{% $states.result.Payload %}","Next":"Settled?"},
"Settled?":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.open = 0 %}","Next":"Announce"}],"Default":"Wait"},
"Announce":{"Type":"Task","Resource":"arn:aws:states:::events:putEvents",
  "Arguments":{"Entries":[{"Source":"sms-api","DetailType":"MessageSettled","Detail":"{% $states.input %}"}]},
  "Output":"{% $states.input %}","End":true}}}`

func message(recipients int) json.RawMessage {
	all := make([]string, recipients)
	for i := range all {
		all[i] = fmt.Sprintf(`{"to":"0101234%04d","name":"홍길동","variables":{"주문번호":"A-%d"}}`, i, i)
	}
	return json.RawMessage(`{"channel":"alimtalk","template":"TX_1234","recipients":[` + strings.Join(all, ",") + `]}`)
}

func BenchmarkSixStates(b *testing.B) {
	for _, recipients := range []int{1, 500} {
		b.Run(fmt.Sprintf("recipients=%d", recipients), func(b *testing.B) {
			m, err := Parse([]byte(sixStates))
			if err != nil {
				b.Fatal(err)
			}
			env := Env{Clock: instantly{}, Tasks: map[string]Task{
				"arn:aws:states:::lambda:invoke": func(context.Context, Call) (json.RawMessage, error) {
					return json.RawMessage(`{"StatusCode":200,"Payload":{"open":0,"seconds":5,"reads":1}}`), nil
				},
				"arn:aws:states:::events:putEvents": func(context.Context, Call) (json.RawMessage, error) {
					return json.RawMessage(`{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}`), nil
				},
			}}
			ex := Execution{ARN: "arn:aws:states:ap-northeast-2:000000000000:execution:m:n", Name: "n", Input: message(recipients)}
			b.ReportAllocs()
			for b.Loop() {
				if r := m.Run(b.Context(), env, ex, func(Event) {}); r.Status != Succeeded {
					b.Fatalf("%+v", r)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse([]byte(sixStates)); err != nil {
			b.Fatal(err)
		}
	}
}
