package system

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/deployment"
	"sms-api/internal/message"
	"sms-api/internal/testkit/machinetest"
	"sms-api/statemachine"
)

// When a stack is upgraded, messages that are under way keep the definition of the state machine that they began with,
// but their next task is done by the new functions, with a progress that the old ones wrote. testdata/upgrade has a
// folder a version with its definition and, one file each, what stood before a state in that version. TestUpgrade carries
// each of them to the end.
const upgrades = "testdata/upgrade"

// golden is a message in the middle of its way, as a version of the system left it.
type golden struct {
	// About says how it came to this.
	About string `json:"about"`
	// State is the state it is about to enter, and Entered when.
	State   string    `json:"state"`
	Entered time.Time `json:"entered"`
	// Redrives is how often the execution had been redriven.
	Redrives int `json:"redrives,omitempty"`
	// Message is the execution's input and Input the state's: the progress, or the message before there is any.
	Message json.RawMessage `json:"message"`
	Input   json.RawMessage `json:"input"`
	// Accepted are the calls that Aligo had accepted.
	Accepted []acceptedCall `json:"accepted,omitempty"`
	// Faults are what is still going to be wrong at Aligo.
	Faults []aligotest.Fault `json:"faults,omitempty"`
	// Wants is what must come of it.
	Wants wanted `json:"wants"`
}

// acceptedCall is a call to Aligo without the credentials.
type acceptedCall struct {
	At       time.Time         `json:"at"`
	Endpoint string            `json:"endpoint"`
	MID      string            `json:"mid"`
	Form     map[string]string `json:"form"`
	// Partial says that Aligo accepted the first half of the recipients only.
	Partial bool `json:"partial,omitempty"`
}

// wanted is the outcome, and what phones have received in all, whether before or after the upgrade.
type wanted struct {
	Status     message.MessageStatus `json:"status"`
	Recipients []wantedRecipient     `json:"recipients"`
}

type wantedRecipient struct {
	To       string         `json:"to"`
	Status   message.Status `json:"status"`
	Messages int            `json:"messages"`
}

// credentials are the fields of a call that say who calls.
func credentials() map[string]string {
	return map[string]string{
		"apikey": aligotest.APIKey, "userid": aligotest.UserID, "senderkey": aligotest.SenderKey,
		"key": aligotest.APIKey, "user_id": aligotest.UserID,
	}
}

// versions are the folders of testdata/upgrade.
func versions(t *testing.T) []string {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(upgrades, "*", definitionFile))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no version in %s: %v", upgrades, err)
	}
	for i, f := range folders {
		folders[i] = filepath.Dir(f)
	}
	return folders
}

const definitionFile = "dispatch.asl.json"

// goldens are the files of a version by name.
func goldens(t *testing.T, folder string) map[string]golden {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]golden{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if filepath.Base(file) == definitionFile {
			continue
		}
		var g golden
		if err := json.Unmarshal(read(t, file), &g); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[name] = g
	}
	if len(all) == 0 {
		t.Fatalf("%s holds no messages", folder)
	}
	return all
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestUpgrade carries every message to the end with today's functions: by the definition that it began with, which is what
// happens after an upgrade; by today's, which shows that what one state hands to the next still means the same; and with
// members in it that nobody knows, which is what a newer version leaves to an older one after a rollback.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	for _, folder := range versions(t) {
		old := func(functions map[string]string, bus string) (string, error) {
			return statemachine.Fill(string(read(t, filepath.Join(folder, definitionFile))), functions, bus)
		}
		for name, g := range goldens(t, folder) {
			strange := g
			strange.Message, strange.Input = withStrangeMembers(t, g.Message), withStrangeMembers(t, g.Input)
			for way, carry := range map[string]struct {
				golden
				define definer
				// skip says why this does not happen.
				skip string
			}{
				"by the definition it began with": {g, old, ""},
				"by today's definition":           {g, statemachine.Definition, g.foreign(t)},
				"with unknown members":            {strange, old, ""},
			} {
				t.Run(filepath.Base(folder)+"/"+name+"/"+way, func(t *testing.T) {
					t.Parallel()
					if carry.skip != "" {
						t.Skip(carry.skip)
					}
					synctest.Test(t, func(t *testing.T) { carry.carry(t, carry.define) })
				})
			}
		}
	}
}

// foreign says why today's definition cannot take the message on; empty when it can. It need not, because an execution
// ends by the definition that it began with, also when it is redriven: that it mostly can tells what has not changed.
// https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
func (g golden) foreign(t *testing.T) string {
	t.Helper()
	if !slices.Contains(states(t), g.State) {
		return "today's definition has no such state"
	}
	var p struct{ Doubt, Queue, Wait, ID any }
	if err := json.Unmarshal(g.Input, &p); err != nil {
		t.Fatal(err)
	}
	if g.State == statemachine.StateSettled && p.Doubt == nil && p.Queue == nil && p.Wait == nil && p.ID == nil {
		return "no task comes any more that would make the outcome, as Settled? did in 0.1.0"
	}
	return ""
}

// TestEveryStateHasAGoldenFile names the states of which no version tells what may stand before them.
func TestEveryStateHasAGoldenFile(t *testing.T) {
	t.Parallel()
	have := map[string]bool{}
	for _, folder := range versions(t) {
		for _, g := range goldens(t, folder) {
			have[g.State] = true
		}
	}
	for _, name := range states(t) {
		if !have[name] {
			t.Errorf("no file in %s begins before %q: record the next version with -upgrade.record", upgrades, name)
		}
	}
}

// states are those of today's definition, but for Save events: it begins with what Settled? begins with, and comes after
// thousands of events, which nobody wants to record.
func states(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, s := range machinetest.Parsed(t).States() {
		if s.Name != statemachine.StateSaveEvents {
			names = append(names, s.Name)
		}
	}
	return names
}

// definer makes a definition, as statemachine.Definition does.
type definer func(functions map[string]string, bus string) (string, error)

// carryOn is the state that an execution of a golden file begins with.
const carryOn = "Carry on"

// from has a definition begin before the given state with the given input. Like Route it leads to the former beginning,
// though never, because a state to which nothing leads is refused.
func from(definition, state string, input json.RawMessage) (string, error) {
	var machine, states map[string]json.RawMessage
	if err := json.Unmarshal([]byte(definition), &machine); err != nil {
		return "", err
	}
	if err := json.Unmarshal(machine["States"], &states); err != nil {
		return "", err
	}
	if states[state] == nil {
		return "", fmt.Errorf("the definition has no state %q", state)
	}
	var err error
	states[carryOn], err = json.Marshal(map[string]any{
		"Type": "Choice", "Choices": []any{map[string]any{"Condition": false, "Next": machine["StartAt"]}}, "Output": input, "Default": state,
	})
	if err != nil {
		return "", err
	}
	if machine["States"], err = json.Marshal(states); err != nil {
		return "", err
	}
	machine["StartAt"] = json.RawMessage(`"` + carryOn + `"`)
	whole, err := json.Marshal(machine)
	return string(whole), err
}

// withStrangeMembers adds a member to every object but those whose members' names are the caller's.
func withStrangeMembers(t *testing.T, text json.RawMessage) json.RawMessage {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	var add func(any)
	add = func(value any) {
		switch v := value.(type) {
		case map[string]any:
			for name, member := range v {
				if name != "variables" {
					add(member)
				}
			}
			v["laterMember"] = map[string]any{"n": 1, "text": "of a later version"}
		case []any:
			for _, element := range v {
				add(element)
			}
		}
	}
	add(value)
	b, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// carry makes the world as it was when the state was entered, takes the message on from there, and holds what comes of it
// against what must.
func (g golden) carry(t *testing.T, define definer) {
	t.Helper()
	var gate gate
	w := newWorld(t, func(o *Options, _ *aligotest.Options) {
		o.Definition = func(functions map[string]string, bus string) (string, error) {
			definition, err := define(functions, bus)
			if err != nil {
				return "", err
			}
			return from(definition, g.State, g.Input)
		}
		o.AWS.Around = gate.around(o.AWS.Around)
	})
	for _, c := range g.Accepted {
		time.Sleep(time.Until(c.At))
		w.repeat(c)
	}
	for _, f := range g.Faults {
		w.fault(f)
	}
	time.Sleep(time.Until(g.Entered))

	var m message.Message
	if err := json.Unmarshal(g.Message, &m); err != nil {
		t.Fatalf("the message cannot be read: %v", err)
	}
	gate.shut.Store(g.Redrives > 0)
	w.start(m.ID, string(g.Message))
	for n := range g.Redrives {
		w.stopped(m.ID)
		gate.shut.Store(n+1 < g.Redrives)
		w.redrive(m.ID)
	}
	if g.State == statemachine.StateWaitForRepair {
		g.parked(w, m)
	}
	o := w.settle(m.ID)
	for _, wrong := range g.differences(w, m, o) {
		t.Error(wrong)
	}
	w.check(m.ID, o)
	if t.Failed() {
		t.Logf("%s\nbefore %q it had %s\nand its way was\n%s", g.About, g.State, g.Input, w.trace(m.ID))
	}
}

// parked looks at what an operator is told of a parked message: what was known before the upgrade, and the same cause since the
// same time once today's functions have found that nothing is repaired yet.
func (g golden) parked(w *world, m message.Message) {
	w.t.Helper()
	var before struct{ Parked message.Parking }
	if err := json.Unmarshal(g.Input, &before); err != nil {
		w.t.Fatal(err)
	}
	compare := func(when string) {
		w.t.Helper()
		o := w.get(m.ID)
		switch p := o.Parked; {
		case o.Status != message.Parked || p == nil:
			w.t.Errorf("%s the message is %s, want parked", when, o.Status)
		case p.Cause != before.Parked.Cause || !p.Since.Equal(before.Parked.Since) || p.Reason == "":
			w.t.Errorf("%s it is parked\nbecause of %+v, want\nbecause of %+v", when, *p, before.Parked)
		}
	}
	time.Sleep(time.Second)
	compare("at first")
	again := time.Duration(before.Parked.Wait) * time.Second
	if len(g.Faults) > 0 && time.Now().Add(again).Before(m.ExpiresAt) {
		time.Sleep(again)
		compare("after one more attempt")
	}
}

// stopped stops an execution that has just begun, so that a redrive takes it up where it stood.
func (w *world) stopped(id string) {
	w.t.Helper()
	synctest.Wait()
	w.stop(id)
	// That it was stopped is announced from outside, and is not what is looked at here.
	w.settle(id)
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.settled, id)
}

// gate keeps the functions of the state machine from doing anything while it is shut.
type gate struct{ shut atomic.Bool }

type around func(ctx context.Context, function string, next func(context.Context) ([]byte, error)) ([]byte, error)

func (g *gate) around(inner around) around {
	return func(ctx context.Context, function string, next func(context.Context) ([]byte, error)) ([]byte, error) {
		if f, _ := deployment.FunctionNamed(function); g.shut.Load() && f.State != "" {
			// Nobody listens any more when this ends.
			time.Sleep(time.Second)
			return nil, errors.New("the execution should have been stopped")
		}
		return inner(ctx, function, next)
	}
}

// repeat makes a call that Aligo has accepted once more, in a world where it has not been made yet. Whether the caller
// got an answer does not matter here.
func (w *world) repeat(c acceptedCall) {
	w.t.Helper()
	if c.Partial {
		w.fault(aligotest.Fault{Endpoint: c.Endpoint, Kind: aligotest.FaultPartial})
	}
	form := url.Values{}
	for name, value := range c.Form {
		form.Set(name, value)
	}
	for name, value := range credentials() {
		form.Set(name, value)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://aligo"+c.Endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if resp, err := w.client.Do(req); err == nil {
		_ = resp.Body.Close()
	}
	calls := w.Aligo.Calls()
	if len(calls) == 0 || !calls[len(calls)-1].Accepted || calls[len(calls)-1].MID != c.MID {
		w.t.Fatalf("the stand-in did not accept %s as %s again: %+v", c.Endpoint, c.MID, calls)
	}
}

// differences are what is not as it must be.
func (g golden) differences(w *world, m message.Message, o message.Outcome) []string {
	var wrong []string
	differs := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if o.Status != g.Wants.Status {
		differs("the message is %s, want %s", o.Status, g.Wants.Status)
	}
	received := map[string]int{}
	for _, phone := range w.Aligo.Messages() {
		received[phone.To]++
	}
	if len(o.Recipients) != len(g.Wants.Recipients) {
		differs("the outcome has %d recipients, want %d", len(o.Recipients), len(g.Wants.Recipients))
		return wrong
	}
	for i, want := range g.Wants.Recipients {
		got, n := o.Recipients[i], received[want.To]
		who := fmt.Sprintf("recipient %d (…%s)", i, want.To[len(want.To)-4:])
		if got.Status != want.Status {
			differs("%s is %s (%s %s: %s), want %s", who, got.Status, got.Channel, got.Code, got.Reason, want.Status)
		}
		if n != want.Messages {
			differs("%s has got %d messages, want %d", who, n, want.Messages)
		}
		if n > 1 && m.Fallback.OnUnknown != message.SMSUnknown {
			differs("%s has got %d messages, and nobody may get two", who, n)
		}
		if n == 0 && got.Status == message.Delivered {
			differs("%s has got nothing, and the outcome says delivered", who)
		}
		delete(received, want.To)
	}
	for to, n := range received {
		differs("…%s is no recipient and has got %d messages", to[len(to)-4:], n)
	}
	return wrong
}
