package aligo

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// The lists of a call's recipients are the only long answers: half a megabyte for 500 recipients, most of it texts that
// nobody asked for. They are read in one pass, because that is nearly all that the receipts function has to do.
// encoding/json, which reads all other answers, needs five passes for a list that may also be null or "".

// row is a row of such a list. field is where the member of a name goes, nil for one that is not read. The name is valid
// until the member's value is read.
type row[R any] interface {
	*R
	field(name []byte) *scalar
}

// rowList is one of the vendor's two lists of a call's recipients.
type rowList struct {
	endpoint

	form func(Credentials) *form
	// sizeName is the name of the parameter for the size of a page.
	sizeName string
}

// rowKey tells a row from every other one of a call.
type rowKey struct{ to, id string }

// eachRow reads the rows of the call with the id mid, which the account has made, page by page, until take returns false. An
// empty account is any. A row may come twice.
func eachRow[R any, P row[R]](
	ctx context.Context, c *Client, list rowList, account Account, mid string, take func(P) (key rowKey, more bool),
) error {
	if mid == "" {
		return problems{{Field: "mid", Detail: "is missing"}}.err(list.endpoint)
	}
	seen, read, size := map[rowKey]bool{}, 0, maxPageSize
	for n := 1; n <= maxPages; n++ {
		var page rowPage[R, P]
		_, err := c.make(ctx, call{endpoint: list.endpoint, account: account, answer: &page, build: func(creds Credentials) *form {
			f := list.form(creds)
			f.add("mid", mid)
			f.addPage(n, list.sizeName, size)
			return f
		}})
		if err != nil {
			return err
		}
		size = nextPageSize(n, len(page.rows), size)
		before := len(seen)
		for i := range page.rows {
			key, more := take(&page.rows[i])
			if !more {
				return nil
			}
			seen[key] = true
		}
		read += len(page.rows)
		// A page with nothing new on it is a list that does not end.
		if len(seen) == before || !page.more(n, read) {
			return nil
		}
	}
	return nil
}

// nextPageSize is the size to ask for after a page. When the vendor ignored the size that was asked for on the first page,
// the other pages are asked for in the size that it used, so that there is no gap if it does not ignore that one.
func nextPageSize(page, rows, size int) int {
	if page == 1 && rows < size {
		return rows
	}
	return size
}

// rowPage is one page of a list.
type rowPage[R any, P row[R]] struct {
	envelope
	paging

	// next is how the SMS API says whether there are more.
	next scalar
	rows []R
}

// more tells whether there are pages after this one, the nth; rowsSoFar counts its rows and those before.
func (p *rowPage[R, P]) more(n, rowsSoFar int) bool {
	if p.next != "" {
		return p.next == "Y"
	}
	return p.paging.more(n, len(p.rows), rowsSoFar)
}

// read reads a body that must be one JSON object. Its errors are not passed on: they quote the body.
func (p *rowPage[R, P]) read(body []byte) (envelope, error) {
	// What PHP may write and the standard advises against is taken: the last of several members of one name, and text that
	// is not UTF-8.
	d := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	scalars := map[string]*scalar{
		"result_code": &p.ResultCode, "code": &p.Code, "message": &p.Message,
		"totalPage": &p.TotalPage, "totalCount": &p.TotalCount, "next_yn": &p.next,
	}
	err := readObject(d, func(name []byte) error {
		if string(name) == "list" {
			return p.readRows(d)
		}
		return readScalar(d, scalars[string(name)])
	})
	if err != nil {
		return envelope{}, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return envelope{}, errors.New("something follows the object")
	}
	return p.envelope, nil
}

func (p *rowPage[R, P]) readRows(d *jsontext.Decoder) error {
	p.rows = nil
	if d.PeekKind() != '[' {
		value, err := d.ReadValue()
		if err == nil && !emptyList(value) {
			err = errors.New("not a list")
		}
		return err
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != ']' {
		var r R
		if err := readObject(d, func(name []byte) error { return readScalar(d, P(&r).field(name)) }); err != nil {
			return err
		}
		p.rows = append(p.rows, r)
	}
	_, err := d.ReadToken()
	return err
}

// readObject reads an object. member reads the value of each of its members; the name is valid until then.
func readObject(d *jsontext.Decoder, member func(name []byte) error) error {
	if begin, err := d.ReadToken(); err != nil || begin.Kind() != '{' {
		return errors.Join(errors.New("not an object"), err)
	}
	for d.PeekKind() != '}' {
		quoted, err := d.ReadValue()
		if err != nil {
			return err
		}
		// A string for each of the 5,000 names would be a third of the work.
		name := quoted[1 : len(quoted)-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			// The decoder has checked it; text that is not UTF-8 is no name that is read.
			name, _ = jsontext.AppendUnquote(nil, quoted)
		}
		if err := member(name); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// readScalar reads a value into s, or over it if s is nil.
func readScalar(d *jsontext.Decoder, s *scalar) error {
	if s == nil {
		return d.SkipValue()
	}
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	switch token.Kind() {
	case '{', '[':
		return errNotScalar
	case 'n':
		*s = ""
	default:
		*s = scalar(token.String())
	}
	return nil
}
