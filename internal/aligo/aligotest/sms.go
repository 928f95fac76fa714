package aligotest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sms-api/internal/deployment/price"
	"sms-api/internal/message"
)

const (
	kindAlimTalk = "AT"
	kindSMS      = "SMS"
	kindLMS      = "LMS"
	kindMMS      = "MMS"
)

// The sms_state texts.
const (
	stateDelivered   = "발송완료"
	stateSending     = "전송중"
	stateWrongNumber = "발/착신 번호 에러"
	// stateReserved and stateCancelled are the stand-in's guesses, after the Kakao API's reserve_state.
	stateReserved  = "예약대기중"
	stateCancelled = "예약취소"
)

// unitPrice is that of one message in tenths of a won, without tax.
func unitPrice(kind string) int {
	switch kind {
	case kindAlimTalk:
		return 10 * price.AlimTalkKRW
	case kindSMS:
		return 10 * price.SMSKRW
	case kindLMS:
		return 10 * price.LMSKRW
	default:
		return 10 * price.MMSKRW
	}
}

// kindOf is what the vendor makes of a text when it is not told.
func kindOf(text string, images int) string {
	switch {
	case images > 0:
		return kindMMS
	case message.SMSBytes(text) > 90:
		return kindLMS
	}
	return kindSMS
}

// onPhone is a text as it arrives: characters that the carriers do not have become question marks.
func onPhone(text string) string {
	bad := message.Unencodable(text)
	if len(bad) == 0 {
		return text
	}
	runes := []rune(text)
	for _, b := range bad {
		runes[b.Index] = '?'
	}
	return string(runes)
}

// number takes off what the vendor tolerates in a number; it is empty when the number is malformed.
func number(n string) string {
	n = strings.ReplaceAll(strings.TrimSpace(n), "-", "")
	if strings.Trim(n, "0123456789") != "" || len(n) < 8 || len(n) > 12 || n[0] != '0' && n[0] != '1' {
		return ""
	}
	return n
}

// smsRow decides what becomes of one SMS.
func (s *Standin) smsRow(to, text string) row {
	r := row{to: to, text: text, result: stateDelivered, arrives: true}
	if strings.HasSuffix(to, EndNothingArrives) {
		r.result, r.arrives = stateWrongNumber, false
	}
	return s.planned(r, "sms")
}

func (s *Standin) send(req *request) object {
	text := req.form.Get("msg")
	receivers := strings.Split(req.get("receiver"), ",")
	switch {
	case req.get("receiver") == "":
		return missing(req, "수신번호", "receiver")
	case text == "":
		return missing(req, "메시지", "msg")
	case len(receivers) > 1000:
		return refuse(req, -99, 0, "수신번호는 1,000개까지 가능합니다.")
	}
	texts := make([]string, len(receivers))
	for i := range receivers {
		texts[i] = text
	}
	kind := req.get("msg_type")
	if kind == "" {
		kind = kindOf(text, req.images)
	}
	return s.acceptSMS(req, kind, text, receivers, texts)
}

func (s *Standin) sendMass(req *request) object {
	kind := req.get("msg_type")
	if kind == "" {
		return missing(req, "메시지 타입", "msg_type")
	}
	count := req.int("cnt", 0, 501)
	if count == 0 || count > 500 {
		return missing(req, "메시지 건수", "cnt")
	}
	receivers, texts := make([]string, count), make([]string, count)
	for i := range count {
		receivers[i], texts[i] = req.get(fmt.Sprintf("rec_%d", i+1)), req.form.Get(fmt.Sprintf("msg_%d", i+1))
		if receivers[i] == "" || texts[i] == "" {
			return missing(req, "수신번호/메시지", fmt.Sprintf("rec_%d,msg_%d", i+1, i+1))
		}
	}
	return s.acceptSMS(req, kind, texts[0], receivers, texts)
}

// fillNames puts names in for the only placeholder of the SMS API.
func fillNames(req *request, receivers, texts []string) {
	names := map[string]string{}
	for pair := range strings.SplitSeq(req.get("destination"), ",") {
		if to, name, ok := strings.Cut(pair, "|"); ok {
			names[number(to)] = name
		}
	}
	for i, to := range receivers {
		if name, ok := names[number(to)]; ok {
			texts[i] = strings.ReplaceAll(texts[i], "%고객명%", name)
		}
	}
}

// acceptSMS does what both sends have in common.
func (s *Standin) acceptSMS(req *request, kind, text string, receivers, texts []string) object {
	sender := number(req.get("sender"))
	at, refusal := reservation(req)
	switch {
	case sender == "":
		return missing(req, "발신번호", "sender")
	case !slices.Contains(s.options.Senders, sender):
		return refuse(req, -103, 0, textSender)
	case !slices.Contains([]string{kindSMS, kindLMS, kindMMS}, kind):
		return missing(req, "메시지 타입", "msg_type")
	case kind == kindMMS && req.images == 0:
		return missing(req, "이미지", "image1")
	case refusal != nil:
		return refusal
	}
	fillNames(req, receivers, texts)
	limit := 2000
	if kind == kindSMS {
		limit = 90
	}
	for _, one := range texts {
		if message.SMSBytes(one) > limit {
			return refuse(req, -99, 0, fmt.Sprintf("메시지는 %d바이트까지 가능합니다.", limit))
		}
	}
	b := &batch{
		kind: kind, user: req.user, sender: sender, text: text, title: req.get("title"), images: req.images, reservedFor: at,
		test: req.get("testmode_yn") == "Y", unit: unitPrice(kind),
	}
	for i, to := range receivers {
		if to = number(to); to != "" && (req.fault.Kind != FaultPartial || 2*i < len(receivers)) {
			b.rows = append(b.rows, s.smsRow(to, texts[i]))
		}
		if strings.HasSuffix(to, EndSMSAnswerLost) {
			req.after = FaultResetAfter
		}
	}
	if s.wallet < b.unit*len(b.rows) {
		req.after = ""
		return s.refuseBalance(req)
	}
	s.accept(b, req.now)
	req.call.MID, req.call.Recipients, req.call.Accepted = b.mid, len(b.rows), true
	return object{
		{"result_code", "1"}, {"message", "success"}, {"msg_id", b.mid}, {"success_cnt", len(b.rows)},
		{"error_cnt", len(receivers) - len(b.rows)}, {"msg_type", kind},
	}
}

// reservation reads the time of a reserved SMS; zero is now.
func reservation(req *request) (time.Time, object) {
	date, clock := req.get("rdate"), req.get("rtime")
	if date == "" && clock == "" {
		return time.Time{}, nil
	}
	at, err := time.ParseInLocation("200601021504", date+clock, kst)
	if err != nil || at.Before(req.now.Add(10*time.Minute)) {
		return time.Time{}, refuse(req, -99, 0, "예약시간은 현재시간으로부터 10분 이후부터 가능합니다.")
	}
	return at, nil
}

// page is a part of a list: from the newest down when the list has its oldest first.
func page[T any](all []T, number, size int) (part []T, more bool) {
	from := min((number-1)*size, len(all))
	to := min(from+size, len(all))
	return all[from:to], to < len(all)
}

func yn(b bool) string {
	if b {
		return "Y"
	}
	return "N"
}

// history are the batches of one host and account between two days, newest first.
func (s *Standin) history(req *request, from, to string) []*batch {
	if req.fault.Kind == FaultEmptyList {
		return nil
	}
	var found []*batch
	for _, b := range slices.Backward(s.batches) {
		switch {
		case (b.kind == kindAlimTalk) != req.kakao() || b.user != req.user || s.ours(req.now).Before(b.listedAt):
		case to != "" && b.day > to, to != "" && b.day == to && s.behaviour.EndIsMidnight:
		case from != "" && b.day < from:
			// One of a later day may come yet, if the clock was set back.
		default:
			found = append(found, b)
		}
	}
	return found
}

// batchOf is the account's batch that a call asks about; nil is one that is not known.
func (s *Standin) batchOf(req *request, alimTalk bool) *batch {
	b := s.byMID[req.get("mid")]
	if b == nil || b.user != req.user || (b.kind == kindAlimTalk) != alimTalk {
		return nil
	}
	return b
}

func (s *Standin) smsHistory(req *request) object {
	to, from := req.get("start_date"), ""
	if days := req.int("limit_day", 0, 3650); days > 0 {
		newest, err := time.ParseInLocation("20060102", to, kst)
		if err != nil {
			newest = req.now.In(kst)
		}
		from = newest.AddDate(0, 0, -days).Format("20060102")
	}
	batches, more := page(s.history(req, from, to), req.int("page", 1, 1<<30), s.pageSize(req, "page_size", 30))
	var rows []object
	for _, b := range batches {
		state := ""
		if b.cancelled || b.test {
			state = stateCancelled
		} else if b.reserved() {
			state = stateReserved
		}
		failures := 0
		for i := range b.rows {
			if r := &b.rows[i]; !r.arrives && s.reported(b, r, req.now) {
				failures++
			}
		}
		rows = append(rows, object{
			{"mid", b.mid}, {"type", b.kind}, {"sender", b.sender}, {"sms_count", fmt.Sprint(len(b.rows))}, {"reserve_state", state},
			{"msg", s.behaviour.shown(b.text)}, {"fail_count", failures}, {"reg_date", stamp(b.acceptedAt)}, {"reserve", stamp(b.reservedFor)},
		})
	}
	return object{{"result_code", 1}, {"message", "success"}, {"list", arrange(req, rows, nil)}, {"next_yn", yn(more)}}
}

// pageSize is how many rows a page has.
func (s *Standin) pageSize(req *request, field string, least int) int {
	if req.fault.Kind == FaultLimitIgnored || req.kakao() && !s.options.HonourLimit {
		return least
	}
	return req.int(field, least, 500)
}

// arrange applies the faults of lists. pending turns a row into one that is still pending, where there is such a thing.
func arrange(req *request, rows []object, pending func(object) object) []object {
	switch req.fault.Kind {
	case FaultReceiptsOutOfOrder:
		slices.Reverse(rows)
	case FaultRowsDuplicated:
		var twice []object
		for _, r := range rows {
			twice = append(twice, r)
			if pending != nil {
				r = pending(r)
			}
			twice = append(twice, r)
		}
		return twice
	case FaultReceiptsLate:
		for i := range rows {
			if pending != nil {
				rows[i] = pending(rows[i])
			}
		}
	default:
	}
	if rows == nil {
		rows = []object{}
	}
	return rows
}

// with is a row with some members changed.
func (o object) with(changes ...member) object {
	changed := slices.Clone(o)
	for i, m := range changed {
		for _, c := range changes {
			if m.key == c.key {
				changed[i] = c
			}
		}
	}
	return changed
}

// rowsOf is the batch that a call asks about, nil if it is not known, with those of its rows that are listed by now; refusal
// is the answer to a call that does not ask about any.
func (s *Standin) rowsOf(req *request, alimTalk bool) (b *batch, all []row, refusal object) {
	if req.get("mid") == "" {
		return nil, nil, missing(req, "메시지 아이디", "mid")
	}
	req.call.MID = req.get("mid")
	if b = s.batchOf(req, alimTalk); b != nil && req.fault.Kind != FaultEmptyList {
		all = b.listed(req.now, s.options.ReceiptDelay)
	}
	return b, all, nil
}

func (s *Standin) smsReceipts(req *request) object {
	b, all, refusal := s.rowsOf(req, false)
	if refusal != nil {
		return refusal
	}
	part, more := page(all, req.int("page", 1, 1<<30), s.pageSize(req, "page_size", 30))
	var rows []object
	for i := range part {
		r := &part[i]
		state, sent := stateSending, b.sentAt
		switch {
		case b.cancelled || b.test:
			state = stateCancelled
		case b.reserved():
			state = stateReserved
		case s.reported(b, r, req.now):
			state = orElse(r.result, stateSending)
		}
		rows = append(rows, object{
			{"mdid", fmt.Sprint(r.id)}, {"type", b.kind}, {"sender", b.sender}, {"receiver", r.to}, {"sms_state", state},
			{"reg_date", stamp(b.acceptedAt)}, {"send_date", stamp(sent)}, {"reserve_date", stamp(b.reservedFor)},
		})
	}
	rows = arrange(req, rows, func(r object) object { return r.with(member{"sms_state", stateSending}) })
	return object{{"result_code", 1}, {"message", "success"}, {"list", rows}, {"next_yn", yn(more)}}
}

// left is how many messages of a kind the wallet pays for.
func (s *Standin) left(kind string) int { return max(0, s.wallet/unitPrice(kind)) }

func (s *Standin) remain(*request) object {
	return object{
		{"result_code", 1}, {"message", "success"}, {"SMS_CNT", s.left(kindSMS)}, {"LMS_CNT", s.left(kindLMS)}, {"MMS_CNT", s.left(kindMMS)},
	}
}

func (s *Standin) cancelSMS(req *request) object {
	if refusal := s.cancel(req, false, -804); refusal != nil {
		return refusal
	}
	return object{{"result_code", 1}, {"message", "success"}, {"cancel_date", stamp(req.now)}}
}

// cancel takes a reservation back and the money with it, until five minutes before it goes out. Once more does no harm.
func (s *Standin) cancel(req *request, alimTalk bool, tooLate int) object {
	mid := req.get("mid")
	if mid == "" {
		return missing(req, "메시지 아이디", "mid")
	}
	req.call.MID = mid
	b := s.batchOf(req, alimTalk)
	switch {
	case b == nil:
		return refuse(req, -99, -99, "존재하지 않는 메시지입니다.")
	case b.cancelled:
		return nil
	case b.fired || req.now.After(b.reservedFor.Add(-5*time.Minute)):
		return refuse(req, tooLate, -99, textTooLate)
	}
	b.cancelled = true
	if !b.test {
		s.wallet += b.unit * len(b.rows)
	}
	return nil
}
