package system

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/deployment"
	"sms-api/internal/intake"
	"sms-api/internal/message"
)

// put puts an event on the bus, as another service does.
func (w *world) put(detailType, detail string) {
	w.t.Helper()
	if err := w.putEvent("shop.support", detailType, detail); err != nil {
		w.t.Fatalf("put %s: %v", detailType, err)
	}
	time.Sleep(time.Minute)
}

const twoAds = `{"channel":"sms","purpose":"ad","text":"오늘만 반값","recipients":[{"to":"01010005678"},{"to":"01010005679"}]}`

func optedOut(w *world) {
	w.put("RecipientOptedOut", `{"to":"010-1000-5678","via":"080"}`)
	id := w.post(twoAds)
	w.endsAs(id, "partial: failed OptedOut; delivered sms delivered")
	w.settlesAs(w.post(strings.ReplaceAll(twoAds, `"purpose":"ad",`, "")), "delivered: delivered sms delivered; delivered sms delivered")
	w.put("RecipientOptedIn", `{"to":"+82 10 1000 5678"}`)
	w.settlesAs(w.post(twoAds), "delivered: delivered sms delivered; delivered sms delivered")
	// What was said before is heard late.
	w.put("RecipientOptedOut", `{"to":"010-1000-5678","at":"2000-01-01T09:00:00+09:00"}`)
	w.settlesAs(w.post(twoAds), "delivered: delivered sms delivered; delivered sms delivered")
}

func optOutBeforeTheSend(w *world) {
	w.until(0, 21, 0, 0)
	alone, together := w.post(ad("")), w.post(twoAds)
	w.until(0, 23, 0, 0)
	status, body := w.do(http.MethodPut, "/v1/opt-outs/010-1000-5678", `{"via":"service desk"}`)
	if status != http.StatusOK || !strings.Contains(string(body), `"to":"010****5678","status":"opted-out"`) {
		w.t.Errorf("%d %s", status, body)
	}
	w.endsAs(alone, "failed: failed OptedOut")
	w.settlesAs(together, "partial: failed OptedOut; delivered sms delivered")
	status, body = w.do(http.MethodGet, "/v1/opt-outs?limit=10", "")
	if status != http.StatusOK || strings.Count(string(body), "opted-out") != 1 {
		w.t.Errorf("%d %s", status, body)
	}
}

// optOutBetweenInvocations has Lambda invoke a task twice. The first invocation, which nobody hears, has sent when the recipient
// opts out, and the second finds nobody to send to.
func optOutBetweenInvocations(w *world) {
	w.faults.add("sms", func(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
		if _, err := next(ctx); err != nil {
			w.t.Error(err)
		}
		if status, body := w.do(http.MethodPut, "/v1/opt-outs/010-1000-5678", ""); status != http.StatusOK {
			w.t.Errorf("%d %s", status, body)
		}
		return next(ctx)
	})
	w.until(0, 23, 0, 0)
	w.endsAs(w.post(ad("")), "delivered: delivered sms delivered")
	w.onPhones("01010005678 sms")
}

// optOutWithANewKey has somebody opt out with a key that the function that sends does not know yet.
func optOutWithANewKey(w *world) {
	w.until(0, 10, 0, 0)
	w.do(http.MethodGet, "/v1/opt-outs/01010005678", "") // the API reads the key, and will read it again at 10:05
	w.until(0, 10, 4, 0)
	w.post(strings.ReplaceAll(ad(""), "5678", "5679")) // the sender reads it, and will read it again at 10:09
	id := w.post(ad(`"sendAt":"2000-01-01T10:07:00+09:00",`))
	w.useNumberKeys("new local")
	w.until(0, 10, 6, 0)
	if status, body := w.do(http.MethodPut, "/v1/opt-outs/01010005678", ""); status != http.StatusOK {
		w.t.Errorf("%d %s", status, body)
	}
	w.endsAs(id, "failed: failed OptedOut")
	w.onPhones("01010005679 sms")
}

func optInAfterTheDoor(w *world) {
	w.put("RecipientOptedOut", `{"to":"01010005678"}`)
	w.until(0, 21, 0, 0)
	id := w.post(ad(""))
	if status, body := w.do(http.MethodDelete, "/v1/opt-outs/01010005678", ""); status != http.StatusOK {
		w.t.Errorf("%d %s", status, body)
	}
	w.endsAs(id, "failed: failed OptedOut")
}

func optOutsCoverInfo(w *world) {
	w = w.anew(func(o *Options, _ *aligotest.Options) {
		o.Settings = map[string]string{deployment.OptOutsCoverInfo: "true"}
	})
	w.put("RecipientOptedOut", `{"to":"01010000001"}`)
	w.put("RecipientOptedOut", `{"to":"01010015678"}`)
	w.settlesAs(w.post(to("", "0001", "5678", "5679")), "partial: failed OptedOut; failed OptedOut; delivered alimtalk 0")
	w.settlesAs(w.post(to("", "0001")), "failed: failed OptedOut")
}

// Whoever opts out between an AlimTalk that did not reach him and the SMS gets no SMS. The others get theirs.
func optOutBeforeTheFallback(w *world) {
	w = w.anew(func(o *Options, _ *aligotest.Options) {
		o.Settings = map[string]string{deployment.OptOutsCoverInfo: "true"}
	})
	some, alone := w.post(to("", "0002", "5679", "0001")), w.post(strings.ReplaceAll(to("", "0001"), "0101000", "0102000"))
	time.Sleep(time.Second)
	for _, number := range []string{"010-1000-0002", "+82 10-2000-0001"} {
		if status, body := w.do(http.MethodPut, "/v1/opt-outs/"+url.PathEscape(number), ""); status != http.StatusOK {
			w.t.Errorf("%d %s", status, body)
		}
	}
	if calls := w.vendorCalls(); !slices.Contains(calls, send) || slices.Contains(calls, sms) {
		w.t.Errorf("at the time of the opt-out Aligo had got %q, want the AlimTalk alone", calls)
	}
	for id, want := range map[string]string{
		some:  "partial: failed sms OptedOut; delivered alimtalk 0; delivered sms delivered",
		alone: "failed: failed sms OptedOut",
	} {
		o := w.endsAs(id, want)
		var tried []string
		for _, a := range o.Recipients[0].Attempts {
			tried = append(tried, fmt.Sprintf("%s %s %s", a.Channel, a.Status, a.Code))
		}
		if fell := strings.Join(tried, ", "); !regexp.MustCompile(`^alimtalk failed [AB], sms failed OptedOut$`).MatchString(fell) {
			w.t.Errorf("attempts %q, want the AlimTalk and why no SMS followed", fell)
		}
	}
	w.onPhones("01010015679 alimtalk", "01010020001 sms")
}

// frontend is a world in which a caller says with a header who it is; without one it may do everything.
func (w *world) frontend(settings map[string]string) *world {
	w.t.Helper()
	return w.anew(func(o *Options, _ *aligotest.Options) {
		o.Settings = settings
		o.Identify = func(r *http.Request) (intake.Caller, error) {
			if who := r.Header.Get("X-Frontend"); who != "" {
				return intake.Caller{ID: who, Scopes: []string{intake.ScopeSend, intake.ScopeRead}}, nil
			}
			return everything, nil
		}
	})
}

func sixthMessage(w *world) {
	w = w.frontend(nil)
	ask := func(want int, header ...string) []byte {
		w.t.Helper()
		status, body := w.do(http.MethodPost, "/v1/messages", to("", "5678"), append([]string{"X-Frontend", "kim"}, header...)...)
		if status != want {
			w.t.Errorf("at %s: %d %s, want %d", time.Now(), status, body, want)
		}
		return body
	}
	for n := range 4 {
		ask(http.StatusAccepted, "Idempotency-Key", fmt.Sprint(n))
	}
	scheduled := w.scheduled("kim", 30*time.Minute)
	problem := ask(http.StatusTooManyRequests)
	var told intake.Problem
	if err := json.Unmarshal(problem, &told); err != nil || told.Type != "urn:sms-api:problem:limit-exceeded" || len(told.Errors) != 1 ||
		told.Errors[0].Pointer != "/recipients/0/to" || len(told.Limits) != 1 || told.Limits[0].Limit != "number-hour" {
		w.t.Errorf("%s", problem)
	}
	time.Sleep(time.Second)
	ask(http.StatusOK, "Idempotency-Key", "3")
	if status, body := w.do(http.MethodDelete, "/v1/messages/"+scheduled, "", "X-Frontend", "kim"); status != http.StatusOK {
		w.t.Fatalf("cancel: %d %s", status, body)
	}
	ask(http.StatusAccepted)
	ask(http.StatusTooManyRequests)
	if status, body := w.do(http.MethodGet, "/v1/limits?to=01010005678", ""); status != http.StatusOK ||
		!strings.Contains(string(body), `"limit":"number-hour","trusted":false,"used":5,"max":5`) {
		w.t.Errorf("%d %s", status, body)
	}
	if status, _ := w.do(http.MethodGet, "/v1/limits?to=01010005678", "", "X-Frontend", "kim"); status != http.StatusForbidden {
		w.t.Errorf("a frontend reads the limits: %d", status)
	}
	if status, body := w.do(http.MethodDelete, "/v1/limits?to=01010005678", ""); status != http.StatusNoContent {
		w.t.Errorf("%d %s", status, body)
	}
	for range 5 {
		ask(http.StatusAccepted)
	}
	ask(http.StatusTooManyRequests)
	time.Sleep(time.Hour)
	ask(http.StatusAccepted)
	w.post(to("", "5678")) // trusted callers have no limit
}

// scheduled asks for a message later and returns its id.
func (w *world) scheduled(caller string, in time.Duration) string {
	w.t.Helper()
	at := time.Now().Add(in).UTC().Format(time.RFC3339)
	status, body := w.do(http.MethodPost, "/v1/messages", to(`"sendAt":"`+at+`",`, "5678"), "X-Frontend", caller)
	var a intake.Accepted
	if err := json.Unmarshal(body, &a); err != nil || status != http.StatusAccepted {
		w.t.Fatalf("%d %s", status, body)
	}
	return a.ID
}

func stacksDay(w *world) {
	w = w.frontend(map[string]string{deployment.DailyRecipients: "10"})
	w.until(0, 23, 0, 0)
	for _, endings := range [][]string{{"1000", "1001", "1002", "1003"}, {"1004", "1005", "1006"}} {
		w.post(to("", endings...))
	}
	if status, body := w.do(http.MethodPost, "/v1/messages", to("", "1007", "1008", "1009", "1010")); status != http.StatusTooManyRequests ||
		!strings.Contains(string(body), `"stack-day"`) {
		w.t.Errorf("%d %s", status, body)
	}
	w.post(to("", "1007", "1008", "1009"))
	for _, percent := range []string{`"percent":70`, `"percent":100`} {
		if !strings.Contains(w.logs.String(), percent) {
			w.t.Errorf("the log does not have %s", percent)
		}
	}
	w.until(1, 0, 0, 0)
	w.post(to("", "1000", "1001", "1002", "1003"))
}

func sameContent(w *world) {
	w = w.frontend(map[string]string{deployment.SameContentWithin: "10"})
	first := w.post(to("", "5678"))
	if status, body := w.do(http.MethodPost, "/v1/messages", to(`"reference":"again",`, "5678")); status != http.StatusTooManyRequests ||
		!strings.Contains(string(body), first) {
		w.t.Errorf("%d %s", status, body)
	}
	w.post(strings.Replace(to("", "5678"), "A-0", "A-1", 1))
	time.Sleep(10 * time.Minute)
	w.post(to("", "5678"))
}

func doorsWithoutTable(w *world) {
	w = w.frontend(map[string]string{deployment.DailyRecipients: "100"})
	w.table.set(func(context.Context, string, func(context.Context) ([]byte, error)) ([]byte, error) {
		return nil, errors.New("the table is away")
	})
	if status, body := w.do(http.MethodPost, "/v1/messages", to("", "5678"), "X-Frontend", "kim"); status != http.StatusServiceUnavailable {
		w.t.Errorf("a frontend: %d %s", status, body)
	}
	status, body := w.do(http.MethodPost, "/v1/messages", to("", "5679"))
	if status != http.StatusAccepted {
		w.t.Fatalf("a trusted caller: %d %s", status, body)
	}
	if !strings.Contains(w.logs.String(), `"open":"limits"`) {
		w.t.Error("nothing tells that nobody has counted")
	}
	w.table.set(nil)
	var a intake.Accepted
	if err := json.Unmarshal(body, &a); err != nil {
		w.t.Fatal(err)
	}
	if o := w.settle(a.ID); o.Status != message.AllDelivered {
		w.t.Errorf("%s", compact(o))
	}
}
