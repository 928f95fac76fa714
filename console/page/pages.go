package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"golang.org/x/text/language"
)

//go:embed assets
var assets embed.FS

// views are the paths that have a page of their own. All of them are the same document, which draws what its path says.
func views() []string {
	return []string{
		"/{$}", "/phones/{number}", "/messages", "/messages/{id}", "/compose", "/campaigns", "/campaigns/new", "/campaigns/{id}", "/events",
		"/faults", "/operations", "/overview", "/docs",
	}
}

// pages are the files of the page.
type pages struct {
	document *template.Template
	// system is the name of the system, and parts are those of its parts, with spaces between them.
	system, parts string
	files         map[string]file
}

type file struct {
	content     []byte
	contentType string
	tag         string
}

func newPages(system, parts string) (*pages, error) {
	p := &pages{system: system, parts: parts, files: map[string]file{}}
	document, err := template.ParseFS(assets, "assets/index.html")
	if err != nil {
		return nil, err
	}
	p.document = document
	types := map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
	err = fs.WalkDir(assets, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) == ".html" {
			return err
		}
		contentType, ok := types[path.Ext(name)]
		if !ok {
			return fmt.Errorf("%s: no content type is known for it", name)
		}
		content, err := assets.ReadFile(name)
		if err != nil {
			return err
		}
		p.files[strings.TrimPrefix(name, "assets/")] = file{content, contentType, tagOf(content)}
		return nil
	})
	return p, err
}

// tagOf is the entity tag of a content.
func tagOf(content []byte) string {
	sum := sha256.Sum256(content)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

func (p *pages) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /inbox/assets/{file...}", p.serveFile)
	for _, view := range views() {
		mux.HandleFunc("GET "+view, func(w http.ResponseWriter, r *http.Request) { p.serveDocument(w, r, http.StatusOK) })
	}
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/inbox/assets/icon.svg", http.StatusMovedPermanently)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { p.serveDocument(w, r, http.StatusNotFound) })
}

func (p *pages) serveFile(w http.ResponseWriter, r *http.Request) {
	f, ok := p.files[r.PathValue("file")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", f.contentType)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", f.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
}

// languageOf is the page's language: Korean for those who prefer it to English.
func languageOf(acceptLanguage string) string {
	matcher := language.NewMatcher([]language.Tag{language.English, language.Korean})
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return "en"
	}
	if _, index, _ := matcher.Match(tags...); index == 1 {
		return "ko"
	}
	return "en"
}

func (p *pages) serveDocument(w http.ResponseWriter, r *http.Request, status int) {
	var document bytes.Buffer
	err := p.document.Execute(&document, struct {
		Language, System, Parts string
		Found                   bool
	}{languageOf(r.Header.Get("Accept-Language")), p.system, p.parts, status == http.StatusOK})
	if err != nil {
		http.Error(w, "the page cannot be drawn", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Add("Vary", "Accept-Language")
	w.WriteHeader(status)
	// The browser is gone when this fails; there is nobody to tell.
	_, _ = w.Write(document.Bytes())
}
