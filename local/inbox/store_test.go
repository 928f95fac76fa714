package inbox

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/message"
)

// received is what the phone 010-1234-5678 got.
func received(mid string, at time.Time) aligotest.PhoneMessage {
	return aligotest.PhoneMessage{To: "01012345678", Channel: "sms", Type: "SMS", Text: "안녕하세요", MID: mid, At: at}
}

// noon is when everything happens.
func noon() time.Time { return time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC) }

// sent is a message to a number.
func sent(id string, to message.Phone) message.Outcome {
	return message.Outcome{ID: id, Recipients: []message.Result{{To: to.Masked()}}}
}

func TestTheOldestGoes(t *testing.T) {
	t.Parallel()
	const more = 25
	s := newStore()
	for i := range MaxDeliveries + more {
		id := fmt.Sprintf("m%d", i)
		s.startedOne()
		s.accepted(sent(id, "01012345678"), []message.Batch{{MID: id, At: noon()}}, true)
		s.addDelivery(received(id, noon()))
		s.addEvent(busEvent{ID: id}, false)
	}
	for what, n := range map[string][2]int{
		"deliveries":     {len(s.deliveries.items), MaxDeliveries},
		"messages":       {len(s.origins.items), MaxDeliveries},
		"messages by id": {len(s.byID), MaxDeliveries},
		"ids of Aligo's": {len(s.byMID), MaxDeliveries},
		"events":         {len(s.events.items), MaxEvents},
	} {
		if n[0] != n[1] {
			t.Errorf("%d %s, want %d", n[0], what, n[1])
		}
	}
	if first := s.deliveries.items[0].number; first != more+1 {
		t.Errorf("the first delivery has the number %d, want %d", first, more+1)
	}
	if s.totals.started != MaxDeliveries+more {
		t.Errorf("%d messages counted, want %d: what is forgotten still counts", s.totals.started, MaxDeliveries+more)
	}
}

func TestLargeTextsGoBeforeTheMemoryDoes(t *testing.T) {
	t.Parallel()
	s := newStore()
	m := received("1", noon())
	// Three times as long as an LMS can be: fewer than MaxDeliveries fit.
	m.Text = strings.Repeat("가", 3000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 3 * MaxDeliveries {
		d := m
		d.Text = strings.Clone(m.Text)
		s.addDelivery(d)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if n := s.deliveries.bytes; n > MaxBytes || n < MaxBytes*9/10 || len(s.deliveries.items) >= MaxDeliveries {
		t.Errorf("%d deliveries with %d bytes are kept; the limit is %d bytes", len(s.deliveries.items), n, MaxBytes)
	}
	// Other tests run at the same time, and a slice's array is up to a quarter larger than what is in it.
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 2*MaxBytes {
		t.Errorf("%d MiB of memory are in use for %d MiB", grown>>20, MaxBytes>>20)
	}
	runtime.KeepAlive(s)
}

func TestADeliveryBelongsToTheMessageThatWasAcceptedThen(t *testing.T) {
	t.Parallel()
	s := newStore()
	// The stand-in gave the same id twice, because it was reset in between.
	s.accepted(sent("old", "01012345678"), []message.Batch{{MID: "7", At: noon()}}, true)
	s.accepted(sent("new", "01012345678"), []message.Batch{{MID: "7", At: noon().Add(time.Hour)}}, true)
	s.accepted(sent("other", "01099998888"), []message.Batch{{MID: "7", At: noon().Add(time.Minute)}}, true)

	for after, want := range map[time.Duration]string{0: "old", 2 * time.Minute: "old", time.Hour + time.Second: "new"} {
		d := &delivery{PhoneMessage: received("7", noon().Add(after))}
		if s.link(d); d.origin == nil || d.origin.id != want {
			t.Errorf("a delivery after %v belongs to %v, want %s", after, d.origin, want)
		}
	}
	stray := &delivery{PhoneMessage: received("8", noon())}
	if s.link(stray); stray.origin != nil {
		t.Errorf("a delivery of an unknown call belongs to %s", stray.origin.id)
	}
}

func TestClearingForgetsWhatArrived(t *testing.T) {
	t.Parallel()
	s := newStore()
	s.startedOne()
	s.accepted(sent("open", "01012345678"), []message.Batch{{MID: "1", At: noon()}}, false)
	s.addDelivery(received("1", noon()))
	s.addEvent(busEvent{}, true)
	next := s.deliveries.next()
	s.clear()
	if len(s.deliveries.items)+len(s.events.items) > 0 {
		t.Error("something is left of what was to go")
	}
	if s.deliveries.next() != next {
		t.Error("the numbers start again, so that a list's next would mean something else")
	}
	if s.totals.started != 0 || s.totals.rejected != 0 || len(s.totals.phones) > 0 {
		t.Errorf("the totals are %+v, want none", s.totals)
	}
	s.addDelivery(received("1", noon()))
	if left := s.linkNewest(); len(left) != 0 {
		t.Error("what arrives after clearing leads to no message")
	}
}
