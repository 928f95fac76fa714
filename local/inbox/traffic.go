package inbox

import (
	"maps"
	"sync"

	"sms-api/awslocal/asl"
	"sms-api/internal/deployment/price"
)

// Traffic counts the branches that executions take. Its Trace goes into awsapi.Options, and it itself into Options. The
// zero value is ready to use.
type Traffic struct {
	mu     sync.Mutex
	taken  map[string]int
	notify func()
}

// Trace counts a branch by its path, as asl.Env has it.
func (t *Traffic) Trace(path string) {
	t.mu.Lock()
	if t.taken == nil {
		t.taken = map[string]int{}
	}
	t.taken[path]++
	notify := t.notify
	t.mu.Unlock()
	if notify != nil {
		notify()
	}
}

// hear has notify called after each branch.
func (t *Traffic) hear(notify func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notify = notify
}

func (t *Traffic) counts() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.taken)
}

func (t *Traffic) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taken = nil
}

// usage is what AWS and Aligo charge for, since the page was cleared.
type usage struct {
	// Messages is how many messages were started.
	Messages int `json:"messages"`
	// Transitions are states entered and tasks tried again.
	Transitions int `json:"transitions"`
	// Invocations are of the functions that the state machine calls.
	Invocations int `json:"invocations"`
	// Events are those that the state machine puts on the bus.
	Events int `json:"events"`
	// AlimTalk, SMS, LMS and MMS are messages that arrived on phones.
	AlimTalk int `json:"alimtalk"`
	SMS      int `json:"sms"`
	LMS      int `json:"lms"`
	MMS      int `json:"mms"`
}

const (
	invokeResource    = "arn:aws:states:::lambda:invoke"
	putEventsResource = "arn:aws:states:::events:putEvents"
)

// count adds what a number of executions and the branches they took have used.
func (u *usage) count(states []asl.StateInfo, started int, taken map[string]int) {
	byName := map[string]asl.StateInfo{}
	for _, s := range states {
		byName[s.Name] = s
	}
	enter := func(s asl.StateInfo, n int) {
		u.Transitions += n
		switch s.Resource {
		case invokeResource:
			u.Invocations += n
		case putEventsResource:
			u.Events += n
		}
	}
	u.Messages += started
	for _, s := range states {
		if s.Start && s.Parent == "" {
			enter(s, started)
		}
		for _, r := range s.Retriers {
			enter(s, taken[r.Path])
		}
		for _, t := range s.Transitions {
			enter(byName[t.Target], taken[t.Path])
		}
	}
}

// bill is what a usage costs, without what is paid by the month and what depends on how long functions run.
type bill struct {
	// AWS is in US dollars.
	AWS float64 `json:"aws"`
	// Aligo is in won, without VAT.
	Aligo float64 `json:"aligo"`
}

func (u *usage) bill() bill {
	return bill{
		AWS: price.Seoul().Cost(price.Usage{
			price.Transitions: float64(u.Transitions), price.Invocations: float64(u.Invocations), price.Events: float64(u.Events),
		}),
		Aligo: float64(u.AlimTalk)*listPrice("AT") + float64(u.SMS)*listPrice("SMS") + float64(u.LMS)*listPrice("LMS") +
			float64(u.MMS)*listPrice("MMS"),
	}
}

// listPrice is Aligo's list price of a message by its type, in won, without VAT.
func listPrice(kind string) float64 {
	switch kind {
	case "AT":
		return price.AlimTalkKRW
	case "SMS":
		return price.SMSKRW
	case "LMS":
		return price.LMSKRW
	}
	return price.MMSKRW
}
