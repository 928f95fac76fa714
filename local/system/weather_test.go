package system

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"sms-api/awslocal/eventbus"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/message"
	"sms-api/statemachine"
)

// stormyVendor is every fault of the stand-in, on every call it makes sense for.
func stormyVendor() []aligotest.Fault {
	var all []aligotest.Fault
	add := func(p float64, kind aligotest.FaultKind, accepted bool, endpoints ...string) {
		for _, e := range endpoints {
			all = append(all, aligotest.Fault{Endpoint: e, Kind: kind, Times: -1, Probability: p, Accepted: accepted})
		}
	}
	sends := []string{send, sms, "/send_mass/"}
	reads := []string{list, detail, history, smsList, smsHist}
	every := slices.Concat(sends, reads)
	add(0.03, aligotest.FaultResetAfter, false, every...)
	add(0.03, aligotest.FaultResetBefore, false, every...)
	add(0.02, aligotest.FaultHTTP500, false, every...)
	add(0.02, aligotest.FaultHTTP500, true, sends...)
	add(0.02, aligotest.FaultHTML200, false, every...)
	add(0.02, aligotest.FaultHTML200, true, sends...)
	add(0.02, aligotest.FaultSlow, false, every...)
	add(0.01, aligotest.FaultSlowBody, false, every...)
	add(0.02, aligotest.FaultCutOff, false, every...)
	add(0.02, aligotest.FaultUnregisteredIP, false, every...)
	add(0.01, aligotest.FaultNoBalance, false, sends...)
	add(0.01, aligotest.FaultBadCredentials, false, every...)
	add(0.01, aligotest.FaultUnregisteredSender, false, sends...)
	add(0.01, aligotest.FaultUnknownRefusal, false, sends...)
	add(0.02, aligotest.FaultPartial, false, sends...)
	add(0.05, aligotest.FaultReceiptsLate, false, detail, smsList)
	add(0.05, aligotest.FaultReceiptsOutOfOrder, false, detail, smsList)
	add(0.05, aligotest.FaultRowsDuplicated, false, reads...)
	add(0.05, aligotest.FaultTypesSwapped, false, every...)
	add(0.05, aligotest.FaultLimitIgnored, false, detail, history, smsList, smsHist)
	add(0.02, aligotest.FaultEUCKR, false, every...)
	add(0.02, aligotest.FaultEmptyList, false, list)
	for _, e := range sends {
		all = append(all, aligotest.Fault{
			Endpoint: e, Kind: aligotest.FaultLate, Times: -1, Probability: 0.02, After: message.Duration(latestAcceptance),
		})
	}
	return all
}

// stormyFunctions kills, throttles and cuts off one in ten invocations, and makes a few of them twice.
func (s *storm) stormyFunctions(
	random *rand.Rand, otherwise func(context.Context, string, func(context.Context) ([]byte, error)) ([]byte, error),
) func(context.Context, string, func(context.Context) ([]byte, error)) ([]byte, error) {
	faults := []invocationFault{throttled, crashedBefore, crashedAfter, timedOutAfter, lostAfter}
	return func(ctx context.Context, function string, next func(context.Context) ([]byte, error)) ([]byte, error) {
		switch luck := random.IntN(40); {
		case luck < 4:
			return faults[random.IntN(len(faults))](ctx, next)
		case luck == 4:
			return s.ghost(ctx, random, next)
		}
		return otherwise(ctx, function, next)
	}
}

// ghost makes an invocation twice, at once or up to ten minutes apart, of which one is heard, or none.
func (s *storm) ghost(ctx context.Context, random *rand.Rand, next func(context.Context) ([]byte, error)) ([]byte, error) {
	late := time.Duration(random.Int64N(int64([]time.Duration{time.Second, 10 * time.Second, 10 * time.Minute}[random.IntN(3)])))
	heard := []hearing{hearsFirst, hearsSecond, hearsNone}[random.IntN(3)]
	if heard == hearsSecond && late >= 10*time.Second {
		heard = hearsFirst
	}
	return s.doubled(late, heard)(ctx, next)
}

// stormyTable throttles, fails, and loses one in fifty operations of DynamoDB: before they are carried out, after, or in
// the way, so that they are carried out when nobody counts on it any more.
func (s *storm) stormyTable(random *rand.Rand) tableFault {
	return func(ctx context.Context, operation string, next func(context.Context) ([]byte, error)) ([]byte, error) {
		switch random.IntN(250) {
		case 0:
			return tableThrottled(ctx, operation, next)
		case 1:
			return tableFailed(ctx, operation, next)
		case 2:
			return tableFailedAfter(ctx, operation, next)
		case 3:
			return stalledAfter(ctx, operation, next)
		case 4:
			return s.late(time.Duration(random.Int64N(int64(40*time.Second))))(ctx, operation, next)
		}
		return next(ctx)
	}
}

// stormyBus refuses one in twenty announcements.
func stormyBus(random *rand.Rand) func(eventbus.Entry) string {
	return func(e eventbus.Entry) string {
		announcements := []string{statemachine.DetailTypeSettled, statemachine.DetailTypeCampaignPlan, statemachine.DetailTypeCampaignEnded}
		if slices.Contains(announcements, e.DetailType) && random.IntN(20) == 0 {
			return "InternalFailure"
		}
		return ""
	}
}

// outages put something out of order for minutes, hours or days, one after the other, until the storm is over.
func (s *storm) outages(random *rand.Rand) {
	kinds := []func(*world) func(){
		vendorOutage(aligotest.FaultHTTP500, list, send, history, detail, sms, "/send_mass/", smsHist, smsList),
		vendorOutage(aligotest.FaultHTTP500, send, sms, "/send_mass/"),
		vendorOutage(aligotest.FaultHTTP500, history, smsHist),
		vendorOutage(aligotest.FaultHTTP500, detail, smsList),
		vendorOutage(aligotest.FaultUnregisteredIP, list, send, history, detail, sms, "/send_mass/", smsHist, smsList),
		vendorOutage(aligotest.FaultNoBalance, send, sms, "/send_mass/"),
		vendorOutage(aligotest.FaultUnknownRefusal, send, sms, "/send_mass/"),
		vendorOutage(aligotest.FaultResetAfter, send, sms, "/send_mass/"),
		vendorOutage(aligotest.FaultUnregisteredIP, history, smsHist),
		unreachableVendor,
		unreachableTable,
		functionOutage(throttled, "alimtalk", "sms"),
		functionOutage(throttled, "receipts", "reconcile"),
		functionOutage(crashedBefore, "alimtalk", "sms"),
		functionOutage(crashedAfter, "alimtalk", "sms"),
		functionOutage(throttled, "plan", "campaign", "report"),
		functionOutage(crashedAfter, "plan", "campaign", "report"),
	}
	const short, long = 10 * time.Minute, 2 * time.Hour
	lengths := []time.Duration{short, short, short, long, long, long, 12 * time.Hour, 3 * 24 * time.Hour}
	for s.calm(random, 16*time.Hour) {
		end := kinds[random.IntN(len(kinds))](s.world)
		goesOn := s.calm(random, lengths[random.IntN(len(lengths))])
		end()
		if !goesOn {
			return
		}
	}
}

// What is accepted and listed within five minutes of an attempt is not sent again: these two together stay below that.
const (
	latestAcceptance = 90 * time.Second
	latestListing    = 3 * time.Minute
)

// farthestClock is how wrong Aligo's clock may be, which is also the one of receipts.
const farthestClock = 5 * time.Minute

// moods are how Aligo behaves for some hours each: its history lags, and shows other texts. Its clock is wrong all the time.
func (s *storm) moods(random *rand.Rand) {
	changes := []aligotest.TextChange{
		aligotest.TextEscaped, aligotest.TextBR, aligotest.TextCollapsed, aligotest.TextSuffixed, aligotest.TextNoEmoji, aligotest.TextCut,
		aligotest.TextOther,
	}
	// A clock that jumps before a call, and was not seen since, hides the call, see clockSkew in package aligo: it is wrong, but
	// steadily.
	ahead := message.Duration(random.Int64N(int64(2*farthestClock))) - message.Duration(farthestClock)
	for first := true; first || s.calm(random, 3*time.Hour); first = false {
		b := aligotest.Behaviour{ClockAhead: ahead}
		if random.IntN(2) == 0 {
			b.ListedAfter = message.Duration(random.Int64N(int64(latestListing)))
		}
		b.EndIsMidnight = random.IntN(2) == 0
		for random.IntN(3) == 0 {
			b.Texts = append(b.Texts, changes[random.IntN(len(changes))])
		}
		if err := s.Aligo.SetBehaviour(b); err != nil {
			s.t.Error(err)
		}
	}
}

// switches puts the credentials of another account in force for some time, again and again: a key that somebody has mixed up.
func (s *storm) switches(random *rand.Rand) {
	for s.calm(random, 60*time.Hour) {
		s.useAccount(aligotest.OtherUserID, aligotest.OtherAPIKey)
		goesOn := s.calm(random, []time.Duration{10 * time.Minute, 2 * time.Hour, 12 * time.Hour}[random.IntN(3)])
		s.useAccount(aligotest.UserID, aligotest.APIKey)
		if !goesOn {
			return
		}
	}
}

// rotations put a new key before those that numbers are hashed with, again and again, but for no more than a parameter holds.
func (s *storm) rotations(random *rand.Rand) {
	keys := "local"
	for range 100 {
		if !s.calm(random, 60*time.Hour) {
			return
		}
		keys = fmt.Sprintf("%d %s", random.Uint64(), keys)
		s.useNumberKeys(keys)
	}
}

// reviews have the template withdrawn for a while now and then, and approved again with another text, long or short.
func (s *storm) reviews(random *rand.Rand) {
	texts := []string{
		"[마실상점] #{고객명}님, 주문 #{주문번호}을 받았습니다.",
		"#{고객명}님\r\n\r\n주문번호: #{주문번호}\r\n\r\n" + strings.Repeat("감사합니다. ", 20),
		"#{고객명} #{주문번호}",
	}
	state := func(to aligotest.TemplateState) {
		to.Code = "TX_1234"
		if err := s.Aligo.SetTemplateState(to); err != nil {
			s.t.Error(err)
		}
	}
	for s.calm(random, 30*time.Hour) {
		if random.IntN(2) == 0 {
			s.mu.Lock()
			s.reviewed = true
			s.mu.Unlock()
			state(aligotest.TemplateState{Status: "S"})
			s.calm(random, []time.Duration{time.Minute, time.Hour, 6 * time.Hour}[random.IntN(3)])
		}
		state(aligotest.TemplateState{Status: "A", Content: texts[random.IntN(len(texts))]})
	}
}

// calm waits for up to some time. It returns false, and at once, when the storm is over.
func (s *storm) calm(random *rand.Rand, most time.Duration) bool {
	select {
	case <-s.over:
		return false
	case <-time.After(time.Duration(random.Int64N(int64(most)))):
		return true
	}
}
