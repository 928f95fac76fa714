package system

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"sms-api/internal/guard"
	"sms-api/internal/message"
)

// The table of sends is there, under its name and with its keys, and each system has its own.
func TestGuardTable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		guards := func(w *world) *guard.Guards {
			return &guard.Guards{Client: dynamodb.NewFromConfig(w.config), Table: GuardTable}
		}
		opening := guard.Opening{
			Message: "m", Account: guard.Account("shop"), Channel: message.SMS, Recipients: []int{0}, Digests: make([]guard.Digest, 1),
			Expiry: time.Now().Add(time.Hour),
		}
		g := guards(newWorld(t))
		send, err := g.Open(t.Context(), opening)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Open(t.Context(), opening); !errors.Is(err, guard.ErrOpened) {
			t.Errorf("a second time: %v", err)
		}
		if _, err := g.Answered(t.Context(), send, "1"); err != nil {
			t.Error(err)
		}
		if _, err := guards(newWorld(t)).Open(t.Context(), opening); err != nil {
			t.Errorf("in another system: %v", err)
		}
	})
}
