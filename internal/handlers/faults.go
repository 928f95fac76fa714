package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"sms-api/internal/aligo"
	"sms-api/internal/fault"
)

// checkRedrive stops a send that a redrive has begun anew: the execution may have been ended in the middle of the same
// send, and only the history tells.
func checkRedrive(in Input) error {
	if in.Redrives > in.Progress.Redrives {
		return &fault.Ambiguous{Reason: "the execution was redriven; what it had sent before has to be looked up"}
	}
	return nil
}

func (d *Dispatch) checkExpiry(in Input) error {
	if d.Now().Before(in.Message.ExpiresAt) {
		return nil
	}
	reason := "the message's time was over before it could be sent"
	if p := in.Progress.Parked; p != nil {
		reason += "; it waited for an operator: " + p.Cause + ": " + p.Reason
	}
	return &fault.Expired{Reason: reason}
}

// fault turns an error of Aligo's client into the one that the state machine matches. A call that only reads can be
// repeated after any doubt.
func (d *Dispatch) fault(err error, reads bool) error {
	var e *aligo.Error
	if !errors.As(err, &e) {
		// Nobody knows where it comes from, so nobody knows what had been sent.
		e = &aligo.Error{Class: aligo.ClassAmbiguous, Err: err}
	}
	switch e.Class {
	case aligo.ClassNotConfigured:
		return &fault.NotConfigured{Cause: string(e.Cause), Reason: d.repair(e)}
	case aligo.ClassRejected:
		return &fault.Rejected{Reason: e.Error()}
	case aligo.ClassInvalid:
		return &fault.Invalid{Reason: e.Error()}
	case aligo.ClassAmbiguous:
		if !reads {
			return &fault.Ambiguous{Reason: e.Error()}
		}
	case aligo.ClassTransient:
	}
	return &fault.Transient{Reason: e.Error()}
}

// repair tells an operator what to do about a fault of the account.
func (d *Dispatch) repair(e *aligo.Error) string {
	switch e.Cause {
	case aligo.CauseIP:
		address := "the address that this network leaves from"
		if len(d.EgressIPs) > 0 {
			address = strings.Join(d.EgressIPs, " and ")
		}
		return fmt.Sprintf("register %s with Aligo (문자API > 신청/인증 > 발송 서버 IP): %s", address, e)
	case aligo.CauseCredentials:
		return fmt.Sprintf("put the right Aligo credentials into the parameter store: %s", e)
	case aligo.CauseBalance:
		return fmt.Sprintf("top up the Aligo wallet: %s", e)
	case aligo.CauseSender:
		return fmt.Sprintf("register the sender number with Aligo: %s", e)
	default:
		return e.Error()
	}
}

// warn logs a fault with the attributes that alarms count.
func (d *Dispatch) warn(ctx context.Context, what string, err error, attributes ...slog.Attr) {
	attributes = append(attributes, slog.String("fault", faultName(err)), slog.String("error", words(err)))
	var n *fault.NotConfigured
	if errors.As(err, &n) {
		attributes = append(attributes, slog.String("cause", n.Cause))
	}
	d.Log.LogAttrs(ctx, slog.LevelWarn, what, attributes...)
}

// faultName is the name of the fault as Step Functions sees it.
func faultName(err error) string { return strings.TrimPrefix(fmt.Sprintf("%T", err), "*fault.") }

// words are an error's for people.
func words(err error) string {
	var n *fault.NotConfigured
	if errors.As(err, &n) {
		return n.Cause + ": " + n.Reason
	}
	return err.Error()
}
