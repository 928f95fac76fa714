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
