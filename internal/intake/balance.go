package intake

import (
	"context"
	"net/http"
)

// Balance is the wallet as the API shows it.
type Balance struct {
	SMS int `json:"sms"`
	LMS int `json:"lms"`
	MMS int `json:"mms"`
	// AlimTalk is absent when Aligo does not tell.
	AlimTalk *int `json:"alimtalk,omitempty"`
}

func (a *API) getBalance(w http.ResponseWriter, r *http.Request, _ Caller) error {
	ctx, cancel := context.WithTimeout(r.Context(), vendorTimeout)
	defer cancel()
	found, err := a.Wallet.HeartInfo(ctx)
	if err != nil {
		return a.vendorFailed(w, r, err)
	}
	b := Balance{SMS: found.SMS, LMS: found.LMS, MMS: found.MMS}
	if found.AlimTalkKnown {
		b.AlimTalk = &found.AlimTalk
	}
	w.Header().Set("Cache-Control", "no-store")
	a.writeJSON(w, r, http.StatusOK, "application/json", b)
	return nil
}
