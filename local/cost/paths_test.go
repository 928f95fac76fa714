package cost

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"sms-api/internal/deployment"
	"sms-api/internal/deployment/price"
	"sms-api/internal/testkit/machinetest"
	"sms-api/statemachine"
)

// machine is what the paths are held against: the deployed definition.
type machine struct {
	StartAt string
	States  map[string]struct {
		Type, Resource, Next, Default string
		End                           bool
		Choices, Catch                []struct{ Next string }
		Retry                         []json.RawMessage
	}
}

func TestPathsAreWaysThroughTheMachine(t *testing.T) {
	t.Parallel()
	m := machinetest.As[machine](t)
	visited, names := map[string]bool{}, map[string]bool{}
	for _, p := range Paths() {
		if names[p.Name] {
			t.Errorf("%s is there twice", p.Name)
		}
		names[p.Name] = true
		if first, last := p.States[0], p.States[len(p.States)-1]; first != m.StartAt || !m.States[last].End {
			t.Errorf("%s goes from %s to %s", p.Name, first, last)
		}
		functions, retried := p.Retries, false
		for i, name := range p.States {
			s, ok := m.States[name]
			if !ok {
				t.Errorf("%s: there is no state %q", p.Name, name)
			}
			visited[name] = true
			retried = retried || len(s.Retry) > 0
			if s.Resource == "arn:aws:states:::lambda:invoke" {
				functions++
			}
			ways := []string{s.Next, s.Default}
			for _, c := range append(s.Choices, s.Catch...) {
				ways = append(ways, c.Next)
			}
			if i+1 < len(p.States) && !slices.Contains(ways, p.States[i+1]) {
				t.Errorf("%s: %s does not lead to %s", p.Name, name, p.States[i+1])
			}
		}
		if functions != p.Invocations() {
			t.Errorf("%s calls %d functions, not %d", p.Name, functions, p.Invocations())
		}
		if p.Retries > 0 && !retried {
			t.Errorf("%s: nothing on the way is retried", p.Name)
		}
	}
	for name := range m.States {
		if !visited[name] && name != statemachine.StateSaveEvents { // after thousands of them
			t.Errorf("no path visits %s", name)
		}
	}
}

// TestWhatAPathTakesIsBilled: how much that is for each path stands in testdata/month.txt.
func TestWhatAPathTakesIsBilled(t *testing.T) {
	t.Parallel()
	for _, p := range Paths() {
		u := p.Usage(500)
		// What is announced is counted by a function that the state machine does not call.
		if u[price.Transitions] != float64(p.Transitions()) || u[price.Invocations] != float64(p.Invocations()+1) {
			t.Errorf("%s: %v transitions and %v invocations are billed", p.Name, u[price.Transitions], u[price.Invocations])
		}
	}
}

// TestEveryTaskIsReckoned: what a function may ask of Aligo and of the table, some path counts.
func TestEveryTaskIsReckoned(t *testing.T) {
	t.Parallel()
	for state, name := range deployment.Tasks() {
		calls, table := false, false
		for _, p := range Paths() {
			less := p
			less.States = slices.DeleteFunc(slices.Clone(p.States), func(s string) bool { return s == state })
			if state == reconcile {
				less.Lookups = 0
			}
			calls = calls || p.Calls(1) != less.Calls(1)
			table = table || p.tableUsage(1) != less.tableUsage(1)
		}
		f, _ := deployment.FunctionNamed(name)
		for _, may := range f.Permissions {
			if may.On == deployment.Credentials && !calls {
				t.Errorf("%s has the credentials, and no path counts what it calls of Aligo: Calls and Usage in paths.go", name)
			}
			if may.On == deployment.Guards && !table {
				t.Errorf("%s may use the table, and no path counts what it asks: tableUsage in table.go", name)
			}
		}
	}
}

// TestTheLongPathsCountTheirWaits: each from the waits that the handlers and the machine set.
func TestTheLongPathsCountTheirWaits(t *testing.T) {
	t.Parallel()
	visits := func(path, state string) int {
		for _, p := range Paths() {
			if p.Name == path {
				n := 0
				for _, s := range p.States {
					if s == state {
						n++
					}
				}
				return n
			}
		}
		t.Fatalf("there is no path %q", path)
		return 0
	}
	doubling := func(first, longest time.Duration) func() time.Duration {
		next := first
		return func() time.Duration {
			w := next
			next = min(2*next, longest)
			return w
		}
	}
	for path, until := range map[string]time.Duration{"parked for an hour": time.Hour, "parked for twelve hours": 12 * time.Hour} {
		attempts, wait := 0, doubling(time.Minute, 15*time.Minute)
		for at := time.Duration(0); at < until; at += wait() {
			attempts++
		}
		if got := visits(path, repair); got != attempts {
			t.Errorf("%s: %d waits, want %d", path, got, attempts)
		}
	}

	looks, at, wait := 1, time.Duration(0), 5*time.Second
	for ; at < 5*time.Minute; looks++ {
		at, wait = min(at+wait, 5*time.Minute), 4*wait
	}
	if got := visits("request lost, not found for 5 minutes, sent again", reconcile); got != looks {
		t.Errorf("%d looks at the history, want %d", got, looks)
	}

	reads, next := 0, doubling(5*time.Second, 15*time.Minute)
	const fallback, day, all = 5 * time.Minute, 24 * time.Hour, 25 * time.Hour
	for at := time.Duration(0); at < all; reads++ {
		wait := next()
		switch {
		case at < fallback:
			wait = min(wait, fallback-at)
		case at >= day:
			wait = time.Hour
		}
		at = min(at+wait, all)
	}
	if got := visits("no receipt for 25 hours", read); got != reads {
		t.Errorf("%d looks at the receipts, want %d", got, reads)
	}
}
