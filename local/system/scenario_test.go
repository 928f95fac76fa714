package system

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/message"
	"sms-api/internal/testkit/machinetest"
	"sms-api/statemachine"
)

// Each scenario is one path of a message: what comes in, what goes wrong, the states it visits, what phones receive, the
// calls that Aligo gets and what the outcome claims.
type scenario struct {
	name string
	// request is the body of the POST; %s stands for the recipients.
	request string
	// vendor are faults of Aligo, functions those of our own.
	vendor    []aligotest.Fault
	functions map[string][]invocationFault
	// visited are the states, phones "number channel" and outcome "status: recipient status channel code; …".
	visited []string
	phones  []string
	calls   []string
	outcome string
	// takes is the time from acceptance to the outcome, rounded to seconds; zero is not looked at.
	takes time.Duration
}

const (
	list    = "/akv10/template/list/"
	send    = "/akv10/alimtalk/send/"
	detail  = "/akv10/history/detail/"
	history = "/akv10/history/list/"
	sms     = "/send/"
	smsList = "/sms_list/"
	smsHist = "/list/"
)

// listUnread has the door not know the templates, so that what does not fit them is found out when it is sent.
var listUnread = []aligotest.Fault{{Endpoint: list, Kind: aligotest.FaultHTTP500}}

// to makes a request with template TX_1234 for numbers that end in the given digits.
func to(options string, endings ...string) string {
	var all []string
	for n, e := range endings {
		all = append(all, fmt.Sprintf(`{"to":"0101%03d%s","name":"홍길동","variables":{"주문번호":"A-%d"}}`, n, e, n))
	}
	return fmt.Sprintf(`{"template":"TX_1234",%s"recipients":[%s]}`, options, strings.Join(all, ","))
}

var (
	alimTalkSent = []string{statemachine.StateRoute, statemachine.StateSendAlimTalk}
	smsSent      = []string{statemachine.StateSendSMS}
	// A receipt that asks for an SMS is looked at twice.
	lookedTwice = slices.Repeat(toReceipts, 2)
	reconciled  = []string{statemachine.StateReconcile, statemachine.StateSettled}
	lookedAgain = []string{statemachine.StateWaitToLookAgain, statemachine.StateReconcile, statemachine.StateSettled}
	parked      = []string{statemachine.StateWaitForRepair, statemachine.StateSettled, statemachine.StateSendAlimTalk}
)

func scenarios() []scenario {
	return []scenario{
		{
			name: "AlimTalk is delivered", request: to("", "5678"),
			visited: way(alimTalkSent, toReceipts, announced),
			phones:  []string{"01010005678 alimtalk"},
			calls:   []string{list, list, send, detail},
			outcome: "delivered: delivered alimtalk 0", takes: 5 * time.Second,
		},
		{
			name: "500 recipients take no more states than one", request: to("", slices.Repeat([]string{"5678"}, 500)...),
			visited: way(alimTalkSent, toReceipts, announced),
			phones:  everyPhone(500, "5678 alimtalk"),
			calls:   slices.Concat([]string{list, list, send}, slices.Repeat([]string{detail}, 10)),
			outcome: "delivered: " + strings.TrimSuffix(strings.Repeat("delivered alimtalk 0; ", 500), "; "),
		},
		{
			name: "somebody without KakaoTalk gets an SMS", request: to("", "0001"),
			visited: way(alimTalkSent, lookedTwice, smsSent, toReceipts, announced),
			phones:  []string{"01010000001 sms"},
			calls:   []string{list, list, send, detail, detail, list, sms, smsList},
			outcome: "delivered: delivered sms delivered", takes: 20 * time.Second,
		},
		{
			name: "only those who were not reached get an SMS", request: to("", "5678", "0001", "0002", "1111"),
			visited: way(alimTalkSent, lookedTwice, smsSent, toReceipts, announced),
			phones:  []string{"01010005678 alimtalk", "01010010001 sms", "01010020002 sms", "01010031111 alimtalk"},
			outcome: "delivered: delivered alimtalk 0; delivered sms delivered; delivered sms delivered; delivered alimtalk 0",
		},
		{
			name: "without fallback nobody gets an SMS", request: to(`"fallback":{"enabled":false},`, "0001"),
			visited: way(alimTalkSent, toReceipts, announced),
			outcome: "failed: failed alimtalk A",
		},
		{
			name: "AlimTalk and SMS both fail", request: to("", "0004"),
			visited: way(alimTalkSent, lookedTwice, smsSent, toReceipts, announced),
			outcome: "failed: failed sms number",
		},
		{
			name: "an unclear receipt is unknown, not a reason for an SMS", request: to("", "0008"),
			visited: way(alimTalkSent, toReceipts, announced),
			phones:  []string{"01010000008 alimtalk"},
			outcome: "partial: unknown alimtalk 5",
		},
		{
			name: "an unclear receipt is a reason for an SMS when the caller says so", request: to(`"fallback":{"onUnknown":"sms"},`, "0008"),
			visited: way(alimTalkSent, lookedTwice, smsSent, toReceipts, announced),
			phones:  []string{"01010000008 alimtalk", "01010000008 sms"},
			outcome: "delivered: delivered sms delivered",
		},
		{
			name: "a receipt that never comes is waited for as long as it may take, hourly after a day", request: to("", "0003"),
			visited: way(alimTalkSent, slices.Repeat(toReceipts, 104), announced),
			outcome: "partial: unknown alimtalk NoReceipt", takes: 25 * time.Hour,
		},
		{
			name: "a receipt that never comes holds up the SMS of the others no longer than fallback.after", request: to("", "0003", "0001"),
			phones:  []string{"01010010001 sms"},
			outcome: "partial: unknown alimtalk NoReceipt; delivered sms delivered",
		},
		{
			name:    "a receipt that does not come in time means an SMS when the caller says so",
			request: to(`"fallback":{"onUnknown":"sms","after":"1m"},`, "0003"),
			visited: way(alimTalkSent, slices.Repeat(toReceipts, 4), smsSent, toReceipts, announced),
			phones:  []string{"01010000003 sms"},
			outcome: "delivered: delivered sms delivered", takes: 65 * time.Second,
		},
		{
			name: "AlimTalk was accepted, but the answer is lost", request: to("", "0005"),
			visited: way(alimTalkSent, reconciled, toReceipts, announced),
			phones:  []string{"01010000005 alimtalk"},
			calls:   []string{list, list, send, history, detail, detail},
			outcome: "delivered: delivered alimtalk 0",
		},
		{
			name: "AlimTalk was not accepted, and the answer is lost", request: to("", "0006"),
			visited: way(alimTalkSent, reconciled, lookedAgain, lookedAgain, lookedAgain, lookedAgain, []string{statemachine.StateSendAlimTalk},
				toReceipts, announced),
			phones:  []string{"01010000006 alimtalk"},
			outcome: "delivered: delivered alimtalk 0", takes: 5*time.Minute + 5*time.Second,
		},
		{
			name: "a look-up that had to wait for a repair is made at once after it", request: to("", "0006"),
			functions: map[string][]invocationFault{"reconcile": {untouched, parkedFor(aligo.CauseIP)}},
			visited: way(alimTalkSent, reconciled, []string{statemachine.StateWaitToLookAgain, statemachine.StateReconcile,
				statemachine.StateWaitForRepair, statemachine.StateSettled}, reconciled, lookedAgain, lookedAgain, lookedAgain,
				[]string{statemachine.StateSendAlimTalk}, toReceipts, announced),
			phones:  []string{"01010000006 alimtalk"},
			outcome: "delivered: delivered alimtalk 0",
		},
		{
			name: "the SMS was accepted, but the answer is lost", request: to("", "0007"),
			visited: way(alimTalkSent, lookedTwice, smsSent, reconciled, toReceipts, announced),
			phones:  []string{"01010000007 sms"},
			outcome: "delivered: delivered sms delivered",
		},
		{
			name: "the SMS was not accepted, and the answer is lost", request: to("", "0001"),
			vendor: []aligotest.Fault{{Endpoint: sms, Kind: aligotest.FaultResetBefore}},
			visited: way(alimTalkSent, lookedTwice, smsSent, reconciled, lookedAgain, lookedAgain, lookedAgain, lookedAgain, smsSent, toReceipts,
				announced),
			phones:  []string{"01010000001 sms"},
			outcome: "delivered: delivered sms delivered",
		},
		{
			name: "Aligo cannot be reached for a moment when the SMS is due", request: to("", "0001"),
			functions: map[string][]invocationFault{"sms": {notReached, notReached}},
			visited:   way(alimTalkSent, lookedTwice, smsSent, toReceipts, announced),
			phones:    []string{"01010000001 sms"},
			outcome:   "delivered: delivered sms delivered",
		},
		{
			name: "a message of channel sms",
			request: `{"channel":"sms","text":"#{이름}님, 안녕하세요","recipients":[{"to":"010-1000-5678","variables":{"이름":"홍길동"}},` +
				`{"to":"010-1000-5679","variables":{"이름":"이몽룡"}}]}`,
			visited: way([]string{statemachine.StateRoute}, smsSent, toReceipts, announced),
			phones:  []string{"01010005678 sms", "01010005679 sms"},
			calls:   []string{"/send_mass/", smsList},
			outcome: "delivered: delivered sms delivered; delivered sms delivered",
		},
		{
			name: "short texts go out as SMS and long ones as LMS, one call each",
			request: fmt.Sprintf(`{"channel":"sms","text":"#{x}","title":"제목","recipients":[{"to":"01010005678","variables":{"x":"short"}},`+
				`{"to":"01010005679","variables":{"x":"%s"}}]}`,
				strings.Repeat("긴", 46)),
			visited: way([]string{statemachine.StateRoute}, smsSent, toReceipts, smsSent, toReceipts, announced),
			phones:  []string{"01010005678 sms", "01010005679 sms"},
			calls:   []string{sms, smsList, sms, smsList},
			outcome: "delivered: delivered sms delivered; delivered sms delivered",
		},
		{
			name:    "a refusal in words that nobody knows is tried again until fallback.after, and then the SMS goes out",
			request: to(`"fallback":{"text":"#{고객명} #{주문번호}"},`, "5678"),
			vendor:  []aligotest.Fault{{Endpoint: send, Kind: aligotest.FaultUnknownRefusal, Times: -1}},
			visited: way(alimTalkSent, parked, parked, parked, reconciled, smsSent, toReceipts, announced),
			phones:  []string{"01010005678 sms"},
			outcome: "delivered: delivered sms delivered", takes: 5*time.Minute + 5*time.Second,
		},
		{
			name:    "a maintenance in words that nobody knows loses nothing",
			request: to(`"fallback":{"enabled":false},`, "5678"),
			vendor:  []aligotest.Fault{{Endpoint: send, Kind: aligotest.FaultUnknownRefusal, Times: 4}},
			visited: way(alimTalkSent, parked, parked, parked, parked, toReceipts, announced),
			phones:  []string{"01010005678 alimtalk"},
			outcome: "delivered: delivered alimtalk 0", takes: 15*time.Minute + 5*time.Second,
		},
		{
			name:    "a recipient whose variables do not fit the template fails alone",
			request: `{"template":"TX_1234","recipients":[{"to":"01010005678","name":"홍길동","variables":{"주문번호":"A-1"}},{"to":"01010005679"}]}`,
			vendor:  listUnread,
			visited: way(alimTalkSent, toReceipts, announced),
			phones:  []string{"01010005678 alimtalk"},
			calls:   []string{list, list, send, detail},
			outcome: "partial: delivered alimtalk 0; failed Invalid",
		},
		{
			name: "a recipient whose text cannot be an SMS fails alone",
			request: `{"template":"TX_1234","recipients":[{"to":"01010000001","name":"홍길동","variables":{"주문번호":"A-1"}},{"to":"01010010001",` +
				`"name":"🙂","variables":{"주문번호":"A-2"}}]}`,
			vendor:  listUnread,
			visited: way(alimTalkSent, lookedTwice, smsSent, toReceipts, announced),
			phones:  []string{"01010000001 sms"},
			outcome: "partial: delivered sms delivered; failed sms Invalid",
		},
		{
			name: "an SMS for a recipient whose answer is lost fails those whose text cannot be one",
			request: `{"template":"TX_1234","recipients":[{"to":"01010000007","name":"홍길동","variables":{"주문번호":"A-1"}},{"to":"01010010001",` +
				`"name":"🙂","variables":{"주문번호":"A-2"}}]}`,
			vendor:  listUnread,
			phones:  []string{"01010000007 sms"},
			outcome: "partial: delivered sms delivered; failed sms Invalid",
		},
		{
			name:    "a template that is not approved falls back to the caller's own text",
			request: strings.Replace(to(`"fallback":{"text":"#{고객명} #{주문번호}"},`, "5678"), "TX_1234", "TX_9999", 1),
			vendor:  listUnread,
			visited: way(alimTalkSent, reconciled, smsSent, toReceipts, announced),
			phones:  []string{"01010005678 sms"},
			calls:   []string{list, list, sms, smsList},
			outcome: "delivered: delivered sms delivered",
		},
		{
			name:    "a template that is not approved is a failure when there is no other text",
			request: strings.Replace(to("", "5678"), "TX_1234", "TX_9999", 1),
			vendor:  listUnread,
			outcome: "failed: failed sms Rejected",
		},
		{
			name:    "a message that fits the template for nobody is a failure that says why",
			request: `{"template":"TX_1234","recipients":[{"to":"01010005678"},{"to":"01010005679"}]}`,
			vendor:  listUnread,
			visited: way(alimTalkSent, reconciled, announced),
			calls:   []string{list, list},
			outcome: "failed: failed Invalid; failed Invalid",
		},
		{
			name:    "a message whose text can be an SMS for nobody is a failure that says why",
			request: `{"template":"TX_1234","recipients":[{"to":"01010000001","name":"🙂","variables":{"주문번호":"A-1"}}]}`,
			vendor:  listUnread,
			visited: way(alimTalkSent, lookedTwice, smsSent, reconciled, announced),
			outcome: "failed: failed sms Invalid",
		},
		{
			name: "an SMS that is due when the message has expired is not sent", request: to(`"expiresAt":"2000-01-01T00:00:05Z",`, "0001", "5678"),
			visited: way(alimTalkSent, lookedTwice, smsSent, reconciled, announced),
			phones:  []string{"01010015678 alimtalk"},
			outcome: "partial: failed sms Expired; delivered alimtalk 0",
		},
		{
			name:    "the expiry bounds sending, not knowing",
			request: to(`"expiresAt":"2000-01-01T00:01:00Z",`, "0003"),
			outcome: "partial: unknown alimtalk NoReceipt", takes: 25 * time.Hour,
		},
		{
			name:    "a doubt about a message that expires soon still gets the time that answers take",
			request: to(`"expiresAt":"2000-01-01T00:01:00Z",`, "0005"),
			vendor:  []aligotest.Fault{{Endpoint: history, Kind: aligotest.FaultHTTP500, Times: -1}},
			visited: way(alimTalkSent, reconciled, announced),
			phones:  []string{"01010000005 alimtalk"},
			outcome: "partial: unknown alimtalk Ambiguous",
		},
		{
			name:    "an SMS that Aligo refuses in words that nobody knows is tried again until it expires",
			request: `{"channel":"sms","text":"안녕하세요","expiresAt":"2000-01-01T01:00:00Z","recipients":[{"to":"01010005678"}]}`,
			vendor:  []aligotest.Fault{{Endpoint: sms, Kind: aligotest.FaultUnknownRefusal, Times: -1}},
			outcome: "expired: failed Expired", takes: time.Hour,
		},
		{
			name: "an address that is not registered while receipts are read parks the reading", request: to("", "0001"),
			vendor: []aligotest.Fault{{Endpoint: detail, Kind: aligotest.FaultUnregisteredIP, Times: 2}},
			visited: way(alimTalkSent, []string{statemachine.StateWaitForReceipts, statemachine.StateReadReceipts},
				slices.Repeat([]string{statemachine.StateWaitForRepair, statemachine.StateSettled, statemachine.StateReadReceipts}, 2),
				[]string{statemachine.StateSettled}, toReceipts, smsSent, toReceipts, announced),
			phones:  []string{"01010000001 sms"},
			outcome: "delivered: delivered sms delivered",
		},
		{
			name: "an address that is not registered while a doubt is looked up parks the looking", request: to("", "0005"),
			vendor: []aligotest.Fault{{Endpoint: history, Kind: aligotest.FaultUnregisteredIP, Times: 2}},
			visited: way(alimTalkSent, []string{statemachine.StateReconcile},
				slices.Repeat([]string{statemachine.StateWaitForRepair, statemachine.StateSettled, statemachine.StateReconcile}, 2),
				[]string{statemachine.StateSettled}, toReceipts, announced),
			phones:  []string{"01010000005 alimtalk"},
			outcome: "delivered: delivered alimtalk 0",
		},
		{
			name: "an address that is not registered parks the message until it is", request: to("", "5678"),
			vendor:  []aligotest.Fault{{Endpoint: send, Kind: aligotest.FaultUnregisteredIP, Times: 3}},
			visited: way(alimTalkSent, parked, parked, parked, toReceipts, announced),
			phones:  []string{"01010005678 alimtalk"},
			outcome: "delivered: delivered alimtalk 0", takes: 7*time.Minute + 5*time.Second,
		},
		{
			name: "an empty wallet parks the SMS as well, and nothing else is tried meanwhile", request: to("", "0001"),
			vendor: []aligotest.Fault{{Endpoint: sms, Kind: aligotest.FaultNoBalance, Times: 2}},
			visited: way(alimTalkSent, lookedTwice, smsSent, slices.Repeat([]string{statemachine.StateWaitForRepair, statemachine.StateSettled,
				statemachine.StateSendSMS}, 2),
				toReceipts, announced),
			phones:  []string{"01010000001 sms"},
			calls:   []string{list, list, send, detail, detail, list, sms, sms, sms, smsList},
			outcome: "delivered: delivered sms delivered", takes: 3*time.Minute + 20*time.Second,
		},
		{
			name: "a message whose fault nobody repairs expires and says which it was", request: to(`"expiresAt":"2000-01-01T01:00:00Z",`, "5678"),
			vendor:  []aligotest.Fault{{Kind: aligotest.FaultBadCredentials, Endpoint: send, Times: -1}},
			visited: way(alimTalkSent, slices.Repeat(parked, 7), reconciled, announced),
			outcome: "expired: failed Expired", takes: time.Hour,
		},
		{
			name: "throttled functions are called again", request: to("", "0001"),
			functions: map[string][]invocationFault{"alimtalk": {throttled, throttled}, "sms": {throttled}, "receipts": {throttled}},
			visited:   way(alimTalkSent, lookedTwice, smsSent, toReceipts, announced),
			phones:    []string{"01010000001 sms"},
			calls:     []string{list, list, send, detail, detail, list, sms, smsList},
			outcome:   "delivered: delivered sms delivered",
		},
		{
			name: "a function that is throttled for longer than the message lives lets it expire", request: to("", "5678"),
			functions: map[string][]invocationFault{"alimtalk": slices.Repeat([]invocationFault{throttled}, 2001)},
			visited:   way(alimTalkSent, reconciled, []string{statemachine.StateSendAlimTalk}, reconciled, announced),
			outcome:   "expired: failed Expired",
		},
		{
			name: "a function that dies before it sends", request: to("", "5678"),
			functions: map[string][]invocationFault{"alimtalk": {crashedBefore}},
			visited:   way(alimTalkSent, reconciled, lookedAgain, []string{statemachine.StateSendAlimTalk}, toReceipts, announced),
			phones:    []string{"01010005678 alimtalk"},
			outcome:   "delivered: delivered alimtalk 0",
		},
		{
			name: "a function that dies after it has sent", request: to("", "5678"),
			functions: map[string][]invocationFault{"alimtalk": {crashedAfter}},
			visited:   way(alimTalkSent, reconciled, toReceipts, announced),
			phones:    []string{"01010005678 alimtalk"},
			outcome:   "delivered: delivered alimtalk 0",
		},
		{
			name: "a function whose time is over after it has sent", request: to("", "0001"),
			functions: map[string][]invocationFault{"sms": {timedOutAfter}},
			visited:   way(alimTalkSent, lookedTwice, smsSent, reconciled, toReceipts, announced),
			phones:    []string{"01010000001 sms"},
			outcome:   "delivered: delivered sms delivered",
		},
		{
			name: "a function that hangs longer than the task may take", request: to("", "5678"),
			functions: map[string][]invocationFault{"alimtalk": {hungAfter}},
			visited:   way(alimTalkSent, reconciled, toReceipts, announced),
			phones:    []string{"01010005678 alimtalk"},
			outcome:   "delivered: delivered alimtalk 0",
		},
		{
			name: "the connection to Lambda breaks after the function has sent", request: to("", "5678"),
			functions: map[string][]invocationFault{"alimtalk": {lostAfter}},
			visited:   way(alimTalkSent, reconciled, toReceipts, announced),
			phones:    []string{"01010005678 alimtalk"},
			outcome:   "delivered: delivered alimtalk 0",
		},
		{
			name: "readers that fail are called again", request: to("", "0005"),
			functions: map[string][]invocationFault{"receipts": {crashedBefore, crashedAfter}, "reconcile": {crashedAfter}},
			vendor: []aligotest.Fault{{Endpoint: detail, Kind: aligotest.FaultHTTP500, Times: 2},
				{Endpoint: history, Kind: aligotest.FaultHTML200}},
			visited: way(alimTalkSent, reconciled, toReceipts, announced),
			phones:  []string{"01010000005 alimtalk"},
			outcome: "delivered: delivered alimtalk 0",
		},
		{
			name: "a slow answer is a lost answer", request: to("", "5678"),
			vendor:  []aligotest.Fault{{Endpoint: send, Kind: aligotest.FaultSlow}},
			visited: way(alimTalkSent, reconciled, toReceipts, announced),
			phones:  []string{"01010005678 alimtalk"},
			outcome: "delivered: delivered alimtalk 0",
		},
		{
			name: "an error page after acceptance", request: to("", "5678"),
			vendor:  []aligotest.Fault{{Endpoint: send, Kind: aligotest.FaultHTML200, Accepted: true}},
			visited: way(alimTalkSent, reconciled, toReceipts, announced),
			phones:  []string{"01010005678 alimtalk"},
			outcome: "delivered: delivered alimtalk 0",
		},
		{
			name: "Aligo accepts only some, and the others get an SMS", request: to("", "5678", "5679", "5680"),
			vendor:  []aligotest.Fault{{Endpoint: send, Kind: aligotest.FaultPartial}},
			phones:  []string{"01010005678 alimtalk", "01010015679 alimtalk", "01010025680 sms"},
			outcome: "delivered: delivered alimtalk 0; delivered alimtalk 0; delivered sms delivered",
		},
		{
			name: "a history that cannot be read does not end in a second message", request: to(`"expiresAt":"2000-01-01T01:00:00Z",`, "0005"),
			vendor:  []aligotest.Fault{{Endpoint: history, Kind: aligotest.FaultHTTP500, Times: -1}},
			visited: way(alimTalkSent, reconciled, announced),
			phones:  []string{"01010000005 alimtalk"},
			outcome: "partial: unknown alimtalk Ambiguous",
		},
		{
			name: "a history that cannot be read means an SMS when the caller says so", request: to(`"fallback":{"onUnknown":"sms"},`, "0005"),
			vendor:  []aligotest.Fault{{Endpoint: history, Kind: aligotest.FaultHTTP500, Times: -1}},
			visited: way(alimTalkSent, reconciled, smsSent, toReceipts, announced),
			phones:  []string{"01010000005 alimtalk", "01010000005 sms"},
			outcome: "delivered: delivered sms delivered",
		},
		{
			name: "when nothing can find out any more, what is open is unknown", request: to("", "5678", "0001"),
			functions: map[string][]invocationFault{"receipts": slices.Repeat([]invocationFault{crashedBefore}, 2001)},
			visited:   way(alimTalkSent, []string{statemachine.StateWaitForReceipts, statemachine.StateReadReceipts}),
			phones:    []string{"01010005678 alimtalk"},
			outcome:   "partial: unknown alimtalk Stopped; unknown alimtalk Stopped",
		},
		{
			name: "when nothing can find out whether it was sent, it is unknown and not sent again", request: to("", "0005"),
			functions: map[string][]invocationFault{"reconcile": slices.Repeat([]invocationFault{crashedBefore}, 2001)},
			visited:   way(alimTalkSent, []string{statemachine.StateReconcile}),
			phones:    []string{"01010000005 alimtalk"},
			outcome:   "partial: unknown alimtalk Stopped",
		},
		{
			name: "a scheduled message waits for its time", request: to(`"sendAt":"2000-01-03T00:00:00Z",`, "5678"),
			visited: way([]string{statemachine.StateRoute, statemachine.StateWaitUntilSendTime}, alimTalkSent, toReceipts, announced),
			phones:  []string{"01010005678 alimtalk"},
			outcome: "delivered: delivered alimtalk 0", takes: 48*time.Hour + 5*time.Second,
		},
	}
}

func everyPhone(n int, ending string) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("0101%03d%s", i, ending))
	}
	return all
}

//nolint:tparallel // the coverage is looked at when all of the parallel group has ended
func TestScenarios(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	taken := map[string]bool{}
	plays := stories()
	for _, s := range scenarios() {
		plays[s.name] = s.play
	}
	t.Run("all", func(t *testing.T) {
		for name, play := range plays {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					play(w)
					mu.Lock()
					defer mu.Unlock()
					for _, one := range append(w.others, w) {
						one.mu.Lock()
						maps.Copy(taken, one.taken)
						one.mu.Unlock()
					}
				})
			})
		}
	})
	everyBranch(t, taken)
}

// everyBranch fails for each branch of the state machine that no scenario took.
func everyBranch(t *testing.T, taken map[string]bool) {
	t.Helper()
	branches := 0
	for _, s := range machinetest.Parsed(t).States() {
		var paths []string
		for _, r := range s.Retriers {
			if r.MaxAttempts > 0 { // else it is there for Catch
				paths = append(paths, r.Path)
			}
		}
		for _, next := range s.Transitions {
			paths = append(paths, next.Path)
		}
		for _, path := range paths {
			branches++
			if !taken[path] {
				t.Errorf("no scenario takes %s", path)
			}
		}
	}
	t.Logf("%d branches", branches)
}

func (s scenario) play(w *world) {
	w.fault(s.vendor...)
	for function, faults := range s.functions {
		w.faults.add(function, faults...)
	}
	began := time.Now()
	id := w.post(s.request)
	o := w.settle(id)
	took := time.Since(began).Round(time.Second)

	if got := compact(o); got != s.outcome {
		w.t.Errorf("outcome\n got %.300s\nwant %.300s", got, s.outcome)
	}
	if got := w.visited(id); s.visited != nil && !slices.Equal(got, s.visited) {
		w.t.Errorf("visited\n got %q\nwant %q", got, s.visited)
	}
	if got := w.phones(); !slices.Equal(got, s.phones) {
		w.t.Errorf("phones received\n got %.500q\nwant %.500q", got, s.phones)
	}
	if got := w.vendorCalls(); s.calls != nil && !slices.Equal(got, s.calls) {
		w.t.Errorf("calls to Aligo\n got %q\nwant %q", got, s.calls)
	}
	if s.takes != 0 && took != s.takes {
		w.t.Errorf("took %v, want %v", took, s.takes)
	}
	w.check(id, o)
}

// check looks at what must hold for every message, whatever happened to it.
func (w *world) check(id string, o message.Outcome) {
	w.t.Helper()
	// The same outcome from the bus and from the API, and only once. Who cancels announces at once, and the event of the
	// execution's end may do so again.
	time.Sleep(time.Hour)
	if got, want := compact(w.get(id)), compact(o); got != want {
		w.t.Errorf("GET says %.300s, the event said %.300s", got, want)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.settled[id]); n != 1 && (n != 2 || o.Status != message.MessageCancelled) {
		w.t.Errorf("%d MessageSettled, want 1", n)
	}
	for _, again := range w.settled[id] {
		if !reflect.DeepEqual(again, o) {
			w.t.Errorf("announced as %+v, and as %+v", o, again)
		}
	}
	logs := w.logs.String()
	for _, secret := range []string{aligotest.APIKey, aligotest.SenderKey, "홍길동"} {
		if strings.Contains(logs, secret) {
			w.t.Errorf("the logs hold %q", secret)
		}
	}
	for _, m := range w.Aligo.Messages() {
		if strings.Contains(logs, m.To) || m.Text != "" && strings.Contains(logs, m.Text) {
			w.t.Errorf("the logs hold a number or a text")
		}
	}
}

func compact(o message.Outcome) string {
	var all []string
	for _, r := range o.Recipients {
		all = append(all, strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", r.Status, r.Channel, r.Code)), " "))
	}
	return fmt.Sprintf("%s: %s", o.Status, strings.Join(all, "; "))
}
