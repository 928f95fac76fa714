package aligo

import (
	"context"
	"strings"
	"time"
)

// State is what a receipt says.
type State string

// The states of a receipt.
const (
	// StatePending: nothing is known yet; final after 24 hours at the latest.
	StatePending   State = "pending"
	StateDelivered State = "delivered"
	StateFailed    State = "failed"
	// StateUnknown: the vendor cannot say whether it arrived.
	StateUnknown State = "unknown"
)

// Receipt is the vendor's word on one recipient.
type Receipt struct {
	State State
	// Code is the letter of an AlimTalk receipt (rslt). The SMS API has texts only; its Code is "delivered", "pending",
	// "number" for a wrong number, or "other".
	Code string
	// Reason is for people, in this package's words and not the vendor's.
	Reason string
	// SMSUseful says that an AlimTalk surely did not arrive and an SMS might.
	SMSUseful bool
	// Alert says at what a person must look: the template, the credentials, the sender number, the wallet, the message's own
	// parameters, or a code that nobody has described (unknown). Empty means at nothing.
	Alert Cause
	// At is when the vendor came to know it; zero while pending.
	At time.Time
}

// letter is what one AlimTalk result letter means.
type letter struct {
	state     State
	smsUseful bool
	alert     Cause
	reason    string
}

// letters are the values of rslt. The vendor documents only U; 0 was seen. The others are those of the relay that it
// shares with several resellers, whose text for U is the same to the byte.
func letters() map[string]letter {
	const failed, unknown = StateFailed, StateUnknown
	return map[string]letter{
		"0": {StateDelivered, false, "", "성공"},
		"A": {failed, true, "", "카카오톡 미사용자"},
		"9": {failed, true, "", "최근 카카오톡 미사용자"},
		"2": {failed, true, "", "서버와 연결되어있지않은 사용자"},
		"8": {failed, true, "", "메시지를 전송할 수 없는 상태"},
		"B": {failed, true, "", "알림톡 차단을 선택한 사용자"},
		"E": {failed, true, "", "미지원 클라이언트 버전"},
		"J": {failed, true, "", "050 안심번호 발송불가"},
		"H": {failed, true, "", "카카오 시스템 오류"},
		"G": {failed, true, "", "카카오 측 서비스 장애"},
		"F": {failed, true, "", "기타 오류"},
		"e": {failed, true, "", "서버 내부 에러"},
		"U": {failed, true, CauseTemplate, "메시지가 템플릿과 일치하지않음"},
		"V": {failed, true, CauseTemplate, "메시지가 템플릿과 비교 실패"},
		"M": {failed, true, CauseTemplate, "템플릿을 찾을 수 없음"},
		"1": {failed, true, CauseCredentials, "발신 프로필 키가 유효하지않음"},
		"L": {failed, true, CauseTemplate, "메시지 길이 제한 오류"},
		// An SMS would fail for the same reason, or the message was sent already.
		"I": {failed, false, "", "전화번호 오류"},
		"C": {failed, false, "", "메시지 일련번호 중복"},
		"D": {failed, false, "", "5초 이내 메시지 중복 발송"},
		"c": {failed, false, "", "중복된 키 접수 차단"},
		"d": {failed, false, "", "중복된 수신번호 접수 차단"},
		"p": {failed, false, "", "메시지본문 중복 차단(Agent 내부)"},
		"q": {failed, false, "", "메시지 중복키 체크(Agent 내부)"},
		"S": {failed, false, CauseSender, "발신번호 검증 오류"},
		"a": {failed, false, CauseBalance, "건수 부족"},
		"b": {failed, false, CauseCredentials, "전송 권한 없음"},
		"k": {failed, false, CauseParameter, "메시지가 존재하지않음"},
		"t": {failed, false, CauseParameter, "메시지가 비어있음"},
		"f": {failed, false, CauseParameter, "메시지 포맷 오류"},
		// It may have arrived, or may yet.
		"5": {unknown, false, "", "메시지 발송 후 수신여부 불투명"},
		"6": {unknown, false, "", "메시지 전송결과를 찾을 수 없음"},
		"o": {unknown, false, "", "TIME OUT 처리(Agent 내부)"},
	}
}

// alimTalkResult reads one row of /akv10/history/detail/. The row's status says only whether Kakao can read the number.
func alimTalkResult(known map[string]letter, msgid, rslt string, reported time.Time) Receipt {
	if strings.HasPrefix(msgid, "Q") || rslt == "" || reported.IsZero() {
		return Receipt{State: StatePending}
	}
	l, ok := known[rslt]
	if !ok {
		// A letter that no list has is not taken for a failure: an SMS could then be a second message.
		l = letter{state: StateUnknown, alert: CauseUnknown, reason: "알 수 없는 결과 코드"}
		rslt = clip(rslt, longestLetter)
	}
	return Receipt{State: l.state, Code: rslt, Reason: l.reason, SMSUseful: l.smsUseful, Alert: l.alert, At: reported}
}

// longestLetter is how much of a result that is none of the letters is given on: a number or a text would not fit.
const longestLetter = 2

// smsResult reads the free text of sms_state.
func smsResult(state string, at time.Time) Receipt {
	switch strings.Join(strings.Fields(state), "") {
	case "발송완료":
		return Receipt{State: StateDelivered, Code: "delivered", Reason: "발송완료", At: at}
	// An empty text was seen to mean "not sent yet"; the one for a reservation is known from the Kakao API only.
	case "전송중", "", "예약대기중":
		return Receipt{State: StatePending, Code: "pending"}
	case "발/착신번호에러":
		return Receipt{State: StateFailed, Code: "number", Reason: "발/착신 번호 에러", At: at}
	}
	return Receipt{State: StateFailed, Code: "other", Reason: "통신사 발송 실패", At: at}
}

// AlimTalkReceipt is what became of one recipient of a call of SendAlimTalk.
type AlimTalkReceipt struct {
	unlogged

	// ID is the vendor's msgid without the Q that it begins with while pending.
	ID string
	// To is the recipient's number in digits.
	To     string
	Result Receipt
	// Template is the template's code.
	Template string
	// FallbackMID is the batch of the SMS that the vendor sent instead; always empty for what this package sent.
	FallbackMID string
}

// AlimTalkReceipts reads POST /akv10/history/detail/, all pages: what is known of the recipients of a call, one receipt a
// number. A recipient who is not there is still pending; results usually come within seconds and are final after 24
// hours. An account other than the one that has made the call, of which empty is any, is ErrOtherAccount.
//
// https://smartsms.aligo.in/alimapi.html
func (c *Client) AlimTalkReceipts(ctx context.Context, account Account, mid string) ([]AlimTalkReceipt, error) {
	known, rows := letters(), newByNumber[AlimTalkReceipt]()
	err := eachRow(ctx, c, alimTalkRows(), account, mid, func(r *alimTalkRow) (rowKey, bool) {
		key := alimTalkKey(r.msgID, r.phone)
		receipt := AlimTalkReceipt{
			ID: key.id, To: key.to, Template: string(r.tplCode), FallbackMID: r.smID.id(),
			Result: alimTalkResult(known, strings.TrimSpace(string(r.msgID)), strings.TrimSpace(string(r.rslt)),
				r.reportDate.time()),
		}
		rows.add(key, receipt, receipt.Result.State)
		return key, true
	})
	if err != nil {
		return nil, err
	}
	return rows.rows(), nil
}

// alimTalkTexts reads what the recipients of a call were sent, until take returns false. A row may come twice.
func (c *Client) alimTalkTexts(ctx context.Context, account Account, mid string, take func(to, text string) bool) error {
	return eachRow(ctx, c, alimTalkRows(), account, mid, func(r *alimTalkText) (rowKey, bool) {
		key := alimTalkKey(r.msgID, r.phone)
		return key, take(key.to, string(r.message))
	})
}

// alimTalkRows is the list of a call's recipients.
func alimTalkRows() rowList {
	return rowList{endpoint{path: "/akv10/history/detail/", kakao: true}, kakaoForm, "limit"}
}

// alimTalkKey is the key of a row, whose msgid loses its Q when the row is not pending any more.
func alimTalkKey(msgID, phone scalar) rowKey {
	return rowKey{to: number(phone), id: strings.TrimPrefix(strings.TrimSpace(string(msgID)), "Q")}
}

// alimTalkRow is a row of that list without its text, which is most of it.
type alimTalkRow struct {
	msgID, phone, reportDate, rslt, tplCode, smID scalar
}

func (r *alimTalkRow) field(name []byte) *scalar {
	switch string(name) {
	case "msgid":
		return &r.msgID
	case "phone":
		return &r.phone
	case "reportdate":
		return &r.reportDate
	case "rslt":
		return &r.rslt
	case "tpl_code":
		return &r.tplCode
	case "smid":
		return &r.smID
	}
	return nil
}

// alimTalkText is such a row with its text and without its result.
type alimTalkText struct {
	msgID, phone, message scalar
}

func (r *alimTalkText) field(name []byte) *scalar {
	switch string(name) {
	case "msgid":
		return &r.msgID
	case "phone":
		return &r.phone
	case "message":
		return &r.message
	}
	return nil
}

// byNumber gathers rows that may come twice and in any order into one a number.
type byNumber[T any] struct {
	all   []numbered[T]
	index map[rowKey]int
}

type numbered[T any] struct {
	to    string
	row   T
	state State
}

func newByNumber[T any]() *byNumber[T] { return &byNumber[T]{index: map[rowKey]int{}} }

// add takes a row in; its final state replaces its pending one.
func (b *byNumber[T]) add(key rowKey, row T, state State) {
	i, have := b.index[key]
	switch {
	case !have:
		b.index[key] = len(b.all)
		b.all = append(b.all, numbered[T]{key.to, row, state})
	case b.all[i].state == StatePending:
		b.all[i] = numbered[T]{key.to, row, state}
	}
}

// rows has one row a number, in the order of their first appearance. Of several the most hopeful counts: delivered, then
// pending, of which something may yet come, then unknown, then failed.
func (b *byNumber[T]) rows() []T {
	hope := map[State]int{StateFailed: 0, StateUnknown: 1, StatePending: 2, StateDelivered: 3}
	rows, states, index := make([]T, 0, len(b.all)), make([]State, 0, len(b.all)), make(map[string]int, len(b.all))
	for _, n := range b.all {
		i, have := index[n.to]
		switch {
		case !have:
			index[n.to] = len(rows)
			rows, states = append(rows, n.row), append(states, n.state)
		case hope[n.state] > hope[states[i]]:
			rows[i], states[i] = n.row, n.state
		}
	}
	return rows
}

// number is a phone number in digits as it is dialled in Korea, however the vendor writes it.
func number(s scalar) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, string(s))
	if national, ok := strings.CutPrefix(digits, "82"); ok && len(national) >= 9 {
		return "0" + strings.TrimPrefix(national, "0")
	}
	return digits
}
