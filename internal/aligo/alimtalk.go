package aligo

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of AlimTalk.
const (
	// MaxAlimTalkRecipients is how many recipients a call of SendAlimTalk takes.
	MaxAlimTalkRecipients = 500
	// MaxAlimTalkText is the length of a text in characters.
	MaxAlimTalkText = 1000
	// MaxButtons is how many buttons a message has.
	MaxButtons = 5
)

// AlimTalk is one template for up to 500 recipients, each with a text of its own.
type AlimTalk struct {
	unlogged

	// Template is the template's code, such as TX_1234.
	Template   string
	Recipients []AlimTalkRecipient
	// ReserveAt is when the messages go out, at least ten minutes ahead, in whole seconds (rounded up); zero is now.
	ReserveAt time.Time
	// TestMode makes the vendor accept and list the messages without sending them. It does not compare the texts with
	// the template and may not check the calling address.
	TestMode bool
	Guard    Guard
}

// AlimTalkRecipient is one recipient with what they get. Render makes Text, EmphasisTitle and Buttons from a template.
type AlimTalkRecipient struct {
	unlogged

	// To is the number in digits.
	To string
	// Name is for the vendor's log only; it may be empty.
	Name string
	// Subject is a title for the vendor's console; empty means the template's code.
	Subject string
	// Text is the whole text. It must equal the template's outside of #{…}, line breaks included; the vendor finds out
	// only after it has accepted the call, and then the receipt says U.
	Text string
	// EmphasisTitle is for templates that have one.
	EmphasisTitle string
	// Buttons are those of the template, all of them.
	Buttons []Button
}

// Button is a button under an AlimTalk. Links may hold what was put into a template's variables.
type Button struct {
	unlogged

	Name string
	// Type is WL (web link), AL (app link), BK (bot keyword), MD (message forward), DS (parcel tracking) or AC (add the
	// channel).
	Type string
	// TypeName is the vendor's Korean name of the type; empty means the usual one.
	TypeName string
	// LinkMobile and LinkPC are the web addresses of WL; LinkIOS and LinkAndroid the schemes of AL.
	LinkMobile, LinkPC, LinkIOS, LinkAndroid string
}

// SendAlimTalk calls POST /akv10/alimtalk/send/. Accepted is not delivered: whether a text fits its template, and whether
// the recipient uses KakaoTalk, shows in the receipts only. The vendor's own SMS fallback is always off.
//
// https://smartsms.aligo.in/alimapi.html
func (c *Client) SendAlimTalk(ctx context.Context, a AlimTalk) (Accepted, error) {
	ep := endpoint{path: "/akv10/alimtalk/send/", kakao: true}
	if err := c.checkAlimTalk(a).err(ep); err != nil {
		return Accepted{}, err
	}
	var answer struct {
		Info struct {
			Type scalar `json:"type"`
			MID  scalar `json:"mid"`
			OK   scalar `json:"scnt"`
			Bad  scalar `json:"fcnt"`
		} `json:"info"`
	}
	how, err := c.make(ctx, call{endpoint: ep, answer: &answer, guard: a.Guard, build: func(creds Credentials) *form {
		f := channelForm(creds)
		f.needsSender = true
		f.add("tpl_code", a.Template)
		f.hide("sender", creds.Sender)
		if !a.ReserveAt.IsZero() {
			f.add("senddate", ceil(a.ReserveAt, time.Second).In(kst).Format("20060102150405"))
		}
		// What concerns the whole call comes first: should the vendor's server ever cut a long form off, as PHP does with
		// more fields than it is set up for, it must not be this.
		f.add("failover", "N")
		if a.TestMode {
			f.add("testMode", "Y")
		}
		const fieldsEach = 6 // at most
		f.fields = slices.Grow(f.fields, fieldsEach*len(a.Recipients))
		for i, r := range a.Recipients {
			f.addRecipient("_"+strconv.Itoa(i+1), a.Template, r)
		}
		return f
	}})
	if err != nil {
		return Accepted{Account: how.account}, err
	}
	return accepted(ep, how.account, len(a.Recipients), answer.Info.MID, answer.Info.OK, answer.Info.Bad, answer.Info.Type)
}

func (f *form) addRecipient(suffix, template string, r AlimTalkRecipient) {
	subject := r.Subject
	if subject == "" {
		subject = template
	}
	f.hide("receiver"+suffix, r.To)
	f.hideSet("recvname"+suffix, r.Name)
	f.hide("subject"+suffix, subject)
	f.hide("message"+suffix, r.Text)
	f.hideSet("emtitle"+suffix, r.EmphasisTitle)
	if len(r.Buttons) > 0 {
		f.hide("button"+suffix, jsonValue(map[string]any{"button": buttonRows(r.Buttons)}))
	}
}

// channelForm begins a form of a call that concerns one KakaoTalk channel.
func channelForm(c Credentials) *form {
	f := kakaoForm(c)
	f.needsSenderKey = true
	f.hide("senderkey", c.SenderKey)
	return f
}

func (c *Client) checkAlimTalk(a AlimTalk) problems {
	var p problems
	if a.Template == "" {
		p.add("Template", "is missing")
	}
	numbers := make([]string, len(a.Recipients))
	for i, r := range a.Recipients {
		numbers[i] = r.To
	}
	checkReceivers(&p, numbers, MaxAlimTalkRecipients, func(i int) string { return indexed("Recipients", i) + ".To" })
	for i, r := range a.Recipients {
		field := indexed("Recipients", i)
		checkAlimTalkText(&p, field+".Text", r.Text)
		checkButtons(&p, field+".Buttons", r.Buttons)
	}
	checkReservation(&p, a.ReserveAt, c.now(), time.Second)
	return p
}

func checkAlimTalkText(p *problems, field, text string) {
	switch {
	case strings.TrimSpace(text) == "":
		p.add(field, "is empty")
	case len(text) > MaxAlimTalkText && utf8.RuneCountInString(text) > MaxAlimTalkText:
		p.add(field, "has %d characters, the limit is %d", utf8.RuneCountInString(text), MaxAlimTalkText)
	case !utf8.ValidString(text):
		p.add(field, "is not UTF-8")
	}
}

// buttonTypes are the vendor's types of buttons with their names.
func buttonTypes() map[string]string {
	return map[string]string{"WL": "웹링크", "AL": "앱링크", "BK": "봇키워드", "MD": "메시지전달", "DS": "배송조회", "AC": "채널추가"}
}

func checkButtons(p *problems, field string, buttons []Button) {
	if len(buttons) > MaxButtons {
		p.add(field, "has %d buttons, the limit is %d", len(buttons), MaxButtons)
	}
	for i, b := range buttons {
		at := fmt.Sprintf("%s[%d]", field, i)
		if b.Name == "" {
			p.add(at+".Name", "is missing")
		}
		if buttonTypes()[b.Type] == "" {
			p.add(at+".Type", "must be WL, AL, BK, MD, DS or AC")
		}
		if b.Type == "WL" && b.LinkMobile == "" {
			p.add(at+".LinkMobile", "is missing")
		}
	}
}

// buttonRow is a button as it is sent with a message.
type buttonRow struct {
	Name     string `json:"name"`
	Type     string `json:"linkType"`
	TypeName string `json:"linkTypeName"`
	Mobile   string `json:"linkMo,omitempty"`
	PC       string `json:"linkPc,omitempty"`
	IOS      string `json:"linkIos,omitempty"`
	Android  string `json:"linkAnd,omitempty"`
}

func buttonRows(buttons []Button) []buttonRow {
	rows := make([]buttonRow, len(buttons))
	for i, b := range buttons {
		name := b.TypeName
		if name == "" {
			name = buttonTypes()[b.Type]
		}
		rows[i] = buttonRow{b.Name, b.Type, name, b.LinkMobile, b.LinkPC, b.LinkIOS, b.LinkAndroid}
	}
	return rows
}

// readButton is a button as the vendor sends it, in either of its dialects: the links are called linkMo, linkPc, linkIos
// and linkAnd on current pages, linkM, linkP, linkI and linkA on older ones and in the template calls.
type readButton struct {
	Name     scalar `json:"name"`
	Type     scalar `json:"linkType"`
	TypeName scalar `json:"linkTypeName"`
	Mo       scalar `json:"linkMo"`
	M        scalar `json:"linkM"`
	Pc       scalar `json:"linkPc"`
	P        scalar `json:"linkP"`
	Ios      scalar `json:"linkIos"`
	I        scalar `json:"linkI"`
	And      scalar `json:"linkAnd"`
	A        scalar `json:"linkA"`
	Ordering scalar `json:"ordering"`
}

// ordered puts buttons into the order that they say they have.
func ordered(rows []readButton) []Button {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b readButton) int { return a.Ordering.int() - b.Ordering.int() })
	var buttons []Button
	for _, r := range rows {
		buttons = append(buttons, r.button())
	}
	return buttons
}

func (b readButton) button() Button {
	first := func(one, other scalar) string {
		if one != "" {
			return string(one)
		}
		return string(other)
	}
	return Button{
		Name: string(b.Name), Type: string(b.Type), TypeName: string(b.TypeName),
		LinkMobile: first(b.Mo, b.M), LinkPC: first(b.Pc, b.P), LinkIOS: first(b.Ios, b.I), LinkAndroid: first(b.And, b.A),
	}
}
