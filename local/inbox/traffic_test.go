package inbox

import (
	"testing"

	"sms-api/internal/testkit/machinetest"
	"sms-api/statemachine"
)

func TestUsageIsCountedFromTheBranchesTaken(t *testing.T) {
	t.Parallel()
	machine := machinetest.Parsed(t)
	// path is that of the branch from one state to another; the one of a retry has no target.
	path := func(from, to string) string {
		for _, s := range machine.States() {
			if s.Name != from {
				continue
			}
			if to == "" {
				return s.Retriers[0].Path
			}
			for _, transition := range s.Transitions {
				if transition.Target == to {
					return transition.Path
				}
			}
		}
		t.Fatalf("no branch from %s to %s", from, to)
		return ""
	}
	happy := []string{
		path(statemachine.StateRoute, statemachine.StateSendAlimTalk), path(statemachine.StateSendAlimTalk, statemachine.StateWaitForReceipts),
		path(statemachine.StateWaitForReceipts, statemachine.StateReadReceipts), path(statemachine.StateReadReceipts, statemachine.StateSettled),
		path(statemachine.StateSettled, statemachine.StateAnnounce),
	}
	for name, test := range map[string]struct {
		started int
		taken   []string
		want    usage
	}{
		"nothing":              {0, nil, usage{}},
		"a message on its way": {1, happy[:1], usage{Messages: 1, Transitions: 2, Invocations: 1}},
		"a delivered AlimTalk": {1, happy, usage{Messages: 1, Transitions: 6, Invocations: 2, Events: 1}},
		"a send tried again": {1, append([]string{path(statemachine.StateSendAlimTalk, "")}, happy...),
			usage{Messages: 1, Transitions: 7, Invocations: 3, Events: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var traffic Traffic
			heard := 0
			traffic.hear(func() { heard++ })
			for _, p := range test.taken {
				traffic.Trace(p)
			}
			var got usage
			got.count(machine.States(), test.started, traffic.counts())
			if got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
			if heard != len(test.taken) {
				t.Errorf("heard of %d branches, want %d", heard, len(test.taken))
			}
			traffic.reset()
			if n := len(traffic.counts()); n != 0 {
				t.Errorf("%d counts are left after a reset", n)
			}
		})
	}
}

func TestWhatTheUsageCosts(t *testing.T) {
	t.Parallel()
	u := usage{Transitions: 1000, Invocations: 1_000_000, Events: 1_000_000, AlimTalk: 2, SMS: 1, LMS: 1, MMS: 1}
	if got, want := u.bill(), (bill{AWS: 0.0271 + 0.2 + 1, Aligo: 13 + 8.4 + 25.9 + 60}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
