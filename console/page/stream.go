package page

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// streamPause is the shortest time between two events to a page: it reads again what it shows each time.
	streamPause = 150 * time.Millisecond
	// streamAgain is after what time a page is told of a change once more: what was heard of may be written a moment later.
	streamAgain = 700 * time.Millisecond
	// streamIdle is when a page that hears nothing is told that somebody is there.
	streamIdle = 20 * time.Second
	// streamWrite is how long a page may take to read an event.
	streamWrite = 10 * time.Second
)

// stream tells open pages that something has changed, not what: however much happens, a page that is slow costs nothing.
type stream struct {
	// refresh is after what time without a change pages are told of one all the same; 0 is never.
	refresh time.Duration

	mu        sync.Mutex
	version   int64
	again     *time.Timer
	listeners map[chan struct{}]struct{}
	closed    chan struct{}
	closing   sync.Once
	hooked    sync.Once
}

func newStream(refresh time.Duration) *stream {
	return &stream{refresh: refresh, listeners: map[chan struct{}]struct{}{}, closed: make(chan struct{})}
}

// notify tells everybody.
func (s *stream) notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.tell()
	if s.again == nil {
		s.again = time.AfterFunc(streamAgain, s.tellAgain)
	}
	s.again.Reset(streamAgain)
}

func (s *stream) tellAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell()
}

func (s *stream) tell() {
	for l := range s.listeners {
		select {
		case l <- struct{}{}:
		default: // it has not got round to the last one yet
		}
	}
}

// close ends all streams.
func (s *stream) close() {
	s.closing.Do(func() { close(s.closed) })
}

// endWith lets the streams end when their server shuts down: it would wait for them otherwise.
func (s *stream) endWith(r *http.Request) {
	if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok {
		s.hooked.Do(func() { server.RegisterOnShutdown(s.close) })
	}
}

func (s *stream) listen() chan struct{} {
	l := make(chan struct{}, 1)
	l <- struct{}{}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners[l] = struct{}{}
	return l
}

func (s *stream) leave(l chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

func (s *stream) current() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

// ServeHTTP sends an event at once and whenever something has changed.
func (s *stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.endWith(r)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	control := http.NewResponseController(w)
	send := func(text string) bool {
		// A recorder has no deadlines, and needs none.
		_ = control.SetWriteDeadline(time.Now().Add(streamWrite))
		if _, err := fmt.Fprint(w, text); err != nil {
			return false
		}
		return control.Flush() == nil
	}
	if !send("retry: 1000\n\n") {
		return
	}
	l := s.listen()
	defer s.leave(l)
	idle, quiet := streamIdle, ": still here\n\n"
	if s.refresh > 0 {
		idle, quiet = s.refresh, ""
	}
	for {
		text := quiet
		select {
		case <-l:
			text = ""
		case <-time.After(idle):
		case <-r.Context().Done():
			return
		case <-s.closed:
			return
		}
		if text == "" {
			text = fmt.Sprintf("event: change\ndata: {\"version\":%d}\n\n", s.current())
		}
		if !send(text) {
			return
		}
		select {
		case <-time.After(streamPause):
		case <-r.Context().Done():
			return
		case <-s.closed:
			return
		}
	}
}
