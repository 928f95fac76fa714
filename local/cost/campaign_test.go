package cost

import (
	"encoding/json"
	"slices"
	"testing"

	"sms-api/internal/deployment"
	"sms-api/internal/deployment/price"
	"sms-api/statemachine"
)

// hundredThousand is the campaign that there are targets for.
func hundredThousand() Campaign {
	return Campaign{Recipients: 100_000, Rate: 5000, Looks: 1, Heeded: true}
}

// TestACampaignOfAHundredThousand costs at most a quarter of a dollar and 2,500 transitions, with the items by which its recipients
// are found and the looks for opt-outs.
func TestACampaignOfAHundredThousand(t *testing.T) {
	t.Parallel()
	prices := price.Seoul()
	c := hundredThousand()
	u := c.Usage()
	t.Logf("%.4f USD, %.0f transitions; besides its messages %.4f USD", prices.Cost(u), u[price.Transitions], prices.Cost(c.Own()))
	if usd := prices.Cost(u); usd > 0.25 {
		t.Errorf("it costs %.4f USD", usd)
	}
	if n := u[price.Transitions]; n > 2500 {
		t.Errorf("it takes %.0f transitions", n)
	}
	// Each number has its item and was looked for, and each recipient's opt-out three times.
	if n := u[price.TableWrites]; n < 100_000 {
		t.Errorf("it writes %.0f units", n)
	}
	if n := u[price.TableReads]; n < 400_000 {
		t.Errorf("it reads %.0f units", n)
	}
	if own, loop := c.Own()[price.Transitions], c.Hands()[0].Usage[price.Transitions]; own < loop || own > loop+15 {
		t.Errorf("%.0f transitions besides its messages, %.0f of them in the loop", own, loop)
	}
}

// TestWaysOfCampaigns are ways through the deployed definition.
func TestWaysOfCampaigns(t *testing.T) {
	t.Parallel()
	text, err := statemachine.CampaignDefinition(deployment.CampaignTasks())
	if err != nil {
		t.Fatal(err)
	}
	var m machine
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	visited := map[string]bool{}
	for i, states := range hundredThousand().ways() {
		if states[0] != m.StartAt || m.States[states[len(states)-1]].Type != "Succeed" {
			t.Errorf("way %d goes from %s to %s", i, states[0], states[len(states)-1])
		}
		for j, name := range states {
			s, ok := m.States[name]
			if !ok {
				t.Fatalf("way %d: there is no state %q", i, name)
			}
			visited[name] = true
			ways := []string{s.Next, s.Default}
			for _, c := range s.Choices {
				ways = append(ways, c.Next)
			}
			if j+1 < len(states) && !slices.Contains(ways, states[j+1]) {
				t.Errorf("way %d: %s does not lead to %s", i, name, states[j+1])
			}
		}
	}
	for name := range m.States {
		if !visited[name] {
			t.Errorf("no way visits %s", name)
		}
	}
}

// TestMoreOfACampaignIsNeverCheaper, and slower is never dearer than the turns that it takes.
func TestMoreOfACampaignIsNeverCheaper(t *testing.T) {
	t.Parallel()
	prices := price.Seoul()
	base := hundredThousand()
	cost := func(change func(*Campaign)) float64 {
		c := base
		change(&c)
		return prices.Cost(c.Usage())
	}
	without := cost(func(c *Campaign) { c.Heeded = false })
	if all := prices.Cost(base.Usage()); without >= all {
		t.Errorf("without opt-outs %v, with %v", without, all)
	}
	for name, change := range map[string]func(*Campaign){
		"more recipients": func(c *Campaign) { c.Recipients++ }, "half the rate": func(c *Campaign) { c.Rate /= 2 },
		"a second look": func(c *Campaign) { c.Looks = 2 }, "SMS for some": func(c *Campaign) { c.Fallback = 0.08 },
		"somebody asks how far it is": func(c *Campaign) { c.Reads = 100 },
	} {
		if more, all := cost(change), prices.Cost(base.Usage()); more <= all {
			t.Errorf("%s: %v, not more than %v", name, more, all)
		}
	}
	if none := (Campaign{Rate: 5000}).Usage(); none != (Usage{}) {
		t.Errorf("nobody costs %v", none)
	}
	if one := (Campaign{Recipients: 1, Rate: 100, Looks: 1}).Usage(); prices.Cost(one) > 0.01 {
		t.Errorf("one recipient costs %v USD", prices.Cost(one))
	}
}

// TestALoopIsCheaperThanAMap, which is not why it was chosen.
func TestALoopIsCheaperThanAMap(t *testing.T) {
	t.Parallel()
	prices := price.Seoul()
	hands := hundredThousand().Hands()
	if loop, mapped := prices.Cost(hands[0].Usage), prices.Cost(hands[1].Usage); loop >= mapped || mapped > 0.1 {
		t.Errorf("the loop costs %v, a map %v", loop, mapped)
	}
}

// TestPlansFitIntoTheirFunction: a million rows, by the figures of the model, in half of the time and a quarter of the memory.
func TestPlansFitIntoTheirFunction(t *testing.T) {
	t.Parallel()
	c := hundredThousand()
	c.Recipients = 1_000_000
	f, ok := deployment.FunctionNamed("plan")
	if !ok {
		t.Fatal("there is no function that plans")
	}
	u := c.plan()
	seconds := u[price.Compute] / (float64(f.Memory) / 1024)
	t.Logf("%.0f s at %d MB", seconds, f.Memory)
	if seconds > f.Timeout.Seconds()/2 {
		t.Errorf("a million rows take %.0f s of %v", seconds, f.Timeout)
	}
	const measured = 200 // MB, with the file in memory
	if f.Memory < 4*measured {
		t.Errorf("it has %d MB", f.Memory)
	}
}
