package aligo

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// States of a template's review (inspStatus).
const (
	// InspRegistered can be edited and sent for review.
	InspRegistered = "REG"
	// InspRequested is under review, which takes days.
	InspRequested = "REQ"
	InspApproved  = "APR"
	InspRejected  = "REJ"
)

// States of a template's use (status).
const (
	StatusStopped = "S"
	StatusNormal  = "A"
	// StatusWaiting is what an approved template shows that was never used.
	StatusWaiting = "R"
)

// EmphasisType says what an AlimTalk shows above its text.
type EmphasisType string

// The kinds of emphasis.
const (
	EmphasisNone EmphasisType = "NONE"
	// EmphasisText is a title and a subtitle.
	EmphasisText  EmphasisType = "TEXT"
	EmphasisImage EmphasisType = "IMAGE"
)

// TemplateType says what a template consists of.
type TemplateType string

// The types of templates.
const (
	TemplateBasic TemplateType = "BA"
	// TemplateExtra has additional information.
	TemplateExtra TemplateType = "EX"
	// TemplateAd has an invitation to add the channel.
	TemplateAd TemplateType = "AD"
	// TemplateMixed has both.
	TemplateMixed TemplateType = "MI"
)

// Template is an AlimTalk template as the vendor has it. Its text is kept exactly: a line break, a no-break space or a
// zero-width character makes the difference between delivered and refused.
type Template struct {
	Code string
	Name string
	// Content is the text with its placeholders #{…}.
	Content string
	Type    TemplateType
	// EmphasisType, Title and Subtitle are what stands above the text.
	EmphasisType        EmphasisType
	Title, Subtitle     string
	ImageName, ImageURL string
	Buttons             []Button
	// InspStatus is REG, REQ, APR or REJ; Status is S, A or R.
	InspStatus, Status string
	// Comments are the reviewer's, such as why a template was rejected.
	Comments  []string
	SenderKey string
	CreatedAt time.Time
}

// Approved tells whether the template can be sent: approved and not stopped. One that was never used yet is in status R.
func (t Template) Approved() bool { return t.InspStatus == InspApproved && t.Status != StatusStopped }

type templateRow struct {
	SenderKey  scalar           `json:"senderKey"`
	Code       scalar           `json:"templtCode"`
	Name       scalar           `json:"templtName"`
	Content    scalar           `json:"templtContent"`
	Type       scalar           `json:"templateType"`
	EmType     scalar           `json:"templateEmType"`
	Title      scalar           `json:"templtTitle"`
	Subtitle   scalar           `json:"templtSubtitle"`
	ImageName  scalar           `json:"templtImageName"`
	ImageURL   scalar           `json:"templtImageUrl"`
	Status     scalar           `json:"status"`
	InspStatus scalar           `json:"inspStatus"`
	CDate      scalar           `json:"cdate"`
	Comments   list[comment]    `json:"comments"`
	Buttons    list[readButton] `json:"buttons"`
}

// comment is a reviewer's note. Its shape is not documented: a text or an object with one is read.
type comment string

// UnmarshalJSON takes a scalar or an object with "content".
func (c *comment) UnmarshalJSON(b []byte) error {
	var text scalar
	if err := json.Unmarshal(b, &text); err == nil {
		*c = comment(text)
		return nil
	}
	var object struct {
		Content scalar `json:"content"`
	}
	// What is neither is left out: a note must not keep a template from being read.
	if err := json.Unmarshal(b, &object); err == nil {
		*c = comment(object.Content)
	}
	return nil
}

func (r templateRow) template() Template {
	t := Template{
		Code: string(r.Code), Name: string(r.Name), Content: string(r.Content), Type: TemplateType(r.Type), EmphasisType: EmphasisType(r.EmType),
		Title: string(r.Title), Subtitle: string(r.Subtitle), ImageName: string(r.ImageName), ImageURL: string(r.ImageURL),
		InspStatus: string(r.InspStatus), Status: string(r.Status), SenderKey: string(r.SenderKey), CreatedAt: r.CDate.time(),
	}
	// "ordering" counts "1" to "5"; the vendor's examples list the buttons in that order, but nobody promises it.
	t.Buttons = ordered(r.Buttons)
	for _, c := range r.Comments {
		if c != "" {
			t.Comments = append(t.Comments, string(c))
		}
	}
	return t
}

// Templates calls POST /akv10/template/list/: all templates of the channel, approved or not.
//
// https://smartsms.aligo.in/alimapi.html
func (c *Client) Templates(ctx context.Context) ([]Template, error) {
	return c.templates(ctx, "")
}

// TemplateByCode calls POST /akv10/template/list/ for one template, read afresh. The error is ErrNoTemplate when the
// channel does not have it; an unapproved one is returned.
//
// https://smartsms.aligo.in/alimapi.html
func (c *Client) TemplateByCode(ctx context.Context, code string) (Template, error) {
	found, err := c.templates(ctx, code)
	if err != nil {
		return Template{}, err
	}
	for _, t := range found {
		if t.Code == code {
			return t, nil
		}
	}
	return Template{}, fmt.Errorf("%w: %q", ErrNoTemplate, code)
}

func (c *Client) templates(ctx context.Context, code string) ([]Template, error) {
	var answer struct {
		List list[templateRow] `json:"list"`
	}
	err := c.post(ctx, endpoint{path: "/akv10/template/list/", kakao: true}, func(creds Credentials) *form {
		f := channelForm(creds)
		f.addSet("tpl_code", code)
		return f
	}, &answer)
	if err != nil {
		return nil, err
	}
	all := make([]Template, len(answer.List))
	for i, row := range answer.List {
		all[i] = row.template()
	}
	return all, nil
}

// TemplateDraft is what AddTemplate and ModifyTemplate write.
type TemplateDraft struct {
	Name string
	// Content is the text with placeholders #{…}, at most 1,000 characters.
	Content string
	Buttons []Button
	// Secure marks a template with secrets, such as one-time codes, which Kakao shows on the main device only.
	Secure bool
	// Type is empty for TemplateBasic.
	Type TemplateType
	// Advert is required for TemplateAd and TemplateMixed, Extra for TemplateExtra and TemplateMixed.
	Advert, Extra string
	// EmphasisType is empty for EmphasisNone. EmphasisText needs Title and Subtitle, EmphasisImage an Image (JPEG or PNG).
	EmphasisType    EmphasisType
	Title, Subtitle string
	Image           *Image
}

// AddTemplate calls POST /akv10/template/add/. The new template still has to be sent for review.
//
// https://smartsms.aligo.in/alimapi.html
func (c *Client) AddTemplate(ctx context.Context, d TemplateDraft) (Template, error) {
	return c.writeTemplate(ctx, "/akv10/template/add/", "", d)
}

// ModifyTemplate calls POST /akv10/template/modify/. Only a template in status R whose review is REG or REJ can be
// modified; otherwise the cause of the refusal is CauseNotEditable.
//
// https://smartsms.aligo.in/alimapi.html
func (c *Client) ModifyTemplate(ctx context.Context, code string, d TemplateDraft) (Template, error) {
	const path = "/akv10/template/modify/"
	if code == "" {
		return Template{}, problems{{Field: "code", Detail: "is missing"}}.err(endpoint{path: path})
	}
	return c.writeTemplate(ctx, path, code, d)
}

func (c *Client) writeTemplate(ctx context.Context, path, code string, d TemplateDraft) (Template, error) {
	ep := endpoint{path: path, kakao: true}
	if err := d.check().err(ep); err != nil {
		return Template{}, err
	}
	var answer struct {
		Data templateRow `json:"data"`
	}
	err := c.post(ctx, ep, func(creds Credentials) *form {
		f := channelForm(creds)
		f.addSet("tpl_code", code)
		f.add("tpl_name", d.Name)
		f.add("tpl_content", d.Content)
		if len(d.Buttons) > 0 {
			f.add("tpl_button", jsonValue(map[string]any{"button": templateButtonRows(d.Buttons)}))
		}
		if d.Secure {
			f.add("tpl_secure", "Y")
		}
		f.addSet("tpl_type", string(d.Type))
		f.addSet("tpl_emtype", string(d.EmphasisType))
		f.addSet("tpl_advert", d.Advert)
		f.addSet("tpl_extra", d.Extra)
		f.addSet("tpl_title", d.Title)
		f.addSet("tpl_stitle", d.Subtitle)
		if d.Image != nil {
			f.files = append(f.files, formFile{name: "image", image: *d.Image})
		}
		return f
	}, &answer)
	if err != nil {
		return Template{}, err
	}
	return answer.Data.template(), nil
}

func (d TemplateDraft) check() problems {
	var p problems
	if d.Name == "" {
		p.add("Name", "is missing")
	}
	checkAlimTalkText(&p, "Content", d.Content)
	if n := utf8.RuneCountInString(d.Content); d.Extra != "" && n+utf8.RuneCountInString(d.Extra) > MaxAlimTalkText {
		p.add("Extra", "makes the text longer than %d characters", MaxAlimTalkText)
	}
	checkButtons(&p, "Buttons", d.Buttons)
	switch d.Type {
	case "", TemplateBasic, TemplateExtra, TemplateAd, TemplateMixed:
	default:
		p.add("Type", "must be BA, EX, AD or MI")
	}
	if (d.Type == TemplateAd || d.Type == TemplateMixed) && d.Advert == "" {
		p.add("Advert", "is missing for type %s", d.Type)
	}
	if (d.Type == TemplateExtra || d.Type == TemplateMixed) && d.Extra == "" {
		p.add("Extra", "is missing for type %s", d.Type)
	}
	switch d.EmphasisType {
	case "", EmphasisNone:
	case EmphasisText:
		if d.Title == "" {
			p.add("Title", "is missing")
		}
		if d.Subtitle == "" {
			p.add("Subtitle", "is missing")
		}
	case EmphasisImage:
		if d.Image == nil {
			p.add("Image", "is missing")
		}
	default:
		p.add("EmphasisType", "must be NONE, TEXT or IMAGE")
	}
	if d.Image != nil {
		d.Image.check(&p, "Image", "image/jpeg", "image/png")
	}
	return p
}

// templateButtonRow is a button as the template calls take it, whose names of the links differ from those of a message.
type templateButtonRow struct {
	Name    string `json:"name"`
	Type    string `json:"linkType"`
	Mobile  string `json:"linkM,omitempty"`
	PC      string `json:"linkP,omitempty"`
	IOS     string `json:"linkI,omitempty"`
	Android string `json:"linkA,omitempty"`
}

func templateButtonRows(buttons []Button) []templateButtonRow {
	rows := make([]templateButtonRow, len(buttons))
	for i, b := range buttons {
		rows[i] = templateButtonRow{b.Name, b.Type, b.LinkMobile, b.LinkPC, b.LinkIOS, b.LinkAndroid}
	}
	return rows
}

// DeleteTemplate calls POST /akv10/template/del/, which takes effect at once. An approved template cannot be deleted, nor
// one whose code begins with D or P: these are shared with other accounts.
//
// https://smartsms.aligo.in/alimapi.html
func (c *Client) DeleteTemplate(ctx context.Context, code string) error {
	ep := endpoint{path: "/akv10/template/del/", kakao: true}
	if strings.HasPrefix(code, "D") || strings.HasPrefix(code, "P") {
		return problems{{Field: "code", Detail: "is that of a shared template, which cannot be deleted"}}.err(ep)
	}
	return c.templateCommand(ctx, ep, code)
}

// RequestTemplateReview calls POST /akv10/template/request/. The review takes two to five days.
//
// https://smartsms.aligo.in/alimapi.html
func (c *Client) RequestTemplateReview(ctx context.Context, code string) error {
	return c.templateCommand(ctx, endpoint{path: "/akv10/template/request/", kakao: true}, code)
}

func (c *Client) templateCommand(ctx context.Context, ep endpoint, code string) error {
	if code == "" {
		return problems{{Field: "code", Detail: "is missing"}}.err(ep)
	}
	return c.post(ctx, ep, func(creds Credentials) *form {
		f := channelForm(creds)
		f.add("tpl_code", code)
		return f
	}, nil)
}
