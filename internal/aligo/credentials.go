package aligo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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

// Account tells one account from another without telling which it is: 12 hexadecimal digits of a hash of the user id. It may
// be stored and logged. Empty is no account.
type Account string

// Account is the account that the credentials are of.
func (c Credentials) Account() Account {
	if c.UserID == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("aligo account " + c.UserID))
	return Account(hex.EncodeToString(sum[:6]))
}

// Account is the account of the credentials in force. It asks nobody but the source of credentials.
func (c *Client) Account(ctx context.Context) (Account, error) {
	creds, err := c.credentials(ctx, endpoint{})
	if err != nil {
		return "", err
	}
	return creds.Account(), nil
}

// DigestKey is a secret for keyed hashes of what is sent. It follows from the sender key, which outlives the API key.
func (c *Client) DigestKey(ctx context.Context) ([]byte, error) {
	creds, err := c.credentials(ctx, endpoint{})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte("aligo digests " + creds.SenderKey))
	return sum[:], nil
}

// ErrOtherAccount says that the credentials in force are those of another account than a call has to be made with: what one
// account sent is not in the history of another, nor are its receipts. It comes in an *Error of ClassNotConfigured with CauseCredentials.
var ErrOtherAccount = errors.New("the message was sent with another Aligo account than that of the credentials in force")

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
