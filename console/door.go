package main

import (
	"crypto/rand"
	"crypto/subtle"
	"net"
	"net/http"
)

// door lets those in who have the link. A page of somebody else's in the same browser has not, and whoever makes a name of his
// own lead here (DNS rebinding) is told by the Host header.
type door struct {
	host, token, cookie string
	next                http.Handler
}

func newDoor(host string, next http.Handler) *door {
	_, port, _ := net.SplitHostPort(host)
	// Cookies of one address are shared by its ports.
	return &door{host: host, token: rand.Text(), cookie: "sms-api-console-" + port, next: next}
}

// link is what opens the door. The token leaves the address bar at once.
func (d *door) link() string { return "http://" + d.host + "/?token=" + d.token }

func (d *door) knows(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(d.token)) == 1
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Referrer-Policy", "no-referrer")
	if r.Host != d.host {
		http.Error(w, "this page is at http://"+d.host+" only", http.StatusMisdirectedRequest)
		return
	}
	if r.Method == http.MethodGet && d.knows(r.URL.Query().Get("token")) {
		http.SetCookie(w, &http.Cookie{
			Name: d.cookie, Value: d.token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		})
		// The path only, which is one of this server's.
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	if c, err := r.Cookie(d.cookie); err != nil || !d.knows(c.Value) {
		http.Error(w, "open the link that the command has printed", http.StatusUnauthorized)
		return
	}
	d.next.ServeHTTP(w, r)
}
