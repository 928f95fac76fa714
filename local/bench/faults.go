package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"

	"sms-api/awslocal/awsapi"
	"sms-api/internal/aligo/aligotest"
)

// The vendor's calls.
const (
	sendAlimTalk     = "/akv10/alimtalk/send/"
	alimTalkHistory  = "/akv10/history/list/"
	alimTalkReceipts = "/akv10/history/detail/"
	sendSMS          = "/send/"
	sendMassSMS      = "/send_mass/"
	smsHistory       = "/list/"
	smsReceipts      = "/sms_list/"
)

// vendorFaults come over one in eight sends and one in twelve reads.
func vendorFaults() []aligotest.Fault {
	const probability = 0.01 // of each
	var all []aligotest.Fault
	add := func(kind aligotest.FaultKind, accepted bool, endpoints ...string) {
		for _, e := range endpoints {
			all = append(all, aligotest.Fault{Endpoint: e, Kind: kind, Times: -1, Probability: probability, Accepted: accepted})
		}
	}
	sends := []string{sendAlimTalk, sendSMS, sendMassSMS}
	receipts := []string{alimTalkReceipts, smsReceipts}
	every := append([]string{alimTalkHistory, smsHistory}, append(sends, receipts...)...)
	add(aligotest.FaultResetBefore, false, every...)
	add(aligotest.FaultResetAfter, false, every...)
	add(aligotest.FaultHTTP500, false, every...)
	add(aligotest.FaultHTML200, false, every...)
	add(aligotest.FaultCutOff, false, every...)
	add(aligotest.FaultTypesSwapped, false, every...)
	add(aligotest.FaultEUCKR, false, every...)
	add(aligotest.FaultHTTP500, true, sends...)
	add(aligotest.FaultHTML200, true, sends...)
	add(aligotest.FaultUnregisteredIP, false, sends...)
	add(aligotest.FaultNoBalance, false, sends...)
	add(aligotest.FaultPartial, false, sends...)
	add(aligotest.FaultReceiptsLate, false, receipts...)
	add(aligotest.FaultRowsDuplicated, false, receipts...)
	return all
}

// failingFunctions lets one in fifty invocations fail: not run, or end without an answer before or after its work.
func failingFunctions(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
	crash := &awsapi.FunctionError{Type: "Runtime.ExitError", Message: "Error: Runtime exited with error: signal: killed"}
	switch rand.IntN(150) {
	case 0:
		return nil, &awsapi.ServiceError{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: http.StatusTooManyRequests}
	case 1:
		return nil, crash
	case 2:
		if _, err := next(ctx); err != nil {
			return nil, err
		}
		return nil, crash
	}
	return next(ctx)
}

// The numbers that make something happen, see aligotest: those whom AlimTalk does not reach, and those to whom the
// answer of the send gets lost.
var (
	unreached = []string{aligotest.EndNotOnKakao, aligotest.EndBlocked, aligotest.EndNothingArrives, aligotest.EndUnclear}
	lost      = []string{aligotest.EndAnswerLost, aligotest.EndResetOnce, aligotest.EndSMSAnswerLost}
)

// numbers are the phones of a message. They are unique among all that may be under way at the same time. With faults one
// recipient in fifty is not reached by AlimTalk, and one message in twenty begins with one who loses the answer.
func (o options) numbers(messageIndex int) []string {
	all := make([]string, o.recipients)
	for i := range all {
		n := messageIndex*o.recipients + i
		switch {
		case o.faults && i == 0 && messageIndex%20 == 7:
			all[i] = special(lost, messageIndex/20)
		case o.faults && n%50 == 13:
			all[i] = special(unreached, n/50)
		default:
			// An ending from 1000 on makes nothing happen.
			all[i] = fmt.Sprintf("010%04d%04d", n/9000%10_000, 1000+n%9000)
		}
	}
	return all
}

// special is the n-th number with one of the endings.
func special(endings []string, n int) string {
	return fmt.Sprintf("010%04d%s", n/len(endings)%10_000, endings[n%len(endings)])
}
