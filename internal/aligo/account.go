package aligo

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// What an account is set up with: writing templates, and registering a channel. Sending needs none of it. It stands apart
// from what sends, but not in a package of its own, which would have to be given the forms, the lists and the judgement of
// answers that this one has.

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

// Problems are the rules of the vendor's that a draft breaks, all of them; AddTemplate and ModifyTemplate refuse it then.
func (d TemplateDraft) Problems() []Problem { return d.check() }

func (d TemplateDraft) check() problems {
	var p problems
	if d.Name == "" {
		p.add("Name", "is missing")
	}
	checkPlaceholders(&p, "Content", d.Content)
	checkPlaceholders(&p, "Title", d.Title)
	for i, b := range d.Buttons {
		at := fmt.Sprintf("Buttons[%d]", i)
		for _, part := range [][2]string{
			{".Name", b.Name}, {".LinkMobile", b.LinkMobile}, {".LinkPC", b.LinkPC}, {".LinkIOS", b.LinkIOS}, {".LinkAndroid", b.LinkAndroid},
		} {
			checkPlaceholders(&p, at+part[0], part[1])
		}
		if b.Type == "AL" && b.LinkMobile == "" && b.LinkIOS == "" && b.LinkAndroid == "" {
			p.add(at, "has no link")
		}
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

// checkPlaceholders finds what begins like a placeholder and is none, which Kakao would take as text.
func checkPlaceholders(p *problems, field, text string) {
	for rest := text; ; {
		_, after, ok := strings.Cut(rest, "#{")
		if !ok {
			return
		}
		name, _, closed := strings.Cut(after, "}")
		if !closed || strings.TrimSpace(name) == "" || strings.ContainsAny(name, "{\r\n") {
			p.add(field, "has a #{ that no name and } follow")
			return
		}
		rest = after
	}
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

// Profile is a KakaoTalk channel as Aligo knows it (발신프로필).
type Profile struct {
	// SenderKey identifies the channel in every other call.
	SenderKey string
	// UUID is the channel's search name, with @.
	UUID, Name string
	// Status is A (normal), S (blocked) or D (deleted); ProfileStatus is A, C, B, E or D.
	Status, ProfileStatus string
	// Category is the code of the business, 11 digits; see Categories.
	Category string
	// AlimTalk says whether the channel may send AlimTalk.
	AlimTalk             bool
	License, LicenseNum  string
	CreatedAt, UpdatedAt time.Time
}

type profileRow struct {
	SenderKey   scalar `json:"senderKey"`
	UUID        scalar `json:"uuid"`
	Name        scalar `json:"name"`
	Status      scalar `json:"status"`
	ProfileStat scalar `json:"profileStat"`
	CatCode     scalar `json:"catCode"`
	AlimUseYn   scalar `json:"alimUseYn"`
	License     scalar `json:"license"`
	LicenseNum  scalar `json:"licenseNum"`
	CDate       scalar `json:"cdate"`
	UDate       scalar `json:"udate"`
}

func (r profileRow) profile() Profile {
	return Profile{
		SenderKey: string(r.SenderKey), UUID: string(r.UUID), Name: string(r.Name), Status: string(r.Status),
		ProfileStatus: string(r.ProfileStat),
		// The flag is a JSON boolean on the vendor's pages; Y and 1 are how its other fields say yes.
		Category: string(r.CatCode), AlimTalk: r.AlimUseYn == "true" || r.AlimUseYn == "Y" || r.AlimUseYn == "1",
		License: string(r.License), LicenseNum: string(r.LicenseNum), CreatedAt: r.CDate.time(), UpdatedAt: r.UDate.time(),
	}
}

func profiles(rows list[profileRow]) []Profile {
	all := make([]Profile, len(rows))
	for i, r := range rows {
		all[i] = r.profile()
	}
	return all
}

// RequestProfileAuth calls POST /akv10/profile/auth/: Kakao sends an authentication number to the KakaoTalk of the
// channel's administrator. channel is the search name with @, phone the administrator's number in digits.
//
// https://smartsms.aligo.in/alimapi.html
func (c *Client) RequestProfileAuth(ctx context.Context, channel, phone string) error {
	ep := endpoint{path: "/akv10/profile/auth/", kakao: true}
	var p problems
	checkChannel(&p, channel, phone)
	if err := p.err(ep); err != nil {
		return err
	}
	return c.post(ctx, ep, func(creds Credentials) *form {
		f := kakaoForm(creds)
		f.add("plusid", channel)
		f.hide("phonenumber", phone)
		return f
	}, nil)
}

// NewProfile is what AddProfile registers.
type NewProfile struct {
	unlogged

	// Channel is the search name with @.
	Channel string
	// Phone is the administrator's number in digits.
	Phone string
	// AuthNumber is what RequestProfileAuth has sent to it.
	AuthNumber string
	// Category is a third-level code of Categories, 11 digits.
	Category string
}

// AddProfile calls POST /akv10/profile/add/ and returns the channels as registered, with their sender keys.
//
// https://smartsms.aligo.in/alimapi.html
func (c *Client) AddProfile(ctx context.Context, n NewProfile) ([]Profile, error) {
	ep := endpoint{path: "/akv10/profile/add/", kakao: true}
	var p problems
	checkChannel(&p, n.Channel, n.Phone)
	if n.AuthNumber == "" {
		p.add("AuthNumber", "is missing")
	}
	if len(n.Category) != 11 || strings.Trim(n.Category, "0123456789") != "" {
		p.add("Category", "must be 11 digits")
	}
	if err := p.err(ep); err != nil {
		return nil, err
	}
	return c.profiles(ctx, ep, func(creds Credentials) *form {
		f := kakaoForm(creds)
		f.add("plusid", n.Channel)
		f.hide("authnum", n.AuthNumber)
		f.hide("phonenumber", n.Phone)
		f.add("categorycode", n.Category)
		return f
	})
}

// profiles makes one of the two calls that answer with channels, each under a name of its own.
func (c *Client) profiles(ctx context.Context, ep endpoint, build func(Credentials) *form) ([]Profile, error) {
	var answer struct {
		Data list[profileRow] `json:"data"`
		List list[profileRow] `json:"list"`
	}
	if err := c.post(ctx, ep, build, &answer); err != nil {
		return nil, err
	}
	return profiles(append(answer.Data, answer.List...)), nil
}

func checkChannel(p *problems, channel, phone string) {
	if !strings.HasPrefix(channel, "@") {
		p.add("Channel", "must begin with @")
	}
	checkNumber(p, "Phone", phone)
}

// ProfileFilter selects channels; empty fields select all.
type ProfileFilter struct {
	// Channel is the search name with @.
	Channel   string
	SenderKey string
}

// Profiles calls POST /akv10/profile/list/.
//
// https://smartsms.aligo.in/alimapi.html
func (c *Client) Profiles(ctx context.Context, filter ProfileFilter) ([]Profile, error) {
	return c.profiles(ctx, endpoint{path: "/akv10/profile/list/", kakao: true}, func(creds Credentials) *form {
		f := kakaoForm(creds)
		f.addSet("plusid", filter.Channel)
		f.hideSet("senderkey", filter.SenderKey)
		return f
	})
}

// Category is a kind of business. The code of the third level, 11 digits, is what AddProfile takes.
type Category struct {
	// Parent is the code one level up; empty on the first level.
	Parent, Code, Name string
}

// Categories are the three levels of kinds of business.
type Categories struct {
	First, Second, Third []Category
}

// Categories calls POST /akv10/category/.
//
// https://smartsms.aligo.in/alimapi.html
func (c *Client) Categories(ctx context.Context) (Categories, error) {
	type row struct {
		Parent scalar `json:"parentCode"`
		Code   scalar `json:"code"`
		Name   scalar `json:"name"`
	}
	var answer struct {
		Data struct {
			First  list[row] `json:"firstBusinessType"`
			Second list[row] `json:"secondBusinessType"`
			Third  list[row] `json:"thirdBusinessType"`
		} `json:"data"`
	}
	if err := c.post(ctx, endpoint{path: "/akv10/category/", kakao: true}, kakaoForm, &answer); err != nil {
		return Categories{}, err
	}
	level := func(rows list[row]) []Category {
		all := make([]Category, len(rows))
		for i, r := range rows {
			all[i] = Category{Parent: string(r.Parent), Code: string(r.Code), Name: string(r.Name)}
		}
		return all
	}
	return Categories{First: level(answer.Data.First), Second: level(answer.Data.Second), Third: level(answer.Data.Third)}, nil
}
