package message

// The codes of results that are this system's own words.
const (
	// CodeExpired says that the message's time was over before it could be sent to the recipient.
	CodeExpired = "Expired"
	// CodeCancelled says that the message was cancelled before it was sent to the recipient.
	CodeCancelled = "Cancelled"
	// CodeStopped says that the execution ended early, by an operator's hand or by its time limit.
	CodeStopped = "Stopped"
)

// StatusOf is the status of a message whose recipients have all settled. The state machine's "Settled?" says the same.
func StatusOf(recipients []Result) MessageStatus {
	delivered, failed, expired := 0, 0, false
	for _, r := range recipients {
		switch r.Status {
		case Delivered:
			delivered++
		case Failed:
			failed++
			expired = expired || r.Code == CodeExpired
		case Pending, Unknown:
		}
	}
	switch len(recipients) {
	case delivered:
		return AllDelivered
	case failed:
		if expired {
			return MessageExpired
		}
		return NoneDelivered
	}
	return PartlyDelivered
}
