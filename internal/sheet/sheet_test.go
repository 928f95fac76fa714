package sheet_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/unicode/norm"

	"sms-api/internal/message"
	"sms-api/internal/sheet"
)

var columns = message.Columns{
	To: "전화번호", Name: "고객명", Reference: "회원번호", Variables: map[string]string{"주문번호": "주문", "상품": "상품"},
}

// few are columns of small examples.
var few = message.Columns{To: "to", Name: "name"}

// read reads a file whole, slowly, and writes a line for each row: its number, and the recipient or what is wrong.
func read(t *testing.T, file string, c message.Columns) (rows []string, f sheet.Format, err error) {
	t.Helper()
	r, err := sheet.NewReader(&dribble{strings.NewReader(file)}, c)
	if err != nil {
		return nil, f, err
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, r.Format(), nil
		}
		if err != nil {
			return rows, r.Format(), err
		}
		line := fmt.Sprintf("%d %s %s", row.Number, string(row.Recipient.To), string(row.Recipient.Name))
		if row.Recipient.Reference != "" {
			line += " #" + row.Recipient.Reference
		}
		for _, name := range []string{"주문번호", "상품"} {
			if v, ok := row.Recipient.Variables[name]; ok {
				line += " " + name + "=" + string(v)
			}
		}
		for _, w := range row.Wrong {
			line = fmt.Sprintf("%d %s: %s", row.Number, w.Pointer, w.Detail)
		}
		rows = append(rows, line)
	}
}

// dribble gives a few bytes at a time, as networks do.
type dribble struct{ of io.Reader }

func (d *dribble) Read(p []byte) (int, error) { return d.of.Read(p[:min(len(p), 3)]) }

func cp949(s string) string {
	out, err := korean.EUCKR.NewEncoder().String(s)
	if err != nil {
		panic(err) // a text of this file
	}
	return out
}

func utf16(s string) string {
	out, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(s)
	if err != nil {
		panic(err) // a text of this file
	}
	return out
}

// What spreadsheets in Korea write, in every encoding and with every delimiter.
func TestSpreadsheets(t *testing.T) {
	t.Parallel()
	file := "회원번호,고객명,전화번호,주문,상품\r\nm-1,홍길동,010-1234-5678,A-1,\"똠방각하, 큰 것\"\r\n\r\nm-2,\"김 \"\"철\"\"수\"," +
		"\"=\"\"01098765432\"\"\",A-2,\"두\r\n줄\"\r\n,,,,\r\nm-3,이영희,'0111234567,A-3,떡\r\n"
	want := []string{
		"2 01012345678 홍길동 #m-1 주문번호=A-1 상품=똠방각하, 큰 것",
		`4 01098765432 김 "철"수 #m-2 주문번호=A-2 상품=두` + "\n" + `줄`,
		"6 0111234567 이영희 #m-3 주문번호=A-3 상품=떡",
	}
	withTabs := strings.NewReplacer(",", "\t", "똠방각하, 큰 것", "똠방각하, 큰 것").Replace(file)
	for name, c := range map[string]struct {
		file   string
		format sheet.Format
	}{
		"utf-8":               {file, sheet.Format{Kind: "csv", Encoding: "utf-8", Delimiter: ","}},
		"byte order mark":     {"\ufeff" + file, sheet.Format{Kind: "csv", Encoding: "utf-8", Delimiter: ","}},
		"cp949":               {cp949(file), sheet.Format{Kind: "csv", Encoding: "cp949", Delimiter: ","}},
		"utf-16 of tabs":      {utf16(withTabs), sheet.Format{Kind: "csv", Encoding: "utf-16", Delimiter: "\t"}},
		"line feeds":          {strings.ReplaceAll(file, "\r\n", "\n"), sheet.Format{Kind: "csv", Encoding: "utf-8", Delimiter: ","}},
		"no break at its end": {strings.TrimSuffix(file, "\r\n"), sheet.Format{Kind: "csv", Encoding: "utf-8", Delimiter: ","}},
		"sep=":                {"sep=,\r\n" + file, sheet.Format{Kind: "csv", Encoding: "utf-8", Delimiter: ","}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, format, err := read(t, c.file, columns)
			if err != nil || format != c.format {
				t.Errorf("%+v, %v", format, err)
			}
			got := strings.ReplaceAll(strings.Join(rows, "|"), "\t 큰", ", 큰")
			if name == "sep=" {
				// The line is one of the file's.
				got = strings.NewReplacer("3 0101", "2 0101", "5 0109", "4 0109", "7 0111", "6 0111").Replace(got)
			}
			if got != strings.Join(want, "|") {
				t.Errorf("\n got %s\nwant %s", got, strings.Join(want, "|"))
			}
		})
	}
}

// What a computer may take for another thing than it is: a delimiter in quotes, a header that a Mac has taken apart, UTF-8 that is
// CP949 as well, and blanks that are no row.
func TestWhatIsEasilyMistaken(t *testing.T) {
	t.Parallel()
	header := norm.NFD.String("전화번호,이름") + "\n"
	for name, c := range map[string]struct {
		file, encoding, delimiter string
		columns                   message.Columns
		want                      []string
	}{
		"commas in quotes": {
			"\"a,b,c,d\";to;name\nx;01012345678;홍길동\n", sheet.UTF8, ";", few, []string{"2 01012345678 홍길동"},
		},
		"a header taken apart": {
			header + "01012345678,홍길동\n", sheet.UTF8, ",", message.Columns{To: "전화번호", Name: "이름"}, []string{"2 01012345678 홍길동"},
		},
		"Latin letters": {"to,name\n01012345678,José\n", sheet.UTF8, ",", few, []string{"2 01012345678 José"}},
		"blanks":        {"to,name\n  ,\t\n01012345678,홍길동\n", sheet.UTF8, ",", few, []string{"3 01012345678 홍길동"}},
		"a byte that is no CP949": {
			cp949("to,name\n01012345678,홍길동\n01012345679,김") + "\xff\n" + cp949("01012345670,이몽룡\n"), sheet.CP949, ",", few,
			[]string{"2 01012345678 홍길동", "3 : has a character in field 2 that is none in cp949", "4 01012345670 이몽룡"},
		},
	} {
		rows, f, err := read(t, c.file, c.columns)
		if err != nil || f.Encoding != c.encoding || f.Delimiter != c.delimiter || !slices.Equal(rows, c.want) {
			t.Errorf("%s: %q in %+v, %v", name, rows, f, err)
		}
	}
}

func TestSemicolons(t *testing.T) {
	t.Parallel()
	rows, format, err := read(t, "name;to;note, if any\n홍,길동;010 1234 5678;\n", few)
	if err != nil || format.Delimiter != ";" || strings.Join(rows, "|") != "2 01012345678 홍,길동" {
		t.Errorf("%q, %+v, %v", rows, format, err)
	}
}

func TestJSONLines(t *testing.T) {
	t.Parallel()
	rows, format, err := read(t, `{"to":"010-1234-5678","name":"홍길동","reference":"m-1","variables":{"주문번호":"A-1"}}

{"to":"01012345678","to":"01012345679"}
{"to":12}
{"name":"홍길동"}
[1]
{"to":"010
{"to":"01012345678"}`, message.Columns{})
	want := []string{
		"1 01012345678 홍길동 #m-1 주문번호=A-1",
		"3 /to: is there twice",
		"4 /to: must be a string",
		"5 /to: is missing",
		"6 : must be an object, and is an array",
		"7 : is not JSON in UTF-8",
		"8 01012345678 ",
	}
	if err != nil || format != (sheet.Format{Kind: "jsonl", Encoding: "utf-8"}) || strings.Join(rows, "|") != strings.Join(want, "|") {
		t.Errorf("%v %+v\n got %q\nwant %q", err, format, rows, want)
	}
}

// What is wrong with a row is said of it alone.
func TestWrongRows(t *testing.T) {
	t.Parallel()
	for row, want := range map[string]string{
		"홍길동,1.01E+10": "/to: is written with an exponent, and its last digits are lost: a spreadsheet has taken it for a number; " +
			"have the column as text",
		"홍길동,1.01234E10":                          "/to: is written with an exponent",
		"홍길동,1012345678":                          "/to: lacks the 0 that it begins with",
		"홍길동,212345678":                           "/to: lacks the 0 that it begins with",
		"홍길동,":                                    "/to: is missing",
		"홍길동,010-1234-567":                        "/to: is not a Korean telephone number: it has 10 digits",
		"홍길동":                                     ": has 1 fields, and the header has 2",
		"홍,길동,01012345678":                        ": has 3 fields, and the header has 2",
		"\xff\xff,01012345678":                    ": has a character in field 1 that is none in utf-8",
		strings.Repeat("가", 200) + ",01012345678": "/name: ",
	} {
		rows, _, err := read(t, "name,to\n가,01012345678\n"+row+"\n나,01012345678\n", few)
		if err != nil || len(rows) != 3 || !strings.HasPrefix(rows[1], "3 "+want) || rows[2] != "4 01012345678 나" {
			t.Errorf("%.30q: %q, %v; want 3 %s", row, rows, err, want)
		}
	}
}

// told is all that is wrong.
func told(e *sheet.FormatError) string {
	all := make([]string, len(e.Wrong))
	for i, w := range e.Wrong {
		all[i] = strings.TrimSpace(w.Pointer + " " + w.Detail)
	}
	return strings.Join(all, "\n")
}

// What cannot be read at all says why.
func TestNoTable(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"":                          "the file is empty",
		"\ufeff":                    "the file is empty",
		" \r\n\n":                   "the file is empty", //nolint:gocritic // that is the file
		"PK\x03\x04xl/workbook.xml": "the file is an Excel workbook or a ZIP archive; save it as CSV",
		"\xd0\xcf\x11\xe0\xa1":      "the file is an old Excel workbook; save it as CSV",
		"\x89PNG\r\n":               "the file is an image",
		"a\x00b":                    "the file is no text: it has zero bytes",
		`[{"to":"01012345678"}]`:    "the file is one JSON array; it must have an object a line, without brackets and commas around them",
		"name,number\n":             "/columns/to is no column of the file, whose header has 2",
		"to,name,to\n":              "/columns/to is the name of 2 columns of the file",
		"to,name\r01012345678,가\r":  "the lines of the file end as those of an old Macintosh; save it as CSV, or as CSV UTF-8",
		"to\n":                      "/columns/name is no column of the file, whose header has 1",
		"number\n": "/columns/to is no column of the file, whose header has 1\n" +
			"/columns/name is no column of the file, whose header has 1",
		strings.Repeat(" ", 70_000): "the file begins with 65536 blank characters",
	} {
		_, err := sheet.NewReader(strings.NewReader(file), few)
		var wrong *sheet.FormatError
		if !errors.As(err, &wrong) || told(wrong) != want {
			t.Errorf("%.20q: %v, want %s", file, err, want)
		}
	}
	if rows, _, err := read(t, "to,name\n", few); len(rows) != 0 || err != nil {
		t.Errorf("only a header: %q, %v", rows, err)
	}
}

// Of a file without the columns it is said what it is, though its header be ASCII, and whether its encoding is why.
func TestFormatOfWhatHasOtherColumns(t *testing.T) {
	t.Parallel()
	in949 := func(s string) string {
		encoded, err := korean.EUCKR.NewEncoder().String(s)
		if err != nil {
			t.Fatal(err)
		}
		return encoded
	}
	const none, names = "the file has characters that are none in ", "전화번호;고객명\n"
	for file, want := range map[string]struct {
		format sheet.Format
		first  string
	}{
		"number;name\n01012345678;Kim\n":             {sheet.Format{Kind: "csv", Encoding: "utf-8", Delimiter: ";"}, "/columns/to "},
		"number,name\n" + in949("01012345678,홍길동\n"): {sheet.Format{Kind: "csv", Encoding: "cp949", Delimiter: ","}, "/columns/to "},
		in949(names):            {sheet.Format{Kind: "csv", Encoding: "cp949", Delimiter: ";"}, "/columns/to "},
		"\ufeff" + in949(names): {sheet.Format{Kind: "csv", Encoding: "utf-8", Delimiter: ";"}, none + "utf-8: "},
		names + strings.Repeat(in949("01012345678;홍길동\n"), 9): {sheet.Format{Kind: "csv", Encoding: "cp949", Delimiter: ";"}, none + "cp949: "},
		// What is cut off where it is looked at is not broken.
		in949(names) + strings.Repeat(in949("01012345678;홍길\n"), 9000): {
			sheet.Format{Kind: "csv", Encoding: "cp949", Delimiter: ";"}, "/columns/to "},
	} {
		_, err := sheet.NewReader(strings.NewReader(file), few)
		var wrong *sheet.FormatError
		if !errors.As(err, &wrong) || wrong.Format != want.format || !strings.HasPrefix(told(wrong), want.first) {
			t.Errorf("%.40q: %v, %+v", file, err, wrong)
		}
	}
}

// A quote in the wrong place is an error of its row alone, the last one as well.
func TestQuoteInTheLastRow(t *testing.T) {
	t.Parallel()
	for _, row := range []string{`17" 모니터,01012345679`, `m("x"),01012345679`, `"나"씨,01012345679`, "\"나\n\"씨,01012345679"} {
		for _, end := range []string{"", "\n", "\r\n", "\n\n", "\n다,01012345670"} {
			rows, _, err := read(t, "name,to\n가,01012345678\n"+row+end, few)
			if err != nil || len(rows) < 2 || rows[1] != "3 : has a quote in the wrong place" {
				t.Errorf("%q: %q, %v", row+end, rows, err)
			}
		}
	}
	for _, row := range []string{`"나,01012345679`, `나,"01012345679`, `나,"`} {
		for _, end := range []string{"", "\n", "\r\n", "\n\n", "\n다,01012345670"} {
			if _, _, err := read(t, "name,to\n가,01012345678\n"+row+end, few); err == nil || err.Error() != "row 3 has a quote that is not closed" {
				t.Errorf("%q: %v", row+end, err)
			}
		}
	}
}

// A quote that is never closed does not swallow the file unseen.
func TestOpenQuote(t *testing.T) {
	t.Parallel()
	rows, _, err := read(t, "name,to\n가,01012345678\n\"나,01012345678\n다,01012345678\n", few)
	if len(rows) != 1 || err == nil || err.Error() != "row 3 has a quote that is not closed" {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	file := "name,to\n가,01012345678\n\"나,01012345678\n" + strings.Repeat("다,01012345678\n", 20_000)
	rows, _, err = read(t, file, few)
	var wrong *sheet.FormatError
	if len(rows) != 1 || !errors.As(err, &wrong) || !strings.HasPrefix(told(wrong), "after row 2 comes one of more than 64 KB") {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// The error of the file's reader is that of the reader, wherever it comes.
func TestBrokenFile(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection lost")
	text := "name,to\n" + strings.Repeat("홍길동,01012345678\n", 10_000)
	for _, at := range []int{0, 3, 7, 9, 100, 70_000, len(text) - 1} {
		r, err := sheet.NewReader(io.MultiReader(strings.NewReader(text[:at]), failing{broken}), few)
		for err == nil {
			_, err = r.Read()
		}
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", at, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Whatever the file is, each of its rows is told of or the reason why not, in bounded time.
func FuzzSheet(f *testing.F) {
	f.Add([]byte("name,to\n홍길동,01012345678\n"))
	f.Add([]byte(cp949("name;to\n\"홍\n길동\";01012345678\n")))
	f.Add([]byte("{\"to\":\"01012345678\"}\n"))
	f.Add([]byte(utf16("to\tname\n1\t2")))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := sheet.NewReader(bytes.NewReader(file), few)
		last := 0
		for err == nil {
			var row sheet.Row
			if row, err = r.Read(); err == nil {
				if row.Number <= last {
					t.Fatalf("row %d after row %d", row.Number, last)
				}
				last = row.Number
				if (row.Recipient.To == "") == (len(row.Wrong) == 0) {
					t.Fatalf("%+v", row)
				}
			}
		}
		var wrong *sheet.FormatError
		if !errors.Is(err, io.EOF) && !errors.As(err, &wrong) {
			t.Fatal(err)
		}
	})
}

func BenchmarkSheet(b *testing.B) {
	var file bytes.Buffer
	file.WriteString("회원번호,고객명,전화번호,주문,상품\n")
	const rows = 10_000
	for i := range rows {
		fmt.Fprintf(&file, "m-%d,홍길동,010-%04d-5678,A-%d,떡\n", i, i, i)
	}
	text := cp949(file.String())
	b.ReportAllocs()
	for b.Loop() {
		r, err := sheet.NewReader(strings.NewReader(text), columns)
		n := 0
		for err == nil {
			_, err = r.Read()
			n++
		}
		if n != rows+1 {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*rows), "µs/row")
}

// A file that breaks off in a row is not read as if the rest of it had never been; one that breaks off between two rows, or in its last
// field, looks whole. A last row that ends is no end of a broken file, whatever is wrong with it.
func TestBrokenOff(t *testing.T) {
	t.Parallel()
	object := `{"to":"01012345678","name":"가"}`
	for at := range len(object) + 1 {
		rows, _, err := read(t, object+"\n"+object[:at], few)
		whole := at == 0 || at == len(object)
		if whole && (err != nil || len(rows) > 2) ||
			!whole && (err == nil || err.Error() != "row 2 is not whole, and its line does not end: the file breaks off there") {
			t.Errorf("%q: %q, %v", object[:at], rows, err)
		}
		if rows, _, err := read(t, object+"\n"+object[:at]+"\n", few); err != nil || at > 0 && len(rows) != 2 {
			t.Errorf("%q and a line break: %q, %v", object[:at], rows, err)
		}
	}
	row := "나,회원,01012345679"
	for at := range len(row) + 1 {
		rows, _, err := read(t, "name,kind,to\n가,회원,01012345678\n"+row[:at], few)
		if seen := at == 0 || strings.Count(row[:at], ",") == 2; seen == (err != nil) {
			t.Errorf("%q: %q, %v", row[:at], rows, err)
		}
		if rows, _, err := read(t, "name,kind,to\n가,회원,01012345678\n"+row[:at]+"\r\n", few); err != nil || at > 0 && len(rows) != 2 {
			t.Errorf("%q and a line break: %q, %v", row[:at], rows, err)
		}
	}
	for _, last := range []string{"\x1a", "\u00a0", "\ufeff", "\u3000\x1a"} {
		for _, file := range []string{object + "\n", "name,kind,to\n가,회원,01012345678\n"} {
			if rows, _, err := read(t, file+last, few); err != nil || len(rows) != 1 {
				t.Errorf("what stands behind the last row, %q, is one: %q, %v", last, rows, err)
			}
		}
	}
	if rows, _, err := read(t, "name,kind,to\n"+row+",more", few); err != nil || len(rows) != 1 {
		t.Errorf("a last row with more than there are columns is not broken: %q, %v", rows, err)
	}
}
