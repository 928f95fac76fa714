package page

import (
	"fmt"
	"maps"
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

func started(id string, to ...message.Phone) message.Message {
	m := message.Message{ID: id, Channel: message.AlimTalk, CreatedAt: noon()}
	for _, number := range to {
		m.Recipients = append(m.Recipients, message.Recipient{To: number})
	}
	return m
}

func ended(id string, status message.MessageStatus, results ...message.Result) message.Outcome {
	return message.Outcome{ID: id, Status: status, SettledAt: noon(), Recipients: results}
}

func TestTheOldestGoes(t *testing.T) {
	t.Parallel()
	const more = 25
	s := newStore()
	for i := range MaxDeliveries + more {
		id := fmt.Sprintf("m%d", i)
		s.started(started(id, "01012345678"), 0)
		s.accepted(s.byID[id], []message.Batch{{MID: id, At: noon()}}, true)
		s.addDelivery(received(id, noon()))
		s.addEvent(busEvent{ID: id}, false)
	}
	for what, n := range map[string][2]int{
		"deliveries":     {len(s.deliveries.items), MaxDeliveries},
		"messages":       {len(s.messages.items), MaxMessages},
		"messages by id": {len(s.byID), MaxMessages},
		"ids of Aligo's": {len(s.byMID), MaxMessages},
		"events":         {len(s.events.items), MaxEvents},
	} {
		if n[0] != n[1] {
			t.Errorf("%d %s, want %d", n[0], what, n[1])
		}
	}
	if first := s.deliveries.items[0].number; first != more+1 {
		t.Errorf("the first delivery has the number %d, want %d", first, more+1)
	}
	if s.totals.started != MaxMessages+more {
		t.Errorf("%d messages counted, want %d: what is forgotten still counts", s.totals.started, MaxMessages+more)
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
	s.started(started("old", "01012345678"), 0)
	s.accepted(s.byID["old"], []message.Batch{{MID: "7", At: noon()}}, true)
	s.started(started("new", "01012345678"), 0)
	s.accepted(s.byID["new"], []message.Batch{{MID: "7", At: noon().Add(time.Hour)}}, true)
	s.started(started("other", "01099998888"), 0)
	s.accepted(s.byID["other"], []message.Batch{{MID: "7", At: noon().Add(time.Minute)}}, true)

	for after, want := range map[time.Duration]string{0: "old", 2 * time.Minute: "old", time.Hour + time.Second: "new"} {
		d := &delivery{PhoneMessage: received("7", noon().Add(after))}
		if s.link(d); d.record == nil || d.record.id != want {
			t.Errorf("a delivery after %v belongs to %v, want %s", after, d.record, want)
		}
	}
	stray := &delivery{PhoneMessage: received("8", noon())}
	if s.link(stray); stray.record != nil {
		t.Errorf("a delivery of an unknown call belongs to %s", stray.record.id)
	}
}

func TestOnlyMessagesThatMayHaveLedToADeliveryAreSuspected(t *testing.T) {
	t.Parallel()
	s := newStore()
	s.started(started("done", "01012345678"), 0)
	s.accepted(s.byID["done"], nil, true)
	s.started(started("other number", "01099998888"), 0)
	s.started(started("open", "01012345678"), 0)
	later := started("later", "01012345678")
	later.CreatedAt = noon().Add(time.Hour)
	s.started(later, 0)
	if got := s.suspects(s.linkNewest()); got != nil {
		t.Errorf("%v are suspected though nothing was delivered", got)
	}
	s.addDelivery(received("1", noon()))
	if got := s.suspects(s.linkNewest()); len(got) != 1 || got[0].id != "open" {
		t.Errorf("%v are suspected, want the one that is open", got)
	}
}

func TestTotalsFollowWhatBecameOfMessages(t *testing.T) {
	t.Parallel()
	s := newStore()
	delivered := func(c message.Channel) message.Result { return message.Result{Status: message.Delivered, Channel: c} }
	failure := message.Result{Status: message.Failed, Channel: message.SMS}
	s.settled(started("a", "01011112222", "01011113333"), 0, ended("a", message.AllDelivered, delivered(message.AlimTalk),
		delivered(message.SMS)))
	// The news of its start comes late, and that of its end twice.
	s.started(started("a", "01011112222", "01011113333"), 0)
	if got := s.totals.messages[message.AllDelivered]; got != 1 {
		t.Errorf("%d messages are delivered after late news of a start, want 1", got)
	}
	s.settled(started("a", "01011112222", "01011113333"), 0, ended("a", message.AllDelivered, delivered(message.AlimTalk),
		delivered(message.SMS)))
	text := started("b", "01011114444")
	text.Channel = message.SMS
	s.settled(text, 0, ended("b", message.NoneDelivered, failure))

	if s.totals.fallbacks != 1 || s.totals.alimTalk != 2 {
		t.Errorf("%d of %d recipients fell back, want 1 of 2: an SMS message is no fallback", s.totals.fallbacks, s.totals.alimTalk)
	}
	if got := s.totals.messages; got[message.AllDelivered] != 1 || got[message.NoneDelivered] != 1 {
		t.Errorf("messages are counted as %v", got)
	}
	// A redrive opens it again, and it ends another way.
	s.started(text, 1)
	if got := s.totals.messages[message.NoneDelivered]; got != 0 {
		t.Errorf("a message that was redriven is still counted as failed")
	}
	s.settled(text, 0, ended("b", message.NoneDelivered, failure))
	s.settled(text, 1, ended("b", message.AllDelivered, delivered(message.SMS)))
	want := map[message.MessageStatus]int{message.AllDelivered: 2, message.NoneDelivered: 0}
	if got := s.totals.messages; !maps.Equal(got, want) {
		t.Errorf("messages are counted as %v, want %v", got, want)
	}
}

func TestClearingLeavesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	s := newStore()
	s.settled(started("done", "01012345678"), 0, ended("done", message.AllDelivered))
	s.accepted(s.byID["done"], []message.Batch{{MID: "1", At: noon()}}, true)
	s.started(started("open", "01012345678"), 0)
	s.addDelivery(received("1", noon()))
	s.addEvent(busEvent{}, true)
	next := s.deliveries.next()
	s.clear()
	if len(s.deliveries.items)+len(s.events.items) > 0 || len(s.byMID) > 0 {
		t.Error("something is left of what was to go")
	}
	if len(s.messages.items) != 1 || s.messages.items[0].id != "open" || s.byID["open"] == nil || s.byID["done"] != nil {
		t.Errorf("the messages left are %v, want the open one", s.messages.items)
	}
	if s.deliveries.next() != next {
		t.Error("the numbers start again, so that a list's next would mean something else")
	}
	if s.totals.started != 0 || s.totals.rejected != 0 || len(s.totals.messages) > 0 {
		t.Errorf("the totals are %+v, want none", s.totals)
	}
}
