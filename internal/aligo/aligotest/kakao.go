package aligotest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// failed tells whether an AlimTalk was not delivered, and so is not charged.
func (r row) failed() bool {
	return !r.arrives && r.result != "" && r.result != "0" && r.result != "5"
}

// resultText is the rslt_message of a result that the stand-in has.
func resultText(result string) string {
	switch result {
	case "0":
		return "성공"
	case "A":
		return "카카오톡 미사용자"
	case "B":
		return "알림톡 차단을 선택한 사용자"
	case "U":
		return "메시지가 템플릿과 일치하지않음"
	case "M":
		return "템플릿을 찾을 수 없음"
	case "1":
		return "발신 프로필 키가 유효하지않음"
	case "L":
		return "메시지 길이 제한 오류"
	case "5":
		return "메시지 발송 후 수신여부 불투명"
	case "t":
		return "메시지가 비어있음"
	case "a":
		return "건수 부족"
	case "S":
		return "발신번호 검증 오류"
	}
	return ""
}

func (s *Standin) sendAlimTalk(req *request) object {
	senderKey, code := req.get("senderkey"), req.get("tpl_code")
	sender := number(req.get("sender"))
	switch {
	case senderKey == "":
		return refuse(req, 0, -99, textSenderKey)
	case code == "":
		return missing(req, "템플릿 코드", "tpl_code")
	case sender == "":
		return missing(req, "발신번호", "sender")
	case !slices.Contains(s.options.Senders, sender):
		return refuse(req, 0, -99, textSender)
	case req.get("receiver_501") != "":
		return refuse(req, 0, -99, "수신번호는 500개까지 가능합니다.")
	}
	b := &batch{
		kind: kindAlimTalk, user: req.user, sender: sender, senderKey: senderKey, template: code, test: req.get("testMode") == "Y",
		failover: req.get("failover") == "Y", unit: unitPrice(kindAlimTalk),
	}
	if at := req.get("senddate"); at != "" {
		var err error
		if b.reservedFor, err = time.ParseInLocation("20060102150405", at, kst); err != nil || b.reservedFor.Before(req.now.Add(10*time.Minute)) {
			return refuse(req, 0, -99, "예약시간은 현재시간으로부터 10분 이후부터 가능합니다.")
		}
	}
	received, refusal := s.alimTalkRows(req, b)
	if refusal != nil {
		return refusal
	}
	if received == 0 {
		return missing(req, "수신번호", "receiver_1")
	}
	if s.resetFirst(req, b) {
		return nil
	}
	if s.wallet < b.unit*len(b.rows) {
		return s.refuseBalance(req)
	}
	s.accept(b, req.now)
	if t := s.findTemplate(senderKey, code); t != nil && t.approved() && !b.test {
		t.status = "A" // R says that it was never used
	}
	if slices.ContainsFunc(b.rows, func(r row) bool { return strings.HasSuffix(r.to, EndAnswerLost) }) {
		req.after = FaultResetAfter
	}
	req.call.MID, req.call.Recipients, req.call.Accepted = b.mid, len(b.rows), true
	unit := float64(b.unit) / 10
	return object{{"code", 0}, {"message", textSent}, {"info", object{
		{"type", kindAlimTalk}, {"mid", s.nextMID - 1}, {"current", float64(s.wallet) / 10}, {"unit", unit},
		{"total", unit * float64(len(b.rows))}, {"scnt", len(b.rows)}, {"fcnt", received - len(b.rows)},
	}}}
}

// alimTalkRows reads the recipients of a call and tells how many there were, malformed numbers included.
func (s *Standin) alimTalkRows(req *request, b *batch) (received int, refusal object) {
	t := s.findTemplate(b.senderKey, b.template)
	for n := 1; ; n++ {
		suffix := "_" + strconv.Itoa(n)
		field := func(name string) string { return req.form.Get(name + suffix) }
		if !req.form.Has("receiver" + suffix) {
			break
		}
		switch {
		case field("message") == "":
			return 0, missing(req, "메시지", "message"+suffix)
		case field("subject") == "":
			return 0, missing(req, "제목", "subject"+suffix)
		case b.failover && field("fmessage") == "":
			return 0, missing(req, "대체 메시지", "fmessage"+suffix)
		}
		received++
		if b.text == "" {
			b.text, b.title = field("message"), field("subject")
		}
		to := number(field("receiver"))
		if to == "" {
			continue
		}
		r := row{to: to, text: field("message"), emphasisTitle: field("emtitle"), buttonJSON: field("button")}
		if b.failover {
			r.fallbackText, r.fallbackTitle = field("fmessage"), field("fsubject")
		}
		r.buttons = readButtons(r.buttonJSON)
		r.result, r.arrives = s.judge(b, t, r)
		if !b.test {
			r = s.planned(r, "alimtalk")
		}
		b.rows = append(b.rows, r)
	}
	if req.fault.Kind == FaultPartial {
		b.rows = b.rows[:(len(b.rows)+1)/2]
	}
	return received, nil
}

// readButtons reads the buttons of a message in either dialect of the vendor.
func readButtons(text string) []Button {
	if text == "" {
		return nil
	}
	var sent struct {
		Button []struct {
			Button
			M string `json:"linkM"`
			P string `json:"linkP"`
			I string `json:"linkI"`
			A string `json:"linkA"`
		} `json:"button"`
	}
	if err := json.Unmarshal([]byte(text), &sent); err != nil {
		return nil
	}
	var buttons []Button
	for _, b := range sent.Button {
		for _, link := range []struct {
			current *string
			older   string
		}{{&b.Mobile, b.M}, {&b.PC, b.P}, {&b.IOS, b.I}, {&b.Android, b.A}} {
			if *link.current == "" {
				*link.current = link.older
			}
		}
		buttons = append(buttons, b.Button)
	}
	return buttons
}

// judge decides what becomes of one AlimTalk: what the receipt is going to say, and whether the phone gets it.
func (s *Standin) judge(b *batch, t *template, r row) (result string, arrives bool) {
	switch {
	case !s.knows(b.senderKey):
		return "1", false
	case t == nil || !t.approved():
		return "M", false
	case utf8.RuneCountInString(r.text) > 1000:
		return "L", false
	case !t.fits(r):
		return "U", false
	case b.test:
		return "", false
	}
	switch r.to[len(r.to)-4:] {
	case EndNotOnKakao, EndNothingArrives, EndSMSAnswerLost:
		return "A", false
	case EndBlocked:
		return "B", false
	case EndNoReceipt:
		return "", false
	case EndUnclear:
		return "5", true
	}
	return "0", true
}

// resetFirst tells whether the call is to be reset because of a number with EndResetOnce that has not had its reset yet.
func (s *Standin) resetFirst(req *request, b *batch) bool {
	for _, r := range b.rows {
		if strings.HasSuffix(r.to, EndResetOnce) && !s.resetOnce[r.to] {
			if len(s.resetOnce) >= s.options.Keep {
				clear(s.resetOnce)
			}
			s.resetOnce[r.to] = true
			req.after = FaultResetBefore
		}
	}
	return req.after == FaultResetBefore
}

func (s *Standin) alimTalkHistory(req *request) object {
	// The vendor's table says startdate, its npm client's example start_date.
	all := s.history(req, orElse(req.get("startdate"), req.get("start_date")), req.get("enddate"))
	number, size := req.int("page", 1, 1<<30), s.pageSize(req, "limit", 50)
	batches, _ := page(all, number, size)
	var rows []object
	for _, b := range batches {
		state := ""
		if b.cancelled {
			state = stateCancelled
		} else if b.reserved() {
			state = stateReserved
		}
		rows = append(rows, object{
			{"mid", b.mid}, {"type", b.kind}, {"sender", b.sender}, {"msg_count", fmt.Sprint(len(b.rows))}, {"mbody", s.behaviour.shown(b.text)},
			{"reserve_date", stamp(b.reservedFor)}, {"reserve_state", state}, {"regdate", stamp(b.acceptedAt)},
		})
	}
	return kakaoPage(arrange(req, rows, nil), number, size, len(all))
}

// kakaoPage is a page of the Kakao API, whose numbers are strings.
func kakaoPage(rows []object, number, size, total int) object {
	return object{
		{"code", 0}, {"message", textCalled}, {"list", rows}, {"currentPage", fmt.Sprint(number)},
		{"totalPage", fmt.Sprint((total + size - 1) / size)}, {"totalCount", fmt.Sprint(total)},
	}
}

const noTime = "0000-00-00 00:00:00"

func (s *Standin) alimTalkReceipts(req *request) object {
	b, all, refusal := s.rowsOf(req, true)
	if refusal != nil {
		return refusal
	}
	if b != nil && b.cancelled {
		all = nil
	}
	number, size := req.int("page", 1, 1<<30), s.pageSize(req, "limit", 50)
	part, _ := page(all, number, size)
	rows := make([]object, len(part))
	receipt := s.receiptOf(b, req.now)
	for i := range part {
		rows[i] = receipt(&part[i])
	}
	rows = arrange(req, rows, func(r object) object {
		id, _ := r[0].value.(string)
		return r.with(member{"msgid", "Q" + strings.TrimPrefix(id, "Q")}, member{"rsltdate", noTime}, member{"reportdate", noTime},
			member{"rslt", ""}, member{"rslt_message", ""})
	})
	return kakaoPage(rows, number, size, len(all))
}

// receiptOf makes the rows of a call in the detailed history; nil is a call that the vendor does not know, without rows.
func (s *Standin) receiptOf(b *batch, now time.Time) func(*row) object {
	if b == nil {
		return nil
	}
	accepted, sent, usual := stamp(b.acceptedAt), noTime, stamp(b.sentAt.Add(s.options.ReceiptDelay))
	if b.fired {
		sent = stamp(b.sentAt)
	}
	return func(r *row) object {
		id, result, at := "Q"+strconv.FormatInt(r.id, 10), "", noTime
		if r.result != "" && !b.test && s.reported(b, r, now) {
			id, result, at = id[1:], r.result, usual
			if r.after > 0 {
				at = stamp(b.sentAt.Add(r.after))
			}
		}
		return object{
			{"msgid", id}, {"type", b.kind}, {"sender", b.sender}, {"phone", r.to}, {"status", "3"}, {"reqdate", accepted},
			{"sentdate", sent}, {"rsltdate", at}, {"reportdate", at}, {"rslt", result}, {"rslt_message", resultText(result)},
			{"message", s.behaviour.shown(r.text)}, {"button_json", orElse(r.buttonJSON, "{}")}, {"tpl_code", b.template},
			{"senderKey", b.senderKey}, {"smid", orElse(r.fallbackMID, "0")},
		}
	}
}

// successCode is what the balance and cancel calls answer.
func (s *Standin) successCode() int {
	if s.options.SuccessZero {
		return 0
	}
	return 1
}

func (s *Standin) heartInfo(*request) object {
	return object{{"code", s.successCode()}, {"message", ""}, {"list", object{
		{"SMS_CNT", s.left(kindSMS)}, {"LMS_CNT", s.left(kindLMS)}, {"MMS_CNT", s.left(kindMMS)}, {"ALT_CNT", s.left(kindAlimTalk)},
	}}}
}

func (s *Standin) cancelAlimTalk(req *request) object {
	if refusal := s.cancel(req, true, -99); refusal != nil {
		return refusal
	}
	return object{{"code", s.successCode()}, {"message", ""}}
}
