package parameters

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/internal/aligo"
)

// store is a Parameter Store that counts its calls.
type store struct {
	values map[string]string
	err    error
	calls  int
}

func (s *store) read(_ context.Context, names []string) (map[string]string, error) {
	s.calls++
	if s.err != nil {
		return nil, s.err
	}
	found := map[string]string{}
	for _, name := range names {
		if v, ok := s.values[name]; ok {
			found[name] = v
		}
	}
	return found, nil
}

func filled() *store {
	return &store{values: map[string]string{
		"/shop/aligo/api-key": "key\n", "/shop/aligo/user-id": "user", "/shop/aligo/sender-key": "channel", "/shop/aligo/sender": "025114560",
	}}
}

var want = aligo.Credentials{APIKey: "key", UserID: "user", SenderKey: "channel", Sender: "025114560"}

func TestOneCallReadsAllAndServesUntilTheTTLIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ps := filled()
		s := New(ps.read, "/shop/aligo/", time.Minute, time.Now)
		for range 3 {
			got, err := s.Credentials(t.Context())
			if err != nil || got != want {
				t.Fatalf("got %v, error %v", got == want, err)
			}
		}
		if ps.calls != 1 {
			t.Errorf("%d calls within the TTL, want 1", ps.calls)
		}
		time.Sleep(time.Minute)
		ps.values["/shop/aligo/api-key"] = "rotated"
		if got, _ := s.Credentials(t.Context()); got.APIKey != "rotated" {
			t.Error("the TTL was over, but the old key is still used")
		}
	})
}

func TestARefusalReadsAgainButOnlyOnceForTheSameCredentials(t *testing.T) {
	t.Parallel()
	ps := filled()
	s := New(ps.read, "/shop/aligo", time.Hour, time.Now)
	old, err := s.Credentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ps.values["/shop/aligo/api-key"] = "rotated"
	for range 2 {
		fresh, err := s.Refresh(t.Context(), old)
		if err != nil || fresh.APIKey != "rotated" {
			t.Fatalf("refresh: key rotated: %v, error %v", fresh.APIKey == "rotated", err)
		}
	}
	if ps.calls != 2 {
		t.Errorf("%d calls, want 2: the second refusal of the same credentials finds newer ones in memory", ps.calls)
	}
}

func TestMissingParametersAreTheOperatorsAndNamed(t *testing.T) {
	t.Parallel()
	ps := filled()
	delete(ps.values, "/shop/aligo/sender-key")
	ps.values["/shop/aligo/sender"] = " "
	_, err := New(ps.read, "/shop/aligo", 0, time.Now).Credentials(t.Context())
	var e *aligo.Error
	if !errors.As(err, &e) || e.Class != aligo.ClassNotConfigured || e.Cause != aligo.CauseCredentials {
		t.Fatalf("got %v, want NotConfigured because of credentials", err)
	}
	for _, name := range []string{"/shop/aligo/sender-key", "/shop/aligo/sender "} {
		if !strings.Contains(err.Error(), "put-parameter --type SecureString --name "+name) {
			t.Errorf("the error does not say how to create %s: %v", name, err)
		}
	}
	if strings.Contains(err.Error(), "api-key") {
		t.Errorf("the error names a parameter that is there: %v", err)
	}
}

func TestOldCredentialsOutliveAnOutageOfTheParameterStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ps := filled()
		s := New(ps.read, "/shop/aligo", time.Minute, time.Now)
		if _, err := s.Credentials(t.Context()); err != nil {
			t.Fatal(err)
		}
		ps.err = errors.New("throttled")
		time.Sleep(time.Hour)
		if got, err := s.Credentials(t.Context()); err != nil || got != want {
			t.Errorf("during the outage: right credentials %v, error %v", got == want, err)
		}
		if _, err := New(ps.read, "/shop/aligo", 0, time.Now).Credentials(t.Context()); err == nil {
			t.Error("a store that has never read anything claims to have credentials")
		}
	})
}

// The key for numbers comes with the same call, may be missing, and may be several.
func TestNumberKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ps := filled()
		s := New(ps.read, "/shop/aligo", time.Minute, time.Now)
		want := func(about string, want ...string) {
			t.Helper()
			if got, err := s.NumberKeys(t.Context()); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %d keys, %v, want %d", about, len(got), err, len(want))
			}
		}
		want("missing")
		if _, err := s.Credentials(t.Context()); err != nil || ps.calls != 1 {
			t.Errorf("%d calls, %v", ps.calls, err)
		}
		ps.values["/shop/aligo/number-key"] = " new\nold "
		want("in the cache")
		time.Sleep(time.Minute)
		want("read again", "new", "old")
		time.Sleep(time.Minute)
		ps.err = errors.New("away")
		want("while Parameter Store is away", "new", "old")
		ps.err = nil
		delete(ps.values, "/shop/aligo/api-key")
		time.Sleep(time.Minute)
		want("without credentials", "new", "old")
		if _, err := New((&store{err: errors.New("away")}).read, "", 0, time.Now).NumberKeys(t.Context()); err == nil {
			t.Error("away from the beginning")
		}
	})
}
