package system

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/message"
	"sms-api/statemachine"
)

// until sleeps until a time of the Korean clock, on the day on which the world began or later.
func (w *world) until(days, hour, minute, second int) {
	w.t.Helper()
	year, month, day := time.Date(2000, 1, 1, 9, 0, 0, 0, message.Korea()).Date()
	time.Sleep(time.Until(time.Date(year, month, day+days, hour, minute, second, 0, message.Korea())))
}

func ad(options string) string {
	return `{"channel":"sms","purpose":"ad","text":"오늘만 반값",` + options + `"recipients":[{"to":"01010005678"}]}`
}

// received are the times of day at which phones got something.
func (w *world) received() []string {
	var all []string
	for _, m := range w.Aligo.Messages() {
		all = append(all, m.At.In(message.Korea()).Format("15:04:05"))
	}
	slices.Sort(all)
	return all
}

func (w *world) want(days int, times ...string) {
	w.t.Helper()
	if got := w.received(); !slices.Equal(got, times) {
		w.t.Errorf("after %d days phones had received something at %q, want %q", days, got, times)
	}
}

func adsByDay(w *world) {
	w.until(0, 20, 49, 59)
	id := w.post(ad(""))
	w.until(0, 20, 50, 0)
	late, agreed := w.post(ad("")), w.post(ad(`"nightConsent":true,`))
	time.Sleep(time.Minute)
	if o := w.get(late); o.Status != message.Scheduled {
		w.t.Errorf("status %s, want scheduled", o.Status)
	}
	status, body := w.do(http.MethodPost, "/v1/messages", ad(`"expiresAt":"2000-01-02T08:00:00+09:00",`))
	if status != http.StatusUnprocessableEntity {
		w.t.Errorf("what expires before the morning: %d %s", status, body)
	}
	w.want(0, "20:49:59", "20:50:00")
	w.until(1, 7, 59, 59)
	early := w.post(ad(""))
	w.want(0, "20:49:59", "20:50:00")
	for _, one := range []string{id, late, agreed, early} {
		w.endsAs(one, "delivered: delivered sms delivered")
	}
	w.want(1, "08:00:00", "08:00:00", "20:49:59", "20:50:00")
	for _, m := range w.Aligo.Messages() {
		if want := "(광고)가나상점 02-000-0000\n오늘만 반값\n무료수신거부 080-000-0000"; m.Text != want {
			w.t.Errorf("phones received %q, want %q", m.Text, want)
		}
	}
}

func adParked(w *world) {
	w.fault(aligotest.Fault{Endpoint: sms, Kind: aligotest.FaultUnregisteredIP, Times: -1})
	w.until(0, 20, 30, 0)
	id := w.post(ad(""))
	time.Sleep(10 * time.Minute)
	if o := w.get(id); o.Status != message.Parked {
		w.t.Errorf("status %s, want parked", o.Status)
	}
	w.until(0, 21, 30, 0)
	w.Aligo.RemoveFaults("", "")
	morning := time.Date(2000, 1, 2, 8, 0, 0, 0, message.Korea())
	if o := w.get(id); o.Status != message.Scheduled || o.Parked != nil || !o.SendAt.Equal(morning) {
		w.t.Errorf("at night: status %s, parked %v, sendAt %s; want scheduled for the morning", o.Status, o.Parked, o.SendAt)
	}
	o := w.settlesAs(id, "delivered: delivered sms delivered")
	w.want(1, "08:00:00")
	w.check(id, o)
}

func adInDoubt(w *world) {
	w.fault(aligotest.Fault{Endpoint: sms, Kind: aligotest.FaultResetBefore})
	w.until(0, 20, 47, 0)
	id := w.post(ad(""))
	o := w.settlesAs(id, "delivered: delivered sms delivered")
	w.want(1, "08:00:00")
	if !slices.Contains(w.visited(id), statemachine.StateWaitForMorning) {
		w.t.Errorf("visited %q", w.visited(id))
	}
	w.check(id, o)
}

func adRetried(w *world) {
	w.until(0, 20, 49, 50)
	w.faults.add("sms", notReached, notReached, notReached, notReached)
	id := w.post(ad(""))
	o := w.settlesAs(id, "delivered: delivered sms delivered")
	w.want(1, "08:00:00")
	w.check(id, o)
}

func adExpires(w *world) {
	w.fault(aligotest.Fault{Endpoint: sms, Kind: aligotest.FaultUnregisteredIP, Times: -1})
	w.until(0, 20, 45, 0)
	id := w.post(ad(fmt.Sprintf(`"expiresAt":%q,`, "2000-01-02T07:00:00+09:00")))
	o := w.settlesAs(id, "expired: failed Expired")
	if at := o.SettledAt.In(message.Korea()).Format("15:04"); at != "20:52" {
		w.t.Errorf("settled at %s, want the first attempt after 20:50", at)
	}
	w.want(0)
	w.check(id, o)
}

func adCancelled(w *world) {
	w.fault(aligotest.Fault{Endpoint: sms, Kind: aligotest.FaultUnregisteredIP, Times: -1})
	w.until(0, 20, 45, 0)
	id := w.post(ad(""))
	w.until(0, 23, 0, 0)
	w.Aligo.RemoveFaults("", "")
	w.cancels(id)
	o := w.settlesAs(id, "cancelled: failed Cancelled")
	w.until(2, 12, 0, 0)
	w.want(2)
	w.check(id, o)
}
