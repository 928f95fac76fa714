// Package sheet reads lists of recipients as people have them: CSV as spreadsheets in Korea write it, and JSON with an object a
// line. It finds the format out, reads row by row in bounded memory, and says of each row what is wrong with it by the rules of
// a message's recipients. What a spreadsheet has lost, such as the 0 that a number begins with, it names and does not guess.
package sheet

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sms-api/internal/message"
)

// The kinds of files.
const (
	CSV   = "csv"
	JSONL = "jsonl"
)

// MaxRow is how many bytes a row may have, as UTF-8. A quote that is opened and never closed would make one row of all that
// follows.
const MaxRow = 64 << 10

// Format is what was found out about a file.
type Format struct {
	// Kind is CSV or JSONL.
	Kind string `json:"format"`
	// Encoding is UTF8, UTF16 or CP949. A file of ASCII alone is UTF8.
	Encoding string `json:"encoding"`
	// Delimiter stands between a CSV's fields: a comma, a semicolon or a tab.
	Delimiter string `json:"delimiter,omitempty"`
}

// Row is one recipient of a file.
type Row struct {
	// Number is the row's place as a spreadsheet shows it: the header of a CSV is row 1, and blank rows count.
	Number    int
	Recipient message.Recipient
	// Wrong is all that is wrong with the row; Recipient is of no use then. Pointers begin at the recipient.
	Wrong []message.ValidationError
}

// FormatError says why a file cannot be read at all, or not further.
type FormatError struct {
	// Wrong is all that is wrong, at least one thing. Pointers lead to it in the request for a campaign, "/columns/to" for one; they are
	// empty when it is the file.
	Wrong []message.ValidationError
	// Format is what had been found out by NewReader.
	Format Format
	// Header has the names of the columns when it is them that do not fit.
	Header []string
}

func (e *FormatError) Error() string {
	details := make([]string, len(e.Wrong))
	for i, w := range e.Wrong {
		details[i] = w.Detail
	}
	return strings.Join(details, "; ")
}

func unreadable(format string, args ...any) error {
	return &FormatError{Wrong: []message.ValidationError{{Detail: fmt.Sprintf(format, args...)}}}
}

// Reader reads a file's rows.
type Reader struct {
	text   *decoded
	format Format
	next   func() (Row, error)
}

// NewReader finds out the format of a file and reads the header of a CSV. Columns are not looked at for JSON. The error is a
// *FormatError, or that of the file's reader.
func NewReader(file io.Reader, c message.Columns) (*Reader, error) {
	text, err := newDecoded(file)
	if err != nil {
		return nil, err
	}
	r := &Reader{text: text, format: Format{Kind: CSV}}
	text.grant()
	// A quote that is not closed takes the blank line behind the last row as well, one in the wrong place does not.
	behind := strings.NewReader("\n\n")
	buffered := bufio.NewReaderSize(io.MultiReader(&limited{of: text, allowed: text.budget}, behind), readAhead)
	first, err := firstByte(buffered)
	switch {
	case errors.Is(err, io.EOF):
		return nil, unreadable("the file is empty")
	case err != nil:
		return nil, err
	case first == '[':
		return nil, unreadable("the file is one JSON array; it must have an object a line, without brackets and commas around them")
	case first == '{':
		r.format.Kind = JSONL
		r.next = (&lines{in: buffered, text: text}).next
		return r, nil
	}
	comma, err := delimiter(buffered)
	if err != nil {
		return nil, err
	}
	r.format.Delimiter = string(comma)
	t, err := newTable(buffered, text, comma, c)
	var wrong *FormatError
	switch {
	case errors.As(err, &wrong):
		// What comes next tells the encoding where the header is ASCII. Whatever keeps it from being read tells nothing.
		text.grant()
		_, _ = io.CopyN(io.Discard, buffered, readAhead)
		wrong.Format = r.Format()
		return nil, wrong
	case err != nil:
		return nil, err
	}
	r.next = t.next
	return r, nil
}

// Format is what has been found out so far: the encoding is known for sure when all rows have been read.
func (r *Reader) Format() Format {
	f := r.format
	f.Encoding = r.text.encoding()
	return f
}

// Read returns the next row, and io.EOF after the last. Any other error is a *FormatError, or that of the file's reader; nothing
// can be read after it.
func (r *Reader) Read() (Row, error) { return r.next() }

// readAhead is how much of a file is looked at before it is read.
const readAhead = 64 << 10

// firstByte is the first byte that is no white space, which is not read by this.
func firstByte(in *bufio.Reader) (byte, error) {
	for n := 1; n <= readAhead; n++ {
		text, err := in.Peek(n)
		if err != nil {
			return 0, err
		}
		if b := text[n-1]; strings.IndexByte(" \t\r\n", b) < 0 {
			return b, nil
		}
	}
	return 0, unreadable("the file begins with %d blank characters", readAhead)
}

// lines reads JSON, an object a line.
type lines struct {
	in     *bufio.Reader
	text   *decoded
	number int
}

func (l *lines) next() (Row, error) {
	for {
		l.text.grant()
		line, err := l.in.ReadBytes('\n')
		switch {
		case errors.Is(err, errTooLong):
			return Row{}, tooLong(l.number)
		case err != nil && !errors.Is(err, io.EOF):
			return Row{}, err
		case len(line) == 0:
			return Row{}, io.EOF
		}
		l.number++
		if line = bytes.TrimSpace(line); blank(string(line)) {
			continue
		}
		if breaksOff(l.in) && !json.Valid(line) {
			return Row{}, brokenOff(l.number)
		}
		row := Row{Number: l.number}
		row.Recipient, row.Wrong = message.DecodeRecipient(line)
		return row, nil
	}
}

// blank says that there is nothing in a row: as spreadsheets leave them behind the last, and some programs end a file.
func blank(s string) bool {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == byteOrderMark || r == endOfFile }) == ""
}

// A byte order mark is where two files were put together, and Ctrl-Z the end of one in DOS.
const byteOrderMark, endOfFile = '\ufeff', '\x1a'

// breaksOff says that what was read last is the file's last line, and does not end: of the two line breaks behind the file one is left.
func breaksOff(in *bufio.Reader) bool {
	_, err := in.Peek(2)
	return errors.Is(err, io.EOF)
}

// brokenOff tells of a last row that is not whole. Nobody knows how many rows should come after it.
func brokenOff(row int) error {
	return unreadable("row %d is not whole, and its line does not end: the file breaks off there", row)
}

// tooLong tells of what comes after the last row that could be read.
func tooLong(last int) error {
	return unreadable("after row %d comes one of more than %d KB; is a quote opened there and not closed?", last, MaxRow>>10)
}

// table reads a CSV.
type table struct {
	csv   *csv.Reader
	in    *bufio.Reader
	text  *decoded
	width int
	// to, name and reference are places of columns, -1 for none; variables are those of placeholders, in the order of names.
	to, name, reference int
	names               []string
	variables           []int
	// last is the row that was read last.
	last int
	// inside counts the line breaks inside of fields: rows of a spreadsheet are lines of its file without them.
	inside int
}

func newTable(in *bufio.Reader, text *decoded, comma rune, c message.Columns) (*table, error) {
	t := &table{csv: csv.NewReader(in), in: in, text: text}
	t.csv.Comma, t.csv.FieldsPerRecord, t.csv.ReuseRecord = comma, -1, true
	header, _, err := t.record()
	switch {
	case errors.Is(err, errQuote):
		return nil, unreadable("the header has a quote in the wrong place")
	case errors.Is(err, io.EOF):
		return nil, unreadable("the file is empty")
	case err != nil:
		return nil, err
	}
	t.width = len(header)
	places, names := map[string][]int{}, make([]string, len(header))
	for i, name := range header {
		names[i] = headerName(name)
		places[names[i]] = append(places[names[i]], i)
	}
	var wrong []message.ValidationError
	find := func(name, pointer string) int {
		at := places[headerName(name)]
		switch {
		case name == "" || len(at) == 1:
		case len(at) == 0:
			wrong = append(wrong, message.ValidationError{
				Pointer: pointer, Detail: fmt.Sprintf("is no column of the file, whose header has %d", t.width),
			})
		default:
			wrong = append(wrong, message.ValidationError{Pointer: pointer, Detail: fmt.Sprintf("is the name of %d columns of the file", len(at))})
		}
		if len(at) != 1 || name == "" {
			return -1
		}
		return at[0]
	}
	t.to, t.name, t.reference = find(c.To, "/columns/to"), find(c.Name, "/columns/name"), find(c.Reference, "/columns/reference")
	for _, placeholder := range slices.Sorted(maps.Keys(c.Variables)) {
		at := find(c.Variables[placeholder], message.Pointer("/columns/variables", placeholder))
		t.names, t.variables = append(t.names, placeholder), append(t.variables, at)
	}
	if c.To == "" {
		wrong = append(wrong, message.ValidationError{Pointer: "/columns/to", Detail: "is missing: the file is a CSV"})
	}
	if len(wrong) == 0 {
		return t, nil
	}
	if slices.ContainsFunc(header, func(name string) bool { return strings.Contains(name, "\r") }) {
		// All of the file is one line then.
		return nil, unreadable("the lines of the file end as those of an old Macintosh; save it as CSV, or as CSV UTF-8")
	}
	broken := slices.ContainsFunc(slices.Collect(maps.Keys(places)), func(s string) bool { return strings.ContainsRune(s, utf8.RuneError) })
	if broken || text.mixed {
		// It is why the names are not those of the columns.
		wrong = slices.Insert(wrong, 0, message.ValidationError{Detail: fmt.Sprintf(
			"the file has characters that are none in %s: it is in another encoding, or a part of it is", text.encoding())})
	}
	return nil, &FormatError{Wrong: wrong, Header: names}
}

// headerName is a column's name in the form in which it is compared.
func headerName(s string) string {
	return norm.NFC.String(strings.TrimSpace(strings.ToValidUTF8(s, "\ufffd")))
}

// delimiter is what stands between the header's fields: of comma, semicolon and tab the one that is there most. A first line
// "sep=;", by which a spreadsheet tells another, is read.
func delimiter(in *bufio.Reader) (rune, error) {
	head, err := in.Peek(readAhead)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errTooLong) {
		return 0, err
	}
	if told, ok := bytes.CutPrefix(head, []byte("sep=")); ok && len(told) > 1 && strings.IndexByte(",;\t", told[0]) >= 0 {
		if end := bytes.IndexByte(head, '\n'); end >= 0 && len(bytes.TrimSpace(head[5:end])) == 0 {
			_, err := in.Discard(end + 1)
			return rune(told[0]), err
		}
	}
	count, quoted := map[byte]int{}, false
	for _, b := range bytes.TrimLeft(head, "\r\n") {
		if b == '"' {
			quoted = !quoted
		}
		if b == '\n' && !quoted {
			break
		}
		if !quoted {
			count[b]++
		}
	}
	comma := byte(',')
	for _, b := range []byte(";\t") {
		if count[b] > count[comma] {
			comma = b
		}
	}
	return rune(comma), nil
}

// errQuote says that a row has a quote inside of a field without quotes, or something behind one that ends.
var errQuote = errors.New("a quote in the wrong place")

// record reads a record and says which row it is, also of one with an errQuote.
func (t *table) record() ([]string, int, error) {
	t.text.grant()
	record, err := t.csv.Read()
	var wrong *csv.ParseError
	switch {
	case errors.Is(err, errTooLong):
		return nil, 0, tooLong(t.last)
	case errors.As(err, &wrong):
		t.last = wrong.StartLine - t.inside
		t.inside += wrong.Line - wrong.StartLine
		if _, end := t.in.Peek(1); errors.Is(end, io.EOF) {
			return nil, 0, unreadable("row %d has a quote that is not closed", t.last)
		}
		return nil, t.last, errQuote
	case err != nil:
		return nil, 0, err
	}
	line, _ := t.csv.FieldPos(0)
	t.last = line - t.inside
	for _, field := range record {
		t.inside += strings.Count(field, "\n")
	}
	return record, t.last, nil
}

func (t *table) next() (Row, error) {
	for {
		record, number, err := t.record()
		switch {
		case errors.Is(err, errQuote):
			return Row{Number: number, Wrong: []message.ValidationError{{Detail: "has a quote in the wrong place"}}}, nil
		case err != nil:
			return Row{}, err
		}
		if blank(strings.Join(record, "")) {
			continue
		}
		row := Row{Number: number}
		if len(record) < t.width && breaksOff(t.in) {
			return Row{}, brokenOff(number)
		}
		if len(record) != t.width {
			row.Wrong = []message.ValidationError{{Detail: fmt.Sprintf("has %d fields, and the header has %d", len(record), t.width)}}
			return row, nil
		}
		if i := slices.IndexFunc(record, func(s string) bool { return !utf8.ValidString(s) || strings.ContainsRune(s, utf8.RuneError) }); i >= 0 {
			row.Wrong = []message.ValidationError{{Detail: fmt.Sprintf("has a character in field %d that is none in %s", i+1, t.text.encoding())}}
			return row, nil
		}
		row.Recipient, row.Wrong = t.recipient(record)
		return row, nil
	}
}

// recipient makes a recipient of a record. An empty field is no member.
func (t *table) recipient(record []string) (message.Recipient, []message.ValidationError) {
	field := func(i int) string {
		if i < 0 {
			return ""
		}
		// A field that is kept must not keep all of its row in memory.
		return strings.Clone(strings.TrimSpace(record[i]))
	}
	to := asText(field(t.to))
	if lost := lostBySpreadsheet(to); lost != "" {
		return message.Recipient{}, []message.ValidationError{{Pointer: "/to", Detail: lost}}
	}
	f := message.RecipientFields{To: to, Name: field(t.name), Reference: field(t.reference)}
	for i, name := range t.names {
		f.Variables = append(f.Variables, [2]string{name, field(t.variables[i])})
	}
	return message.NewRecipient(f)
}

// asText is the number in a field that was made text for a spreadsheet: ="010…" or '010….
func asText(s string) string {
	if inner, ok := strings.CutPrefix(s, `="`); ok && strings.HasSuffix(inner, `"`) {
		return strings.TrimSuffix(inner, `"`)
	}
	return strings.TrimPrefix(s, "'")
}

var (
	exponent  = regexp.MustCompile(`^[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+$`)
	noZero    = regexp.MustCompile(`^(10[0-9]{8}|1[16789][0-9]{7,8}|2[0-9]{7,8}|[3-7][0-9]{8,9})$`)
	formatted = ": a spreadsheet has taken it for a number; have the column as text"
)

// lostBySpreadsheet says what a spreadsheet has made of a number that it took for one, if that can be seen.
func lostBySpreadsheet(to string) string {
	switch {
	case exponent.MatchString(to):
		return "is written with an exponent, and its last digits are lost" + formatted
	case noZero.MatchString(to):
		return "lacks the 0 that it begins with" + formatted
	}
	return ""
}
