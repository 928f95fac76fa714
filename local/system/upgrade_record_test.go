package system

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/testkit"
	"sms-api/statemachine"
)

// upgradeRecord is for whoever makes a version whose progress or definition is another than before. What a version that is
// out has left to messages under way does not change, so the folder is that of the next one:
//
//	go test ./local/system -run TestRecordUpgrade -upgrade.record testdata/upgrade/0.2.0
var upgradeRecord = flag.String("upgrade.record", "", "a folder to write golden files to, as today's functions and definition make them")

// recording is a message's way, and the points of it that are kept.
type recording struct {
	name, request string
	vendor        []aligotest.Fault
	functions     map[string][]invocationFault
	// during happens while the message is under way.
	during func(w *world, id string)
	points []point
}

// point is a visit of a state, the first is 0. file is the name behind the state's.
type point struct {
	state string
	visit int
	file  string
	about string
}

// once is an invocation fault that happens once to a function.
func once(function string, f invocationFault) map[string][]invocationFault {
	return map[string][]invocationFault{function: {f}}
}

// stuck is a function that hangs without having sent anything, until nobody waits for it any more.
func stuck(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
	time.Sleep(25 * time.Second)
	return crashedBefore(ctx, next)
}

// stopThenRedrive stops an execution in its first send, and redrives it an hour later.
func stopThenRedrive(w *world, id string) {
	w.t.Helper()
	time.Sleep(10 * time.Second)
	w.stop(id)
	time.Sleep(time.Hour)
	w.redrive(id)
}

// redriveFailed redrives an execution as soon as it has failed.
func redriveFailed(w *world, id string) {
	w.t.Helper()
	w.ended(id, types.ExecutionStatusFailed)
	w.redrive(id)
}

// The states by what a file begins before.
const (
	beforeRoute     = statemachine.StateRoute
	beforeSendTime  = statemachine.StateWaitUntilSendTime
	beforeAlimTalk  = statemachine.StateSendAlimTalk
	beforeSMS       = statemachine.StateSendSMS
	beforeRepair    = statemachine.StateWaitForRepair
	beforeMorning   = statemachine.StateWaitForMorning
	beforeReconcile = statemachine.StateReconcile
	beforeNextLook  = statemachine.StateWaitToLookAgain
	beforeSettled   = statemachine.StateSettled
	beforeWait      = statemachine.StateWaitForReceipts
	beforeRead      = statemachine.StateReadReceipts
	beforeAnnounce  = statemachine.StateAnnounce
)

func recordings() []recording {
	return []recording{
		{
			name: "delivered", request: to(`"reference":"order-17",`, "5678"),
			points: []point{
				{beforeRoute, 0, "alimtalk", "a message goes out at once by AlimTalk"},
				{beforeAlimTalk, 0, "first", "the first attempt: nothing but a queue of everybody"},
				{beforeWait, 0, "first", "one batch of everybody"},
				{beforeRead, 0, "first", "one batch of everybody, its receipts not read yet"},
				{beforeSettled, 0, "delivered", "nothing is left to do"},
				{beforeAnnounce, 0, "delivered", "the outcome: delivered"},
			},
		},
		{
			name: "fallback", request: to("", "5678", "0001", "0002", "0004"),
			points: []point{
				{beforeSettled, 0, "undelivered", "a part is delivered, the others are queued for SMS with why AlimTalk did not reach them"},
				{beforeSMS, 0, "after-alimtalk", "the first attempt of an SMS for those whom AlimTalk did not reach"},
				{beforeWait, 1, "after-alimtalk", "a second batch, of some recipients"},
				{beforeRead, 1, "after-alimtalk", "a second batch, of some recipients, its receipts not read yet"},
				{beforeAnnounce, 0, "partial", "the outcome: a part is delivered, one by neither channel"},
			},
		},
		{
			name: "scheduled", request: to(`"sendAt":"2000-01-03T00:00:00Z",`, "5678"),
			points: []point{
				{beforeRoute, 0, "scheduled", "a message that is to go out later"},
				{beforeSendTime, 0, "scheduled", "a message waits for its time"},
				{beforeRoute, 1, "due", "the time of a message has come"},
			},
		},
		{
			name: "ad", request: ad(`"sendAt":"2000-01-01T20:45:00+09:00",`),
			vendor: []aligotest.Fault{{Endpoint: sms, Kind: aligotest.FaultUnregisteredIP, Times: 3}},
			points: []point{
				{beforeMorning, 0, "parked", "advertising that was parked until the night waits for the morning"},
				{beforeSMS, 4, "morning", "advertising that was parked and has waited for the morning"},
			},
		},
		{
			name: "sms",
			request: `{"channel":"sms","text":"#{x}님, 안녕하세요","recipients":[
				{"to":"01010005678","variables":{"x":"가"}},{"to":"01010005679","variables":{"x":"나"}}]}`,
			points: []point{
				{beforeRoute, 0, "sms", "a message of channel sms"},
				{beforeSMS, 0, "first", "the first attempt of channel sms: nothing but a queue of everybody"},
			},
		},
		{
			name: "sms and lms",
			request: fmt.Sprintf(`{"channel":"sms","text":"#{x}","title":"제목","recipients":[
				{"to":"01010005678","variables":{"x":"short"}},{"to":"01010005679","variables":{"x":"%s"}}]}`, strings.Repeat("긴", 46)),
			points: []point{
				{beforeWait, 0, "queued", "one batch is accepted, and the long text is still queued"},
				{beforeSettled, 0, "queued", "the short text is delivered, and the long one is still queued"},
				{beforeSMS, 1, "second-call", "the second call of a message, for the long text"},
			},
		},
		{
			name: "parked", request: to("", "5678"),
			vendor: []aligotest.Fault{{Endpoint: send, Kind: aligotest.FaultUnregisteredIP, Times: 3}},
			points: []point{
				{beforeRepair, 0, "first", "parked because of the address, at the first attempt"},
				{beforeSettled, 0, "parked", "parked, and the first wait is over"},
				{beforeAlimTalk, 1, "parked", "parked: the second attempt"},
				{beforeRepair, 2, "third", "parked for the third time, with a longer wait"},
			},
		},
		{
			name: "sms parked", request: to("", "5678", "0001"),
			vendor: []aligotest.Fault{{Endpoint: sms, Kind: aligotest.FaultNoBalance, Times: 2}},
			points: []point{
				{beforeRepair, 0, "sms", "the SMS is parked because of the wallet, after a batch of AlimTalk"},
				{beforeSMS, 1, "parked", "the SMS is parked: the second attempt"},
			},
		},
		{
			name: "never repaired", request: to(`"expiresAt":"2000-01-01T01:00:00Z",`, "5678"),
			vendor: []aligotest.Fault{{Endpoint: send, Kind: aligotest.FaultBadCredentials, Times: -1}},
			points: []point{
				{beforeRepair, 6, "last", "parked because of the credentials, for the last time before it expires"},
				{beforeAlimTalk, 7, "expired", "parked, and the message's time is over"},
				{beforeReconcile, 0, "expired", "Expired, after being parked"},
				{beforeAnnounce, 0, "expired", "the outcome: expired"},
			},
		},
		{
			name: "rejected", request: to(`"fallback":{"text":"#{고객명} #{주문번호}"},`, "5678"),
			vendor: []aligotest.Fault{{Endpoint: send, Kind: aligotest.FaultUnknownRefusal}},
			points: []point{
				{beforeReconcile, 0, "rejected", "Rejected: Aligo refused the AlimTalk"},
				{beforeSettled, 0, "rejected", "refused as a whole: everybody is queued for SMS, and there is no batch"},
				{beforeSMS, 0, "rejected", "the first attempt of an SMS after a refusal"},
			},
		},
		{
			name: "rejected without fallback", request: to(`"fallback":{"enabled":false},`, "5678"),
			vendor: []aligotest.Fault{{Endpoint: send, Kind: aligotest.FaultUnknownRefusal}},
			points: []point{
				{beforeReconcile, 0, "rejected-no-fallback", "Rejected, and the caller wants no SMS"},
				{beforeAnnounce, 0, "failed", "the outcome: failed"},
			},
		},
		{
			name: "sms rejected", request: to("", "5678", "0001"),
			vendor: []aligotest.Fault{{Endpoint: sms, Kind: aligotest.FaultUnknownRefusal}},
			points: []point{{beforeReconcile, 0, "sms-rejected", "Rejected: Aligo refused the SMS"}},
		},
		{
			name: "answer lost", request: to("", "5678", "0005"),
			points: []point{
				{beforeReconcile, 0, "ambiguous", "Ambiguous: Aligo accepted the AlimTalk, but its answer is lost"},
				{beforeSettled, 0, "found", "the lost AlimTalk was found in Aligo's history"},
			},
		},
		{
			name: "request lost", request: to("", "5678", "0001"),
			vendor: []aligotest.Fault{{Endpoint: send, Kind: aligotest.FaultResetBefore}},
			points: []point{
				{beforeSettled, 0, "doubt", "Ambiguous, and the history does not have it yet"},
				{beforeNextLook, 0, "first", "a doubt after one look"},
				{beforeReconcile, 1, "second-look", "a doubt before the second look"},
				{beforeNextLook, 3, "fourth", "a doubt after four looks"},
				{beforeReconcile, 4, "last-look", "a doubt before the look that ends it"},
				{beforeSettled, 4, "doubted", "Aligo did not accept it: queued again, and the doubt is counted"},
				{beforeAlimTalk, 1, "doubted", "the second attempt after a doubt"},
				{beforeWait, 0, "doubted", "accepted after a doubt"},
			},
		},
		{
			name: "sms answer lost", request: to("", "5678", "0007"),
			points: []point{{beforeReconcile, 0, "sms-ambiguous", "Ambiguous: Aligo accepted the SMS, but its answer is lost"}},
		},
		{
			name: "sms request lost", request: to("", "5678", "0001"),
			vendor: []aligotest.Fault{{Endpoint: sms, Kind: aligotest.FaultResetBefore, Times: 2}},
			points: []point{
				{beforeNextLook, 1, "sms", "a doubt about an SMS after two looks"},
				{beforeSMS, 1, "doubted", "the second attempt of an SMS after a doubt"},
				{beforeSMS, 2, "doubted-twice", "the third attempt of an SMS after two doubts"},
			},
		},
		{
			name: "history unreadable", request: to(`"expiresAt":"2000-01-01T01:00:00Z",`, "5678", "0005"),
			vendor: []aligotest.Fault{{Endpoint: history, Kind: aligotest.FaultHTTP500, Times: -1}},
			points: []point{
				{beforeSettled, 0, "unknown", "nobody could tell whether Aligo accepted it, and the message's time is over"},
				{beforeAnnounce, 0, "unknown", "the outcome: unknown"},
			},
		},
		{
			name: "history unreadable urgent", request: to(`"fallback":{"onUnknown":"sms"},`, "5678", "0005"),
			vendor: []aligotest.Fault{{Endpoint: history, Kind: aligotest.FaultHTTP500, Times: -1}},
			points: []point{
				{beforeSMS, 0, "unknown", "nobody could tell whether Aligo accepted the AlimTalk, and the caller wants the SMS all the same"},
			},
		},
		{
			name: "answer lost urgent", request: to(`"fallback":{"onUnknown":"sms"},`, "5678", "0005"),
			vendor: []aligotest.Fault{{Endpoint: history, Kind: aligotest.FaultHTTP500, Times: 2}},
			points: []point{{beforeReconcile, 0, "urgent", "Ambiguous, with time to find out before the SMS that the caller wants"}},
		},
		{
			name: "not reached", request: to("", "5678", "0001"),
			functions: map[string][]invocationFault{"alimtalk": slices.Repeat([]invocationFault{notReached}, 11)},
			points: []point{
				{beforeReconcile, 0, "transient", "Transient: Aligo was not reached at all attempts of the state"},
				{beforeSettled, 0, "transient", "queued again after Transient: results, and no batch"},
				{beforeAlimTalk, 1, "transient", "another attempt after Transient"},
			},
		},
		{
			name: "throttled", request: to("", "5678"),
			functions: map[string][]invocationFault{"alimtalk": slices.Repeat([]invocationFault{throttled}, 21)},
			points:    []point{{beforeReconcile, 0, "throttled", "Lambda did not run the function"}},
		},
		{
			name: "crashed before", request: to("", "5678"), functions: once("alimtalk", crashedBefore),
			points: []point{{beforeReconcile, 0, "exited-before", "the function died before it sent"}},
		},
		{
			name: "crashed after", request: to("", "5678"), functions: once("alimtalk", crashedAfter),
			points: []point{{beforeReconcile, 0, "exited-after", "the function died after it had sent"}},
		},
		{
			name: "timed out", request: to("", "5678", "0001"), functions: once("sms", timedOutAfter),
			points: []point{{beforeReconcile, 0, "sms-function-timed-out", "the function's own time was over after it had sent the SMS"}},
		},
		{
			name: "hung", request: to("", "5678"), functions: once("alimtalk", hungAfter),
			points: []point{{beforeReconcile, 0, "task-timed-out", "States.Timeout: the task's time was over after it had sent"}},
		},
		{
			name: "Lambda unreachable", request: to("", "5678"), functions: once("alimtalk", lostAfter),
			points: []point{{beforeReconcile, 0, "lambda-unknown", "the connection to Lambda broke after the function had sent"}},
		},
		{
			name: "invalid", request: `{"template":"TX_1234","recipients":[{"to":"01010005678"},{"to":"01010005679"}]}`,
			vendor: listUnread,
			points: []point{{beforeReconcile, 0, "invalid", "Invalid: the variables fit the template for nobody"}},
		},
		{
			name: "partly invalid",
			request: `{"template":"TX_1234","recipients":[
				{"to":"01010005678","name":"홍길동","variables":{"주문번호":"A-1"}},{"to":"01010005679"}]}`,
			vendor: listUnread,
			points: []point{{beforeWait, 0, "partly-invalid", "the variables do not fit the template for one recipient, who has failed"}},
		},
		{
			name: "sms expired", request: to(`"expiresAt":"2000-01-01T00:00:05Z",`, "0001", "5678"),
			points: []point{{beforeReconcile, 0, "sms-expired", "Expired: the SMS was due when the message's time was over"}},
		},
		{
			name: "no receipt", request: to("", "0003", "0001"),
			points: []point{
				{beforeWait, 4, "open", "one receipt is open after several looks"},
				{beforeSMS, 0, "open", "an SMS for one recipient, while the receipt of another is open"},
				{beforeWait, 20, "open-for-long", "one receipt of AlimTalk has been open for hours, the SMS of another is delivered"},
				{beforeRead, 20, "open-for-long", "one receipt of AlimTalk has been open for hours, the SMS of another is delivered"},
			},
		},
		{
			name: "no receipt urgent", request: to(`"fallback":{"onUnknown":"sms","after":"1m"},`, "0003", "5678"),
			points: []point{
				{beforeSettled, 3, "no-receipt", "a receipt did not come in time, and the caller wants an SMS then"},
				{beforeSMS, 0, "no-receipt", "an SMS for a recipient whose receipt did not come in time"},
			},
		},
		{
			name: "partly accepted", request: to("", "5678", "5679", "5680"),
			vendor: []aligotest.Fault{{Endpoint: send, Kind: aligotest.FaultPartial}},
			points: []point{
				{beforeWait, 0, "refused", "Aligo left one recipient out and does not say whom"},
				{beforeRead, 0, "refused", "Aligo left one recipient out and does not say whom"},
			},
		},
		{
			name: "not read", request: to("", "5678", "0001"), during: redriveFailed,
			functions: map[string][]invocationFault{"receipts": slices.Repeat([]invocationFault{crashedBefore}, 201)},
			points:    []point{{beforeRead, 1, "redriven", "the receipts could not be read for a day; the execution failed and was redriven"}},
		},
		{
			name: "unclear", request: to("", "5678", "0008"),
			points: []point{{beforeSettled, 0, "unclear", "a receipt that says that it is not clear"}},
		},
		{
			name: "redriven", request: to("", "5678", "0001"),
			vendor: []aligotest.Fault{{Endpoint: send, Kind: aligotest.FaultSlow}}, during: stopThenRedrive,
			points: []point{
				{beforeAlimTalk, 1, "redriven", "stopped after Aligo had accepted the AlimTalk, and redriven"},
				{beforeReconcile, 0, "redriven", "Ambiguous because of a redrive"},
				{beforeWait, 0, "redriven", "what was sent before the redrive was found; the redrive is counted"},
				{beforeSMS, 0, "redriven", "the first attempt of an SMS in a redriven execution whose history was looked through"},
			},
		},
		{
			name: "redriven before the send", request: to("", "5678"),
			functions: once("alimtalk", stuck), during: stopThenRedrive,
			points: []point{
				{beforeNextLook, 0, "redriven", "a doubt because of a redrive"},
				{beforeAlimTalk, 2, "redriven-doubted", "another attempt: nothing had been sent before the redrive"},
			},
		},
	}
}

// withEveryState adds what no recording has: a state before which none of them has a point is recorded where the first scenario
// that visits it comes to it.
func withEveryState(t *testing.T, all []recording) []recording {
	t.Helper()
	have := map[string]bool{}
	for _, r := range all {
		for _, p := range r.points {
			have[p.state] = true
		}
	}
	for _, state := range states(t) {
		if have[state] {
			continue
		}
		i := slices.IndexFunc(scenarios(), func(s scenario) bool { return slices.Contains(s.visited, state) })
		if i < 0 {
			t.Errorf("no scenario says that it visits %q", state)
			continue
		}
		s := scenarios()[i]
		all = append(all, recording{
			name: s.name, request: s.request, vendor: s.vendor, functions: s.functions, points: []point{{state, 0, "first", s.name}},
		})
	}
	return all
}

// TestEveryStateCanBeRecorded: by a recording of its own, or where a scenario comes to it.
func TestEveryStateCanBeRecorded(t *testing.T) {
	t.Parallel()
	have := map[string]bool{}
	for _, r := range withEveryState(t, recordings()) {
		for _, p := range r.points {
			have[p.state] = true
		}
	}
	if got, want := len(have), len(states(t)); got < want {
		t.Errorf("%d states can be recorded, want %d", got, want)
	}
}

// released tells whether a version is out.
func released(t *testing.T, version string) bool {
	t.Helper()
	return bytes.Contains(read(t, "../../CHANGELOG.md"), []byte("\n## ["+version+"] "))
}

// TestRecordUpgrade writes the golden files of a version.
func TestRecordUpgrade(t *testing.T) {
	if *upgradeRecord == "" {
		t.Skip("-upgrade.record names no folder")
	}
	if version := filepath.Base(*upgradeRecord); released(t, version) {
		t.Fatalf("%s is out: what it left to messages under way stays as it is; name the next version", version)
	}
	if err := os.MkdirAll(*upgradeRecord, 0o755); err != nil {
		t.Fatal(err)
	}
	definition := read(t, "../../statemachine/dispatch.asl.json")
	if err := os.WriteFile(filepath.Join(*upgradeRecord, definitionFile), definition, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, r := range withEveryState(t, recordings()) {
		t.Run(r.name, func(t *testing.T) {
			synctest.Test(t, r.record)
		})
	}
}

// record lets a message run and writes its points down. A function does its work in the middle of two seconds, so that
// what Aligo accepted before a state was entered can be told by the time.
func (r recording) record(t *testing.T) {
	t.Helper()
	w := newWorld(t, func(o *Options, _ *aligotest.Options) {
		inner := o.AWS.Around
		o.AWS.Around = func(ctx context.Context, function string, next func(context.Context) ([]byte, error)) ([]byte, error) {
			time.Sleep(time.Second)
			defer time.Sleep(time.Second)
			return inner(ctx, function, next)
		}
	})
	tape := &tape{vendor: w.Aligo}
	w.network.serve(t, "aligo", tape)
	w.fault(r.vendor...)
	for function, faults := range r.functions {
		w.faults.add(function, faults...)
	}
	id := w.ask(r.name, r.request)
	if r.during != nil {
		r.during(w, id)
	}
	w.ended(id, types.ExecutionStatusSucceeded)

	accepted := tape.accepted(t, w.Aligo.Calls())
	visits := w.visits(id)
	for _, p := range r.points {
		at := slices.IndexFunc(visits, func(v visit) bool { return v.state == p.state && v.number == p.visit })
		if at < 0 {
			t.Errorf("visit %d of %q is not on the way:\n%s", p.visit, p.state, w.trace(id))
			continue
		}
		v := visits[at]
		g := golden{
			About: p.about, State: p.state, Entered: v.entered, Redrives: v.redrives,
			Message: json.RawMessage(w.input(id)), Input: json.RawMessage(v.input), Wants: w.wants(id),
		}
		for _, c := range accepted {
			if c.At.Before(v.entered) {
				g.Accepted = append(g.Accepted, c)
			}
		}
		g.Faults = left(r.vendor, w.Aligo.Calls(), v.entered)
		g.write(t, filepath.Join(*upgradeRecord, slug(p.state)+"."+p.file+".json"))
	}
}

// left are the faults that had not come over their calls at a time.
func left(faults []aligotest.Fault, calls []aligotest.Call, at time.Time) []aligotest.Fault {
	var all []aligotest.Fault
	for _, f := range faults {
		if f.Times >= 0 {
			f.Times = max(f.Times, 1)
			for _, c := range calls {
				if c.At.Before(at) && c.Endpoint == f.Endpoint && c.Fault == f.Kind {
					f.Times--
				}
			}
		}
		if f.Times != 0 {
			all = append(all, f)
		}
	}
	return all
}

// ask posts a request with a key, which makes the message's id the same each time.
func (w *world) ask(key, body string) string {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://api/v1/messages", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", slug(key))
	resp, err := w.client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct{ ID string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusAccepted {
		w.t.Fatalf("POST /v1/messages: %d %+v, %v", resp.StatusCode, answer, err)
	}
	return answer.ID
}

// ended waits until the execution has ended in this way.
func (w *world) ended(id string, how types.ExecutionStatus) {
	w.t.Helper()
	for range int(longest / time.Hour) {
		time.Sleep(time.Hour)
		if w.describe(id).Status == how {
			return
		}
	}
	w.t.Fatalf("message %s has not %s:\n%s", id, how, w.trace(id))
}

func (w *world) input(id string) string {
	w.t.Helper()
	return aws.ToString(w.describe(id).Input)
}

// wants is what has come of the message.
func (w *world) wants(id string) wanted {
	w.t.Helper()
	o := w.get(id)
	want := wanted{Status: o.Status}
	var m struct{ Recipients []struct{ To string } }
	if err := json.Unmarshal([]byte(w.input(id)), &m); err != nil {
		w.t.Fatal(err)
	}
	for i, r := range m.Recipients {
		one := wantedRecipient{To: r.To, Status: o.Recipients[i].Status}
		for _, phone := range w.Aligo.Messages() {
			if phone.To == r.To {
				one.Messages++
			}
		}
		want.Recipients = append(want.Recipients, one)
	}
	return want
}

// visit is a state that the execution entered, or took up again after a redrive.
type visit struct {
	state    string
	number   int
	entered  time.Time
	input    string
	redrives int
}

func (w *world) visits(id string) []visit {
	w.t.Helper()
	var all []visit
	numbers := map[string]int{}
	add := func(v visit) {
		v.number = numbers[v.state]
		numbers[v.state]++
		all = append(all, v)
	}
	redrives := 0
	for _, e := range w.history(id) {
		switch {
		case e.StateEnteredEventDetails != nil:
			d := e.StateEnteredEventDetails
			add(visit{state: aws.ToString(d.Name), entered: aws.ToTime(e.Timestamp).UTC(), input: aws.ToString(d.Input), redrives: redrives})
		case e.Type == types.HistoryEventTypeExecutionRedriven:
			redrives++
			last := all[len(all)-1]
			last.entered, last.redrives = aws.ToTime(e.Timestamp).UTC(), redrives
			add(last)
		}
	}
	return all
}

// tape writes down the calls to Aligo.
type tape struct {
	vendor http.Handler

	mu    sync.Mutex
	calls []acceptedCall
}

func (p *tape) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A body that cannot be read is the vendor's to complain about.
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	c := acceptedCall{Endpoint: r.URL.Path, Form: map[string]string{}}
	if form, err := url.ParseQuery(string(body)); err == nil {
		for name := range form {
			if _, secret := credentials()[name]; !secret {
				c.Form[name] = form.Get(name)
			}
		}
	}
	p.mu.Lock()
	p.calls = append(p.calls, c)
	p.mu.Unlock()
	p.vendor.ServeHTTP(w, r)
}

// accepted are the calls that the stand-in accepted.
func (p *tape) accepted(t *testing.T, calls []aligotest.Call) []acceptedCall {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(calls) != len(p.calls) {
		t.Fatalf("%d calls on the tape, the stand-in had %d", len(p.calls), len(calls))
	}
	var all []acceptedCall
	for i, c := range calls {
		if c.Accepted {
			one := p.calls[i]
			one.At, one.MID, one.Partial = c.At.UTC(), c.MID, c.Fault == aligotest.FaultPartial
			all = append(all, one)
		}
	}
	return all
}

// randomID is what differs from one recording to the next.
var randomID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

func (g golden) write(t *testing.T, file string) {
	t.Helper()
	text := randomID.ReplaceAll(testkit.Indented(t, g), []byte("00000000-0000-4000-8000-000000000000"))
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// slug is a name in lower case with hyphens and nothing else.
func slug(name string) string {
	return strings.Trim(strings.Join(strings.FieldsFunc(strings.ToLower(name), func(c rune) bool { return c < 'a' || c > 'z' }), "-"), "-")
}
