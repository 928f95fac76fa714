package contract

import (
	"embed"
	"fmt"
)

//go:embed schemas/*.json
var schemas embed.FS

// EventSchema returns the JSON Schema (draft 4, which the EventBridge schema registry takes) of the whole event with this
// detail-type: MessageRequested, MessageAccepted, MessageSettled,
// MessageRejected, RecipientOptedOut, RecipientOptedIn, CampaignPlanned or CampaignSettled.
func EventSchema(detailType string) (string, error) {
	b, err := schemas.ReadFile("schemas/" + detailType + ".json")
	if err != nil {
		return "", fmt.Errorf("schema of %s: %w", detailType, err)
	}
	return string(b), nil
}
