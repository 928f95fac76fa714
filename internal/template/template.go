// Package template has AlimTalk templates as files of a repository say them and as Aligo has them, what lies between the two, and
// what a stack remembers of them.
package template

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sms-api/internal/aligo"
)

// Template is an AlimTalk template as a file says it, and as the function is handed it. Line breaks are \n.
type Template struct {
	Name string `json:"name"`
	// Text has the placeholders #{…}.
	Text string `json:"text"`
	// Type is BA, EX, AD or MI, Emphasis NONE, TEXT or IMAGE; empty is the first of each.
	Type     string   `json:"type,omitempty"`
	Emphasis string   `json:"emphasis,omitempty"`
	Title    string   `json:"title,omitempty"`
	Subtitle string   `json:"subtitle,omitempty"`
	Buttons  []Button `json:"buttons,omitempty"`

	// What stands below Aligo lists nothing of: only its last writer knows it.
	Extra  string `json:"extra,omitempty"`
	Advert string `json:"advert,omitempty"`
	Secure bool   `json:"secure,omitempty"`
	Image  *Image `json:"image,omitempty"`
	// Unknown are those of these that the file leaves open: it was pulled, and nobody has written them into it.
	Unknown []string `json:"-"`
}

// Button is a button of a template; Type is WL, AL, BK, MD, DS or AC.
type Button struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Mobile  string `json:"mobile,omitempty"`
	PC      string `json:"pc,omitempty"`
	IOS     string `json:"ios,omitempty"`
	Android string `json:"android,omitempty"`
}

// Image is the picture of a template with the emphasis IMAGE, a JPEG or PNG.
type Image struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

// Draft is the template as Aligo's client takes it.
func (t Template) Draft() aligo.TemplateDraft {
	d := aligo.TemplateDraft{
		Name: t.Name, Content: t.Text, Secure: t.Secure, Type: aligo.TemplateType(t.Type), Advert: t.Advert, Extra: t.Extra,
		EmphasisType: aligo.EmphasisType(t.Emphasis), Title: t.Title, Subtitle: t.Subtitle,
	}
	for _, b := range t.Buttons {
		d.Buttons = append(d.Buttons, aligo.Button{
			Name: b.Name, Type: b.Type, LinkMobile: b.Mobile, LinkPC: b.PC, LinkIOS: b.IOS, LinkAndroid: b.Android,
		})
	}
	if t.Image != nil {
		d.Image = &aligo.Image{Name: t.Image.Name, Data: t.Image.Data}
	}
	return d
}

// Listed is a template as Aligo lists it.
type Listed struct {
	Template

	Code string `json:"code"`
	// Review is REG, REQ, APR or REJ; Status is S, A or R; see internal/aligo.
	Review string `json:"review"`
	Status string `json:"status"`
	// Words are the reviewer's.
	Words []string `json:"words,omitempty"`
	// Unsendable are parts that no call of Aligo's can send, such as 대표링크.
	Unsendable []string `json:"unsendable,omitempty"`
	// Picture is where the image is, of which Aligo lists nothing else.
	Picture string `json:"picture,omitempty"`
	// Created is when it was made.
	Created time.Time `json:"created"`
	// UnusedSince is since when no use of it is known; nil where nothing is known of that, or it is not approved.
	UnusedSince *time.Time `json:"unusedSince,omitempty"`
	Dormancy    Dormancy   `json:"dormancy,omitempty"`
}

// FromAligo is a template as Aligo's client has read it.
func FromAligo(a aligo.Template) Listed {
	l := Listed{
		Code: a.Code, Review: a.InspStatus, Status: a.Status, Words: a.Comments, Unsendable: a.Unsendable, Created: a.CreatedAt,
		Picture: a.ImageURL,
		Template: Template{
			Name: a.Name, Text: a.Content, Type: string(a.Type), Emphasis: string(a.EmphasisType), Title: a.Title, Subtitle: a.Subtitle,
		},
	}
	for _, b := range a.Buttons {
		l.Buttons = append(l.Buttons, Button{
			Name: b.Name, Type: b.Type, Mobile: b.LinkMobile, PC: b.LinkPC, IOS: b.LinkIOS, Android: b.LinkAndroid,
		})
	}
	return l
}

// Editable says that Aligo lets it be changed.
func (l Listed) Editable() bool {
	return l.Status == aligo.StatusWaiting && (l.Review == aligo.InspRegistered || l.Review == aligo.InspRejected)
}

// plain is what of a template Aligo lists, in one form: its examples have \r\n where a file has \n, and a file cannot say how many
// of them end a text.
func (t Template) plain() Template {
	breaks := strings.NewReplacer("\r\n", "\n", "\r", "\n")
	lines := func(text string) string { return strings.TrimRight(breaks.Replace(text), "\n") }
	p := Template{Name: t.Name, Text: lines(t.Text), Type: t.Type, Emphasis: t.Emphasis, Buttons: slices.Clone(t.Buttons)}
	if p.Type == "" {
		p.Type = string(aligo.TemplateBasic)
	}
	if p.Emphasis == "" {
		p.Emphasis = string(aligo.EmphasisNone)
	}
	if p.Emphasis == string(aligo.EmphasisText) {
		p.Title, p.Subtitle = lines(t.Title), lines(t.Subtitle)
	}
	return p
}

// Seen is a digest of what of a template Aligo lists.
func (t Template) Seen() string { return digest(t.plain()) }

// Sent is a digest of the whole template.
func (t Template) Sent() string {
	p := t.plain()
	p.Extra, p.Advert, p.Secure, p.Image = t.Extra, t.Advert, t.Secure, t.Image
	return digest(p)
}

func digest(t Template) string {
	var b bytes.Buffer
	// A template always has a JSON form.
	_ = json.NewEncoder(&b).Encode(t)
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:8])
}

// Differences are the parts in which two templates differ, as far as Aligo lists them.
func Differences(a, b Template) []string {
	a, b = a.plain(), b.plain()
	var parts []string
	for _, p := range [][3]string{
		{"name", a.Name, b.Name}, {"type", a.Type, b.Type}, {"emphasis", a.Emphasis, b.Emphasis}, {"title", a.Title, b.Title},
		{"subtitle", a.Subtitle, b.Subtitle},
	} {
		if p[1] != p[2] {
			parts = append(parts, p[0])
		}
	}
	if a.Text != b.Text {
		left, right := strings.Split(a.Text, "\n"), strings.Split(b.Text, "\n")
		line := 0
		for line < min(len(left), len(right)) && left[line] == right[line] {
			line++
		}
		parts = append(parts, fmt.Sprintf("text from line %d on", line+1))
	}
	if !slices.Equal(a.Buttons, b.Buttons) {
		parts = append(parts, "buttons")
	}
	return parts
}

// Dormancy says whether a template is about to be put to rest, or has been.
type Dormancy string

// The kinds of dormancy.
const (
	// DormantSoon has a month left.
	DormantSoon Dormancy = "soon"
	Dormant     Dormancy = "dormant"
)

// Kakao puts a template to rest that was not used for a year, and Aligo has no call to wake it.
const (
	dormantAfter = 365 * 24 * time.Hour
	dormantSoon  = 30 * 24 * time.Hour
)

// dormancy is that of a template that is unused since a time.
func dormancy(since, now time.Time) Dormancy {
	switch unused := now.Sub(since); {
	case unused >= dormantAfter:
		return Dormant
	case unused >= dormantAfter-dormantSoon:
		return DormantSoon
	}
	return ""
}

// DormantAt is when a template that is unused since a time is put to rest.
func DormantAt(since time.Time) time.Time { return since.Add(dormantAfter) }
