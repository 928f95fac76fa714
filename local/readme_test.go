package main

import (
	"cmp"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/deployment"
	"sms-api/internal/deployment/price"
	"sms-api/internal/intake/contract"
	"sms-api/internal/message"
	"sms-api/internal/testkit"
	"sms-api/local/cost"
)

var update = flag.Bool("update", false, "write what the README says of the deployment and of its price anew")

// passage is a part of the README that follows from what is known elsewhere.
type passage struct {
	// find matches it as it was.
	find string
	want string
}

// TestREADME holds the tables and figures of the README and of its pages in docs to internal/deployment and to the cost model.
func TestREADME(t *testing.T) {
	t.Parallel()
	passages := []passage{
		{`(?m)^\| function \| called by .*\n(\|.*\n)+`, functionTable()},
		{`(?m)^\| alarm \| .*\n(\|.*\n)+`, alarmTable(t)},
		{`(?m)^\| code \| channel \| .*\n(\|.*\n)+`, codeTable()},
	}
	passages = append(passages, passage{`(?m)^The functions with their defaults.*\n(.+\n)?`,
		"The functions with their defaults; " + memories() + ":\n"})
	passages = append(passages, pathRows(t)...)
	passages = append(passages, bill()...)
	passages = append(passages, figures()...)
	passages = append(passages, campaigns()...)
	for _, v := range deployment.Settings() {
		passages = append(passages, passage{"(?m)^\\| `" + regexp.QuoteMeta(v.Setting.Key) + "` \\|.*\n", settingRow(v)})
	}
	texts := map[string]string{}
	for _, file := range testkit.DocFiles(t) {
		texts[file] = testkit.File(t, file)
		if *update {
			texts[file] = withNewSettings(texts[file])
		}
	}
	for _, p := range passages {
		find, found := regexp.MustCompile(p.find), 0
		for file, text := range texts {
			all := find.FindAllStringIndex(text, -1)
			found += len(all)
			for _, at := range all {
				switch is := text[at[0]:at[1]]; {
				case *update:
					texts[file] = text[:at[0]] + p.want + text[at[1]:]
				case is != p.want:
					t.Errorf("%s says\n%swant\n%s(go test ./local -run README -update writes it)", filepath.Base(file), is, p.want)
				}
			}
		}
		if found != 1 {
			t.Errorf("the README and its pages say %d times what matches %s, want once:\n%s", found, p.find, p.want)
		}
	}
	if *update {
		for file, text := range texts {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// withNewSettings is the page with the table of settings with a row for each that it lacks, which comes after the last one of its
// namespace. Other pages stay as they are.
func withNewSettings(text string) string {
	if !strings.Contains(text, "\n| `sms-api:tags`") {
		return text
	}
	for _, v := range deployment.Settings() {
		row := settingRow(v)
		if strings.Contains(text, "\n| `"+v.Setting.Key+"` |") {
			continue
		}
		namespace, _, _ := strings.Cut(v.Setting.Key, ":")
		if all := regexp.MustCompile("(?m)^\\| `"+namespace+":.*\n").FindAllStringIndex(text, -1); len(all) > 0 && namespace != "sms-api" {
			end := all[len(all)-1][1]
			text = text[:end] + row + text[end:]
		} else {
			text = strings.Replace(text, "\n| `sms-api:tags`", "\n"+row+"| `sms-api:tags`", 1)
		}
	}
	return text
}

// TestNumbersOfTheREADME are those at which the stand-in does something.
func TestNumbersOfTheREADME(t *testing.T) {
	t.Parallel()
	var got []string
	for _, row := range regexp.MustCompile(`(?m)^\| (\d{4}(?:, \d{4})*) \|`).FindAllStringSubmatch(testkit.Docs(t), -1) {
		got = append(got, strings.Split(row[1], ", ")...)
	}
	if want := aligotest.Endings(); !slices.Equal(got, want) {
		t.Errorf("the README and its pages have the numbers %q, want %q", got, want)
	}
}

func functionTable() string {
	var b strings.Builder
	b.WriteString("| function | called by | what it does | time limit, at most | reserved concurrency |\n| --- | --- | --- | --- | --- |\n")
	for _, f := range deployment.Functions() {
		caller, concurrency := string(f.Caller), "none"
		if f.State != "" {
			caller = "the state " + f.State
		}
		if f.Caller == deployment.CampaignTask {
			caller = "the campaigns' state " + f.State
		}
		if f.Caller == deployment.LambdaQueue {
			var rules []string
			for _, r := range deployment.Rules(nil) {
				if r.Function == f.Name {
					rules = append(rules, "`"+r.Name+"`")
				}
			}
			caller = "the rule " + strings.Join(rules, ", ")
		}
		if f.Name == deployment.Events {
			caller += ", routes"
		}
		if f.Concurrency != deployment.Unreserved {
			concurrency = fmt.Sprint(f.Concurrency)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s, %s | %s |\n", f.Name, caller, f.Does, seconds(f.Timeout), seconds(f.Longest), concurrency)
	}
	return b.String()
}

// alarmTable has every alarm that a stack can have, in the words that whoever hears it reads.
func alarmTable(t *testing.T) string {
	t.Helper()
	number := func(s *deployment.Setting) int {
		n, err := strconv.Atoi(s.Default)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	var b strings.Builder
	b.WriteString("| alarm | what it means, and what to do |\n| --- | --- |\n")
	told := map[string]bool{}
	for _, a := range deployment.Alarms(deployment.Watched{
		Stack: "sms-api-STACK", LowBalance: number(deployment.LowBalance()),
		BalanceEvery:   time.Duration(number(deployment.BalanceEvery())) * time.Minute,
		TemplatesEvery: time.Duration(number(deployment.TemplatesEvery())) * time.Minute,
		FailurePercent: number(deployment.FailurePercent()), FallbackPercent: number(deployment.FallbackPercent()),
		Gateways: 1, Instance: true, Daily: true, Open: true, Webhooks: true,
	}) {
		// Each function has the same alarms.
		name, says := a.Name, a.Description
		if a.Function != "" {
			name, says = strings.Replace(name, a.Function, "FUNCTION", 1), strings.ReplaceAll(says, ":"+a.Function+" ", ":FUNCTION ")
		}
		if !told[name] {
			fmt.Fprintf(&b, "| `%s` | %s |\n", name, strings.ReplaceAll(says, "|", "\\|"))
		}
		told[name] = true
	}
	return b.String()
}

// codeTable has every code that a recipient's result can have.
func codeTable() string {
	var b strings.Builder
	b.WriteString("| code | channel | status | followed by an SMS | what it means |\n| --- | --- | --- | --- | --- |\n")
	for _, c := range message.Codes() {
		falls := ""
		if c.Fallback {
			falls = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", c.Word, cmp.Or(string(c.Channel), "any"),
			cmp.Or(string(c.Status), "failed, unknown"), falls, c.Meaning)
	}
	return b.String()
}

// TestProblemsOfTheDocs: each type of problem that the API's document has stands in the table of the page on it.
func TestProblemsOfTheDocs(t *testing.T) {
	t.Parallel()
	const prefix = "urn:sms-api:problem:"
	table, found := testkit.DocsTable(t, "| type | status | |\n"), map[string]bool{}
	for _, one := range regexp.MustCompile(prefix+"([a-z-]+)").FindAllStringSubmatch(contract.OpenAPI(), -1) {
		if !found[one[1]] && !strings.Contains(table, "`"+one[1]+"`") {
			t.Errorf("no table says what %s is", one[1])
		}
		found[one[1]] = true
	}
	if len(found) < 10 {
		t.Errorf("only %d types are found in the document", len(found))
	}
}

// memories are the defaults of the functions' memory, as a sentence.
func memories() string {
	var others []string
	for _, f := range deployment.Functions() {
		if f.Memory != deployment.DefaultMemory {
			others = append(others, fmt.Sprintf("`%s` (%d)", f.Name, f.Memory))
		}
	}
	return fmt.Sprintf("all have %d MB of memory but for %s", deployment.DefaultMemory, strings.Join(others, ", "))
}

// campaigns is what the README says of the cost of a campaign.
func campaigns() []passage {
	prices := price.Seoul()
	c := cost.Campaign{Recipients: 100_000, Rate: 5000, Looks: 1, Heeded: true}
	some := c
	some.Fallback, some.LMS = 0.08, 1
	all, hands := c.Usage(), c.Hands()
	count := func(u cost.Usage) string {
		n := u[price.Transitions]
		if n < 1000 {
			return fmt.Sprintf("%.0f", n)
		}
		return thousands(n)
	}
	usd := func(u cost.Usage) string { return fmt.Sprintf("%.3f USD", prices.Cost(u)) }
	return []passage{
		{
			"(?m)^A campaign of 100,000 recipients [^|]*? are its own\\.\n",
			fmt.Sprintf("A campaign of 100,000 recipients at 5,000 a minute, all reached by AlimTalk and opt-outs looked for, takes %s state\n"+
				"transitions and %s of AWS (`go run ./local cost -campaign 100000 -fallback 0%%`); with LMS for 8%% of them %s and\n"+
				"%s. Of the former %s, for the plan, the turns and the report, are its own.\n",
				count(all), usd(all), count(some.Usage()), usd(some.Usage()), usd(c.Own())),
		},
		{
			"takes [0-9]+ transitions and [0-9.]+ USD of it; a Distributed Map would take [0-9]+ and [0-9.]+ USD",
			fmt.Sprintf("takes %s transitions and %s of it; a Distributed Map would take %s and %s", count(hands[0].Usage), usd(hands[0].Usage),
				count(hands[1].Usage), usd(hands[1].Usage)),
		},
	}
}

// thousands is a whole number from 1,000 to 999,999.
func thousands(v float64) string {
	n := int(math.Round(v))
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.0f s", d.Seconds()) }

func settingRow(v deployment.Variable) string {
	may := cmp.Or(v.Setting.Text, strings.Join(v.Setting.OneOf, ", "))
	if may == "" {
		may = fmt.Sprintf("%d to %d", v.Setting.Lowest, v.Setting.Highest)
	}
	value := v.Setting.Default
	if value == "" {
		value = "none"
	} else if len(v.Setting.OneOf) > 0 {
		value = "`" + value + "`"
	}
	return fmt.Sprintf("| `%s` | %s | %s: %s |\n", v.Setting.Key, value, v.Holds, may)
}

// pathRows are the rows of what a path costs.
func pathRows(t *testing.T) []passage {
	t.Helper()
	path := func(name string) cost.Path {
		for _, p := range cost.Paths() {
			if p.Name == name {
				return p
			}
		}
		t.Fatalf("there is no path %q", name)
		return cost.Path{}
	}
	var rows []passage
	row := func(name string, transitions, invocations, calls int, note string) {
		rows = append(rows, passage{
			`(?m)^\| ` + regexp.QuoteMeta(name) + ` \|.*\n`,
			fmt.Sprintf("| %s | %d | %d | %d%s |\n", name, transitions, invocations, calls, note),
		})
	}
	const ofList = " (the receipts come in pages of 50)"
	for _, r := range []struct {
		says, path string
		recipients int
		note       string
	}{
		{"AlimTalk delivered, 1 recipient", "AlimTalk delivered", 1, ""},
		{"AlimTalk delivered, 500 recipients", "AlimTalk delivered", 500, ofList},
		{"not reached, SMS delivered", "AlimTalk not delivered, SMS instead", 1, ""},
		{"channel `sms`", "SMS only", 1, ""},
		{"the answer to a send was lost, and it had been accepted", "answer lost, found in Aligo's history", 1, ""},
		{"… and it had not been accepted", "request lost, not found for 5 minutes, sent again", 1, ""},
	} {
		p := path(r.path)
		// Besides the machine's functions there is the door, and the one that counts outcomes.
		row(r.says, p.Transitions(), p.Invocations()+2, p.Calls(r.recipients), r.note)
	}
	// Each hour of being parked is an eleventh of what twelve hours take more than one. Each attempt lists the templates again.
	one, twelve := path("parked for an hour"), path("parked for twelve hours")
	attempts := (twelve.Invocations() - one.Invocations()) / 11
	row("each hour of being parked, after the first", (twelve.Transitions()-one.Transitions())/11, attempts,
		(twelve.Calls(1)-one.Calls(1))/11+attempts, " (the list of templates is read again after 10 min)")
	// A receipt that does not come is looked at every quarter of an hour; a look is what the longest path takes more than the
	// shortest, divided by how many more it has.
	never, soon := path("no receipt for 25 hours"), path("AlimTalk delivered")
	looks := never.Invocations() - soon.Invocations()
	row("each hour of a receipt that does not come, after the first", 4*(never.Transitions()-soon.Transitions())/looks, 4,
		4*(never.Calls(1)-soon.Calls(1))/looks, "")
	return rows
}

// figures are those that stand in the middle of a sentence.
func figures() []passage {
	prices := price.Seoul()
	month := func(quantities map[price.Item]float64) float64 {
		var usd float64
		for item, quantity := range quantities {
			usd += prices[item].Of(quantity)
		}
		return usd
	}
	gateway := month(map[price.Item]float64{price.GatewayHours: price.HoursPerMonth})
	address := month(map[price.Item]float64{price.AddressHours: price.HoursPerMonth})
	instance := month(map[price.Item]float64{price.InstanceHours: price.HoursPerMonth, price.Disk: price.InstanceDisk})
	key := month(map[price.Item]float64{price.Keys: 1})
	return []passage{
		{`one NAT gateway \(about [0-9]+ USD a month\) with one address \([0-9.]+\)`,
			fmt.Sprintf("one NAT gateway (about %.0f USD a month) with one address (%.2f)", gateway, address)},
		{`one t4g\.nano \(about [0-9]+ USD with its disk\)`, fmt.Sprintf("one t4g.nano (about %.0f USD with its disk)", instance)},
		{`\([0-9.]+ USD an analysis\)`, fmt.Sprintf("(%.2f USD an analysis)", price.AnalysisUSD)},
		{`table and parameters \([0-9]+ USD a month\)`, fmt.Sprintf("table and parameters (%.0f USD a month)", key)},
		{`stays with AWS \([0-9]+ USD a month\)`, fmt.Sprintf("stays with AWS (%.0f USD a month)", key)},
		{`\([0-9.]+ USD a month; .network:eipAllocationId`, fmt.Sprintf("(%.2f USD a month; `network:eipAllocationId", address)},
		{"(?m)^\\| `alarms:lowBalance`, `alarms:balanceMinutes` \\| [^|]* \\|", fmt.Sprintf("| `%s`, `%s` | %s, %s |",
			deployment.LowBalance().Key, deployment.BalanceEvery().Key, deployment.LowBalance().Default, deployment.BalanceEvery().Default)},
		{"(?m)^\\| `alarms:failurePercent`, `alarms:fallbackPercent` \\| [^|]* \\|", fmt.Sprintf("| `%s`, `%s` | %s, %s |",
			deployment.FailurePercent().Key, deployment.FallbackPercent().Key, deployment.FailurePercent().Default,
			deployment.FallbackPercent().Default)},
	}
}

// messageCost is what AWS asks for an AlimTalk that is delivered.
func messageCost(prices price.List, recipients int) float64 {
	return prices.Cost(cost.Door(false, recipients).Plus(cost.Paths()[0].Usage(recipients)))
}

// bill is the table of a month, and what the fixed part is otherwise.
func bill() []passage {
	prices := price.Seoul()
	m := cost.Month{Messages: 100_000, Recipients: 1, Fallback: 0.08, LMS: 1, Looks: 1}
	fixed, used := cost.Fixed(), m.Usage()
	of := func(u cost.Usage, items ...price.Item) float64 {
		var usd float64
		for _, i := range items {
			usd += prices[i].Of(u[i])
		}
		return usd
	}
	all := prices.Cost(fixed) + prices.Cost(used)
	otherwise := map[string]cost.Usage{}
	for _, a := range m.Alternatives() {
		otherwise[a.Name] = a.Usage
	}
	difference := func(name string) string {
		return strings.Replace(fmt.Sprintf("%+.2f", prices.Cost(otherwise[name])-all), "-", "−", 1)
	}
	zones, instance, own := fixed, fixed, fixed
	instance[price.GatewayHours], instance[price.InstanceHours], instance[price.Disk] = 0, price.HoursPerMonth, price.InstanceDisk
	zones[price.GatewayHours], zones[price.AddressHours] = 2*fixed[price.GatewayHours], 2*fixed[price.AddressHours]
	zones[price.Alarms] = float64(deployment.AlarmMetrics(deployment.Alarms(deployment.Watched{Gateways: 2})))
	own[price.GatewayHours], own[price.AddressHours] = 0, 0
	own[price.Alarms] = float64(deployment.AlarmMetrics(deployment.Alarms(deployment.Watched{})))
	row := func(name, rest, figure string) passage {
		return passage{`(?m)^\| ` + regexp.QuoteMeta(name) + `.*\n`, "| " + name + rest + " | " + figure + " |\n"}
	}
	cents := func(v float64) float64 { return math.Round(100*v) / 100 } // the row adds up as it is printed
	usd := func(v float64) string { return fmt.Sprintf("%.2f", v) }
	one, many := messageCost(prices, 1), messageCost(prices, 500)
	asked := cost.Paths()[0].Usage(1)
	return []passage{
		{
			"(?m)^0\\.[0-9]+ USD instead of 0\\.[0-9]+\\. [^|]*?\\.\n",
			fmt.Sprintf("%.7f USD instead of %.7f. The table that makes sends at-most-once is %.1f%% of the latter.\n", many/500, one,
				100*of(asked, price.TableWrites, price.TableReads)/one),
		},
		row("fixed:", fmt.Sprintf(" NAT gateway %.2f, address %.2f, alarms, metrics and dashboard %.2f, polls of the queue %.2f",
			of(fixed, price.GatewayHours), of(fixed, price.AddressHours), of(fixed, price.Alarms, price.Metrics, price.Dashboards),
			of(fixed, price.QueueRequests)), usd(prices.Cost(fixed))),
		row("by use:", fmt.Sprintf(" state transitions %.2f, traces %.2f, everything else %.2f", of(used, price.Transitions),
			of(used, price.Traces), cents(prices.Cost(used))-cents(of(used, price.Transitions))-cents(of(used, price.Traces))),
			usd(prices.Cost(used))),
		row("AWS in all", "", usd(all)),
		row("Aligo's fee", fmt.Sprintf(", %s KRW at %s KRW for a USD", thousands(m.Fee().Total()), thousands(cost.DefaultKRW)),
			usd(m.Fee().Total()/cost.DefaultKRW)),
		row("otherwise: a NAT instance", "", difference("NAT instance (t4g.nano)")),
		row("otherwise: a NAT gateway in each of two zones", "", difference("a NAT gateway in each of two zones")),
		row("otherwise: advertising, or limits of trusted callers", ", with their alarm", difference("ads:*, or limits of trusted callers")),
		row("otherwise: `limits:dailyRecipients`", ", with its alarms", difference("limits:dailyRecipients")),
		row("otherwise: a webhook for every outcome", ", with its alarm", difference("a webhook for every outcome")),
		row("otherwise: Aligo's own failover", ", which nobody can hold back or explain afterwards", difference("Aligo's own failover=Y")),
		{
			"(?m)^What the fixed part costs a month is the output `monthlyFixedCost`: [^|]*? in a network of your own\\.\n",
			fmt.Sprintf("What the fixed part costs a month is the output `monthlyFixedCost`: %.2f USD with the defaults, "+
				"%.2f with a gateway in each\nzone, about %.0f with a NAT instance, %.2f in a network of your own.\n",
				prices.Cost(fixed), prices.Cost(zones), prices.Cost(instance), prices.Cost(own)),
		},
	}
}
