package awsapi

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// writeToken makes the opaque token with which the next page of a list is asked for; 0 means that there is none. The scope
// is the list and its filters: a token of one list is no token of another.
func writeToken(next int, scope string) string {
	if next == 0 {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(next) + " " + scope))
}

// readToken is the position that a token stands for, 0 for no token.
func readToken(token, scope string) (int, error) {
	if token == "" {
		return 0, nil
	}
	invalid := &ServiceError{Code: "InvalidToken", Message: "Invalid Token: 'Invalid token'"}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return 0, invalid
	}
	number, of, _ := strings.Cut(string(text), " ")
	next, err := strconv.Atoi(number)
	if err != nil || next < 1 || of != scope {
		return 0, invalid
	}
	return next, nil
}
