package announce_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sms-api/internal/announce"
	"sms-api/internal/deadletter"
	"sms-api/internal/execution"
	"sms-api/internal/message"
	"sms-api/internal/testkit"
	"sms-api/internal/testkit/bustest"
)

// ended is what is known of one execution.
type ended struct {
	ok  bool
	err error
}

func (e ended) Unannounced(_ context.Context, id string, end execution.End) (message.Outcome, bool, error) {
	if !end.At.Equal(time.UnixMilli(1551225017576)) || end.Redrives != 2 {
		return message.Outcome{}, false, fmt.Errorf("ended at %s, redriven %d times", end.At, end.Redrives)
	}
	return message.Outcome{ID: id, Status: message.MessageCancelled}, e.ok, e.err
}

func TestEnded(t *testing.T) {
	t.Parallel()
	const change = `{"name":"m-1","status":"ABORTED","stopDate":1551225017576,"redriveCount":2}`
	for name, c := range map[string]struct {
		detail string
		ended  ended
		bus    bustest.Bus
		// put is the event on the bus, log what the log says, err the error; empty means none.
		put, log, err string
	}{
		"it has not been announced": {
			detail: change, ended: ended{ok: true}, log: `"msg":"announced","message":"m-1","execution":"ABORTED","status":"cancelled"`,
			put: `MessageSettled {"id":"m-1","status":"cancelled",`,
		},
		"it has announced itself": {detail: change, log: `"msg":"nothing to announce","message":"m-1"`},
		"it holds no message": {detail: change, ended: ended{err: execution.ErrNotFound},
			log: `"level":"WARN","msg":"an execution that holds no message has ended","message":"m-1"`},
		"it cannot be read": {detail: change, ended: ended{err: errors.New("throttled")}, err: "announce: throttled"},
		"the bus does not take it": {detail: change, ended: ended{ok: true}, bus: bustest.Bus{Err: errors.New("no route to host")},
			err: "announce message m-1: put MessageSettled: no route to host"},
		"another event":                 {detail: `{"n":1}`, ended: ended{ok: true}, err: "event e-1 is not a status change of an execution"},
		"an event that is not an event": {detail: `"text"`, ended: ended{ok: true}, err: "event e-1 is not a status change of an execution"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			h := announce.Ended{Executions: c.ended, Bus: announce.Bus{Client: &c.bus, Name: "b"}, Log: testkit.Log(&log)}
			err := h.Handle(t.Context(), deadletter.Event{EventBridgeEvent: events.EventBridgeEvent{ID: "e-1", Detail: []byte(c.detail)}})
			if got := fmt.Sprint(err); got != cmp.Or(c.err, "<nil>") {
				t.Errorf("error %s, want %q", got, c.err)
			}
			if put := strings.Join(c.bus.Events(), "\n"); !strings.HasPrefix(put, c.put) || (put == "") != (c.put == "") {
				t.Errorf("put %s, want %s", put, c.put)
			}
			if !strings.Contains(log.String(), c.log) || (log.Len() == 0) != (c.log == "") {
				t.Errorf("logged %s, want %s", log.String(), c.log)
			}
		})
	}
}

// stalled is a store that does not answer as long as somebody waits for it.
type stalled struct{}

func (stalled) Unannounced(ctx context.Context, _ string, _ execution.End) (message.Outcome, bool, error) {
	<-ctx.Done()
	return message.Outcome{}, false, ctx.Err()
}

func TestEndedSaysThatItHasWaitedInVain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		function, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		h := &announce.Ended{Executions: stalled{}, Log: slog.New(slog.DiscardHandler)}
		err := h.Handle(function, deadletter.Event{
			EventBridgeEvent: events.EventBridgeEvent{Detail: []byte(`{"name":"m-1","status":"ABORTED"}`)},
		})
		if !errors.Is(err, context.DeadlineExceeded) || function.Err() != nil {
			t.Errorf("%v; the function: %v", err, function.Err())
		}
	})
}
