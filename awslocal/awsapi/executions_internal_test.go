package awsapi

import (
	"fmt"
	"testing"
	"testing/synctest"
)

// What has been forgotten leaves no list that grows for ever.
func TestForgottenTakeNoRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		endpoint := New(Options{Kept: 3})
		arn, err := endpoint.StateMachine("m", "",
			[]byte(`{"QueryLanguage": "JSONata", "StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}`))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			name := fmt.Sprint("x", i)
			if _, err := endpoint.states.startExecution(t.Context(), startExecutionInput{StateMachineARN: arn, Name: &name}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		m := endpoint.states.machines["m"]
		if len(m.started) != 3 || m.first != 97 || len(m.byName) != 3 || len(m.finished) != 3 {
			t.Errorf("%d started from %d on, %d names, %d finished", len(m.started), m.first, len(m.byName), len(m.finished))
		}
	})
}
