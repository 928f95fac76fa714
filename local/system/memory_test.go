package system

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"

	"sms-api/internal/pipenet"
)

// memory is a network inside one process: servers listen on names, and its client dials them. Unlike sockets it lets
// testing/synctest see that everybody is waiting, so that time can move on.
type memory struct {
	mu        sync.Mutex
	listeners map[string]*pipenet.Listener
}

// serve answers http://name with the handler until the test ends.
func (n *memory) serve(t *testing.T, name string, h http.Handler) {
	t.Helper()
	l := pipenet.Listen()
	n.mu.Lock()
	if n.listeners == nil {
		n.listeners = map[string]*pipenet.Listener{}
	}
	n.listeners[name] = l
	n.mu.Unlock()
	server := &http.Server{Handler: h}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
}

// cut makes a name unreachable for new connections until it is served again.
func (n *memory) cut(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.listeners, name)
}

// client returns an HTTP client of this network. Its connections are closed when the test ends.
func (n *memory) client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{DialContext: n.dial, MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (n *memory) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	l := n.listeners[host]
	n.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("nobody listens on %s", host)
	}
	near, far := newPipe()
	if err := l.Hand(ctx, far); err != nil {
		_, _ = near.Close(), far.Close()
		return nil, fmt.Errorf("%s: %w", host, err)
	}
	return near, nil
}

// pipe is an end of a net.Pipe whose writes do not wait for the reader, as those of a socket do not: net/http counts on
// having written its request before the answer comes.
type pipe struct {
	net.Conn

	mu     sync.Mutex
	wake   *sync.Cond
	queue  [][]byte
	closed bool
}

func newPipe() (near, far net.Conn) {
	a, b := net.Pipe()
	return pump(a), pump(b)
}

func pump(c net.Conn) *pipe {
	p := &pipe{Conn: c}
	p.wake = sync.NewCond(&p.mu)
	go p.run()
	return p
}

// run hands on what was written, and closes the connection after the last of it.
func (p *pipe) run() {
	defer func() { _ = p.Conn.Close() }()
	for {
		p.mu.Lock()
		for len(p.queue) == 0 && !p.closed {
			p.wake.Wait()
		}
		queue := p.queue
		p.queue = nil
		p.mu.Unlock()
		if len(queue) == 0 {
			return
		}
		for _, b := range queue {
			if _, err := p.Conn.Write(b); err != nil {
				return
			}
		}
	}
}

func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, net.ErrClosed
	}
	p.queue = append(p.queue, bytes.Clone(b))
	p.wake.Signal()
	return len(b), nil
}

func (p *pipe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.wake.Signal()
	return nil
}
