package main

import (
	"sms-api/internal/intake/contract"
	"sms-api/statemachine"
)

// schema describes one of the events.
type schema struct{ name, content string }

func eventSchemas() ([]schema, error) {
	var found []schema
	for _, name := range []string{
		statemachine.DetailTypeRequested, statemachine.DetailTypeAccepted, statemachine.DetailTypeSettled, statemachine.DetailTypeRejected,
		statemachine.DetailTypeOptedOut, statemachine.DetailTypeOptedIn, statemachine.DetailTypeCampaignPlan,
		statemachine.DetailTypeCampaignEnded,
	} {
		content, err := contract.EventSchema(name)
		if err != nil {
			return nil, err
		}
		found = append(found, schema{name, content})
	}
	return found, nil
}
