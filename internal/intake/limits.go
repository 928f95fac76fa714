package intake

import (
	"context"
	"log/slog"
	"net/http"

	"sms-api/internal/limits"
	"sms-api/internal/message"
)

// limitBook is what the API calls of *limits.Limits.
type limitBook interface {
	counter
	Cancelled(ctx context.Context, id, body string) error
	OfCaller(ctx context.Context, caller string) ([]limits.Use, error)
	OfNumber(ctx context.Context, to message.Phone) ([]limits.Use, error)
	OfStack(ctx context.Context) ([]limits.Use, error)
	ResetCaller(ctx context.Context, caller string) error
	ResetNumber(ctx context.Context, to message.Phone) error
}

// LimitUse is the body of the answer to GET /v1/limits.
type LimitUse struct {
	// Caller and To are what was asked about; To is masked.
	Caller string       `json:"caller,omitempty"`
	To     string       `json:"to,omitempty"`
	Limits []limits.Use `json:"limits"`
}

// about is what a request of limits is about: a caller, a number, or with neither everybody.
func about(r *http.Request) (caller string, to message.Phone, err error) {
	p := parameters{values: map[string]string{}}
	p.read(r.URL, "caller", "to")
	for _, name := range []string{"caller", "to"} {
		if p.has(name) && p.values[name] == "" {
			p.fail(name, "is blank")
		}
	}
	if len(p.wrong) > 0 {
		return "", "", problemQuery(p.wrong) // it is not about everybody then
	}
	caller = p.values["caller"]
	if text := p.values["to"]; text != "" {
		var wrong string
		if to, wrong = message.ParseRecipientPhone(text); wrong != "" {
			return "", "", problemParameter("to", wrong)
		}
		if caller != "" {
			return "", "", problemParameter("to", "and caller do not go together")
		}
	}
	return caller, to, nil
}

func (a *API) getLimits(w http.ResponseWriter, r *http.Request, _ Caller) error {
	caller, to, err := about(r)
	if err != nil {
		return err
	}
	use := LimitUse{Caller: caller}
	switch {
	case caller != "":
		use.Limits, err = a.Limits.OfCaller(r.Context(), caller)
	case to != "":
		use.To = to.Masked()
		use.Limits, err = a.Limits.OfNumber(r.Context(), to)
	default:
		use.Limits, err = a.Limits.OfStack(r.Context())
	}
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	a.writeJSON(w, r, http.StatusOK, "application/json", use)
	return nil
}

func (a *API) deleteLimits(w http.ResponseWriter, r *http.Request, who Caller) error {
	caller, to, err := about(r)
	if err != nil {
		return err
	}
	switch {
	case caller != "":
		err = a.Limits.ResetCaller(r.Context(), caller)
	case to != "":
		err = a.Limits.ResetNumber(r.Context(), to)
	default:
		return problemParameter("caller", "or to is missing: what everybody has used is not reset")
	}
	if err != nil {
		return err
	}
	a.Log.LogAttrs(r.Context(), slog.LevelWarn, "limits reset", slog.String("caller", who.ID))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}
