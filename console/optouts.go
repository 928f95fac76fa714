package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"sms-api/console/page"
	"sms-api/internal/deadline"
	"sms-api/internal/message"
	"sms-api/internal/sheet"
)

// listing is what an import of opt-outs is asked for.
type listing struct {
	file, column, via, at string
	rate                  int
	dry                   bool
}

// flags adds those of an import.
func (l *listing) flags(set *flag.FlagSet) {
	set.StringVar(&l.column, "column", "", "name of the column with the numbers; without it one that is called as such a column is")
	set.StringVar(&l.via, "via", "import", "what is kept of where the list comes from")
	set.StringVar(&l.at, "at", "", "when they said so, such as 2026-11-20T09:00:00+09:00: who has opted in since stays in; without it now")
	set.IntVar(&l.rate, "rate", defaultPace, "how many numbers a second, 1 to 100")
	set.BoolVar(&l.dry, "dry-run", false, "say what would be done, and change nothing")
}

// defaultPace is how many numbers a second are asked for and written: with two requests each half of what a stack's API takes.
const defaultPace = 5

// columnNames are what columns of telephone numbers are called, and what they may be called where none is called so: many a list numbers
// its rows. They are compared without capitals and what stands between words.
func columnNames() (sure, perhaps []string) {
	return []string{
		"전화번호", "휴대폰", "휴대폰번호", "휴대전화", "휴대전화번호", "핸드폰", "핸드폰번호", "연락처", "수신번호", "phone", "phonenumber", "mobile",
		"mobilenumber", "cellphone", "tel", "to",
	}, []string{"number", "번호"}
}

// between is what may stand between the words of a column's name.
var between = strings.NewReplacer(" ", "", "_", "", "-", "", ".", "")

// asker is what is needed of a stack's API.
type asker interface {
	Ask(ctx context.Context, q page.Request, into any) error
}

// importer puts the numbers of a list among those who want no advertising.
type importer struct {
	listing
	api asker
	// said is what the API is told of each number. Its time is zero for now, by the API's clock.
	said  message.OptOut
	sleep func(ctx context.Context, d time.Duration) error
	out   io.Writer

	mu sync.Mutex
	// until is when the next request may be made, after the API has asked to slow down.
	until time.Time
	now   func() time.Time
	// done are those that something is known of: added are new, there were there already, since have opted in after it was said.
	done, added, there, since int
	refused                   map[string][]int
}

// optOuts is the command opt-outs. The file stands before the flags or behind them.
func optOuts(ctx context.Context, args []string, out, log io.Writer) error {
	var l listing
	f, words, err := parse(usageOf("opt-outs"), args, log, l.flags)
	if err != nil {
		return err
	}
	if len(words) != 2 || words[0] != "import" {
		return errors.New("want console opt-outs import FILE -stack STACK")
	}
	l.file = words[1]
	// What is wrong with it is said before anybody is asked for anything.
	if _, err := l.checked(time.Now()); err != nil {
		return err
	}
	if _, err := os.Stat(l.file); err != nil {
		return err
	}
	s, err := f.found(ctx)
	if err != nil {
		return err
	}
	return importOptOuts(ctx, s.API, l, deadline.Sleep, out)
}

// body is what the API is told of each number.
func (l *listing) body() []byte {
	said := map[string]string{"via": l.via}
	if l.at != "" {
		said["at"] = l.at
	}
	// Strings: there is nothing that cannot be encoded.
	body, _ := json.Marshal(said)
	return body
}

// checked is what the API will read of that. What it would refuse of every number is refused here, before anything is read: a dry run
// would not hear of it.
func (l *listing) checked(now time.Time) (message.OptOut, error) {
	const mostPace = 100
	if l.rate < 1 || l.rate > mostPace {
		return message.OptOut{}, fmt.Errorf("-rate is %d, want 1 to %d", l.rate, mostPace)
	}
	said, wrong, err := message.DecodeOptOut(l.body())
	if err != nil {
		return said, err
	}
	if wrong = append(wrong, said.Ahead(now)...); len(wrong) > 0 {
		return said, fmt.Errorf("-%s %s", strings.TrimPrefix(wrong[0].Pointer, "/"), wrong[0].Detail)
	}
	return said, nil
}

// numbered is a number with its row.
type numbered struct {
	row int
	to  message.Phone
}

// importOptOuts reads the whole list, and puts each number into the stack's. Once more it goes on with what is not there. The error
// says what was refused, or why it could not go on.
func importOptOuts(ctx context.Context, api asker, l listing, sleep func(context.Context, time.Duration) error, out io.Writer) error {
	said, err := l.checked(time.Now())
	if err != nil {
		return err
	}
	i := importer{listing: l, api: api, said: said, sleep: sleep, out: out, now: time.Now, refused: map[string][]int{}}
	rows, again, format, all, err := i.read()
	if err != nil {
		return fmt.Errorf("%s: %w", l.file, err)
	}
	err = i.all(ctx, all)
	i.summary(rows, again, format, len(all))
	wrong := 0
	for _, of := range i.refused {
		wrong += len(of)
	}
	var never *refusedError
	switch {
	case errors.As(err, &never):
		return fmt.Errorf("it could not go on: %w; the same command would be refused again", err)
	case err != nil:
		return fmt.Errorf("it could not go on: %w; the same command goes on where it was", err)
	case wrong > 0:
		return fmt.Errorf("refused: %d of %d rows", wrong, rows)
	}
	return nil
}

// read reads the list to its end before anything is written: of one that breaks off nothing is.
func (i *importer) read() (rows, again int, format sheet.Format, all []numbered, err error) {
	file, err := os.Open(i.file)
	if err != nil {
		return 0, 0, format, nil, errors.New("it cannot be opened")
	}
	defer func() { _ = file.Close() }()
	list, err := i.open(file)
	if err != nil {
		return 0, 0, format, nil, err
	}
	seen := map[message.Phone]bool{}
	for {
		row, err := list.Read()
		switch {
		case errors.Is(err, io.EOF) && rows == 0:
			return rows, again, format, nil, errors.New("the file has no row below its header")
		case errors.Is(err, io.EOF):
			return rows, again, list.Format(), all, nil
		case err != nil:
			return rows, again, format, nil, err
		}
		rows++
		switch {
		case len(row.Wrong) > 0:
			i.refuse(row.Number, row.Wrong[0].Detail)
		case seen[row.Recipient.To]:
			again++
		default:
			seen[row.Recipient.To] = true
			all = append(all, numbered{row.Number, row.Recipient.To})
		}
	}
}

// open finds the column of the numbers.
func (i *importer) open(file io.ReadSeeker) (*sheet.Reader, error) {
	list, err := sheet.NewReader(file, message.Columns{To: i.column})
	wrong := (*sheet.FormatError)(nil)
	switch {
	case err == nil || !errors.As(err, &wrong) || wrong.Wrong[0].Pointer == "":
		return list, err
	case i.column != "":
		return nil, fmt.Errorf("%q %w", i.column, err)
	}
	column, err := columnOf(wrong.Header)
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return sheet.NewReader(file, message.Columns{To: column})
}

// columnOf is the only one of a list's columns that is called as one of telephone numbers. Of two nobody knows which one is meant: a
// number that is not put in would go on getting advertising.
func columnOf(header []string) (string, error) {
	sure, perhaps := columnNames()
	for _, names := range [][]string{sure, perhaps} {
		found := slices.DeleteFunc(slices.Clone(header), func(s string) bool {
			return !slices.Contains(names, strings.ToLower(between.Replace(s)))
		})
		switch {
		case len(found) > 1:
			return "", fmt.Errorf("it has the columns %s: say with -column which column has the numbers", strings.Join(found, ", "))
		case len(found) == 1:
			return found[0], nil
		}
	}
	return "", fmt.Errorf("none of its %d columns is called %s: say with -column which column has the numbers; the first row must be their "+
		"names", len(header), strings.Join(append(sure, perhaps...), ", "))
}

func (i *importer) refuse(row int, why string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.refused[why] = append(i.refused[why], row)
}

// all puts all of them in, so many a second. The first error that is not about a number ends it.
func (i *importer) all(ctx context.Context, all []numbered) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	const atOnce, told = 8, 1000
	room := make(chan struct{}, atOnce)
	var wait sync.WaitGroup
	for n, one := range all {
		if n > 0 {
			if n%told == 0 {
				fmt.Fprintf(i.out, "%d of %d\n", n, len(all))
			}
			if i.sleep(ctx, time.Second/time.Duration(i.rate)) != nil {
				break
			}
		}
		room <- struct{}{}
		wait.Go(func() {
			defer func() { <-room }()
			if err := i.one(ctx, one); err != nil {
				stop(err)
				return
			}
			i.count(&i.done)
		})
	}
	wait.Wait()
	return context.Cause(ctx)
}

// standing is what the API knows of a number.
type standing struct {
	Status string    `json:"status"`
	At     time.Time `json:"at"`
}

// optedOut is the status of whoever wants no advertising.
const optedOut = "opted-out"

// one puts a number in that is not there.
func (i *importer) one(ctx context.Context, of numbered) error {
	path := "/v1/opt-outs/" + url.PathEscape(string(of.to))
	var known standing
	err := i.ask(ctx, page.Request{Method: http.MethodGet, Path: path}, &known)
	var problem *page.ProblemError
	unknown := errors.As(err, &problem) && problem.Type == page.ProblemType+"opt-out-not-found"
	switch {
	case err != nil && !unknown:
		return i.failed(of, err)
	case err == nil && known.Status == optedOut:
		i.count(&i.there)
		return nil
	case err == nil && !i.said.At.IsZero() && known.At.After(i.said.At):
		i.count(&i.since)
		return nil
	case i.dry:
		i.count(&i.added)
		return nil
	}
	if err := i.ask(ctx, page.Request{Method: http.MethodPut, Path: path, Body: i.body()}, &known); err != nil {
		return i.failed(of, err)
	}
	if known.Status != optedOut {
		i.count(&i.since)
		return nil
	}
	i.count(&i.added)
	return nil
}

func (i *importer) count(n *int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	*n++
}

// refusedError says what the API would refuse again, however often it is told.
type refusedError struct{ why string }

func (r *refusedError) Error() string { return r.why }

// failed takes down what the API refuses of a number; what it refuses of all of them is the end. An error may quote the address of
// a request, and the number in it.
func (i *importer) failed(of numbered, err error) error {
	said := strings.ReplaceAll(err.Error(), string(of.to), of.to.Masked())
	var problem *page.ProblemError
	if !errors.As(err, &problem) {
		return errors.New(said)
	}
	switch {
	case problem.Type == page.ProblemType+"invalid-query":
		i.refuse(of.row, said)
		return nil
	case problem.Status == http.StatusBadRequest || problem.Status == http.StatusUnprocessableEntity:
		return &refusedError{said}
	}
	return errors.New(said)
}

// tries is how often a request is made that the API does not answer, patience how often one that it has no time for.
const tries, patience = 6, 60

// ask makes a request, and again when the API asks to slow down, after as long as it says, or does not answer.
func (i *importer) ask(ctx context.Context, q page.Request, into any) error {
	pause := time.Second
	for slow, lost := 0, 0; ; {
		if err := i.wait(ctx); err != nil {
			return err
		}
		err := i.api.Ask(ctx, q, into)
		var problem *page.ProblemError
		if !errors.As(err, &problem) {
			return err
		}
		switch {
		case problem.Status == http.StatusTooManyRequests:
			slow++
		case problem.Status >= http.StatusInternalServerError:
			lost++
		default:
			return err
		}
		if slow >= patience || lost >= tries {
			return err
		}
		i.mu.Lock()
		if until := i.now().Add(max(pause, problem.RetryAfter)); until.After(i.until) {
			i.until = until
		}
		i.mu.Unlock()
		const longest = 30 * time.Second
		pause = min(2*pause, longest)
	}
}

// wait waits until requests may be made.
func (i *importer) wait(ctx context.Context) error {
	i.mu.Lock()
	left := i.until.Sub(i.now())
	i.mu.Unlock()
	if left <= 0 {
		return ctx.Err()
	}
	return i.sleep(ctx, left)
}

// summary says what has been done.
func (i *importer) summary(rows, again int, format sheet.Format, numbers int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	added := "new"
	if i.dry {
		added = "would be new"
	}
	fmt.Fprintf(i.out, "%d rows, %s in %s\n%d %s, %d already there, %d opted in since, %d the same number again\n", rows,
		strings.ToUpper(format.Kind), strings.ToUpper(format.Encoding), i.added, added, i.there, i.since, again)
	for _, why := range slices.Sorted(maps.Keys(i.refused)) {
		all := i.refused[why]
		slices.Sort(all)
		const most = 20
		first := strings.Trim(fmt.Sprint(all[:min(len(all), most)]), "[]")
		if len(all) > most {
			first += fmt.Sprintf(" and %d more", len(all)-most)
		}
		fmt.Fprintf(i.out, "refused, as it %s: rows %s\n", why, first)
	}
	if left := numbers - i.done; left > 0 {
		fmt.Fprintf(i.out, "%d not looked at\n", left)
	}
}
