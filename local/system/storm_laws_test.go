package system

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/deployment"
	"sms-api/internal/intake"
	"sms-api/internal/message"
)

// The limits in a storm: few enough to be reached.
const (
	stormNumberHour, stormNumberDay, stormCallerDay = 2, 4, 6
	stormStackDay                                   = 800
)

// stormLaws are what a storm knows of those who may not send, and of those who do not want to get anything.
type stormLaws struct {
	mu sync.Mutex
	// asked counts the messages that were asked for.
	asked int
	// sent are the messages of frontends, pending those that are still asked for.
	sent    []*sent
	pending sync.WaitGroup
	// refused are how often a limit had no room, by its name.
	refused map[string]int
	// wishes are what people have said of advertising, by number, in order.
	wishes map[string][]wish
	// ads are the numbers that advertising was asked for, in order.
	ads []string
	// held are how many recipients were held up by an opt-out; at, how many advertisements phones got in each hour of the day, and
	// agreed, how many of those that may come at night did.
	held, agreed int
	at           [24]int
}

// wish is what somebody has said of advertising: from begin on it may be known, and from known on it is. Zero is not yet.
type wish struct {
	out          bool
	begin, known time.Time
}

// next is the number of the next message.
func (l *stormLaws) next() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	return l.asked
}

// refuse counts the limits in a refusal.
func (l *stormLaws) refuse(answer string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refused == nil {
		l.refused = map[string]int{}
	}
	for _, m := range regexp.MustCompile(`"limit":"([a-z-]+)"`).FindAllStringSubmatch(answer, -1) {
		l.refused[m[1]]++
	}
}

// limited gives the storm's stack limits, and callers who may send templates only.
func (s *storm) limited(o *Options) {
	o.Settings = map[string]string{
		deployment.NumberHour: fmt.Sprint(stormNumberHour), deployment.NumberDay: fmt.Sprint(stormNumberDay),
		deployment.CallerDay: fmt.Sprint(stormCallerDay), deployment.DailyRecipients: fmt.Sprint(stormStackDay),
	}
	o.Identify = func(r *http.Request) (intake.Caller, error) {
		if who := r.Header.Get("X-Frontend"); who != "" {
			return intake.Caller{ID: who, Scopes: []string{intake.ScopeSend, intake.ScopeRead}}, nil
		}
		return everything, nil
	}
}

// advertise makes some SMS advertising, and some of these fit for the night.
func (s *storm) advertise(one *sent) {
	one.ad = s.evening || s.random.IntN(3) > 0
	one.night = one.ad && !s.evening && s.random.IntN(5) == 0
}

// wait lets some time pass, or less if the last minutes of advertising's day begin in it: then it returns true. What goes wrong
// with a message that is asked for then is over by night.
func (s *storm) wait(pause time.Duration) bool {
	now := time.Now()
	year, month, day := now.In(message.Korea()).Date()
	evening := time.Date(year, month, day, 20, 45, 0, 0, message.Korea()).Add(time.Duration(s.random.Int64N(int64(5 * time.Minute))))
	if left := evening.Sub(now); left > 0 && left < pause {
		time.Sleep(left)
		return true
	}
	time.Sleep(pause)
	return false
}

// byNight is in the text of what may go out at night.
const byNight = "밤에도"

// mark has the body of a request say what the message is.
func (s *sent) mark(body map[string]any) {
	if s.ad {
		body["purpose"] = "ad"
	}
	if s.night {
		body["nightConsent"] = true
		body["text"] = fmt.Sprint(byNight, " ", body["text"])
	}
}

// hold is when a message may go out that could do so at a time.
func (s *storm) hold(one *sent, at time.Time) time.Time {
	m := message.Message{NightConsent: one.night}
	if one.ad {
		m.Purpose = message.Ad
	}
	return m.NotBefore(at, Ads().Until)
}

// frontends have somebody press a button some times, for a number that others send to as well. Each waits by itself until the door
// has said something. It returns how many they are.
func (s *storm) frontends(left int) int {
	number, who := fmt.Sprintf("019%08d", 2000+s.random.IntN(6)), []string{"kim", "lee"}[s.random.IntN(2)]
	clicks := min(left, 1+s.random.IntN(4))
	for i := range clicks {
		n := s.laws.next()
		one := &sent{onUnknown: message.LeaveUnknown, frontend: who}
		one.add(number, fmt.Sprintf("A-%d-%d", n, i))
		now := time.Now().UTC()
		one.expires = now.Add(24 * time.Hour)
		options := ""
		if s.random.IntN(3) == 0 {
			// Over midnight as well.
			one.due = now.Add(time.Duration(s.random.IntN(20*3600)) * time.Second).Truncate(time.Second)
			one.expires = one.due.Add(24 * time.Hour)
			options = fmt.Sprintf(`"sendAt":%q,`, one.due.Format(time.RFC3339))
		}
		body := fmt.Sprintf(`{"template":"TX_1234",%s"recipients":[{"to":%q,"name":"홍길동","variables":{"주문번호":%q}}]}`, options,
			[]string{number, "+82 " + number[1:], number[:3] + "-" + number[3:7] + "-" + number[7:]}[i%3], one.contents[0])
		what, when := s.random.Float64(), s.random.Float64()
		s.laws.pending.Go(func() {
			if s.persist(one, body, fmt.Sprintf("click-%d", n)) {
				s.laws.mu.Lock()
				s.laws.sent = append(s.laws.sent, one)
				s.laws.mu.Unlock()
				s.crew.Go(func() { s.meddle(one, what, when) })
			}
		})
		time.Sleep(time.Duration(s.random.Int64N(int64(time.Minute))))
	}
	return clicks
}

// advertised remembers who is to get advertising.
func (l *stormLaws) advertised(one *sent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one.ad {
		l.ads = append(l.ads, one.numbers...)
	}
}

// optOuts are people who want no more advertising, and some who want it again. They are among those who have got some, or are
// about to.
func (s *storm) optOuts(random *rand.Rand) {
	for s.calm(random, 30*time.Minute) {
		s.laws.mu.Lock()
		var number string
		if late := s.laws.ads[max(0, len(s.laws.ads)-30):]; len(late) > 0 {
			number = late[random.IntN(len(late))]
		}
		said := s.laws.wishes[number]
		s.laws.mu.Unlock()
		if number != "" {
			out := len(said) == 0 || !said[len(said)-1].out
			s.wish(number, out, random.IntN(3) == 0)
		}
	}
}

// wish has somebody opt out or in, through the API or with an event, until that is known or the storm is over.
func (s *storm) wish(number string, out, event bool) {
	l, begin := &s.laws, time.Now()
	l.mu.Lock()
	if l.wishes == nil {
		l.wishes = map[string][]wish{}
	}
	n := len(l.wishes[number])
	l.wishes[number] = append(l.wishes[number], wish{out: out, begin: begin})
	l.mu.Unlock()
	path, method, detailType, status := "/v1/opt-outs/"+url.PathEscape("+82 "+number[1:]), http.MethodDelete, "RecipientOptedIn", "opted-in"
	if out {
		method, detailType, status = http.MethodPut, "RecipientOptedOut", "opted-out"
	}
	if event {
		method = http.MethodGet
		s.tell(detailType, fmt.Sprintf(`{"to":%q,"at":%q}`, number[:3]+"-"+number[3:], begin.Format(time.RFC3339Nano)))
	}
	for pause := time.Second; ; pause = min(2*pause, 10*time.Minute) {
		code, answer := s.do(method, path, "")
		if code == http.StatusOK && strings.Contains(string(answer), `"status":"`+status+`"`) {
			l.mu.Lock()
			l.wishes[number][n].known = time.Now()
			l.mu.Unlock()
			return
		}
		select {
		case <-s.over:
			return
		case <-time.After(pause):
		}
		if event && time.Since(begin) > 3*time.Hour {
			return // a dead letter
		}
	}
}

// tell puts an event on the bus.
func (s *storm) tell(detailType, detail string) {
	if err := s.putEvent("shop.support", detailType, detail); err != nil {
		s.t.Errorf("put %s: %v", detailType, err)
	}
}

// mayBeOut says whether somebody may have opted out by then.
func (l *stormLaws) mayBeOut(number string, by time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.wishes[number], func(w wish) bool { return w.out && !w.begin.After(by) })
}

// isOut says whether somebody had surely opted out all the time between two.
func (l *stormLaws) isOut(number string, from, until time.Time) bool {
	for i, w := range l.wishes[number] {
		again := time.Time{}
		if i+1 < len(l.wishes[number]) {
			again = l.wishes[number][i+1].begin
		}
		if w.out && !w.known.IsZero() && !w.known.After(from) && (again.IsZero() || until.Before(again)) {
			return true
		}
	}
	return false
}

// outlaws are what must not have happened: an advertisement at night, one to somebody who had opted out before its send began,
// a message over a limit.
func (s *storm) outlaws() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.laws.mu.Lock()
	defer s.laws.mu.Unlock()
	return slices.Concat(s.unwanted(), s.forgotten(), s.beyond())
}

// sending is how long a send may take from its beginning to when Aligo has accepted it.
const sending = 30*time.Second + latestAcceptance

// unwanted are the advertisements on phones that should not be there.
func (s *storm) unwanted() []string {
	var wrong []string
	late := map[string]bool{}
	for _, c := range s.Aligo.Calls() {
		late[c.MID] = late[c.MID] || c.Fault == aligotest.FaultLate // the calls that read its receipts have faults of their own
	}
	for _, m := range s.Aligo.Messages() {
		if !strings.HasPrefix(m.Text, "(광고)") {
			continue
		}
		// Of a call that Aligo carried out late it is known when it was made at the earliest.
		made := m.At
		if late[m.MID] {
			made = made.Add(-latestAcceptance)
		}
		korea := m.At.In(message.Korea())
		if !strings.Contains(m.Text, byNight) {
			s.laws.at[korea.Hour()]++
			ad := &sent{ad: true}
			if arrives := s.hold(ad, m.At); !s.hold(ad, made).Equal(made) || arrives.After(m.At) && korea.Hour() != 20 {
				wrong = append(wrong, fmt.Sprintf("advertisement %s arrived at %s", contentOf(m.Text), korea.Format(time.DateTime)))
			}
		} else if korea.Hour() >= 21 || korea.Hour() < 8 {
			s.laws.agreed++
		}
		if s.laws.isOut(m.To, m.At.Add(-sending), m.At) {
			wrong = append(wrong, fmt.Sprintf("advertisement %s at %s for somebody who had opted out: %v", contentOf(m.Text), m.At,
				s.laws.wishes[m.To]))
		}
	}
	return wrong
}

// forgotten are those whom an opt-out has held up, and whose outcome does not say so.
func (s *storm) forgotten() []string {
	var wrong []string
	for _, one := range s.sent {
		outcomes := s.settled[one.id]
		if !one.ad || len(outcomes) == 0 {
			continue
		}
		for i, r := range outcomes[len(outcomes)-1].Recipients {
			switch {
			case r.Code == message.CodeOptedOut:
				s.laws.held++
			case r.Status == message.Delivered && s.laws.isOut(one.numbers[i], one.asked, r.At.Add(farthestClock)):
				wrong = append(wrong, fmt.Sprintf("%s recipient %d had opted out, and is %s %s %s; asked at %v, wishes %v", one.id, i, r.Status,
					r.Channel, r.Code, one.asked, s.laws.wishes[one.numbers[i]]))
			}
		}
	}
	return wrong
}

// hesitation is how much later a message may be accepted than it was counted.
const hesitation = 2 * time.Minute

// beyond are those messages that are one too many.
func (s *storm) beyond() []string {
	uncounted := map[string]bool{}
	for _, m := range regexp.MustCompile(`"open":"limits","message":"([^"]+)"`).FindAllStringSubmatch(s.logs.String(), -1) {
		uncounted[m[1]] = true
	}
	var wrong []string
	days, hours := map[string]int{}, map[string][]time.Time{}
	for _, one := range s.sent {
		if one.cancelled || uncounted[one.id] {
			continue
		}
		due := one.accepted
		if outcomes := s.settled[one.id]; len(outcomes) > 0 {
			due = outcomes[0].CreatedAt // the answer may have been lost
		}
		if one.due.After(due) {
			due = one.due
		}
		day := func(at time.Time) string { return s.hold(one, at).In(message.Korea()).Format(time.DateOnly) }
		if one.frontend != "" {
			hours[one.numbers[0]] = append(hours[one.numbers[0]], due)
		}
		if day(due) != day(due.Add(-hesitation)) {
			continue // of which day it is depends on the second
		}
		days["everybody on "+day(due)] += len(one.numbers)
		if one.frontend != "" {
			days[one.frontend+" on "+day(due)]++
			days["…"+one.numbers[0][7:]+" on "+day(due)]++
		}
	}
	for whose, n := range days {
		most := map[byte]int{'e': stormStackDay, 'k': stormCallerDay, 'l': stormCallerDay}[whose[0]]
		if n > cmp.Or(most, stormNumberDay) {
			wrong = append(wrong, fmt.Sprintf("%d messages of %s", n, whose))
		}
	}
	for number, all := range hours {
		slices.SortFunc(all, time.Time.Compare)
		for i := range all {
			if j := i + stormNumberHour; j < len(all) && all[j].Sub(all[i]) < time.Hour-hesitation {
				wrong = append(wrong, fmt.Sprintf("…%s had %d messages from %s to %s", number[7:], j-i+1, all[i], all[j]))
			}
		}
	}
	return wrong
}

// report says how much of the law there was. In a storm of some size there is something of each.
func (l *stormLaws) report(t *testing.T, recipients int) {
	t.Helper()
	said := 0
	for _, w := range l.wishes {
		said += len(w)
	}
	t.Logf("%d advertisements asked for, by the hour in Korea %v, %d at night with a consent; %d opt-outs and opt-ins, "+
		"%d recipients held up; %d messages of frontends; refused: %v", len(l.ads), l.at, l.agreed, said, l.held, len(l.sent), l.refused)
	if recipients >= 4000 && (l.held == 0 || len(l.refused) == 0) || recipients >= 20000 && (l.agreed == 0 || len(l.refused) < 4) {
		t.Error("something of the law was not in this storm")
	}
}
