package aligo

import (
	"bytes"
	"context"
	"sync"
)

// Guard are the moments of a send at which whoever sends has a say. The error of either comes back from the call as it is,
// and means that the vendor surely has not accepted it.
//
// When the vendor refuses the credentials, and with them the call, and there are newer ones, both run again for the second
// try: a Before that runs again therefore knows that the first try was not accepted.
type Guard struct {
	// Before runs once the credentials are known and everything is checked, before a connection is asked for. The account
	// is the one that the call is going to be made with.
	Before func(ctx context.Context, account Account) error
	// Gate runs last, after credentials, name server and handshakes have taken their time: nothing of the request has left
	// this machine, and when it refuses nothing will. It may run more than once, and should be quick: the vendor waits.
	Gate func() error
}

// guardError carries the error of a guard to where it is returned as it was.
type guardError struct{ err error }

func (e *guardError) Error() string { return e.err.Error() }

// departure is the moment in which a request may leave this machine.
type departure struct {
	gate func() error
	body *bytes.Reader

	mu sync.Mutex
	// left is set once the request may have left; off once it must not leave any more, refused if that is the gate's doing.
	left, off bool
	refused   error
}

// ask runs the gate. net/http calls it with the header in its buffer and the body next. After a refusal there is no body: a
// request that is shorter than its header says is given up, with the buffer and the connection.
func (d *departure) ask() {
	var err error
	if d.gate != nil {
		err = d.gate()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.off, d.refused = true, err
	}
	if d.off {
		d.body.Reset(nil)
		return
	}
	d.left = true
}

// callOff tells whether the request may have left, and sees to it that otherwise it never does: a transport that has given up
// may still be on its way here. refused is the gate's reason.
func (d *departure) callOff() (left bool, refused error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = true
	return d.left, d.refused
}
