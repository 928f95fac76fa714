package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/handlers"
	"sms-api/internal/testkit"
)

// balance is the balance function in front of a stand-in.
type balance struct {
	*handlers.Balance

	standin       *aligotest.Standin
	server        *httptest.Server
	metrics, logs bytes.Buffer
}

func newBalance(t *testing.T, options aligotest.Options) *balance {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) }
	options.Now = now
	b := &balance{standin: aligotest.New(options)}
	b.server = httptest.NewServer(b.standin)
	t.Cleanup(b.server.Close)
	client := &aligo.Client{SMSURL: b.server.URL, KakaoURL: b.server.URL, Now: now, Credentials: aligo.StaticCredentials{
		APIKey: aligotest.APIKey, UserID: aligotest.UserID, SenderKey: aligotest.SenderKey, Sender: aligotest.Sender,
	}}
	b.Balance = &handlers.Balance{
		Dispatch: &handlers.Dispatch{Now: now, Log: testkit.Log(&b.logs), EgressIPs: []string{"203.0.113.7"}},
		Wallet:   client, Stack: "prod", Metrics: &b.metrics,
	}
	return b
}

func TestBalanceIsReportedAndPublished(t *testing.T) {
	t.Parallel()
	b := newBalance(t, aligotest.Options{Balance: 84_000})
	r, err := b.Handle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !r.Reachable || !r.Registered || !r.Credentials || r.Problem != "" || r.SMS != 10_000 || r.AlimTalk == nil {
		t.Errorf("report %+v", r)
	}
	var line map[string]any
	if err := json.Unmarshal(b.metrics.Bytes(), &line); err != nil {
		t.Fatalf("the metrics are not one JSON object: %v: %s", err, &b.metrics)
	}
	const want = `{"CloudWatchMetrics":[{"Dimensions":[["Stack"]],"Metrics":[{"Name":"SmsRemaining","Unit":"Count"},` +
		`{"Name":"LmsRemaining","Unit":"Count"},{"Name":"AlimTalkRemaining","Unit":"Count"}],"Namespace":"sms-api"}],"Timestamp":1795338000000}`
	if got, _ := json.Marshal(line["_aws"]); string(got) != want {
		t.Errorf("embedded metric format\n got %s\nwant %s", got, want)
	}
	if line["Stack"] != "prod" || line["SmsRemaining"] != 10_000.0 {
		t.Errorf("metrics %s", &b.metrics)
	}
}

func TestBalanceSaysWhatIsWrongWithTheWayOut(t *testing.T) {
	t.Parallel()
	fails := func(kind aligotest.FaultKind) func(*testing.T, *balance) {
		return func(t *testing.T, b *balance) {
			t.Helper()
			if err := b.standin.SetFault(aligotest.Fault{Kind: kind}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		arrange func(*testing.T, *balance)
		want    handlers.Report
		says    string
		log     string
	}{
		"the address is not registered": {
			arrange: fails(aligotest.FaultUnregisteredIP),
			want:    handlers.Report{Reachable: true}, says: "register 203.0.113.7 with Aligo", log: `"cause":"ip"`,
		},
		"the credentials are wrong": {
			arrange: fails(aligotest.FaultBadCredentials),
			want:    handlers.Report{Reachable: true, Registered: true}, says: "right Aligo credentials", log: `"cause":"credentials"`,
		},
		"the wallet is empty": {
			arrange: fails(aligotest.FaultNoBalance),
			want:    handlers.Report{Reachable: true, Registered: true, Credentials: true}, says: "", log: `"cause":"balance"`,
		},
		"it is refused in unknown words": {
			arrange: fails(aligotest.FaultUnknownRefusal),
			want:    handlers.Report{Reachable: true}, says: "find out what Aligo refuses", log: `"cause":"unknown"`,
		},
		"the servers are in trouble": {
			arrange: fails(aligotest.FaultHTTP500),
			want:    handlers.Report{Reachable: true}, says: "status 500", log: `"fault":"Transient"`,
		},
		"nobody answers": {
			arrange: func(_ *testing.T, b *balance) { b.server.Close() },
			want:    handlers.Report{}, says: "connection refused", log: `"fault":"Transient"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBalance(t, aligotest.Options{})
			c.arrange(t, b)
			r, err := b.Handle(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if r.Reachable != c.want.Reachable || r.Registered != c.want.Registered || r.Credentials != c.want.Credentials ||
				!strings.Contains(r.Problem, c.says) {
				t.Errorf("report %+v, want %+v and a problem that says %q", r, c.want, c.says)
			}
			if !strings.Contains(b.logs.String(), c.log) {
				t.Errorf("the log has nothing for an alarm to count: %s", &b.logs)
			}
			if b.metrics.Len() > 0 {
				t.Errorf("metrics without a balance: %s", &b.metrics)
			}
		})
	}
}

// silent is a wallet that does not answer as long as somebody waits for it.
type silent struct{}

func (silent) Remain(ctx context.Context) (aligo.Balance, error) {
	<-ctx.Done()
	return aligo.Balance{}, ctx.Err()
}

func (s silent) HeartInfo(ctx context.Context) (aligo.Balance, error) { return s.Remain(ctx) }

func TestBalanceSaysThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		function, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		var logs bytes.Buffer
		b := &handlers.Balance{
			Dispatch: &handlers.Dispatch{Now: time.Now, Log: testkit.Log(&logs)}, Wallet: silent{},
		}
		r, err := b.Handle(function)
		if err != nil || function.Err() != nil || r.Problem == "" || !strings.Contains(logs.String(), `"fault":"Transient"`) {
			t.Errorf("%+v, %v; the function: %v; the log: %s", r, err, function.Err(), &logs)
		}
	})
}
