package system

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/message"
	"sms-api/internal/parameters"
	"sms-api/statemachine"
)

func (w *world) behave(b aligotest.Behaviour) {
	w.t.Helper()
	if err := w.Aligo.SetBehaviour(b); err != nil {
		w.t.Fatal(err)
	}
}

// receipts sets what the receipts of the numbers …5678 say.
func (w *world) receipts(channel message.Channel, rows ...aligotest.ReceiptRow) {
	w.t.Helper()
	if err := w.Aligo.SetReceipts(aligotest.Receipts{Ending: "5678", Channel: string(channel), Rows: rows}); err != nil {
		w.t.Fatal(err)
	}
}

// ends waits for the outcome of a message and compares it, and what phones have received since the world began.
func (w *world) ends(what, id, outcome string, phones ...string) {
	w.t.Helper()
	o := w.settle(id)
	if got := compact(o); got != outcome {
		w.t.Errorf("%s: outcome %q, want %q", what, got, outcome)
	}
	w.check(id, o)
	visited := w.visited(id)
	for i, state := range visited[:max(0, len(visited)-2)] {
		if next := visited[i+2]; state == statemachine.StateWaitForRepair && strings.HasPrefix(next, "Wait ") {
			w.t.Errorf("%s: after the wait for repair there is %q", what, next)
		}
	}
	slices.Sort(phones)
	if got := w.phones(); !slices.Equal(got, phones) {
		w.t.Errorf("%s: phones received %q, want %q", what, got, phones)
	}
}

// channels are the two ways to one number, and the calls of each.
func channels() map[message.Channel]struct{ request, send, history, receipts, phone, delivered string } {
	return map[message.Channel]struct{ request, send, history, receipts, phone, delivered string }{
		message.AlimTalk: {to("", "5678"), send, history, detail, "01010005678 alimtalk", "delivered: delivered alimtalk 0"},
		message.SMS:      {plainSMS, sms, smsHist, smsList, "01010005678 sms", "delivered: delivered sms delivered"},
	}
}

func changedTemplate(w *world) {
	w.fault(aligotest.Fault{Endpoint: send, Kind: aligotest.FaultSlow})
	id := w.post(to("", "5678"))
	// It is sent, and not answered yet.
	time.Sleep(time.Second)
	if err := w.Aligo.SetTemplateState(aligotest.TemplateState{
		Code: "TX_1234", Content: "#{고객명}님께서 주문하신 #{주문번호}번 상품은 다음 주에 보내 드립니다.",
	}); err != nil {
		w.t.Fatal(err)
	}
	stopThenRedrive(w, id)
	time.Sleep(time.Hour)
	w.isNow(id, "delivered: delivered alimtalk 0")
	w.onPhones("01010005678 alimtalk")
}

func stoppedTemplate(w *world) {
	at := fmt.Sprintf(`"sendAt":%q,`, time.Now().Add(time.Hour).Format(time.RFC3339))
	id := w.post(to(at, "5678"))
	alone := w.post(to(at+`"fallback":{"enabled":false},`, "5677"))
	if err := w.Aligo.SetTemplateState(aligotest.TemplateState{Code: "TX_1234", Status: "S"}); err != nil {
		w.t.Fatal(err)
	}
	time.Sleep(2 * time.Hour)
	w.isNow(id, "delivered: delivered sms delivered")
	w.isNow(alone, "failed: failed alimtalk Rejected")
	w.onPhones("01010005678 sms")
}

// useAccount puts another account's credentials into the parameter store.
func (w *world) useAccount(userID, apiKey string) {
	w.t.Helper()
	w.putParameter("user-id", userID)
	w.putParameter("api-key", apiKey)
}

// useNumberKeys puts keys that numbers are hashed with into the parameter store.
func (w *world) useNumberKeys(keys string) {
	w.t.Helper()
	w.putParameter(parameters.NumberKey, keys)
}

func (w *world) putParameter(name, value string) {
	w.t.Helper()
	if err := w.AWS.PutParameter(parameters.DefaultPrefix+"/"+name, "SecureString", value); err != nil {
		w.t.Fatal(err)
	}
}

// parksInAnotherAccount puts another account's credentials in force while an endpoint that the message needs does not answer, has
// it answer again, and checks that the message waits for its own account all the same.
func (w *world) parksInAnotherAccount(what, id, endpoint string, wait time.Duration) {
	w.t.Helper()
	time.Sleep(time.Minute)
	w.useAccount(aligotest.OtherUserID, aligotest.OtherAPIKey)
	// The credentials in memory are used for five minutes.
	time.Sleep(10 * time.Minute)
	w.Aligo.RemoveFaults(aligotest.FaultHTTP500, endpoint)
	time.Sleep(wait)
	o := w.get(id)
	if o.Status != message.Parked || o.Parked == nil || o.Parked.Cause != "credentials" ||
		!strings.Contains(o.Parked.Reason, "another Aligo account") {
		w.t.Errorf("%s: with the other account it is %s, %+v", what, o.Status, o.Parked)
	}
}

func switchedAccount(w *world) {
	for channel, c := range channels() {
		w := w.anew()
		w.fault(aligotest.Fault{Endpoint: c.send, Kind: aligotest.FaultResetAfter})
		w.fault(aligotest.Fault{Endpoint: c.history, Kind: aligotest.FaultHTTP500, Times: -1})
		id := w.post(c.request)
		w.parksInAnotherAccount(string(channel), id, c.history, 2*time.Hour)
		if got, want := w.phones(), []string{c.phone}; !slices.Equal(got, want) {
			w.t.Errorf("%s: with the other account phones received %q, want %q", channel, got, want)
		}
		w.useAccount(aligotest.UserID, aligotest.APIKey)
		w.ends(string(channel), id, c.delivered, c.phone)
	}
}

func receiptsElsewhere(w *world) {
	for channel, c := range channels() {
		w := w.anew()
		w.fault(aligotest.Fault{Endpoint: c.receipts, Kind: aligotest.FaultHTTP500, Times: -1})
		id := w.post(c.request)
		w.parksInAnotherAccount(string(channel), id, c.receipts, 20*time.Hour)
		w.useAccount(aligotest.UserID, aligotest.APIKey)
		w.ends(string(channel), id, c.delivered, c.phone)
	}
}

// urgentElsewhere is an account that was changed for good: what may fall back on no receipt does so, from the new one.
func urgentElsewhere(w *world) {
	w.fault(aligotest.Fault{Endpoint: detail, Kind: aligotest.FaultHTTP500, Times: -1})
	id := w.post(`{"template":"TX_1234","fallback":{"after":"10m","onUnknown":"sms"},"recipients":[{"to":"01010005678",` +
		`"name":"홍길동","variables":{"주문번호":"A-17"}}]}`)
	time.Sleep(time.Minute)
	w.useAccount(aligotest.OtherUserID, aligotest.OtherAPIKey)
	time.Sleep(6 * time.Minute)
	w.Aligo.RemoveFaults(aligotest.FaultHTTP500, detail)
	time.Sleep(time.Hour)
	w.ends("urgent", id, "delivered: delivered sms delivered", "01010005678 alimtalk", "01010005678 sms")
}

// doubted makes requests whose answers are lost, and expects each to be found in the history.
func (w *world) doubted(what string) {
	w.t.Helper()
	for channel, c := range channels() {
		before := w.phones()
		w.fault(aligotest.Fault{Endpoint: c.send, Kind: aligotest.FaultResetAfter})
		w.ends(fmt.Sprintf("%s, %s", what, channel), w.post(c.request), c.delivered, append(before, c.phone)...)
	}
}

// withMarks are messages whose texts have what lists are known to change.
func withMarks() map[string]struct{ request, send, phone, delivered string } {
	const text = `안녕하세요 <마실상점> & \"친구\"입니다.\n\n내일은 쉽니다.\r\n모레 뵙겠습니다. 감사합니다. 건강하게 지내시기 바랍니다.`
	return map[string]struct{ request, send, phone, delivered string }{
		"AlimTalk": {
			`{"template":"TX_1234","fallback":{"enabled":false},"recipients":[{"to":"01010005678","name":"김 & <이> 🙂",` +
				`"variables":{"주문번호":"A\"1'"}}]}`,
			send, "01010005678 alimtalk", "delivered: delivered alimtalk 0",
		},
		"LMS": {
			`{"channel":"sms","title":"휴무","text":"` + text + `","recipients":[{"to":"01010005678"}]}`,
			sms, "01010005678 sms", "delivered: delivered sms delivered",
		},
	}
}

func changedTexts(w *world) {
	for _, change := range []aligotest.TextChange{
		aligotest.TextEscaped, aligotest.TextBR, aligotest.TextCollapsed, aligotest.TextSuffixed, aligotest.TextNoEmoji,
		aligotest.TextCut,
	} {
		for name, m := range withMarks() {
			w := w.anew()
			w.behave(aligotest.Behaviour{Texts: []aligotest.TextChange{change}})
			w.fault(aligotest.Fault{Endpoint: m.send, Kind: aligotest.FaultResetAfter})
			w.ends(fmt.Sprintf("%s, %s", name, change), w.post(m.request), m.delivered, m.phone)
		}
	}
}

func anotherText(w *world) {
	for name, m := range withMarks() {
		w := w.anew()
		w.behave(aligotest.Behaviour{Texts: []aligotest.TextChange{aligotest.TextOther}})
		w.fault(aligotest.Fault{Endpoint: m.send, Kind: aligotest.FaultResetAfter})
		channel := "alimtalk"
		if m.send == sms {
			channel = "sms"
		}
		w.ends(name, w.post(m.request), "partial: unknown "+channel+" Ambiguous", m.phone)
	}
}

func laggingHistory(w *world) {
	for _, lag := range []time.Duration{65 * time.Second, 2 * time.Minute, 4 * time.Minute} {
		w := w.anew()
		w.behave(aligotest.Behaviour{ListedAfter: message.Duration(lag)})
		w.doubted(lag.String())
	}
}

func acceptedLate(w *world) {
	for channel, c := range channels() {
		w := w.anew()
		w.fault(aligotest.Fault{Endpoint: c.send, Kind: aligotest.FaultLate, After: message.Duration(95 * time.Second)})
		w.ends(string(channel), w.post(c.request), c.delivered, c.phone)
	}
}

func clocksApart(w *world) {
	for _, ahead := range []time.Duration{-130 * time.Second, 190 * time.Second} {
		for channel, c := range channels() {
			w := w.anew()
			w.behave(aligotest.Behaviour{ClockAhead: message.Duration(ahead)})
			w.fault(aligotest.Fault{Endpoint: c.send, Kind: aligotest.FaultResetAfter})
			id := w.post(c.request)
			w.ends(fmt.Sprintf("%v, %s", ahead, channel), id, c.delivered, c.phone)
			if looks := w.vendorCallsTo(c.history); looks != 1 {
				w.t.Errorf("%v, %s: %d looks at the history, want 1", ahead, channel, looks)
			}
		}
	}
}

func clockSetRight(w *world) {
	for _, ahead := range []time.Duration{-20 * time.Minute, 20 * time.Minute} {
		for channel, c := range channels() {
			w := w.anew()
			w.behave(aligotest.Behaviour{ClockAhead: message.Duration(ahead)})
			// Whoever has had an answer knows Aligo's clock.
			w.ends("before", w.post(strings.Replace(c.request, "01010005678", "01010009999", 1)), c.delivered,
				strings.Replace(c.phone, "01010005678", "01010009999", 1))
			w.fault(aligotest.Fault{Endpoint: c.send, Kind: aligotest.FaultResetAfter})
			w.fault(aligotest.Fault{Endpoint: c.history, Kind: aligotest.FaultHTTP500, Times: 2})
			id := w.post(c.request)
			time.Sleep(time.Second)
			w.behave(aligotest.Behaviour{})
			w.ends(fmt.Sprintf("%v, %s", ahead, channel), id, c.delivered, c.phone,
				strings.Replace(c.phone, "01010005678", "01010009999", 1))
		}
	}
}

func endIsMidnight(w *world) {
	w.behave(aligotest.Behaviour{EndIsMidnight: true})
	w.doubted("the last day is missing")
}

func atItsUgliest(w *world) {
	w.behave(aligotest.Behaviour{
		ClockAhead: message.Duration(-130 * time.Second), ListedAfter: message.Duration(65 * time.Second), EndIsMidnight: true,
		Texts: []aligotest.TextChange{aligotest.TextEscaped, aligotest.TextBR},
	})
	w.doubted("all at once")
}

func maintenance(w *world) {
	// Whoever sends knows the template.
	w.ends("before", w.post(to("", "1111")), "delivered: delivered alimtalk 0", "01010001111 alimtalk")
	phones := w.phones()
	w.fault(aligotest.Fault{Kind: aligotest.FaultUnknownRefusal, Times: -1})
	var ids []string
	for _, request := range []string{
		to("", "2222"), to(`"fallback":{"text":"#{고객명} #{주문번호}"},`, "3333"), to(`"fallback":{"enabled":false},`, "4444"), plainSMS,
	} {
		ids = append(ids, w.post(request))
	}
	time.Sleep(10 * time.Minute)
	for _, id := range ids {
		if o := w.get(id); o.Status != message.Parked || o.Parked == nil || o.Parked.Cause != "unknown" {
			w.t.Errorf("in the maintenance %s is %s, %+v", id, o.Status, o.Parked)
		}
	}
	if got := w.phones(); !slices.Equal(got, phones) {
		w.t.Errorf("in the maintenance phones received %q", got)
	}
	w.Aligo.RemoveFaults(aligotest.FaultUnknownRefusal, "")
	for _, id := range ids {
		if o := w.settle(id); o.Status != message.AllDelivered {
			w.t.Errorf("after the maintenance: %s", compact(o))
		}
	}
	var numbers []string
	for _, phone := range w.phones() {
		number, _, _ := strings.Cut(phone, " ")
		numbers = append(numbers, number)
	}
	if want := []string{"01010001111", "01010002222", "01010003333", "01010004444", "01010005678"}; !slices.Equal(numbers, want) {
		w.t.Errorf("messages on the phones of %q, want %q", numbers, want)
	}
}

func alertingReceipts(w *world) {
	for letter, c := range map[string]struct{ alert, outcome, alone string }{
		"a": {"balance", "delivered: delivered sms delivered", "failed: failed alimtalk a"},
		"S": {"sender", "delivered: delivered sms delivered", "failed: failed alimtalk S"},
		"U": {"template", "delivered: delivered sms delivered", "failed: failed alimtalk U"},
		// It might have arrived.
		"Z": {"unknown", "partial: unknown alimtalk Z", "partial: unknown alimtalk Z"},
	} {
		w := w.anew()
		w.receipts(message.AlimTalk, aligotest.ReceiptRow{Result: letter})
		var phones []string
		if letter != "Z" {
			phones = []string{"01010005678 sms"}
		}
		if letter == "a" {
			// The SMS waits for whoever reads the alarm.
			w.Aligo.SetBalance(7)
			id := w.post(to("", "5678"))
			time.Sleep(time.Hour)
			if o := w.get(id); o.Status != message.Parked || o.Parked == nil || o.Parked.Cause != "balance" {
				w.t.Errorf("with an empty wallet it is %s, %+v", o.Status, o.Parked)
			}
			w.Aligo.SetBalance(1000)
			w.ends(letter, id, c.outcome, phones...)
		} else {
			w.ends(letter, w.post(to("", "5678")), c.outcome, phones...)
		}
		w.ends(letter+" without fallback", w.post(to(`"fallback":{"enabled":false},`, "5678")), c.alone, phones...)
		const line, alert = `"msg":"receipts that a person must look at"`, `"alert":"%s","recipients":1`
		logs := w.logs.String()
		if n := strings.Count(logs, line); n != 2 || !strings.Contains(logs, fmt.Sprintf(alert, c.alert)) {
			w.t.Errorf("%s: %d alerts in the logs, want 2 of %s", letter, n, c.alert)
		}
	}
}

func twoReceipts(w *world) {
	rows := func(results ...string) []aligotest.ReceiptRow {
		all := make([]aligotest.ReceiptRow, len(results))
		for i, r := range results {
			all[i].Result = r
		}
		return all
	}
	for _, reversed := range []bool{false, true} {
		w := w.anew()
		kakao, carrier := rows("B", "0"), rows("발/착신 번호 에러", "발송완료")
		if reversed {
			slices.Reverse(kakao)
			slices.Reverse(carrier)
		}
		w.receipts(message.AlimTalk, kakao...)
		w.receipts(message.SMS, carrier...)
		w.ends("AlimTalk", w.post(to("", "5678")), "delivered: delivered alimtalk 0", "01010005678 alimtalk")
		w.ends("SMS", w.post(plainSMS), "delivered: delivered sms delivered", "01010005678 alimtalk", "01010005678 sms")
	}
	// The row that says delivered comes after the first look.
	w = w.anew()
	late := rows("B", "0")
	late[1].After = message.Duration(8 * time.Second)
	w.receipts(message.AlimTalk, late...)
	w.ends("a second row that comes late", w.post(to("", "5678")), "delivered: delivered alimtalk 0", "01010005678 alimtalk")
}

func phoneOff(w *world) {
	long := strings.Repeat("긴 글 ", 30)
	for _, c := range []struct {
		request string
		off     time.Duration
	}{
		{plainSMS, 25 * time.Hour},
		{`{"channel":"sms","title":"제목","text":"` + long + `","recipients":[{"to":"01010005678"}]}`, 80 * time.Hour},
	} {
		w.receipts(message.SMS, aligotest.ReceiptRow{Result: "발송완료", After: message.Duration(c.off)})
		began := time.Now()
		id := w.post(c.request)
		o := w.settle(id)
		if got, want := compact(o), "delivered: delivered sms delivered"; got != want {
			w.t.Errorf("off for %v: outcome %q, want %q", c.off, got, want)
		}
		if took := time.Since(began); took < c.off || took > c.off+time.Hour {
			w.t.Errorf("off for %v: settled after %v", c.off, took)
		}
		w.check(id, o)
	}
}

// vendorCallsTo is how many calls to an endpoint Aligo has got.
func (w *world) vendorCallsTo(endpoint string) int {
	n := 0
	for _, e := range w.vendorCalls() {
		if e == endpoint {
			n++
		}
	}
	return n
}
