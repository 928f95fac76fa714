package aligo_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/aligo/aligotest"
)

func cacheOf(w *world) *aligo.TemplateCache {
	return &aligo.TemplateCache{Client: w.client, TTL: 5 * time.Minute, Retry: 10 * time.Second}
}

func wantCalls(t *testing.T, w *world, n int) {
	t.Helper()
	if got := len(w.Calls()); got != n {
		t.Errorf("%d calls were made, want %d", got, n)
	}
}

func TestTemplateCache(t *testing.T) {
	t.Parallel()
	ok := func(t *testing.T, c *aligo.TemplateCache, code string) {
		t.Helper()
		if got, err := c.Template(t.Context(), code); err != nil || got.Code != code {
			t.Errorf("template %s: got %q, %v", code, got.Code, err)
		}
	}
	none := func(t *testing.T, c *aligo.TemplateCache, code string) {
		t.Helper()
		if _, err := c.Template(t.Context(), code); !errors.Is(err, aligo.ErrNoTemplate) {
			t.Errorf("template %s: got %v, want ErrNoTemplate", code, err)
		}
	}
	approve := func(t *testing.T, w *world, code, review, status string) {
		t.Helper()
		if err := w.SetTemplateState(aligotest.TemplateState{Code: code, InspStatus: review, Status: status}); err != nil {
			t.Fatal(err)
		}
	}
	down := func(t *testing.T, w *world, kind aligotest.FaultKind) {
		t.Helper()
		setFault(t, w, aligotest.Fault{Kind: kind, Times: -1})
	}
	for name, scenario := range map[string]func(*testing.T, *world, *aligo.TemplateCache){
		"one that is stopped has its text": func(t *testing.T, w *world, c *aligo.TemplateCache) {
			t.Helper()
			approve(t, w, "TX_1234", "", "S")
			approve(t, w, "TX_2345", "REQ", "")
			none(t, c, "TX_1234")
			if got, err := c.Reviewed(t.Context(), "TX_1234"); err != nil || got.Code != "TX_1234" || got.Content == "" {
				t.Errorf("got %q, %v", got.Code, err)
			}
			for _, code := range []string{"TX_2345", "TX_0"} {
				if _, err := c.Reviewed(t.Context(), code); !errors.Is(err, aligo.ErrNoTemplate) {
					t.Errorf("template %s, in review or not there: %v", code, err)
				}
			}
			wantCalls(t, w, 1)
		},
		"a list serves until it expires": func(t *testing.T, w *world, c *aligo.TemplateCache) {
			t.Helper()
			ok(t, c, "TX_1234")
			ok(t, c, "TX_2345")
			w.Add(5*time.Minute - 1)
			ok(t, c, "TX_1234")
			wantCalls(t, w, 1)
			w.Add(1)
			ok(t, c, "TX_1234")
			wantCalls(t, w, 2)
		},
		"the list is the caller's": func(t *testing.T, w *world, c *aligo.TemplateCache) {
			t.Helper()
			list, err := c.List(t.Context())
			if err != nil || len(list) != 5 {
				t.Fatalf("%d templates, %v", len(list), err)
			}
			list[0] = aligo.Template{}
			again, err := c.List(t.Context())
			if err != nil || again[0].Code != "TX_1234" {
				t.Errorf("got %q, %v", again[0].Code, err)
			}
			wantCalls(t, w, 1)
		},
		"a miss looks again, but not all the time": func(t *testing.T, w *world, c *aligo.TemplateCache) {
			t.Helper()
			ok(t, c, "TX_1234")
			none(t, c, "TX_0000")
			wantCalls(t, w, 1)
			w.Add(10 * time.Second)
			none(t, c, "TX_0000")
			none(t, c, "TX_0000")
			wantCalls(t, w, 2)
		},
		"an approval is noticed": func(t *testing.T, w *world, c *aligo.TemplateCache) {
			t.Helper()
			none(t, c, "TX_9999")
			approve(t, w, "TX_9999", "APR", "")
			none(t, c, "TX_9999")
			w.Add(10 * time.Second)
			ok(t, c, "TX_9999")
		},
		"a stopped template is none": func(t *testing.T, w *world, c *aligo.TemplateCache) {
			t.Helper()
			approve(t, w, "TX_1234", "", "S")
			none(t, c, "TX_1234")
		},
		"an old list serves on while the vendor is down": func(t *testing.T, w *world, c *aligo.TemplateCache) {
			t.Helper()
			ok(t, c, "TX_1234")
			down(t, w, aligotest.FaultHTTP500)
			w.Add(time.Hour)
			ok(t, c, "TX_1234")
			ok(t, c, "TX_1234")
			wantCalls(t, w, 2)
			w.Add(10 * time.Second)
			ok(t, c, "TX_1234")
			wantCalls(t, w, 3)
			// Whether there is a template that the old list does not have, nobody can tell.
			_, err := c.Template(t.Context(), "TX_0000")
			wantError(t, err, aligo.ClassAmbiguous, "")
			if errors.Is(err, aligo.ErrNoTemplate) {
				t.Error("an old list cannot tell that there is no template")
			}
		},
		"a refusal is not hidden by an old list": func(t *testing.T, w *world, c *aligo.TemplateCache) {
			t.Helper()
			ok(t, c, "TX_1234")
			down(t, w, aligotest.FaultUnregisteredIP)
			w.Add(time.Hour)
			_, err := c.Template(t.Context(), "TX_1234")
			wantError(t, err, aligo.ClassNotConfigured, aligo.CauseIP)
		},
		"without a list, a failure counts for a while": func(t *testing.T, w *world, c *aligo.TemplateCache) {
			t.Helper()
			setFault(t, w, aligotest.Fault{Kind: aligotest.FaultHTML200})
			for range 3 {
				_, err := c.Template(t.Context(), "TX_1234")
				wantError(t, err, aligo.ClassAmbiguous, "")
			}
			wantCalls(t, w, 1)
			w.Add(10 * time.Second)
			ok(t, c, "TX_1234")
		},
		"a caller who gave up is no failure of the vendor": func(t *testing.T, w *world, c *aligo.TemplateCache) {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := c.Template(ctx, "TX_1234")
			wantError(t, err, aligo.ClassTransient, "")
			ok(t, c, "TX_1234")
			w.Add(time.Hour)
			if _, err := c.Template(ctx, "TX_1234"); err != nil {
				t.Errorf("the old list would have done: %v", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			scenario(t, w, cacheOf(w))
		})
	}
	t.Run("defaults", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		c := &aligo.TemplateCache{Client: w.client}
		ok(t, c, "TX_1234")
		w.Add(aligo.DefaultTemplateTTL)
		ok(t, c, "TX_1234")
		wantCalls(t, w, 2)
	})
}

// Callers that come while the list is read share the call, and those who do not want to wait for it need not.
func TestTemplateCacheIsReadOnceForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := aligotest.NewServer(t, func(o *aligotest.ServerOptions) { o.InMemory, o.Slow = true, 3*time.Second })
		c := &aligo.TemplateCache{Client: server.Client()}
		if err := server.SetFault(aligotest.Fault{Kind: aligotest.FaultSlow}); err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		for i := range 50 {
			wait.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if i == 49 {
					// One comes when the call is under way, and cannot wait.
					time.Sleep(time.Second)
					ctx, cancel = context.WithTimeout(ctx, time.Second)
					defer cancel()
					if _, err := c.Template(ctx, "TX_1234"); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("the impatient one got %v", err)
					}
					return
				}
				if _, err := c.Template(ctx, "TX_1234"); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if n := len(server.Calls()); n != 1 {
			t.Errorf("%d calls were made, want 1", n)
		}
	})
}

// When the one who reads gives up, the next in the queue reads.
func TestTemplateCacheReaderGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := aligotest.NewServer(t, func(o *aligotest.ServerOptions) { o.InMemory, o.Slow = true, time.Minute })
		c := &aligo.TemplateCache{Client: server.Client()}
		if err := server.SetFault(aligotest.Fault{Kind: aligotest.FaultSlow}); err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		wait.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := c.Template(ctx, "TX_1234")
			wantError(t, err, aligo.ClassAmbiguous, "")
		})
		time.Sleep(500 * time.Millisecond)
		wait.Go(func() {
			if _, err := c.Template(t.Context(), "TX_1234"); err != nil {
				t.Error(err)
			}
		})
		wait.Wait()
	})
}
