package statemachine

import (
	_ "embed" // for the definition
	"fmt"
)

// CampaignName is the name of the state machine of campaigns where nothing else is configured.
const CampaignName = "sms-api-campaign"

// The states of campaigns that call a function. That of the report also deletes the files.
const (
	CampaignPlan   = "Plan the file"
	CampaignTurn   = "Hand out chunks"
	CampaignReport = "Write the report"
)

//go:embed campaign.asl.json
var campaignDefinition string

// CampaignDefinition returns the JSON of the state machine of campaigns with what it calls put in, as Definition does.
func CampaignDefinition(functions map[string]string) (string, error) {
	callers, err := placeholders(campaignDefinition)
	if err != nil {
		return "", err
	}
	for state := range functions {
		if callers[state] == "" {
			return "", fmt.Errorf("state machine definition: there is no state %q that calls a function", state)
		}
	}
	return fill(campaignDefinition, functions, map[string]string{})
}
