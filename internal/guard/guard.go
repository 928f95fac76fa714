// Package guard keeps the table that makes sends at-most-once. Aligo has no idempotency key, and its history cannot tell
// two equal messages apart, so that every send is opened in the table before the first byte goes out, and every batch
// that Aligo has accepted belongs to one message.
//
// The table has the partition key pk and the sort key sk, both strings, no index, and the TTL attribute expires. No
// decision relies on TTL: what is too old to count is told by comparing times. It holds three kinds of items.
//
//   - send#<message id>, guard: the latest attempt to send the message, or that the message is cancelled, or is if the attempt was
//     not accepted. It says what was sent, to whom and from which account, so that exactly this is looked for when nobody knows
//     what became of it.
//   - open#<account>#<channel>#<shard>, <time>#<nonce>: one for each send whose end is not known yet, so that a look-up
//     sees which other sends a row of the history may be.
//   - mid#<account>#<channel>#<mid>, claim: whose a batch is.
//
// A message to one recipient whose call is answered costs four writes of one unit and no read: listing, guard, claim,
// and the deletion of the listing.
package guard

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/attr"
	"sms-api/internal/ddb"
	"sms-api/internal/deployment"
	"sms-api/internal/message"
)

// What the table decides. Every other error means that the table could not be asked or could not answer.
var (
	// ErrOpened says that another invocation has opened this attempt or a later one, or has left an earlier attempt with
	// the same progress open: it may have sent.
	ErrOpened = errors.New("the send was opened by another invocation")
	// ErrCancelled says that the message is cancelled and must not be sent.
	ErrCancelled = errors.New("the message is cancelled")
	// ErrNotCancellable says that the message was sent, or may have been.
	ErrNotCancellable = errors.New("the message was sent or may have been")
	// ErrClaimed says that the batch is another message's, or a later call's.
	ErrClaimed = errors.New("the batch belongs to another send")
)

// Kept is how long after a message's expiry its items are kept: for as long as its execution can be redriven, which ends some
// days after the expiry at the latest, when the last receipt has come.
const Kept = deployment.Redrivable + 7*24*time.Hour

// listingKept is how long a listing is kept that nobody deletes. Look-ups only ask for listings that are minutes old.
const listingKept = 24 * time.Hour

// Guards is the table. It keeps nothing between calls and is safe for concurrent use.
type Guards struct {
	Client ddb.Client
	// Table is the table's name.
	Table string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log is told of items that could not be tidied away, which costs others a wait of minutes; nil means nobody.
	Log *slog.Logger
}

// Opening describes a call that is about to be made.
type Opening struct {
	Message string
	Sends   int
	Account Account
	Channel message.Channel
	// Sent says that another call of this message was accepted before.
	Sent bool
	// Recipients are the indices in the message of those whom the call is for, and Digests what each of them is sent.
	Recipients []int
	Digests    []Digest
	// Key is what the digests were made with.
	Key KeyID
	// Expiry is the message's.
	Expiry time.Time
	// Ahead is how far Aligo's clock is ahead of ours, as far as that is known, in milliseconds.
	Ahead time.Duration
}

// Send is an attempt that was opened. It comes from Open or Opened.
type Send struct {
	Message string
	Sends   int
	Account Account
	Channel message.Channel
	// At is when it was opened, by the clock of whoever opened it, in milliseconds: no byte was sent before.
	At time.Time
	// Expiry is the message's.
	Expiry time.Time

	// nonce tells this opening from all others, and its items from theirs.
	nonce string
}

// Open opens a send: when it returns nil, this invocation and no other may make the call. ErrOpened means that another
// one may have sent and the history has to be asked, ErrCancelled that nobody may. After any other error nothing may be
// sent either, and the attempt may be repeated.
//
// An attempt opens over one with a smaller count, whose end the progress knows, and over one with the same count that is
// closed. It does not open over one that was left open with the same count: whoever repeats a task does not know what a
// second invocation of it may be doing.
func (g *Guards) Open(ctx context.Context, o Opening) (Send, error) {
	s := Send{
		Message: o.Message, Sends: o.Sends, Account: o.Account, Channel: o.Channel,
		At: g.now().UTC().Truncate(time.Millisecond), Expiry: o.Expiry, nonce: rand.Text(),
	}
	if err := g.open(ctx, s, o); err != nil {
		return Send{}, fmt.Errorf("open the send of message %s: %w", o.Message, err)
	}
	return s, nil
}

func (g *Guards) open(ctx context.Context, s Send, o Opening) error {
	if o.Message == "" || o.Account == "" || o.Channel == "" || o.Expiry.IsZero() ||
		len(o.Digests) == 0 || len(o.Digests) != len(o.Recipients) {
		return errors.New("the opening is incomplete")
	}
	// The listing comes first: what has a guard and may be sent is listed, so that no look-up misses it.
	if err := g.put(ctx, listingItem(s, o), ""); err != nil {
		return err
	}
	wanted := "attribute_not_exists(#cancelled)"
	if !o.Sent {
		wanted += " AND attribute_not_exists(#unwanted)"
	}
	err := g.put(ctx, guardItem(s, o),
		// The nonce is found by the SDK's repetition of a write that was made and whose answer was lost.
		// Where the message is not wanted any more since the first, the send stays as it is, for a look-up to find.
		"attribute_not_exists(#pk) OR #nonce = :nonce AND #state = :open AND attribute_not_exists(#unwanted) OR "+
			wanted+" AND (#sends < :sends OR #sends = :sends AND #state = :closed)",
		attr.Value(":nonce", attr.Text(s.nonce)),
		attr.Value(":sends", attr.Number(int64(s.Sends))),
		attr.Value(":open", attr.Text(stateOpen)),
		attr.Value(":closed", attr.Text(stateClosed)),
	)
	switch {
	case err == nil:
		return nil
	case !refused(err):
		// Perhaps the write was made all the same. Then the guard would stay open until a look-up has resolved it.
		if e := g.close(ctx, s); e != nil {
			g.leftover(ctx, s, e)
		}
		return err
	}
	g.unlist(ctx, s)
	// Without a certain answer it counts as opened: the repetition that another error allows could send twice.
	if found, ok, err := g.Opened(ctx, s.Message); err == nil && ok && found.Cancelled {
		return ErrCancelled
	}
	return ErrOpened
}

// Close says that the call surely was not accepted: it was never made, or it was refused.
func (g *Guards) Close(ctx context.Context, s Send) error {
	if err := g.close(ctx, s); err != nil {
		return fmt.Errorf("close the send of message %s: %w", s.Message, err)
	}
	return nil
}

// Raise ends all attempts with the count of s: what has not been opened by now never is, and the next attempt has a count
// of one more. It is for an attempt that surely sent nothing, and for one that was looked up and had not been accepted,
// which is the only one that may be open: s comes from Opened then. ErrOpened says that another is, ErrCancelled that the
// message is cancelled. To raise what has been raised is no error.
//
// sent says that another call of the message was accepted before, as it does in an Opening: without it, a message whose
// second send never began could be cancelled.
func (g *Guards) Raise(ctx context.Context, s Send, sent bool) error {
	update := "SET #sends = :next, #state = :closed, #expires = :expires"
	const condition = "attribute_not_exists(#pk) OR attribute_not_exists(#cancelled) AND " +
		"(#sends < :sends OR #sends = :sends AND (#state = :closed OR #nonce = :nonce))"
	names, values := attr.Placeholders(
		update+condition,
		attr.Value(":sends", attr.Number(int64(s.Sends))),
		attr.Value(":next", attr.Number(int64(s.Sends+1))),
		attr.Value(":closed", attr.Text(stateClosed)),
		attr.Value(":nonce", attr.Text(cmp.Or(s.nonce, "none"))),
		attr.Value(":expires", attr.Number(s.Expiry.Add(Kept).Unix())),
	)
	if sent {
		update += ", #sent = :sent"
		names["#sent"], values[":sent"] = attrSent, attr.Yes()
	}
	_, err := g.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &g.Table, Key: guardKey(s.Message), UpdateExpression: aws.String(update), ConditionExpression: aws.String(condition),
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	})
	if refused(err) {
		err = g.raised(ctx, s)
	}
	if err != nil {
		return fmt.Errorf("raise the sends of message %s: %w", s.Message, err)
	}
	if s.nonce != "" {
		g.unlist(ctx, s)
	}
	return nil
}

// raised tells why a message's count could not be raised; nil when it is higher already.
func (g *Guards) raised(ctx context.Context, s Send) error {
	found, _, err := g.Opened(ctx, s.Message)
	switch {
	case err != nil:
		return err
	case found.Cancelled:
		return ErrCancelled
	case found.Sends > s.Sends:
		return nil
	}
	return ErrOpened
}

func (g *Guards) close(ctx context.Context, s Send) error {
	const update, condition = "SET #state = :closed", "#nonce = :nonce"
	names, values := attr.Placeholders(
		update+condition,
		attr.Value(":nonce", attr.Text(s.nonce)),
		attr.Value(":closed", attr.Text(stateClosed)),
	)
	_, err := g.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &g.Table, Key: guardKey(s.Message), UpdateExpression: aws.String(update), ConditionExpression: aws.String(condition),
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	})
	// If the guard is not this send's, then there is nothing of it to close: it never opened, or a later attempt has, or
	// the message was cancelled since.
	if err != nil && !refused(err) {
		return err
	}
	g.unlist(ctx, s)
	return nil
}

// Answered says that Aligo has accepted the call and given it this id. An answer outranks a look-up: taken says that
// another message had claimed the batch, which will find that it does not own it any more. ErrClaimed means that another
// message has an answer with the same id. After any error the send stays listed, so that nobody claims its batch in
// the minutes after.
//
// taken is not reported when the answer to the first write was lost.
func (g *Guards) Answered(ctx context.Context, s Send, mid string) (taken bool, err error) {
	old, err := g.claim(ctx, s, mid, viaAnswer, "attribute_not_exists(#pk) OR #message = :message OR #via = :history",
		attr.Value(":message", attr.Text(s.Message)), attr.Value(":history", attr.Text(viaHistory)))
	if err != nil {
		return false, fmt.Errorf("claim the batch of message %s: %w", s.Message, err)
	}
	g.unlist(ctx, s)
	return len(old) > 0 && attr.TextOf(old, attrMessage) != s.Message, nil
}

// Cancel makes it final that the message is never sent (again); repeating it is no error. ErrNotCancellable means that a
// send is open, or that one was accepted. expiry is the message's.
func (g *Guards) Cancel(ctx context.Context, id string, expiry time.Time) error {
	item := guardKey(id)
	item[attrCancelled] = attr.Number(g.now().UnixMilli())
	item[attrExpires] = attr.Number(expiry.Add(Kept).Unix())
	err := g.put(ctx, item, "attribute_not_exists(#pk) OR attribute_exists(#cancelled) OR #state = :closed AND attribute_not_exists(#sent)",
		attr.Value(":closed", attr.Text(stateClosed)))
	switch {
	case err == nil:
		return nil
	case refused(err):
		err = ErrNotCancellable
	}
	return fmt.Errorf("cancel message %s: %w", id, err)
}

// Unwant cancels a message of which a send is open if that was not accepted: nothing is opened any more before something was
// accepted. It is for whoever Cancel has told ErrNotCancellable, and has no effect on a message that was sent. To repeat it is no
// error.
func (g *Guards) Unwant(ctx context.Context, id string) error {
	const update, condition = "SET #unwanted = :now", "attribute_exists(#pk)"
	names, values := attr.Placeholders(update+condition, attr.Value(":now", attr.Number(g.now().UnixMilli())))
	_, err := g.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &g.Table, Key: guardKey(id), UpdateExpression: aws.String(update), ConditionExpression: aws.String(condition),
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	})
	if err != nil && !refused(err) {
		return fmt.Errorf("cancel message %s: %w", id, err)
	}
	return nil
}

func (g *Guards) now() time.Time {
	if g.Now == nil {
		return time.Now()
	}
	return g.Now()
}

// put writes an item on a condition, or on none.
func (g *Guards) put(ctx context.Context, item map[string]types.AttributeValue, condition string, values ...attr.Named) error {
	in := &dynamodb.PutItemInput{TableName: &g.Table, Item: item}
	if condition != "" {
		in.ConditionExpression = &condition
		in.ExpressionAttributeNames, in.ExpressionAttributeValues = attr.Placeholders(condition, values...)
	}
	_, err := g.Client.PutItem(ctx, in)
	return err
}

// claim writes whose a batch is, on a condition, and returns what stood there before.
func (g *Guards) claim(
	ctx context.Context, s Send, mid, via, condition string, values ...attr.Named,
) (map[string]types.AttributeValue, error) {
	if mid == "" {
		return nil, errors.New("the batch has no id")
	}
	in := &dynamodb.PutItemInput{
		TableName: &g.Table, Item: claimItem(s, mid, via, g.now()), ConditionExpression: &condition, ReturnValues: types.ReturnValueAllOld,
	}
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = attr.Placeholders(condition, values...)
	out, err := g.Client.PutItem(ctx, in)
	switch {
	case err == nil:
		return out.Attributes, nil
	case refused(err):
		return nil, ErrClaimed
	}
	return nil, err
}

// unlist deletes the listing of a send. One that stays keeps look-ups waiting until it is too old to count, and does no
// other harm, so that it is not worth an error.
func (g *Guards) unlist(ctx context.Context, s Send) {
	if _, err := g.Client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &g.Table, Key: listingKey(s)}); err != nil {
		g.leftover(ctx, s, err)
	}
}

func (g *Guards) leftover(ctx context.Context, s Send, err error) {
	if g.Log != nil {
		g.Log.LogAttrs(ctx, slog.LevelWarn, "guard left over", slog.String("message", s.Message), slog.String("error", err.Error()))
	}
}

// refused says that the condition of a write did not hold.
func refused(err error) bool {
	var failed *types.ConditionalCheckFailedException
	return errors.As(err, &failed)
}
