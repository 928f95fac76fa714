package aligo_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/message"
)

// attempt fills in what the recipients were sent: one text for each, or one for all.
func attempt(a aligo.Attempt, texts ...string) aligo.Attempt {
	a.Digest = func(to, canonical string) [8]byte {
		sum := sha256.Sum256([]byte(to + " " + canonical))
		return [8]byte(sum[:8])
	}
	a.Texts = nil
	for i, to := range a.To {
		text := texts[min(i, len(texts)-1)]
		a.Texts, a.Digests = append(a.Texts, text), append(a.Digests, a.Digest(to, aligo.Canonical(text)))
	}
	return a
}

// A lost send: it is made with a fault, and a minute later the history is asked what became of it.
func TestFindAfterALostAnswer(t *testing.T) {
	t.Parallel()
	alimTalk := func(t *testing.T, w *world, to ...string) (aligo.Accepted, error) {
		t.Helper()
		return w.client.SendAlimTalk(t.Context(), order(to...))
	}
	one := func(t *testing.T, w *world, to ...string) (aligo.Accepted, error) {
		t.Helper()
		return w.client.SendSMS(t.Context(), sms(orderText()[:60], to...))
	}
	mass := func(t *testing.T, w *world, to ...string) (aligo.Accepted, error) {
		t.Helper()
		m := aligo.MassSMS{Type: aligo.TypeSMS}
		for _, n := range to {
			m.Messages = append(m.Messages, aligo.MassMessage{To: n, Text: n[7:] + "님, 안녕하세요"})
		}
		return w.client.SendMassSMS(t.Context(), m)
	}
	find := func(t *testing.T, w *world, send func(*testing.T, *world, ...string) (aligo.Accepted, error), a aligo.Attempt) (aligo.Finding,
		error) {
		t.Helper()
		switch fmt.Sprintf("%p", send) {
		case fmt.Sprintf("%p", alimTalk):
			return w.client.FindAlimTalk(t.Context(), attempt(a, orderText()))
		case fmt.Sprintf("%p", one):
			a = attempt(a, orderText()[:60])
		default:
			var texts []string
			for _, n := range a.To {
				texts = append(texts, n[7:]+"님, 안녕하세요")
			}
			a = attempt(a, texts...)
		}
		return w.client.FindSMS(t.Context(), a)
	}
	for kind, send := range map[string]func(*testing.T, *world, ...string) (aligo.Accepted, error){"AlimTalk": alimTalk, "SMS": one,
		"mass SMS": mass} {
		people := []string{"01012345678", "01023456789", "01034567890"}
		answerLost := func(t *testing.T, w *world) []string {
			t.Helper()
			lose(t, w, send, people)
			return nil
		}
		// doubtful sends while something goes wrong, so that nobody knows whether it was accepted.
		doubtful := func(f aligotest.Fault) func(*testing.T, *world) []string {
			return func(t *testing.T, w *world) []string {
				t.Helper()
				setFault(t, w, f)
				_, err := send(t, w, people...)
				wantError(t, err, aligo.ClassAmbiguous, "")
				return nil
			}
		}
		for name, c := range map[string]struct {
			options func(*aligotest.ServerOptions)
			// play makes the lost send, with whatever else goes on, and returns the ids that are known to be others'.
			play func(*testing.T, *world) (known []string)
			want aligo.Verdict
			// mid is which of the accepted sends it is, counted from 0.
			mid int
			// accepted is how many recipients it has; 0 is all.
			accepted int
		}{
			"the answer was lost":  {play: answerLost, want: aligo.WasAccepted},
			"the request was lost": {play: doubtful(aligotest.Fault{Kind: aligotest.FaultResetBefore}), want: aligo.NotAccepted},
			"a page of HTML, and it was accepted": {
				play: doubtful(aligotest.Fault{Kind: aligotest.FaultHTML200, Accepted: true}), want: aligo.WasAccepted,
			},
			"a server error, and it was not": {play: doubtful(aligotest.Fault{Kind: aligotest.FaultHTTP500}), want: aligo.NotAccepted},
			"the same was sent before, which is known": {play: func(t *testing.T, w *world) []string {
				t.Helper()
				first := must[aligo.Accepted](t)(send(t, w, people...))
				lose(t, w, send, people)
				return []string{first.MID}
			}, want: aligo.WasAccepted, mid: 1},
			"the same is sent after it, which is known": {play: func(t *testing.T, w *world) []string {
				t.Helper()
				lose(t, w, send, people)
				return []string{must[aligo.Accepted](t)(send(t, w, people...)).MID}
			}, want: aligo.WasAccepted},
			"the same was sent before, and this was not": {play: func(t *testing.T, w *world) []string {
				t.Helper()
				first := must[aligo.Accepted](t)(send(t, w, people...))
				setFault(t, w, aligotest.Fault{Kind: aligotest.FaultResetBefore})
				_, err := send(t, w, people...)
				wantError(t, err, aligo.ClassAmbiguous, "")
				return []string{first.MID}
			}, want: aligo.NotAccepted},
			"the same twice, and neither is known": {play: func(t *testing.T, w *world) []string {
				t.Helper()
				must[aligo.Accepted](t)(send(t, w, people...))
				lose(t, w, send, people)
				return nil
			}, want: aligo.WasAccepted},
			"the same to others": {play: func(t *testing.T, w *world) []string {
				t.Helper()
				must[aligo.Accepted](t)(send(t, w, "01012345678", "01023456789", "01099998888"))
				must[aligo.Accepted](t)(send(t, w, append([]string{"01099998888"}, people...)...))
				return nil
			}, want: aligo.NotAccepted},
			"the same to one of them": {play: func(t *testing.T, w *world) []string {
				t.Helper()
				must[aligo.Accepted](t)(send(t, w, people[0]))
				return nil
			}, want: aligo.CannotTell},
			"only most of them were accepted": {play: func(t *testing.T, w *world) []string {
				t.Helper()
				setFault(t, w, aligotest.Fault{Kind: aligotest.FaultPartial})
				must[aligo.Accepted](t)(send(t, w, people...))
				return nil
			}, want: aligo.WasAccepted, accepted: 2},
			"something else to the same people": {play: func(t *testing.T, w *world) []string {
				t.Helper()
				other := order(people...)
				for i := range other.Recipients {
					other.Recipients[i].Text = strings.Replace(orderText(), "A-17", "B-18", 1)
				}
				must[aligo.Accepted](t)(w.client.SendAlimTalk(t.Context(), other))
				must[aligo.Accepted](t)(w.client.SendSMS(t.Context(), sms("다른 글", people...)))
				return nil
			}, want: aligo.CannotTell},
			"many others meanwhile, pages of them": {play: func(t *testing.T, w *world) []string {
				t.Helper()
				crowd(t, w, 130, time.Second/4)
				lose(t, w, send, people)
				crowd(t, w, 130, time.Second/4)
				return nil
			}, want: aligo.WasAccepted},
			"many others before and after the window": {play: func(t *testing.T, w *world) []string {
				t.Helper()
				crowd(t, w, 400, time.Second)
				w.Add(2 * time.Hour)
				w.since = w.Now()
				lose(t, w, send, people)
				w.Add(2 * time.Hour)
				crowd(t, w, 100, time.Second)
				w.Add(time.Hour)
				return nil
			}, want: aligo.WasAccepted},
			"our clock is 90 seconds fast": {options: func(o *aligotest.ServerOptions) {
				now := o.Now
				o.Now = func() time.Time { return now().Add(-90 * time.Second) }
			}, play: answerLost, want: aligo.WasAccepted},
			"our clock is 90 seconds slow": {options: func(o *aligotest.ServerOptions) {
				now := o.Now
				o.Now = func() time.Time { return now().Add(90 * time.Second) }
			}, play: answerLost, want: aligo.WasAccepted},
			"midnight in Korea passes": {play: func(t *testing.T, w *world) []string {
				t.Helper()
				w.Add(14*time.Hour - 10*time.Second)
				w.since = w.Now()
				lose(t, w, send, people)
				w.Add(time.Minute)
				return nil
			}, want: aligo.WasAccepted},
			"lists come in reverse": {play: func(t *testing.T, w *world) []string {
				t.Helper()
				must[aligo.Accepted](t)(w.client.SendSMS(t.Context(), sms("다른 글", people...)))
				lose(t, w, send, people)
				setFault(t, w, aligotest.Fault{Kind: aligotest.FaultReceiptsOutOfOrder, Times: -1})
				return nil
			}, want: aligo.WasAccepted, mid: -1},
			"lists have everything twice": {play: func(t *testing.T, w *world) []string {
				t.Helper()
				lose(t, w, send, people)
				setFault(t, w, aligotest.Fault{Kind: aligotest.FaultRowsDuplicated, Times: -1})
				return nil
			}, want: aligo.WasAccepted},
			"numbers are strings and strings numbers": {play: func(t *testing.T, w *world) []string {
				t.Helper()
				lose(t, w, send, people)
				setFault(t, w, aligotest.Fault{Kind: aligotest.FaultTypesSwapped, Times: -1})
				return nil
			}, want: aligo.WasAccepted},
		} {
			t.Run(kind+": "+name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, func(o *aligotest.ServerOptions) {
					if c.options != nil {
						c.options(o)
					}
				})
				w.client.Now = w.Now
				since := w.Now()
				known := c.play(t, w)
				until := w.Now()
				if !w.since.IsZero() {
					since, until = w.since, w.since.Add(time.Minute)
				}
				w.Add(time.Minute)
				before := len(w.Calls())
				got, err := find(t, w, send, aligo.Attempt{Since: since, Until: until, To: people, Known: known})
				if err != nil {
					t.Fatal(err)
				}
				if got.Verdict != c.want {
					t.Fatalf("the verdict is %q, want %q", got.Verdict, c.want)
				}
				if calls := len(w.Calls()) - before; calls > 12 {
					t.Errorf("it took %d calls", calls)
				}
				if c.want != aligo.WasAccepted {
					return
				}
				want := c.accepted
				if want == 0 {
					want = len(people)
				}
				if mid := lost(t, w, c.mid, len(people)); got.Candidates[0].MID != mid || got.Candidates[0].Accepted != want {
					t.Errorf("found %+v, want %s with %d", got.Candidates, mid, want)
				}
			})
		}
	}
}

// lose sends and gets no answer, though the vendor has accepted.
func lose(t *testing.T, w *world, send func(*testing.T, *world, ...string) (aligo.Accepted, error), people []string) {
	t.Helper()
	setFault(t, w, aligotest.Fault{Kind: aligotest.FaultResetAfter})
	_, err := send(t, w, people...)
	wantError(t, err, aligo.ClassAmbiguous, "")
}

// crowd is what other people send on the same account.
func crowd(t *testing.T, w *world, n int, pace time.Duration) {
	t.Helper()
	for i := range n {
		other := order("01077776666")
		other.Recipients[0].Text = strings.Replace(orderText(), "A-17", fmt.Sprintf("C-%d", i), 1)
		must[aligo.Accepted](t)(w.client.SendAlimTalk(t.Context(), other))
		must[aligo.Accepted](t)(w.client.SendSMS(t.Context(), sms(fmt.Sprintf("다른 글 %d", i), "01077776666")))
		w.Add(pace)
	}
}

// lost is the id of one of the accepted sends to all of the people, or to most of them; -1 is the last.
func lost(t *testing.T, w *world, n, people int) string {
	t.Helper()
	var mids []string
	for _, c := range w.Calls() {
		if c.Accepted && 2*c.Recipients > people {
			mids = append(mids, c.MID)
		}
	}
	if n < 0 {
		n += len(mids)
	}
	if n >= len(mids) {
		t.Fatalf("only %d sends were accepted", len(mids))
	}
	return mids[n]
}

func TestFindWhenTheHistoryCannotBeRead(t *testing.T) {
	t.Parallel()
	lostCall := attempt(aligo.Attempt{Since: monday, Until: monday, To: []string{"01012345678"}}, orderText())
	for name, c := range map[string]struct {
		fault aligotest.Fault
		class aligo.Class
	}{
		"the list":                {aligotest.Fault{Endpoint: "/akv10/history/list/", Kind: aligotest.FaultHTTP500}, aligo.ClassAmbiguous},
		"the recipients":          {aligotest.Fault{Endpoint: "/akv10/history/detail/", Kind: aligotest.FaultHTML200}, aligo.ClassAmbiguous},
		"an address to register":  {aligotest.Fault{Kind: aligotest.FaultUnregisteredIP}, aligo.ClassNotConfigured},
		"a list cut off half-way": {aligotest.Fault{Endpoint: "/akv10/history/list/", Kind: aligotest.FaultCutOff}, aligo.ClassAmbiguous},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			must[aligo.Accepted](t)(w.client.SendAlimTalk(t.Context(), order("01012345678")))
			setFault(t, w, c.fault)
			got, err := w.client.FindAlimTalk(t.Context(), lostCall)
			if got.Verdict != aligo.CannotTell {
				t.Errorf("the verdict is %q", got.Verdict)
			}
			cause := aligo.Cause("")
			if c.class == aligo.ClassNotConfigured {
				cause = aligo.CauseIP
			}
			wantError(t, err, c.class, cause)
		})
	}
}

// Histories as they might be, beyond what the stand-in does.
func TestFindInStrangeHistories(t *testing.T) {
	t.Parallel()
	const at = `"regdate":"2026-11-23 10:00:00"`
	list := func(rows, more string) string { return `{"code":0,"list":[` + rows + `],` + more + `}` }
	const onePage, noEnd = `"currentPage":"1","totalPage":"1","totalCount":"1"`, `"currentPage":"1","totalPage":"9999","totalCount":"9999"`
	ours := fmt.Sprintf(`"message":%q`, orderText())
	row := func(phone, text string) string {
		return list(fmt.Sprintf(`{"msgid":"1","phone":%q,%s}`, phone, text), onePage)
	}
	body := fmt.Sprintf(`"mbody":%q`, orderText())
	for name, c := range map[string]struct {
		list, detail string
		want         aligo.Verdict
		// ahead is how far Aligo's clock is ahead of ours, as its answers' header says; 0 is without.
		ahead time.Duration
	}{
		"listed, but its recipients are not yet": {list(`{"mid":"7","type":"AT","msg_count":"1",`+body+`,`+at+`}`, onePage), list("", onePage),
			aligo.CannotTell, 0},
		"no text anywhere": {list(`{"mid":"7","type":"AT","msg_count":"1",`+at+`}`, onePage),
			row("01012345678", `"message":""`), aligo.CannotTell, 0},
		"a text only with the recipients": {list(`{"mid":"7","type":"AT","msg_count":"1",`+at+`}`, onePage), row("01012345678", ours),
			aligo.WasAccepted, 0},
		"no count": {list(`{"mid":"7","type":"AT",`+body+`,`+at+`}`, onePage), row("010-1234-5678", ours),
			aligo.WasAccepted, 0},
		"no time": {list(`{"mid":"7","type":"AT",`+body+`}`, onePage), row("01012345678", ours),
			aligo.WasAccepted, 0},
		"reg_date instead of regdate": {list(`{"mid":"7","type":"AT",`+body+`,"reg_date":"2026-11-23 10:00:00"}`, onePage),
			row("01012345678", ours), aligo.WasAccepted, 0},
		"a text that the list cuts": {list(`{"mid":"7","msg_count":1,"mbody":"[마실상점] 주문이 접수되었습니다. \n\n홍길동님...",`+at+`}`, onePage),
			row("01012345678", ours), aligo.WasAccepted, 0},
		"a text cut where ours goes on": {list(`{"mid":"7","msg_count":1,"mbody":"[마실상점] 주문이 접수되었습니다.\n\n홍길동님...",`+at+`}`, onePage),
			row("01012345678", ours), aligo.WasAccepted, 0},
		"other line breaks": {list(`{"mid":"7","msg_count":1,`+strings.ReplaceAll(body, `\r\n`, `\n`)+`,`+at+`}`, onePage),
			row("01012345678", strings.ReplaceAll(ours, `\r\n`, `\n`)), aligo.WasAccepted, 0},
		"too late for the window": {list(`{"mid":"7","msg_count":1,`+body+`,"regdate":"2026-11-23 10:02:01"}`, onePage),
			row("01012345678", ours), aligo.NotAccepted, 0},
		"too early for the window": {list(`{"mid":"7","msg_count":1,`+body+`,"regdate":"2026-11-23 09:57:59"}`, onePage),
			row("01012345678", ours), aligo.NotAccepted, 0},
		"without an id": {list(`{"msg_count":1,`+body+`,`+at+`}`, onePage), row("01012345678", ours), aligo.NotAccepted, 0},
		"a list without end": {list(`{"mid":"7","msg_count":1,"mbody":"다른 글",`+at+`}`, noEnd), row("01012345678", ours),
			aligo.CannotTell, 0},
		"more recipients than ours": {list(`{"mid":"7","msg_count":"2",`+body+`,`+at+`}`, onePage), row("01012345678", ours),
			aligo.NotAccepted, 0},
		"an id that was a float on its way": {list(`{"mid":7.0,"msg_count":"1",`+body+`,`+at+`}`, onePage), row("01012345678", ours),
			aligo.WasAccepted, 0},
		"empty pages of many": {list("", noEnd), "", aligo.CannotTell, 0},
		"a text only with the recipients, and another": {list(`{"mid":"7","type":"AT","msg_count":"1",`+at+`}`, onePage),
			row("01012345678", `"message":"다른 글"`), aligo.CannotTell, 0},
		"another text, and its recipients are not listed yet": {
			list(`{"mid":"7","msg_count":1,"mbody":"다른 글",`+at+`}`, onePage), list("", onePage), aligo.CannotTell, 0,
		},
		"another text, no count, and our recipient": {list(`{"mid":"7","mbody":"다른 글",`+at+`}`, onePage),
			row("01012345678", `"message":"다른 글"`), aligo.CannotTell, 0},
		"another text to somebody else": {list(`{"mid":"7","msg_count":1,"mbody":"다른 글",`+at+`}`, onePage),
			row("01099998888", `"message":"다른 글"`), aligo.NotAccepted, 0},
		"ours in the list, another with the recipients": {list(`{"mid":"7","type":"AT","msg_count":"1",`+body+`,`+at+`}`, onePage),
			row("01012345678", `"message":"다른 글"`), aligo.CannotTell, 0},
		"its clock is fast, and so is its time": {list(`{"mid":"7","msg_count":1,`+body+`,"regdate":"2026-11-23 10:03:10"}`, onePage),
			row("01012345678", ours), aligo.WasAccepted, 190 * time.Second},
		"its clock is slow, and so is its time": {list(`{"mid":"7","msg_count":1,`+body+`,"regdate":"2026-11-23 09:57:50"}`, onePage),
			row("01012345678", ours), aligo.WasAccepted, -130 * time.Second},
		"its clock is fast, and its time is right": {list(`{"mid":"7","msg_count":1,`+body+`,"regdate":"2026-11-23 10:00:00"}`, onePage),
			row("01012345678", ours), aligo.WasAccepted, 190 * time.Second},
		"its clock is slow, and its time is right": {list(`{"mid":"7","msg_count":1,`+body+`,"regdate":"2026-11-23 10:00:00"}`, onePage),
			row("01012345678", ours), aligo.WasAccepted, -130 * time.Second},
		"its clock is fast, and its time is beyond that": {list(`{"mid":"7","msg_count":1,`+body+`,"regdate":"2026-11-23 10:05:11"}`, onePage),
			row("01012345678", ours), aligo.NotAccepted, 190 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := clientWith(roundTripper(func(r *http.Request) (*http.Response, error) {
				answer := c.list
				if strings.HasSuffix(r.URL.Path, "/detail/") {
					answer = c.detail
				}
				header := http.Header{}
				if c.ahead != 0 {
					header.Set("Date", monday.Add(c.ahead).UTC().Format(http.TimeFormat))
				}
				return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(answer))}, nil
			}))
			client.Now = func() time.Time { return monday }
			got, err := client.FindAlimTalk(t.Context(), attempt(aligo.Attempt{Since: monday, Until: monday,
				To: []string{"01012345678"}}, orderText()))
			if err != nil || got.Verdict != c.want {
				t.Errorf("got %q, %v, want %q", got.Verdict, err, c.want)
			}
			if got.Verdict == aligo.WasAccepted && (got.Candidates[0] != aligo.Candidate{MID: "7", Accepted: 1}) {
				t.Errorf("found %+v", got)
			}
		})
	}
}

// Of two recipients, the vendor may have accepted one. That is half of them, and the text is theirs.
func TestFindWhenHalfWasAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	people := []string{"01012345678", "01023456789"}
	setFault(t, w, aligotest.Fault{Kind: aligotest.FaultPartial})
	sent := must[aligo.Accepted](t)(w.client.SendAlimTalk(t.Context(), order(people...)))
	if sent.Accepted != 1 || sent.Refused != 1 {
		t.Fatalf("%+v", sent)
	}
	got, err := w.client.FindAlimTalk(t.Context(), attempt(aligo.Attempt{Since: monday, Until: monday, To: people}, orderText()))
	if err != nil || got.Verdict != aligo.WasAccepted || !slices.Equal(got.Candidates, []aligo.Candidate{{MID: sent.MID, Accepted: 1}}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A clock that was wrong when the call was made, and is right by now.
func TestFindKnowsHowTheClockWent(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-10 * time.Minute, 10 * time.Minute} {
		w := newWorld(t)
		behave := func(ahead time.Duration) {
			if err := w.SetBehaviour(aligotest.Behaviour{ClockAhead: message.Duration(ahead)}); err != nil {
				t.Fatal(err)
			}
		}
		behave(ahead)
		must[aligo.Accepted](t)(w.client.SendAlimTalk(t.Context(), order("01012345678")))
		a := attempt(aligo.Attempt{Since: monday, Until: monday.Add(time.Minute), Ahead: w.client.Ahead(),
			To: []string{"01012345678"}}, orderText())
		behave(0)
		if got := must[aligo.Finding](t)(w.client.FindAlimTalk(t.Context(), a)); got.Verdict != aligo.WasAccepted {
			t.Errorf("%v ahead: got %+v", ahead, got)
		}
		if got := w.client.Ahead().Round(time.Minute); got != 0 {
			t.Errorf("it is %v ahead by now", got)
		}
	}
}

// Up to two minutes beyond what was seen of it the clock may have jumped for the length of the call.
func TestFindForgivesWhatNobodySawOfTheClock(t *testing.T) {
	t.Parallel()
	for jump, want := range map[time.Duration]aligo.Verdict{
		-2 * time.Minute: aligo.WasAccepted, -3 * time.Minute: aligo.NotAccepted,
		2 * time.Minute: aligo.WasAccepted, 3 * time.Minute: aligo.NotAccepted,
	} {
		w := newWorld(t)
		a := attempt(aligo.Attempt{Since: monday, Until: monday, To: []string{"01012345678"}}, orderText())
		for _, ahead := range []time.Duration{jump, 0} {
			if err := w.SetBehaviour(aligotest.Behaviour{ClockAhead: message.Duration(ahead)}); err != nil {
				t.Fatal(err)
			}
			if ahead != 0 {
				must[aligo.Accepted](t)(w.client.SendAlimTalk(t.Context(), order("01012345678")))
			}
		}
		if got := must[aligo.Finding](t)(w.client.FindAlimTalk(t.Context(), a)); got.Verdict != want {
			t.Errorf("%v ahead for a moment: got %+v, want %s", jump, got, want)
		}
	}
}

// A call of which a part was accepted is no less in doubt for being shown with another text.
func TestFindWhenAPartWasAcceptedAndIsShownAltered(t *testing.T) {
	t.Parallel()
	people := []string{"01012345678", "01023456789", "01034567890"}
	for name, c := range map[string]struct {
		to   []string
		want aligo.Verdict
	}{
		"most of them":   {people, aligo.CannotTell},
		"less than half": {people[:1], aligo.NotAccepted},
		"others besides": {[]string{people[0], "01099998888", "01088887777"}, aligo.NotAccepted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			setFault(t, w, aligotest.Fault{Kind: aligotest.FaultPartial})
			must[aligo.Accepted](t)(w.client.SendAlimTalk(t.Context(), order(c.to...)))
			if err := w.SetBehaviour(aligotest.Behaviour{Texts: []aligotest.TextChange{aligotest.TextOther}}); err != nil {
				t.Fatal(err)
			}
			a := attempt(aligo.Attempt{Since: monday, Until: monday, To: people}, orderText())
			if got := must[aligo.Finding](t)(w.client.FindAlimTalk(t.Context(), a)); got.Verdict != c.want {
				t.Errorf("got %+v, want %s", got, c.want)
			}
		})
	}
}

// Another account's history does not have the call, whatever became of it.
func TestFindAsksNoOtherAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must[aligo.Accepted](t)(w.client.SendAlimTalk(t.Context(), order("01012345678")))
	a := attempt(aligo.Attempt{Since: monday, Until: monday, To: []string{"01012345678"}}, orderText())
	for name, find := range map[string]func(context.Context, aligo.Attempt) (aligo.Finding, error){
		"AlimTalk": w.client.FindAlimTalk, "SMS": w.client.FindSMS,
	} {
		calls := len(w.Calls())
		a.Account = "another"
		got, err := find(t.Context(), a)
		if !errors.Is(err, aligo.ErrOtherAccount) || got.Verdict != aligo.CannotTell || len(w.Calls()) > calls {
			t.Errorf("%s: got %+v, %v after %d calls", name, got, err, len(w.Calls())-calls)
		}
		wantError(t, err, aligo.ClassNotConfigured, aligo.CauseCredentials)
		a.Account = must[aligo.Account](t)(w.client.Account(t.Context()))
		must[aligo.Finding](t)(find(t.Context(), a))
	}
}

// Nobody knows whether the last day of a history belongs to it, so it is asked for a day more on either side.
func TestFindAsksForADayMore(t *testing.T) {
	t.Parallel()
	asked := url.Values{}
	client := clientWith(roundTripper(func(r *http.Request) (*http.Response, error) {
		if err := r.ParseMultipartForm(1 << 20); err != nil && !errors.Is(err, http.ErrNotMultipart) {
			return nil, err
		}
		asked = r.Form
		const empty = `{"code":0,"result_code":1,"list":[],"currentPage":"1","totalPage":"1","totalCount":"0","next_yn":"N"}`
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(empty))}, nil
	}))
	a := attempt(aligo.Attempt{Since: monday, Until: monday, To: []string{"01012345678"}}, orderText())
	must[aligo.Finding](t)(client.FindAlimTalk(t.Context(), a))
	if got := asked.Get("startdate") + " to " + asked.Get("enddate"); got != "20261122 to 20261124" {
		t.Errorf("AlimTalk: asked from %s", got)
	}
	must[aligo.Finding](t)(client.FindSMS(t.Context(), a))
	if got := asked.Get("start_date") + ", days: " + asked.Get("limit_day"); got != "20261124, days: 3" {
		t.Errorf("SMS: asked for %s", got)
	}
}
