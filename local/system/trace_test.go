package system

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// trace is the execution in one line a state, with the errors in it, for whoever looks into a failed test.
func (w *world) trace(id string) string {
	var b strings.Builder
	for _, e := range w.history(id) {
		at := e.Timestamp.Format("15:04:05")
		switch {
		case e.StateEnteredEventDetails != nil:
			fmt.Fprintf(&b, "%s %s\n", at, aws.ToString(e.StateEnteredEventDetails.Name))
		case e.TaskFailedEventDetails != nil:
			fmt.Fprintf(&b, "%s     %s %.300s\n", at, aws.ToString(e.TaskFailedEventDetails.Error), aws.ToString(e.TaskFailedEventDetails.Cause))
		case e.TaskTimedOutEventDetails != nil:
			fmt.Fprintf(&b, "%s     %s\n", at, aws.ToString(e.TaskTimedOutEventDetails.Error))
		case e.TaskSucceededEventDetails != nil:
			out := aws.ToString(e.TaskSucceededEventDetails.Output)
			if i := strings.Index(out, `"batches"`); i >= 0 {
				fmt.Fprintf(&b, "%s     … %.600s\n", at, out[i:])
			}
		}
	}
	return b.String()
}
