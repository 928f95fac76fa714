package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/campaign"
	"sms-api/internal/intake"
)

// CampaignReport is what a campaign has taken, from its request to its report.
type CampaignReport struct {
	// Recipients had a row of the file each, Messages is how many chunks they made.
	Recipients int `json:"recipients"`
	Messages   int `json:"messages"`
	// Seconds is all of it, PlanSeconds the part until the plan was there, the upload included.
	Seconds             float64 `json:"seconds"`
	PlanSeconds         float64 `json:"planSeconds"`
	RecipientsPerSecond float64 `json:"recipientsPerSecond"`
	// Transitions are what Step Functions bills, of the campaign and of its messages.
	Transitions int64 `json:"transitions"`
	// Invocations are Lambda's, those of the API included, Calls those of Aligo, TableCalls the operations of DynamoDB.
	Invocations int64 `json:"lambdaInvocations"`
	Calls       int64 `json:"aligoCalls"`
	TableCalls  int64 `json:"tableCalls"`
	// ProcessorSeconds is what the whole process took of the processors. 0 where the system does not tell.
	ProcessorSeconds float64 `json:"processorSeconds"`
	// PeakRSSBytes is the memory of the whole process. 0 where the system does not tell.
	PeakRSSBytes int64 `json:"peakRssBytes"`
}

// mostOfCampaign is how many recipients a campaign may have here.
const mostOfCampaign = 1_000_000

// campaignRate is how many recipients a minute are handed out: the most that a campaign may ask for, on the scaled clock.
const campaignRate = 60_000

// rings counts what phones have received.
type rings struct {
	mu       sync.Mutex
	byNumber map[string]int
}

func (r *rings) ring(m aligotest.PhoneMessage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byNumber[m.To]++
}

// member is a number for each place of the file, none of those that make something happen.
func member(i int) string {
	const of, first = 9_000, 1_000
	return fmt.Sprintf("010%04d%04d", 2000+i/of, first+i%of)
}

// runCampaign makes a system, sends one campaign through it, and reports. The error tells what was not delivered as claimed.
func runCampaign(ctx context.Context, o options) (CampaignReport, error) {
	heard := &rings{byNumber: make(map[string]int, o.campaign)}
	b, err := start(ctx, o, heard.ring)
	if err != nil {
		return CampaignReport{}, err
	}
	began := time.Now()
	before, _ := used()
	plan, planned, err := b.campaignThrough(ctx)
	elapsed := time.Since(began)
	after, peakRSS := used()
	r := CampaignReport{
		Recipients: o.campaign, Messages: plan.Messages, Seconds: elapsed.Seconds(), PlanSeconds: planned.Sub(began).Seconds(),
		RecipientsPerSecond: float64(o.campaign) / elapsed.Seconds(),
		// Entering the first state is no branch, but billed like one. The campaign has one execution.
		Transitions: b.transitions.Load() + int64(plan.Messages) + 1, Invocations: b.invocations.Load() + b.requests.Load(),
		Calls: b.calls.Load(), TableCalls: b.tableCalls.Load(), ProcessorSeconds: (after - before).Seconds(), PeakRSSBytes: peakRSS,
	}
	// A message that is sent twice may be sent late: nothing is final before everything has come to rest.
	if err = errors.Join(err, b.stop()); err != nil {
		return CampaignReport{}, err
	}
	for i := range o.campaign {
		if n := heard.byNumber[member(i)]; n != 1 {
			err = errors.Join(err, fmt.Errorf("the phone of row %d rang %d times", i+2, n))
		}
	}
	return r, err
}

// campaignThrough has one campaign planned, sent and reported.
func (b *bench) campaignThrough(ctx context.Context) (plan campaign.Plan, planned time.Time, _ error) {
	var file bytes.Buffer
	file.WriteString("고객명,전화번호,주문\r\n")
	for i := range b.campaign {
		fmt.Fprintf(&file, "홍길동,%s,A-%d\r\n", member(i), i)
	}
	body := fmt.Sprintf(`{"template":"TX_1234","columns":{"to":"전화번호","name":"고객명","variables":{"주문번호":"주문"}},"rate":%d,`+
		`"start":"auto","bytes":%d}`, campaignRate, file.Len())
	var created intake.CreatedCampaign
	err := b.ask(ctx, http.MethodPost, b.api+"/v1/campaigns", strings.NewReader(body), "Content-Type", "application/json", &created)
	if err != nil {
		return plan, planned, err
	}
	if err := b.ask(ctx, http.MethodPut, created.Upload.URL, &file, "If-None-Match", "*", nil); err != nil {
		return plan, planned, err
	}
	for begin := time.Now(); time.Since(begin) < stall; time.Sleep(10 * time.Millisecond) {
		var v campaign.View
		if err := b.ask(ctx, http.MethodGet, b.api+"/v1/campaigns/"+created.ID, nil, "Accept", "application/json", &v); err != nil {
			return plan, planned, err
		}
		if v.Plan != nil && planned.IsZero() {
			plan, planned = *v.Plan, time.Now()
		}
		switch {
		case v.Status == campaign.Settled && v.Counts.Delivered == b.campaign:
			return plan, planned, nil
		case v.Status == campaign.Settled || v.Status == campaign.Invalid || v.Status == campaign.Planned:
			return plan, planned, fmt.Errorf("the campaign is %s: %+v", v.Status, v.Counts)
		}
	}
	return plan, planned, fmt.Errorf("the campaign has not settled after %v", stall)
}

// ask makes a request with one header and reads its JSON answer, if there is one to be read.
func (b *bench) ask(ctx context.Context, method, url string, body io.Reader, header, value string, answer any) error {
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	r.Header.Set(header, value)
	resp, err := b.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return fmt.Errorf("read the answer: %w", err)
	case resp.StatusCode >= http.StatusMultipleChoices:
		return fmt.Errorf("%s: %d %s", method, resp.StatusCode, strings.TrimSpace(string(text)))
	case answer == nil:
		return nil
	}
	return json.Unmarshal(text, answer)
}

func (r CampaignReport) print(out io.Writer) error {
	_, err := fmt.Fprintf(out, "a campaign of %d recipients, in %d messages\n"+
		"  from the request to the report  %.2f s, %.0f recipients/s; the plan took %.2f s\n"+
		"  processor                       %.2f s; memory at most %d MB\n"+
		"  state transitions               %d; Lambda invocations %d, calls of Aligo %d, operations of the table %d\n",
		r.Recipients, r.Messages, r.Seconds, r.RecipientsPerSecond, r.PlanSeconds, r.ProcessorSeconds, r.PeakRSSBytes/1_000_000,
		r.Transitions, r.Invocations, r.Calls, r.TableCalls)
	return err
}

// campaignCommand sends a campaign and prints what it took.
func campaignCommand(ctx context.Context, o options, out io.Writer) error {
	report, err := runCampaign(ctx, o)
	switch {
	case err != nil:
		return err
	case o.json:
		return object(out, report)
	}
	return report.print(out)
}

// checkCampaign says what is wrong with the size of a campaign.
func checkCampaign(recipients int) error {
	if recipients < 1 || recipients > mostOfCampaign {
		return errors.New("-campaign is " + strconv.Itoa(recipients) + ", want 1 to " + strconv.Itoa(mostOfCampaign))
	}
	return nil
}
