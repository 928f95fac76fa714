package sheet

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// The encodings that files have.
const (
	UTF8  = "utf-8"
	UTF16 = "utf-16"
	// CP949 is what Excel in Korea calls "CSV (comma delimited)", a superset of EUC-KR.
	CP949 = "cp949"
)

// decoded is a file's text as UTF-8, without a byte order mark. Which of UTF-8 and CP949 it was shows at its first byte that is
// not ASCII: until then both are the same.
type decoded struct {
	raw *bufio.Reader
	// rest is what is read from once the encoding is known.
	rest  io.Reader
	found string
	// mixed says that what was looked at is neither UTF-8 nor CP949 as a whole.
	mixed bool
	// read counts the bytes that were given out, and budget bounds them.
	read, budgeted int64
}

// magic are the first bytes of files that people take for CSV.
var magic = []struct{ bytes, what string }{
	{"PK\x03\x04", "an Excel workbook or a ZIP archive; save it as CSV"},
	{"\xd0\xcf\x11\xe0", "an old Excel workbook; save it as CSV"},
	{"\x1f\x8b", "compressed with gzip"},
	{"%PDF", "a PDF"},
	{"\x89PNG", "an image"},
	{"\xff\xd8\xff", "an image"},
	{"GIF8", "an image"},
}

func newDecoded(file io.Reader) (*decoded, error) {
	d := &decoded{raw: bufio.NewReaderSize(file, readAhead)}
	head, err := d.raw.Peek(readAhead)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	for _, m := range magic {
		if bytes.HasPrefix(head, []byte(m.bytes)) {
			return nil, unreadable("the file is %s", m.what)
		}
	}
	switch {
	case len(head) == 0:
		return nil, unreadable("the file is empty")
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, _ = d.raw.Discard(3) // it was there
		d.found, d.rest = UTF8, d.raw
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		d.found = UTF16
		d.rest = transform.NewReader(d.raw, unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder())
	case bytes.IndexByte(head, 0) >= 0:
		return nil, unreadable("the file is no text: it has zero bytes")
	}
	return d, nil
}

func (d *decoded) encoding() string {
	if d.found == "" {
		return UTF8
	}
	return d.found
}

// Read gives out ASCII until something else comes, and then what the rest is decoded to.
func (d *decoded) Read(p []byte) (n int, err error) {
	defer func() { d.read += int64(n) }()
	if d.rest != nil {
		return d.rest.Read(p)
	}
	for n < len(p) {
		b, err := d.raw.ReadByte()
		switch {
		case err != nil:
			if n > 0 {
				return n, nil
			}
			return 0, err
		case b < utf8.RuneSelf:
			p[n] = b
			n++
			continue
		}
		_ = d.raw.UnreadByte() // a byte was read right before
		if n > 0 {
			return n, nil
		}
		if err := d.decide(); err != nil {
			return 0, err
		}
		return d.rest.Read(p)
	}
	return n, nil
}

// decide tells UTF-8 from CP949 by what comes now.
func (d *decoded) decide() error {
	ahead, err := d.raw.Peek(readAhead)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if end := bytes.LastIndexByte(ahead, '\n'); len(ahead) == readAhead && end >= 0 {
		ahead = ahead[:end] // and no character that is cut off
	}
	asKorean := 0
	if text, _, err := transform.Bytes(korean.EUCKR.NewDecoder(), ahead); err == nil {
		asKorean = bytes.Count(text, []byte(string(utf8.RuneError)))
	}
	asUTF8 := 0
	for text := ahead; len(text) > 0; {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 && utf8.FullRune(text) {
			asUTF8++
		}
		text = text[size:]
	}
	d.found, d.rest, d.mixed = UTF8, d.raw, asUTF8 > 0 && asKorean > 0
	if asUTF8 > asKorean {
		d.found, d.rest = CP949, transform.NewReader(d.raw, korean.EUCKR.NewDecoder())
	}
	return nil
}

// errTooLong says that a row has more bytes than it may.
var errTooLong = errors.New("the row is too long")

// grant lets another row be read, behind what was read ahead.
func (d *decoded) grant() { d.budgeted = d.read + MaxRow }

// budget is how many more bytes may be read.
func (d *decoded) budget() int64 { return d.budgeted - d.read }

// limited reads no more than it is allowed to at any time.
type limited struct {
	of      io.Reader
	allowed func() int64
}

func (l *limited) Read(p []byte) (int, error) {
	n := l.allowed()
	if n <= 0 {
		return 0, errTooLong
	}
	return l.of.Read(p[:min(int64(len(p)), n)])
}
