package records

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/attr"
	"sms-api/internal/message"
)

// tombKept is for how long after the retention an erased number is remembered: what was accepted before the erasure may be sent
// for the first time so much later, and be redriven.
const tombKept = longestLife + 14*24*time.Hour

// Erase takes everything that belongs to a number out of the records: the results of its recipients and the items it is found by.
// What is written late of messages that were accepted by now is kept out. It returns how many messages there were. After an
// error, which may say that the time was over, it is to be repeated. The error is ErrNoNumberKey when no number is found by.
func (s *Store) Erase(ctx context.Context, to message.Phone) (n int, err error) {
	keys, err := s.numberKeys(ctx)
	if err != nil {
		return 0, fmt.Errorf("erase a number: %w", err)
	}
	until := s.now()
	// First the stones: from here on, whoever indexes the number finds them, or is found.
	for _, k := range keys {
		item := key(numberPK(k, to), skErased)
		item[attrUntil] = attr.Number(until.UnixMilli())
		item[attrExpires] = attr.Number(until.Add(s.Kept + tombKept).Unix())
		if _, err := s.Client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.Table, Item: item}); err != nil {
			return 0, fmt.Errorf("erase a number: %w", err)
		}
	}
	// A message that was under way when the key changed is found by both.
	erased := map[string]bool{}
	for _, k := range keys {
		if err := s.eraseLane(ctx, numberPK(k, to), until, erased); err != nil {
			return len(erased), fmt.Errorf("erase a number: %w", err)
		}
	}
	return len(erased), nil
}

// eraseLane erases what is found by one key, and adds the ids of the messages to those that are erased.
func (s *Store) eraseLane(ctx context.Context, pk string, until time.Time, erased map[string]bool) error {
	names, values := attr.Placeholders(
		"#pk = :pk AND #sk BETWEEN :low AND :high",
		attr.Value(":pk", attr.Text(pk)),
		attr.Value(":low", attr.Text(lowest(time.Time{}))),
		attr.Value(":high", attr.Text(fmt.Sprintf("%013d~", until.UnixMilli()))),
	)
	const condition = "#pk = :pk AND #sk BETWEEN :low AND :high"
	consistent, expression := true, condition
	var limit int32 = batchWrites
	for {
		out, err := s.Client.Query(ctx, &dynamodb.QueryInput{
			TableName: &s.Table, KeyConditionExpression: &expression, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
			ConsistentRead: &consistent, Limit: &limit,
		})
		if err != nil || len(out.Items) == 0 {
			return err
		}
		var deletes []types.WriteRequest
		for _, item := range out.Items {
			sk := attr.TextOf(item, attrSK)
			if err := s.eraseRecipient(ctx, idIn(sk), int(attr.NumberOf(item, attrIndex))); err != nil {
				return err
			}
			deletes = append(deletes, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key(pk, sk)}})
		}
		// The items go last, so that what is left over is found by whoever repeats it.
		if err := s.batch(ctx, deletes); err != nil {
			return err
		}
		for _, item := range out.Items {
			erased[idIn(attr.TextOf(item, attrSK))] = true
		}
	}
}

// eraseRecipient takes a recipient out of a record, whatever else is being written to it.
func (s *Store) eraseRecipient(ctx context.Context, id string, index int) error {
	const attempts = 10
	for range attempts {
		item, err := s.get(ctx, id)
		if err != nil {
			return err
		}
		known := erasuresOf(item)
		erased := known.with(erasures{index})
		if len(item) == 0 || erased.equal(known) {
			return nil
		}
		o, err := unpack(item[attrOutcome])
		if err != nil {
			return err
		}
		stored, err := pack(erasures{index - known.before(index)}.of(o))
		if err != nil {
			return err
		}
		// Every write changes one of these.
		condition, values := "attribute_not_exists(#written)", known.values()
		if at, ok := item[attrWritten]; ok {
			condition, values = "#written = :written", append(values, attr.Value(":written", at))
		}
		_, err = s.Client.UpdateItem(ctx, s.update(id, "SET #erased = :lost, #outcome = :outcome",
			condition+" AND #redrives = :redrives AND #seq = :seq AND "+known.condition(), append(
				values,
				attr.Value(":lost", erased.value()),
				attr.Value(":outcome", stored),
				attr.Value(":redrives", attr.Number(attr.NumberOf(item, attrRedrives))),
				attr.Value(":seq", attr.Number(attr.NumberOf(item, attrSeq))),
			)...))
		if !refused(err) {
			return err
		}
	}
	return errors.New("the record is being written again and again")
}
