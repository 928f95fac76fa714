package guard_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/guard"
	"sms-api/internal/message"
)

// Which attempt opens over which.
func TestOpen(t *testing.T) {
	t.Parallel()
	const open, closed = "open", "closed"
	for _, c := range []struct {
		about string
		// there is the attempt that has the guard, and what became of it.
		there, mine int
		state       string
		want        error
	}{
		{"the first", 0, 0, "", nil},
		{"a second invocation of the same attempt", 0, 0, open, guard.ErrOpened},
		{"a repetition after a closed attempt", 0, 0, closed, nil},
		{"the next call of the message", 0, 1, open, nil},
		{"the next call after one that was closed", 0, 1, closed, nil},
		{"a call of which the progress knows the end", 1, 0, closed, guard.ErrOpened},
		{"a call that comes late", 3, 1, open, guard.ErrOpened},
		{"cancelled", 0, 5, "cancelled", guard.ErrCancelled},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			switch c.state {
			case open, closed:
				s := w.mustOpen(t, opening("a", c.there))
				if c.state == closed {
					if err := w.Close(t.Context(), s); err != nil {
						t.Fatal(err)
					}
				}
			case "cancelled":
				if err := w.Cancel(t.Context(), "a", expiry); err != nil {
					t.Fatal(err)
				}
			}
			before, _, err := w.Opened(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			listed := w.listed(t)
			s, err := w.Open(t.Context(), opening("a", c.mine))
			if !errors.Is(err, c.want) {
				t.Fatalf("Open = %v, want %v", err, c.want)
			}
			after, ok, err := w.Opened(t.Context(), "a")
			if err != nil || !ok {
				t.Fatalf("Opened = %v, %v", ok, err)
			}
			if c.want != nil {
				if !reflect.DeepEqual(after, before) {
					t.Errorf("the guard has changed from %+v to %+v", before, after)
				}
				if l := w.listed(t); !slices.Equal(l, listed) {
					t.Errorf("listed are %q, want %q as before", l, listed)
				}
				return
			}
			if !after.Open || after.Send != s || after.Sends != c.mine {
				t.Errorf("the guard is %+v, want the send that was opened, %+v", after, s)
			}
			if l := w.listed(t); len(l) != len(listed)+1 {
				t.Errorf("listed are %q, want one more than %q", l, listed)
			}
		})
	}
}

func TestOpenIncomplete(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*guard.Opening){
		"message":    func(o *guard.Opening) { o.Message = "" },
		"account":    func(o *guard.Opening) { o.Account = "" },
		"channel":    func(o *guard.Opening) { o.Channel = "" },
		"expiry":     func(o *guard.Opening) { o.Expiry = time.Time{} },
		"recipients": func(o *guard.Opening) { o.Recipients = nil },
		"digests":    func(o *guard.Opening) { o.Digests, o.Recipients = nil, nil },
	} {
		w := newWorld(t)
		o := opening("a", 0)
		change(&o)
		if _, err := w.Open(t.Context(), o); err == nil {
			t.Errorf("without %s: no error", name)
		}
		if len(w.requests) > 0 {
			t.Errorf("without %s: something was written", name)
		}
	}
}

// many is a call to the given recipients, each with a text of their own.
func many(id string, recipients ...int) guard.Opening {
	o := opening(id, 0)
	o.Recipients, o.Digests = recipients, nil
	for _, i := range recipients {
		o.Digests = append(o.Digests, digests.Digest(fmt.Sprintf("010%08d", i), fmt.Sprint("text ", i)))
	}
	return o
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// What was sent is what is looked for, so it comes back as it was.
func TestOpened(t *testing.T) {
	t.Parallel()
	backwards := upTo(500)
	slices.Reverse(backwards)
	for about, recipients := range map[string][]int{
		"one": {0}, "everybody": upTo(500), "some": {3, 1, 499}, "the last": {499}, "everybody, backwards": backwards,
	} {
		w := newWorld(t)
		if g, ok, err := w.Opened(t.Context(), "a"); ok || err != nil || !reflect.DeepEqual(g, guard.Guard{}) {
			t.Errorf("%s: before: %+v, %v, %v", about, g, ok, err)
		}
		w.clock = began.Add(1234567 * time.Microsecond)
		o := many("a", recipients...)
		o.Sent, o.Sends, o.Channel, o.Ahead = true, 3, message.AlimTalk, -130*time.Second
		s := w.mustOpen(t, o)
		g, ok, err := w.Opened(t.Context(), "a")
		want := guard.Guard{
			Send: s, Open: true, Sent: true, Recipients: recipients, Digests: o.Digests, Key: digests.KeyID(), Ahead: o.Ahead,
		}
		if err != nil || !ok || !reflect.DeepEqual(g, want) {
			t.Errorf("%s: got %+v, %v, %v\nwant %+v", about, g, ok, err, want)
		}
		if !s.At.Equal(began.Add(1234*time.Millisecond)) || !s.Expiry.Equal(expiry) || s.Account != account {
			t.Errorf("%s: the send is %+v", about, s)
		}
	}
}

// What this package cannot have written is an error and no guess, and the error does not tell what stands there.
func TestOpenedBroken(t *testing.T) {
	t.Parallel()
	broken := map[string]types.AttributeValue{
		"sends": &types.AttributeValueMemberN{Value: "1.5"}, "state": &types.AttributeValueMemberS{Value: "secret"},
		"digests": &types.AttributeValueMemberB{Value: []byte("secret")}, "key": &types.AttributeValueMemberB{Value: []byte("secret")},
		"recipients": &types.AttributeValueMemberB{Value: []byte{0xff}}, "account": &types.AttributeValueMemberN{Value: "1"},
		"at": &types.AttributeValueMemberS{Value: "secret"}, "nonce": nil,
	}
	for name, value := range broken {
		w := newWorld(t)
		w.mustOpen(t, opening("a", 0))
		text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
		key := map[string]types.AttributeValue{"pk": text("send#a"), "sk": text("guard")}
		in := &dynamodb.UpdateItemInput{
			TableName: aws.String(tableName), Key: key, ExpressionAttributeNames: map[string]string{"#it": name},
			UpdateExpression: aws.String("REMOVE #it"),
		}
		if value != nil {
			in.UpdateExpression, in.ExpressionAttributeValues = aws.String("SET #it = :it"), map[string]types.AttributeValue{":it": value}
		}
		if _, err := w.raw.UpdateItem(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		_, ok, err := w.Opened(t.Context(), "a")
		if ok || err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.mustOpen(t, opening("a", 0))
	for range 2 { // repeating it is no error
		if err := w.Close(t.Context(), first); err != nil {
			t.Fatal(err)
		}
	}
	if g, _, err := w.Opened(t.Context(), "a"); err != nil || g.Open || g.Send != first || len(w.listed(t)) > 0 {
		t.Errorf("%+v, %v, listed %q", g, err, w.listed(t))
	}
	second := w.mustOpen(t, opening("a", 1))
	if err := w.Close(t.Context(), first); err != nil {
		t.Errorf("a send that another has followed: %v", err)
	}
	if g, _, err := w.Opened(t.Context(), "a"); err != nil || !g.Open || g.Send != second || len(w.listed(t)) != 1 {
		t.Errorf("a later send was touched: %+v, %v, listed %q", g, err, w.listed(t))
	}
	if err := errors.Join(w.Close(t.Context(), second), w.Cancel(t.Context(), "a", expiry), w.Close(t.Context(), second)); err != nil {
		t.Error(err)
	}
	if g, _, err := w.Opened(t.Context(), "a"); err != nil || !g.Cancelled {
		t.Errorf("a cancelled message was touched: %+v, %v", g, err)
	}
}

// After Raise, what comes late under the old count opens nothing, and the next attempt does.
func TestRaise(t *testing.T) {
	t.Parallel()
	unopened := guard.Send{Message: "a", Sends: 2, Expiry: expiry}
	for _, c := range []struct {
		about  string
		before func(*world) (guard.Send, error)
		want   error
	}{
		{"nothing was ever opened", func(*world) (guard.Send, error) { return unopened, nil }, nil},
		{"an earlier call was answered", func(w *world) (guard.Send, error) {
			s := w.mustOpen(t, opening("a", 1))
			_, err := w.Answered(t.Context(), s, "1")
			return unopened, err
		}, nil},
		{"it was closed", func(w *world) (guard.Send, error) {
			return unopened, w.Close(t.Context(), w.mustOpen(t, opening("a", 2)))
		}, nil},
		{"it was looked up", func(w *world) (guard.Send, error) {
			w.mustOpen(t, opening("a", 2))
			g, _, err := w.Opened(t.Context(), "a")
			return g.Send, err
		}, nil},
		{"it is open, and was not looked up", func(w *world) (guard.Send, error) {
			w.mustOpen(t, opening("a", 2))
			return unopened, nil
		}, guard.ErrOpened},
		{"it was raised", func(w *world) (guard.Send, error) { return unopened, w.Raise(t.Context(), unopened, false) }, nil},
		{"a later attempt is open", func(w *world) (guard.Send, error) {
			w.mustOpen(t, opening("a", 3))
			return unopened, nil
		}, nil},
		{"it is cancelled", func(w *world) (guard.Send, error) { return unopened, w.Cancel(t.Context(), "a", expiry) }, guard.ErrCancelled},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s, err := c.before(w)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Raise(t.Context(), s, false); !errors.Is(err, c.want) {
				t.Fatalf("Raise = %v, want %v", err, c.want)
			}
			if c.want != nil {
				return
			}
			if _, err := w.Open(t.Context(), opening("a", 2)); !errors.Is(err, guard.ErrOpened) {
				t.Errorf("a late invocation opens: %v", err)
			}
			if g, ok, err := w.Opened(t.Context(), "a"); err != nil || !ok || g.Sends != 3 {
				t.Errorf("Opened = %+v, %v, %v", g, ok, err)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		about  string
		before func(*world) error
		want   error
	}{
		{"nothing was sent", func(*world) error { return nil }, nil},
		{"again", func(w *world) error { return w.Cancel(t.Context(), "a", expiry) }, nil},
		{"a send is open", func(w *world) error { return w.openAnd(t, false, nil) }, guard.ErrNotCancellable},
		{"a send was closed", func(w *world) error { return w.openAnd(t, false, w.Close) }, nil},
		{"a doubt was resolved", func(w *world) error {
			return w.openAnd(t, false, func(ctx ctx, s guard.Send) error { return w.Raise(ctx, s, false) })
		}, nil},
		{"a call was accepted, and the next never began", func(w *world) error {
			return w.openAnd(t, false, func(ctx ctx, s guard.Send) error {
				return w.Raise(ctx, guard.Send{Message: s.Message, Sends: s.Sends + 1, Expiry: expiry}, true)
			})
		}, guard.ErrNotCancellable},
		{"a call before it was accepted", func(w *world) error { return w.openAnd(t, true, w.Close) }, guard.ErrNotCancellable},
		{"a call was answered", func(w *world) error {
			return w.openAnd(t, false, func(ctx ctx, s guard.Send) error { _, err := w.Answered(ctx, s, "1"); return err })
		}, guard.ErrNotCancellable},
		{"a call was found", func(w *world) error {
			return w.openAnd(t, false, func(ctx ctx, s guard.Send) error { return w.Claim(ctx, s, "1") })
		}, guard.ErrNotCancellable},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if err := c.before(w); err != nil {
				t.Fatal(err)
			}
			if err := w.Cancel(t.Context(), "a", expiry); !errors.Is(err, c.want) {
				t.Fatalf("Cancel = %v, want %v", err, c.want)
			}
			g, _, err := w.Opened(t.Context(), "a")
			if err != nil || g.Cancelled != (c.want == nil) {
				t.Errorf("the guard is %+v, %v", g, err)
			}
			if _, err := w.Open(t.Context(), opening("a", 9)); errors.Is(err, guard.ErrCancelled) != (c.want == nil) {
				t.Errorf("a redrive opens: %v", err)
			}
		})
	}
}

// Of what is not wanted any more nothing is opened again once the open send is closed, and that is a cancellation; of what was accepted the
// rest goes on.
func TestUnwant(t *testing.T) {
	t.Parallel()
	raise := func(sent bool) func(*world) error {
		return func(w *world) error {
			g, _, err := w.Opened(t.Context(), "a")
			return errors.Join(err, w.Raise(t.Context(), g.Send, sent))
		}
	}
	later := func(sent bool) guard.Opening {
		o := opening("a", 1)
		o.Sent = sent
		return o
	}
	for about, c := range map[string]struct {
		sent  bool // a call before it was accepted
		after func(*world) error
		next  guard.Opening
		want  error
	}{
		"it is open still":                    {false, func(*world) error { return nil }, opening("a", 0), guard.ErrOpened},
		"its doubt was resolved":              {false, raise(false), later(false), guard.ErrCancelled},
		"it was accepted":                     {false, func(*world) error { return nil }, later(true), nil},
		"it was accepted, which was put down": {false, raise(true), later(true), nil},
		"a call before it was accepted":       {true, raise(true), later(true), nil},
	} {
		w := newWorld(t)
		if err := w.openAnd(t, c.sent, nil); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := w.Unwant(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Cancel(t.Context(), "a", expiry); !errors.Is(err, guard.ErrNotCancellable) {
			t.Errorf("%s: cancelled while it is open: %v", about, err)
		}
		if err := c.after(w); err != nil {
			t.Fatal(err)
		}
		g, _, err := w.Opened(t.Context(), "a")
		if err != nil || g.Cancelled != errors.Is(c.want, guard.ErrCancelled) || g.Unwanted != (g.Open && !g.Sent) {
			t.Errorf("%s: %+v, %v", about, g, err)
		}
		if _, err := w.Open(t.Context(), c.next); !errors.Is(err, c.want) {
			t.Errorf("%s: the next opens: %v, want %v", about, err, c.want)
		}
	}
	w := newWorld(t)
	w.fail(func(*request) bool { return true })
	if err := w.Unwant(t.Context(), "a"); err == nil {
		t.Error("without the table it is done")
	}
	w = newWorld(t)
	if err := w.Unwant(t.Context(), "a"); err != nil || len(w.listed(t)) != 0 {
		t.Error(err)
	}
	if _, ok, err := w.Opened(t.Context(), "a"); ok || err != nil {
		t.Errorf("of what was never opened there is a guard: %v", err)
	}
}

// The SDK's repetition of an opening whose answer was lost does not make a message wanted again.
func TestUnwantBetweenTheWritesOfAnOpening(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := &guard.Guards{Client: w.raw, Table: tableName, Now: w.Now}
	lost := false
	w.around = func(r *request, next func() *http.Response) (*http.Response, error) {
		if _, ok := r.fields.Item["nonce"]; !ok || lost {
			return next(), nil
		}
		lost = true
		_ = next().Body.Close()
		if err := other.Unwant(t.Context(), "a"); err != nil {
			t.Error(err)
		}
		return nil, errLost
	}
	if _, err := w.Open(t.Context(), opening("a", 0)); !errors.Is(err, guard.ErrOpened) {
		t.Errorf("the opening: %v; it is to be looked up", err)
	}
	g, _, err := w.Opened(t.Context(), "a")
	if err != nil || w.Raise(t.Context(), g.Send, g.Sent) != nil {
		t.Fatal(err)
	}
	if _, err := w.Open(t.Context(), opening("a", 1)); !errors.Is(err, guard.ErrCancelled) {
		t.Errorf("it opens once more: %v", err)
	}
}

func TestAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.mustOpen(t, opening("a", 0)), w.mustOpen(t, opening("b", 0))
	for range 2 { // repeating it is no error
		if taken, err := w.Answered(t.Context(), a, "1"); err != nil || taken {
			t.Fatalf("Answered = %v, %v", taken, err)
		}
	}
	if l := w.listed(t); !slices.Equal(l, []string{"b"}) {
		t.Errorf("listed are %q", l)
	}
	if _, err := w.Answered(t.Context(), b, "1"); !errors.Is(err, guard.ErrClaimed) {
		t.Errorf("another answer with the same id: %v", err)
	}
	if l := w.listed(t); !slices.Equal(l, []string{"b"}) {
		t.Errorf("listed are %q, want b, whose batch nobody knows", l)
	}
	if _, err := w.Answered(t.Context(), b, ""); err == nil {
		t.Error("a batch without an id")
	}

	// An answer outranks a look-up, which learns that it was wrong.
	if err := w.Claim(t.Context(), a, "2"); err != nil {
		t.Fatal(err)
	}
	w.owns(t, "a", "2", true)
	if taken, err := w.Answered(t.Context(), b, "2"); err != nil || !taken {
		t.Errorf("Answered = %v, %v, want that it took the batch", taken, err)
	}
	w.owns(t, "a", "2", false)
	w.owns(t, "b", "2", true)
}

// owns checks whose a batch is.
func (w *world) owns(tb testing.TB, id, mid string, want bool) {
	tb.Helper()
	got, err := w.Owns(tb.Context(), id, guard.Batch{Account: account, Channel: message.SMS, MID: mid})
	if err != nil || got != want {
		tb.Errorf("%s owns %s: %v, %v, want %v", id, mid, got, err, want)
	}
}

func TestClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.mustOpen(t, opening("a", 0))
	a, b := w.mustOpen(t, opening("a", 1)), w.mustOpen(t, opening("b", 0))
	claim := func(about string, s guard.Send, mid string, want error) {
		t.Helper()
		if err := w.Claim(t.Context(), s, mid); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", about, err, want)
		}
	}
	claim("nobody's batch", a, "1", nil)
	claim("one's own", a, "1", nil)
	claim("another message's", b, "1", guard.ErrClaimed)
	claim("another message's, for a later call", w.mustOpen(t, opening("c", 7)), "1", guard.ErrClaimed)
	claim("for an earlier call of the same message", old, "1", guard.ErrClaimed)
	if _, err := w.Answered(t.Context(), old, "2"); err != nil {
		t.Fatal(err)
	}
	claim("one's own, by an answer to an earlier attempt", a, "2", nil)
	claim("another message's, by an answer", b, "2", guard.ErrClaimed)
	if _, err := w.Answered(t.Context(), b, "2"); !errors.Is(err, guard.ErrClaimed) {
		t.Errorf("the look-up has made a look-up's claim of an answer's: %v", err)
	}
	w.owns(t, "a", "1", true)
	w.owns(t, "b", "1", false)
	w.owns(t, "a", "3", false)
	if l := w.listed(t); !slices.Equal(l, []string{"b", "c"}) {
		t.Errorf("listed are %q, want b and c, which have found nothing", l)
	}
	if err := w.Claim(t.Context(), b, ""); err == nil {
		t.Error("a batch without an id")
	}
}

func TestOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.mustOpen(t, opening("a", 0)), w.mustOpen(t, opening("b", 0))
	var mids []string
	want := map[string]string{}
	for n := range 250 {
		mid := fmt.Sprint(1000 + n)
		mids = append(mids, mid, mid) // a page of the history may come twice
		switch n % 3 {
		case 0:
			want[mid] = "b"
			if _, err := w.Answered(t.Context(), b, mid); err != nil {
				t.Fatal(err)
			}
		case 1:
			want[mid] = "a"
			if err := w.Claim(t.Context(), a, mid); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.operations()
	got, err := w.Owner(t.Context(), account, message.SMS, mids...)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Owner = %v, %v\nwant %v", got, err, want)
	}
	if ops := w.operations(); !slices.Equal(ops, []string{"BatchGetItem", "BatchGetItem", "BatchGetItem"}) {
		t.Errorf("operations: %q", ops)
	}
	for about, ask := range map[string]func() (map[string]string, error){
		"nothing": func() (map[string]string, error) { return w.Owner(t.Context(), account, message.SMS) },
		"another channel": func() (map[string]string, error) {
			return w.Owner(t.Context(), account, message.AlimTalk, mids...)
		},
		"another account": func() (map[string]string, error) {
			return w.Owner(t.Context(), guard.Account("other"), message.SMS, mids...)
		},
	} {
		if got, err := ask(); err != nil || len(got) > 0 {
			t.Errorf("%s: %v, %v", about, got, err)
		}
	}
}

// BatchGetItem may leave items unread, which is no error and no absence.
func TestUnreadItems(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b := w.mustOpen(t, opening("b", 0))
		mids, want := []string{}, map[string]string{}
		for n := range 10 {
			mid := fmt.Sprint(n)
			mids, want[mid] = append(mids, mid), "b"
			if _, err := w.Answered(t.Context(), b, mid); err != nil {
				t.Fatal(err)
			}
		}
		served := 3
		w.around = func(r *request, next func() *http.Response) (*http.Response, error) {
			var in struct {
				RequestItems map[string]struct {
					Keys           []json.RawMessage
					ConsistentRead bool
				}
			}
			if err := json.Unmarshal(r.body, &in); err != nil {
				t.Error(err)
			}
			asked := in.RequestItems[tableName]
			rest := asked.Keys[min(served, len(asked.Keys)):]
			asked.Keys = asked.Keys[:min(served, len(asked.Keys))]
			in.RequestItems[tableName] = asked
			r.body, _ = json.Marshal(in)
			var out map[string]any
			if served > 0 {
				response := next()
				if err := json.NewDecoder(response.Body).Decode(&out); err != nil {
					t.Error(err)
				}
			} else {
				out = map[string]any{"Responses": map[string]any{}}
			}
			if asked.Keys = rest; len(rest) > 0 {
				out["UnprocessedKeys"] = map[string]any{tableName: asked}
			}
			return answer(out), nil
		}
		got, err := w.Owner(t.Context(), account, message.SMS, mids...)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Owner = %v, %v", got, err)
		}
		served = 0
		if got, err := w.Owner(t.Context(), account, message.SMS, mids...); err == nil {
			t.Errorf("what was never read: %v", got)
		}
	})
}

func TestOpenSends(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := func(d time.Duration) { w.clock = began.Add(d) }
	open := func(o guard.Opening) guard.Send { return w.mustOpen(t, o) }
	old := open(opening("old", 0))
	at(time.Minute)
	small := open(many("small", upTo(32)...))
	at(2 * time.Minute)
	large := open(many("large", upTo(33)...))
	closed, answered, found := open(opening("closed", 0)), open(opening("answered", 0)), open(opening("found", 0))
	_, err := w.Answered(t.Context(), answered, "1")
	if err = errors.Join(err, w.Close(t.Context(), closed), w.Claim(t.Context(), found, "2")); err != nil {
		t.Fatal(err)
	}
	other := opening("other channel", 0)
	other.Channel = message.AlimTalk
	open(other)
	other = opening("other account", 0)
	other.Account = guard.Account("other")
	open(other)
	open(opening("me", 0))

	sends, err := w.OpenSends(t.Context(), "me", account, message.SMS, began)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]guard.OpenSend{}
	for _, s := range sends {
		got[s.Message] = s
	}
	entry := func(s guard.Send, digest []guard.Digest) guard.OpenSend {
		return guard.OpenSend{Message: s.Message, Sends: s.Sends, At: s.At, Digests: digest, Key: digests.KeyID()}
	}
	want := map[string]guard.OpenSend{
		"old":   entry(old, []guard.Digest{hello}),
		"small": entry(small, many("", upTo(32)...).Digests),
		"large": entry(large, many("", upTo(33)...).Digests),
	}
	if !reflect.DeepEqual(got, want) || len(sends) != len(want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	for since, n := range map[time.Duration]int{time.Millisecond: 2, time.Minute: 2, time.Minute + time.Millisecond: 1, time.Hour: 0} {
		if sends, err := w.OpenSends(t.Context(), "me", account, message.SMS, began.Add(since)); err != nil || len(sends) != n {
			t.Errorf("since %v: %d, %v, want %d", since, len(sends), err, n)
		}
	}
}

// The table answers a query in pages.
func TestOpenSendsInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var want []string
	for n := range 50 {
		id := fmt.Sprintf("message %02d", n)
		want = append(want, id)
		w.mustOpen(t, many(id, upTo(1+n)...))
	}
	queries := 0
	w.around = func(r *request, next func() *http.Response) (*http.Response, error) {
		if r.operation == "Query" {
			queries++
			r.body = append([]byte(`{"Limit":2,`), r.body[1:]...)
		}
		return next(), nil
	}
	if got := w.listed(t); !slices.Equal(got, want) {
		t.Errorf("listed are %q", got)
	}
	if queries < 25 {
		t.Errorf("%d queries", queries)
	}
}

// A listing that is there without its guard, in all the ways in which that happens. Its digests stand in the guard.
func TestListingWithoutGuard(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		about  string
		happen func(w *world) error
		// want is how many sends are open; they are compared with digests unless blind is set.
		want  int
		blind bool
	}{
		{"the guard is about to be written", func(w *world) error {
			w.fail(func(r *request) bool { return r.operation != "PutItem" || r.fields.ConditionExpression != "" })
			_, err := w.Open(t.Context(), many("a", upTo(40)...))
			return failed(err)
		}, 1, true},
		{"the guard is that of an earlier attempt", func(w *world) error {
			if err := w.openAndClose(t, many("a", upTo(40)...)); err != nil {
				return err
			}
			w.fail(func(r *request) bool { return r.operation != "PutItem" || r.fields.ConditionExpression != "" })
			o := many("a", upTo(40)...)
			o.Sends = 1
			_, err := w.Open(t.Context(), o)
			return failed(err)
		}, 1, true},
		{"another invocation opened it", func(w *world) error {
			w.mustOpen(t, many("a", upTo(40)...))
			w.fail(func(r *request) bool { return r.operation == "DeleteItem" })
			_, err := w.Open(t.Context(), many("a", upTo(40)...))
			return failed(err)
		}, 1, false},
		{"the send was given up, and another one has the guard", func(w *world) error {
			w.mustOpen(t, many("a", upTo(40)...))
			o := many("a", upTo(40)...)
			o.Sends = 1
			return w.openAndClose(t, o)
		}, 1, true},
		{"the send was given up, and the next one raised before it was opened", func(w *world) error {
			w.mustOpen(t, many("a", upTo(40)...))
			return w.Raise(t.Context(), guard.Send{Message: "a", Sends: 1, Expiry: expiry}, true)
		}, 1, false},
		{"the send was raised", func(w *world) error {
			w.fail(func(r *request) bool { return r.operation == "DeleteItem" })
			return w.Raise(t.Context(), w.mustOpen(t, many("a", upTo(40)...)), false)
		}, 0, false},
		{"the send was closed", func(w *world) error {
			w.fail(func(r *request) bool { return r.operation == "DeleteItem" })
			return w.openAndClose(t, many("a", upTo(40)...))
		}, 0, false},
		{"the message was cancelled", func(w *world) error {
			w.fail(func(r *request) bool { return r.operation == "DeleteItem" })
			o := many("a", upTo(40)...)
			o.Sends = 1
			return errors.Join(w.openAndClose(t, o), w.Cancel(t.Context(), "a", expiry))
		}, 0, false},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if err := c.happen(w); err != nil {
				t.Fatal(err)
			}
			w.around = nil
			sends, err := w.OpenSends(t.Context(), "b", account, message.SMS, began)
			if err != nil || len(sends) != c.want {
				t.Fatalf("%+v, %v", sends, err)
			}
			for _, s := range sends {
				if blind := s.Digests == nil; blind != c.blind || s.MayShare(digests.KeyID(), nil) != c.blind {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}

// failed wants an error.
func failed(err error) error {
	if err == nil {
		return errors.New("there was no error")
	}
	return nil
}

// openAndClose opens a send and closes it.
func (w *world) openAndClose(tb testing.TB, o guard.Opening) error {
	tb.Helper()
	return w.Close(tb.Context(), w.mustOpen(tb, o))
}

// fail makes requests fail before they reach the table.
func (w *world) fail(which func(*request) bool) {
	w.around = func(r *request, next func() *http.Response) (*http.Response, error) {
		if which(r) {
			return throttle(), nil
		}
		return next(), nil
	}
}

func TestMayShare(t *testing.T) {
	t.Parallel()
	x, y, z := digests.Digest("1", "t"), digests.Digest("2", "t"), digests.Digest("1", "u")
	other := guard.NewDigester([]byte("other")).KeyID()
	for _, c := range []struct {
		about string
		open  guard.OpenSend
		mine  []guard.Digest
		want  bool
	}{
		{"the same text to the same number", guard.OpenSend{Digests: []guard.Digest{x}, Key: digests.KeyID()}, []guard.Digest{x}, true},
		{"one recipient in common", guard.OpenSend{Digests: []guard.Digest{x, y}, Key: digests.KeyID()}, []guard.Digest{y}, true},
		{"another number", guard.OpenSend{Digests: []guard.Digest{x}, Key: digests.KeyID()}, []guard.Digest{y}, false},
		{"another text", guard.OpenSend{Digests: []guard.Digest{x}, Key: digests.KeyID()}, []guard.Digest{z}, false},
		{"digests that cannot be compared", guard.OpenSend{Digests: []guard.Digest{x}, Key: other}, []guard.Digest{y}, true},
		{"digests that nobody knows", guard.OpenSend{Key: digests.KeyID()}, []guard.Digest{y}, true},
	} {
		if got := c.open.MayShare(digests.KeyID(), c.mine); got != c.want {
			t.Errorf("%s: %v", c.about, got)
		}
	}
}

// Whatever write is made and its answer lost, the SDK's repetition finds its own and goes on.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	lose := func(w *world, how func(*http.Response) (*http.Response, error)) {
		lost := map[string]bool{}
		w.around = func(r *request, next func() *http.Response) (*http.Response, error) {
			if key := r.operation + string(r.body); !lost[key] {
				lost[key] = true
				return how(next())
			}
			return next(), nil
		}
	}
	for about, how := range map[string]func(*http.Response) (*http.Response, error){
		"the connection breaks": func(*http.Response) (*http.Response, error) { return nil, errLost },
		"500":                   func(*http.Response) (*http.Response, error) { return refuse(500, "InternalServerError"), nil },
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			lose(w, how)
			ctx := t.Context()
			first, err := w.Open(ctx, opening("a", 0))
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Close(ctx, first); err != nil {
				t.Error(err)
			}
			second, err := w.Open(ctx, opening("a", 1))
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Claim(ctx, second, "1"); err != nil {
				t.Error(err)
			}
			if _, err := w.Answered(ctx, second, "1"); err != nil {
				t.Error(err)
			}
			if err := w.Cancel(ctx, "b", expiry); err != nil {
				t.Error(err)
			}
			w.owns(t, "a", "1", true)
			if g, _, err := w.Opened(ctx, "a"); err != nil || !g.Open || g.Send != second || len(w.listed(t)) > 0 {
				t.Errorf("%+v, %v, listed %q", g, err, w.listed(t))
			}
			if n := len(w.requests); n < 18 {
				t.Errorf("%d requests: nothing was lost", n)
			}
		})
	}
}

// A write that comes late, when its sender has long made it again and gone on, changes nothing.
func TestLateWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var late []func()
	seen := map[string]bool{}
	w.around = func(r *request, next func() *http.Response) (*http.Response, error) {
		if r.fields.ConditionExpression == "" || seen[string(r.body)] {
			return next(), nil
		}
		seen[string(r.body)] = true
		late = append(late, func() { _ = next().Body.Close() })
		return nil, errLost
	}
	arrive := func() {
		for _, write := range late {
			write()
		}
		late = nil
	}
	ctx := t.Context()
	first := w.mustOpen(t, opening("a", 0))
	if err := w.Close(ctx, first); err != nil {
		t.Fatal(err)
	}
	arrive()
	if g, _, err := w.Opened(ctx, "a"); err != nil || g.Open {
		t.Errorf("what was closed is open again: %+v, %v", g, err)
	}
	second := w.mustOpen(t, opening("a", 1))
	if err := w.Claim(ctx, second, "1"); err != nil {
		t.Fatal(err)
	}
	b := w.mustOpen(t, opening("b", 0))
	if _, err := w.Answered(ctx, b, "1"); err != nil {
		t.Fatal(err)
	}
	arrive()
	w.owns(t, "b", "1", true)
	if err := errors.Join(w.Close(ctx, second), w.Cancel(ctx, "a", expiry)); err != nil {
		t.Fatal(err)
	}
	arrive()
	if g, _, err := w.Opened(ctx, "a"); err != nil || !g.Cancelled {
		t.Errorf("what was cancelled is not any more: %+v, %v", g, err)
	}
	third := w.mustOpen(t, opening("c", 0))
	opening := late
	if err := w.Raise(ctx, third, false); err != nil {
		t.Fatal(err)
	}
	late = opening
	arrive()
	if g, _, err := w.Opened(ctx, "c"); err != nil || g.Open || g.Sends != 1 {
		t.Errorf("what was raised is open again: %+v, %v", g, err)
	}
}

// The table cannot be reached, or not in time: nothing may be sent, and none of the table's verdicts is made up.
func TestFaults(t *testing.T) {
	t.Parallel()
	for about, fault := range map[string]func(next func() *http.Response) (*http.Response, error){
		"throughput exceeded": func(func() *http.Response) (*http.Response, error) { return throttle(), nil },
		"throttling":          func(func() *http.Response) (*http.Response, error) { return refuse(400, "ThrottlingException"), nil },
		"unreachable":         func(func() *http.Response) (*http.Response, error) { return nil, errLost },
		"500 after writing": func(next func() *http.Response) (*http.Response, error) {
			_ = next().Body.Close()
			return refuse(500, "InternalServerError"), nil
		},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ctx := t.Context()
			s := w.mustOpen(t, opening("there", 0))
			w.around = func(_ *request, next func() *http.Response) (*http.Response, error) { return fault(next) }
			_, openErr := w.Open(ctx, opening("a", 0))
			_, answeredErr := w.Answered(ctx, s, "1")
			_, ownerErr := w.Owner(ctx, account, message.SMS, "1")
			_, ownsErr := w.Owns(ctx, "a", guard.Batch{Account: account, Channel: message.SMS, MID: "1"})
			_, sendsErr := w.OpenSends(ctx, "a", account, message.SMS, began)
			_, _, openedErr := w.Opened(ctx, "there")
			for name, err := range map[string]error{
				"Open": openErr, "Answered": answeredErr, "Owner": ownerErr, "Owns": ownsErr, "OpenSends": sendsErr, "Opened": openedErr,
				"Close": w.Close(ctx, s), "Raise": w.Raise(ctx, s, false), "Claim": w.Claim(ctx, s, "2"), "Cancel": w.Cancel(ctx, "c", expiry),
			} {
				if err == nil {
					t.Errorf("%s: no error", name)
				}
				for _, verdict := range []error{guard.ErrOpened, guard.ErrCancelled, guard.ErrClaimed, guard.ErrNotCancellable} {
					if errors.Is(err, verdict) {
						t.Errorf("%s: %v", name, err)
					}
				}
			}
		})
	}
}

// When it is known that another invocation has opened the send, but not what became of it since, it may be sending.
func TestVerdictWithoutReading(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustOpen(t, opening("a", 0))
	w.fail(func(r *request) bool { return r.operation == "GetItem" })
	if _, err := w.Open(t.Context(), opening("a", 0)); !errors.Is(err, guard.ErrOpened) {
		t.Errorf("Open = %v", err)
	}
}

// The SDK gave up on a write that was made: the guard is closed again, so that the next attempt opens.
func TestOpenGivesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.around = func(r *request, next func() *http.Response) (*http.Response, error) {
		response := next()
		if r.operation == "PutItem" && r.fields.ConditionExpression != "" {
			return nil, errLost
		}
		return response, nil
	}
	if _, err := w.Open(t.Context(), opening("a", 0)); err == nil || errors.Is(err, guard.ErrOpened) {
		t.Fatalf("Open = %v", err)
	}
	w.around = nil
	if l := w.listed(t); len(l) > 0 {
		t.Errorf("listed are %q", l)
	}
	w.mustOpen(t, opening("a", 1))
}

func TestOneOfAThousandOpens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var opened, others atomic.Int64
	var group sync.WaitGroup
	begin := make(chan struct{})
	for range 1000 {
		group.Go(func() {
			<-begin
			switch _, err := w.Open(t.Context(), opening("a", 0)); {
			case err == nil:
				opened.Add(1)
			case errors.Is(err, guard.ErrOpened):
				others.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	close(begin)
	group.Wait()
	if opened.Load() != 1 || others.Load() != 999 {
		t.Errorf("%d opened the send, %d did not", opened.Load(), others.Load())
	}
	if l := w.listed(t); !slices.Equal(l, []string{"a"}) {
		t.Errorf("listed are %q", l)
	}
}

// What a message to one recipient costs: four writes of one unit, and no read.
func TestCost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := opening("01936f0e-1d5c-7d3b-8f0a-0123456789ab", 1<<31)
	o.Sent, o.Recipients = true, []int{499}
	if _, err := w.Answered(t.Context(), w.mustOpen(t, o), strings.Repeat("9", 20)); err != nil {
		t.Fatal(err)
	}
	units := 0
	for _, r := range w.requests {
		n := size(r.fields.Item)
		t.Logf("%s %d bytes", r.operation, n)
		units += max(1, (n+1023)/1024) // what DeleteItem deletes is a listing, of less than one unit
	}
	if ops := w.operations(); units > 4 || !slices.Equal(ops, []string{"PutItem", "PutItem", "PutItem", "DeleteItem"}) {
		t.Errorf("%d units for %q", units, ops)
	}
	// The largest: AlimTalk to 500, of whom the first is left out.
	w.mustOpen(t, many("largest", upTo(501)[1:]...))
	if n := size(w.requests[1].fields.Item); n > 6*1024 {
		t.Errorf("the largest guard has %d bytes", n)
	}
}

// No item is kept for ever, and none goes while a redrive may ask for it.
func TestExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.mustOpen(t, opening("a", 0))
	if _, err := w.Answered(t.Context(), s, "1"); err != nil {
		t.Fatal(err)
	}
	if err := w.Cancel(t.Context(), "b", expiry); err != nil {
		t.Fatal(err)
	}
	want := []string{fmt.Sprint(began.Add(24 * time.Hour).Unix())}
	kept := fmt.Sprint(expiry.Add(21 * 24 * time.Hour).Unix())
	want = append(want, kept, kept, kept)
	var got []string
	for _, r := range w.requests {
		if v, ok := r.fields.Item["expires"]; ok {
			got = append(got, fmt.Sprint(v["N"]))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("expires are %q, want %q", got, want)
	}
}
