package aligotest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// controls adds the paths that tests and people steer the stand-in with.
func (s *Standin) controls() {
	s.mux.HandleFunc("GET /_standin/messages", func(w http.ResponseWriter,
		_ *http.Request) {
		writeJSON(w, http.StatusOK, listOf(s.Messages()))
	})
	s.mux.HandleFunc("GET /_standin/calls", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, listOf(s.Calls())) })
	s.mux.HandleFunc("GET /_standin/balance", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]float64{"balance": s.Balance()})
	})
	s.mux.HandleFunc("POST /_standin/balance", func(w http.ResponseWriter, r *http.Request) {
		var to struct {
			// Balance is in won.
			Balance *float64 `json:"balance"`
		}
		control(w, r, &to, func() error {
			if to.Balance == nil || *to.Balance < 0 {
				return errors.New(`say {"balance": n}, in won`)
			}
			s.SetBalance(*to.Balance)
			return nil
		})
	})
	s.mux.HandleFunc("GET /_standin/ips", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string][]string{"ips": listOf(s.RegisteredIPs())})
	})
	s.mux.HandleFunc("POST /_standin/ips", func(w http.ResponseWriter, r *http.Request) {
		var to struct {
			IPs *[]string `json:"ips"`
		}
		control(w, r, &to, func() error {
			if to.IPs == nil {
				return errors.New(`say {"ips": ["203.0.113.1"]}; an empty list lets everybody call`)
			}
			for _, ip := range *to.IPs {
				if net.ParseIP(ip) == nil {
					return fmt.Errorf("%q is not an IP address", ip)
				}
			}
			s.SetRegisteredIPs(*to.IPs)
			return nil
		})
	})
	s.mux.HandleFunc("GET /_standin/faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Faults()) })
	s.mux.HandleFunc("DELETE /_standin/faults", func(w http.ResponseWriter, r *http.Request) {
		s.RemoveFaults(FaultKind(r.FormValue("fault")), r.FormValue("endpoint"))
		w.WriteHeader(http.StatusNoContent)
	})
	s.mux.HandleFunc("POST /_standin/faults", applies(s.SetFault))
	s.mux.HandleFunc("POST /_standin/templates", applies(s.SetTemplateState))
	s.mux.HandleFunc("GET /_standin/behaviour", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Behaviour()) })
	s.mux.HandleFunc("POST /_standin/behaviour", applies(s.SetBehaviour))
	s.mux.HandleFunc("POST /_standin/receipts", applies(s.SetReceipts))
	s.mux.HandleFunc("DELETE /_standin", func(w http.ResponseWriter, _ *http.Request) {
		s.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
}

// applies answers with what becomes of a JSON body that set takes.
func applies[T any](set func(T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var to T
		control(w, r, &to, func() error { return set(to) })
	}
}

// control reads a JSON body and applies it, or says what is wrong with it.
func control(w http.ResponseWriter, r *http.Request, into any, apply func() error) {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil && d.More() {
		err = errors.New("there is something after the JSON object")
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("a JSON object is needed")
	}
	if err == nil {
		err = apply()
	}
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": fmt.Sprint(err)})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// listOf is never null in JSON.
func listOf[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	// The status is written; if the caller is gone, nobody is left to tell.
	_ = e.Encode(v)
}
