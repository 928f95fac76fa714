package aligotest

// The ends of the numbers that make one thing happen each. At all others everything arrives.
const (
	// EndNotOnKakao: the recipient does not use KakaoTalk (A), and the SMS arrives.
	EndNotOnKakao = "0001"
	// EndBlocked: the recipient has blocked the channel (B), and the SMS arrives.
	EndBlocked = "0002"
	// EndNoReceipt: the AlimTalk's receipt never comes.
	EndNoReceipt = "0003"
	// EndNothingArrives: the AlimTalk fails (A), and so does the SMS.
	EndNothingArrives = "0004"
	// EndAnswerLost: the AlimTalk is accepted, and the connection reset before the answer.
	EndAnswerLost = "0005"
	// EndResetOnce: the connection is reset before the AlimTalk is accepted, once for each number.
	EndResetOnce = "0006"
	// EndSMSAnswerLost: the AlimTalk fails (A), and the answer to the SMS is lost after it was accepted.
	EndSMSAnswerLost = "0007"
	// EndUnclear: the receipt says 5, sent and unclear.
	EndUnclear = "0008"
)

// Endings are all of them.
func Endings() []string {
	return []string{
		EndNotOnKakao, EndBlocked, EndNoReceipt, EndNothingArrives, EndAnswerLost, EndResetOnce, EndSMSAnswerLost, EndUnclear,
	}
}
