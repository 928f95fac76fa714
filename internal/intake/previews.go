package intake

import (
	"context"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"slices"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/deployment/price"
	"sms-api/internal/message"
)

// Preview is what a message would be: the body of the answer to POST /v1/previews. Prices are Aligo's list prices, in KRW
// without tax.
type Preview struct {
	Channel  message.Channel `json:"channel"`
	Template string          `json:"template,omitempty"`
	// SendAt is when it would go out: when the request says, or in the morning that advertising waits for. Zero is at once.
	SendAt     time.Time          `json:"sendAt,omitzero"`
	Recipients []PreviewRecipient `json:"recipients"`
	// PriceKRW is the sum if everybody is reached at the first try, PriceAtMostKRW if nobody is and the dearest comes of it.
	PriceKRW       float64    `json:"priceKRW"`
	PriceAtMostKRW float64    `json:"priceAtMostKRW"`
	ListPrices     ListPrices `json:"listPrices"`
	// WalletSuffices says whether the wallet pays for the most that it may cost. It is absent when Aligo does not tell, and
	// for untrusted callers.
	WalletSuffices *bool `json:"walletSuffices,omitempty"`
	// Warnings are what somebody should look at before the message is sent.
	Warnings []PreviewWarning `json:"warnings,omitempty"`
}

// PreviewWarning says of a text of the request that it reads like advertising, which info must not be.
type PreviewWarning struct {
	Pointer string   `json:"pointer"`
	Detail  string   `json:"detail"`
	Words   []string `json:"words"`
}

// PreviewRecipient is what one recipient would get.
type PreviewRecipient struct {
	// To is masked.
	To string `json:"to"`
	message.RecipientEcho
	// Code is OptedOut for one who would get nothing, and empty for everybody else. Untrusted callers are not told: with previews,
	// which count nowhere, they could find out about any number.
	Code     string           `json:"code,omitempty"`
	AlimTalk *PreviewAlimTalk `json:"alimtalk,omitempty"`
	// SMS is the message itself, or what would follow an AlimTalk that is not delivered.
	SMS *PreviewSMS `json:"sms,omitempty"`
}

// PreviewAlimTalk is an AlimTalk with everything filled in.
type PreviewAlimTalk struct {
	Text     string           `json:"text"`
	Title    string           `json:"title,omitempty"`
	Buttons  []TemplateButton `json:"buttons,omitempty"`
	PriceKRW float64          `json:"priceKRW"`
}

// PreviewSMS is an SMS or LMS with everything filled in.
type PreviewSMS struct {
	Type aligo.SMSType `json:"type"`
	Text string        `json:"text"`
	// Title is that of an LMS, if the request has one.
	Title string `json:"title,omitempty"`
	// Bytes is the length of the text in CP949.
	Bytes int `json:"bytes"`
	// Replaced are the characters that an SMS cannot carry and of which it has an equivalent, each once.
	Replaced []Replacement `json:"replaced,omitempty"`
	PriceKRW float64       `json:"priceKRW"`
}

// Replacement is a character and what stands for it in an SMS; To is empty for one that nobody sees.
type Replacement struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// ListPrices are what Aligo asks for one recipient.
type ListPrices struct {
	AlimTalkKRW float64 `json:"alimtalkKRW"`
	SMSKRW      float64 `json:"smsKRW"`
	LMSKRW      float64 `json:"lmsKRW"`
	// Seen is the day for which they were known.
	Seen string `json:"seen"`
}

// postPreview checks a request as postMessage does and tells what would come of it. Nothing is sent, and nothing kept.
func (a *API) postPreview(w http.ResponseWriter, r *http.Request, caller Caller) error {
	request, s, err := a.submitted(w, r, caller)
	if err != nil {
		return err
	}
	d := a.door()
	m, refusal := d.accept(r.Context(), request, message.Acceptance{Caller: caller.ID, Now: a.Now(), Untrusted: s.untrusted})
	if refusal != nil {
		return refusal
	}
	var renderer *aligo.Renderer
	if m.Channel == message.AlimTalk {
		t, err := d.check.template(r.Context(), m.Template)
		if err != nil {
			return a.vendorFailed(w, r, err)
		}
		renderer = d.check.renderer(t, m)
	}
	if caller.trusted() {
		if err := d.markOptedOut(r.Context(), &m, true); err != nil {
			return err
		}
	}
	p, cost, err := preview(m, renderer)
	if err != nil {
		return err
	}
	p.Warnings = warnings(m, p.Recipients)
	if caller.trusted() {
		p.WalletSuffices = walletSuffices(r.Context(), a.Wallet, a.Log, cost)
	}
	w.Header().Set("Cache-Control", "no-store")
	a.writeJSON(w, r, http.StatusOK, "application/json", p)
	return nil
}

// bills are how many of each are paid for.
type bills struct{ alimTalk, sms, lms int }

func (b *bills) add(t aligo.SMSType) {
	if t == aligo.TypeLMS {
		b.lms++
	} else {
		b.sms++
	}
}

// preview fills a message in. The bills are those of the most that it may cost: a failed AlimTalk is paid back, unless
// nobody knows that it failed.
func preview(m message.Message, renderer *aligo.Renderer) (Preview, bills, error) {
	p := Preview{
		Channel: m.Channel, Template: m.Template, Recipients: make([]PreviewRecipient, len(m.Recipients)),
		ListPrices: ListPrices{AlimTalkKRW: price.AlimTalkKRW, SMSKRW: price.SMSKRW, LMSKRW: price.LMSKRW, Seen: price.AligoSeen},
	}
	if m.SendAt.After(m.CreatedAt) {
		p.SendAt = m.SendAt.UTC()
	}
	var cost bills
	for i, r := range m.Recipients {
		one := PreviewRecipient{To: r.To.Masked(), RecipientEcho: r.RecipientEcho}
		if slices.Contains(m.OptedOut, i) {
			one.Code = message.CodeOptedOut
			p.Recipients[i] = one
			continue
		}
		text, title := string(m.Text), string(m.Title)
		if m.Channel == message.AlimTalk {
			rendered, err := renderer.Render(r.Values())
			if err != nil {
				return Preview{}, bills{}, err
			}
			one.AlimTalk = previewAlimTalk(rendered)
			if text, title = string(m.Fallback.Text), string(m.Fallback.Title); text == "" {
				text = aligo.FallbackText(rendered)
			} else if text, err = message.Fill(text, r.Values()); err != nil {
				return Preview{}, bills{}, err
			}
		} else {
			var err error
			if text, err = message.Fill(text, r.Values()); err != nil {
				return Preview{}, bills{}, err
			}
		}
		if m.Channel == message.SMS || m.Fallback.Enabled {
			one.SMS = previewSMS(text, title)
		}
		p.Recipients[i] = one
		switch {
		case one.SMS == nil:
			p.PriceKRW += one.AlimTalk.PriceKRW
			p.PriceAtMostKRW += one.AlimTalk.PriceKRW
			cost.alimTalk++
		case one.AlimTalk == nil:
			p.PriceKRW += one.SMS.PriceKRW
			p.PriceAtMostKRW += one.SMS.PriceKRW
			cost.add(one.SMS.Type)
		default:
			p.PriceKRW += one.AlimTalk.PriceKRW
			p.PriceAtMostKRW += one.SMS.PriceKRW
			cost.add(one.SMS.Type)
			if m.Fallback.OnUnknown == message.SMSUnknown {
				p.PriceAtMostKRW += one.AlimTalk.PriceKRW
				cost.alimTalk++
			}
		}
	}
	p.PriceKRW, p.PriceAtMostKRW = tenths(p.PriceKRW), tenths(p.PriceAtMostKRW)
	return p, cost, nil
}

// warnings are for the texts of a message that is not said to be advertising, and reads like it.
func warnings(m message.Message, recipients []PreviewRecipient) []PreviewWarning {
	if m.Purpose == message.Ad {
		return nil
	}
	written := "/text"
	if m.Channel == message.AlimTalk {
		// Without a text of the caller's the SMS is what the template says.
		written = "/template"
		if m.Fallback.Text != "" {
			written = "/fallback/text"
		}
	}
	found := map[string][]string{}
	read := func(pointer, text string) {
		for _, word := range message.AdWords(text) {
			if !slices.Contains(found[pointer], word) {
				found[pointer] = append(found[pointer], word)
			}
		}
	}
	for _, r := range recipients {
		if r.AlimTalk != nil {
			read("/template", r.AlimTalk.Text)
		}
		if r.SMS != nil {
			read(written, r.SMS.Text)
		}
	}
	var all []PreviewWarning
	for _, pointer := range slices.Sorted(maps.Keys(found)) {
		all = append(all, PreviewWarning{
			Pointer: pointer, Words: found[pointer],
			Detail: "reads like advertising, which needs purpose ad and the recipients' consent, and is nothing for AlimTalk",
		})
	}
	return all
}

// tenths takes away what adding up left of binary fractions; list prices have one decimal.
func tenths(krw float64) float64 { return math.Round(krw*10) / 10 }

func previewAlimTalk(rendered aligo.Rendered) *PreviewAlimTalk {
	p := &PreviewAlimTalk{Text: rendered.Text, Title: rendered.EmphasisTitle, PriceKRW: price.AlimTalkKRW}
	for _, b := range rendered.Buttons {
		p.Buttons = append(p.Buttons, describeButton(b))
	}
	return p
}

func previewSMS(text, title string) *PreviewSMS {
	sent := message.SMSText(text)
	p := &PreviewSMS{Type: aligo.TypeSMS, Text: sent, Bytes: message.SMSBytes(sent), PriceKRW: price.SMSKRW}
	for _, bad := range message.Unencodable(text) {
		from := string(bad.Rune)
		if one := (Replacement{From: from, To: message.SMSText(from)}); !slices.Contains(p.Replaced, one) {
			p.Replaced = append(p.Replaced, one)
		}
	}
	if p.Bytes > message.MaxSMS {
		p.Type, p.Title, p.PriceKRW = aligo.TypeLMS, title, price.LMSKRW
	}
	return p
}

// walletSuffices asks Aligo whether the wallet pays for all of it; nil when Aligo does not tell. The wallet's counts are the
// same money, expressed in each type: what is needed of each is a part of it.
func walletSuffices(ctx context.Context, w wallet, log *slog.Logger, cost bills) *bool {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	found, err := w.HeartInfo(ctx)
	if err != nil {
		log.LogAttrs(ctx, slog.LevelWarn, "Aligo not asked", vendorError(err)...)
		return nil
	}
	alimTalks := float64(found.AlimTalk)
	if !found.AlimTalkKnown {
		alimTalks = float64(found.SMS) * price.SMSKRW / price.AlimTalkKRW
	}
	var part float64
	for _, of := range []struct {
		needed int
		pays   float64
	}{{cost.alimTalk, alimTalks}, {cost.sms, float64(found.SMS)}, {cost.lms, float64(found.LMS)}} {
		if of.needed > 0 {
			part += float64(of.needed) / of.pays // which is infinite for an empty wallet
		}
	}
	suffices := part <= 1
	return &suffices
}

// describeButton is a button as the API shows it: each of its addresses once.
func describeButton(b aligo.Button) TemplateButton {
	button := TemplateButton{Name: b.Name, Type: b.Type}
	for _, link := range []string{b.LinkMobile, b.LinkPC, b.LinkIOS, b.LinkAndroid} {
		if link != "" && !slices.Contains(button.URLs, link) {
			button.URLs = append(button.URLs, link)
		}
	}
	return button
}
