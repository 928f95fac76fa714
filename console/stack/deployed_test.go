package stack

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/deployment"
)

// What runs is read of the functions: the newest says which version it is, and one that was left behind is seen.
func TestDeployed(t *testing.T) {
	t.Parallel()
	asked := 0
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/2015-03-31/functions/sms-api-prod-"), "/configuration")
		description, at := "sms-api 1.4.0: does something", "2026-12-01T03:00:00.000+0000"
		switch name {
		case deployment.Sweep: // which a stack of an earlier version does not have
			w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
			w.WriteHeader(http.StatusNotFound)
			_, _ = fmt.Fprint(w, `{"Message":"Function not found"}`)
			return
		case "alimtalk":
			description, at = "sms-api 1.5.0: sends", "2026-12-01T03:00:07.000+0000"
		case deployment.Balance:
			description = "sms-api: reads the balance"
		}
		_, _ = fmt.Fprintf(w, `{"Description":%q,"LastModified":%q,"Environment":{"Variables":{"EGRESS_IPS":"203.0.113.1,203.0.113.2"}}}`,
			description, at)
	}))
	defer cloud.Close()
	s := prod(cloud)
	now := time.Date(2026, 12, 1, 4, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { return now }
	d, err := s.Deployed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.EgressIPs, []string{"203.0.113.1", "203.0.113.2"}) || d.Version != "1.5.0" ||
		!d.At.Equal(time.Date(2026, 12, 1, 3, 0, 7, 0, time.UTC)) || len(d.Functions) != len(deployment.Functions())-1 {
		t.Errorf("it is %+v", d)
	}
	for _, f := range d.Functions {
		want := map[string]string{"alimtalk": "1.5.0", deployment.Balance: ""}
		if version, ok := want[f.Name]; f.Version != version && (ok || f.Version != "1.4.0") {
			t.Errorf("%s has the version %q", f.Name, f.Version)
		}
	}
	once := asked
	for _, later := range []struct {
		by    time.Duration
		asked int
	}{{deployedFor - time.Second, once}, {2 * time.Second, 2 * once}} {
		now = now.Add(later.by)
		if _, err := s.Deployed(t.Context()); err != nil || asked != later.asked {
			t.Errorf("after %v: %d calls, want %d %v", later.by, asked, later.asked, err)
		}
	}
}
