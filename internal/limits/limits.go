// Package limits counts what callers ask for, so that a stolen token, a loop in a producer or a mistake costs little. What is
// over a limit is refused; nothing is parked.
//
// The counters stand in the table of sends, where many ask at once. Every write has a condition, so that no two requests take
// the last place. A request looks at all counters first, so that one that is refused takes nothing that others would miss. If there
// is room it takes what it needs one counter after the other, and gives it back when others were quicker with one of them: a crash
// in between counts too much until the window is over, and nothing ever lets through too much. All keys begin with limit#:
//
//   - limit#number#<class>#<hash>: when a number got or is to get its messages, for the sliding hour and the day.
//   - limit#caller#<class>#<hash>#<day>: how many recipients a caller had.
//   - limit#stack#<day>#<shard>: how many recipients everybody had, spread over eight items with a part of the limit each.
//   - limit#same#<hash>: the first message with a content to a number.
//   - limit#message#<id>#<hash>: what a message has taken, so that a replay takes nothing and a cancelled message gives it back.
//     The hash is the request's: another one with the same key takes its own, whichever of them becomes the message.
//
// One request may be made several times at once, and each attempt may be the one that starts the message. An attempt that finds
// what another one has taken goes by that, and marks it as shared. From then on the other one does not give it back, though its
// own start was in vain: only who cancels the message does, a later attempt when the message is not there, or one that learns that
// another request has the key.
//
// Days are those of Korea. A message counts when it is due and not when it is asked for: the place of one that waits for its
// time is taken at the door already, on the day and in the hour of that time.
//
// So nothing is counted once more right before the send. A limit is on what is asked for. What was accepted is owed to whoever
// asked: it goes out though it was late (parked, or over night), was accepted before the limit was set, or came when the table
// did not answer and its caller is trusted. The one thing that makes a count too old is a request whose message could not be
// started, and which comes again: then it is counted anew, as soon as nobody who goes by the old count can start it any more.
package limits

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"sms-api/internal/attr"
	"sms-api/internal/ddb"
	"sms-api/internal/message"
	"sms-api/internal/numberkey"
)

// Rules are the limits of a class of callers. 0 is no limit.
type Rules struct {
	// NumberHour and NumberDay are how many messages a number may get from all callers of the class, in any hour and on a day.
	NumberHour, NumberDay int
	// CallerDay is how many recipients a caller may have on a day.
	CallerDay int
}

// Limits are all of them. All fields but the limits are needed.
type Limits struct {
	Client ddb.Client
	Table  string
	// Numbers has what numbers are hashed with. With a new secret the counts of numbers begin anew.
	Numbers numberkey.Source
	Now     func() time.Time
	Log     *slog.Logger

	// Untrusted and Trusted are for callers without and with messages:text.
	Untrusted, Trusted Rules
	// StackDay is how many recipients all callers together may have on a day.
	StackDay int
	// Same is for how long the same caller cannot send the same content to the same number again.
	Same time.Duration
}

// Limit is the name of a limit.
type Limit string

// The limits, as callers read them.
const (
	NumberHour  Limit = "number-hour"
	NumberDay   Limit = "number-day"
	CallerDay   Limit = "caller-day"
	StackDay    Limit = "stack-day"
	SameContent Limit = "same-content"
)

// Ask is what a message needs.
type Ask struct {
	// Message is its id.
	Message string
	Caller  string
	Trusted bool
	// Body stands for the request, Message for its key.
	Body string
	// Again says that the message may have been asked for before, with the same idempotency key. Started says whether one with
	// this key was started; it is asked if what the message has taken before was for another time.
	Again      bool
	Started    func(context.Context) (bool, error)
	Recipients []message.Phone
	// Contents stand for what each recipient gets.
	Contents []string
	// Due is when it is to be sent.
	Due time.Time
}

// Hit is a limit that has no room.
type Hit struct {
	Limit Limit
	// Max is what it allows.
	Max int
	// Until is when there is room again, if nobody takes it.
	Until time.Time
	// Recipients are those whom it is about, by their places; nil means the message.
	Recipients []int
	// First is the id of the first message with the same content, for a single recipient.
	First string
}

// ExceededError says that a message is over limits: all that were found.
type ExceededError struct{ Hits []Hit }

func (e *ExceededError) Error() string { return fmt.Sprintf("over %d limits", len(e.Hits)) }

// Until is when there is room in all of them.
func (e *ExceededError) Until() time.Time {
	var until time.Time
	for _, h := range e.Hits {
		if h.Until.After(until) {
			until = h.Until
		}
	}
	return until
}

// Taken is what an attempt has taken for a message; the zero value is nothing.
type Taken struct {
	message, body string
	due           time.Time
	// nonce tells this attempt's uses from those of another one for the same message.
	nonce string
	// numbers and same are partition keys.
	numbers, same []string
	caller        string
	count         int
	// shards are how many were taken of each, on the day.
	day    string
	shards map[int]int
}

func (l *Limits) rules(trusted bool) (Rules, string) {
	if trusted {
		return l.Trusted, "trusted"
	}
	return l.Untrusted, "untrusted"
}

// Counts says whether there is anything to count for a class of callers.
func (l *Limits) Counts(trusted bool) bool {
	r, _ := l.rules(trusted)
	return r != Rules{} || l.StackDay > 0 || l.Same > 0
}

// tooOld is how much later than it was counted a message may be due, and longer than it takes an attempt from what it takes, or goes by,
// to the end of its start.
const tooOld = time.Minute

// ErrInDoubt says that another attempt for the same message, which has begun less than a minute ago, may be about to start it, and is
// counted for a time that is over. It is worth another try.
var ErrInDoubt = errors.New("another attempt for the same message is under way, or was until a moment ago")

// Take takes from every counter what the message needs, or nothing: the error is an *ExceededError then. A message that has
// taken its part before takes nothing again. Any other error but ErrInDoubt means that the table does not answer; what was taken by
// then may stay taken.
func (l *Limits) Take(ctx context.Context, a Ask) (Taken, error) {
	if !l.Counts(a.Trusted) {
		return Taken{}, nil
	}
	for range tries {
		if done, err := l.before(ctx, a); err != nil || done {
			return Taken{}, err
		}
		t, hits, err := l.attempt(ctx, a)
		switch {
		case err != nil:
			return Taken{}, err
		case len(hits) > 0:
			// Perhaps it was another attempt for the same message that has taken the room.
			if done, err := l.before(ctx, a); err != nil || done {
				return Taken{}, err
			}
			return Taken{}, &ExceededError{Hits: hits}
		case t.nonce != "":
			return t, nil
		}
	}
	return Taken{}, errBusy
}

// attempt takes what a message needs and writes that down. It has taken nothing if there is no room, and if another attempt for
// the same message was quicker: then there are no hits.
func (l *Limits) attempt(ctx context.Context, a Ask) (Taken, []Hit, error) {
	t := Taken{message: a.Message, body: a.Body, due: a.Due, nonce: rand.Text(), count: len(a.Recipients), day: day(a.Due)}
	s, hits, err := l.look(ctx, a)
	if err != nil || len(hits) > 0 {
		return Taken{}, hits, err
	}
	hits, err = l.take(ctx, a, s, &t)
	if err == nil && len(hits) == 0 {
		// After an error it is perhaps written all the same, and another attempt will go by it: then it must stay true.
		if first, err := l.remember(ctx, t); err != nil || first {
			return t, nil, err
		}
	}
	l.giveBack(ctx, t, l.forgetOwn)
	return Taken{}, hits, err
}

// before says whether the message has taken its part before, and shares it then. What it took for a time that is over is given
// back, unless the message was started then.
func (l *Limits) before(ctx context.Context, a Ask) (bool, error) {
	if !a.Again {
		return false, nil
	}
	pk := messagePK(a.Message, a.Body)
	found, err := l.get(ctx, pk)
	if err != nil || found == nil {
		return false, err
	}
	t := takenOf(a.Message, a.Body, found)
	if a.Started == nil || a.Due.Sub(t.due) <= tooOld {
		return l.rely(ctx, pk, found, t.due, false)
	}
	if started, err := a.Started(ctx); err != nil || started {
		return started, err
	}
	// Whoever has begun to go by it within the last minute may be about to start the message, and would not be counted any more. To go
	// by it as well would be no way out: with a try a minute, a count could be made as old as one likes before its message is started.
	if shared := time.UnixMilli(attr.NumberOf(found, attrShared)); a.Due.Sub(shared) <= tooOld {
		return false, ErrInDoubt
	}
	// Whoever took it, or shares it, has long given up.
	old, err := l.giveUp(ctx, pk, found)
	if err == nil && len(old) > 0 {
		l.giveBack(ctx, t, l.forgetOwn)
	}
	return false, err
}

// take takes from the counters, as far as there is room; what has been taken stands in t. It stops at the first limit that others
// were quicker with.
func (l *Limits) take(ctx context.Context, a Ask, s seen, t *Taken) ([]Hit, error) {
	rules, class := l.rules(a.Trusted)
	if hits, err := l.takeNumbers(ctx, a, s, t); err != nil || len(hits) > 0 {
		return hits, err
	}
	if rules.CallerDay > 0 {
		pk := callerPK(class, a.Caller, t.day)
		switch ok, err := l.add(ctx, pk, t.count, rules.CallerDay, a.Due); {
		case err != nil:
			return nil, err
		case !ok:
			return []Hit{{Limit: CallerDay, Max: rules.CallerDay, Until: nextDay(a.Due)}}, nil
		}
		t.caller = pk
	}
	if l.StackDay > 0 {
		if hits, err := l.takeStack(ctx, a.Due, s.stack, t); err != nil || len(hits) > 0 {
			return hits, err
		}
	}
	if l.Same == 0 {
		return nil, nil
	}
	return l.takeSame(ctx, a, t)
}

// atOnce is how many items are written at the same time.
const atOnce = 16

// each calls do for every index, some at the same time, and returns the first error.
func each(n int, do func(i int) error) error {
	var wait sync.WaitGroup
	var mu sync.Mutex
	var first error
	room := make(chan struct{}, atOnce)
	for i := range n {
		room <- struct{}{}
		wait.Go(func() {
			defer func() { <-room }()
			if err := do(i); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if first == nil {
					first = err
				}
			}
		})
	}
	wait.Wait()
	return first
}

func (l *Limits) takeNumbers(ctx context.Context, a Ask, s seen, t *Taken) ([]Hit, error) {
	rules, _ := l.rules(a.Trusted)
	w := windows{hour: rules.NumberHour, day: rules.NumberDay}
	if w == (windows{}) {
		return nil, nil
	}
	var mu sync.Mutex
	hits := w.hits()
	err := each(len(a.Recipients), func(i int) error {
		pk := s.numbers[i]
		full, until, err := l.use(ctx, pk, s.found[pk], w, a.Due, t.nonce)
		mu.Lock()
		defer mu.Unlock()
		if err != nil || len(full) == 0 {
			// After an error it was perhaps written all the same.
			t.numbers = append(t.numbers, pk)
		}
		hits.add(i, full, until)
		return err
	})
	return hits.all(), err
}

// shards is over how many items the count of everybody is spread.
const shards = 8

// share is the part of the stack's limit that a shard has.
func (l *Limits) share(shard int) int {
	n := l.StackDay / shards
	if shard < l.StackDay%shards {
		n++
	}
	return n
}

// free is how much room there is, of what is used of each shard.
func (l *Limits) free(used []int) int {
	n := 0
	for i, of := range used {
		n += max(0, l.share(i)-of)
	}
	return n
}

// tries is how often a request looks for room among the shards that others take it from, or begins anew because of other attempts.
const tries = 5

// takeStack takes from one shard, or from several when that has no room; used is what was used of each a moment ago.
func (l *Limits) takeStack(ctx context.Context, due time.Time, used []int, t *Taken) ([]Hit, error) {
	t.shards = map[int]int{}
	first := int(rand.Text()[0]) % shards
	ok, err := l.add(ctx, stackPK(t.day, first), t.count, l.share(first), due)
	if err != nil {
		return nil, err
	}
	if ok {
		t.shards[first] = t.count
		l.watch(ctx, used, t.count)
		return nil, nil
	}
	for range tries {
		if used, err = l.stackUse(ctx, due); err != nil {
			return nil, err
		}
		if hits := l.stackHits(ctx, due, used, t.count-sum(t.shards)); len(hits) > 0 {
			return hits, nil
		}
		taken := sum(t.shards)
		for i, n := range used {
			part := min(max(0, l.share(i)-n), t.count-sum(t.shards))
			if part == 0 {
				continue
			}
			ok, err := l.add(ctx, stackPK(t.day, i), part, l.share(i), due)
			if err != nil {
				return nil, err
			}
			if ok {
				t.shards[i] += part
			}
		}
		if sum(t.shards) == t.count {
			l.watch(ctx, used, t.count-taken)
			return nil, nil
		}
	}
	// Others took the room again and again; it is worth another try.
	return []Hit{{Limit: StackDay, Max: l.StackDay, Until: l.Now().Add(time.Second)}}, nil
}

// stackHits says whether so much has no room, of what is used of each shard.
func (l *Limits) stackHits(ctx context.Context, due time.Time, used []int, n int) []Hit {
	if l.free(used) >= n {
		return nil
	}
	l.tell(ctx, 100)
	return []Hit{{Limit: StackDay, Max: l.StackDay, Until: nextDay(due)}}
}

func sum(parts map[int]int) int {
	n := 0
	for _, part := range parts {
		n += part
	}
	return n
}

// watched is the percentage of the stack's limit from which on it is told how much is used.
const watched = 70

// watch tells how much of the stack's limit is used, if that is much: what was used of each shard, and what was taken since.
func (l *Limits) watch(ctx context.Context, used []int, taken int) {
	n := taken
	for _, of := range used {
		n += of
	}
	if percent := n * 100 / l.StackDay; percent >= watched {
		l.tell(ctx, percent)
	}
}

// tell leaves the line that alarms count.
func (l *Limits) tell(ctx context.Context, percent int) {
	l.Log.LogAttrs(ctx, slog.LevelWarn, "the stack's limit of a day", slog.String("limit", string(StackDay)), slog.Int("percent", percent))
}

func (l *Limits) takeSame(ctx context.Context, a Ask, t *Taken) ([]Hit, error) {
	key, err := l.key(ctx)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var hits []Hit
	err = each(len(a.Recipients), func(i int) error {
		pk := samePK(key, a.Caller, a.Recipients[i], a.Contents[i])
		known, until, err := l.first(ctx, pk, t)
		mu.Lock()
		defer mu.Unlock()
		if err == nil && known != a.Message {
			hits = append(hits, Hit{Limit: SameContent, Max: 1, Until: until, Recipients: []int{i}, First: known})
			return nil
		}
		// After an error it was perhaps written all the same.
		t.same = append(t.same, pk)
		return err
	})
	slices.SortFunc(hits, func(a, b Hit) int { return a.Recipients[0] - b.Recipients[0] })
	return hits, err
}

// giveBack gives back what was taken: the message was not started by it. What cannot be given back stays counted.
func (l *Limits) giveBack(ctx context.Context, t Taken, forget func(ctx context.Context, pk string, t Taken) error) {
	ctx = context.WithoutCancel(ctx)
	err := errors.Join(
		each(len(t.numbers), func(i int) error { return l.unuse(ctx, t.numbers[i], t.nonce) }),
		each(len(t.same), func(i int) error { return forget(ctx, t.same[i], t) }),
	)
	if t.caller != "" {
		err = errors.Join(err, l.subtract(ctx, t.caller, t.count))
	}
	for shard, n := range t.shards {
		if n > 0 {
			err = errors.Join(err, l.subtract(ctx, stackPK(t.day, shard), n))
		}
	}
	if err != nil {
		l.keeps(ctx, t.message, err)
	}
}

// keeps tells of what stays counted.
func (l *Limits) keeps(ctx context.Context, id string, err error) {
	l.Log.LogAttrs(ctx, slog.LevelWarn, "a count was not given back", slog.String("message", id), slog.String("error", err.Error()))
}

// Cancelled gives back what a message of a request has taken that was cancelled before anything of it was sent, whichever
// attempt has taken it. Repeating it does nothing: whoever has deleted what stands of the message gives back.
func (l *Limits) Cancelled(ctx context.Context, id, body string) error {
	return l.giveBackAll(ctx, id, body, l.forgetAll)
}

// Vain gives back what any attempts for a request have taken that is not the message of its key: another request is. An attempt that
// goes by it right now, or takes anew in this moment, loses nothing that it could need: the key has its message for good, so that its
// start will be in vain as well, and then it calls this itself. What the message that is there has taken stays. Repeating it does nothing.
func (l *Limits) Vain(ctx context.Context, id, body string) {
	if err := l.giveBackAll(ctx, id, body, l.forgetVain); err != nil {
		l.keeps(ctx, id, err)
	}
}

// giveBackAll gives back what stands of a request, whoever has taken it, or shares it.
func (l *Limits) giveBackAll(
	ctx context.Context, id, body string, forget func(ctx context.Context, pk string, t Taken) error,
) error {
	old, err := l.delete(ctx, messagePK(id, body), "", nil, nil)
	if err != nil || len(old) == 0 {
		return err
	}
	l.giveBack(ctx, takenOf(id, body, old), forget)
	return nil
}

// Undo gives back what an attempt has taken in vain: it has surely started no message, as with a replay. It does nothing when another
// attempt shares what was taken, whose message may stand, nor does it after Cancelled, or when it is repeated.
func (l *Limits) Undo(ctx context.Context, t Taken) {
	if t.nonce == "" {
		return
	}
	switch old, err := l.deleteOwn(ctx, messagePK(t.message, t.body), t); {
	case err != nil:
		l.keeps(ctx, t.message, err)
	case len(old) > 0:
		l.giveBack(ctx, t, l.forgetOwn)
	}
}

// Use is how much of a limit is used.
type Use struct {
	Limit   Limit `json:"limit"`
	Trusted *bool `json:"trusted,omitempty"`
	Used    int   `json:"used"`
	// Max is 0 where there is no limit; then nothing is counted either.
	Max int `json:"max"`
}

// OfCaller is what a caller has used today.
func (l *Limits) OfCaller(ctx context.Context, caller string) ([]Use, error) {
	var uses []Use
	for _, trusted := range []bool{false, true} {
		rules, class := l.rules(trusted)
		n, err := l.count(ctx, callerPK(class, caller, day(l.Now())))
		if err != nil {
			return nil, err
		}
		uses = append(uses, Use{Limit: CallerDay, Trusted: &trusted, Used: n, Max: rules.CallerDay})
	}
	return uses, nil
}

// OfNumber is what a number has got in the last hour and on this day, or is to get on it.
func (l *Limits) OfNumber(ctx context.Context, to message.Phone) ([]Use, error) {
	key, err := l.key(ctx)
	if err != nil {
		return nil, err
	}
	now := l.Now()
	var uses []Use
	for _, trusted := range []bool{false, true} {
		rules, class := l.rules(trusted)
		times, err := l.uses(ctx, numberPK(key, class, to))
		if err != nil {
			return nil, err
		}
		hour, sameDay := 0, 0
		for _, u := range times {
			if !u.at.After(now) && now.Sub(u.at) < time.Hour {
				hour++
			}
			if day(u.at) == day(now) {
				sameDay++
			}
		}
		uses = append(uses, Use{Limit: NumberHour, Trusted: &trusted, Used: hour, Max: rules.NumberHour},
			Use{Limit: NumberDay, Trusted: &trusted, Used: sameDay, Max: rules.NumberDay})
	}
	return uses, nil
}

// OfStack is what everybody together has used today.
func (l *Limits) OfStack(ctx context.Context) ([]Use, error) {
	used, err := l.stackUse(ctx, l.Now())
	if err != nil {
		return nil, err
	}
	n := 0
	for _, of := range used {
		n += of
	}
	return []Use{{Limit: StackDay, Used: n, Max: l.StackDay}}, nil
}

// ResetCaller has today's count of a caller begin anew.
func (l *Limits) ResetCaller(ctx context.Context, caller string) error {
	for _, trusted := range []bool{false, true} {
		_, class := l.rules(trusted)
		if err := l.remove(ctx, callerPK(class, caller, day(l.Now()))); err != nil {
			return err
		}
	}
	return nil
}

// ResetNumber has the counts of a number begin anew.
func (l *Limits) ResetNumber(ctx context.Context, to message.Phone) error {
	key, err := l.key(ctx)
	if err != nil {
		return err
	}
	for _, trusted := range []bool{false, true} {
		_, class := l.rules(trusted)
		if err := l.remove(ctx, numberPK(key, class, to)); err != nil {
			return err
		}
	}
	return nil
}

// key is what numbers and contents are hashed with: the oldest of the keys, which stays when a new one comes, so that no count
// begins anew and functions that do not know the new one yet count in the same place.
func (l *Limits) key(ctx context.Context) ([]byte, error) {
	secrets, err := numberkey.Secrets(ctx, l.Numbers)
	if err != nil {
		return nil, err
	}
	return numberkey.Derive("limits", "numbers", []byte(secrets[len(secrets)-1])), nil
}

func hashed(key []byte, parts ...string) string {
	measured := make([]string, len(parts))
	for i, p := range parts {
		measured[i] = strconv.Itoa(len(p)) + ":" + p
	}
	return base64.RawURLEncoding.EncodeToString(numberkey.Sum(key, measured...)[:16])
}

func numberPK(key []byte, class string, to message.Phone) string {
	return "limit#number#" + class + "#" + hashed(key, string(to))
}

func callerPK(class, caller, day string) string {
	sum := sha256.Sum256([]byte(caller))
	return "limit#caller#" + class + "#" + base64.RawURLEncoding.EncodeToString(sum[:16]) + "#" + day
}

func stackPK(day string, shard int) string { return "limit#stack#" + day + "#" + strconv.Itoa(shard) }

func samePK(key []byte, caller string, to message.Phone, content string) string {
	return "limit#same#" + hashed(key, caller, string(to), content)
}

func messagePK(id, body string) string { return "limit#message#" + id + "#" + hash(body) }

func hash(body string) string {
	sum := sha256.Sum256([]byte(body))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
