package system

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"sms-api/awslocal/clock"
	"sms-api/awslocal/eventbus"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/bucket"
	"sms-api/internal/campaign"
	"sms-api/internal/deployment"
	"sms-api/internal/deployment/price"
	"sms-api/internal/intake"
	"sms-api/internal/intake/contract/contracttest"
	"sms-api/internal/message"
	"sms-api/internal/testkit"
)

// campaignBody is a request for a campaign of order notices with a file of this size; more are further members.
func campaignBody(bytes int, more string) string {
	return fmt.Sprintf(`{"template":"TX_1234","columns":{"to":"전화번호","name":"이름","reference":"회원","variables":{"주문번호":"주문"}},%s"bytes":%d}`,
		more, bytes)
}

// members is a CSV with a member for each ending of a number.
func members(endings ...string) string {
	var b strings.Builder
	b.WriteString("이름,전화번호,주문,회원\r\n")
	for n, e := range endings {
		fmt.Fprintf(&b, "홍길동,010-%04d-%s,A-%d,m-%d\r\n", 2000+n, e, n, n)
	}
	return b.String()
}

// create asks for a campaign and uploads its file.
func (w *world) create(body, file string) string {
	w.t.Helper()
	status, answer := w.do(http.MethodPost, "/v1/campaigns", body)
	var created intake.CreatedCampaign
	if err := json.Unmarshal(answer, &created); err != nil || status != http.StatusCreated || created.Upload == nil {
		w.t.Fatalf("POST /v1/campaigns: %d %s", status, answer)
	}
	w.uploaded(*created.Upload, file)
	return created.ID
}

// planned is a campaign with so many rows whose plan is made. More are further members of its request.
func planned(t *testing.T, rows int, more string) (w *world, id, file string) {
	t.Helper()
	w, file = newWorld(t), many(rows)
	id = w.create(campaignBody(len(file), more), file)
	w.reaches(id, campaign.Planned)
	return w, id, file
}

// upload does what whoever has a link does.
func (w *world) upload(u intake.Upload, file string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), u.Method, u.URL, strings.NewReader(file))
	if err != nil {
		w.t.Fatal(err)
	}
	for name, value := range u.Headers {
		if name != "Content-Length" { // which the client sets by itself
			r.Header.Set(name, value)
		}
	}
	status, _, answer := testkit.Do(w.t, w.client, r)
	return status, string(answer)
}

// uploaded is an upload that is taken.
func (w *world) uploaded(u intake.Upload, file string) {
	w.t.Helper()
	if status, answer := w.upload(u, file); status != http.StatusOK {
		w.t.Fatalf("%d %s", status, answer)
	}
}

// campaign is one as GET tells of it.
func (w *world) campaign(id string) campaign.View {
	w.t.Helper()
	status, answer := w.do(http.MethodGet, "/v1/campaigns/"+id, "")
	for ; status == http.StatusServiceUnavailable; time.Sleep(time.Second) { // a fault of the table
		status, answer = w.do(http.MethodGet, "/v1/campaigns/"+id, "")
	}
	var v campaign.View
	if err := json.Unmarshal(answer, &v); err != nil || status != http.StatusOK {
		w.t.Fatalf("GET /v1/campaigns/%s: %d %s", id, status, answer)
	}
	return v
}

// reaches waits until a campaign has one of these statuses.
func (w *world) reaches(id string, statuses ...campaign.Status) campaign.View {
	w.t.Helper()
	for begin := time.Now(); time.Since(begin) < longest; time.Sleep(max(7*time.Second, time.Since(begin)/1000)) {
		v := w.campaign(id)
		if settled := v.Status != campaign.Cancelled || !v.SettledAt.IsZero(); slices.Contains(statuses, v.Status) && settled {
			return v
		}
	}
	w.t.Fatalf("campaign %s is %+v", id, w.campaign(id))
	return campaign.View{}
}

// order has a campaign started, paused, resumed or cancelled.
func (w *world) order(id, what string, want int) []byte {
	w.t.Helper()
	status, answer := w.do(http.MethodPost, "/v1/campaigns/"+id+"/"+what, "")
	if status != want {
		w.t.Errorf("%s: %d %s, want %d", what, status, answer, want)
	}
	return answer
}

// report is what the report has of each row: "result channel code", and its columns in the order of the file.
func (w *world) report(id string) (rows map[string]string, whole string) {
	w.t.Helper()
	status, answer := w.do(http.MethodGet, "/v1/campaigns/"+id+"/report", "")
	var link campaign.Report
	if err := json.Unmarshal(answer, &link); err != nil || status != http.StatusOK {
		w.t.Fatalf("GET …/report: %d %s", status, answer)
	}
	status, whole = w.upload(intake.Upload{URL: link.URL, Method: http.MethodGet}, "")
	if status != http.StatusOK {
		w.t.Fatalf("report: %d %s", status, whole)
	}
	lines, err := csv.NewReader(bytes.NewReader([]byte(strings.TrimPrefix(whole, "\ufeff")))).ReadAll()
	if err != nil {
		w.t.Fatal(err)
	}
	rows = map[string]string{}
	for _, line := range lines[1:] {
		rows[line[0]] = strings.TrimSpace(strings.Join([]string{line[3], line[4], line[5]}, " "))
	}
	return rows, whole
}

// A campaign from its request to its report: created, uploaded, planned, started, settled, reported.
func TestCampaign(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		announced := w.announcements()
		file := members("5678", "0001", "0004", "0008", "1111") + "김철수,010-1234-567,A-1,m-9\r\n" + "김철수,010-2000-5678,A-2,m-10\r\n"
		id := w.create(campaignBody(len(file), `"reference":"notice",`), file)
		v := w.reaches(id, campaign.Planned)
		if p := v.Plan; p.Rows != 7 || p.Valid != 5 || p.Refused != 1 || p.Duplicates != 1 || p.Messages != 1 || p.Kind != "csv" ||
			p.WalletSuffices == nil || !*p.WalletSuffices || len(p.Errors) != 2 || p.ErrorsURL == "" || len(p.Examples) != 3 {
			t.Fatalf("the plan is %+v", p)
		}
		if n := len(w.phones()); n > 0 {
			t.Fatalf("%d messages went out before the start", n)
		}
		w.order(id, "start", http.StatusOK)
		v = w.reaches(id, campaign.Settled)
		if c := v.Counts; c != (campaign.Counts{
			Rows: 7, Accepted: 5, Counts: message.Counts{Delivered: 3, Failed: 1, Unknown: 1, FellBack: 2},
			By: campaign.Channels{AlimTalk: 2, SMS: 1},
		}) || v.Reference != "notice" || v.Report == nil {
			t.Errorf("it has settled as %+v", v)
		}
		rows, whole := w.report(id)
		if want := map[string]string{
			"2": "delivered alimtalk 0", "3": "delivered sms delivered", "4": "failed sms number", "5": "unknown alimtalk 5",
			"6": "delivered alimtalk 0", "7": "refused", "8": "refused",
		}; !maps.Equal(rows, want) {
			t.Errorf("the report has %v, want %v", rows, want)
		}
		if !strings.HasPrefix(whole, "\ufeffrow,reference,to,result,channel,code,reason,at\r\n2,m-0,010****5678,delivered") {
			t.Errorf("the report begins %q", whole[:min(len(whole), 200)])
		}
		if want := []string{"01020005678 alimtalk", "01020010001 sms", "01020041111 alimtalk"}; !slices.Equal(
			slices.DeleteFunc(w.phones(), func(p string) bool { return strings.Contains(p, "0008") }), want) {
			t.Errorf("phones have %v, want %v", w.phones(), want)
		}
		status, answer := w.do(http.MethodGet, "/v1/messages?campaign="+id, "")
		if status != http.StatusOK || strings.Count(string(answer), `"campaign":"`+id+`"`) != 1 {
			t.Errorf("its messages: %d %s", status, answer)
		}
		status, answer = w.do(http.MethodGet, "/v1/campaigns?limit=1", "")
		var list intake.CampaignList
		if err := json.Unmarshal(answer, &list); err != nil || status != http.StatusOK || len(list.Campaigns) != 1 ||
			list.Campaigns[0].Counts != v.Counts || list.Campaigns[0].Plan != nil || list.Campaigns[0].Template != "TX_1234" || list.Cursor != "" {
			t.Errorf("the list: %d %s", status, answer)
		}
		announced("CampaignPlanned "+id+" planned", "CampaignSettled "+id+" settled")
	})
}

// Who polls a campaign costs one read of the table, whatever it is about, and nothing else of AWS.
func TestReadingACampaignIsOneRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		calls := w.counts(func(r *http.Request) string {
			return cmp.Or(r.Header.Get("X-Amz-Target"), r.Method+" "+r.URL.Path) // those of S3 have none
		})
		file := many(1600) + "김철수,010-1234-567,A-1,m-9\r\n"
		c, _ := w.created(campaignBody(len(file), `"rate":500,`))
		seen := map[campaign.Status]int{}
		look := func() {
			synctest.Wait() // nobody else is at work
			calls()
			status := w.campaign(c.ID).Status
			seen[status]++
			if n := calls(); !maps.Equal(n, map[string]int{"DynamoDB_20120810.GetItem": 1}) {
				t.Errorf("to read one that is %s makes %v", status, n)
			}
		}
		look()
		w.uploaded(*c.Upload, file)
		w.reaches(c.ID, campaign.Planned)
		look()
		w.order(c.ID, "start", http.StatusOK)
		for range 60 {
			time.Sleep(3 * time.Second)
			look()
		}
		w.reaches(c.ID, campaign.Settled)
		look()
		if len(seen) != 4 || seen[campaign.Sending] < 50 {
			t.Errorf("it was seen as %v", seen)
		}
	})
}

// announcements subscribes to what is announced of campaigns; the function returned sees that it was this so far.
func (w *world) announcements() (were func(want ...string)) {
	w.t.Helper()
	var all []string
	w.hear(func(detailType string, v campaign.View) {
		all = append(all, fmt.Sprintf("%s %s %s", detailType, v.ID, v.Status))
	})
	return func(want ...string) {
		w.t.Helper()
		w.mu.Lock()
		defer w.mu.Unlock()
		if !slices.Equal(all, want) {
			w.t.Errorf("announced were %q, want %q", all, want)
		}
	}
}

// hear subscribes to what is announced of campaigns, and sees that it has neither texts and names nor links. heard is called with w.mu
// held.
func (w *world) hear(heard func(detailType string, v campaign.View)) {
	w.t.Helper()
	bus := w.AWS.Bus(BusName)
	if _, err := bus.PutRule(eventbus.Rule{
		Name: "campaigns", Pattern: `{"source":["sms-api"],"detail-type":["CampaignPlanned","CampaignSettled"]}`,
	}); err != nil {
		w.t.Fatal(err)
	}
	err := bus.PutTargets("campaigns", eventbus.Target{ID: "test", Deliver: func(_ context.Context, event json.RawMessage) error {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(event))
		if err != nil {
			return err
		}
		var e struct {
			DetailType string `json:"detail-type"`
			Detail     campaign.View
		}
		if err := json.Unmarshal(event, &e); err != nil {
			return err
		}
		if err := contracttest.Schema(w.t, e.DetailType).Validate(v); err != nil {
			w.t.Errorf("%s: %v", e.DetailType, err)
		}
		for _, private := range []string{`"examples"`, "홍길동", "주문해 주셔서", "X-Amz-"} {
			if bytes.Contains(event, []byte(private)) {
				w.t.Errorf("%s has %s: %s", e.DetailType, private, event)
			}
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		heard(e.DetailType, e.Detail)
		return nil
	}})
	if err != nil {
		w.t.Fatal(err)
	}
}

// many is a CSV with so many members, all of whom are reached.
func many(n int) string { return members(slices.Repeat([]string{"5678"}, n)...) }

// created is a campaign whose file has not been uploaded yet.
func (w *world) created(body string, header ...string) (intake.CreatedCampaign, int) {
	w.t.Helper()
	status, answer := w.do(http.MethodPost, "/v1/campaigns", body, header...)
	var c intake.CreatedCampaign
	if err := json.Unmarshal(answer, &c); err != nil && status < http.StatusBadRequest {
		w.t.Fatalf("%s: %v", answer, err)
	}
	return c, status
}

// audit holds a campaign that has settled to its file: each row is in the report once, who is said to have been reached was reached
// once, who was not handed out, or failed, was not, and the counts are those of the report.
func (w *world) audit(id, file string) *world {
	w.t.Helper()
	rang := map[string]int{}
	for _, m := range w.Aligo.Messages() {
		rang[m.To]++
	}
	v := w.campaign(id)
	_, whole := w.report(id)
	lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(whole, "\ufeff"))).ReadAll()
	if err != nil {
		w.t.Fatal(err)
	}
	seen, results := map[string]bool{}, map[string]int{}
	numbers := strings.Split(strings.TrimSuffix(file, "\r\n"), "\r\n")
	for _, line := range lines[1:] {
		row, result := line[0], line[3]
		var n int
		if _, err := fmt.Sscan(row, &n); err != nil || n < 2 || n > len(numbers) || seen[row] {
			w.t.Fatalf("the report has a row %s", row)
		}
		seen[row] = true
		results[result]++
		number := strings.ReplaceAll(strings.Split(numbers[n-1], ",")[1], "-", "")
		want := map[string][]int{"delivered": {1}, "failed": {0}, "unknown": {0, 1}, "cancelled": {0}, "expired": {0}}[result]
		if result != "refused" && !slices.Contains(want, rang[number]) {
			w.t.Errorf("row %s is %s, and the phone rang %d times", row, result, rang[number])
		}
	}
	if len(seen) != len(numbers)-1 {
		w.t.Errorf("the report has %d rows, the file %d", len(seen), len(numbers)-1)
	}
	if c := v.Counts; v.Status == campaign.Settled && (c.Delivered != results["delivered"] || c.Failed != results["failed"] ||
		c.Unknown != results["unknown"] || c.Pending != 0 || c.Rows != len(seen)) {
		w.t.Errorf("the counts are %+v, the report has %v", c, results)
	}
	return w
}

// doubtfulChunk has a campaign cancelled while a chunk is in doubt that Aligo has not got: it is not sent once more, and all of it is
// failed or unknown. more are further members of the request.
func doubtfulChunk(more, all string, faults ...aligotest.Fault) func(*testing.T) *world {
	return func(t *testing.T) *world {
		t.Helper()
		w, id, file := planned(t, 2, more)
		w.fault(append(faults, aligotest.Fault{Endpoint: send, Kind: aligotest.FaultResetBefore})...)
		w.order(id, "start", http.StatusOK)
		time.Sleep(30 * time.Second)
		w.order(id, "cancel", http.StatusOK)
		v := w.reaches(id, campaign.Cancelled)
		if got, n := w.phones(), map[string]int{"failed": v.Counts.Failed, "unknown": v.Counts.Unknown}[all]; len(got) > 0 || n != 2 {
			t.Errorf("phones have %v after the cancellation, %+v, want all %s", got, v.Counts, all)
		}
		return w.audit(id, file)
	}
}

// stoppedChunk has an operator stop a chunk after something has happened, the campaign cancelled, and the chunk redriven: it is not sent.
// keeps is how much of the limits the cancellation leaves it, for what Aligo may have accepted.
func stoppedChunk(keeps int, happens func(*world)) func(*testing.T) *world {
	return func(t *testing.T) *world {
		t.Helper()
		w := newWorld(t, func(o *Options, _ *aligotest.Options) {
			o.Settings = map[string]string{deployment.DailyRecipients: "3"}
		})
		file := many(2)
		id := w.create(campaignBody(len(file), ""), file)
		w.reaches(id, campaign.Planned)
		happens(w)
		w.order(id, "start", http.StatusOK)
		time.Sleep(20 * time.Second) // the campaign has its next turn after half a minute
		list, err := w.sfn.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &w.StateMachineARN})
		if err != nil || len(list.Executions) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		chunk := aws.ToString(list.Executions[0].Name)
		w.stop(chunk)
		time.Sleep(5 * time.Second)
		w.order(id, "cancel", http.StatusOK)
		w.reaches(id, campaign.Cancelled)
		if _, answer := w.do(http.MethodGet, "/v1/limits", ""); !strings.Contains(string(answer), fmt.Sprintf(`"used":%d`, keeps)) {
			t.Errorf("want %d left, it has given back all but %s", keeps, answer)
		}
		time.Sleep(time.Minute)
		w.redrive(chunk)
		time.Sleep(24 * time.Hour)
		if got := w.phones(); len(got) > 0 {
			t.Errorf("phones have %v after the cancellation", got)
		}
		return w.audit(id, file)
	}
}

// refusedFile has a file planned that has nothing to send, and says why.
func refusedFile(file, want string) func(*testing.T) *world {
	return func(t *testing.T) *world {
		t.Helper()
		w := newWorld(t)
		v := w.reaches(w.create(campaignBody(len(file), ""), file), campaign.Invalid, campaign.Planned)
		got := ""
		if len(v.Plan.Errors) > 0 {
			got = strings.TrimSpace(v.Plan.Errors[0].Pointer + " " + v.Plan.Errors[0].Detail)
		}
		if v.Status != campaign.Invalid || v.Plan.Valid != 0 || !strings.HasPrefix(got, want) {
			t.Errorf("it is %s because %q, want %q", v.Status, got, want)
		}
		w.order(v.ID, "start", http.StatusConflict)
		return w
	}
}

func campaignStories() map[string]func(*testing.T) *world {
	row := "홍길동,010-2000-5678,A-1,m-1\r\n"
	return map[string]func(*testing.T) *world{
		"a workbook is no CSV":                    refusedFile("PK\x03\x04\x14\x00\x06\x00", "the file is an Excel workbook or a ZIP archive"),
		"an image is no CSV":                      refusedFile("\x89PNG\r\n\x1a\n\x00\x00", "the file"),
		"a blank file":                            refusedFile("  \r\n", "the file is empty"),
		"a file that is a header alone":           refusedFile("이름,전화번호,주문,회원\r\n", ""),
		"a file without the column of numbers":    refusedFile("이름,번호,주문,회원\r\n"+row, "/columns/to is no column of the file"),
		"a file with the column of numbers twice": refusedFile("전화번호,전화번호,주문,회원,이름\r\n"+row, "/columns/to is the name of 2 columns"),
		"a file that is too large, or of another size than was said": func(t *testing.T) *world {
			t.Helper()
			w := newWorld(t)
			if status, answer := w.do(http.MethodPost, "/v1/campaigns", campaignBody(300<<20, "")); status != http.StatusUnprocessableEntity ||
				!strings.Contains(string(answer), `"pointer":"/bytes"`) {
				t.Errorf("300 MB: %d %s", status, answer)
			}
			c, _ := w.created(campaignBody(10, ""))
			if status, answer := w.upload(*c.Upload, many(1)); status != http.StatusForbidden || !strings.Contains(answer, "SignatureDoesNotMatch") {
				t.Errorf("another size: %d %s", status, answer)
			}
			return w
		},
		"a file is uploaded once, and while its link is valid": func(t *testing.T) *world {
			t.Helper()
			w := newWorld(t)
			file := many(3)
			c, _ := w.created(campaignBody(len(file), ""))
			without := *c.Upload
			without.Headers = nil
			if status, answer := w.upload(without, file); status != http.StatusForbidden {
				t.Errorf("without If-None-Match: %d %s", status, answer)
			}
			w.uploaded(*c.Upload, file)
			if status, answer := w.upload(*c.Upload, file); status != http.StatusPreconditionFailed {
				t.Errorf("once more: %d %s", status, answer)
			}
			other, _ := w.created(campaignBody(len(file), ""))
			time.Sleep(15*time.Minute + time.Second)
			if status, answer := w.upload(*other.Upload, file); status != http.StatusForbidden || !strings.Contains(answer, "expired") {
				t.Errorf("too late: %d %s", status, answer)
			}
			w.reaches(c.ID, campaign.Planned)
			return w
		},
		"of a file that is replaced before it is planned one version is planned, or none": func(t *testing.T) *world {
			t.Helper()
			w := newWorld(t)
			w.faults.add("plan", func(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
				file := many(2)
				b := bucket.Bucket{Config: w.config, Name: Bucket, Now: time.Now, Sleep: clock.Real(1).Sleep}
				if err := b.Put(ctx, campaign.Key(w.only()), "text/csv", strings.NewReader(file)); err != nil {
					t.Error(err)
				}
				return next(ctx)
			})
			file := many(3)
			// The first event finds another file than it tells of; the second one may be quicker.
			v := w.reaches(w.create(campaignBody(len(file), ""), file), campaign.Invalid, campaign.Planned)
			none := v.Status == campaign.Invalid && v.Plan.Rows == 0 && len(v.Plan.Errors) == 1
			if second := v.Status == campaign.Planned && v.Plan.Rows == 2 && len(v.Plan.Errors) == 0; !none && !second {
				t.Errorf("it is %s, the plan is %+v", v.Status, v.Plan)
			}
			return w
		},
		"the same request with the same key is the same campaign": func(t *testing.T) *world {
			t.Helper()
			w := newWorld(t)
			file := many(1)
			first, status := w.created(campaignBody(len(file), ""), "Idempotency-Key", "a")
			again, replay := w.created(campaignBody(len(file), ""), "Idempotency-Key", "a")
			if status != http.StatusCreated || replay != http.StatusOK || first.ID != again.ID || again.Upload == nil {
				t.Errorf("%d %+v, then %d %+v", status, first, replay, again)
			}
			if _, status := w.created(campaignBody(len(file), `"rate":6000,`), "Idempotency-Key", "a"); status != http.StatusUnprocessableEntity {
				t.Errorf("another body: %d", status)
			}
			w.uploaded(*again.Upload, file)
			w.reaches(first.ID, campaign.Planned)
			if again, _ := w.created(campaignBody(len(file), ""), "Idempotency-Key", "a"); again.Upload != nil || again.Status != campaign.Planned {
				t.Errorf("a replay after the upload: %+v", again)
			}
			return w
		},
		"a template that is withdrawn before the start is not started": func(t *testing.T) *world {
			t.Helper()
			w, id, file := planned(t, 3, "")
			w.template("REJ", "R")
			time.Sleep(11 * time.Minute)
			if answer := w.order(id, "start", http.StatusUnprocessableEntity); !strings.Contains(string(answer), `"/template"`) {
				t.Errorf("%s", answer)
			}
			w.template("APR", "A")
			time.Sleep(11 * time.Minute)
			w.order(id, "start", http.StatusOK)
			w.reaches(id, campaign.Settled)
			return w.audit(id, file)
		},
		"a template that is stopped while chunks go out quickly parks the campaign": func(t *testing.T) *world {
			t.Helper()
			w, id, file := planned(t, 2000, `"rate":1000,"fallback":{"enabled":false},`)
			w.order(id, "start", http.StatusOK)
			time.Sleep(40 * time.Second)
			w.template("", "S")
			if v := w.reaches(id, campaign.Parked); v.Counts.Accepted != 1000 {
				t.Errorf("it is parked when %+v", v.Counts)
			}
			w.template("", "A")
			if v := w.reaches(id, campaign.Settled); v.Counts.Delivered != 2000 {
				t.Errorf("after the repair there are %+v", v.Counts)
			}
			return w.audit(id, file)
		},
		"what takes longer than a campaign may is not started": func(t *testing.T) *world {
			t.Helper()
			w, id, _ := planned(t, 3, `"rate":100,`)
			store := campaign.Store{Client: dynamodb.NewFromConfig(w.config), Table: GuardTable}
			if _, err := store.Change(t.Context(), id, func(c *campaign.Campaign) (bool, error) {
				c.Plan.Valid = 7*24*60*100 + 1 // a file of so many takes too long for a test
				return true, nil
			}); err != nil {
				t.Fatal(err)
			}
			if answer := w.order(id, "start", http.StatusUnprocessableEntity); !strings.Contains(string(answer), `"/rate"`) {
				t.Errorf("%s", answer)
			}
			if v := w.campaign(id); v.Status != campaign.Planned || len(w.phones()) > 0 {
				t.Errorf("it is %s, and phones have %v", v.Status, w.phones())
			}
			return w
		},
		"a template that is withdrawn in the middle parks the campaign": func(t *testing.T) *world {
			t.Helper()
			w, id, file := planned(t, 1200, `"rate":100,`)
			w.order(id, "start", http.StatusOK)
			time.Sleep(6 * time.Minute)
			w.template("REJ", "R")
			if v := w.reaches(id, campaign.Parked); !strings.Contains(v.Parked, "/template") || v.Counts.Delivered != 1000 {
				t.Errorf("it is parked as %+v", v)
			}
			w.template("APR", "A")
			w.reaches(id, campaign.Settled)
			return w.audit(id, file)
		},
		"a wallet that is empty in the middle parks the campaign": func(t *testing.T) *world {
			t.Helper()
			w, id, file := planned(t, 1200, `"rate":1000,`)
			balance := w.Aligo.Balance()
			w.Aligo.SetBalance(5000) // of which 500 AlimTalk are paid
			w.order(id, "start", http.StatusOK)
			if v := w.reaches(id, campaign.Parked); v.Parked == "" || v.Counts.Accepted != 1000 {
				t.Errorf("it is parked as %+v", v)
			}
			time.Sleep(30 * time.Minute)
			if n := len(w.phones()); n != 500 {
				t.Errorf("%d messages went out", n)
			}
			w.Aligo.SetBalance(balance)
			w.reaches(id, campaign.Settled)
			return w.audit(id, file)
		},
		"a campaign that is started twice is sent once": func(t *testing.T) *world {
			t.Helper()
			w, id, file := planned(t, 600, "")
			for range 3 {
				w.crew.Go(func() { w.order(id, "start", http.StatusOK) })
			}
			w.reaches(id, campaign.Settled)
			w.order(id, "start", http.StatusConflict)
			return w.audit(id, file)
		},
		"a campaign starts by itself when nothing is refused": func(t *testing.T) *world {
			t.Helper()
			w := newWorld(t)
			file := many(2)
			id := w.create(campaignBody(len(file), `"start":"auto",`), file)
			w.reaches(id, campaign.Settled)
			w.audit(id, file)
			wrong := file + "김철수,010-1234-567,A,m\r\n"
			w.reaches(w.create(campaignBody(len(wrong), `"start":"auto",`), wrong), campaign.Planned)
			return w
		},
		"a campaign that is paused sends no more, and goes on where it was": func(t *testing.T) *world {
			t.Helper()
			w, id, file := planned(t, 1600, `"rate":500,`)
			w.order(id, "pause", http.StatusConflict)
			w.order(id, "start", http.StatusOK)
			time.Sleep(90 * time.Second)
			w.order(id, "pause", http.StatusOK)
			before := len(w.phones())
			time.Sleep(2 * time.Hour)
			if after := len(w.phones()); after != before || before != 1000 {
				t.Errorf("%d messages, after the pause %d", before, after)
			}
			w.order(id, "start", http.StatusConflict)
			w.order(id, "resume", http.StatusOK)
			w.order(id, "resume", http.StatusOK)
			w.reaches(id, campaign.Settled)
			w.order(id, "pause", http.StatusConflict)
			return w.audit(id, file)
		},
		"a campaign that is cancelled sends no more": func(t *testing.T) *world {
			t.Helper()
			w, id, file := planned(t, 1600, `"rate":500,`)
			w.order(id, "start", http.StatusOK)
			time.Sleep(90 * time.Second)
			w.order(id, "cancel", http.StatusOK)
			w.order(id, "cancel", http.StatusOK)
			w.reaches(id, campaign.Cancelled)
			time.Sleep(2 * time.Hour)
			if n := len(w.phones()); n != 1000 {
				t.Errorf("%d messages went out", n)
			}
			w.order(id, "resume", http.StatusConflict)
			return w.audit(id, file)
		},
		"a campaign can be cancelled before there is a file, and before it is started": func(t *testing.T) *world {
			t.Helper()
			w := newWorld(t)
			file := many(2)
			c, _ := w.created(campaignBody(len(file), ""))
			w.order(c.ID, "cancel", http.StatusOK)
			w.uploaded(*c.Upload, file)
			id := w.create(campaignBody(len(file), ""), file)
			w.reaches(id, campaign.Planned)
			w.order(id, "cancel", http.StatusOK)
			w.reaches(id, campaign.Cancelled)
			if v := w.campaign(c.ID); v.Status != campaign.Cancelled || v.SettledAt.IsZero() || len(w.phones()) > 0 {
				t.Errorf("%+v, phones have %v", v, w.phones())
			}
			if status, answer := w.do(http.MethodGet, "/v1/campaigns/"+c.ID+"/report", ""); status != http.StatusConflict ||
				!strings.Contains(string(answer), "there is no report") {
				t.Errorf("its report: %d %s", status, answer)
			}
			return w.audit(id, file)
		},
		"a campaign that is cancelled while a chunk is about to be sent": func(t *testing.T) *world {
			t.Helper()
			w, id, file := planned(t, 1600, `"rate":60000,`)
			cancels := func(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
				w.order(id, "cancel", http.StatusOK)
				time.Sleep(5 * time.Second) // the campaign's next turn comes before the send
				return next(ctx)
			}
			w.faults.add("alimtalk", nil, cancels)
			w.order(id, "start", http.StatusOK)
			w.reaches(id, campaign.Cancelled)
			return w.audit(id, file)
		},
		"a campaign that is cancelled while nobody knows whether a chunk was accepted": doubtfulChunk("", "failed"),
		"a campaign is cancelled while a chunk is in doubt, and nobody ever knows": doubtfulChunk(`"fallback":{"onUnknown":"sms"},`, "unknown",
			aligotest.Fault{Endpoint: history, Kind: aligotest.FaultHTTP500, Times: -1}),
		"a campaign is cancelled, and then somebody redrives a chunk that was stopped in doubt": stoppedChunk(2, func(w *world) {
			w.fault(aligotest.Fault{Endpoint: send, Kind: aligotest.FaultResetBefore})
		}),
		"a campaign is cancelled, and then somebody redrives a chunk that was stopped before its send began": stoppedChunk(0, func(w *world) {
			w.faults.add("alimtalk", func(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
				time.Sleep(time.Minute)
				return crashedBefore(ctx, next)
			})
		}),
		"a campaign waits for its time, and is over when it has expired": func(t *testing.T) *world {
			t.Helper()
			w, id, file := planned(t, 1600, `"rate":100,"sendAt":"2000-01-02T00:00:00Z","expiresAt":"2000-01-02T00:07:00Z",`)
			w.order(id, "start", http.StatusOK)
			time.Sleep(time.Until(time.Date(2000, 1, 1, 23, 59, 59, 0, time.UTC)))
			if n := len(w.phones()); n > 0 {
				t.Errorf("%d messages went out early", n)
			}
			v := w.reaches(id, campaign.Settled)
			if n := len(w.phones()); n != 1000 || v.Counts.Delivered != 1000 {
				t.Errorf("%d messages went out before it expired: %+v", n, v.Counts)
			}
			return w.audit(id, file)
		},
		"advertising is handed out by day": func(t *testing.T) *world {
			t.Helper()
			w := newWorld(t)
			file := "번호\r\n"
			for n := range 1200 {
				file += fmt.Sprintf("010-%04d-5678\r\n", 2000+n)
			}
			var announced []campaign.View
			w.hear(func(_ string, v campaign.View) { announced = append(announced, v) })
			body := func(start string) string {
				return fmt.Sprintf(`{"channel":"sms","purpose":"ad","text":"오늘만 반값","columns":{"to":"번호"},"rate":250,"start":%q,"bytes":%d}`,
					start, len(file))
			}
			w.until(0, 20, 47, 0)
			manual := w.create(body("manual"), file)
			w.reaches(manual, campaign.Planned)
			w.until(0, 20, 49, 0)
			w.order(manual, "start", http.StatusOK)
			auto := w.create(body("auto"), file)
			clock := func(at time.Time) string { return at.In(message.Korea()).Format("2 15:04") }
			tells := func(about string, v campaign.View, waits, ends string) {
				t.Helper()
				if got := fmt.Sprintf("waits until %s, ends at %s, expires at %s", clock(v.WaitsUntil), clock(v.EndsAt), clock(v.ExpiresAt)); got !=
					"waits until "+waits+", ends at "+ends+", expires at 3 08:03" {
					t.Errorf("%s %s", about, got)
				}
			}
			w.until(0, 23, 0, 0)
			for _, id := range []string{manual, auto} {
				tells("by night it", w.campaign(id), "2 08:00", "2 08:02")
			}
			_, answer := w.do(http.MethodGet, "/v1/campaigns", "")
			var list intake.CampaignList
			if err := json.Unmarshal(answer, &list); err != nil || len(list.Campaigns) != 2 {
				t.Fatalf("%v %s", err, answer)
			}
			tells("in the list it", list.Campaigns[1], "2 08:00", "2 08:02")
			w.reaches(manual, campaign.Settled)
			w.reaches(auto, campaign.Settled)
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, v := range announced {
				if v.Status == campaign.Sending {
					// A chunk takes two minutes, and there was one left.
					tells("when it was planned it", v, clock(time.Time{}), "2 08:03")
				}
			}
			if len(announced) != 4 {
				t.Errorf("%d announcements, want a plan and an end of each", len(announced))
			}
			got := slices.Compact(w.received())
			if !slices.IsSorted(got) || got[0] < "08:00:00" || got[len(got)-1] > "20:50:30" {
				t.Errorf("phones had received something at %q", got)
			}
			return w
		},
		"those who have opted out get no advertising": func(t *testing.T) *world {
			t.Helper()
			w := newWorld(t)
			if status, answer := w.do(http.MethodPut, "/v1/opt-outs/01020015678", ""); status != http.StatusOK {
				t.Fatalf("%d %s", status, answer)
			}
			w.until(1, 9, 0, 0)
			file := "번호\r\n010-2000-5678\r\n010-2001-5678\r\n"
			id := w.create(fmt.Sprintf(`{"channel":"sms","purpose":"ad","text":"오늘만 반값","columns":{"to":"번호"},"bytes":%d}`, len(file)), file)
			v := w.reaches(id, campaign.Planned)
			if v.Plan.OptedOut != 1 || v.Plan.Valid != 1 || v.Plan.PriceKRW != price.SMSKRW {
				t.Errorf("the plan is %+v", v.Plan)
			}
			w.order(id, "start", http.StatusOK)
			w.reaches(id, campaign.Settled)
			if got := w.phones(); !slices.Equal(got, []string{"01020005678 sms"}) {
				t.Errorf("phones have %v", got)
			}
			return w
		},
		"a plan tells of limits and takes nothing of them": func(t *testing.T) *world {
			t.Helper()
			w := newWorld(t, func(o *Options, _ *aligotest.Options) {
				o.Settings = map[string]string{deployment.TrustedNumberDay: "1", deployment.DailyRecipients: "60"}
			})
			w.settle(w.post(`{"channel":"sms","text":"안녕하세요","recipients":[{"to":"01020015678"},{"to":"01020995678"}]}`))
			file := many(3)
			id := w.create(campaignBody(len(file), ""), file)
			p := w.reaches(id, campaign.Planned).Plan
			if want := []campaign.PlanLimit{{Limit: "number-day", Max: 1, Recipients: 1, Rows: []int{3}}}; p.Valid != 3 ||
				!reflect.DeepEqual(p.Limits, want) {
				t.Errorf("the plan is %+v, want %+v", p, want)
			}
			large := many(59)
			other := w.create(campaignBody(len(large), ""), large)
			if l := w.reaches(other, campaign.Planned).Plan.Limits; len(l) != 2 || l[1].Limit != "stack-day" || l[1].Recipients != 59 {
				t.Errorf("the limits of a day are %+v", l)
			}
			if _, answer := w.do(http.MethodGet, "/v1/limits", ""); !strings.Contains(string(answer), `"used":2`) {
				t.Errorf("it has taken of a limit: %s", answer)
			}
			// What was told is what happens: it waits for the next day.
			w.order(id, "start", http.StatusOK)
			if v := w.reaches(id, campaign.Parked); !strings.Contains(v.Parked, "at most 1 messages on a day") {
				t.Errorf("it is parked because %q", v.Parked)
			}
			w.order(other, "cancel", http.StatusOK)
			w.reaches(id, campaign.Settled)
			w.reaches(other, campaign.Cancelled)
			return w
		},
		"a campaign that is cancelled before anything was sent gives back what it took of limits": func(t *testing.T) *world {
			t.Helper()
			w := newWorld(t, func(o *Options, _ *aligotest.Options) {
				o.Settings = map[string]string{deployment.TrustedNumberDay: "1", deployment.DailyRecipients: "3"}
			})
			file := many(3)
			id := w.create(campaignBody(len(file), ""), file)
			w.reaches(id, campaign.Planned)
			end := vendorOutage(aligotest.FaultUnregisteredIP, send)(w)
			w.order(id, "start", http.StatusOK)
			w.reaches(id, campaign.Parked)
			if _, answer := w.do(http.MethodGet, "/v1/limits", ""); !strings.Contains(string(answer), `"used":3`) {
				t.Errorf("it has taken %s", answer)
			}
			w.order(id, "cancel", http.StatusOK)
			w.reaches(id, campaign.Cancelled)
			end()
			if _, answer := w.do(http.MethodGet, "/v1/limits", ""); !strings.Contains(string(answer), `"used":0`) {
				t.Errorf("it has given back all but %s", answer)
			}
			w.settle(w.post(`{"channel":"sms","text":"안녕하세요","recipients":[{"to":"01020005678"}]}`))
			return w
		},
		"a campaign is its caller's, and an operator's": func(t *testing.T) *world {
			t.Helper()
			scopes := map[string][]string{
				"marketing": {intake.ScopeCampaigns}, "shop": {intake.ScopeCampaigns, intake.ScopeText}, "operator": {intake.ScopeAdmin},
				"frontend": {intake.ScopeSend, intake.ScopeRead, intake.ScopeText},
			}
			w := newWorld(t, func(o *Options, _ *aligotest.Options) {
				o.Identify = func(r *http.Request) (intake.Caller, error) {
					return intake.Caller{ID: r.Header.Get("Caller"), Scopes: scopes[r.Header.Get("Caller")]}, nil
				}
			})
			own := `{"channel":"sms","text":"안녕하세요","columns":{"to":"번호"},"bytes":20}`
			for caller, want := range map[string]int{
				"marketing": http.StatusForbidden, "shop": http.StatusCreated, "frontend": http.StatusForbidden, "operator": http.StatusForbidden,
			} {
				if status, answer := w.do(http.MethodPost, "/v1/campaigns", own, "Caller", caller); status != want {
					t.Errorf("%s creates one with a text of its own: %d %s", caller, status, answer)
				}
			}
			c, status := w.created(campaignBody(20, ""), "Caller", "marketing")
			if status != http.StatusCreated {
				t.Fatalf("%d", status)
			}
			for caller, want := range map[string]int{
				"marketing": http.StatusOK, "operator": http.StatusOK, "shop": http.StatusNotFound, "frontend": http.StatusForbidden,
			} {
				if status, answer := w.do(http.MethodGet, "/v1/campaigns/"+c.ID, "", "Caller", caller); status != want {
					t.Errorf("%s reads it: %d %s", caller, status, answer)
				}
			}
			if status, _ := w.do(http.MethodPost, "/v1/campaigns/"+c.ID+"/cancel", "", "Caller", "shop"); status != http.StatusNotFound {
				t.Errorf("another caller cancels it: %d", status)
			}
			if status, _ := w.do(http.MethodPost, "/v1/campaigns/"+c.ID+"/cancel", "", "Caller", "operator"); status != http.StatusOK {
				t.Errorf("an operator cancels it: %d", status)
			}
			for _, id := range []string{"x", strings.Repeat("a", 52)} {
				if status, _ := w.do(http.MethodGet, "/v1/campaigns/"+id, "", "Caller", "shop"); status != http.StatusNotFound {
					t.Errorf("%s: %d", id, status)
				}
			}
			return w
		},
		"functions that are away for a day hold a campaign up, and no more": func(t *testing.T) *world {
			t.Helper()
			// The pauses between two tries are of any length up to the longest.
			w := newWorld(t, func(o *Options, _ *aligotest.Options) { o.AWS.Random = func() float64 { return 0.5 } })
			file := many(3)
			away := func(function string) {
				w.faults.always(throttled, function)
				w.crew.Go(func() {
					time.Sleep(24 * time.Hour)
					w.faults.always(nil, function)
				})
			}
			away("plan")
			id := w.create(campaignBody(len(file), ""), file)
			w.reaches(id, campaign.Planned)
			w.order(id, "start", http.StatusOK)
			time.Sleep(time.Second)
			away("report")
			w.reaches(id, campaign.Settled)
			w.audit(id, file)
			time.Sleep(7*24*time.Hour - time.Minute)
			away("report")
			time.Sleep(25 * time.Hour)
			if status, answer := w.do(http.MethodGet, "/v1/campaigns/"+id+"/report", ""); status != http.StatusConflict {
				t.Errorf("the report is there: %d %s", status, answer)
			}
			return w
		},
		"who is erased is counted, and of whom nothing is told": func(t *testing.T) *world {
			t.Helper()
			w, id, _ := planned(t, 1200, `"rate":500,`)
			w.order(id, "start", http.StatusOK)
			time.Sleep(time.Minute) // the first message has been delivered, and the others have not been handed out
			if status, answer := w.do(http.MethodDelete, "/v1/recipients/010-2000-5678", ""); status != http.StatusOK {
				t.Fatalf("%d %s", status, answer)
			}
			v := w.reaches(id, campaign.Settled)
			if c := v.Counts; c.Accepted != 1200 || c.Delivered != 1200 {
				t.Errorf("it has settled with %+v", c)
			}
			rows, whole := w.report(id)
			if rows["2"] != "erased" || rows["3"] != "delivered alimtalk 0" || len(rows) != 1200 ||
				!strings.Contains(whole, "\r\n2,,,erased,,,,\r\n") {
				t.Errorf("the report has %q and %q, and %d rows", rows["2"], rows["3"], len(rows))
			}
			return w
		},
		"one that is paused and never resumed ends when it expires": func(t *testing.T) *world {
			t.Helper()
			w, id, file := planned(t, 1600, `"rate":500,`)
			announced := w.announcements()
			w.order(id, "start", http.StatusOK)
			time.Sleep(90 * time.Second)
			w.order(id, "pause", http.StatusOK)
			v := w.reaches(id, campaign.Settled)
			if late := v.SettledAt.Sub(v.ExpiresAt); late < 0 || late > time.Hour || v.Counts.Accepted >= 1600 {
				t.Errorf("it has settled %v after it expired, with %+v", late, v.Counts)
			}
			w.audit(id, file)
			announced("CampaignSettled " + id + " settled")
			if said := w.logs.String(); strings.Contains(said, "a campaign does not go on") {
				t.Errorf("it is alarmed of: %s", said)
			}
			w.fileGoes(id)
			return w
		},
		"one that is cancelled because no plan can be made ends, and its file is deleted": func(t *testing.T) *world {
			t.Helper()
			w := newWorld(t)
			announced := w.announcements()
			file := many(3)
			c, _ := w.created(campaignBody(len(file), ""))
			time.Sleep(14 * time.Minute)
			end := vendorOutage(aligotest.FaultUnregisteredIP, list)(w) // a plan waits for the templates until its execution fails
			w.uploaded(*c.Upload, file)
			time.Sleep(6 * 24 * time.Hour)
			w.order(c.ID, "cancel", http.StatusOK)
			end()
			time.Sleep(3 * time.Hour)
			w.sweep()
			time.Sleep(time.Minute) // it has another execution now, which ends it
			if v := w.campaign(c.ID); v.Status != campaign.Cancelled || v.SettledAt.IsZero() {
				t.Errorf("it is %s since %v", v.Status, v.SettledAt)
			}
			announced("CampaignSettled " + c.ID + " cancelled")
			if rows, _ := w.report(c.ID); len(rows) > 0 {
				t.Errorf("the report has %v", rows)
			}
			w.sweep()
			if n := strings.Count(w.logs.String(), "a campaign does not go on"); n != 1 {
				t.Errorf("it was started anew %d times", n)
			}
			w.fileGoes(c.ID)
			return w
		},
		"a file that comes after its campaign was cancelled is deleted": func(t *testing.T) *world {
			t.Helper()
			w := newWorld(t)
			announced := w.announcements()
			file := many(2)
			c, _ := w.created(campaignBody(len(file), ""))
			w.order(c.ID, "cancel", http.StatusOK)
			w.uploaded(*c.Upload, file)
			w.fileGoes(c.ID)
			announced("CampaignSettled " + c.ID + " cancelled")
			return w
		},
		"the files are gone some days after it has settled, and of a plan that nobody starts": func(t *testing.T) *world {
			t.Helper()
			w := newWorld(t)
			file := many(2)
			sent := w.create(campaignBody(len(file), `"start":"auto",`), file)
			idle := w.create(campaignBody(len(file), ""), file)
			broken := file + `"홍길동,010-2002-5678,A-3,m-3`
			wrong := w.create(campaignBody(len(broken), ""), broken)
			w.reaches(wrong, campaign.Invalid)
			// Texts are kept no longer than somebody may have to look at them.
			for id, want := range map[string]int{sent: 0, idle: 2} {
				if v := w.reaches(id, campaign.Settled, campaign.Planned); len(v.Plan.Examples) != want {
					t.Errorf("%s, with %d examples", v.Status, len(v.Plan.Examples))
				}
			}
			w.audit(sent, file)
			time.Sleep(7*24*time.Hour + time.Hour)
			if v := w.campaign(idle); v.Status != campaign.Cancelled || v.SettledAt.IsZero() {
				t.Errorf("%+v", v)
			}
			w.order(idle, "start", http.StatusConflict)
			for _, id := range []string{sent, idle, wrong} {
				if v := w.campaign(id); v.Plan.Examples == nil || len(v.Plan.Examples) > 0 {
					t.Errorf("%s: its examples are %v", v.Status, v.Plan.Examples)
				}
				if status, _ := w.do(http.MethodGet, "/v1/campaigns/"+id+"/report", ""); status != http.StatusConflict {
					t.Errorf("the report is there: %d", status)
				}
				b := bucket.Bucket{Config: w.config, Name: Bucket, Now: time.Now, Sleep: clock.Real(1).Sleep}
				for _, key := range []string{campaign.Key(id), campaign.ReportKey(id)} {
					if _, err := b.Get(t.Context(), key, ""); !errors.Is(err, bucket.ErrNotFound) {
						t.Errorf("%s: %v", key, err)
					}
				}
			}
			return w
		},
	}
}

// fileGoes sees that the file of a campaign that has ended is deleted when it was kept long enough, and not before.
func (w *world) fileGoes(id string) {
	w.t.Helper()
	b := bucket.Bucket{Config: w.config, Name: Bucket, Now: time.Now, Sleep: clock.Real(1).Sleep}
	if file, err := b.Get(w.t.Context(), campaign.Key(id), ""); err != nil {
		w.t.Errorf("its file: %v", err)
	} else {
		_ = file.Close()
	}
	time.Sleep(7*24*time.Hour + time.Hour)
	if _, err := b.Get(w.t.Context(), campaign.Key(id), ""); !errors.Is(err, bucket.ErrNotFound) {
		w.t.Errorf("a week later, its file: %v", err)
	}
}

// only is the id of the one campaign that is planned.
func (w *world) only() string {
	w.t.Helper()
	list, err := w.sfn.ListExecutions(w.t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &w.CampaignMachineARN})
	if err != nil || len(list.Executions) != 1 {
		w.t.Fatalf("%+v, %v", list, err)
	}
	d, err := w.sfn.DescribeExecution(w.t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: list.Executions[0].ExecutionArn})
	if err != nil {
		w.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(aws.ToString(d.Input), `"campaigns/`)
	id, _, _ := strings.Cut(rest, "/file")
	return id
}

// template has the vendor's reviewers change the template of the campaigns.
func (w *world) template(review, status string) {
	w.t.Helper()
	if err := w.Aligo.SetTemplateState(aligotest.TemplateState{Code: "TX_1234", InspStatus: review, Status: status}); err != nil {
		w.t.Fatal(err)
	}
}

func TestCampaigns(t *testing.T) {
	t.Parallel()
	for name, story := range campaignStories() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				story(t).crew.Wait()
			})
		})
	}
}

// long is a CSV with members whose order numbers are so long that forty of them fill a chunk.
func long(n int) string {
	var b strings.Builder
	b.WriteString("이름,전화번호,주문,회원\r\n")
	for i := range n {
		fmt.Fprintf(&b, "홍길동,010-%04d-%s,%s,m-%d\r\n", 2000+i, []string{"5678", "0001", "0005", "1111"}[i%4], strings.Repeat("가", 900+i%9), i)
	}
	return b.String()
}

// Whatever breaks, and whoever starts, pauses, resumes and cancels meanwhile: nobody gets it twice, nobody is lost, and the report adds
// up to the file.
func TestCampaignWhateverBreaks(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { brokenCampaign(t, seed) })
		})
	}
}

func brokenCampaign(t *testing.T, seed uint64) {
	t.Helper()
	w := newWorld(t)
	defer w.crew.Wait()
	random := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // a test's
	kinds := []string{
		"works", "works", "throttled", "crashedBefore", "crashedAfter", "timedOutAfter", "hungAfter", "lostAfter", "twice", "twice, the late",
		"once more soon", "once more later", "ghost at once", "ghost in doubt", "ghost later",
	}
	for _, function := range []string{"plan", "campaign", "campaign", "campaign", "report", "alimtalk"} {
		for range 1 + random.IntN(4) {
			w.faults.add(function, w.functionFaults()[kinds[random.IntN(len(kinds))]])
		}
	}
	operations := []string{"throttled", "failed", "failed after", "stalled after", "late"}
	file := long(150)
	id := w.create(campaignBody(len(file), `"fallback":{"enabled":false},"rate":100,`), file)
	// What goes wrong with the table begins once there is a campaign.
	for range random.IntN(400) {
		kind := "works"
		if random.IntN(5) == 0 {
			kind = operations[random.IntN(len(operations))]
		}
		w.table.add(w.operationFaults()[kind])
	}
	w.reaches(id, campaign.Planned)
	start := func() {
		for status := 0; status != http.StatusOK && status != http.StatusConflict; time.Sleep(time.Second) {
			status, _ = w.do(http.MethodPost, "/v1/campaigns/"+id+"/start", "")
		}
	}
	w.crew.Go(start)
	start()
	for _, order := range [][]string{{}, {"pause", "resume"}, {"cancel"}, {"pause", "cancel"}, {"pause", "resume", "cancel"}}[seed%5] {
		time.Sleep(time.Duration(random.IntN(60_000)) * time.Millisecond)
		for status := http.StatusServiceUnavailable; status == http.StatusServiceUnavailable; time.Sleep(time.Second) {
			status, _ = w.do(http.MethodPost, "/v1/campaigns/"+id+"/"+order, "")
		}
	}
	v := w.reaches(id, campaign.Settled, campaign.Cancelled)
	w.table.clear()
	w.crew.Wait()
	if v.Status == campaign.Settled && v.Counts.Accepted != 150 {
		t.Errorf("it has settled with %+v", v.Counts)
	}
	w.audit(id, file)
	if t.Failed() {
		t.Logf("%+v", w.campaign(id))
	}
}
