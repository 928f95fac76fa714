package stack

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sms-api/console/page"
	"sms-api/internal/aligo"
	"sms-api/internal/template"
)

// Templates are told by what is to be done about them, the worst first, and Aligo is not asked each time that a page is drawn.
func TestTemplateStates(t *testing.T) {
	t.Parallel()
	named := func(name, review, status string, dormancy template.Dormancy, words ...string) template.Listed {
		return template.Listed{
			Template: template.Template{Name: name}, Code: "T_" + name, Review: review, Status: status, Dormancy: dormancy, Words: words,
		}
	}
	answer := template.Answer{Listed: []template.Listed{
		named("used", aligo.InspApproved, aligo.StatusNormal, "", "too vague, before it was changed"),
		named("new", aligo.InspApproved, aligo.StatusWaiting, ""),
		named("soon", aligo.InspApproved, aligo.StatusNormal, template.DormantSoon),
		named("refused", aligo.InspRejected, aligo.StatusWaiting, "", "too vague"),
		named("asked", aligo.InspRequested, aligo.StatusWaiting, ""), named("written", aligo.InspRegistered, aligo.StatusWaiting, ""),
		named("slept", aligo.InspApproved, aligo.StatusNormal, template.Dormant), named("halted", aligo.InspApproved, aligo.StatusStopped, ""),
	}}
	asked := 0
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; !strings.HasSuffix(r.URL.Path, "/functions/sms-api-prod-templates/invocations") {
			t.Errorf("asked is %s", r.URL.Path)
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer cloud.Close()
	s := prod(cloud)
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { return now }
	var told []string
	for range 2 {
		states, err := s.TemplateStates(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		told = nil
		for _, x := range states {
			told = append(told, x.Name+" "+x.State+" "+strings.Join(x.Words, ""))
		}
	}
	const want = "halted stopped |slept dormant |refused rejected too vague|soon soon |used approved |new approved |asked review |" +
		"written draft "
	if got := strings.Join(told, "|"); got != want || asked != 1 {
		t.Errorf("they are %s, after %d calls; want %s", got, asked, want)
	}
	now, answer = now.Add(templatesFor), template.Answer{Problem: "the address is not registered"}
	_, err := s.TemplateStates(t.Context())
	var p *page.ProblemError
	if !errors.As(err, &p) || !strings.Contains(p.Detail, "not registered") {
		t.Errorf("it says %v", err)
	}
}
