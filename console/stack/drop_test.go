package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sms-api/console/page"
	"sms-api/internal/testkit"
)

// queue is a queue with one letter in it, by a clock that goes on when somebody waits.
type queue struct {
	*testkit.Clock

	mu          sync.Mutex
	there       bool
	receipts    int
	hiddenUntil time.Time
	// deleting is how long it takes to delete a letter; refuses says that an old receipt is an error, and not passed over.
	deleting time.Duration
	refuses  bool
}

// receive is somebody's reading of the queue.
func (q *queue) receive(hidden time.Duration) (receipt string, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.there || q.Now().Before(q.hiddenUntil) {
		return "", false
	}
	q.receipts++
	q.hiddenUntil = q.Now().Add(hidden)
	return fmt.Sprint("r", q.receipts), true
}

func (q *queue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		VisibilityTimeout int
		ReceiptHandle     string
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch operation {
	case "GetQueueUrl":
		_, _ = io.WriteString(w, `{"QueueUrl":"http://`+r.Host+`/q"}`)
	case "ReceiveMessage":
		answer := `{"Messages":[]}`
		if receipt, ok := q.receive(time.Duration(in.VisibilityTimeout) * time.Second); ok {
			answer = `{"Messages":[{"MessageId":"m1","Body":"none","MD5OfBody":"334c4a4c42fdb79d7ebc3e73b517e6f8",` +
				`"ReceiptHandle":"` + receipt + `"}]}`
		}
		_, _ = io.WriteString(w, answer)
	case "DeleteMessage":
		q.Add(q.deleting)
		q.mu.Lock()
		defer q.mu.Unlock()
		q.deleting = 0
		good := in.ReceiptHandle == fmt.Sprint("r", q.receipts) && q.Now().Before(q.hiddenUntil)
		if q.there = q.there && !good; !good && q.refuses {
			w.Header().Set("X-Amzn-Query-Error", "ReceiptHandleIsInvalid;Sender")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"com.amazonaws.sqs#ReceiptHandleIsInvalid","message":"The receipt handle has expired."}`)
			return
		}
		_, _ = io.WriteString(w, `{}`)
	}
}

// A letter is dropped whenever somebody decides to, however long ago it was read, and whoever else reads it.
func TestALetterIsDroppedHoweverLateThatIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		between  func(q *queue)
		deleting time.Duration
		refuses  bool
		missing  bool
		// waits is how long it may take at most.
		waits time.Duration
	}{
		"at once":                     {between: func(*queue) {}},
		"while it is hidden":          {between: func(q *queue) { q.Add(letterHidden - time.Second) }},
		"when it is no longer hidden": {between: func(q *queue) { q.Add(time.Minute) }},
		"while somebody else has it": {
			between: func(q *queue) { q.Add(time.Minute); q.receive(8 * time.Second) }, waits: 9 * time.Second,
		},
		"which takes too long": {between: func(*queue) {}, deleting: letterHidden + time.Second, waits: letterHidden + time.Second},
		"which takes too long, and says so": {
			between: func(*queue) {}, deleting: letterHidden + time.Second, refuses: true, waits: letterHidden + time.Second,
		},
		"when somebody else has dropped it": {
			between: func(q *queue) { q.Add(time.Minute); q.there = false }, missing: true, waits: 2 * letterHidden,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := &queue{Clock: testkit.NewClock(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)), there: true, deleting: c.deleting, refuses: c.refuses}
			server := httptest.NewServer(q)
			defer server.Close()
			s := prod(server)
			s.Now, s.Sleep = q.Now, func(_ context.Context, d time.Duration) error { q.Add(d); return nil }
			if letters, err := s.Letters(t.Context()); err != nil || len(letters) != 1 {
				t.Fatalf("%v %v", letters, err)
			}
			c.between(q)
			begin := q.Now()
			l, err := s.Letter(t.Context(), "m1")
			if err == nil {
				err = s.Drop(t.Context(), l)
			}
			var p *page.ProblemError
			if c.missing != (errors.As(err, &p) && p.Type == NoLetter().Type) || !c.missing && err != nil {
				t.Errorf("it says %v", err)
			}
			if q.there {
				t.Error("it is still there")
			}
			if took := q.Now().Sub(begin); took > c.waits {
				t.Errorf("it took %v, at most %v are needed", took, c.waits)
			}
			if letters, err := s.Letters(t.Context()); err != nil || len(letters) != 0 {
				t.Errorf("the list still has %v %v", letters, err)
			}
		})
	}
}

// Letters that somebody else has read are waited for, until they would be there if they were.
func TestHiddenLettersAreWaitedFor(t *testing.T) {
	t.Parallel()
	whole := [2]time.Duration{letterHidden, letterHidden + 2*letterPause}
	for name, c := range map[string]struct {
		ids    []string
		hidden time.Duration
		gone   bool
		found  int
		waits  [2]time.Duration
	}{
		"all, which are there":  {found: 1},
		"all, which are hidden": {hidden: 8 * time.Second, found: 1, waits: whole},
		"all of none":           {gone: true, waits: whole},
		"one that is there":     {ids: []string{"m1"}, found: 1},
		"one that is hidden": {
			ids: []string{"m1"}, hidden: 8 * time.Second, found: 1, waits: [2]time.Duration{8 * time.Second, 9 * time.Second},
		},
		"one that was never there": {ids: []string{"m1", "m2"}, found: 1, waits: whole},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
			q := &queue{Clock: testkit.NewClock(begin), there: !c.gone}
			server := httptest.NewServer(q)
			defer server.Close()
			s := prod(server)
			s.Now, s.Sleep = q.Now, func(_ context.Context, d time.Duration) error { q.Add(d); return nil }
			q.receive(c.hidden)
			letters, err := s.AwaitLetters(t.Context(), c.ids...)
			if waited := q.Now().Sub(begin); err != nil || len(letters) != c.found || waited < c.waits[0] || waited > c.waits[1] {
				t.Errorf("%d letters after %v, %v", len(letters), waited, err)
			}
		})
	}
}
