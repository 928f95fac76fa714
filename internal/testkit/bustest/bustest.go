// Package bustest has an event bus that keeps what is put on it, for the tests of packages that announce something.
package bustest

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// Bus is an event bus. The zero value is empty and takes everything.
type Bus struct {
	// Entries are what was put on it, oldest first.
	Entries []types.PutEventsRequestEntry
	// Err is what each call fails with. Refuses has a call succeed without an entry of it being taken.
	Err     error
	Refuses bool
}

// PutEvents is the call.
func (b *Bus) PutEvents(
	_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options),
) (*eventbridge.PutEventsOutput, error) {
	if b.Err != nil {
		return nil, b.Err
	}
	if b.Refuses {
		return &eventbridge.PutEventsOutput{FailedEntryCount: 1, Entries: []types.PutEventsResultEntry{
			{ErrorCode: aws.String("ThrottlingException"), ErrorMessage: aws.String("Rate exceeded")},
		}}, nil
	}
	b.Entries = append(b.Entries, in.Entries...)
	return &eventbridge.PutEventsOutput{Entries: make([]types.PutEventsResultEntry, len(in.Entries))}, nil
}

// Events are what was put on it, each as its type, a blank and its detail.
func (b *Bus) Events() []string {
	var all []string
	for _, e := range b.Entries {
		all = append(all, aws.ToString(e.DetailType)+" "+aws.ToString(e.Detail))
	}
	return all
}
