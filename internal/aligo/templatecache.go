package aligo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ErrNoTemplate says that the channel has no template with a code, or that it is not approved, or stopped.
var ErrNoTemplate = errors.New("there is no such approved template")

// Defaults of TemplateCache.
const (
	// DefaultTemplateTTL is how long a list is used.
	DefaultTemplateTTL = 5 * time.Minute
	// DefaultTemplateRetry is how long a list, or the failure to read it, answers for a template that it does not have.
	DefaultTemplateRetry = 10 * time.Second
)

// TemplateCache keeps the channel's templates in memory. Callers that come while the list is being read share that call.
// It must not be copied after its first use.
type TemplateCache struct {
	Client *Client
	// TTL is how long a list is used before it is read again; 0 is DefaultTemplateTTL.
	TTL time.Duration
	// Retry is the least time between two calls for a template that is not in the list, and after a failed call; 0 is
	// DefaultTemplateRetry.
	Retry time.Duration

	mu     sync.Mutex
	list   []Template
	byCode map[string]Template
	// read is when the list was read, failed when reading it last failed, with err, after that.
	read, failed time.Time
	err          error
	// reading is there while somebody reads; it is closed when they are done.
	reading chan struct{}
}

// Template returns an approved template by its code. The error is ErrNoTemplate when there is none, an *UnsendableError,
// which is one too, when it cannot be sent, or an *Error when the list cannot be read or has no template at all: then nothing is
// known about this one. While the vendor cannot be reached, an old list serves on.
func (t *TemplateCache) Template(ctx context.Context, code string) (Template, error) {
	found, err := t.find(ctx, code, Template.Approved)
	switch {
	case err != nil:
		return Template{}, err
	case !found.Approved():
		return Template{}, fmt.Errorf("%w: %q is stopped", ErrNoTemplate, code)
	case len(found.Unsendable) > 0:
		return Template{}, &UnsendableError{Code: code, Parts: found.Unsendable}
	}
	return found, nil
}

// Reviewed returns a template that was approved by its code, also one that was stopped since, or cannot be sent: it still has its text. The
// error is ErrNoTemplate when there is none, or an *Error as Template's.
func (t *TemplateCache) Reviewed(ctx context.Context, code string) (Template, error) {
	return t.find(ctx, code, func(found Template) bool { return found.InspStatus == InspApproved })
}

// find looks for a template that has passed its review, once more if there is none that will do: it may be there, or will do, since. Only a
// list that says so itself can tell that it is not.
func (t *TemplateCache) find(ctx context.Context, code string, willDo func(Template) bool) (Template, error) {
	found, ok, err := t.lookUp(ctx, code, orDefault(t.TTL, DefaultTemplateTTL), true)
	if err == nil && (!ok || !willDo(found)) {
		found, ok, err = t.lookUp(ctx, code, orDefault(t.Retry, DefaultTemplateRetry), false)
	}
	switch {
	case err != nil:
		return Template{}, err
	case !ok && t.empty():
		// Aligo answers so for a sender key that is not the account's. Nothing follows from it for one template.
		return Template{}, &Error{
			Class: ClassNotConfigured, Cause: CauseCredentials, Endpoint: "/akv10/template/list/",
			Message: "the list of templates is empty; is it the right sender key?",
		}
	case !ok:
		return Template{}, fmt.Errorf("%w: %q", ErrNoTemplate, code)
	case found.InspStatus != InspApproved:
		return Template{}, fmt.Errorf("%w: %q is in review state %s", ErrNoTemplate, code, found.InspStatus)
	}
	return found, nil
}

func (t *TemplateCache) empty() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.list) == 0
}

// List returns all templates of the channel, approved or not. The slice is the caller's, what it points to is shared.
func (t *TemplateCache) List(ctx context.Context) ([]Template, error) {
	if err := t.refresh(ctx, orDefault(t.TTL, DefaultTemplateTTL), true); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.list), nil
}

func (t *TemplateCache) lookUp(ctx context.Context, code string, maxAge time.Duration, stale bool) (Template, bool, error) {
	if err := t.refresh(ctx, maxAge, stale); err != nil {
		return Template{}, false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	found, ok := t.byCode[code]
	return found, ok, nil
}

// refresh sees to it that there is a list no older than maxAge. When it cannot be read because of the network or the
// vendor's servers and stale is set, an older one does.
func (t *TemplateCache) refresh(ctx context.Context, maxAge time.Duration, stale bool) error {
	for {
		t.mu.Lock()
		now := t.Client.now()
		if !t.read.IsZero() && now.Sub(t.read) < maxAge {
			t.mu.Unlock()
			return nil
		}
		if t.err != nil && now.Sub(t.failed) < orDefault(t.Retry, DefaultTemplateRetry) {
			err := t.unlessStale(stale)
			t.mu.Unlock()
			return err
		}
		reading := t.reading
		if reading == nil {
			t.reading = make(chan struct{})
			t.mu.Unlock()
			return t.fetch(ctx, stale)
		}
		t.mu.Unlock()
		select {
		case <-reading:
		case <-ctx.Done():
			return &Error{Class: ClassTransient, Endpoint: "/akv10/template/list/", Err: ctx.Err()}
		}
	}
}

// fetch reads the list for all who wait.
func (t *TemplateCache) fetch(ctx context.Context, stale bool) error {
	list, err := t.Client.Templates(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.reading)
	t.reading = nil
	if err == nil {
		t.list, t.byCode, t.read, t.err = list, byCode(list), t.Client.now(), nil
		return nil
	}
	if ctx.Err() != nil {
		// This caller ran out of time, which says nothing about the vendor: the next one in the queue tries.
		if stale && !t.read.IsZero() {
			return nil
		}
		return err
	}
	t.failed, t.err = t.Client.now(), err
	return t.unlessStale(stale)
}

// unlessStale is the latest failure, or nil when the old list may serve on.
func (t *TemplateCache) unlessStale(stale bool) error {
	var e *Error
	passing := errors.As(t.err, &e) && (e.Class == ClassTransient || e.Class == ClassAmbiguous)
	if stale && passing && !t.read.IsZero() {
		return nil
	}
	return t.err
}

func byCode(list []Template) map[string]Template {
	m := make(map[string]Template, len(list))
	for _, t := range list {
		m[t.Code] = t
	}
	return m
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
