package campaign

import (
	"encoding/json"
	"strings"
	"testing"

	"sms-api/internal/deployment"
	"sms-api/statemachine"
)

// An execution that has left too many events ends as failed. However many turns a campaign takes, and however often what works on
// it fails, the next execution goes on with it before that: a million recipients are 2,000 chunks, and at the lowest rate as many turns.
func TestHistoriesStayShort(t *testing.T) {
	t.Parallel()
	text, err := statemachine.CampaignDefinition(deployment.CampaignTasks())
	if err != nil {
		t.Fatal(err)
	}
	var machine struct {
		States map[string]struct {
			Type, Next string
			Output     any
			Retry      []struct{ MaxAttempts int }
		}
	}
	if err := json.Unmarshal([]byte(text), &machine); err != nil {
		t.Fatal(err)
	}
	// Two events of every visit, and three of each attempt of a task: scheduled, started, and how it ended.
	const visit, attempt = 2, 3
	once, again := map[string]int{}, map[string]int{}
	for name, s := range machine.States {
		once[name] = visit
		if s.Type != "Task" {
			continue
		}
		once[name] += attempt
		for _, r := range s.Retry {
			again[name] += attempt * r.MaxAttempts
		}
	}
	const turn = statemachine.CampaignTurn
	if output, _ := machine.States[turn].Output.(string); !strings.Contains(output, "$states.context.State.RetryCount") {
		t.Errorf("attempts do not count as turns: %s", output)
	}
	// Each attempt that failed counts as a turn and leaves less than one does, but those of the last turn are not counted in time.
	round := once[turn] + once["Next?"] + once["Wait for the next turn"]
	if attempt > round {
		t.Fatalf("an attempt leaves %d events, a turn %d", attempt, round)
	}
	events := mostTurns*round + again[turn] + visit // and how the execution itself begins and ends
	for name := range machine.States {
		if name != turn { // everything else is passed once
			events += once[name] + again[name]
		}
	}
	if events > deployment.HistoryEvents {
		t.Errorf("an execution may leave %d events of %d", events, deployment.HistoryEvents)
	}
	t.Logf("at most %d events of %d; a turn leaves %d", events, deployment.HistoryEvents, round)
}
