package cost

import (
	"math"
	"slices"

	"sms-api/internal/deployment"
	"sms-api/internal/deployment/price"
	"sms-api/statemachine"
)

// What the figures assume where nothing was measured. It matters little for a message to one recipient, whose cost is
// nearly all state transitions; those are counted.
const (
	// memory of a function as it is deployed, in GB.
	memory = deployment.DefaultMemory / 1024.0
	// aligoSeconds is one call of Aligo, twice what its own sample code speaks of (10 to 20 sends a second); awsSeconds
	// one of AWS; ownSeconds what a function takes besides, with its share of cold starts.
	aligoSeconds, awsSeconds, ownSeconds = 0.2, 0.05, 0.02
	// Bytes of log that an invocation leaves (Lambda's own three lines and ours), and a request at API Gateway.
	logBytes, accessLogBytes = 1300, 400
	// countBytes is the line with which a settled message is counted, one for each channel.
	countBytes = 700
	// Bytes that a call takes in each direction with its share of a TLS handshake, without recipients.
	callBytesOut, callBytesIn = 2500, 5500
	// Bytes of one recipient: in a send (URL-encoded Korean), in a page of receipts, in the start of an execution, and in
	// the event that announces the outcome.
	sendBytes, receiptBytes, startBytes, outcomeBytes = 1300, 1100, 300, 330
	// eventBytes is what EventBridge counts as one event.
	eventBytes = 64 << 10
	// gigabyte is AWS's.
	gigabyte = 1 << 30
)

// Rows on a page of receipts: what Aligo was seen to answer with for AlimTalk, whatever is asked for, and its documented
// largest page for SMS.
const (
	alimTalkPage = 50
	smsPage      = 500
)

// Path is a way that a message takes through the state machine.
type Path struct {
	Name string
	// States in the order in which they are entered.
	States []string
	// Retries of states after their first attempt. Each is billed as a transition.
	Retries int
	// Lookups are Reconcile's calls of Aligo's history.
	Lookups int
}

const (
	route        = statemachine.StateRoute
	sendAlimTalk = statemachine.StateSendAlimTalk
	sendSMS      = statemachine.StateSendSMS
	reconcile    = statemachine.StateReconcile
	settled      = statemachine.StateSettled
	lookAgain    = statemachine.StateWaitToLookAgain
	repair       = statemachine.StateWaitForRepair
	wait         = statemachine.StateWaitForReceipts
	read         = statemachine.StateReadReceipts
	announce     = statemachine.StateAnnounce
)

// way puts pieces of a path together.
func way(pieces ...[]string) []string { return slices.Concat(pieces...) }

// times is a piece of a path n times over.
func times(n int, piece ...string) []string { return slices.Repeat(piece, n) }

// Paths are the ways that a message may take, the usual ones first.
func Paths() []Path {
	begin, end := []string{route}, []string{announce}
	receipts := []string{wait, read, settled}
	byAlimTalk, bySMS := way([]string{sendAlimTalk}, receipts), way([]string{sendSMS}, receipts)
	return []Path{
		delivered(),
		{Name: "AlimTalk delivered, receipt at the second look", States: way(begin, byAlimTalk, receipts, end)},
		{Name: "AlimTalk not delivered, SMS instead", States: way(begin, byAlimTalk, receipts, bySMS, end)},
		{Name: "AlimTalk not delivered to some, SMS and LMS instead", States: way(begin, byAlimTalk, receipts, bySMS, bySMS, end)},
		{Name: "SMS only", States: way(begin, bySMS, end)},
		{Name: "scheduled, AlimTalk delivered", States: way(begin, []string{statemachine.StateWaitUntilSendTime}, begin, byAlimTalk, end)},
		{Name: "refused by Aligo, SMS instead", States: way(begin, []string{sendAlimTalk, reconcile, settled}, bySMS, end)},
		{Name: "refused by Aligo, no fallback", States: way(begin, []string{sendAlimTalk, reconcile, settled}, end)},
		{Name: "Aligo not reached at first, three retries", States: way(begin, byAlimTalk, end), Retries: 3},
		{Name: "answer lost, found in Aligo's history", States: way(begin, []string{sendAlimTalk, reconcile, settled}, receipts, end),
			Lookups: 2},
		// The history is looked at after 0, 5, 25, 105 and 300 s.
		{Name: "request lost, not found for 5 minutes, sent again",
			States: way(begin, []string{sendAlimTalk, reconcile, settled}, times(4, lookAgain, reconcile, settled), byAlimTalk, end), Lookups: 5},
		// Attempts after 1, 2, 4, 8 and then every 15 minutes.
		{Name: "parked for an hour", States: way(begin, times(7, sendAlimTalk, repair, settled), byAlimTalk, end)},
		{Name: "parked for twelve hours", States: way(begin, times(51, sendAlimTalk, repair, settled), byAlimTalk, end)},
		{Name: "advertising parked at 20:45, sent in the morning",
			States: way(begin, times(3, sendSMS, repair, settled), []string{sendSMS, statemachine.StateWaitForMorning}, bySMS, end)},
		// Looks after 5, 10, 20 s and so on, at 5 minutes, then up to every 15 minutes, and hourly after a day.
		{Name: "no receipt for 25 hours", States: way(begin, []string{sendAlimTalk}, times(104, receipts...), end)},
	}
}

func delivered() Path {
	return Path{Name: "AlimTalk delivered", States: []string{route, sendAlimTalk, wait, read, settled, announce}}
}

// Transitions is how many Step Functions bills.
func (p Path) Transitions() int { return len(p.States) + p.Retries }

// Invocations is how many functions the state machine calls.
func (p Path) Invocations() int {
	n, tasks := p.Retries, deployment.Tasks()
	for _, s := range p.States {
		if tasks[s] != "" {
			n++
		}
	}
	return n
}

// Calls is how often Aligo is called, without the list of templates, which a function reads every ten minutes at most.
func (p Path) Calls(recipients int) int {
	n, page := p.Lookups+p.Retries, alimTalkPage
	for _, s := range p.States {
		switch s {
		case sendAlimTalk:
			n, page = n+1, alimTalkPage
		case sendSMS:
			n, page = n+1, smsPage
		case read:
			n += pages(float64(recipients), page)
		}
	}
	return n
}

// Usage is what the state machine uses for a message that takes the path, with everybody in every call.
func (p Path) Usage(recipients int) Usage {
	n := float64(recipients)
	var u Usage
	u[price.Transitions] = float64(p.Transitions())
	u[price.Events] = chunks(n * outcomeBytes)
	u[price.Traces] = 1
	channel, tasks := readAlimTalk, deployment.Tasks()
	for _, s := range p.States {
		switch {
		case s == sendAlimTalk:
			u, channel = u.Plus(send(n)), readAlimTalk
		case s == sendSMS:
			u, channel = u.Plus(send(n)), readSMS
		case s == read:
			u = u.Plus(channel(n))
		case s == announce:
			u = u.Plus(counted(2))
		case tasks[s] != "":
			u = u.Plus(function(0, 0, 0))
		}
	}
	retries := function(1, 0, 0).Times(float64(p.Retries))
	lookups := calls(float64(p.Lookups), 0, 0)
	return u.Plus(retries).Plus(lookups).Plus(p.tableUsage(n)).Plus(p.recordUsage(n))
}

// counted is the function that counts an outcome in so many channels.
func counted(channels float64) Usage {
	u := function(0, 0, 0)
	u[price.Logs] += channels * countBytes / gigabyte
	return u
}

// send is the function that sends to n recipients.
func send(n float64) Usage { return function(1, n*sendBytes, 0) }

// readAlimTalk and readSMS are the function that reads the receipts of n recipients.
func readAlimTalk(n float64) Usage {
	return function(float64(pages(n, alimTalkPage)), 0, n*receiptBytes)
}

func readSMS(n float64) Usage { return function(float64(pages(n, smsPage)), 0, n*receiptBytes) }

// function is one invocation that calls Aligo so often, with these bytes in all.
func function(n, out, in float64) Usage {
	u := calls(n, out, in)
	u[price.Invocations] = 1
	u[price.Compute] += ownSeconds * memory
	u[price.Logs] = logBytes / float64(gigabyte)
	return u
}

// calls is what n calls of Aligo use in a function that runs anyway.
func calls(n, out, in float64) Usage {
	var u Usage
	out += n * callBytesOut
	in += n * callBytesIn
	u[price.Compute] = n * aligoSeconds * memory
	u[price.NAT] = (out + in) / gigabyte
	u[price.Egress] = out / gigabyte
	return u
}

func pages(rows float64, size int) int { return max(1, int(math.Ceil(rows/float64(size)))) }

// chunks is how many events EventBridge counts.
func chunks(bytes float64) float64 { return max(1, math.Ceil(bytes/eventBytes)) }

// Door is what a message uses before the state machine has it: an event or a request, the function that takes it, the start of
// the execution, and the event that announces it where an event has asked for it.
func Door(byEvent bool, recipients int) Usage {
	u := visit()
	u[price.NAT] += float64(recipients) * startBytes / gigabyte
	u = u.Plus(recordAccepted(float64(recipients)))
	if byEvent {
		u[price.Requests] = 0
		u[price.Events] = chunks(float64(recipients)*startBytes) + 1
		// It is put into the queue, received from it and deleted there.
		u[price.QueueRequests] = 2*chunks(float64(recipients)*startBytes) + 1
		u[price.Compute] += awsSeconds * memory
		u[price.NAT] += (callBytesOut + callBytesIn) / float64(gigabyte)
		u[price.Logs] -= accessLogBytes / float64(gigabyte)
	}
	return u
}

// visit is a request to the API that makes one call of AWS.
func visit() Usage {
	var u Usage
	u[price.Requests] = 1
	u[price.Invocations] = 1
	u[price.Compute] = (ownSeconds + awsSeconds) * memory
	u[price.Logs] = (logBytes + accessLogBytes) / float64(gigabyte)
	u[price.NAT] = (callBytesOut + callBytesIn) / float64(gigabyte)
	u[price.Traces] = 1
	return u
}
