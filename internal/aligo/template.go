package aligo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
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
	// Unsendable are the parts that the template has and no call of the vendor's can send, in its words, such as 대표링크.
	// Kakao would find that the message is not like the template.
	Unsendable []string
}

// UnsendableError says that a template has parts which no call of the vendor's can send. It is an ErrNoTemplate.
type UnsendableError struct {
	Code  string
	Parts []string
}

// Error says which parts these are and what to do.
func (e *UnsendableError) Error() string {
	return fmt.Sprintf("template %q %s", e.Code, e.Reason())
}

// Reason goes on after "the template".
func (e *UnsendableError) Reason() string {
	return "has what Aligo's API cannot send (" + strings.Join(e.Parts, ", ") + "): make one without it and have that approved"
}

// Unwrap returns ErrNoTemplate.
func (e *UnsendableError) Unwrap() error { return ErrNoTemplate }

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

	unsendable
}

// unsendable are parts of templates that Kakao has and Aligo's calls have no parameter for. The vendor's page names none of them
// in its list of templates; Kakao calls them template…, and Aligo writes templt… for other parts.
type unsendable struct {
	RepresentLink    filled `json:"representLink"`
	RepresentLinkT   filled `json:"templtRepresentLink"`
	RepresentLinkK   filled `json:"templateRepresentLink"`
	HeaderT          filled `json:"templtHeader"`
	HeaderK          filled `json:"templateHeader"`
	ItemHighlightT   filled `json:"templtItemHighlight"`
	ItemHighlightK   filled `json:"templateItemHighlight"`
	ItemT            filled `json:"templtItem"`
	ItemK            filled `json:"templateItem"`
	QuickRepliesList filled `json:"quickReplies"`
}

func (u unsendable) parts(emphasis EmphasisType) []string {
	var parts []string
	for _, p := range []struct {
		name string
		has  filled
	}{
		{"대표링크", u.RepresentLink || u.RepresentLinkT || u.RepresentLinkK},
		{"헤더", u.HeaderT || u.HeaderK},
		{"아이템 하이라이트", u.ItemHighlightT || u.ItemHighlightK},
		{"아이템 리스트", u.ItemT || u.ItemK || emphasis == "ITEM_LIST"},
		{"바로연결", u.QuickRepliesList},
	} {
		if p.has {
			parts = append(parts, p.name)
		}
	}
	return parts
}

// filled says that there is something in a part, however deep.
type filled bool

// UnmarshalJSON takes everything.
func (f *filled) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*f = filled(hasText(v))
	return nil
}

func hasText(v any) bool {
	switch v := v.(type) {
	case string:
		return v != ""
	case []any:
		return slices.ContainsFunc(v, hasText)
	case map[string]any:
		for _, one := range v {
			if hasText(one) {
				return true
			}
		}
	}
	return false
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
	t.Unsendable = r.parts(t.EmphasisType)
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
	var answer struct {
		List list[templateRow] `json:"list"`
	}
	err := c.post(ctx, endpoint{path: "/akv10/template/list/", kakao: true}, channelForm, &answer)
	if err != nil {
		return nil, err
	}
	all := make([]Template, len(answer.List))
	for i, row := range answer.List {
		all[i] = row.template()
	}
	return all, nil
}
