// Package campaign sends one message to all recipients of a file. The file is checked whole before anything is sent; what is
// right in it is cut into chunks, each of which is an ordinary message; and it can be paused and cancelled between two chunks.
//
// A campaign is one item of the table of sends, under campaign#<id>. Its files stand in a bucket: what was uploaded, a chunk
// after the other, what was refused, and the report. The state machine campaign.asl.json paces it and remembers where it is.
package campaign

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"sms-api/internal/message"
	"sms-api/internal/sheet"
)

// Status is how far a campaign is.
type Status string

// The statuses of a campaign.
const (
	AwaitingFile   Status = "awaiting-file"
	StatusPlanning Status = "planning"
	// Invalid is one whose file has nothing to send, or cannot be read.
	Invalid Status = "invalid"
	Planned Status = "planned"
	Sending Status = "sending"
	Paused  Status = "paused"
	// Parked is one of whose chunks one waits for an operator; no more are started.
	Parked    Status = "parked"
	Cancelled Status = "cancelled"
	Settled   Status = "settled"
)

// Statuses are all of them, in the order of a campaign's way.
func Statuses() []Status {
	return []Status{AwaitingFile, StatusPlanning, Invalid, Planned, Sending, Paused, Parked, Cancelled, Settled}
}

// Counts say what became of a campaign's recipients.
type Counts struct {
	// Rows are the file's, without its header. Accepted are those that were handed out as messages so far.
	Rows     int `json:"rows"`
	Accepted int `json:"accepted"`
	message.Counts
	// By is through which channel those were reached who were.
	By Channels `json:"by"`
}

// Plan is what would come of a file.
type Plan struct {
	sheet.Format
	// Rows are the file's; each is valid, refused, a duplicate of one before it, or opted out.
	Rows       int `json:"rows"`
	Valid      int `json:"valid"`
	Refused    int `json:"refused"`
	Duplicates int `json:"duplicates"`
	OptedOut   int `json:"optedOut"`
	// Messages is in how many chunks they go.
	Messages int `json:"messages"`
	// PriceKRW is the sum of Aligo's list prices if everybody is reached at the first try, PriceAtMostKRW the most that it may be.
	PriceKRW       float64 `json:"priceKRW"`
	PriceAtMostKRW float64 `json:"priceAtMostKRW"`
	// WalletSuffices says whether the wallet pays for the most that it may cost; nil when Aligo does not tell.
	WalletSuffices *bool `json:"walletSuffices,omitempty"`
	// Limits are those that have no room for some of the valid rows as it stands. Whoever meets one waits for it, and is not refused.
	Limits []PlanLimit `json:"limits,omitempty"`
	// Seconds is how long it takes to hand all of them out.
	Seconds int `json:"seconds"`
	// Errors are the first that were found, at most MaxErrors, by row; ErrorsURL leads to a CSV of all of them as long as there is one.
	Errors    []RowError `json:"errors"`
	ErrorsURL string     `json:"errorsUrl,omitempty"`
	// Examples are of the first few recipients. Nobody needs them, and they are gone, when the campaign has settled.
	Examples []Example `json:"examples,omitzero"`
}

// PlanLimit is a limit that a campaign would meet.
type PlanLimit struct {
	Limit string `json:"limit"`
	// Max is what it allows.
	Max int `json:"max"`
	// Recipients are how many of the valid rows find no room.
	Recipients int `json:"recipients"`
	// Rows are the first of these, at most MaxErrors, where it is a limit on what a number gets.
	Rows []int `json:"rows,omitempty"`
}

// MaxErrors is how many errors a plan tells by itself.
const MaxErrors = 100

// Bills are how many of each are paid for at most.
type Bills struct{ AlimTalk, SMS, LMS int }

// RowError is one thing that is wrong with a row. Row 0 means the request for the campaign, or the file as a whole.
type RowError struct {
	Row     int    `json:"row"`
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// Example is what a recipient would get.
type Example struct {
	To   string `json:"to"`
	Text string `json:"text"`
}

// Campaign is one as it is kept. What people read of it is its View.
type Campaign struct {
	ID     string `json:"id"`
	Caller string `json:"caller"`
	// Request is the body of the request for it, and Fingerprint what a repetition of it has in common with it.
	Request     json.RawMessage `json:"request"`
	Fingerprint string          `json:"fingerprint"`
	// Rate is how many recipients a minute are handed out.
	Rate int `json:"rate"`
	// Auto says that it starts by itself when nothing in its file is refused.
	Auto bool `json:"auto,omitempty"`
	// Bytes is the size of its file.
	Bytes     int64  `json:"bytes"`
	Reference string `json:"reference,omitempty"`
	// Daytime says that it is advertising, and that its recipients have not agreed to get any at night.
	Daytime bool `json:"daytime,omitempty"`
	// SendAt is zero for one that begins when it is started. ExpiresAt is zero until it is started where its request says none.
	SendAt    time.Time `json:"sendAt,omitzero"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	CreatedAt time.Time `json:"createdAt"`

	Status Status `json:"status"`
	// Execution is the name of the execution that plans it; of two for the same file one does.
	Execution string `json:"execution,omitempty"`
	// File is the ETag of the file that is or was planned: what is put in its place later does not count.
	File string `json:"file,omitempty"`
	Plan *Plan  `json:"plan,omitempty"`
	// Attempt names the chunks of the plan: each attempt to make one writes its own.
	Attempt string `json:"attempt,omitempty"`
	// Run is the execution that goes on with it, counted from 1, and Wanted the one that is to be started: it takes over with its
	// first turn.
	Run    int `json:"run"`
	Wanted int `json:"wanted,omitempty"`

	StartedAt time.Time `json:"startedAt,omitzero"`
	SettledAt time.Time `json:"settledAt,omitzero"`
	// CancelledAt is when somebody has cancelled it.
	CancelledAt time.Time `json:"cancelledAt,omitzero"`
	// Turned is when something was last done about it: its last turn, or an order.
	Turned time.Time `json:"turned,omitzero"`
	// PlanTold and EndTold say that CampaignPlanned and CampaignSettled were announced.
	PlanTold bool `json:"planTold,omitempty"`
	EndTold  bool `json:"endTold,omitempty"`
	// Reported says that there is a report, Deleted that there are no files any more.
	Reported bool `json:"reported,omitempty"`
	Deleted  bool `json:"deleted,omitempty"`
	// Next is the chunk that is handed out next. Open are those before it that are under way, and Seen is what was last known of
	// them: of all but Fresh. Slow have those that hold up no others. Ended is the sum of those that have settled.
	Next  int    `json:"next"`
	Open  []int  `json:"open,omitempty"`
	Fresh []int  `json:"fresh,omitempty"`
	Seen  Tally  `json:"seen"`
	Slow  []Slow `json:"slow,omitempty"`
	Ended Tally  `json:"ended"`
	// Due is when the next chunk may be handed out.
	Due time.Time `json:"due,omitzero"`
	// Cause is why it is parked.
	Cause string `json:"cause,omitempty"`

	// version is that of the item which it was read from.
	version int64
}

// Message is the request for the message of a chunk with these recipients. It goes out at once: the campaign waits for its time.
func (c Campaign) Message(recipients []message.Recipient) (message.Request, error) {
	r, err := message.DecodeCampaign(c.Request)
	if err != nil {
		return message.Request{}, fmt.Errorf("campaign %s: %w", c.ID, err)
	}
	r.Recipients, r.SendAt, r.ExpiresAt = recipients, time.Time{}, c.ExpiresAt
	return r.Request, nil
}

// Begin starts a campaign that is planned, or due at its time: its first chunk is, that is. Where nothing else was asked for it expires
// a day after all of it could have been handed out. notBefore is that of a Sender.
func (c *Campaign) Begin(now time.Time, notBefore func(at time.Time) time.Time) {
	c.Status, c.StartedAt, c.Due, c.Turned, c.Wanted = Sending, now.UTC().Truncate(time.Second), now, now, max(c.Run, c.Wanted)+1
	if c.SendAt.After(now) {
		c.Due = c.SendAt
	}
	if c.ExpiresAt.IsZero() {
		last, most := c.handsOut(c.Due, c.Plan.Valid, notBefore).Add(lifetime), c.opens(c.Due, notBefore).Add(longestLife)
		if last.After(most) {
			last = most
		}
		c.ExpiresAt = last.UTC().Truncate(time.Second)
	}
}

// TooSlow says that a campaign which begins now, and whose request says nothing of an end, would expire before all of it has been handed
// out.
func (c Campaign) TooSlow(now time.Time, notBefore func(at time.Time) time.Time) bool {
	if !c.ExpiresAt.IsZero() {
		return false
	}
	c.Begin(now, notBefore)
	return c.handsOut(c.Due, c.Plan.Valid, notBefore).After(c.ExpiresAt)
}

// opens is when something may be handed out that is due at a time.
func (c Campaign) opens(at time.Time, notBefore func(at time.Time) time.Time) time.Time {
	if c.Daytime {
		return notBefore(at)
	}
	return at
}

// handsOut is when so many more recipients have been handed out from a time on, if nothing comes in between but nights. It is a time after
// the longest life where that is not enough for them.
func (c Campaign) handsOut(from time.Time, n int, notBefore func(at time.Time) time.Time) time.Time {
	at, left := c.opens(from, notBefore), pace(n, c.Rate)
	if !c.Daytime {
		return at.Add(left)
	}
	for most := at.Add(longestLife); left > 0 && !at.After(most); {
		one := min(left, time.Minute) // of which each may be the last of its day
		at, left = notBefore(at).Add(one), left-one
	}
	return at
}

// Cancel has nothing more of a campaign sent. What is open is looked at at once.
func (c *Campaign) Cancel(now time.Time) {
	c.Status, c.Cause, c.CancelledAt = Cancelled, "", now.UTC().Truncate(time.Second)
	c.lookAnew()
}

const (
	// lifetime is that of a message that has no expiresAt, longestLife that of any.
	lifetime    = 24 * time.Hour
	longestLife = 7 * 24 * time.Hour
)

// Tally counts recipients of chunks that were handed out.
type Tally struct {
	Accepted int `json:"accepted"`
	message.Counts
	// By is through which channel those were reached who were.
	By Channels `json:"by"`
}

// Channels count recipients by channel.
type Channels struct {
	AlimTalk int `json:"alimtalk"`
	SMS      int `json:"sms"`
}

// tallyOf counts the recipients of a chunk. Through which channel somebody was reached who was erased since, nobody knows any more.
func tallyOf(o message.Outcome) Tally {
	t := Tally{Accepted: o.Counts.Delivered + o.Counts.Failed + o.Counts.Unknown + o.Counts.Pending, Counts: o.Counts}
	for _, r := range o.Recipients {
		switch {
		case r.Status != message.Delivered:
		case r.Channel == message.SMS:
			t.By.SMS++
		default:
			t.By.AlimTalk++
		}
	}
	return t
}

// add adds the recipients of others.
func (t *Tally) add(o Tally) {
	t.Accepted += o.Accepted
	t.Delivered += o.Delivered
	t.Failed += o.Failed
	t.Unknown += o.Unknown
	t.Pending += o.Pending
	t.FellBack += o.FellBack
	t.By.AlimTalk += o.By.AlimTalk
	t.By.SMS += o.By.SMS
}

// without is what stays of it without others who were counted in it, and of whom more is known by now.
func (t Tally) without(o Tally) Tally {
	left := Tally{Accepted: max(0, t.Accepted-o.Accepted)}
	left.FellBack = max(0, t.FellBack-o.FellBack)
	left.By = Channels{AlimTalk: max(0, t.By.AlimTalk-o.By.AlimTalk), SMS: max(0, t.By.SMS-o.By.SMS)}
	left.Pending = left.Accepted
	of := func(n int) int {
		n = min(max(0, n), left.Pending)
		left.Pending -= n
		return n
	}
	left.Delivered = of(max(t.Delivered-o.Delivered, left.By.AlimTalk+left.By.SMS))
	left.Failed, left.Unknown = of(t.Failed-o.Failed), of(t.Unknown-o.Unknown)
	return left
}

// handedOut counts the recipients of all chunks that were handed out.
func (c Campaign) handedOut() Tally {
	all := c.Ended
	all.add(c.Seen)
	for _, b := range c.Slow {
		all.add(b.Seen)
	}
	return all
}

// Over says that nothing more becomes of it.
func (c Campaign) Over() bool { return !c.SettledAt.IsZero() || c.Status == Invalid }

// Chunk is a part of a campaign that goes out as one message.
type Chunk struct {
	// Rows are those of the recipients in the file.
	Rows       []int               `json:"rows"`
	Recipients []message.Recipient `json:"recipients"`
}

func (c Chunk) size() int { return len(c.Recipients) }

// pace is how long it takes to hand n recipients out at so many a minute.
func pace(n, rate int) time.Duration { return time.Duration(n) * time.Minute / time.Duration(rate) }

// View is a campaign as its caller sees it: the body of GET.
type View struct {
	ID        string `json:"id"`
	Status    Status `json:"status"`
	Reference string `json:"reference,omitempty"`
	// Channel and Template say what is sent; Template is empty for a text of the caller's own.
	Channel   message.Channel `json:"channel,omitempty"`
	Template  string          `json:"template,omitempty"`
	CreatedAt time.Time       `json:"createdAt"`
	SendAt    time.Time       `json:"sendAt,omitzero"`
	ExpiresAt time.Time       `json:"expiresAt,omitzero"`
	StartedAt time.Time       `json:"startedAt,omitzero"`
	Forecast
	SettledAt time.Time `json:"settledAt,omitzero"`
	Rate      int       `json:"rate"`
	// Parked says why a parked campaign waits.
	Parked string  `json:"parked,omitempty"`
	Counts Counts  `json:"counts"`
	Plan   *Plan   `json:"plan,omitempty"`
	Report *Report `json:"report,omitempty"`
}

// Report is where the report is to be had for a while.
type Report struct {
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// Announced is what events tell of a campaign: its View without texts and names, as archives and receivers keep events for long.
func (c Campaign) Announced() View {
	v := c.View()
	if v.Plan != nil {
		plan := *v.Plan
		plan.Examples, v.Plan = nil, &plan
	}
	return v
}

// View tells of a campaign, without links and without its Forecast.
func (c Campaign) View() View {
	v := View{
		ID: c.ID, Status: c.Status, Reference: c.Reference, CreatedAt: c.CreatedAt, SendAt: c.SendAt, ExpiresAt: c.ExpiresAt,
		StartedAt: c.StartedAt, SettledAt: c.SettledAt, Rate: c.Rate, Parked: c.Cause, Plan: c.Plan,
	}
	// It was read before it was kept.
	if r, err := message.DecodeCampaign(c.Request); err == nil {
		v.Channel, v.Template = cmp.Or(r.Channel, message.AlimTalk), r.Template
	}
	if c.Plan == nil {
		return v
	}
	t := c.handedOut()
	v.Counts = Counts{Rows: c.Plan.Rows, Accepted: t.Accepted, Counts: t.Counts, By: t.By}
	return v
}

// Forecast is how a campaign goes on if nothing comes in between.
type Forecast struct {
	// WaitsUntil is the morning that advertising waits for.
	WaitsUntil time.Time `json:"waitsUntil,omitzero"`
	// EndsAt is when the last chunk is handed out, nights in between included. It is zero where it expires before.
	EndsAt time.Time `json:"endsAt,omitzero"`
}

// Forecast tells how a campaign goes on that is being sent, and nothing of any other. notBefore is that of a Sender.
func (c Campaign) Forecast(now time.Time, notBefore func(at time.Time) time.Time) Forecast {
	if c.Plan == nil || c.Status != Sending || c.Next >= c.Plan.Messages {
		return Forecast{}
	}
	if c.Due.After(now) {
		now = c.Due // it was handed more out than its rate gives until now, or waits for its time
	}
	var f Forecast
	if opens := c.opens(now, notBefore); opens.After(now) {
		f.WaitsUntil = opens.UTC()
	}
	if ends := c.handsOut(now, max(0, c.Plan.Valid-c.handedOut().Accepted), notBefore); ends.Before(c.ExpiresAt) {
		f.EndsAt = ends.UTC().Truncate(time.Second)
	}
	return f
}
