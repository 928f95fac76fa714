package aligo

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Credentials are what an account calls Aligo with. They print as "[credentials]" however they are printed.
type Credentials struct {
	// APIKey and UserID are the account's, from the vendor's console.
	APIKey, UserID string
	// SenderKey is the key of the KakaoTalk channel (발신프로필), 40 hexadecimal digits; for the Kakao API only.
	SenderKey string
	// Sender is the registered sender number (발신번호) in digits; for sends only.
	Sender string
}

// CredentialsSource knows the current credentials.
type CredentialsSource interface {
	// Credentials is called before each call.
	Credentials(ctx context.Context) (Credentials, error)
	// Refresh is called once when Aligo refuses credentials. It answers the newest there are; when they equal the
	// refused ones, there is nothing newer and the refusal stands.
	Refresh(ctx context.Context, refused Credentials) (Credentials, error)
}

// StaticCredentials are a source of credentials that never change.
type StaticCredentials Credentials

// Credentials returns the credentials.
func (s StaticCredentials) Credentials(context.Context) (Credentials, error) {
	return Credentials(s), nil
}

// Refresh returns the same credentials: there is nothing newer.
func (s StaticCredentials) Refresh(context.Context, Credentials) (Credentials, error) {
	return Credentials(s), nil
}

const hidden = "[credentials]"

// Format prints "[credentials]" for every verb.
func (Credentials) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, hidden) }

// MarshalText keeps the credentials out of JSON, and so out of structured logs.
func (Credentials) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Format prints "[credentials]" for every verb.
func (StaticCredentials) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, hidden) }

// MarshalText keeps the credentials out of JSON, and so out of structured logs.
func (StaticCredentials) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// check finds what a call lacks before the vendor does.
func (c Credentials) check(ep endpoint, f *form) error {
	lacks, cause := "", CauseCredentials
	switch {
	case c.APIKey == "":
		lacks = "API key"
	case c.UserID == "":
		lacks = "user id"
	case f.needsSenderKey && c.SenderKey == "":
		lacks = "sender key"
	case f.needsSender && c.Sender == "":
		lacks, cause = "sender number", CauseSender
	default:
		return nil
	}
	return &Error{Class: ClassNotConfigured, Cause: cause, Endpoint: ep.path, Message: "there is no " + lacks}
}

// credentialsError wraps the failure of a source. Nothing was sent; a source that knows more than that says so with an
// *Error of its own.
func credentialsError(ep endpoint, err error) error {
	var own *Error
	if errors.As(err, &own) {
		return err
	}
	return &Error{Class: ClassTransient, Cause: CauseUnknown, Endpoint: ep.path, Err: fmt.Errorf("read the credentials: %w", err)}
}
