package aligo

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Aligo publishes no table of codes and asks to read the text. The code -99 of the Kakao API is anything from the
// wallet to the IP address, so the text decides, and a code only where it was seen to mean one thing. What neither tells
// is unknown: the tables in circulation contradict each other.

// refusalRule recognises one kind of refusal.
type refusalRule struct {
	class Class
	cause Cause
	// text recognises the vendor's words.
	text *regexp.Regexp
	// codes are result_codes of the SMS API that are enough by themselves, whatever the text says.
	codes []int
}

// refusalRules are tried in order; the vendor's words are in section 5 of its known behaviour.
func refusalRules() []refusalRule {
	re := regexp.MustCompile
	return []refusalRule{
		// -101 "인증오류입니다.-IP" and -99 "인증되지 않는 서버 IP로 부터의 호출 입니다."
		{class: ClassNotConfigured, cause: CauseIP, text: re(`-\s*IP\s*\.?$|서버\s*IP`)},
		// -99 "… 파라메더 정보가 전달되지 않았습니다.", the vendor's own spelling of 파라미터.
		{class: ClassRejected, cause: CauseParameter, text: re(`파라(메더|메터|미터)`)},
		// -99 "포인트가 부족합니다."; -201 came with a wording that is known only approximately.
		{class: ClassNotConfigured, cause: CauseBalance, text: re(`(포인트|보유\s*건수|잔액).{0,10}부족`), codes: []int{-201}},
		// -103 "등록/인증되지 않은 발신번호입니다."
		{class: ClassNotConfigured, cause: CauseSender, text: re(`(등록|인증).{0,10}않은\s*발신\s*번호`), codes: []int{-103}},
		// -99 and -101 "인증오류입니다.", -99 "등록되지 않은 인증키 입니다.", -101 "API 키가 입력되지 않았습니다.",
		// -102 "API 인증오류입니다."
		{class: ClassNotConfigured, cause: CauseCredentials, text: re(`인증\s*오류|인증키|API\s*키`), codes: []int{-101, -102}},
		// The number is -804 or -304 on the SMS API, depending on whom one asks, and -99 on the Kakao API.
		{class: ClassRejected, cause: CauseTooLate, text: re(`5분\s*전까지만\s*취소`)},
		// 509 is at least two different things.
		{class: ClassRejected, cause: CauseNotEditable, text: re(`수정\s*가능\s*상태가\s*아닙니다`)},
		{class: ClassRejected, cause: CauseChannelAdmin, text: re(`관리자\s*알림\s*설정`)},
		// No such refusal of a send was captured; its text is what the vendor's relatives write.
		{class: ClassRejected, cause: CauseTemplate, text: re(`템플릿`)},
	}
}

// refusal classifies a failure that the vendor has put into words. Such a call was not accepted.
func refusal(ep endpoint, code int, text string) (Class, Cause) {
	text = strings.TrimSpace(text)
	rules := refusalRules()
	for _, rule := range rules {
		if rule.text.MatchString(text) {
			return rule.class, rule.cause
		}
	}
	for _, rule := range rules {
		for _, c := range rule.codes {
			// -101 is the one code that both APIs were seen to use for the same thing.
			if c == code && (!ep.kakao || c == -101) {
				return rule.class, rule.cause
			}
		}
	}
	return ClassUnrecognised, CauseUnknown
}

// envelope is what every answer has.
type envelope struct {
	ResultCode scalar `json:"result_code"`
	Code       scalar `json:"code"`
	Message    scalar `json:"message"`
}

// judge reads the body of an answer: the API's JSON or not, success or failure.
func judge(ep endpoint, f *form, status int, contentType string, body []byte, answer any) error {
	ambiguous := func(what string) error {
		if kind, _, _ := strings.Cut(contentType, ";"); kind != "" {
			what += " (" + clip(kind, 40) + ", " + strconv.Itoa(len(body)) + " bytes)"
		}
		return &Error{Class: ClassAmbiguous, Endpoint: ep.path, Status: status, Message: what}
	}
	if status >= 500 {
		return ambiguous("the server failed")
	}
	body = toUTF8(body)
	var env envelope
	var err error
	page, inOnePass := answer.(interface {
		read(body []byte) (envelope, error)
	})
	if inOnePass {
		env, err = page.read(body)
	} else {
		err = decode(body, &env)
	}
	if err != nil {
		return ambiguous("the answer is not the API's JSON")
	}
	raw := string(env.ResultCode)
	if ep.kakao && env.Code != "" {
		raw = string(env.Code)
	}
	const longest = 6 // characters of a code; anything longer is none, but could be a phone number
	code, err := strconv.Atoi(raw)
	if err != nil || len(raw) > longest {
		return ambiguous("the answer has no result code")
	}
	ok, failed := false, false
	switch {
	case !ep.kakao:
		ok, failed = code > 0, code < 0
	case env.Code == "" || ep.one:
		// The balance and cancel calls answer 0 or 1, as code or as result_code, depending on the page one reads.
		ok, failed = ep.one && (code == 0 || code == 1), code != 0 && code != 1
	default:
		ok, failed = code == 0, code != 0
	}
	switch {
	case failed:
		class, cause := refusal(ep, code, string(env.Message))
		return &Error{Class: class, Cause: cause, Endpoint: ep.path, Status: status, Code: raw, Message: f.mask(string(env.Message))}
	case !ok:
		return ambiguous("the answer's result code says neither success nor failure")
	}
	if status >= 300 {
		return ambiguous("success with a status that is none")
	}
	if answer == nil || inOnePass {
		return nil
	}
	if err := decode(body, answer); err != nil {
		return ambiguous("the answer is not the API's JSON")
	}
	return nil
}

// clip shortens a text to n characters.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n]) + "…"
}
