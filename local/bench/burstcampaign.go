package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"sms-api/internal/campaign"
	"sms-api/internal/deployment/price"
	"sms-api/internal/intake"
	"sms-api/internal/message"
	"sms-api/local/cost"
)

// campaigns is what -through says for one campaign with a row for each message of the burst.
const campaigns = "campaign"

// resource is the path of what the API was asked for, without its id.
func (b *burst) resource() string {
	if b.through == campaigns {
		return "/v1/campaigns/"
	}
	return "/v1/messages/"
}

// pace is how many recipients a minute are handed out, so that all of them are in the time of the burst, as far as a campaign's rate
// goes.
func (o burstOptions) pace() int {
	return min(max(int(float64(o.messages)/o.over.Minutes()), message.MinRate), message.MaxRate)
}

// remembered is how many recipients the stand-in remembers: those of all chunks of a campaign that are open, and more.
func (o burstOptions) remembered() int {
	const most = 100_000
	if o.through == campaigns {
		return max(remembered, min(o.messages, most))
	}
	return remembered
}

// campaign asks for a campaign and uploads its file, with a row for each message. It starts by itself.
func (b *burst) campaign(ctx context.Context, at string) error {
	var file bytes.Buffer
	file.WriteString("고객명,전화번호,주문,번호\r\n")
	now := b.clock.Now()
	for i := range b.messages {
		fmt.Fprintf(&file, "홍길동,%s,A-%d,%s\r\n", number(i), i, reference(i))
		b.tally.ask(reference(i), number(i), now)
	}
	when := ""
	if at != "" {
		when = fmt.Sprintf(`"sendAt":%q,`, at)
	}
	body := fmt.Sprintf(`{"template":"TX_1234","columns":{"to":"전화번호","name":"고객명","reference":"번호","variables":{"주문번호":"주문"}},`+
		`%s"expiresAt":%q,"rate":%d,"start":"auto","bytes":%d}`, when, b.began.Add(lifeOfBurst).Format(time.RFC3339), b.pace(), file.Len())
	var created intake.CreatedCampaign
	if err := b.made(ctx, http.MethodPost, "http://api/v1/campaigns", body, map[string]string{"Content-Type": "application/json"},
		&created); err != nil {
		return err
	}
	b.tally.accepted(created.ID)
	return b.made(ctx, created.Upload.Method, created.Upload.URL, file.String(), map[string]string{"If-None-Match": "*"}, nil)
}

// made makes a request until it is answered, and reads the answer.
func (b *burst) made(ctx context.Context, method, url, body string, header map[string]string, answer any) error {
	for {
		r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader([]byte(body)))
		if err != nil {
			return err
		}
		for name, value := range header {
			r.Header.Set(name, value)
		}
		resp, err := b.client.Do(r)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close() // it is read
		switch {
		case err != nil:
			return err
		case resp.StatusCode == http.StatusTooManyRequests:
			b.refusals.Add(1)
		case resp.StatusCode >= http.StatusInternalServerError:
			b.failures.Add(1)
		case resp.StatusCode >= http.StatusMultipleChoices:
			return fmt.Errorf("%s of a campaign: %d %s", method, resp.StatusCode, text)
		case answer == nil:
			return nil
		default:
			return json.Unmarshal(text, answer)
		}
		if err := b.clock.Sleep(ctx, time.Second); err != nil {
			return err
		}
	}
}

// campaignEnded complains when the campaign has not settled by now, or says something else than its messages.
func (b *burst) campaignEnded(ctx context.Context) error {
	var v campaign.View
	if err := b.made(ctx, http.MethodGet, "http://api"+b.resource()+b.tally.anybody(), "", nil, &v); err != nil {
		return err
	}
	b.tally.mu.Lock()
	defer b.tally.mu.Unlock()
	if v.Status != campaign.Settled || v.Counts.Delivered != b.tally.settled {
		b.tally.complain("the campaign is %s and has delivered %d of %d", v.Status, v.Counts.Delivered, b.tally.settled)
	}
	return nil
}

// usage is what the model says of a burst, by how it came, with what was measured in the place of what the model has of it.
func (b *burst) usage(r BurstReport) cost.Usage {
	n := float64(b.messages)
	var u cost.Usage
	if b.through == campaigns {
		u = cost.Campaign{Recipients: b.messages, Rate: b.pace()}.Usage()
	} else {
		delivered := cost.Paths()[0]
		u = cost.Door(b.through == "events", 1).Plus(delivered.Usage(1)).Times(n)
		for _, item := range []price.Item{price.Compute, price.NAT, price.Egress} {
			u[item] *= r.calls / float64(delivered.Calls(1))
		}
	}
	u[price.Transitions], u[price.Invocations] = r.TransitionsPerMessage*n, r.invocations*n
	return u
}
