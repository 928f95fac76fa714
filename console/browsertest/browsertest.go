// Package browsertest opens pages in a browser, for tests that use them as people do.
package browsertest

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed" // axe-core
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// chromium starts a browser for a test. A machine without one skips the test, but not where CI=true.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	switch {
	case path == "" && os.Getenv("CI") == "true":
		t.Fatal("there is no browser, and in CI there must be: apt-get install chromium")
	case path == "":
		t.Skip("SKIPPED: there is no Chromium on this machine, so nobody has looked at the page; apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		// What a closed network would refuse.
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	return ctx
}

// Tab is a page in the browser, as somebody uses it.
type Tab struct {
	// Context is the browser's.
	Context context.Context
	// Expected are parts of what the browser may write to the console by itself.
	Expected []string

	t     *testing.T
	url   string
	shots string

	mu     sync.Mutex
	errors []string
	asked  []string
}

// Open starts a browser with one tab, for pages at an address. What the page writes to the console is an error of the test, and so
// is a dialog that nobody asked for.
func Open(t *testing.T, url, acceptLanguage string) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(chromium(t))
	t.Cleanup(cancel)
	b := &Tab{t: t, url: url, Context: ctx, shots: t.ArtifactDir()}
	console := chromedp.Console(ctx)
	dialogs := chromedp.Events(ctx, page.JavascriptDialogOpening)
	note := func(text string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.errors = append(b.errors, text)
	}
	go func() {
		for m, err := range console {
			if err != nil {
				return
			}
			note(m.String())
		}
	}()
	go func() {
		for d, err := range dialogs {
			if err != nil {
				return
			}
			if d.Type != page.DialogTypeConfirm {
				note("dialog: " + d.Message)
			}
			b.mu.Lock()
			b.asked = append(b.asked, d.Message)
			b.mu.Unlock()
			_, _ = chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
		}
	}()
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, e := range b.errors {
			if slices.ContainsFunc(b.Expected, func(part string) bool { return strings.Contains(e, part) }) {
				continue
			}
			t.Errorf("the page says: %s", e)
		}
	})
	b.Must(chromedp.Call(ctx, network.SetExtraHTTPHeaders,
		network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": acceptLanguage}}))
	b.Size(1280, 800)
	return b
}

// Must fails the test with an error.
func (b *Tab) Must(_ any, err error) {
	b.t.Helper()
	if err != nil {
		b.Shot("failed")
		b.t.Fatal(err)
	}
}

// Do does what the browser can do.
func (b *Tab) Do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	b.Must(nil, chromedp.Do(b.Context, actions...))
}

// Size gives the window a size.
func (b *Tab) Size(width, height int64) {
	b.t.Helper()
	b.Do(chromedp.EmulateViewport(width, height))
}

// Theme is light or dark.
func (b *Tab) Theme(name string) {
	b.t.Helper()
	b.Must(chromedp.Call(b.Context, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	}))
}

// Asked is what the page has asked so far before it did something. Each question is answered with yes.
func (b *Tab) Asked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.asked)
}

// Visit opens a path.
func (b *Tab) Visit(path string) {
	b.t.Helper()
	b.Do(chromedp.Navigate(b.url + path))
}

// JS gives what an expression is.
func JS[T any](b *Tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.Context, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	b.Must(nil, err)
	return v
}

// See waits until a condition holds, and looks whenever the document changes. It gives what the condition gives.
func (b *Tab) See(what, condition string) string {
	b.t.Helper()
	const wait = `new Promise((ok, fail) => {
		const look = () => { let v; try { v = (%s); } catch { v = null; } if (v) { watch.disconnect(); ok(String(v)); } };
		const watch = new MutationObserver(look);
		watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
		setTimeout(() => fail(new Error("not within 90 seconds; the focus is on " + document.activeElement.outerHTML.slice(0, 200) +
			" and the page is: " + document.querySelector("main").innerText.slice(0, 1000))), 90000);
		look();
	})`
	v, err := chromedp.Run(b.Context, chromedp.Evaluate[string](fmt.Sprintf(wait, condition), chromedp.EvalAwaitPromise))
	if err != nil {
		b.Shot("failed")
		text, _, _ := strings.Cut(err.Error(), "\n")
		b.t.Fatalf("%s: %.1500s", what, text)
	}
	return v
}

// Control is an expression for the form control with a label.
func Control(label string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("label")].find((l) => l.textContent.trim().startsWith(%q) && l.control)?.control`, label)
}

// Button is an expression for the button or link with a name.
func Button(name string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("main button, main a, main summary")].find((x) => x.textContent.trim() === %q && `+
		`x.checkVisibility() && !x.disabled)`, name)
}

// Press clicks where an element is, as a mouse does.
func (b *Tab) Press(what, element string) {
	b.t.Helper()
	// One look, because the page may draw the element anew after it.
	at := b.See(what, `((x) => { if (!x) return ""; x.scrollIntoView({ block: "center" }); const r = x.getBoundingClientRect(); return [r.x `+
		`+ r.width / 2, r.y + r.height / 2]; })(`+element+`)`)
	var x, y float64
	if _, err := fmt.Sscanf(at, "%g,%g", &x, &y); err != nil {
		b.t.Fatalf("%s is at %q: %v", what, at, err)
	}
	b.Do(chromedp.MouseClickXY(x, y))
}

// Write puts a text into a control and lets the page know, as typing does.
func (b *Tab) Write(label, value string) {
	b.t.Helper()
	b.See(label, Control(label))
	JS[bool](b, fmt.Sprintf(`(() => { const x = %s; x.value = %q; x.dispatchEvent(new Event("input", { bubbles: true })); `+
		`x.dispatchEvent(new Event("change", { bubbles: true })); return true; })()`, Control(label), value))
}

// Shot keeps a picture of what is seen.
func (b *Tab) Shot(name string) []byte {
	b.t.Helper()
	picture, err := chromedp.Run(b.Context, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Logf("no picture: %v", err)
		return nil
	}
	if err := os.WriteFile(filepath.Join(b.shots, name+".png"), picture, 0o600); err != nil {
		b.t.Error(err)
	}
	return picture
}

// axe is axe-core 4.10.3 (axe.min.js of the npm package, Mozilla Public License 2.0), which is used in tests only.
//
//go:embed axe.min.js.gz
var axe []byte

// Axe gives what axe-core finds serious or critical on the page, contrast among it.
func (b *Tab) Axe() []string {
	b.t.Helper()
	return b.axe(`{ "color-contrast": { enabled: false } }`)
}

// AxeAll gives what axe-core finds serious or critical on the page, contrast and all.
func (b *Tab) AxeAll() []string {
	b.t.Helper()
	return b.axe(`{}`)
}

func (b *Tab) axe(rules string) []string {
	b.t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(axe))
	b.Must(nil, err)
	source, err := io.ReadAll(r)
	b.Must(nil, err)
	JS[bool](b, "(() => { "+string(source)+"; return true; })()")
	return JS[[]string](b, `axe.run(document, { resultTypes: ["violations"], rules: `+rules+` }).then((r) => r.violations
		.filter((v) => ["serious", "critical"].includes(v.impact))
		.map((v) => v.id + ": " + v.help + ": " + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")))`)
}

// Looks gives what is wrong with how a view looks, light and dark, at the width of a desk and of a phone: what axe-core finds, and
// what is wider than the window. It keeps a picture of each.
func (b *Tab) Looks(name string) (wrong []string) {
	b.t.Helper()
	for _, look := range []struct {
		theme string
		width int64
	}{{"light", 1440}, {"light", 390}, {"dark", 1440}, {"dark", 390}} {
		b.Theme(look.theme)
		b.Size(look.width, 1400)
		say := func(what string) {
			wrong = append(wrong, fmt.Sprintf("%s, %s, %d wide: %s", name, look.theme, look.width, what))
		}
		for _, found := range b.AxeAll() {
			say(found)
		}
		if wide := JS[int](b, `document.documentElement.scrollWidth`); int64(wide) > look.width {
			say(fmt.Sprintf("it is %d wide", wide))
		}
		JS[bool](b, `(scrollTo(0, 0), true)`)
		b.Shot(fmt.Sprintf("%s-%s-%d", name, look.theme, look.width))
	}
	b.Theme("light")
	b.Size(1280, 800)
	return wrong
}
