package stack

import (
	"context"
	"net/http"
	"slices"
	"time"

	"sms-api/console/page"
	"sms-api/internal/aligo"
	"sms-api/internal/template"
)

// TemplateState is a template at Aligo, as far as somebody has to look after it.
type TemplateState struct {
	Code string `json:"code"`
	Name string `json:"name"`
	// State is approved, review, draft, rejected, stopped, soon or dormant; the last two are of approved ones that nobody uses.
	State string `json:"state"`
	// Words are the reviewer's.
	Words []string `json:"words,omitempty"`
	// UnusedSince is since when no use of it is known.
	UnusedSince *time.Time `json:"unusedSince,omitempty"`
}

// templatesFor is for how long Aligo is not asked for its templates again.
const templatesFor = 5 * time.Minute

// troubled are the states that somebody has to do something about, the worst first.
func troubled() []string { return []string{"stopped", "dormant", "rejected", "soon"} }

// TemplateStates lists Aligo's templates, those first that somebody has to do something about.
func (s *Stack) TemplateStates(ctx context.Context) ([]TemplateState, error) {
	s.mu.Lock()
	known, at := s.templates, s.templatesAt
	s.mu.Unlock()
	if !at.IsZero() && s.Now().Sub(at) < templatesFor {
		return known, nil
	}
	answer, err := s.Templates(ctx, template.Request{Do: template.DoList})
	switch {
	case err != nil:
		return nil, err
	case answer.Problem != "":
		return nil, problem(http.StatusBadGateway, page.ProblemType+"templates-unknown", "Aligo does not tell its templates", answer.Problem)
	}
	all := []TemplateState{}
	for _, l := range answer.Listed {
		state := TemplateState{Code: l.Code, Name: l.Name, State: stateOf(l), Words: l.Words, UnusedSince: l.UnusedSince}
		if l.Review == aligo.InspApproved {
			state.Words = nil // what a reviewer said before has been met
		}
		all = append(all, state)
	}
	rank := func(t TemplateState) int {
		if i := slices.Index(troubled(), t.State); i >= 0 {
			return i
		}
		return len(troubled())
	}
	slices.SortStableFunc(all, func(a, b TemplateState) int { return rank(a) - rank(b) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.templates, s.templatesAt = all, s.Now()
	return all, nil
}

func stateOf(l template.Listed) string {
	switch {
	case l.Review == aligo.InspRejected:
		return "rejected"
	case l.Review == aligo.InspRequested:
		return "review"
	case l.Review != aligo.InspApproved:
		return "draft"
	case l.Status == aligo.StatusStopped:
		return "stopped"
	case l.Dormancy != "":
		return string(l.Dormancy)
	}
	return "approved"
}
