// Package parameters reads the Aligo credentials, and the key that numbers are hashed with, from SSM Parameter Store and
// keeps them in memory for a while, so that a warm function costs no call and a rotation needs no deployment.
package parameters

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"sms-api/internal/aligo"
)

// DefaultPrefix is the path that the parameters api-key, user-id, sender-key, sender and number-key are found under.
const DefaultPrefix = "/sms-api/aligo"

// DefaultTTL is how long credentials are used before they are read again.
const DefaultTTL = 5 * time.Minute

// Reader reads parameters: of those names that exist, the values in plain text. It is safe for concurrent use.
type Reader func(ctx context.Context, names []string) (map[string]string, error)

// Store is a source of credentials. It is safe for concurrent use; callers that come while a read is under way share it.
type Store struct {
	reader Reader
	prefix string
	ttl    time.Duration
	now    func() time.Time

	mu     sync.Mutex
	cached aligo.Credentials
	// numbers is the value of number-key; empty when there is none.
	numbers string
	read    time.Time
}

// NumberKey is the parameter with the keys that numbers are hashed with in the table, separated by white space: the first is
// used for what is written, and all are for what is looked up, so that a key can be replaced. Without it everything is sent.
const NumberKey = "number-key"

// NumberKeys are those keys; none while the parameter does not exist. They are read together with the credentials.
func (s *Store) NumberKeys(ctx context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read.IsZero() || s.now().Sub(s.read) >= s.ttl {
		numbers := s.numbers
		fresh, err := s.fetch(ctx)
		switch {
		case err == nil:
			s.cached, s.read = fresh, s.now()
		case s.numbers != "":
			// Credentials that are missing are another's business.
		case s.read.IsZero():
			return nil, err
		default:
			s.numbers = numbers
		}
	}
	return strings.Fields(s.numbers), nil
}

// New returns a store that reads prefix/api-key and its siblings with one call, at most once in ttl by the clock now. A zero prefix
// or ttl is the default.
func New(reader Reader, prefix string, ttl time.Duration, now func() time.Time) *Store {
	if prefix == "" {
		prefix = DefaultPrefix
	}
	if ttl == 0 {
		ttl = DefaultTTL
	}
	return &Store{reader: reader, prefix: strings.TrimSuffix(prefix, "/"), ttl: ttl, now: now}
}

// Credentials returns the credentials in memory, or reads them. When a parameter does not exist, the error is an
// *aligo.Error with the commands that create what is missing. While Parameter Store cannot be reached, credentials
// that were read before go on being used: they are far more likely to be right than not.
func (s *Store) Credentials(ctx context.Context) (aligo.Credentials, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.read.IsZero() && s.now().Sub(s.read) < s.ttl {
		return s.cached, nil
	}
	fresh, err := s.fetch(ctx)
	if err == nil {
		s.cached, s.read = fresh, s.now()
		return fresh, nil
	}
	var missing *aligo.Error
	if !s.read.IsZero() && !errors.As(err, &missing) {
		return s.cached, nil
	}
	return aligo.Credentials{}, err
}

// Refresh reads the credentials again after Aligo has refused those given, unless somebody else has done so meanwhile.
func (s *Store) Refresh(ctx context.Context, refused aligo.Credentials) (aligo.Credentials, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.read.IsZero() && s.cached != refused {
		return s.cached, nil
	}
	fresh, err := s.fetch(ctx)
	if err != nil {
		return aligo.Credentials{}, err
	}
	s.cached, s.read = fresh, s.now()
	return fresh, nil
}

func (s *Store) fetch(ctx context.Context) (aligo.Credentials, error) {
	var c aligo.Credentials
	fields := map[string]*string{
		s.prefix + "/api-key":    &c.APIKey,
		s.prefix + "/user-id":    &c.UserID,
		s.prefix + "/sender-key": &c.SenderKey,
		s.prefix + "/sender":     &c.Sender,
	}
	names := make([]string, 0, len(fields))
	for _, suffix := range []string{"/api-key", "/user-id", "/sender-key", "/sender"} {
		names = append(names, s.prefix+suffix)
	}
	values, err := s.reader(ctx, append(names[:len(names):len(names)], s.prefix+"/"+NumberKey))
	if err != nil {
		return aligo.Credentials{}, fmt.Errorf("read the Aligo credentials: %w", err)
	}
	s.numbers = strings.TrimSpace(values[s.prefix+"/"+NumberKey])
	for name, field := range fields {
		*field = strings.TrimSpace(values[name])
	}
	var missing []string
	for _, name := range names {
		if *fields[name] == "" {
			missing = append(missing, "aws ssm put-parameter --type SecureString --name "+name+" --value …")
		}
	}
	if len(missing) > 0 {
		return aligo.Credentials{}, &aligo.Error{
			Class: aligo.ClassNotConfigured, Cause: aligo.CauseCredentials, Endpoint: s.prefix,
			Message: "parameters are missing: " + strings.Join(missing, "; "),
		}
	}
	return c, nil
}
