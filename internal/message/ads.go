package message

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Purpose is what a message is for. The law knows two kinds: what somebody has to be told, and advertising.
type Purpose string

// The purposes. Info is what a message without one has.
const (
	Info Purpose = "info"
	Ad   Purpose = "ad"
)

// Ads is what a stack says about its advertising. The zero value means that it does none.
//
// Article 50(4) of the Network Act (정보통신망법) and table 6 of its decree ask for (광고), the sender's name and contact where
// an advertisement begins, and where it ends for a way to refuse more of it that costs nothing.
// https://www.law.go.kr/법령/정보통신망이용촉진및정보보호등에관한법률
type Ads struct {
	// SenderName and Contact say whose it is, such as 가나상점 and 02-123-4567; Refusal how to refuse more of it, such as
	// 무료수신거부 080-000-0000.
	SenderName, Contact, Refusal string
	// Until is the time of day from which on nothing is handed to Aligo: what is handed over must arrive before 21:00.
	Until TimeOfDay
}

// What may stand in Ads. The frame takes its bytes from the text.
const (
	maxSenderName, maxContact, maxRefusal = 30, 40, 60 // bytes in CP949
	earliestUntil, latestUntil            = TimeOfDay(8*60 + 1), TimeOfDay(20*60 + 55)
)

// enabled says whether the stack does any advertising.
func (a Ads) enabled() bool { return a.SenderName != "" && a.Contact != "" && a.Refusal != "" }

// Check says what is wrong with what a stack says, nil if nothing is. Without any of the three texts there is no advertising,
// which is fine.
func (a Ads) Check() error {
	var errs []error
	for _, of := range []struct {
		name, text string
		limit      int
	}{{"senderName", a.SenderName, maxSenderName}, {"contact", a.Contact, maxContact}, {"refusal", a.Refusal, maxRefusal}} {
		switch {
		case of.text == "" && a.SenderName+a.Contact+a.Refusal != "":
			errs = append(errs, fmt.Errorf("%s is missing: an advertisement needs senderName, contact and refusal", of.name))
		case of.text != strings.TrimSpace(of.text) || broken(of.text, false) || strings.Contains(of.text, "#{"):
			errs = append(errs, fmt.Errorf("%s must be one line, without placeholders and white space around it", of.name))
		case len(Unencodable(of.text)) > 0:
			errs = append(errs, fmt.Errorf("%s: %s", of.name, UnencodableDetail(Unencodable(of.text))))
		case SMSBytes(of.text) > of.limit:
			errs = append(errs, fmt.Errorf("%s has %d bytes in CP949; at most %d are allowed", of.name, SMSBytes(of.text), of.limit))
		}
	}
	if a.Refusal != "" && (!strings.Contains(a.Refusal, "무료") || !strings.Contains(a.Refusal, "거부")) {
		errs = append(errs, errors.New("refusal must say that it costs nothing and what it is, such as 무료수신거부 080-000-0000"))
	}
	if secondMark(a.SenderName) || secondMark(a.Contact) {
		errs = append(errs, fmt.Errorf("senderName and contact must not have a %s of their own", adMark))
	}
	if a.Until < earliestUntil || a.Until > latestUntil {
		errs = append(errs, fmt.Errorf("until is %s, which is not from %s to %s", a.Until, earliestUntil, latestUntil))
	}
	return errors.Join(errs...)
}

// adMark is how an advertisement begins; the decree allows no other spelling.
const adMark = "(광고)"

// frame puts what the law asks for around a text.
func (a Ads) frame(text string) string {
	return adMark + a.SenderName + " " + a.Contact + "\n" + text + "\n" + a.Refusal
}

// frameTitle is the title of an LMS, which phones show before the text. Without one Aligo takes the text's beginning.
func frameTitle(title string) string { return adMark + title }

// What only advertisements are searched for is compiled at the first of them, not at the start of every function.
var (
	// bracketed is the mark in brackets or quotation marks of any kind, with anything but letters and digits in it.
	bracketed = lazily(`[\p{Ps}\p{Pi}"'<*#~|/-][^\p{L}\p{N}]*광[^\p{L}\p{N}]*고[^\p{L}\p{N}]*[\p{Pe}\p{Pf}"'>*#~|/-]`)
	// leading is the mark as a text's first word.
	leading = lazily(`^[^\p{L}\p{N}]*광[^\p{L}\p{N}]*고([^\p{L}\p{N}\s]|\s*$|[ \t]*[\r\n])`)
	// composite is the mark with more in its brackets, such as (대출광고) or (광고성).
	composite = lazily(`[\p{Ps}][^\p{Pe}\n]{0,8}광[^\p{L}\p{N}]*고[^\p{Pe}\n]{0,4}[\p{Pe}]`)
)

func lazily(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// secondMark says whether a text marks itself as advertising, in one of the spellings that the decree forbids as well: next to
// the one in front it would look like a way round people's filters.
func secondMark(text string) bool {
	text = legible(text)
	return bracketed().MatchString(text) || leading().MatchString(text) || composite().MatchString(text)
}

// secondRefusal says whether a text has a way to refuse of its own.
func secondRefusal(text string) bool {
	letters := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, legible(text))
	return slices.ContainsFunc([]string{"무료거부", "수신거부", "수신차단"}, func(s string) bool { return strings.Contains(letters, s) })
}

// legible is a text without what cannot be seen, with letters and brackets in one width.
func legible(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r <= unicode.MaxASCII, '가' <= r && r <= '힣': // nearly all of a Korean text, and each look at the tables takes its time
			return r
		case unicode.In(r, unicode.Cf, unicode.Mn, unicode.Variation_Selector):
			return -1
		}
		return r
	}, norm.NFKC.String(text))
}

// TimeOfDay is a time in Korea, in minutes after midnight.
type TimeOfDay int

var timeOfDay = regexp.MustCompile(`^([01][0-9]|2[0-3]):([0-5][0-9])$`)

// ParseTimeOfDay reads a time such as 20:50.
func ParseTimeOfDay(s string) (TimeOfDay, error) {
	m := timeOfDay.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is not a time of day such as 20:50", s)
	}
	hour, _ := strconv.Atoi(m[1])
	minute, _ := strconv.Atoi(m[2])
	return TimeOfDay(hour*60 + minute), nil
}

func (t TimeOfDay) String() string { return fmt.Sprintf("%02d:%02d", int(t)/60, int(t)%60) }

// Korea is the time in Korea, which is the same in summer and in winter.
func Korea() *time.Location { return time.FixedZone("KST", 9*60*60) }

// morning is when the night of article 50(3) ends. It begins at 21:00.
const morning = 8

// byDay is the first moment from at on that is between the morning and until: at itself by day.
func byDay(at time.Time, until TimeOfDay) time.Time {
	year, month, day := at.In(Korea()).Date()
	clock := func(day, hour, minute int) time.Time {
		return time.Date(year, month, day, hour, minute, 0, 0, Korea()).UTC()
	}
	switch begins := clock(day, morning, 0); {
	case at.Before(begins):
		return begins
	case at.Before(clock(day, 0, int(until))):
		return at
	}
	return clock(day+1, morning, 0)
}

// NotBefore is the first moment from at on in which the message may be handed to Aligo, if advertising may be until the given
// time of day. Only for advertising without a consent to the night is it ever a later one.
func (m Message) NotBefore(at time.Time, until TimeOfDay) time.Time {
	if m.Purpose != Ad || m.NightConsent {
		return at
	}
	return byDay(at, until)
}

// HeedsOptOuts says whether nobody may get the message who has opted out: advertising, and everything if opt-outs cover info.
func (m Message) HeedsOptOuts(coverInfo bool) bool { return m.Purpose == Ad || coverInfo }

// AdWords are the words in a text that make it read like advertising, in the order of the list. None of them makes it
// advertising; somebody has to look at it.
func AdWords(text string) []string {
	text = legible(text)
	var found []string
	for _, w := range adWords() {
		if strings.Contains(text, w.word) {
			found = append(found, w.word)
		}
	}
	return found
}

type adWord struct {
	word string
	// source says who counts it as advertising.
	source string
}

// adWords are from what is published on what counts as advertising.
func adWords() []adWord {
	const (
		// https://cs.kakao.com/helps_html/1073199206: bargains and reduced prices, promotions and events, information in which
		// any of them is mixed.
		kakao = "Kakao: what counts as advertising"
		// https://onehae.gitbook.io/onehae-v2/26.04: Kakao's policy for AlimTalk from 2026-04-01.
		policy = "Kakao: policy for AlimTalk of 2026-04-01"
		// https://spam.kisa.or.kr: guide to the Network Act against spam (불법스팸 방지를 위한 정보통신망법 안내서).
		kisa = "KISA: guide against spam"
	)
	return []adWord{
		{"할인", kakao},
		{"특가", kakao},
		{"세일", kakao},
		{"이벤트", kakao},
		{"프로모션", kakao},
		{"기획전", kakao},
		{"쿠폰", kisa},
		{"혜택", kisa},
		{"사은품", kisa},
		{"경품", kisa},
		{"증정", kisa},
		{"무료체험", kisa},
		{"신상품", kisa},
		{"신제품", kisa},
		{"최저가", kisa},
		{"구매하세요", kisa},
		{"만나보세요", kisa},
		{"앱 설치", policy},
		{"친구추가", policy},
	}
}
