package campaign

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"sms-api/internal/message"
	"sms-api/internal/sheet"
)

// Checked is what the door says of a message that is not sent.
type Checked struct {
	// Wrong is everything that is wrong with the request; nothing else is of use then.
	Wrong []message.ValidationError
	// Size is how many bytes the message has as the input of an execution.
	Size int
	// PriceKRW and PriceAtMostKRW are those of a preview.
	PriceKRW, PriceAtMostKRW float64
	// Bills are those of the most that it may cost. Who has opted out costs nothing.
	Bills Bills
	// Texts are what the recipients get, empty for those who have opted out.
	Texts []string
	// OptedOut are the places of recipients who want no such message.
	OptedOut []int
	// Limited are the limits on what a number gets that have no room for some.
	Limited []LimitHit
}

// LimitHit is a limit that has no room for some recipients.
type LimitHit struct {
	Limit string
	// Max is what it allows.
	Max int
	// Recipients are their places.
	Recipients []int
}

// Room is how many more recipients a limit has room for on the day on which a campaign begins.
type Room struct {
	Limit     string
	Max, Free int
}

// Door is what checks messages by the rules of the API.
type Door interface {
	// Check says what would come of a request. The error is ours, and worth another try.
	Check(ctx context.Context, r message.Request) (Checked, error)
	// Rooms are the limits that have nothing to do with who the recipients are. Nothing is taken from them.
	Rooms(ctx context.Context) ([]Room, error)
}

// Planner checks files.
type Planner struct {
	Door Door
	// Request is the message, without its recipients.
	Request message.Request
	// Columns say what is where in a CSV.
	Columns message.Columns
	// Rate is how many recipients a minute are handed out.
	Rate int
	// Suffices says whether the wallet pays for so much; nil is not known.
	Suffices func(ctx context.Context, b Bills) *bool
	// Put writes a chunk, which are numbered from 0, and Refuse writes down what is wrong with a row.
	Put    func(ctx context.Context, number int, c Chunk) error
	Refuse func(e RowError) error
}

// examples is how many examples a plan has.
const examples = 3

// planning is a plan that is being made.
type planning struct {
	*Planner
	plan Plan
	// first has the row that a number was in first, by the number's digits.
	first map[uint64]uint32
	// candidates are rows that are right by themselves, fit those that are right with the message, too.
	candidates, fit Chunk
	// bytes is the size of fit's recipients, and frame that of the message around them.
	bytes, frame int
	bills        Bills
	// held are what is wrong with rows as long as others before them are candidates.
	held []RowError
	// chunks are how many recipients each has.
	chunks []int
}

// Plan reads a file and hands out the chunks that it makes. What is wrong with the file is in the plan; an error means that it
// could not be read or written, or that somebody else did not answer, and that all of it is worth another try.
func (p *Planner) Plan(ctx context.Context, file io.Reader) (Plan, error) {
	g := planning{Planner: p, first: map[uint64]uint32{}, plan: Plan{Errors: []RowError{}, Examples: []Example{}}}
	err := g.read(ctx, file)
	var unreadable *sheet.FormatError
	if errors.As(err, &unreadable) {
		// Nothing of a file is sent that cannot be read to its end.
		g.wrong(0, unreadable.Wrong)
		err = errRequest
	}
	if errors.Is(err, errRequest) {
		g.plan.Valid, g.plan.Messages, g.plan.Limits, g.plan.Examples = 0, 0, nil, []Example{}
		g.plan.PriceKRW, g.plan.PriceAtMostKRW, err = 0, 0, nil
	}
	if err == nil {
		err = g.tell()
	}
	g.plan.PriceKRW, g.plan.PriceAtMostKRW = tenths(g.plan.PriceKRW), tenths(g.plan.PriceAtMostKRW)
	g.plan.Seconds = int(pace(g.plan.Valid, p.Rate).Seconds())
	if err == nil && g.plan.Valid > 0 && p.Suffices != nil {
		g.plan.WalletSuffices = p.Suffices(ctx, g.bills)
	}
	return g.plan, err
}

// tenths takes away what adding up left of binary fractions; list prices have one decimal.
func tenths(krw float64) float64 { return math.Round(krw*10) / 10 }

// errRequest says that the message is wrong, whoever it goes to.
var errRequest = errors.New("the message itself cannot be sent")

func (g *planning) read(ctx context.Context, file io.Reader) error {
	rows, err := sheet.NewReader(file, g.Columns)
	if wrong := (*sheet.FormatError)(nil); errors.As(err, &wrong) {
		g.plan.Format = wrong.Format
	}
	if err != nil {
		return err
	}
	for {
		row, err := rows.Read()
		g.plan.Format = rows.Format()
		switch {
		case errors.Is(err, io.EOF) && g.plan.Rows == 0:
			return &sheet.FormatError{Wrong: []message.ValidationError{{Detail: "the file has no row below its header"}}}
		case errors.Is(err, io.EOF):
			return g.finish(ctx)
		case err != nil:
			return err
		}
		g.plan.Rows++
		if err := g.add(ctx, row); err != nil {
			return err
		}
	}
}

// mostHeld is for how many things that are wrong candidates are waited for at most.
const mostHeld = 10_000

// add takes a row, and tells what is wrong with those up to it once that is known of all of them.
func (g *planning) add(ctx context.Context, row sheet.Row) error {
	err := g.sort(ctx, row)
	if err == nil && len(g.held) > mostHeld {
		err = g.check(ctx)
	}
	if err == nil && g.candidates.size() == 0 {
		err = g.tell()
	}
	return err
}

// sort takes a row, and checks as many as a message may have recipients at a time.
func (g *planning) sort(ctx context.Context, row sheet.Row) error {
	if len(row.Wrong) > 0 {
		g.plan.Refused++
		g.wrong(row.Number, row.Wrong)
		return nil
	}
	digits, err := strconv.ParseUint(string(row.Recipient.To), 10, 64)
	if err != nil {
		return fmt.Errorf("row %d: its number has something else than digits", row.Number)
	}
	if first, twice := g.first[digits]; twice && len(g.candidates.Rows) > 0 && int(first) >= g.candidates.Rows[0] {
		// It may yet turn out that nothing can be sent for the first one.
		if err := g.check(ctx); err != nil {
			return err
		}
	}
	if first, twice := g.first[digits]; twice {
		g.plan.Duplicates++
		g.wrong(row.Number, []message.ValidationError{{Pointer: "/to", Detail: fmt.Sprintf("is the same number as in row %d", first)}})
		return nil
	}
	g.first[digits] = uint32(row.Number) //nolint:gosec // a file has at most 200 MB
	g.candidates.Rows = append(g.candidates.Rows, row.Number)
	g.candidates.Recipients = append(g.candidates.Recipients, row.Recipient)
	if g.candidates.size() == message.MaxRecipients {
		return g.check(ctx)
	}
	return nil
}

// check holds the candidates to the rules of messages.
func (g *planning) check(ctx context.Context) error {
	c := g.candidates
	g.candidates = Chunk{}
	if c.size() == 0 {
		return nil
	}
	r := g.Request
	r.Recipients = c.Recipients
	checked, err := g.Door.Check(ctx, r)
	if err != nil {
		return err
	}
	refused, whole := byRecipient(checked.Wrong, c.size())
	if len(whole) > 0 {
		g.wrong(0, whole)
		return errRequest
	}
	if len(refused) > 0 {
		return g.recheck(ctx, c, refused)
	}
	g.plan.PriceKRW += checked.PriceKRW
	g.plan.PriceAtMostKRW += checked.PriceAtMostKRW
	g.bills.AlimTalk += checked.Bills.AlimTalk
	g.bills.SMS += checked.Bills.SMS
	g.bills.LMS += checked.Bills.LMS
	if g.frame == 0 {
		g.frame = checked.Size - size(c.Recipients)
	}
	g.limited(checked, c)
	for i := range c.Recipients {
		if slices.Contains(checked.OptedOut, i) {
			g.plan.OptedOut++
			g.wrong(c.Rows[i], []message.ValidationError{{Pointer: "/to", Detail: "has opted out"}})
			continue
		}
		if len(g.plan.Examples) < examples && i < len(checked.Texts) {
			g.plan.Examples = append(g.plan.Examples, Example{To: c.Recipients[i].To.Masked(), Text: checked.Texts[i]})
		}
		if err := g.take(ctx, c.Rows[i], c.Recipients[i]); err != nil {
			return err
		}
	}
	return nil
}

// recheck refuses some of the candidates and checks the others again, of whom nothing is known as long as others are wrong.
func (g *planning) recheck(ctx context.Context, c Chunk, refused map[int][]message.ValidationError) error {
	for i := range c.Recipients {
		if wrong, is := refused[i]; is {
			g.plan.Refused++
			if digits, err := strconv.ParseUint(string(c.Recipients[i].To), 10, 64); err == nil {
				delete(g.first, digits)
			}
			g.wrong(c.Rows[i], wrong)
			continue
		}
		g.candidates.Rows = append(g.candidates.Rows, c.Rows[i])
		g.candidates.Recipients = append(g.candidates.Recipients, c.Recipients[i])
	}
	return g.check(ctx)
}

// byRecipient takes problems apart by the recipient that they are about; whole are those about the message.
func byRecipient(problems []message.ValidationError, n int) (of map[int][]message.ValidationError, whole []message.ValidationError) {
	for _, p := range problems {
		rest, ok := strings.CutPrefix(p.Pointer, "/recipients/")
		index, pointer, _ := strings.Cut(rest, "/")
		i, err := strconv.Atoi(index)
		if !ok || err != nil || i < 0 || i >= n {
			whole = append(whole, p)
			continue
		}
		if of == nil {
			of = map[int][]message.ValidationError{}
		}
		if pointer != "" {
			pointer = "/" + pointer
		}
		of[i] = append(of[i], message.ValidationError{Pointer: pointer, Detail: p.Detail})
	}
	return of, whole
}

// take puts a recipient into the chunk that is being filled, or into the next when that is full.
func (g *planning) take(ctx context.Context, row int, r message.Recipient) error {
	n := size([]message.Recipient{r})
	if g.fit.size() == message.MaxRecipients || g.fit.size() > 0 && g.frame+g.bytes+n > message.MaxSize {
		if err := g.flush(ctx); err != nil {
			return err
		}
	}
	g.fit.Rows, g.fit.Recipients = append(g.fit.Rows, row), append(g.fit.Recipients, r)
	g.bytes += n
	g.plan.Valid++
	return nil
}

func (g *planning) flush(ctx context.Context) error {
	if g.fit.size() == 0 {
		return nil
	}
	if err := g.Put(ctx, g.plan.Messages, g.fit); err != nil {
		return err
	}
	g.plan.Messages++
	g.chunks = append(g.chunks, g.fit.size())
	g.fit, g.bytes = Chunk{}, 0
	return nil
}

func (g *planning) finish(ctx context.Context) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	if err := g.flush(ctx); err != nil {
		return err
	}
	return g.rooms(ctx)
}

// limited notes who of those that were checked is over a limit. Who has opted out takes nothing of one.
func (g *planning) limited(checked Checked, c Chunk) {
	for _, hit := range checked.Limited {
		at := slices.IndexFunc(g.plan.Limits, func(l PlanLimit) bool { return l.Limit == hit.Limit })
		if at < 0 {
			at = len(g.plan.Limits)
			g.plan.Limits = append(g.plan.Limits, PlanLimit{Limit: hit.Limit, Max: hit.Max})
		}
		l := &g.plan.Limits[at]
		for _, i := range hit.Recipients {
			if slices.Contains(checked.OptedOut, i) {
				continue
			}
			if l.Recipients++; len(l.Rows) < MaxErrors {
				l.Rows = append(l.Rows, c.Rows[i])
			}
		}
	}
}

// rooms notes for how many recipients a day has no room, if all of them are handed out on the one on which it begins. A chunk for
// which there is none waits, and so does what comes after it.
func (g *planning) rooms(ctx context.Context) error {
	g.plan.Limits = slices.DeleteFunc(g.plan.Limits, func(l PlanLimit) bool { return l.Recipients == 0 })
	found, err := g.Door.Rooms(ctx)
	for _, room := range found {
		left := g.plan.Valid
		for _, n := range g.chunks {
			if n > room.Free {
				break
			}
			room.Free, left = room.Free-n, left-n
		}
		if left > 0 {
			g.plan.Limits = append(g.plan.Limits, PlanLimit{Limit: room.Limit, Max: room.Max, Recipients: left})
		}
	}
	return err
}

// size is how many bytes recipients take in a message, with the commas behind them.
func size(recipients []message.Recipient) int {
	n := 0
	for _, r := range recipients {
		text, err := json.Marshal(r)
		if err != nil {
			return message.MaxSize // no such recipient can be made
		}
		n += len(text) + 1
	}
	return n
}

// wrong notes what is wrong with a row.
func (g *planning) wrong(row int, problems []message.ValidationError) {
	for _, p := range problems {
		g.held = append(g.held, RowError{Row: row, Pointer: p.Pointer, Detail: p.Detail})
	}
}

// tell writes down what is wrong, by row. What the whole file is refused for is told whatever was wrong before.
func (g *planning) tell() error {
	if len(g.held) == 0 {
		return nil
	}
	byRow := func(a, b RowError) int { return cmp.Compare(a.Row, b.Row) }
	slices.SortStableFunc(g.held, byRow)
	for _, e := range g.held {
		if err := g.Refuse(e); err != nil {
			return err
		}
	}
	g.plan.Errors = append(g.plan.Errors, g.held...)
	slices.SortStableFunc(g.plan.Errors, byRow)
	g.plan.Errors = g.plan.Errors[:min(len(g.plan.Errors), MaxErrors)]
	g.held = nil
	return nil
}
