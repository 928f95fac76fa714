package aligotest

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"sms-api/internal/message"
)

// FaultKind is what goes wrong with a call.
type FaultKind string

// The faults. Unless they say otherwise, a send that they come over is not accepted.
const (
	// FaultResetAfter: the call is carried out, but the connection is reset before the answer.
	FaultResetAfter FaultKind = "reset-after"
	// FaultResetBefore: the connection is reset and nothing is carried out.
	FaultResetBefore FaultKind = "reset-before"
	// FaultHTTP500: a server error with an HTML page.
	FaultHTTP500 FaultKind = "http-500"
	// FaultHTML200: an HTML page with status 200.
	FaultHTML200 FaultKind = "html-200"
	// FaultSlow: the call is carried out, but the answer takes as long as Options.Slow.
	FaultSlow FaultKind = "slow"
	// FaultUnregisteredIP, FaultNoBalance, FaultBadCredentials and FaultUnregisteredSender: the vendor's refusals.
	FaultUnregisteredIP     FaultKind = "unregistered-ip"
	FaultNoBalance          FaultKind = "no-balance"
	FaultBadCredentials     FaultKind = "bad-credentials"
	FaultUnregisteredSender FaultKind = "unregistered-sender"
	// FaultUnknownRefusal: a refusal in words that nobody has heard before.
	FaultUnknownRefusal FaultKind = "unknown-refusal"
	// FaultPartial: only the first half of the recipients, rounded up, is accepted.
	FaultPartial FaultKind = "partial"
	// FaultCutOff: the call is carried out, but the answer ends in the middle.
	FaultCutOff FaultKind = "cut-off"
	// FaultSlowBody: the call is carried out; the answer begins at once and takes as long as Options.Slow to end.
	FaultSlowBody FaultKind = "slow-body"
	// FaultReceiptsLate: receipts that are there are shown as pending.
	FaultReceiptsLate FaultKind = "receipts-late"
	// FaultReceiptsOutOfOrder: rows of a list come in reverse.
	FaultReceiptsOutOfOrder FaultKind = "receipts-out-of-order"
	// FaultRowsDuplicated: rows of a list come twice; receipts once more as pending.
	FaultRowsDuplicated FaultKind = "rows-duplicated"
	// FaultTypesSwapped: numbers come as strings and strings of digits as numbers.
	FaultTypesSwapped FaultKind = "types-swapped"
	// FaultLimitIgnored: pages have 50 rows (30 in the SMS lists), whatever was asked for.
	FaultLimitIgnored FaultKind = "limit-ignored"
	// FaultLate: the connection is reset, and the call is carried out as long after that as Fault.After says.
	FaultLate FaultKind = "late"
	// FaultEmptyList: a list has no rows.
	FaultEmptyList FaultKind = "empty-list"
	// FaultEUCKR: the answer's texts are in EUC-KR, not escaped.
	FaultEUCKR FaultKind = "euc-kr"
)

func faultKinds() []FaultKind {
	return []FaultKind{
		FaultResetAfter, FaultResetBefore, FaultHTTP500, FaultHTML200, FaultSlow, FaultUnregisteredIP, FaultNoBalance, FaultBadCredentials,
		FaultUnregisteredSender, FaultUnknownRefusal, FaultPartial, FaultCutOff, FaultSlowBody, FaultReceiptsLate, FaultReceiptsOutOfOrder,
		FaultRowsDuplicated, FaultTypesSwapped, FaultLimitIgnored, FaultLate, FaultEmptyList, FaultEUCKR,
	}
}

// Fault makes calls go wrong.
type Fault struct {
	// Endpoint is the path of the calls, such as /akv10/alimtalk/send/; empty means all.
	Endpoint string    `json:"endpoint"`
	Kind     FaultKind `json:"fault"`
	// Times is how many calls it comes over; 0 is one, a negative number all of them until Reset.
	Times int `json:"times"`
	// Probability is how likely it comes over a call; 0 is for sure.
	Probability float64 `json:"probability"`
	// Accepted makes http-500 and html-200 come after the call was carried out.
	Accepted bool `json:"accepted"`
	// After is how late the fault late carries a call out; 0 is Options.Slow.
	After message.Duration `json:"after,omitempty"`
}

// SetFault adds a fault. Several on one endpoint come one after the other, in the order they were set. The error names
// what is wrong with the fault.
func (s *Standin) SetFault(f Fault) error {
	if f.Endpoint != "" && !strings.HasSuffix(f.Endpoint, "/") {
		f.Endpoint += "/"
	}
	if f.Endpoint != "" && !slices.Contains(endpoints(), f.Endpoint) {
		return fmt.Errorf("there is no endpoint %s; there are %s", f.Endpoint, strings.Join(endpoints(), " "))
	}
	if !slices.Contains(faultKinds(), f.Kind) {
		return fmt.Errorf("there is no fault %q; there are %v", f.Kind, faultKinds())
	}
	if f.Probability < 0 || f.Probability > 1 {
		return errors.New("a probability is between 0 and 1")
	}
	if f.After < 0 {
		return errors.New("after is not negative")
	}
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
	return nil
}

// Faults are the faults that are set, oldest first, with how often they still come.
func (s *Standin) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	faults := make([]Fault, len(s.faults))
	for i, f := range s.faults {
		faults[i] = *f
	}
	return faults
}

// RemoveFaults takes back all faults of a kind that were set for an endpoint, or for all endpoints when it is empty. An
// empty kind takes back every fault, whatever it was set for.
func (s *Standin) RemoveFaults(kind FaultKind, endpoint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = slices.DeleteFunc(s.faults, func(f *Fault) bool { return kind == "" || f.Kind == kind && f.Endpoint == endpoint })
}

// takeFault finds the fault that comes over a call and counts it.
func (s *Standin) takeFault(path string) Fault {
	for i, f := range s.faults {
		if f.Endpoint != "" && f.Endpoint != path || f.Probability > 0 && s.options.Random() >= f.Probability {
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		if f.Times == 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return *f
	}
	return Fault{}
}

// reset breaks a connection so that the caller sees a reset and not an end.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		// HTTP/2 and recorders have no connection to break.
		http.Error(w, "the stand-in cannot reset this connection", http.StatusBadGateway)
		return
	}
	inner := conn
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok {
		inner = wrapped.NetConn()
	}
	if tcp, ok := inner.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
	}
	_ = conn.Close()
}

const errorPage = "<html>\r\n<head><title>%d</title></head>\r\n<body>\r\n<center><h1>%d</h1></center>\r\n" +
	"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"

func htmlPage(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, errorPage, status, status)
}
