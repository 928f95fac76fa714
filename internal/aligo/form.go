package aligo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"
)

// form is the body of a call. Its fields keep their order, so that what goes over the wire is the same each time.
type form struct {
	fields []formField
	files  []formFile
	// masked are values inside fields that must not be seen in errors, such as each number of a list of numbers.
	masked []string
	// needsSender and needsSenderKey are set for calls that cannot do without these credentials.
	needsSender, needsSenderKey bool
}

type formField struct {
	name, value string
	// private values must not be seen in errors.
	private bool
}

type formFile struct {
	name  string
	image Image
}

func (f *form) add(name, value string) {
	f.fields = append(f.fields, formField{name: name, value: value})
}

// addSet adds a field only when it has a value.
func (f *form) addSet(name, value string) {
	if value != "" {
		f.add(name, value)
	}
}

func (f *form) addInt(name string, n int) { f.add(name, strconv.Itoa(n)) }

// hide adds a field whose value must not be seen in errors: a credential, a number or a text.
func (f *form) hide(name, value string) {
	f.fields = append(f.fields, formField{name: name, value: value, private: true})
}

// hideSet is hide for a value that may be absent.
func (f *form) hideSet(name, value string) {
	if value != "" {
		f.hide(name, value)
	}
}

// smsForm begins a form of the SMS API.
func smsForm(c Credentials) *form {
	f := &form{}
	f.hide("key", c.APIKey)
	f.hide("user_id", c.UserID)
	return f
}

// kakaoForm begins a form of the Kakao API. The token of older pages is not sent: the vendor no longer documents it.
func kakaoForm(c Credentials) *form {
	f := &form{}
	f.hide("apikey", c.APIKey)
	f.hide("userid", c.UserID)
	return f
}

// encode returns the body and its Content-Type: multipart when there are files, else urlencoded.
func (f *form) encode() (body []byte, contentType string) {
	if len(f.files) == 0 {
		// Of 500 texts in Hangul, half a megabyte, growing would copy more than a megabyte.
		size := 0
		for _, field := range f.fields {
			size += len("&=") + len(field.name) + len("%EA")*len(field.value)
		}
		body = make([]byte, 0, size)
		for i, field := range f.fields {
			if i > 0 {
				body = append(body, '&')
			}
			body = appendEscaped(append(appendEscaped(body, field.name), '='), field.value)
		}
		return body, "application/x-www-form-urlencoded; charset=UTF-8"
	}
	// Writing to a bytes.Buffer does not fail.
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, field := range f.fields {
		_ = w.WriteField(field.name, field.value)
	}
	for _, file := range f.files {
		header := textproto.MIMEHeader{}
		header.Set("Content-Disposition", multipart.FileContentDisposition(file.name, file.image.fileName()))
		header.Set("Content-Type", file.image.contentType())
		if part, err := w.CreatePart(header); err == nil {
			_, _ = part.Write(file.image.Data)
		}
	}
	_ = w.Close()
	return b.Bytes(), w.FormDataContentType()
}

// appendEscaped writes what url.QueryEscape makes of s, of which a call has up to 3,500, without a string for each.
func appendEscaped(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~':
			b = append(b, c)
		case c == ' ':
			b = append(b, '+')
		default:
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}

// Image is a picture of an MMS or of a template.
type Image struct {
	unlogged

	// Name is the file's name; empty means a name after its type. The carriers do not show it.
	Name string
	// Data is the file: JPEG, PNG or (for an MMS only) GIF.
	Data []byte
}

// maxImageBytes is the limit for one picture. It comes from secondary sources; the vendor's pages give none.
const maxImageBytes = 300_000

func (i Image) contentType() string { return http.DetectContentType(i.Data) }

func (i Image) fileName() string {
	if i.Name != "" {
		return i.Name
	}
	return "image." + strings.TrimPrefix(i.contentType(), "image/")
}

// check finds what is wrong with a picture of one of the given types.
func (i Image) check(p *problems, field string, types ...string) {
	switch {
	case len(i.Data) == 0:
		p.add(field, "is empty")
	case len(i.Data) > maxImageBytes:
		p.add(field, "has %d bytes, the limit is %d", len(i.Data), maxImageBytes)
	case !slices.Contains(types, i.contentType()):
		p.add(field, "is %s, not one of %s", i.contentType(), strings.Join(types, ", "))
	}
}

// minLead is how far ahead a reservation must be.
const minLead = 10 * time.Minute

// checkReservation finds out whether a reservation is far enough ahead once it is rounded up to the unit that the API
// counts in.
func checkReservation(p *problems, at, now time.Time, unit time.Duration) {
	if !at.IsZero() && ceil(at, unit).Before(now.Add(minLead)) {
		p.add("ReserveAt", "is less than %d minutes ahead", int(minLead.Minutes()))
	}
}

// ceil rounds up: a reserved message never goes out before the time that was asked for.
func ceil(t time.Time, unit time.Duration) time.Time {
	if down := t.Truncate(unit); down.Before(t) {
		return down.Add(unit)
	}
	return t
}

// checkNumber finds out whether a receiver is written as the vendor wants it: digits, at most 16.
func checkNumber(p *problems, field, number string) {
	const maxDigits = 16
	switch {
	case number == "":
		p.add(field, "is missing")
	case strings.Trim(number, "0123456789") != "":
		p.add(field, "must be digits only")
	case len(number) > maxDigits:
		p.add(field, "has more than %d digits", maxDigits)
	}
}

// checkReceivers finds wrong numbers, repeated ones, and too many of them. Results come back by number, so the same one
// twice in a call could not be told apart.
func checkReceivers(p *problems, numbers []string, limit int, field func(int) string) {
	if len(numbers) == 0 || len(numbers) > limit {
		p.add(strings.SplitN(field(0), "[", 2)[0], "has %d receivers, a call takes 1 to %d", len(numbers), limit)
	}
	first := make(map[string]int, len(numbers))
	for i, n := range numbers {
		checkNumber(p, field(i), n)
		if j, twice := first[n]; twice && n != "" {
			p.add(field(i), "is the same number as %s", field(j))
			continue
		}
		first[n] = i
	}
}

// jsonValue writes a value as JSON without escaping &, < and >, which stand in most web links.
func jsonValue(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprintf("%q", err.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}
