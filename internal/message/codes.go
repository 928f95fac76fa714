package message

import "sync"

// Code is a word that can stand in the code of a recipient's result. Aligo may add results of AlimTalk's at any time, so
// what is not among Codes says no more than the recipient's status does.
type Code struct {
	Word string
	// Channel is whose result of Aligo's it is; empty for this system's own words.
	Channel Channel
	// Status is that of a recipient with this code; empty where it can be failed or unknown.
	Status Status
	// Fallback says that an SMS follows if the message has a fallback. Then the code is that of the SMS in the end.
	Fallback bool
	// Meaning is one sentence for callers.
	Meaning string
}

// This system's own words.
const (
	CodeExpired     = "Expired"
	CodeCancelled   = "Cancelled"
	CodeStopped     = "Stopped"
	CodeInvalid     = "Invalid"
	CodeRejected    = "Rejected"
	CodeNotAccepted = "NotAccepted"
	CodeAmbiguous   = "Ambiguous"
	CodeNoReceipt   = "NoReceipt"
	CodeOptedOut    = "OptedOut"
	// CodeBroken is not written any more, but stands in the outcomes of version 0.1.0, which can be read for 90 days.
	CodeBroken = "Broken"
)

// Meaning is what a code in a result of the channel means; empty for one that is not known.
func Meaning(of Channel, word string) string {
	c, _ := known(of, word)
	return c.Meaning
}

// Detail is what has to be kept of the words that came with a code: those that say more than the code means.
func Detail(of Channel, word, words string) string {
	switch _, ok := known(of, word); {
	case !ok, word == CodeInvalid, word == CodeRejected, word == codeOther:
		return words
	}
	return ""
}

// codeOther is the code of an SMS that failed for a reason of which Aligo has only words.
const codeOther = "other"

// known is the code of this word in a result of the channel.
func known(of Channel, word string) (Code, bool) {
	codes := codesByWord()
	if c, ok := codes[wordOf{own, word}]; ok {
		return c, true
	}
	c, ok := codes[wordOf{of, word}]
	return c, ok
}

// own is the channel of the words that are this system's and stand with any channel.
const own = Channel("")

// wordOf is a word as a channel uses it.
type wordOf struct {
	channel Channel
	word    string
}

// codesByWord is made once: outcomes of 500 recipients look a word up for each of them.
var codesByWord = sync.OnceValue(func() map[wordOf]Code {
	codes := map[wordOf]Code{}
	for _, c := range Codes() {
		codes[wordOf{c.Channel, c.Word}] = c
	}
	return codes
})

// Codes are all words that are known. What the letters of AlimTalk's mean was found out with the client in
// internal/aligo, which reads them; a test holds the two lists to each other.
func Codes() []Code {
	return []Code{
		{CodeExpired, own, Failed, false, "The message expired before it could be sent to the recipient."},
		{CodeCancelled, own, Failed, false, "The message was cancelled before it was sent to the recipient."},
		{CodeStopped, own, "", false, "An operator or the time limit ended the execution early: failed if nothing was sent, else unknown."},
		{CodeInvalid, own, Failed, false, "The values do not fit the template, or the text cannot be an SMS."},
		{CodeOptedOut, own, Failed, false, "The recipient has opted out of such messages."},
		{CodeRejected, own, Failed, true, "Aligo refused the call, or the template is not approved any more."},
		{CodeNotAccepted, own, Failed, true, "Aligo accepted the call, but left the recipient out of it."},
		{CodeAmbiguous, own, Unknown, false, "The answer to the call was lost, and Aligo could not tell whether it had accepted it."},
		{CodeNoReceipt, own, Unknown, false, "Aligo accepted the call, and no receipt came in time."},
		{CodeBroken, own, Unknown, false, "Nobody could find out what had become of the message; only version 0.1.0 says so."},

		{"delivered", SMS, Delivered, false, "The SMS has arrived."},
		{"number", SMS, Failed, false, "The SMS could not be delivered: the recipient's number or the sender number is wrong."},
		{codeOther, SMS, Failed, false, "The SMS could not be delivered for another reason."},

		{"0", AlimTalk, Delivered, false, "The AlimTalk has arrived."},
		{"A", AlimTalk, Failed, true, "The recipient does not use KakaoTalk."},
		{"9", AlimTalk, Failed, true, "The recipient has not used KakaoTalk lately."},
		{"2", AlimTalk, Failed, true, "The recipient's KakaoTalk has no connection to its server."},
		{"8", AlimTalk, Failed, true, "The recipient's KakaoTalk is in a state in which it cannot be sent to."},
		{"B", AlimTalk, Failed, true, "The recipient has blocked AlimTalk."},
		{"E", AlimTalk, Failed, true, "The recipient's KakaoTalk is of a version that does not show AlimTalk."},
		{"J", AlimTalk, Failed, true, "The number is a safety number (050), to which no AlimTalk can be sent."},
		{"H", AlimTalk, Failed, true, "Kakao's system had an error."},
		{"G", AlimTalk, Failed, true, "Kakao's service was disturbed."},
		{"F", AlimTalk, Failed, true, "Kakao had an error of another kind."},
		{"e", AlimTalk, Failed, true, "The relay's server had an error."},
		{"U", AlimTalk, Failed, true, "The text does not match the template."},
		{"V", AlimTalk, Failed, true, "The text could not be compared with the template."},
		{"M", AlimTalk, Failed, true, "The template was not found."},
		{"1", AlimTalk, Failed, true, "The sender key is not valid."},
		{"L", AlimTalk, Failed, true, "The text is longer than an AlimTalk may be."},
		{"I", AlimTalk, Failed, false, "The number is wrong."},
		{"C", AlimTalk, Failed, false, "A message with the same serial number had been sent already."},
		{"D", AlimTalk, Failed, false, "The same message had been sent within the last 5 seconds."},
		{"c", AlimTalk, Failed, false, "A message with the same key had been sent already."},
		{"d", AlimTalk, Failed, false, "A message to the same number had been sent already."},
		{"p", AlimTalk, Failed, false, "A message with the same text had been sent already."},
		{"q", AlimTalk, Failed, false, "A message with the same key was in the relay already."},
		{"S", AlimTalk, Failed, false, "The sender number did not pass the check."},
		{"a", AlimTalk, Failed, false, "The account had no messages left."},
		{"b", AlimTalk, Failed, false, "The account has no right to send."},
		{"k", AlimTalk, Failed, false, "The relay did not find the message."},
		{"t", AlimTalk, Failed, false, "The message was empty."},
		{"f", AlimTalk, Failed, false, "The message had a wrong format."},
		{"5", AlimTalk, Unknown, false, "The AlimTalk was sent, and Kakao does not know whether it was received."},
		{"6", AlimTalk, Unknown, false, "The relay did not find the result of the send."},
		{"o", AlimTalk, Unknown, false, "The relay waited too long for the result."},
	}
}
