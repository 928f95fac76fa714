package system

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/awslocal/clock"
	"sms-api/internal/attr"
	"sms-api/internal/bucket"
	"sms-api/internal/campaign"
	"sms-api/internal/intake"
	"sms-api/internal/message"
	"sms-api/internal/records"
	"sms-api/statemachine"
)

// perCampaign is how many recipients of messages there are in a storm for each campaign.
const perCampaign = 900

// drive is a campaign in a storm, and what its caller knows of it.
type drive struct {
	n        int
	id, file string
	rows     []driveRow
	ad, auto bool
	// long texts fill a chunk with few rows.
	long      bool
	rate      int
	asked     time.Time
	cancelled bool
	// planned is when its plan was seen, and ended what was seen of it when nothing more became of it.
	planned time.Time
	ended   campaign.View
	report  string
}

// driveRow is a row of its file: wrong is one that must be refused.
type driveRow struct {
	number, content string
	wrong           bool
}

// startCampaigns has as many campaigns begin as there should be when so many recipients of messages have been asked for.
func (s *storm) startCampaigns(asked int) {
	for len(s.drives)*perCampaign < asked {
		d := s.campaigning()
		s.drives = append(s.drives, d)
		random := rand.New(rand.NewPCG(s.random.Uint64(), 11)) //nolint:gosec // a test's
		s.laws.pending.Go(func() { s.drive(d, random) })
	}
}

// campaigning is a campaign of a random kind and size.
func (s *storm) campaigning() *drive {
	random := s.random
	d := &drive{n: s.laws.next(), ad: random.IntN(3) == 0, auto: random.IntN(4) == 0, rate: 100 + random.IntN(900), long: random.IntN(3) > 0}
	size := 20 + random.IntN(300)
	if d.long {
		size = 60 + random.IntN(240)
	}
	var numbers []string
	for i := range size {
		row := driveRow{number: s.number(d.n, i, numbers), content: fmt.Sprintf("A-%d-%d", d.n, i)}
		switch {
		case random.IntN(40) == 0:
			row.number, row.wrong = "0101234567", true
		case random.IntN(40) == 0 && len(numbers) > 0:
			row.number, row.wrong = numbers[random.IntN(len(numbers))], true
		case random.IntN(20) == 0 && len(s.sent) > 0:
			// Somebody who gets messages, too.
			if known := s.sent[max(0, len(s.sent)-1-random.IntN(6))].numbers[0]; !slices.Contains(numbers, known) {
				row.number = known
			}
		}
		if !row.wrong {
			numbers = append(numbers, row.number)
		}
		d.rows = append(d.rows, row)
	}
	var b strings.Builder
	b.WriteString("이름,전화번호,주문,회원\r\n")
	for i, row := range d.rows {
		order := row.content
		if d.long {
			order += " " + strings.Repeat("가", 700)
		}
		fmt.Fprintf(&b, "홍길동,%s,%s,m-%d-%d\r\n", row.number, order, d.n, i)
	}
	d.file = b.String()
	return d
}

// body is the request for it.
func (d *drive) body() string {
	kind := `"template":"TX_1234","columns":{"to":"전화번호","name":"이름",`
	if d.ad {
		kind = `"channel":"sms","purpose":"ad","text":"주문 #{주문번호} 안내","columns":{"to":"전화번호",`
	}
	start := "manual"
	if d.auto {
		start = "auto"
	}
	return fmt.Sprintf(`{%s"reference":"회원","variables":{"주문번호":"주문"}},"start":%q,"rate":%d,"bytes":%d}`, kind, start, d.rate, len(d.file))
}

// insist makes a request until it is answered with one of these statuses, as somebody does who does not give up.
func (s *storm) insist(method, path, body string, want []int, header ...string) (int, []byte) {
	for pause := time.Second; ; pause = min(2*pause, 10*time.Minute) {
		status, answer := s.do(method, path, body, header...)
		switch {
		case slices.Contains(want, status):
			return status, answer
		case status == http.StatusUnprocessableEntity && strings.Contains(string(answer), "is not the code of an approved template"):
		case status < http.StatusInternalServerError:
			s.t.Errorf("%s %s: %d %s", method, path, status, answer)
			return status, answer
		}
		time.Sleep(pause)
	}
}

// drive is what somebody does with a campaign, from the request to the report.
func (s *storm) drive(d *drive, random *rand.Rand) {
	d.asked = time.Now()
	s.submit(d)
	v := s.watch(d, func(v campaign.View) bool { return v.Plan != nil })
	d.planned = time.Now()
	if v.Status == campaign.Invalid {
		d.ended = v
		return
	}
	if v.Status == campaign.Planned {
		time.Sleep(time.Duration(random.Int64N(int64(20 * time.Minute))))
		s.insist(http.MethodPost, "/v1/campaigns/"+d.id+"/start", "", []int{http.StatusOK})
	}
	orders := [][]string{
		{}, {}, {}, {"pause", "resume"}, {"pause", "resume"}, {"pause", "resume", "pause", "resume"}, {"cancel"}, {"pause", "cancel"},
		{"pause", "resume", "cancel"},
	}
	paused := false
	for _, order := range orders[random.IntN(len(orders))] {
		if order == "resume" && !paused {
			continue
		}
		time.Sleep(time.Duration(random.Int64N(int64([]time.Duration{10 * time.Second, 3 * time.Minute, 2 * time.Hour}[random.IntN(3)]))))
		status, _ := s.insist(http.MethodPost, "/v1/campaigns/"+d.id+"/"+order, "", []int{http.StatusOK, http.StatusConflict})
		paused = order == "pause" && status == http.StatusOK
		d.cancelled = d.cancelled || order == "cancel" && status == http.StatusOK
	}
	d.ended = s.watch(d, func(v campaign.View) bool { return !v.SettledAt.IsZero() })
	_, answer := s.insist(http.MethodGet, "/v1/campaigns/"+d.id+"/report", "", []int{http.StatusOK})
	var link campaign.Report
	if err := json.Unmarshal(answer, &link); err != nil {
		s.t.Errorf("%s: %v", answer, err)
	}
	for d.report == "" {
		d.report = s.download(link.URL)
		time.Sleep(time.Second)
	}
}

// download is what a link leads to, empty when it did not come whole.
func (s *storm) download(url string) string {
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		s.t.Error(err)
		return "-"
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil || resp.StatusCode >= http.StatusInternalServerError:
		return ""
	case resp.StatusCode != http.StatusOK:
		s.t.Errorf("report: %d %s", resp.StatusCode, text)
	}
	return string(text)
}

// submit asks for the campaign and uploads its file, with another link when one is not valid any more.
func (s *storm) submit(d *drive) {
	for {
		_, answer := s.insist(http.MethodPost, "/v1/campaigns", d.body(), []int{http.StatusCreated, http.StatusOK}, "Idempotency-Key",
			fmt.Sprintf("campaign-%d", d.n))
		var created intake.CreatedCampaign
		if err := json.Unmarshal(answer, &created); err != nil || created.ID == "" {
			s.t.Errorf("POST /v1/campaigns: %s", answer)
			return
		}
		d.id = created.ID
		if created.Upload == nil {
			return // the file is there
		}
		if d.ad {
			s.laws.mu.Lock()
			for _, row := range d.rows {
				if !row.wrong {
					s.laws.ads = append(s.laws.ads, row.number)
				}
			}
			s.laws.mu.Unlock()
		}
		for status := 0; status != http.StatusForbidden; time.Sleep(5 * time.Second) {
			switch status, answer := s.upload(*created.Upload, d.file); {
			case status == http.StatusOK || status == http.StatusPreconditionFailed:
				return
			case status < http.StatusInternalServerError && status != http.StatusForbidden:
				s.t.Errorf("upload: %d %s", status, answer)
				return
			}
		}
	}
}

// watch waits until a campaign is so. Whatever execution of it has failed is redriven, as an operator does whom an alarm has called.
func (s *storm) watch(d *drive, so func(campaign.View) bool) campaign.View {
	var v campaign.View
	for begin := time.Now(); time.Since(begin) < longest; {
		_, answer := s.insist(http.MethodGet, "/v1/campaigns/"+d.id, "", []int{http.StatusOK})
		if err := json.Unmarshal(answer, &v); err != nil {
			s.t.Errorf("%s: %v", answer, err)
			return v
		}
		if so(v) {
			return v
		}
		time.Sleep(min(time.Hour, max(20*time.Second, time.Since(begin)/10)))
		s.redriveCampaigns()
	}
	s.t.Errorf("campaign %s is %+v", d.id, v)
	return v
}

// redriveCampaigns redrives the executions of campaigns that have failed.
func (s *storm) redriveCampaigns() {
	ctx := s.t.Context()
	failed, err := s.sfn.ListExecutions(ctx, &sfn.ListExecutionsInput{
		StateMachineArn: &s.CampaignMachineARN, StatusFilter: types.ExecutionStatusFailed,
	})
	if err != nil {
		return // another time
	}
	for _, x := range failed.Executions {
		_, _ = s.sfn.RedriveExecution(ctx, &sfn.RedriveExecutionInput{ExecutionArn: x.ExecutionArn})
	}
}

// stormyAWS fails one in thirty requests of S3, and of those that start executions: before they are carried out, after, or with half
// an answer.
func (s *storm) stormyAWS(random *rand.Rand) http.Handler {
	failed := func(w http.ResponseWriter) {
		w.WriteHeader([]int{http.StatusInternalServerError, http.StatusServiceUnavailable}[random.IntN(2)])
		_, _ = io.WriteString(w, `{"__type":"InternalServerError"}`)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		target := r.Header.Get("X-Amz-Target")
		if target != "" && target != "AWSStepFunctions.StartExecution" {
			s.AWS.ServeHTTP(w, r)
			return
		}
		switch luck := random.IntN(120); {
		case luck == 0:
			_, _ = io.Copy(io.Discard, r.Body)
			failed(w)
		case luck == 1:
			s.AWS.ServeHTTP(httptest.NewRecorder(), r)
			failed(w)
		case luck == 2:
			s.AWS.ServeHTTP(httptest.NewRecorder(), r)
			time.Sleep(time.Duration(random.Int64N(int64(20 * time.Second))))
			failed(w)
		case luck == 3 && r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/"+Bucket+"/"):
			whole := httptest.NewRecorder()
			s.AWS.ServeHTTP(whole, r)
			w.Header().Set("Content-Length", strconv.Itoa(whole.Body.Len()))
			w.WriteHeader(whole.Code)
			_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
			panic(http.ErrAbortHandler)
		default:
			s.AWS.ServeHTTP(w, r)
		}
	})
}

// handedOut are the messages that the campaigns have become, for whoever checks those.
func (s *storm) handedOut() (all []*sent) {
	for _, d := range s.drives {
		for _, id := range s.found(records.Query{Campaign: d.id}) {
			one := &sent{id: id, onUnknown: message.LeaveUnknown, sms: d.ad, long: d.long, ad: d.ad}
			_, o, err := s.Executions.Outcome(s.t.Context(), id)
			if err != nil {
				s.t.Errorf("message %s of campaign %s: %v", id, d.id, err)
				continue
			}
			one.asked, one.accepted, one.expires = o.CreatedAt, o.CreatedAt, o.ExpiresAt
			one.cancelled = d.cancelled && o.Status == message.MessageCancelled
			for _, r := range o.Recipients {
				if row := d.row(r.Reference); row >= 0 {
					one.add(d.rows[row].number, d.rows[row].content)
				} else {
					s.t.Errorf("message %s of campaign %s has a recipient %q", id, d.id, r.Reference)
				}
			}
			all = append(all, one)
		}
	}
	return all
}

// row is which row has this reference, -1 for none.
func (d *drive) row(reference string) int {
	rest, ok := strings.CutPrefix(reference, fmt.Sprintf("m-%d-", d.n))
	row, err := strconv.Atoi(rest)
	if !ok || err != nil || row >= len(d.rows) {
		return -1
	}
	return row
}

// said is what was announced of a campaign.
type said struct {
	detailType string
	view       campaign.View
}

// misdriven are what is wrong with the campaigns: rows that are lost, or there twice, reports and counts that say something else than
// the messages, ends that were announced never or in two ways, files that are left.
func (s *storm) misdriven() (wrong []string) {
	for _, d := range s.drives {
		complain := func(format string, args ...any) {
			wrong = append(wrong, fmt.Sprintf("campaign %s (%d): ", d.id, d.n)+fmt.Sprintf(format, args...))
		}
		if d.ended.Status == campaign.Invalid {
			s.checkInvalid(d, complain)
		} else {
			s.checkRows(d, complain)
		}
		s.checkSaid(d, complain)
		b := bucket.Bucket{Config: s.config, Name: Bucket, Now: time.Now, Sleep: clock.Real(1).Sleep}
		for _, key := range []string{campaign.Key(d.id), campaign.ReportKey(d.id)} {
			if _, err := b.Get(s.t.Context(), key, ""); !errors.Is(err, bucket.ErrNotFound) {
				complain("%s is there after weeks: %v", key, err)
			}
		}
	}
	names, values := attr.Placeholders("#pk = :pk", attr.Value(":pk", attr.Text("campaigns")))
	left, err := dynamodb.NewFromConfig(s.config).Query(s.t.Context(), &dynamodb.QueryInput{
		TableName: aws.String(GuardTable), KeyConditionExpression: aws.String("#pk = :pk"), ExpressionAttributeNames: names,
		ExpressionAttributeValues: values,
	})
	if err != nil || len(left.Items) > 0 {
		wrong = append(wrong, fmt.Sprintf("%d campaigns are watched that have ended: %v", len(left.Items), err))
	}
	return wrong
}

// checkInvalid holds a campaign that cannot be sent to the reason: its template was withdrawn between its request and its plan. It is
// nobody's message then. Rows that were wrong before this was found out are told of first.
func (s *storm) checkInvalid(d *drive, complain func(string, ...any)) {
	p, messages := d.ended.Plan, s.found(records.Query{Campaign: d.id})
	ofMessage := slices.DeleteFunc(slices.Clone(p.Errors), func(e campaign.RowError) bool { return e.Row > 0 && d.rows[e.Row-2].wrong })
	if d.ad || !s.reviewed || p.Valid > 0 || len(ofMessage) != 1 || ofMessage[0].Pointer != "/template" || len(messages) > 0 {
		complain("it is %s, ad %v, reviewed %v, with the messages %q and the plan %+v", d.ended.Status, d.ad, s.reviewed, messages, *p)
	}
}

// checkRows holds the report to the file, to the messages, and to the counts.
func (s *storm) checkRows(d *drive, complain func(string, ...any)) {
	v := d.ended
	if want := (map[bool]campaign.Status{true: campaign.Cancelled, false: campaign.Settled})[d.cancelled]; v.Status != want || v.Plan == nil {
		complain("it is %+v, want %s", v, want)
		return
	}
	messages := map[int][]string{}
	for _, id := range s.found(records.Query{Campaign: d.id}) {
		_, o, err := s.Executions.Outcome(s.t.Context(), id)
		if err != nil {
			complain("%s: %v", id, err)
		}
		for _, r := range o.Recipients {
			messages[d.row(r.Reference)] = append(messages[d.row(r.Reference)], fmt.Sprintf("%s %s %s", r.Status, r.Channel, r.Code))
		}
	}
	lines, err := csv.NewReader(bytes.NewReader([]byte(strings.TrimPrefix(d.report, "\ufeff")))).ReadAll()
	if err != nil || len(lines) == 0 {
		complain("the report: %v", err)
		return
	}
	seen, results, optedOut := map[int]bool{}, map[string]int{}, 0
	for _, line := range lines[1:] {
		n, err := strconv.Atoi(line[0])
		row := n - 2
		if err != nil || row < 0 || row >= len(d.rows) || seen[row] {
			complain("the report has the row %q", line)
			continue
		}
		seen[row] = true
		results[line[3]]++
		got := messages[row]
		switch line[3] {
		case "refused":
			out := strings.HasSuffix(line[6], "has opted out")
			if out {
				optedOut++
			}
			if out == d.rows[row].wrong || out && (!d.ad || !s.laws.mayBeOut(d.rows[row].number, d.planned)) || len(got) > 0 {
				complain("%q is refused, and has %q", line, got)
			}
		case "cancelled", "expired":
			if cancelled := line[3] == "cancelled"; cancelled != d.cancelled || !cancelled && v.SettledAt.Before(v.ExpiresAt) || len(got) > 0 {
				complain("%q, and it has %q", line, got)
			}
		default:
			if want := strings.Join(line[3:6], " "); d.rows[row].wrong || len(got) != 1 || got[0] != want {
				complain("the report has %q, the messages %q", line, got)
			}
		}
	}
	p, c := v.Plan, v.Counts
	refused := 0
	for _, row := range d.rows {
		if row.wrong {
			refused++
		}
	}
	if len(seen) != len(d.rows) || p.Rows != len(d.rows) || p.Valid+p.Refused+p.Duplicates+p.OptedOut != p.Rows ||
		p.Refused+p.Duplicates != refused || p.OptedOut != optedOut {
		complain("the file has %d rows, of which %d are wrong, the report %d, %d opted out, the plan %+v",
			len(d.rows), refused, len(seen), optedOut, p)
	}
	if c.Rows != p.Rows || c.Delivered != results["delivered"] || c.Failed != results["failed"] || c.Unknown != results["unknown"] ||
		c.Pending != 0 || c.Accepted != c.Delivered+c.Failed+c.Unknown || c.By.AlimTalk+c.By.SMS != c.Delivered {
		complain("its counts are %+v, the report has %v", c, results)
	}
}

// checkSaid holds what was announced of a campaign to what became of it.
func (s *storm) checkSaid(d *drive, complain func(string, ...any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	times := map[string]int{}
	for _, said := range s.said[d.id] {
		times[said.detailType]++
		ended := d.ended
		if said.detailType == statemachine.DetailTypeCampaignEnded &&
			(said.view.Status != ended.Status || said.view.Counts != ended.Counts || !said.view.SettledAt.Equal(ended.SettledAt)) {
			complain("it was announced as %+v, and is %+v", said.view, ended)
		}
	}
	ends := times[statemachine.DetailTypeCampaignEnded] > 0 // as one does that could begin
	if times[statemachine.DetailTypeCampaignPlan] < 1 && !d.cancelled || ends == (d.ended.Status == campaign.Invalid) {
		complain("announced were %v", times)
	}
	for detailType, n := range times {
		if n > 1 {
			s.repeated = append(s.repeated, fmt.Sprintf("%s %d times", detailType, n))
		}
	}
}

// hearCampaigns remembers what is announced of campaigns.
func (s *storm) hearCampaigns() {
	s.said = map[string][]said{}
	s.hear(func(detailType string, v campaign.View) { s.said[v.ID] = append(s.said[v.ID], said{detailType, v}) })
}

// reportCampaigns says how much of campaigns there was.
func (s *storm) reportCampaigns() {
	statuses, rows, chunks := map[campaign.Status]int{}, 0, 0
	for _, d := range s.drives {
		statuses[d.ended.Status]++
		rows += len(d.rows)
		chunks += len(s.found(records.Query{Campaign: d.id}))
	}
	s.t.Logf("%d campaigns with %d rows: %v, %d messages; announced again: %q", len(s.drives), rows, statuses, chunks, s.repeated)
}
