package cost

import (
	"math"
	"time"

	"sms-api/internal/deployment"
	"sms-api/internal/deployment/price"
	"sms-api/internal/message"
	"sms-api/statemachine"
)

// Campaign is a file that goes out as messages of up to 500 recipients.
type Campaign struct {
	Recipients int
	// Rate is how many of them a minute are handed out.
	Rate int
	// Fallback, LMS and Looks are those of a Month.
	Fallback, LMS, Looks float64
	// Heeded says that opt-outs are looked for, as for advertising: when the file is planned, when a message starts and before it
	// is sent.
	Heeded bool
	// Reads are requests for how far it is.
	Reads float64
}

// What the figures assume of campaigns, besides what they assume of messages.
const (
	// turnEvery is how often chunks are handed out, and lastReceipts for how long receipts are waited for after the last of them.
	turnEvery, lastReceipts = 30 * time.Second, 5 * time.Minute
	// campaignBytes is the item of a campaign with a plan that has some errors in it.
	campaignBytes = 6 << 10
	// changes is how often the item is changed for each chunk (it is open, the next is due, it was started), and writes how many
	// of these write it.
	changes, writes = 3, 2
	// objectSeconds is one request to S3.
	objectSeconds = 0.05
	// planSeconds and reportSeconds are what a row takes of one processor. The former was measured, BenchmarkPlan of
	// internal/campaign.
	planSeconds, reportSeconds = 9e-6, 4e-6
	// processorMB is the memory with which Lambda gives a function one processor:
	// https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
	processorMB = 1769.0
	// Bytes of a recipient in the file that is uploaded and in the report.
	uploadBytes, reportBytes = 80, 110
	// listed is how many keys S3 lists at a time.
	listed = 1000
	// environments is how many of the functions that read parameters run at a time, each of which reads them every five minutes.
	environments, parametersRead = 10, 5
)

// Messages is in how many chunks it goes.
func (c Campaign) Messages() int {
	return (c.Recipients + message.MaxRecipients - 1) / message.MaxRecipients
}

// Sending is how long it takes to hand all of them out.
func (c Campaign) Sending() time.Duration {
	return time.Duration(float64(c.Recipients) / float64(c.Rate) * float64(time.Minute))
}

// turns is how often the machine asks what is due. A chunk that takes longer than a turn is waited for.
func (c Campaign) turns() int {
	every := max(turnEvery, c.Sending()/time.Duration(max(1, c.Messages())))
	return int(math.Ceil(float64(c.Sending())/float64(every))) + int(lastReceipts/turnEvery)
}

// The states of the machine of campaigns that call no function.
const (
	begin, next, pause   = "Begin", "Next?", "Wait for the next turn"
	keep, deletion, done = "Keep the files", "Delete the files", "Done"
)

// ways are the states that the executions of a campaign enter which somebody starts after a look at its plan: that which plans it
// and would have deleted it, and that which sends it.
func (c Campaign) ways() [][]string {
	turn := []string{statemachine.CampaignTurn, next}
	return [][]string{
		{begin, statemachine.CampaignPlan, next, keep, deletion, done},
		way([]string{begin}, turn, times(c.turns()-1, append([]string{pause}, turn...)...),
			[]string{statemachine.CampaignReport, keep, deletion, done}),
	}
}

// messages are the chunks as a month's traffic, by nobody's door.
func (c Campaign) messages() Month {
	n := c.Messages()
	return Month{
		Messages: float64(n), Recipients: (c.Recipients + n - 1) / max(1, n), Fallback: c.Fallback, LMS: c.LMS, Looks: max(1, c.Looks),
	}
}

// Usage is what a campaign uses, all in all.
func (c Campaign) Usage() Usage {
	if c.Recipients == 0 {
		return Usage{}
	}
	m := c.messages()
	u := delivered().Usage(m.Recipients).Plus(recordAccepted(float64(m.Recipients))).Times(m.Messages)
	u = u.Plus(m.fallback()).Plus(m.looks().Times(m.Looks - 1))
	if c.Heeded { // by what sends; the two others are below
		u = u.Plus(c.heeds())
	}
	return u.Plus(c.Own())
}

// heeds is to look for each recipient once whether he has opted out, which reads items a hundred at a time, and for each chunk with
// which keys the list was written.
func (c Campaign) heeds() Usage {
	n := float64(c.Recipients + c.Messages())
	return table(math.Ceil(n/100), 0, n)
}

// Own is what it uses besides its messages: its requests, its plan, the machine with its turns, the report, and the files.
func (c Campaign) Own() Usage {
	chunks, n := float64(c.Messages()), float64(c.Recipients)
	// It is made, uploaded to and started, and asked after.
	u := visit().Times(2).Plus(item(1, 0)).Plus(item(1, 1)).Plus(visit().Plus(item(1, 0)).Times(c.Reads))
	u = u.Plus(objects(1, 0)).Plus(c.plan()).Plus(c.handOut()).Plus(c.report())
	for _, states := range c.ways() {
		u[price.Transitions] += float64(len(states))
	}
	// Files and reports are kept for a week after it.
	days := float64(deployment.FilesGone(7)) - deployment.LongestCampaign.Hours()/24
	u[price.Objects] = n * (uploadBytes + startBytes + reportBytes) / gigabyte * (days + 1) / 30
	u[price.Events] += chunks + 4 // each object that is written is announced, and so are the plan and the end
	u[price.Traces] += 2
	u[price.Decryptions] = environments * parametersRead * math.Ceil((c.Sending()+lastReceipts).Minutes()/5)
	return u
}

// runs is one invocation of a function of campaigns that takes so long in all, of which so many seconds of one processor.
func runs(name string, waiting, processor float64) Usage {
	f, _ := deployment.FunctionNamed(name)
	var u Usage
	u[price.Invocations] = 1
	u[price.Compute] = (ownSeconds + waiting + processor*max(1, processorMB/float64(f.Memory))) * float64(f.Memory) / 1024
	u[price.Logs] = logBytes / float64(gigabyte)
	return u
}

// objects are requests to S3 that write and read.
func objects(writes, reads float64) Usage {
	var u Usage
	u[price.ObjectWrites], u[price.ObjectReads] = writes, reads
	return u
}

// item is a look at a campaign, and a change of it.
func item(reads, writes float64) Usage {
	return table(reads+writes, writes*math.Ceil(campaignBytes/float64(writeUnit)), reads*math.Ceil(campaignBytes/float64(readUnit)))
}

// plan is the function that checks the file. Of Aligo it asks for the templates and the balance.
func (c Campaign) plan() Usage {
	chunks, n := float64(c.Messages()), float64(c.Recipients)
	u := calls(2, 0, 0).Plus(objects(chunks+2, 1)).Plus(item(2, 2))
	waiting := (chunks + 3) * objectSeconds
	if c.Heeded {
		u = u.Plus(c.heeds())
		waiting += math.Ceil(n/100) * tableSeconds
	}
	return u.Plus(runs("plan", waiting, n*planSeconds))
}

// handOut are the turns, which start the chunks' messages and look at those that are open.
func (c Campaign) handOut() Usage {
	chunks, turns := float64(c.Messages()), float64(c.turns())
	// Each chunk is open for two turns.
	looks := recordRead().Times(2 * chunks)
	u := item(2*turns+changes*chunks, turns+writes*chunks).Plus(looks).Plus(objects(0, chunks))
	u[price.NAT] += (chunks*(callBytesOut+callBytesIn) + float64(c.Recipients)*startBytes) / gigabyte
	if c.Heeded {
		u = u.Plus(c.heeds())
	}
	each := (chunks*(objectSeconds+awsSeconds+(changes+writes)*tableSeconds) + 2*chunks*tableSeconds) / turns
	return u.Plus(runs("campaign", each+3*tableSeconds, 0).Times(turns))
}

// report is the function that writes it, and deletes everything later, once for the execution that has planned it and once for that
// which has sent it.
func (c Campaign) report() Usage {
	chunks := float64(c.Messages())
	u := recordRead().Times(chunks).Plus(objects(1, chunks+1)).Plus(item(2, 1))
	u = u.Plus(runs("report", (chunks+2)*objectSeconds+chunks*tableSeconds, float64(c.Recipients)*reportSeconds))
	lists := math.Ceil((chunks + 4) / listed)
	u = u.Plus(objects(lists+1, 0)).Plus(item(2, 0))
	return u.Plus(runs("report", (chunks+5)*objectSeconds, 0)).Plus(runs("report", objectSeconds, 0))
}

// Fee is the vendor's.
func (c Campaign) Fee() Fee { return c.messages().Fee() }

// Hand is a way to hand out the chunks of a campaign.
type Hand struct {
	Name string
	// Usage is what only this way uses.
	Usage Usage
	Note  string
}

// Hands are the way that is deployed and the other that there is: a Distributed Map over a list of the chunks, each of which is an
// execution that starts the chunk's message and waits for its end, since only what has not ended is held against the most that
// may be open at a time. EXPRESS executions end after five minutes and cannot wait for that.
//
// https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
func (c Campaign) Hands() []Hand {
	loop := c.handOut()
	loop[price.Transitions] = float64(3 * c.turns())
	chunks := float64(c.Messages())
	mapped := runs("campaign", objectSeconds+awsSeconds+(1+1)*tableSeconds, 0).Times(chunks).Plus(objects(1, chunks+1))
	mapped = mapped.Plus(recordRead().Times(chunks))
	mapped[price.NAT] = loop[price.NAT]
	if c.Heeded {
		mapped = mapped.Plus(c.heeds())
	}
	mapped[price.Transitions] = 1 + 3*chunks // the map; of each chunk its start, the function, and the wait for its end
	return []Hand{
		{"a loop that hands out what is due", loop, "as deployed"},
		{"a Distributed Map over the chunks", mapped,
			"no rate, only how many are open; stopped as a whole and begun anew, and not when a message is parked"},
	}
}
