package template

import (
	"fmt"
	"slices"
	"strings"

	"sms-api/internal/aligo"
)

// Locked is what is kept of a template that was written: the code that Aligo has given it, and digests of what was sent and of
// what Aligo listed then. Without digests it is one that was about to be written.
type Locked struct {
	Code string `yaml:"code"`
	Sent string `yaml:"sent,omitempty"`
	Seen string `yaml:"seen,omitempty"`
}

// Pulled says that others have written it: what they sent of what Aligo does not list is not known.
func (l Locked) Pulled() bool { return l.Sent == "" && l.Seen != "" }

// State is what lies between a file and Aligo.
type State string

// The states. Submit acts on the first three.
const (
	// Create is not at Aligo.
	Create State = "create"
	// Change is there, and can be changed to what the file says.
	Change State = "change"
	// Review is there as the file says, and has not been sent for review.
	Review State = "review"
	// Nothing is approved as the file says.
	Nothing State = "nothing"
	// Waiting is under review as the file says.
	Waiting State = "waiting"
	// Rejected was refused by the reviewer, and the file has not been changed since.
	Rejected State = "rejected"
	// Drift was changed at Aligo by hand.
	Drift State = "drift"
	// Stuck differs, and Aligo does not let it be changed.
	Stuck State = "stuck"
	// Stopped is approved and was stopped.
	Stopped State = "stopped"
	// Gone was there once.
	Gone State = "gone"
	// Doubled has several templates of its name at Aligo, and nothing says which is meant.
	Doubled State = "doubled"
	// Unsendable has parts that no call of Aligo's can send.
	Unsendable State = "unsendable"
	// Incomplete would have to be written, and its file leaves open what Aligo does not list.
	Incomplete State = "incomplete"
)

// Compared is a template and what lies between its file and Aligo.
type Compared struct {
	Template

	State State
	// Detail says what differs, or what to do; it may be empty.
	Detail string
	// At is the template as Aligo has it; nil when it is not there, or nobody knows which it is.
	At *Listed
}

// Acts says that submit has something to do.
func (c Compared) Acts() bool { return c.State == Create || c.State == Change || c.State == Review }

// Wrong says that somebody has to look.
func (c Compared) Wrong() bool {
	return !c.Acts() && c.State != Nothing && c.State != Waiting
}

// Find finds a template in Aligo's list: by its code, or without one by its name. many says that several have the name.
func Find(listed []Listed, code, name string) (found *Listed, many bool) {
	for i := range listed {
		switch l := &listed[i]; {
		case code != "" && l.Code == code:
			return l, false
		case code == "" && l.Name == name && found != nil:
			return nil, true
		case code == "" && l.Name == name:
			found = l
		}
	}
	return found, false
}

// Compare says what lies between a template's file and Aligo's list; locked is nil for a template that was not written yet.
func Compare(t Template, locked *Locked, listed []Listed) Compared {
	c := compare(t, locked, listed)
	if len(t.Unknown) > 0 && (c.State == Create || c.State == Change) {
		c.State, c.Detail = Incomplete, "the file leaves "+strings.Join(t.Unknown, ", ")+" open, which would have to be written anew"
	}
	return c
}

func compare(t Template, locked *Locked, listed []Listed) Compared {
	c := Compared{Template: t}
	var l Locked
	if locked != nil {
		l = *locked
	}
	found, many := Find(listed, l.Code, t.Name)
	switch {
	case many:
		c.State, c.Detail = Doubled, "Aligo has several templates of this name ("+strings.Join(codesNamed(listed, t.Name), ", ")+
			"): write the code of the one that is meant into the lock file"
		return c
	case found == nil && l.Code != "":
		c.State, c.Detail = Gone, "Aligo no longer has "+l.Code+": take its entry out of the lock file to create it anew"
		return c
	case found == nil:
		c.State = Create
		return c
	}
	c.At = found
	differs := Differences(t, found.Template)
	changedAtAligo := l.Seen != "" && found.Seen() != l.Seen
	var changedHere bool
	switch {
	case locked == nil:
		changedHere = len(differs) > 0
	case l == Locked{Code: l.Code}:
		// It was about to be written, and nobody knows how far that came.
		changedHere = len(differs) > 0 || found.Editable()
	case changedAtAligo && len(differs) == 0:
		// The file has followed what was changed by hand, or a submit was cut off after it had written: what was rejected before
		// that has to be written once more, for nobody knows whether its review was requested.
		changedHere = found.Review == aligo.InspRejected
	case l.Pulled():
		changedHere = len(differs) > 0
	default:
		changedHere = t.Sent() != l.Sent
	}
	parts := strings.Join(differs, ", ")
	switch {
	case len(found.Unsendable) > 0:
		c.State, c.Detail = Unsendable, "has "+strings.Join(found.Unsendable, ", ")+", which Aligo's API cannot send"
	case changedAtAligo && len(differs) > 0:
		c.State, c.Detail = Drift, "changed at Aligo by hand: "+parts+
			"; write into the file what is right, or let submit -overwrite write what the file says"
	case changedHere && found.Editable():
		c.State, c.Detail = Change, parts
	case changedHere && found.Review == aligo.InspRequested:
		c.State, c.Detail = Stuck, "is under review, until which Aligo does not let it be changed"
	case changedHere:
		c.State, c.Detail = Stuck, "is approved, and Aligo no longer lets it be changed: give the changed template a name of its own"
	case found.Review == aligo.InspRegistered:
		c.State = Review
	case found.Review == aligo.InspRequested:
		c.State = Waiting
	case found.Review == aligo.InspRejected:
		c.State, c.Detail = Rejected, "change what the reviewer has found, and submit again"
	case found.Status == aligo.StatusStopped:
		c.State, c.Detail = Stopped, "was stopped: ask Aligo why"
	default:
		c.State = Nothing
	}
	return c
}

func codesNamed(listed []Listed, name string) []string {
	var codes []string
	for _, l := range listed {
		if l.Name == name {
			codes = append(codes, l.Code)
		}
	}
	return codes
}

// Trouble is what a person has to look at of a template that a stack keeps an eye on.
type Trouble struct {
	Code, Name string
	// What is rejected, drift, stopped, gone, soon or dormant.
	What string
	// Detail says more, such as the reviewer's words.
	Detail string
}

// Troubles are those of the templates that are kept.
func Troubles(kept []Kept, listed []Listed) []Trouble {
	var all []Trouble
	for _, k := range kept {
		add := func(what, format string, args ...any) {
			all = append(all, Trouble{Code: k.Code, Name: k.Name, What: what, Detail: fmt.Sprintf(format, args...)})
		}
		i := slices.IndexFunc(listed, func(l Listed) bool { return l.Code == k.Code })
		if i < 0 {
			add(string(Gone), "Aligo no longer has it")
			continue
		}
		l := listed[i]
		if l.Review == aligo.InspRejected {
			add(string(Rejected), "%s", strings.Join(l.Words, "; "))
		}
		if k.Seen != "" && l.Seen() != k.Seen {
			add(string(Drift), "it was changed at Aligo by hand")
		}
		if l.Review == aligo.InspApproved && l.Status == aligo.StatusStopped {
			add(string(Stopped), "it is not sent any more")
		}
		if l.Dormancy != "" {
			add(string(l.Dormancy), "unused since %s", l.UnusedSince.Format("2006-01-02"))
		}
	}
	return all
}
