package system

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/internal/deployment"
	"sms-api/internal/message"
	"sms-api/internal/records"
)

// sweeps makes sweeps as long as the storm lasts, some of which die like any function.
func (s *storm) sweeps() {
	for {
		select {
		case <-s.over:
			return
		case <-time.After(6 * time.Hour):
			// An error says that the endpoint is closed.
			_ = s.AWS.InvokeLater(deployment.Sweep, []byte(`{}`))
		}
	}
}

// sweepAtLast makes a sweep as somebody does who does not give up.
func (s *storm) sweepAtLast() {
	s.t.Helper()
	const tries = 50
	for range tries {
		out, err := lambda.NewFromConfig(s.config).Invoke(s.t.Context(), &lambda.InvokeInput{
			FunctionName: aws.String(deployment.Sweep), Payload: []byte(`{}`),
		})
		if err == nil && out.FunctionError == nil {
			return
		}
		time.Sleep(20 * time.Minute)
	}
	s.t.Error("no sweep comes to its end")
}

// glimpse compares the records of the messages asked for last with their executions while the storm lasts: what a record says
// was announced is what its execution has ended with.
func (s *storm) glimpse() (wrong []string) {
	s.t.Helper()
	const last = 5
	for _, one := range s.sent[max(0, len(s.sent)-last):] {
		before, ok, err := s.Records.Find(s.t.Context(), one.id)
		if err != nil || !ok || !before.Announced {
			continue // the table is away, or there is more to come
		}
		x, err := s.sfn.DescribeExecution(s.t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: s.arn(one.id)})
		if err != nil || x.Status == types.ExecutionStatusRunning || aws.ToInt32(x.RedriveCount) > 0 {
			continue // it was taken up again
		}
		if _, o, err := s.Executions.Outcome(s.t.Context(), one.id); err == nil && compact(o) != compact(before.Outcome) {
			wrong = append(wrong, fmt.Sprintf("%s while it stormed: the record says %.300s, the execution %.300s", one.id,
				compact(before.Outcome), compact(o)))
		}
	}
	return wrong
}

// misrecorded compares what people read with what became of the messages: every record with its execution and with what was
// announced, every recipient by number, the lists, and all of it again after some numbers were erased.
func (w *world) misrecorded(all []sent) (wrong []string) {
	w.t.Helper()
	ctx := w.t.Context()
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	byNumber := map[string][]string{}
	for _, one := range all {
		for _, number := range one.numbers {
			byNumber[number] = append(byNumber[number], one.id)
		}
		_, truth, err := w.Executions.Outcome(ctx, one.id)
		if err != nil {
			complain("%s: %v", one.id, err)
			continue
		}
		w.mu.Lock()
		announced := w.settled[one.id]
		w.mu.Unlock()
		switch r, ok, err := w.Records.Find(ctx, one.id); {
		case err != nil || !ok:
			complain("%s has no record: %v", one.id, err)
		case compact(r.Outcome) != compact(truth):
			complain("%s: the record says %.300s, the execution %.300s", one.id, compact(r.Outcome), compact(truth))
		case len(announced) == 0 || compact(r.Outcome) != compact(announced[len(announced)-1]):
			complain("%s: the record says %.300s, and something else was announced at last", one.id, compact(r.Outcome))
		case !r.Announced || !r.Listed || !r.Indexed || len(r.Outcome.Recipients) != len(one.numbers):
			complain("%s: announced %v, listed %v, indexed %v, %d recipients of %d", one.id, r.Announced, r.Listed, r.Indexed,
				len(r.Outcome.Recipients), len(one.numbers))
		}
	}
	want := make([]string, len(all))
	for i, one := range all {
		want[i] = one.id
	}
	if got := w.found(records.Query{}); !sameIDs(got, want) {
		complain("the list has %d messages, and not the %d that there are once each", len(got), len(want))
	}
	// The emulator goes through its whole table for each number and key: of a large storm some hundred have to do.
	const most = 200
	for i, number := range slices.Sorted(maps.Keys(byNumber)) {
		if i%(1+len(byNumber)/most) > 0 {
			continue
		}
		if got := w.found(records.Query{To: message.Phone(number)}); !sameIDs(got, byNumber[number]) {
			complain("…%s is found in %q, and was in %q", number[7:], got, byNumber[number])
		}
	}
	wrong = append(wrong, w.unerased(byNumber)...)
	// Until the connections are idle again, which the end of the test closes.
	time.Sleep(time.Second)
	return wrong
}

// unerased erases some numbers, and says where something of them is left.
func (w *world) unerased(byNumber map[string][]string) (wrong []string) {
	w.t.Helper()
	const most = 40
	ctx, erased := w.t.Context(), map[string]int{}
	for number, ids := range byNumber {
		if len(erased) == most {
			break
		}
		erased[number] = 0
		n, err := w.Records.Erase(ctx, message.Phone(number))
		if err != nil || n != len(ids) {
			wrong = append(wrong, fmt.Sprintf("…%s was erased in %d messages, and was in %q: %v", number[7:], n, ids, err))
		}
	}
	for number := range erased {
		if got := w.found(records.Query{To: message.Phone(number)}); len(got) > 0 {
			wrong = append(wrong, fmt.Sprintf("…%s is found after it was erased, in %q", number[7:], got))
		}
		for _, id := range byNumber[number] {
			r, ok, err := w.Records.Find(ctx, id)
			if err != nil || !ok || r.Erased == 0 {
				wrong = append(wrong, fmt.Sprintf("%s: nothing was erased of it, %v", id, err))
			}
		}
	}
	return wrong
}

// found are the ids of the messages that a search finds on all its pages.
func (w *world) found(q records.Query) (ids []string) {
	w.t.Helper()
	for q.Limit = records.MaxPage; ; {
		page, err := w.Records.Search(w.t.Context(), q)
		if err != nil {
			w.t.Error(err)
			return ids
		}
		for _, f := range page.Found {
			ids = append(ids, f.Message.ID)
		}
		if q.Cursor = page.Cursor; q.Cursor == "" {
			return ids
		}
	}
}

func sameIDs(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
