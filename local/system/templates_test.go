package system

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/internal/deployment"
	"sms-api/internal/template"
)

// A message that arrives is a use of its template, which the function of templates knows.
func TestAUseOfATemplateIsNoted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		id := w.post(`{"template":"TX_3456","recipients":[{"to":"010-1234-5678","variables":{"인증번호":"482915"}}]}`)
		w.settle(id)
		time.Sleep(time.Minute) // until it is recorded
		out, err := w.AWS.Invoke(t.Context(), deployment.Templates, []byte(`{"do":"list"}`))
		if err != nil {
			t.Fatal(err)
		}
		var a template.Answer
		if err := json.Unmarshal(out, &a); err != nil {
			t.Fatal(err)
		}
		used := func(code string) *time.Time {
			i := slices.IndexFunc(a.Listed, func(l template.Listed) bool { return l.Code == code })
			return a.Listed[i].UnusedSince
		}
		if got := used("TX_3456"); got == nil || time.Since(*got) > time.Hour || a.Listed[0].Dormancy != "" {
			t.Errorf("TX_3456 is unused since %v", got)
		}
		if got := used("TX_1234"); got != nil {
			t.Errorf("TX_1234, of which nothing is known, is unused since %v", got)
		}
	})
}
