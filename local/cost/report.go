package cost

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"sms-api/internal/deployment/price"
)

// DefaultKRW is how many KRW a USD is taken to cost. It was 1,420 to 1,480 in the winter of 2025/26.
const DefaultKRW = 1450

// Command is `local cost`: it prints what a month costs. The error is flag.ErrHelp, or says which argument is wrong.
func Command(args []string, out io.Writer) error {
	m, c := Month{}, Campaign{}
	var krw float64
	var prices bool
	door := "api"
	fallback, lms := percent(0.08), percent(1)
	set := flag.NewFlagSet("local cost", flag.ContinueOnError)
	set.SetOutput(out)
	set.Float64Var(&m.Messages, "messages", 100_000, "messages a month")
	set.IntVar(&m.Recipients, "recipients", 1, "recipients of each message, 1 to 500")
	set.Var(&fallback, "fallback", "share of the recipients whom AlimTalk does not reach, and who get an SMS")
	set.Var(&lms, "lms", "share of those whose text has more than 90 bytes; that of a template nearly always has")
	set.Float64Var(&m.Looks, "looks", 1, "looks at the receipts of each send, on average")
	set.Float64Var(&m.Reads, "reads", 0, "requests for each message's status, on average")
	set.StringVar(&door, "door", door, "how messages come in: api or events")
	set.Float64Var(&krw, "krw", DefaultKRW, "KRW for a USD")
	set.IntVar(&c.Recipients, "campaign", 0, "recipients of a campaign, of which it prints the bill instead of that of a month")
	set.IntVar(&c.Rate, "rate", 5000, "how many recipients of the campaign a minute are handed out")
	set.BoolVar(&c.Heeded, "opt-outs", true, "opt-outs are looked for, as for advertising, in the campaign")
	set.BoolVar(&prices, "prices", false, "print the price list and where it is from instead")
	if err := set.Parse(args); err != nil {
		return err
	}
	if err := together(set, c.Recipients > 0); err != nil {
		return err
	}
	m.Fallback, m.LMS, m.ByEvent = float64(fallback), float64(lms), door == "events"
	switch {
	case set.NArg() > 0:
		return fmt.Errorf("unknown argument %q", set.Arg(0))
	case !(m.Messages >= 0 && m.Messages <= 1e12):
		return fmt.Errorf("-messages is %v, want a number from 0", m.Messages)
	case m.Recipients < 1 || m.Recipients > 500:
		return fmt.Errorf("-recipients is %d, want 1 to 500", m.Recipients)
	case !(m.Looks >= 1 && m.Looks <= 1000):
		return fmt.Errorf("-looks is %v, want a number from 1", m.Looks)
	case !(m.Reads >= 0 && m.Reads <= 1e6):
		return fmt.Errorf("-reads is %v, want a number from 0", m.Reads)
	case !(krw > 0 && krw < 1e6):
		return fmt.Errorf("-krw is %v, want more than 0", krw)
	case door != "api" && door != "events":
		return fmt.Errorf("-door is %q, want api or events", door)
	case c.Recipients < 0 || c.Recipients > 100_000_000:
		return fmt.Errorf("-campaign is %d, want a number from 0", c.Recipients)
	case c.Rate < 100 || c.Rate > 60_000:
		return fmt.Errorf("-rate is %d, want 100 to 60000", c.Rate)
	}
	if prices {
		return ReportPrices(out, price.Seoul())
	}
	if c.Recipients > 0 {
		c.Fallback, c.LMS, c.Looks, c.Reads = m.Fallback, m.LMS, m.Looks, m.Reads
		return ReportCampaign(out, price.Seoul(), c, krw)
	}
	return Report(out, price.Seoul(), m, krw)
}

// percent is a flag that takes 8% and 0.08.
type percent float64

func (p *percent) String() string { return share(float64(*p)) }

func (p *percent) Set(s string) error {
	number, isPercent := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(number, 64)
	if isPercent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return errors.New("want a share such as 8% or 0.08")
	}
	*p = percent(v)
	return nil
}

func share(v float64) string { return strconv.FormatFloat(v*100, 'f', -1, 64) + "%" }

// printer keeps the first error, so that what prints can be read.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) line(format string, values ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.out, strings.TrimRight(fmt.Sprintf(format, values...), " "))
	}
}

// Report prints the paths of a message, the month, and the alternatives, krw being the price of a USD.
func Report(out io.Writer, prices price.List, m Month, krw float64) error {
	p := &printer{out: out}
	p.line("AWS at list prices of Seoul (ap-northeast-2) in USD, without tax, free tiers and discounts.")
	p.line("")
	reportPaths(p, prices)
	p.line("")
	how := "through the API"
	if m.ByEvent {
		how = "as events"
	}
	p.line("A month of %s messages %s, %s each, %s not reached by AlimTalk (%s of those with LMS)",
		count(m.Messages), how, plural(m.Recipients, "recipient"), share(m.Fallback), share(m.LMS))
	p.line("")
	fixed, variable := Fixed(), m.Usage()
	reportUsage(p, prices, "fixed", fixed, money)
	reportUsage(p, prices, "by use", variable, money)
	total := prices.Cost(fixed) + prices.Cost(variable)
	p.line("%-58s %12s", "AWS in all", money(total))
	if all, _, _ := m.recipients(); all > 0 {
		p.line("  by use, a message %.6f, a recipient %.7f; in all, a recipient %.6f",
			prices.Cost(variable)/m.Messages, prices.Cost(variable)/all, total/all)
	}
	p.line("")
	reportFee(p, m, krw)
	p.line("")
	p.line("%-38s %12s %12s", "Otherwise", "USD in all", "difference")
	for _, a := range m.Alternatives() {
		cost := prices.Cost(a.Usage)
		p.line("  %-36s %12s %12s  %s", a.Name, money(cost), signed(cost-total), a.Note)
	}
	p.line("")
	p.line("Not in it: parameters of Parameter Store (free), the dead-letter queue, e-mails of alarms, the archive of events, the")
	p.line("hourly check of the balance, the hourly sweep, the daily look at templates: below a dollar a month together; and the")
	p.line("storage and point-in-time recovery of the table, with records kept for 90 days 5 GB for a million messages a month:")
	p.line("about 2.50. -prices prints the price list with its sources.")
	if used := prices.Cost(variable); used > 0 {
		var assumed Usage
		for _, i := range []price.Item{price.Compute, price.Logs, price.NAT, price.Egress} {
			assumed[i] = variable[i]
		}
		p.line("Durations, log lines and bytes are assumptions, and %.0f%% of what is by use here; the rest is counted.",
			100*prices.Cost(assumed)/used)
	}
	return p.err
}

// ReportCampaign prints what a campaign costs, krw being the price of a USD.
func ReportCampaign(out io.Writer, prices price.List, c Campaign, krw float64) error {
	p := &printer{out: out}
	p.line("AWS at list prices of Seoul (ap-northeast-2) in USD, without tax, free tiers and discounts.")
	p.line("")
	opt := "opt-outs looked for"
	if !c.Heeded {
		opt = "no opt-outs looked for"
	}
	p.line("A campaign of %s at %s a minute: %s in %s, %s not reached by AlimTalk (%s of those with LMS), %s",
		plural(c.Recipients, "recipient"), count(float64(c.Rate)), plural(c.Messages(), "message"),
		plural(int(math.Ceil(c.Sending().Minutes())), "minute"), share(c.Fallback), share(c.LMS), opt)
	p.line("")
	all, own := c.Usage(), c.Own()
	reportUsage(p, prices, "for all of it", all, fractions)
	p.line("  of that its messages %.4f, a recipient %.7f; besides them, with the plan, the turns and the report, %.4f",
		prices.Cost(all)-prices.Cost(own), prices.Cost(all)/float64(c.Recipients), prices.Cost(own))
	p.line("")
	reportFees(p, c.Fee(), krw)
	p.line("")
	p.line("%-38s %12s %12s", "To hand the messages out", "transitions", "USD")
	for _, h := range c.Hands() {
		p.line("  %-36s %12s %12.4f  %s", h.Name, count(h.Usage[price.Transitions]), prices.Cost(h.Usage), h.Note)
	}
	p.line("")
	p.line("Not in it: what is fixed, and the storage of records.")
	return p.err
}

func reportPaths(p *printer, prices price.List) {
	const format = "%-52s %11v %9v %12v %14v %9s"
	p.line(format, "", "", "", "Aligo calls,", "Aligo calls,", "USD for")
	p.line(format, "A message's way", "transitions", "functions", "1 recipient", "500 recipients", "1,000")
	for _, path := range Paths() {
		cost := prices.Cost(Door(false, 1).Plus(path.Usage(1)))
		// The function at the door is one more.
		p.line(format, path.Name, path.Transitions(), path.Invocations()+2, path.Calls(1), path.Calls(500), money(1000*cost))
	}
	p.line("Calls of Aligo are without the list of templates, which a function that sends AlimTalk reads again after ten minutes: once with")
	p.line("each try of a message that is parked for more than an hour.")
}

func reportUsage(p *printer, prices price.List, title string, u Usage, money func(float64) string) {
	p.line("%-36s %21s %12s", "AWS, "+title, "quantity", "USD")
	for i, quantity := range u {
		if quantity > 0 {
			p.line("  %-34s %21s %12s", prices[i].Name, amount(quantity)+" "+prices[i].Unit, money(prices[i].Of(quantity)))
		}
	}
	p.line("  %-56s %12s", "together", money(prices.Cost(u)))
}

func reportFee(p *printer, m Month, krw float64) { reportFees(p, m.Fee(), krw) }

func reportFees(p *printer, fee Fee, krw float64) {
	p.line("%-36s %21s %12s", "Aligo's fee, at "+count(krw)+" KRW for a USD", "KRW", "USD")
	for _, row := range []struct {
		name      string
		each, krw float64
	}{{"AlimTalk delivered", price.AlimTalkKRW, fee.AlimTalk}, {"SMS", price.SMSKRW, fee.SMS}, {"LMS", price.LMSKRW, fee.LMS}} {
		if row.krw > 0 {
			p.line("  %-34s %21s %12s", fmt.Sprintf("%s, %v KRW", row.name, row.each), count(row.krw), money(row.krw/krw))
		}
	}
	p.line("  %-34s %21s %12s", "together", count(fee.Total()), money(fee.Total()/krw))
}

// ReportPrices prints the price list.
func ReportPrices(out io.Writer, prices price.List) error {
	p := &printer{out: out}
	p.line("%-36s %12s  %-26s %-10s %s", "Item", "USD", "per", "seen", "source")
	for _, item := range prices {
		per := item.Unit
		if item.Per != 1 {
			per = count(item.Per) + " " + per
		}
		p.line("%-36s %12s  %-26s %-10s %s %s", item.Name, strconv.FormatFloat(item.USD, 'f', -1, 64), per, cmp.Or(item.Seen, "undated"),
			item.Source, item.UsageType)
		if item.Note != "" {
			p.line("  %s", item.Note)
		}
	}
	p.line("Aligo, KRW without tax: AlimTalk %v, SMS %v, LMS %v https://smartsms.aligo.in/", price.AlimTalkKRW, price.SMSKRW, price.LMSKRW)
	return p.err
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(float64(n)) + " " + noun + "s"
}

func money(usd float64) string { return grouped(strconv.FormatFloat(usd, 'f', 2, 64)) }

// fractions are hundredths of a cent, too.
func fractions(usd float64) string { return grouped(strconv.FormatFloat(usd, 'f', 4, 64)) }

func signed(usd float64) string {
	if usd > 0 {
		return "+" + money(usd)
	}
	return money(usd)
}

// count is a whole number, and amount one with two decimals unless it is whole.
func count(v float64) string { return grouped(strconv.FormatFloat(math.Round(v), 'f', 0, 64)) }

func amount(v float64) string {
	if v == math.Trunc(v) || v >= 1000 {
		return count(v)
	}
	return money(v)
}

// grouped puts commas into a decimal number.
func grouped(s string) string {
	sign := ""
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		sign, s = "-", rest
	}
	whole, fraction, found := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if found {
		whole += "." + fraction
	}
	return sign + whole
}

// together says which of the flags that were set say nothing of the bill that is asked for.
func together(set *flag.FlagSet, campaign bool) error {
	var wrong error
	set.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "messages", "recipients", "door":
			if campaign {
				wrong = errors.Join(wrong, fmt.Errorf("-%s says nothing of a campaign's bill", f.Name))
			}
		case "rate", "opt-outs":
			if !campaign {
				wrong = errors.Join(wrong, fmt.Errorf("-%s goes with -campaign", f.Name))
			}
		}
	})
	return wrong
}
