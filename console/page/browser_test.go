package page_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"sms-api/internal/aligo/aligotest"
)

// go test ./console/page -run Browser -artifacts keeps the pictures that the tests take.
var screenshots = flag.String("screenshots", "", "a folder that the README's pictures are written to")

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

// tab is a page in the browser, as somebody uses it.
type tab struct {
	t   *testing.T
	w   *world
	ctx context.Context

	// expected are parts of what the browser may write to the console by itself.
	expected []string
	shots    string

	mu     sync.Mutex
	errors []string
}

// open starts a browser with one tab. What the page writes to the console is an error of the test, and so is a dialog that
// nobody asked for.
func open(t *testing.T, w *world, acceptLanguage string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(chromium(t))
	t.Cleanup(cancel)
	b := &tab{t: t, w: w, ctx: ctx, shots: t.ArtifactDir()}
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
			_, _ = chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
		}
	}()
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, e := range b.errors {
			if slices.ContainsFunc(b.expected, func(part string) bool { return strings.Contains(e, part) }) {
				continue
			}
			t.Errorf("the page says: %s", e)
		}
	})
	b.must(chromedp.Call(ctx, network.SetExtraHTTPHeaders,
		network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": acceptLanguage}}))
	b.size(1280, 800)
	return b
}

func (b *tab) must(_ any, err error) {
	b.t.Helper()
	if err != nil {
		b.shot("failed")
		b.t.Fatal(err)
	}
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	b.must(nil, chromedp.Do(b.ctx, actions...))
}

func (b *tab) size(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
}

func (b *tab) theme(name string) {
	b.t.Helper()
	b.must(chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	}))
}

func (b *tab) visit(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.w.url + path))
}

// js gives what an expression is.
func js[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	b.must(nil, err)
	return v
}

// see waits until a condition holds, and looks whenever the document changes. It gives what the condition gives.
func (b *tab) see(what, condition string) string {
	b.t.Helper()
	const wait = `new Promise((ok, fail) => {
		const look = () => { let v; try { v = (%s); } catch { v = null; } if (v) { watch.disconnect(); ok(String(v)); } };
		const watch = new MutationObserver(look);
		watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
		setTimeout(() => fail(new Error("not within 20 seconds; the focus is on " + document.activeElement.outerHTML.slice(0, 200) +
			" and the page is: " + document.querySelector("main").innerText.slice(0, 1000))), 20000);
		look();
	})`
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](fmt.Sprintf(wait, condition), chromedp.EvalAwaitPromise))
	if err != nil {
		b.shot("failed")
		text, _, _ := strings.Cut(err.Error(), "\n")
		b.t.Fatalf("%s: %.1500s", what, text)
	}
	return v
}

// control is an expression for the form control with a label.
func control(label string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("label")].find((l) => l.textContent.trim().startsWith(%q) && l.control)?.control`, label)
}

// button is an expression for the button or link with a name.
func button(name string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("main button, main a, main summary")].find((x) => x.textContent.trim() === %q && `+
		`x.checkVisibility() && !x.disabled)`, name)
}

// press clicks where an element is, as a mouse does.
func (b *tab) press(what, element string) {
	b.t.Helper()
	// One look, because the page may draw the element anew after it.
	at := b.see(what, `((x) => { if (!x) return ""; x.scrollIntoView({ block: "center" }); const r = x.getBoundingClientRect(); return [r.x `+
		`+ r.width / 2, r.y + r.height / 2]; })(`+element+`)`)
	var x, y float64
	if _, err := fmt.Sscanf(at, "%g,%g", &x, &y); err != nil {
		b.t.Fatalf("%s is at %q: %v", what, at, err)
	}
	b.do(chromedp.MouseClickXY(x, y))
}

// write puts a text into a control and lets the page know, as typing does.
func (b *tab) write(label, value string) {
	b.t.Helper()
	b.see(label, control(label))
	js[bool](b, fmt.Sprintf(`(() => { const x = %s; x.value = %q; x.dispatchEvent(new Event("input", { bubbles: true })); `+
		`x.dispatchEvent(new Event("change", { bubbles: true })); return true; })()`, control(label), value))
}

// shot keeps a picture of what is seen.
func (b *tab) shot(name string) []byte {
	b.t.Helper()
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Logf("no picture: %v", err)
		return nil
	}
	if err := os.WriteFile(filepath.Join(b.shots, name+".png"), picture, 0o600); err != nil {
		b.t.Error(err)
	}
	return picture
}

// readme takes a picture for the README, when asked to.
func (b *tab) readme(name, path string, height int64) {
	b.t.Helper()
	if *screenshots == "" {
		return
	}
	b.size(1280, height)
	b.visit(path)
	b.see(path, drawn)
	if err := os.WriteFile(filepath.Join(*screenshots, name+".png"), b.shot(name),
		0o644); err != nil { //nolint:gosec // a picture for everybody
		b.t.Error(err)
	}
}

// form waits for the form to write a message to be complete: with the templates its fields move.
func (b *tab) form() {
	b.t.Helper()
	b.see("the form with the templates",
		`document.querySelectorAll('[data-pointer="/template"] option').length === 4 && document.querySelector(".preview-box .text")`)
}

// ended is an expression for how the state was left that the graph shows.
func ended(state string) string {
	return fmt.Sprintf(`document.querySelector('.node[data-state=%q]')?.dataset.ended`, state)
}

func TestBrowserWalk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := open(t, w, "en")

	// Somebody opens the page, finds nothing, and writes to a number that is not on KakaoTalk.
	b.visit("/")
	b.see("an empty inbox", `document.querySelector("main").innerText.includes("Nothing has arrived yet")`)
	b.press("compose", button("Compose"))
	b.form()
	b.write("Test number", "0001")
	b.press("more options", button("Schedule and other options"))
	b.write("Reference", "order-18")
	if line := js[string](b, `document.querySelector("pre.line").textContent`); !strings.Contains(line,
		`curl -sS -X POST `+w.url+`/v1/messages`) || !strings.Contains(line, `"to":"010-1234-0001"`) ||
		!strings.Contains(line, `"reference":"order-18"`) {
		t.Errorf("the line is\n%s", line)
	}
	b.see("the preview", `document.querySelector(".preview-box").innerText.includes("홍길동님")`)
	b.shot("compose")
	b.press("send", button("Send"))
	b.see("accepted", `document.querySelector(".accepted")?.innerText.includes("Accepted")`)

	// The bubble appears by itself.
	b.press("the inbox", `document.querySelector('nav a[href="/"]')`)
	b.see("the phone", `document.querySelector('a[href="/phones/01012340001"]')`)
	b.press("the phone", `document.querySelector('a[href="/phones/01012340001"]')`)
	b.see("the bubble", `document.querySelector(".sms .text")?.innerText.includes("홍길동님")`)
	b.see("its type, size and price",
		`["LMS", "148 bytes", "₩25.9", "order-18"].every((x) => document.querySelector(".delivery footer").innerText.includes(x))`)
	b.shot("bubble")

	// It leads to its message, whose graph shows the way of a fallback.
	b.press("its message", button("Open message"))
	b.see("delivered", `document.querySelector(".actions .status")?.dataset.status === "delivered"`)
	for _, state := range []string{"Route", "Send AlimTalk", "Wait for receipts", "Read receipts", "Settled?", "Send SMS", "Announce"} {
		b.see(state+" is green", ended(state)+` === "succeeded"`)
	}
	for _, state := range []string{"Reconcile", "Wait for repair", "Wait until send time", "Wait to look again"} {
		b.see(state+" is grey", ended(state)+` === "not"`)
	}
	if n := js[int](b, `document.querySelectorAll(".edge.taken").length`); n != 8 {
		t.Errorf("%d ways are marked as taken, want 8", n)
	}
	b.see("the timeline",
		`[...document.querySelectorAll(".timeline h3")].map((x) => x.textContent).join(" > ") === "Route > Send AlimTalk > Wait for receipts > `+
			`Read receipts > Settled? > Wait for receipts > Read receipts > Settled? > Send SMS > Wait for receipts > Read receipts > `+
			`Settled? > Announce"`)
	b.see("both attempts in words, and the counts", `(() => {
		const box = document.querySelector('[aria-labelledby="recipients-title"]');
		return box.querySelectorAll(".tried").length === 2 && box.innerText.includes("The recipient does not use KakaoTalk.") &&
			box.innerText.includes("1 delivered, 0 failed, 0 unknown, 0 pending · 1 fell back to SMS");
	})()`)
	b.see("the calls", `["/akv10/alimtalk/send/", "/send/", "/sms_list/"].every((x) => `+
		`document.querySelector('[aria-labelledby="calls-title"]').innerText.includes(x))`)
	b.press("an input", `document.querySelector("#visit-1 details summary")`)
	b.see("the input, masked", `document.querySelector("#visit-1 details pre").textContent.includes('"channel": "alimtalk"')`)
	b.press("the message", `document.querySelector(".edge-of-time details summary")`)
	b.see("the message, masked", `document.querySelector(".edge-of-time pre").textContent.includes("010****0001")`)
	if text := js[string](b, `document.querySelector(".timeline").innerText`); strings.Contains(text, "01012340001") ||
		strings.Contains(text, "홍길동") {
		t.Error("the timeline shows a number or a text")
	}
	b.shot("way")
	b.press("a state", `document.querySelector('.graph a[href="#visit-12"] rect')`)
	b.see("leads to its visit", `document.querySelector("#visit-12:target")`)
	b.press("back to the phone", `document.querySelector(".received footer a")`)
	b.see("the bubble is pointed at", `location.pathname === "/phones/01012340001" && document.querySelector(".delivery.pointed")`)

	// A fault changes the outcome: the send after it is lost, looked for and sent again.
	b.press("faults", `document.querySelector('nav a[href="/faults"]')`)
	b.write("Fault", "reset-before")
	b.press("set", button("Set the fault"))
	b.see("it is set", `document.getElementById("announcer").textContent === "Set"`)
	b.shot("faults")
	b.visit("/compose?to=01012345678")
	b.form()
	b.press("send", button("Send"))
	b.press("open the message", button("Open message"))
	b.see("delivered all the same", `document.querySelector(".actions .status")?.dataset.status === "delivered"`)
	b.see("the error was caught", ended("Send AlimTalk")+` === "succeeded" && document.querySelector("#visit-1").dataset.ended === "caught"`)
	b.see("Reconcile has looked", ended("Reconcile")+` === "succeeded"`)
	b.see("the timeline says why", `document.querySelector("#visit-1 .error").innerText.startsWith("Ambiguous")`)
	b.see("the call shows the fault",
		`document.querySelector('[aria-labelledby="calls-title"]').innerText.includes("Reset before acceptance")`)
	b.shot("fault")

	// A message for later is cancelled.
	b.visit("/compose")
	b.form()
	b.press("more options", button("Schedule and other options"))
	b.press("in an hour", button("in 1 h"))
	b.press("schedule", button("Schedule"))
	b.press("open the message", button("Open message"))
	b.see("it waits", `document.querySelector(".actions .status")?.dataset.status === "scheduled" && `+ended("Wait until send "+
		"time")+` === "running"`)
	b.shot("scheduled")
	b.press("cancel", button("Cancel message"))
	b.see("cancelled", `document.querySelector(".actions .status").dataset.status === "cancelled" && `+ended("Wait until send "+
		"time")+` === "aborted"`)
	b.see("no button is left", `!document.getElementById("cancel")`)

	// All of it is in the list and in the overview.
	b.visit("/messages")
	b.see("three messages", `document.querySelectorAll("tbody tr").length === 3`)
	b.press("those that were cancelled", button("Cancelled"))
	b.see("one message", `document.querySelectorAll("tbody tr").length === 1`)
	b.visit("/overview")
	b.see("the fallback rate", `document.querySelector(".figures").innerText.includes("50%")`)
	b.shot("overview")
	b.visit("/")
	b.press("clear", button("Clear"))
	b.see("an empty inbox", `document.querySelector("main").innerText.includes("Nothing has arrived yet")`)
}

func TestBrowserEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := open(t, w, "ko")
	b.expected = []string{"status of 422"}
	b.visit("/compose")
	b.form()
	b.press("as an event", `document.querySelector('label[for="' + document.querySelector("input[name=as][value=event]").id + '"]')`)
	b.see("the aws line", `document.querySelector("pre.line").textContent.includes("events put-events")`)
	b.press("put", button("이벤트 넣기"))
	b.see("its message", `document.querySelector(".accepted .status")?.dataset.status === "delivered"`)
	// A number that cannot be one is rejected, with the place where it stands.
	b.write("번호", "12")
	b.press("put", button("이벤트 넣기"))
	b.see("the rejection", `document.querySelector(".result .failure")?.innerText.includes("/recipients/0/to")`)
	b.see("the field is marked", control("번호")+`.getAttribute("aria-invalid") === "true"`)
	b.press("the problem", `document.querySelector(".result .failure li button")`)
	b.see("leads to the field", control("번호")+` === document.activeElement`)
	b.shot("rejected")
	// The API says the same.
	b.press("as a call", `document.querySelector('label[for="' + document.querySelector("input[name=as][value=api]").id + '"]')`)
	b.press("send", button("보내기"))
	b.see("the problem", `document.querySelector(".result .failure")?.innerText.includes("/recipients/0/to")`)
	b.visit("/events")
	b.see("the events", `["MessageRequested", "MessageSettled", "MessageRejected"].every((x) => `+
		`document.querySelector(".log").innerText.includes(x))`)
	// A random id may hold the digits of a number.
	text := js[string](b, `document.querySelector(".log").textContent.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "")`)
	if strings.Contains(text, "홍길동") || strings.Contains(text, "5678") {
		t.Errorf("the events show a number or a text: %s", text)
	}
	b.shot("events")
}

// TestBrowserResult: what has been read of a message is not shown in place of what was sent after it.
func TestBrowserResult(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := open(t, w, "en")
	b.expected = []string{"status of 422"}
	b.visit("/compose")
	b.form()
	b.press("send", button("Send"))
	b.see("it is delivered", `document.querySelector(".accepted .status")?.dataset.status === "delivered"`)
	// The next answer with that message is held back; data-held says that it is, and data-read that the page has drawn what
	// it made of it: everything from the text of an answer to the drawing is done in one go.
	js[bool](b, `(() => {
		const real = window.fetch;
		const path = "/inbox/messages/" + document.querySelector(".accepted code").textContent;
		window.fetch = async (url, ...rest) => {
			const answer = await real(url, ...rest);
			if (url !== path || window.release) return answer;
			document.body.dataset.held = "yes";
			await new Promise((ok) => { window.release = ok; });
			const text = await answer.text();
			return { ok: true, status: 200, headers: answer.headers, text: async () => { setTimeout(() => { document.body.dataset.read = "yes";
				}); return text; } };
		};
		return true;
	})()`)
	w.send(t, `{"template":"TX_1234","recipients":[{"to":"01012341111","name":"김","variables":{"주문번호":"1"}}]}`)
	b.see("the page reads again", `document.body.dataset.held`)
	b.write("Number", "12")
	b.press("send", button("Send"))
	const problem = `document.querySelector(".result .failure")?.innerText.includes("/recipients/0/to")`
	b.see("the problem", problem)
	js[bool](b, `(window.release(), true)`)
	b.see("the page has read", `document.body.dataset.read`)
	if !js[bool](b, `Boolean(`+problem+`)`) {
		t.Errorf("the problem was replaced by %q", js[string](b, `document.querySelector(".result").innerText`))
	}
}

func TestBrowserSwitches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := open(t, w, "en")
	b.visit("/faults")
	turn := func(name, to string) {
		t.Helper()
		const knob = `[...document.querySelectorAll("[role=switch]")].find((x) => ` +
			`document.getElementById(x.getAttribute("aria-labelledby"))?.innerText.startsWith(%q))`
		b.press(name, fmt.Sprintf(knob, name))
		b.see(name+" is "+to, fmt.Sprintf(knob+`.getAttribute("aria-checked") === %q`, name, to))
	}
	turn("IP not registered", "true")
	b.see("it is listed", `document.querySelector(".faults").innerText.includes("until removed")`)
	b.shot("switched")
	id := w.send(t, order("01012345678", ""))
	b.visit("/messages/" + id)
	b.see("the message is parked and says why", `document.querySelector(".failure.warn")?.innerText.includes("127.0.0.1")`)
	b.shot("parked")
	b.visit("/faults")
	turn("IP not registered", "false")
	b.see("nothing is listed", `document.querySelectorAll(".faults li").length === 0`)
	b.visit("/messages/" + id)
	b.see("it goes out by itself", `document.querySelector(".actions .status")?.dataset.status === "delivered"`)
	// What somebody is writing stays when the page is drawn again, also while the focus is elsewhere.
	b.visit("/faults")
	b.see("the balance", control("Wallet at Aligo")+`.value`)
	b.press("the addresses", control("Registered IPs"))
	b.do(chromedp.KeyEvent("127.0.0.1, 203.0.113.2"))
	b.press("the balance", control("Wallet at Aligo"))
	b.do(chromedp.KeyEvent(kb.Home), chromedp.KeyEvent("1"))
	balance := js[string](b, control("Wallet at Aligo")+`.value`)
	b.do(chromedp.Focus(chromedp.CSS("main")))
	w.call(t, http.MethodPost, "/inbox/standin/faults", `{"fault":"slow","endpoint":"/remain/","times":1}`)
	b.see("the page is drawn again", `document.querySelectorAll(".faults li").length === 1`)
	b.see("the addresses stay", control("Registered IPs")+`.value === "127.0.0.1, 203.0.113.2"`)
	b.see("the balance stays", control("Wallet at Aligo")+`.value === `+fmt.Sprintf("%q", balance))
	b.press("register", control("Registered IPs")+`.form.querySelector("button")`)
	b.see("they are registered", `document.getElementById("announcer").textContent === "The registered IPs are set"`)
	if got := w.standin.RegisteredIPs(); !slices.Equal(got, []string{"127.0.0.1", "203.0.113.2"}) {
		t.Errorf("the registered addresses are %v", got)
	}
	b.see("the balance still stays", control("Wallet at Aligo")+`.value === `+fmt.Sprintf("%q", balance))
	b.press("set the balance", control("Wallet at Aligo")+`.form.querySelector("button")`)
	b.see("it is set", `document.getElementById("announcer").textContent === "The balance is set"`)
	if got := strconv.FormatFloat(w.standin.Balance(), 'f', -1, 64); got != balance {
		t.Errorf("the balance is %s, want %s", got, balance)
	}
	// What changes elsewhere shows in fields that nobody writes in.
	w.call(t, http.MethodPost, "/inbox/standin/ips", `{"ips":["203.0.113.9"]}`)
	b.see("the new address", control("Registered IPs")+`.value === "203.0.113.9"`)
	w.call(t, http.MethodPost, "/inbox/standin/ips", `{"ips":["127.0.0.1"]}`)
	b.press("remove the fault", `document.querySelector(".faults li button")`)
	b.see("nothing is listed again", `document.querySelectorAll(".faults li").length === 0`)
	// Back with one of several faults.
	for range 2 {
		b.press("set", button("Set the fault"))
	}
	b.see("two are listed", `document.querySelectorAll(".faults li").length === 2`)
	b.press("remove", `document.querySelector(".faults li button")`)
	b.see("both are gone: they are the same", `document.querySelectorAll(".faults li").length === 0`)
}

// A word that the page has no text for is shown as it is, and the list is whole.
func TestBrowserShowsParkedMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := open(t, w, "en")
	w.call(t, http.MethodPost, "/inbox/standin/faults", `{"fault":"unknown-refusal","times":-1}`)
	w.send(t, order("01012345678", ""))
	b.visit("/messages")
	b.see("why it is parked", `document.querySelector("tbody .sub")?.innerText === "refused, nobody knows why"`)
	if got := js[string](b, `import("/inbox/assets/i18n.js").then((m) => m.t("parked.fire"))`); got != "fire" {
		t.Errorf("an unheard-of cause is shown as %q", got)
	}
}

func TestBrowserShowsTextsAsText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const evil = `<script>alert(1)</script><img src=x onerror=alert(2)><b>굵게</b> javascript:alert(3) &amp;`
	w.settled(t, w.send(t,
		`{"channel":"sms","text":"`+evil+` #{고객명}","reference":"<i>ref</i>","recipients":[{"to":"01012345678",`+
			`"name":"</p><script>alert(4)</script>"}]}`))
	b := open(t, w, "en")
	for _, path := range []string{"/phones/01012345678", "/messages?q=%3Ci%3Eref%3C%2Fi%3E", "/messages", "/events", "/?q=%3Cscript%3E"} {
		b.visit(path)
		b.see("the page", `document.querySelector(".text, tbody tr, .log li, .rows li")`)
		if n := js[int](b, `document.querySelectorAll("main script, main img, main b, main i").length`); n != 0 {
			t.Errorf("%s: %d elements were made of a text", path, n)
		}
	}
	b.visit("/phones/01012345678")
	b.see("the text as it was written", `document.querySelector(".text").textContent.startsWith(`+fmt.Sprintf("%q", evil)+`)`)
	b.see("the name as it was written", `document.querySelector(".text").textContent.endsWith("</p><script>alert(4)</script>")`)
	b.shot("text")
}

// views are all pages, with a message's.
func views(message string) []string {
	return []string{"/", "/phones/01012340001", "/messages", "/messages/" + message, "/compose", "/events", "/faults", "/overview", "/docs",
		"/nothing"}
}

// drawn holds when a view has read what it shows.
const drawn = `document.querySelector("h1, h2") && document.querySelector(".delivery, tbody tr, .figures, .log li, .operation, .inline, ` +
	`.rows li, option + option, main > .empty")`

// readable finds what cannot be read well: text with too little contrast to what is behind it (WCAG 2, AA), controls and
// links without a name, a page without exactly one main heading, and what is wider than the window.
const readable = `(() => {
	const wrong = [];
	const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
	const rgba = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); const [r, g, b,
		a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
	const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
	const behind = (x) => {
		const layers = [];
		for (let e = x; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
		return layers.reverse().reduce((under, layer) => over(layer, under), rgba(getComputedStyle(document.documentElement).backgroundColor));
	};
	const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v +
		0.055) / 1.055) ** 2.4)); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) {
		const x = walk.currentNode.parentElement;
		if (!walk.currentNode.textContent.trim() || !x.checkVisibility({ opacityProperty: true, visibilityProperty: true }) ||
			x.closest(".unseen, svg, [disabled], .skip, noscript, script")) continue;
		const style = getComputedStyle(x);
		const under = behind(x);
		const [a, b] = [light(over(rgba(style.color), under)), light(under)].sort((p, q) => q - p);
		const size = parseFloat(style.fontSize);
		const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 600) ? 3 : 4.5;
		const ratio = (a + 0.05) / (b + 0.05);
		if (ratio < least) wrong.push("contrast " + ratio.toFixed(2) + ": " + walk.currentNode.textContent.trim().slice(0, 40));
	}
	for (const x of document.querySelectorAll("button, a[href], input, select, textarea, summary")) {
		if (!x.checkVisibility()) continue;
		const name = x.getAttribute("aria-label") || [...(x.labels ?? [])].map((l) => l.textContent).join("") ||
			document.getElementById(x.getAttribute("aria-labelledby"))?.textContent || x.textContent;
		if (!name?.trim()) wrong.push("no name: " + x.outerHTML.slice(0, 120));
	}
	const headings = [...document.querySelectorAll("h1")].filter((x) => x.checkVisibility()).length;
	if (headings > 1 || (headings === 0 && innerWidth > 860)) wrong.push(headings + " main headings");
	const ids = [...document.querySelectorAll("[id]")].map((x) => x.id);
	for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push("id twice: " + id);
	for (const x of document.querySelectorAll("[aria-labelledby], [aria-describedby], label[for]")) for (const name of ["aria-labelledby",
		"aria-describedby", "for"]) {
		const id = x.getAttribute(name);
		if (id && !document.getElementById(id)) wrong.push(name + " leads nowhere: " + id);
	}
	if (document.documentElement.scrollWidth > innerWidth) wrong.push("wider than the window: " + document.documentElement.scrollWidth +
		" > " + innerWidth);
	if (!document.title || !document.documentElement.lang) wrong.push("no title or language");
	return wrong;
})()`

func TestBrowserPagesCanBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.send(t, order("01012340001", `,"reference":"order-18"`))
	w.settled(t, id)
	w.settled(t, w.send(t,
		`{"template":"TX_2345","recipients":[{"to":"01012345678","name":"홍길동","variables":{"송장번호":"6890123456"}},{"to":"01012340004",`+
			`"name":"홍길동","variables":{"송장번호":"6890123457"}}]}`))
	w.settled(t, w.send(t,
		`{"template":"TX_4567","recipients":[{"to":"01012345678","name":"홍길동","variables":{"예약일시":"12월 1일 오후 3시","장소":"마실상점 성수점"}}]}`))
	for lang, themes := range map[string][]string{"ko": {"light", "dark"}, "en": {"light"}} {
		b := open(t, w, lang)
		b.expected = []string{"status of 404"} // of /nothing
		for _, theme := range themes {
			b.theme(theme)
			for _, width := range []int64{390, 1280} {
				b.size(width, 844)
				for _, path := range views(id) {
					b.visit(path)
					b.see(path, drawn)
					for _, wrong := range js[[]string](b, readable) {
						t.Errorf("%s in %s, %s, %d wide: %s", path, lang, theme, width, wrong)
					}
					b.shot(strings.Join([]string{strings.ReplaceAll(strings.Trim(strings.Replace(path, id, "id", 1), "/"), "/", "-"), lang, theme,
						fmt.Sprint(width)}, "-"))
				}
			}
		}
		if lang == "en" {
			b.readme("inbox", "/phones/01012345678", 860)
			b.readme("message", "/messages/"+id, 1230)
		}
		if got := js[string](b, "document.documentElement.lang"); got != lang {
			t.Errorf("the page is in %q for a browser that wants %q", got, lang)
		}
	}
}

func TestBrowserByKeyboard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settled(t, w.send(t, order("01012345678", "")))
	w.settled(t, w.send(t, order("01012340001", "")))
	b := open(t, w, "en")
	b.visit("/")
	b.see("the phones", `document.querySelectorAll(".rows li").length === 2`)
	press := func(key string) {
		t.Helper()
		b.do(chromedp.KeyEvent(key))
	}
	press("\t")
	b.see("the first stop is the way past the menu", `document.activeElement.matches(".skip")`)
	press("\r")
	b.see("which leads to the content", `document.activeElement.id === "main"`)
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
		b.must(chromedp.Call(b.ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: "/", Code: "Slash", Text: "/"}))
	}
	b.see("a slash leads to the search", `document.activeElement.matches("input[type=search]")`)
	b.do(chromedp.KeyEvent("0001"))
	b.see("which finds while one types", `document.querySelectorAll(".rows li").length === 1 && location.search === "?q=0001"`)
	press("\t")
	b.see("the next stop is the list", `document.activeElement.matches(".rows a")`)
	press("\r")
	b.see("which opens a phone", `location.pathname === "/phones/01012340001" && document.querySelector(".delivery")`)
	js[bool](b, `history.back() || true`)
	b.see("and back", `location.pathname === "/" && document.querySelector(".rows a")`)
	b.do(chromedp.Focus(chromedp.CSS(`input[type=search]`)), chromedp.KeyEvent("\b\b\b\b"))
	b.see("everything again", `document.querySelectorAll(".rows li").length === 2`)
	press("\t")
	b.see("the next stop is the first phone", `document.activeElement === document.querySelector(".rows li:first-child a")`)
	press(kb.ArrowDown)
	b.see("an arrow leads to the next", `document.activeElement === document.querySelector(".rows li:nth-child(2) a")`)
}

func TestBrowserWithTenThousandMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// Somebody's load test: twenty calls to the vendor of 500 recipients each, and a few hundred more than are kept.
	client := aligotest.Credentials()
	form := "key=" + client.APIKey + "&user_id=" + client.UserID + "&sender=" + client.Sender + "&msg=hello&receiver="
	number := 30000000
	for range 21 {
		var numbers []string
		for len(numbers) < 500 {
			if ending := number % 10_000; ending < 1 || ending > 8 { // test numbers
				numbers = append(numbers, fmt.Sprintf("010%08d", number))
			}
			number++
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.aligoURL+"/send/",
			strings.NewReader(form+strings.Join(numbers, ",")))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	if phones := get[list[phone]](t, w, "/inbox/phones"); phones.Total != 10_000 {
		t.Fatalf("%d phones, want 10000", phones.Total)
	}
	b := open(t, w, "en")
	b.visit("/overview") // so that the browser has the files
	b.see("the overview", drawn)
	begin := time.Now()
	b.visit("/")
	b.see("the newest", `document.querySelector(".pager")?.innerText.includes("10000 in all")`)
	t.Logf("the inbox with 10,000 phones opens in %v", time.Since(begin))
	if n := js[int](b, `document.querySelectorAll(".rows li").length`); n != 50 {
		t.Errorf("%d rows are drawn, want a page of 50", n)
	}
	if first := js[string](b, `document.querySelector(".rows .number").textContent`); first != "010-3001-0515" {
		t.Errorf("the newest is %s", first)
	}
	begin = time.Now()
	js[bool](b, `(() => { const x = document.querySelector("input[type=search]"); x.value = "3000-5"; x.dispatchEvent(new Event("input")); `+
		`return true; })()`)
	b.see("a search", `document.querySelector(".pager")?.innerText.includes("1000 in all")`)
	t.Logf("a search finds 1,000 of them in %v", time.Since(begin))
	b.press("older", button("Older"))
	b.see("the second page", `location.search.includes("before=") && document.querySelector(".rows .number").textContent === "010-3000-5949"`)
	// A message that comes in between does not move what is on an older page.
	w.settled(t, w.send(t, order("01012345678", "")))
	b.see("it stays", `document.querySelector(".rows .number").textContent === "010-3000-5949"`)
	b.press("newest", button("Newest"))
	b.see("the first page", `document.querySelector(".rows .number").textContent === "010-3000-5999"`)
	b.shot("ten-thousand")
}
