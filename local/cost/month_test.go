package cost

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sms-api/internal/deployment"
	"sms-api/internal/deployment/price"
)

func TestWhatOneOfEachCosts(t *testing.T) {
	t.Parallel()
	prices := price.Seoul()
	for name, c := range map[string]struct {
		item     price.Item
		quantity float64
		usd      float64
	}{
		"a million state transitions": {price.Transitions, 1e6, 27.10},
		"a million requests":          {price.Requests, 1e6, 1.23},
		"a NAT gateway for a month":   {price.GatewayHours, 730, 43.07},
		"an address for a month":      {price.AddressHours, 730, 3.65},
		"ten thousand decryptions":    {price.Decryptions, 10_000, 0.03},
		"a GB through the gateway":    {price.NAT, 1, 0.059},
		"128 MB for a second":         {price.Compute, 0.125, 0.000001666675},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var u Usage
			u[c.item] = c.quantity
			if got := prices.Cost(u); !near(got, c.usd) {
				t.Errorf("%v USD, want %v", got, c.usd)
			}
		})
	}
}

// near allows for what floating point loses.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b)) }

func anyUsage(t *rapid.T, label string) Usage {
	var u Usage
	for i := range u {
		u[i] = rapid.Float64Range(0, 1e9).Draw(t, label)
	}
	return u
}

func TestCostAddsUp(t *testing.T) {
	t.Parallel()
	prices := price.Seoul()
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyUsage(t, "a"), anyUsage(t, "b")
		n := rapid.Float64Range(0, 1000).Draw(t, "n")
		if got, want := prices.Cost(a.Plus(b)), prices.Cost(a)+prices.Cost(b); !near(got, want) {
			t.Errorf("together %v, one by one %v", got, want)
		}
		if got, want := prices.Cost(a.Times(n)), n*prices.Cost(a); !near(got, want) {
			t.Errorf("%v times: %v, want %v", n, got, want)
		}
	})
}

func anyMonth(t *rapid.T) Month {
	return Month{
		Messages:   rapid.Float64Range(0, 1e8).Draw(t, "messages"),
		Recipients: rapid.IntRange(1, 500).Draw(t, "recipients"),
		Fallback:   rapid.Float64Range(0, 1).Draw(t, "fallback"),
		LMS:        rapid.Float64Range(0, 1).Draw(t, "LMS"),
		Looks:      rapid.Float64Range(1, 100).Draw(t, "looks"),
		Reads:      rapid.Float64Range(0, 100).Draw(t, "reads"),
		ByEvent:    rapid.Bool().Draw(t, "by event"),
	}
}

func TestAMonthWithoutMessagesCostsWhatIsFixed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := anyMonth(t)
		m.Messages = 0
		if u := m.Usage(); u != (Usage{}) {
			t.Errorf("usage %v", u)
		}
		if fee := m.Fee().Total(); fee != 0 {
			t.Errorf("fee %v", fee)
		}
	})
	// A gateway and an address, alarms, metrics, the dashboard, and asking the queue.
	all := deployment.Alarms(deployment.Watched{Gateways: 1})
	alarms, metrics := float64(deployment.AlarmMetrics(all)), float64(deployment.CustomMetrics(all))
	if got, want := price.Seoul().Cost(Fixed()), 43.07+3.65+0.10*alarms+0.30*metrics+3+0.2628; !near(got, want) {
		t.Errorf("fixed %v USD, want %v", got, want)
	}
}

// Alarms that there are with a setting only cost what they watch, and a metric for each line that is counted.
func TestAlarmsOfSettings(t *testing.T) {
	t.Parallel()
	m := Month{}
	want := map[string]float64{"ads:*, or limits of trusted callers": 0.10 + 0.30, "limits:dailyRecipients": 4 * (0.10 + 0.30)}
	for _, a := range m.Alternatives() {
		if usd, ok := want[a.Name]; ok {
			delete(want, a.Name)
			if got := price.Seoul().Cost(a.Usage) - price.Seoul().Cost(Fixed().Plus(m.Usage())); !near(got, usd) {
				t.Errorf("%s costs %v USD more, want %v", a.Name, got, usd)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("there is nothing of %v", want)
	}
}

func TestMoreOfAnythingIsNeverCheaper(t *testing.T) {
	t.Parallel()
	prices := price.Seoul()
	rapid.Check(t, func(t *rapid.T) {
		less := anyMonth(t)
		more := less
		factor := rapid.Float64Range(1, 10).Draw(t, "factor")
		switch what := rapid.SampledFrom([]string{"messages", "recipients", "fallback", "looks", "reads"}).Draw(t, "more"); what {
		case "messages":
			more.Messages *= factor
		case "recipients":
			more.Recipients = min(500, int(float64(less.Recipients)*factor))
		case "fallback":
			more.Fallback = min(1, less.Fallback*factor)
		case "looks":
			more.Looks *= factor
		case "reads":
			more.Reads *= factor
		}
		before, after := less.Usage(), more.Usage()
		for i := range before {
			if after[i] < before[i] && !near(after[i], before[i]) {
				t.Errorf("%s: %v, was %v", prices[i].Name, after[i], before[i])
			}
		}
		if a, b := prices.Cost(before), prices.Cost(after); b < a && !near(a, b) {
			t.Errorf("%v USD, was %v", b, a)
		}
	})
}

func TestTheMonthIsTheSumOfItsPaths(t *testing.T) {
	t.Parallel()
	byName := map[string]Path{}
	for _, p := range Paths() {
		byName[p.Name] = p
	}
	for name, c := range map[string]struct {
		month Month
		path  string
	}{
		"all by AlimTalk":           {Month{Messages: 1000, Recipients: 1, Looks: 1}, "AlimTalk delivered"},
		"all at the second look":    {Month{Messages: 1000, Recipients: 1, Looks: 2}, "AlimTalk delivered, receipt at the second look"},
		"nobody by AlimTalk":        {Month{Messages: 1000, Recipients: 1, Looks: 1, Fallback: 1}, "AlimTalk not delivered, SMS instead"},
		"nobody by AlimTalk, LMS":   {Month{Messages: 1000, Recipients: 1, Looks: 1, Fallback: 1, LMS: 1}, "AlimTalk not delivered, SMS instead"},
		"500 by AlimTalk":           {Month{Messages: 1000, Recipients: 500, Looks: 1}, "AlimTalk delivered"},
		"500, nobody by AlimTalk":   {Month{Messages: 1000, Recipients: 500, Looks: 1, Fallback: 1}, "AlimTalk not delivered, SMS instead"},
		"through the bus, AlimTalk": {Month{Messages: 1000, Recipients: 1, Looks: 1, ByEvent: true}, "AlimTalk delivered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := c.month.Usage()
			want := Door(c.month.ByEvent, c.month.Recipients).Plus(byName[c.path].Usage(c.month.Recipients)).Times(c.month.Messages)
			got[price.Decryptions] = 0 // those of a month do not belong to one message
			for i := range got {
				if !near(got[i], want[i]) {
					t.Errorf("%s: %v, want %v", price.Seoul()[i].Name, got[i], want[i])
				}
			}
		})
	}
}

// TestManyRecipientsShareTheCost: one call, one wait and one look serve 500, so each costs at most a 120th; more than half of
// that is the item under which its number is found.
func TestManyRecipientsShareTheCost(t *testing.T) {
	t.Parallel()
	prices, p := price.Seoul(), delivered()
	each := func(recipients int) float64 {
		return prices.Cost(Door(false, recipients).Plus(p.Usage(recipients))) / float64(recipients)
	}
	if ratio := each(1) / each(500); ratio < 120 {
		t.Errorf("a recipient of 500 costs a %.0fth of a single one, want a 120th or less", ratio)
	}
}

// TestTheTableIsASmallPartOfTheCost: what makes sends at-most-once costs less than a 25th of what AWS asks for a message.
func TestTheTableIsASmallPartOfTheCost(t *testing.T) {
	t.Parallel()
	prices, p := price.Seoul(), delivered()
	for _, recipients := range []int{1, 500} {
		table, all := prices.Cost(p.tableUsage(float64(recipients))), prices.Cost(Door(false, recipients).Plus(p.Usage(recipients)))
		t.Logf("%d recipients: %.8f of %.8f USD, %.2f%%", recipients, table, all, 100*table/all)
		if table <= 0 || table >= 0.04*all {
			t.Errorf("%d recipients: the table is %.8f of %.8f USD, want less than 4%%", recipients, table, all)
		}
	}
	u := p.tableUsage(1)
	if u[price.TableWrites] != 4 || u[price.TableReads] != 0 {
		t.Errorf("a message takes %v writes and %v reads, want 4 and none", u[price.TableWrites], u[price.TableReads])
	}
}

// TestRecordsAreASmallPartOfTheCost: what people read costs less than 3 % of what AWS asks for a message.
func TestRecordsAreASmallPartOfTheCost(t *testing.T) {
	t.Parallel()
	prices, p := price.Seoul(), delivered()
	u := recordAccepted(1).Plus(p.recordUsage(1))
	if u[price.TableWrites] != 7 || u[price.TableReads] != 1.5 {
		t.Errorf("a message takes %v writes and %v reads, want 7 and 1.5", u[price.TableWrites], u[price.TableReads])
	}
	for _, path := range []string{p.Name, "AlimTalk not delivered, SMS instead", "SMS only"} {
		for _, p := range Paths() {
			if p.Name != path {
				continue
			}
			records := prices.Cost(recordAccepted(1).Plus(p.recordUsage(1)))
			all := prices.Cost(Door(false, 1).Plus(p.Usage(1)))
			t.Logf("%s: %.8f of %.8f USD, %.2f%%", p.Name, records, all, 100*records/all)
			if records >= 0.03*all {
				t.Errorf("%s: the records are %.8f of %.8f USD, want less than 3%%", p.Name, records, all)
			}
		}
	}
}

func TestEachRecipientIsPaidForOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := anyMonth(t)
		fee := m.Fee()
		got := fee.AlimTalk/price.AlimTalkKRW + fee.SMS/price.SMSKRW + fee.LMS/price.LMSKRW
		if want := m.Messages * float64(m.Recipients); !near(got, want) {
			t.Errorf("%v recipients paid for, want %v", got, want)
		}
	})
	m := Month{Messages: 100_000, Recipients: 1, Fallback: 0.08, LMS: 0.5}
	if got, want := m.Fee(), (Fee{AlimTalk: 598_000, SMS: 33_600, LMS: 103_600}); !near(got.AlimTalk, want.AlimTalk) ||
		!near(got.SMS, want.SMS) || !near(got.LMS, want.LMS) {
		t.Errorf("fee %+v, want %+v", got, want)
	}
}

func TestXRayRecordsOneASecondAndATwentiethOfTheRest(t *testing.T) {
	t.Parallel()
	const seconds = 730 * 3600
	for requests, want := range map[float64]float64{0: 0, 1000: 1000, seconds: seconds, 2 * seconds: 1.05 * seconds} {
		if got := sampled(requests); !near(got, want) {
			t.Errorf("%v requests: %v traces, want %v", requests, got, want)
		}
	}
}

func TestAlternatives(t *testing.T) {
	t.Parallel()
	prices := price.Seoul()
	m := Month{Messages: 100_000, Recipients: 1, Fallback: 0.08, LMS: 1, Looks: 1}
	base := prices.Cost(Fixed().Plus(m.Usage()))
	differences := map[string]float64{}
	for _, a := range m.Alternatives() {
		differences[a.Name] = prices.Cost(a.Usage) - base
		if a.Note == "" || strings.HasSuffix(a.Note, ".") {
			t.Errorf("%s: note %q", a.Name, a.Note)
		}
	}
	traffic := prices[price.NAT].Of(m.Usage()[price.NAT])
	for name, want := range map[string]float64{
		"NAT instance (t4g.nano)":            -43.07 - traffic + 730*0.0052 + 8*0.0912,
		"a NAT gateway in each of two zones": 43.07 + 3.65 + 0.10,
		"customer managed key":               1,
		"Express workflow":                   -656_000*0.0271/1000 + 0.1 + 108_000*6*0.0625*0.00001667,
	} {
		if got, ok := differences[name]; !ok || !near(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if got := differences["Aligo's own failover=Y"]; got > -1.5 || got < -1.8 {
		t.Errorf("failover: %v, want the 56,000 transitions of the SMS and what goes with them", got)
	}
	if got := differences["a second look at every receipt"]; got < 3*108_000*0.0000271 {
		t.Errorf("a second look: %v, want the 324,000 transitions and what goes with them", got)
	}
}
