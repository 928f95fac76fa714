package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/fault"
	"sms-api/internal/message"
)

// checkRedrive stops a send that a redrive has begun anew: the execution may have been ended in the middle of the same
// send, and only the history tells.
func checkRedrive(in Input) error {
	if in.Redrives > in.Progress.Redrives {
		return &fault.Ambiguous{Reason: "the execution was redriven; what it had sent before has to be looked up"}
	}
	return nil
}

// checkTime says why nothing may be sent in this moment, nil if something may.
func (d *Dispatch) checkTime(in Input) error {
	now := d.Now()
	from := in.Message.NotBefore(now, d.AdsUntil)
	switch {
	case !now.Before(in.Message.ExpiresAt):
		return d.expired(in)
	case !from.After(now):
		return nil
	case !from.Before(in.Message.ExpiresAt):
		return &fault.Expired{Reason: "advertising does not go out at night, and the message's time is over before the morning"}
	}
	return &fault.Later{Until: from}
}

func (d *Dispatch) expired(in Input) error {
	reason := "the message's time was over before it could be sent"
	if in.Progress.Parked != nil {
		// What has to be repaired is not everybody's to know: callers read this reason.
		reason += "; something had to be repaired first"
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
		return &fault.NotConfigured{Repair: fault.Repair{Cause: string(e.Cause), Reason: d.repair(e)}}
	case aligo.ClassUnrecognised:
		return &fault.Unrecognised{Err: e, Repair: fault.Repair{
			Cause: string(aligo.CauseUnknown), Reason: "find out what Aligo refuses; the log has its words",
		}}
	case aligo.ClassRejected:
		if !reads {
			return &fault.Rejected{Reason: e.Public(), Err: e}
		}
		// A read that is refused is no refusal of what was to be sent.
	case aligo.ClassInvalid:
		return &fault.Invalid{Reason: e.Public()}
	case aligo.ClassAmbiguous:
		if !reads {
			return &fault.Ambiguous{Reason: e.Error()}
		}
	case aligo.ClassTransient:
	}
	return &fault.Transient{Reason: e.Error()}
}

// sendFault is the fault of a call that sends. Words that nobody has described may be a rule that an AlimTalk breaks for
// ever: after fallback.after it counts as refused, and the SMS goes out.
func (d *Dispatch) sendFault(in Input, err error) error {
	f := d.fault(err, false)
	var u *fault.Unrecognised
	if errors.As(f, &u) && fallsBack(in) {
		if parked := in.Progress.Parked; parked != nil && parked.Cause == string(aligo.CauseUnknown) &&
			!d.Now().Before(parked.Since.Add(time.Duration(in.Message.Fallback.After))) {
			return &fault.Rejected{Reason: "Aligo refuses the AlimTalk in words that are not known", Err: u.Err}
		}
	}
	return f
}

// fallsBack says that an SMS follows if the call in the queue is refused.
func fallsBack(in Input) bool {
	return in.Progress.Queue != nil && in.Progress.Queue.Channel == message.AlimTalk && in.Message.Fallback.Enabled
}

// park says since when a message is parked, how long it waits before the next attempt, and when that is.
func (d *Dispatch) park(in Input, err error) {
	r := repairOf(err)
	if r == nil {
		return
	}
	clock := d.Now().UTC()
	now := clock.Truncate(time.Second)
	r.Since, r.Wait = now, seconds(firstParking)
	if before := in.Progress.Parked; before != nil && before.Cause == r.Cause {
		r.Since, r.Wait = before.Since, min(2*before.Wait, seconds(longestParking))
	}
	left := r.Since.Add(time.Duration(in.Message.Fallback.After)).Sub(now)
	if r.Cause == string(aligo.CauseUnknown) && fallsBack(in) && left > 0 {
		r.Wait = min(r.Wait, seconds(left))
	}
	if p := in.Progress; p.Queue != nil && p.Doubt == nil && in.Message.ExpiresAt.After(now) {
		// What is to be sent is not sent any more then, and its caller hears of it.
		r.Wait = min(r.Wait, seconds(in.Message.ExpiresAt.Sub(now)))
	}
	// The state machine begins to wait a moment from now, when it has caught the error.
	r.Next = clock.Add(time.Duration(r.Wait)*time.Second + time.Second - 1).Truncate(time.Second)
}

// The waits of a parked message double from the first to the longest.
const (
	firstParking   = time.Minute
	longestParking = 15 * time.Minute
)

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
		if errors.Is(e, aligo.ErrOtherAccount) {
			return "the message was sent with another Aligo account, which alone can tell what became of it: put its credentials " +
				"back until this message has gone on"
		}
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
	if r := repairOf(err); r != nil {
		attributes = append(attributes, slog.String("cause", r.Cause))
	}
	var answer *aligo.Error
	if errors.As(err, &answer) {
		attributes = append(attributes, slog.String("vendor", answer.Error()))
	}
	d.Log.LogAttrs(ctx, slog.LevelWarn, what, attributes...)
}

// faultName is the name of the fault as Step Functions sees it.
func faultName(err error) string { return strings.TrimPrefix(fmt.Sprintf("%T", err), "*fault.") }

// words are an error's for people.
func words(err error) string {
	if r := repairOf(err); r != nil {
		return r.Cause + ": " + r.Reason
	}
	return err.Error()
}

// repairOf is what an error asks an operator to do; nil when it is none of that kind.
func repairOf(err error) *fault.Repair {
	var n *fault.NotConfigured
	var u *fault.Unrecognised
	switch {
	case errors.As(err, &n):
		return &n.Repair
	case errors.As(err, &u):
		return &u.Repair
	}
	return nil
}
