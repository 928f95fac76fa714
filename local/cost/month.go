// Package cost says what the system costs on AWS in Seoul (ap-northeast-2): for what was used, for a way that a message
// takes through the state machine, and for a month. The vendor's fee stands beside it.
//
// The prices are those of package price: list prices, without tax, free tiers and discounts.
package cost

import (
	"math"
	"time"

	"sms-api/internal/deployment"
	"sms-api/internal/deployment/price"
)

// Usage is a quantity of every item that AWS bills.
type Usage = price.Usage

// hours in a month.
const hours = price.HoursPerMonth

// watch puts the alarms of a deployment into what it uses, and the metrics that it counts for them.
func watch(u *Usage, w deployment.Watched) {
	all := deployment.Alarms(w)
	u[price.Alarms], u[price.Metrics] = float64(deployment.AlarmMetrics(all)), float64(deployment.CustomMetrics(all))
}

// Month is a month's traffic.
type Month struct {
	Messages float64
	// Recipients of each message, 1 to 500.
	Recipients int
	// Fallback is the share of recipients whom AlimTalk does not reach and who get an SMS, 0 to 1.
	Fallback float64
	// LMS is the share of those whose text is longer than 90 bytes, 0 to 1.
	LMS float64
	// Looks at the receipts of each send, on average; 1 or more.
	Looks float64
	// Reads are requests for a message's status.
	Reads float64
	// ByEvent says that messages come as events and not through the API.
	ByEvent bool
}

// recipients of the month, and those of them who get an SMS and an LMS.
func (m Month) recipients() (all, sms, lms float64) {
	all = m.Messages * float64(m.Recipients)
	return all, all * m.Fallback * (1 - m.LMS), all * m.Fallback * m.LMS
}

// visits is how often a message goes to Send SMS, on average: once if anybody needs an SMS, and once if anybody needs an
// LMS.
func (m Month) visits() (sms, lms float64) {
	return m.atLeastOne(m.Fallback * (1 - m.LMS)), m.atLeastOne(m.Fallback * m.LMS)
}

// atLeastOne is how probably a message has a recipient of those that are this share of all.
func (m Month) atLeastOne(share float64) float64 { return 1 - math.Pow(1-share, float64(m.Recipients)) }

// fallback is what the SMS of the month use in the state machine.
func (m Month) fallback() Usage {
	_, sms, lms := m.recipients()
	visitsSMS, visitsLMS := m.visits()
	// Before an SMS the AlimTalk's receipts are looked at once more.
	u := readAlimTalk(float64(m.Recipients)).Plus(recordTold(float64(m.Recipients)))
	u[price.Transitions] = 3 // Wait for receipts, Read receipts, Settled?
	u = u.Times(m.atLeastOne(m.Fallback) * m.Messages)
	for _, kind := range []struct{ visits, recipients float64 }{{visitsSMS * m.Messages, sms}, {visitsLMS * m.Messages, lms}} {
		if kind.visits == 0 {
			continue
		}
		each := kind.recipients / kind.visits
		// The guard is written over that of the AlimTalk, which had everybody in it.
		leg := send(each).Plus(readSMS(each)).Plus(tableAnswered(float64(m.Recipients)))
		leg = leg.Plus(recordTold(float64(m.Recipients)).Times(2)) // the send and the receipts
		leg[price.Transitions] = 4                                 // Send SMS, Wait for receipts, Read receipts, Settled?
		u = u.Plus(leg.Times(kind.visits))
	}
	return u
}

// looks is what a further look at the receipts of every send of the month uses.
func (m Month) looks() Usage {
	visitsSMS, visitsLMS := m.visits()
	u := readAlimTalk(float64(m.Recipients)).Plus(readSMS(float64(m.Recipients) * m.Fallback).Times(visitsSMS + visitsLMS))
	u = u.Plus(recordTold(float64(m.Recipients)).Times(1 + visitsSMS + visitsLMS))
	u[price.Transitions] = 3 * (1 + visitsSMS + visitsLMS) // Wait for receipts, Read receipts, Settled?
	return u.Times(m.Messages)
}

// Usage is what is used because messages are sent.
func (m Month) Usage() Usage {
	u := Door(m.ByEvent, m.Recipients).Plus(delivered().Usage(m.Recipients)).Times(m.Messages)
	u = u.Plus(m.fallback()).Plus(m.looks().Times(m.Looks - 1)).Plus(visit().Plus(recordRead()).Times(m.Reads * m.Messages))
	u[price.Traces] = sampled(u[price.Traces])
	u[price.Decryptions] = m.decryptions()
	return u
}

// sampled is how many of the requests of a month X-Ray records: the first of every second, and 5 % of the others.
//
// https://docs.aws.amazon.com/xray/latest/devguide/xray-console-sampling.html
func sampled(requests float64) float64 {
	const reservoir = hours * 3600
	return min(requests, reservoir+0.05*(requests-reservoir))
}

// decryptions are those of the four parameters with Aligo's credentials and of the key that numbers are hashed with, which
// every environment of a function that calls Aligo reads again after five minutes. What is invoked more rarely reads them each
// time.
func (m Month) decryptions() float64 {
	const parameters, ttl = 5, 5 * time.Minute
	if m.Messages == 0 {
		return 0
	}
	visitsSMS, visitsLMS := m.visits()
	sends := m.Messages * (visitsSMS + visitsLMS)
	var reads float64
	for _, invocations := range []float64{m.Messages, m.Messages, (m.Messages + sends) * m.Looks, sends} { // door, alimtalk, receipts, sms
		busy := invocations * (aligoSeconds + ownSeconds) / (hours * 3600)
		reads += min(invocations, math.Ceil(busy)*hours*float64(time.Hour/ttl))
	}
	return parameters * reads
}

// Fixed is what a deployment uses in a month without a message.
func Fixed() Usage {
	var u Usage
	u[price.GatewayHours] = hours
	u[price.AddressHours] = hours
	watch(&u, deployment.Watched{Gateways: 1})
	u[price.Dashboards] = deployment.Dashboards
	u[price.QueueRequests] = deployment.EventPolls(hours)
	return u
}

// Fee is what Aligo asks for the month's messages, in KRW. An AlimTalk that was not delivered is paid back.
type Fee struct {
	AlimTalk, SMS, LMS float64
}

// Total is the whole fee.
func (f Fee) Total() float64 { return f.AlimTalk + f.SMS + f.LMS }

// Fee is the vendor's.
func (m Month) Fee() Fee {
	all, sms, lms := m.recipients()
	return Fee{AlimTalk: (all - sms - lms) * price.AlimTalkKRW, SMS: sms * price.SMSKRW, LMS: lms * price.LMSKRW}
}

// Alternative is another way of building it.
type Alternative struct {
	Name string
	// Usage of the month in all.
	Usage Usage
	// Note says what comes with it.
	Note string
}

// Alternatives to what is deployed by default.
func (m Month) Alternatives() []Alternative {
	base := Fixed().Plus(m.Usage())

	instance := base
	instance[price.GatewayHours], instance[price.NAT] = 0, 0
	instance[price.InstanceHours], instance[price.Disk] = hours, price.InstanceDisk

	zones := base
	zones[price.GatewayHours], zones[price.AddressHours] = 2*hours, 2*hours
	watch(&zones, deployment.Watched{Gateways: 2})

	counted, daily := base, base
	watch(&counted, deployment.Watched{Gateways: 1, Open: true})
	watch(&daily, deployment.Watched{Gateways: 1, Open: true, Daily: true})

	hook := base
	watch(&hook, deployment.Watched{Gateways: 1, Webhooks: true})
	hook[price.Deliveries] = m.Messages

	key := base
	key[price.Keys] = 1

	express := base
	visitsSMS, visitsLMS := m.visits()
	const leg, chunk = 6.0, 64.0 / 1024 // seconds of a send with its wait for receipts; GB, the smallest that is billed
	express[price.Transitions] = 0
	express[price.ExpressRequests] = m.Messages
	express[price.ExpressCompute] = m.Messages * leg * (1 + visitsSMS + visitsLMS) * m.Looks * chunk

	failover := base.Plus(m.fallback().Times(-1))

	return []Alternative{
		{"NAT instance (t4g.nano)", instance, "one small machine: while it is replaced nothing goes out, and keeping it patched is yours"},
		{"a NAT gateway in each of two zones", zones, "survives the loss of a zone; two addresses to register with Aligo"},
		{"ads:*, or limits of trusted callers", counted,
			"the alarm doors-open and its metric; what counting takes of the table is not in the figure"},
		{"limits:dailyRecipients", daily, "that and the alarms at 70, 90 and 100 % with theirs"},
		{"a webhook for every outcome", hook, "a call for each message, and the alarm; AWS keeps the secret for nothing"},
		{"customer managed key", key, "and requests to KMS, below a dollar for a million messages"},
		{"a second look at every receipt", base.Plus(m.looks()), "what it costs when receipts come later than the first look"},
		{"Express workflow", express,
			"not for this machine: it ends after 5 minutes, may run twice, has no unique names and no history; a database for those is not in the " +
				"figure"},
		{"Aligo's own failover=Y", failover, "Aligo decides which failures get an SMS and when; nobody can tell afterwards why, or hold it back"},
	}
}
