package asl

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/local/clock"
)

func TestSmoke(t *testing.T) {
	m, err := Parse([]byte(`{"QueryLanguage":"JSONata","StartAt":"A","TimeoutSeconds":3600,"States":{
	"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"f","Payload":{"m":"{% $states.context.Execution.Input %}","n":"{% $states.context %}","t":"{% $now() %}"}},
	  "Retry":[{"ErrorEquals":["Transient"],"IntervalSeconds":5,"JitterStrategy":"FULL","MaxDelaySeconds":60}],
	  "Catch":[{"ErrorEquals":["States.ALL"],"Next":"B","Output":{"e":"{% $states.errorOutput.Error %}"}}],
	  "Output":"{% $states.result.Payload %}","Assign":{"x":"{% $states.result.Payload.k + 1 %}"},"Next":"W"},
	"W":{"Type":"Wait","Seconds":"{% $x %}","Next":"P"},
	"P":{"Type":"Map","Items":"{% [1..$x] %}","ItemSelector":{"v":"{% $states.context.Map.Item.Value %}","i":"{% $states.context.Map.Item.Index %}"},"ItemProcessor":{"StartAt":"Q","States":{"Q":{"Type":"Pass","End":true}}},"Next":"C"},
	"C":{"Type":"Choice","Choices":[{"Condition":"{% $count($states.input) > 2 %}","Next":"B"}],"Default":"B2"},
	"B2":{"Type":"Succeed"},
	"B":{"Type":"Fail","Error":"X","Cause":"{% 'y' & $x %}"}
	}}`))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		n := 0
		res := m.Run(t.Context(), Env{Clock: clock.Real(1), Tasks: map[string]Task{
			"arn:aws:states:::lambda:invoke": func(ctx context.Context, c Call) (json.RawMessage, error) {
				n++
				time.Sleep(time.Second)
				if n < 3 {
					return nil, &TaskError{"Transient", "no"}
				}
				return json.RawMessage(`{"Payload":{"k":3}}`), nil
			}}}, Execution{ARN: "arn:aws:states:ap-northeast-2:000000000000:execution:m:n", Name: "n", StateMachineARN: "arn:aws:states:ap-northeast-2:000000000000:stateMachine:m", Input: []byte(`{"a":1}`)},
			func(e Event) {
				b, err := json.Marshal(e)
				if err != nil {
					t.Fatal(err)
				}
				t.Log(string(b))
			})
		t.Logf("%+v %s", res, res.Output)
	})
}
