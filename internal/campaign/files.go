package campaign

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
)

// objects is what is used of *bucket.Bucket.
type objects interface {
	Get(ctx context.Context, key, etag string) (io.ReadCloser, error)
	Put(ctx context.Context, key, contentType string, body io.ReadSeeker) error
	DeleteAll(ctx context.Context, prefix string) error
}

// Files are what campaigns keep beside the table: what was uploaded, the chunks of the plan and what is wrong with the other rows,
// and the report.
type Files struct{ Objects objects }

// Key is that of what is uploaded for a campaign.
func Key(id string) string { return prefix(id) + "file" }

// ReportKey is that of its report, ErrorsKey of what is wrong with its file.
func ReportKey(id string) string { return prefix(id) + "report.csv" }

// ErrorsKey is that of the list of what is wrong with its file, as its plan has it.
func ErrorsKey(c Campaign) string { return planned(c.ID, c.Attempt) + "errors.csv" }

// FileName is what a file of the campaign, its report or what is wrong, is saved as: by the campaign's name, as far as file names
// may have it, or by its id.
func (c Campaign) FileName(what string) string {
	const most = 60       // characters, whose three bytes each leave room in the 255 of file systems
	const outside = "-. " // what a name neither begins nor ends with
	name := []rune(strings.Trim(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || strings.ContainsRune("-_.() ", r) {
			return r
		}
		return '-'
	}, c.Reference), outside))
	name = name[:min(len(name), most)]
	return cmp.Or(strings.TrimRight(string(name), outside), c.ID) + "-" + what + ".csv"
}

func prefix(id string) string { return "campaigns/" + id + "/" }

func planned(id, attempt string) string { return prefix(id) + "plan-" + attempt + "/" }

func chunkKey(id, attempt string, number int) string {
	return fmt.Sprintf("%s%05d.json", planned(id, attempt), number)
}

const (
	typeJSON = "application/json"
	typeCSV  = "text/csv; charset=utf-8"
)

// Chunk reads a chunk of the plan.
func (f *Files) Chunk(ctx context.Context, c Campaign, number int) (Chunk, error) {
	body, err := f.Objects.Get(ctx, chunkKey(c.ID, c.Attempt, number), "")
	if err != nil {
		return Chunk{}, err
	}
	defer func() { _ = body.Close() }()
	var chunk Chunk
	if err := json.NewDecoder(body).Decode(&chunk); err != nil {
		return Chunk{}, fmt.Errorf("read chunk %d: %w", number, err)
	}
	return chunk, nil
}

func (f *Files) putChunk(ctx context.Context, id, attempt string, number int, c Chunk) error {
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write chunk %d: %w", number, err)
	}
	return f.Objects.Put(ctx, chunkKey(id, attempt, number), typeJSON, bytes.NewReader(body))
}

// errorsHeader are the columns of the list of what is wrong with a file.
func errorsHeader() []string { return []string{"row", "pointer", "detail"} }

// Refused opens the list of what is wrong with the rows of a campaign's file; next returns io.EOF after the last.
func (f *Files) Refused(ctx context.Context, c Campaign) (next func() (RowError, error), end func(), err error) {
	body, err := f.Objects.Get(ctx, ErrorsKey(c), "")
	if err != nil {
		return nil, nil, err
	}
	in := bufio.NewReader(body)
	if mark, err := in.Peek(len(byteOrderMark)); err == nil && string(mark) == byteOrderMark {
		_, _ = in.Discard(len(byteOrderMark)) // it was there a moment ago
	}
	lines := csv.NewReader(in)
	lines.FieldsPerRecord = len(errorsHeader())
	header := true
	next = func() (RowError, error) {
		line, err := lines.Read()
		if err == nil && header {
			header = false
			line, err = lines.Read()
		}
		if err != nil {
			return RowError{}, err
		}
		row, err := strconv.Atoi(line[0])
		return RowError{Row: row, Pointer: line[1], Detail: line[2]}, err
	}
	return next, func() { _ = body.Close() }, nil
}

// byteOrderMark has spreadsheets read a CSV as UTF-8.
const byteOrderMark = "\ufeff"

// table is a CSV that is written to a file of its own, because what is put into a bucket has a length that is known.
type table struct {
	*csv.Writer

	file *os.File
}

func newTable(header []string) (*table, error) {
	file, err := os.CreateTemp("", "campaign-*.csv")
	if err != nil {
		return nil, fmt.Errorf("make a file: %w", err)
	}
	t := &table{Writer: csv.NewWriter(file), file: file}
	t.UseCRLF = true
	_, err = io.WriteString(file, byteOrderMark)
	if err = errors.Join(err, t.Write(header)); err != nil {
		return nil, errors.Join(err, t.remove())
	}
	return t, nil
}

// put puts it into the bucket.
func (t *table) put(ctx context.Context, f *Files, key string) error {
	t.Flush()
	if err := t.Error(); err != nil {
		return err
	}
	if _, err := t.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return f.Objects.Put(ctx, key, typeCSV, t.file)
}

func (t *table) remove() error { return errors.Join(t.file.Close(), os.Remove(t.file.Name())) }
