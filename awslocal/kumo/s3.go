package inprocess

import (
	"net/http"

	"github.com/sivchari/kumo/internal/service/s3"
)

// S3 is an S3 without buckets, an http.Handler for requests with the bucket as the first part of the path. It checks no
// signature, tells nobody of its objects, and has them in memory.
func S3() http.Handler {
	mux := http.NewServeMux()
	s3.New(s3.NewMemoryStorage(), "").RegisterRoutes(router{mux})
	return mux
}

// router is a mux as kumo wants it.
type router struct{ mux *http.ServeMux }

func (r router) Handle(method, pattern string, handler http.HandlerFunc) {
	r.mux.HandleFunc(method+" "+pattern, handler)
}

func (r router) HandleFunc(method, pattern string, handler http.HandlerFunc) {
	r.Handle(method, pattern, handler)
}
