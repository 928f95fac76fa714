package page_test

import (
	"flag"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"sms-api/console/browsertest"
	"sms-api/internal/aligo/aligotest"
)

// go test ./console/page -run Browser -artifacts keeps the pictures that the tests take.
var screenshots = flag.String("screenshots", "", "a folder that the README's pictures are written to")

// readme takes a picture for the README, when asked to.
func readme(t *testing.T, b *browsertest.Tab, name, path string, height int64) {
	t.Helper()
	if *screenshots == "" {
		return
	}
	b.Size(1280, height)
	b.Visit(path)
	b.See(path, drawn)
	if err := os.WriteFile(filepath.Join(*screenshots, name+".png"), b.Shot(name),
		0o644); err != nil { //nolint:gosec // a picture for everybody
		t.Error(err)
	}
}

// form waits for the form to write a message to be complete: with the templates its fields move.
func form(b *browsertest.Tab) {
	b.See("the form with the templates",
		`document.querySelectorAll('[data-pointer="/template"] option').length === 4 && document.querySelector(".preview-box .text")`)
}

// schedule asks for a message in an hour, and opens it.
func schedule(b *browsertest.Tab) {
	b.Visit("/compose")
	form(b)
	b.Press("more options", browsertest.Button("Schedule and other options"))
	b.Press("in an hour", browsertest.Button("in 1 h"))
	b.Press("schedule", browsertest.Button("Schedule"))
	b.Press("open the message", browsertest.Button("Open message"))
}

// ended is an expression for how the state was left that the graph shows.
func ended(state string) string {
	return fmt.Sprintf(`document.querySelector('.node[data-state=%q]')?.dataset.ended`, state)
}

func TestBrowserWalk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := browsertest.Open(t, w.url, "en")

	// Somebody opens the page, finds nothing, and writes to a number that is not on KakaoTalk.
	b.Visit("/")
	b.See("an empty inbox", `document.querySelector("main").innerText.includes("Nothing has arrived yet")`)
	b.Press("compose", browsertest.Button("Compose"))
	form(b)
	b.Write("Test number", "0001")
	b.Press("more options", browsertest.Button("Schedule and other options"))
	b.Write("Reference", "order-18")
	if line := browsertest.JS[string](b, `document.querySelector("pre.line").textContent`); !strings.Contains(line,
		`curl -sS -X POST `+w.url+`/v1/messages`) || !strings.Contains(line, `"to":"010-1234-0001"`) ||
		!strings.Contains(line, `"reference":"order-18"`) {
		t.Errorf("the line is\n%s", line)
	}
	b.See("the preview", `document.querySelector(".preview-box").innerText.includes("홍길동님")`)
	b.Shot("compose")
	b.Press("send", browsertest.Button("Send"))
	b.See("accepted", `document.querySelector(".accepted")?.innerText.includes("Accepted")`)

	// The bubble appears by itself.
	b.Press("the inbox", `document.querySelector('nav a[href="/"]')`)
	b.See("the phone", `document.querySelector('a[href="/phones/01012340001"]')`)
	b.Press("the phone", `document.querySelector('a[href="/phones/01012340001"]')`)
	b.See("the bubble", `document.querySelector(".sms .text")?.innerText.includes("홍길동님")`)
	b.See("its type, size and price",
		`["LMS", "148 bytes", "₩25.9", "order-18"].every((x) => document.querySelector(".delivery footer").innerText.includes(x))`)
	b.Shot("bubble")

	// It leads to its message, whose graph shows the way of a fallback.
	b.Press("its message", browsertest.Button("Open message"))
	b.See("delivered", `document.querySelector(".actions .status")?.dataset.status === "delivered"`)
	for _, state := range []string{"Route", "Send AlimTalk", "Wait for receipts", "Read receipts", "Settled?", "Send SMS", "Announce"} {
		b.See(state+" is green", ended(state)+` === "succeeded"`)
	}
	for _, state := range []string{"Reconcile", "Wait for repair", "Wait until send time", "Wait to look again"} {
		b.See(state+" is grey", ended(state)+` === "not"`)
	}
	if n := browsertest.JS[int](b, `document.querySelectorAll(".edge.taken").length`); n != 8 {
		t.Errorf("%d ways are marked as taken, want 8", n)
	}
	b.See("the timeline",
		`[...document.querySelectorAll(".timeline h3")].map((x) => x.textContent).join(" > ") === "Route > Send AlimTalk > Wait for receipts > `+
			`Read receipts > Settled? > Wait for receipts > Read receipts > Settled? > Send SMS > Wait for receipts > Read receipts > `+
			`Settled? > Announce"`)
	b.See("both attempts in words, and in one sentence", `(() => {
		const box = document.querySelector('[aria-labelledby="recipients-title"]');
		return box.querySelectorAll(".tried").length === 2 && box.innerText.includes("The recipient does not use KakaoTalk.") &&
			box.querySelector(".told").textContent.startsWith("AlimTalk: The recipient does not use KakaoTalk → SMS arrived at ");
	})()`)
	b.See("the calls", `["/akv10/alimtalk/send/", "/send/", "/sms_list/"].every((x) => `+
		`document.querySelector('[aria-labelledby="calls-title"]').innerText.includes(x))`)
	b.Press("an input", `document.querySelector("#visit-1 details summary")`)
	b.See("the input, masked", `document.querySelector("#visit-1 details pre").textContent.includes('"channel": "alimtalk"')`)
	b.Press("the message", `document.querySelector(".edge-of-time details summary")`)
	b.See("the message, masked", `document.querySelector(".edge-of-time pre").textContent.includes("010****0001")`)
	if text := browsertest.JS[string](b, `document.querySelector(".timeline").innerText`); strings.Contains(text, "01012340001") ||
		strings.Contains(text, "홍길동") {
		t.Error("the timeline shows a number or a text")
	}
	b.Shot("way")
	b.Press("a state", `document.querySelector('.graph a[href="#visit-12"] rect')`)
	b.See("leads to its visit", `document.querySelector("#visit-12:target")`)
	b.Press("back to the phone", `document.querySelector(".received footer a")`)
	b.See("the bubble is pointed at", `location.pathname === "/phones/01012340001" && document.querySelector(".delivery.pointed")`)

	// A fault changes the outcome: the send after it is lost, looked for and sent again.
	b.Press("faults", `document.querySelector('nav a[href="/faults"]')`)
	b.Write("Fault", "reset-before")
	b.Press("set", browsertest.Button("Set the fault"))
	b.See("it is set", `document.getElementById("announcer").textContent === "Set"`)
	b.Shot("faults")
	b.Visit("/compose?to=01012345678")
	form(b)
	b.Press("send", browsertest.Button("Send"))
	b.Press("open the message", browsertest.Button("Open message"))
	b.See("delivered all the same", `document.querySelector(".actions .status")?.dataset.status === "delivered"`)
	b.See("the error was caught", ended("Send AlimTalk")+` === "succeeded" && document.querySelector("#visit-1").dataset.ended === "caught"`)
	b.See("Reconcile has looked", ended("Reconcile")+` === "succeeded"`)
	b.See("the timeline says why", `document.querySelector("#visit-1 .error").innerText.startsWith("Ambiguous")`)
	b.See("the call shows the fault",
		`document.querySelector('[aria-labelledby="calls-title"]').innerText.includes("Reset before acceptance")`)
	b.Shot("fault")

	// A message for later is cancelled.
	schedule(b)
	b.See("it waits", `document.querySelector(".actions .status")?.dataset.status === "scheduled" && `+ended("Wait until send "+
		"time")+` === "running"`)
	b.Shot("scheduled")
	b.Press("cancel", browsertest.Button("Cancel message"))
	b.See("cancelled", `document.querySelector(".actions .status").dataset.status === "cancelled" && `+ended("Wait until send "+
		"time")+` === "aborted"`)
	b.See("no button is left", `!document.getElementById("cancel")`)

	// All of it is in the list and in the overview.
	b.Visit("/messages")
	b.See("three messages", `document.querySelectorAll("tbody tr").length === 3`)
	b.Press("those that were cancelled", browsertest.Button("Cancelled"))
	b.See("one message", `document.querySelectorAll("tbody tr").length === 1`)
	b.Visit("/overview")
	b.See("the fallback rate", `document.querySelector(".figures").innerText.includes("50%")`)
	b.Shot("overview")
	b.Visit("/")
	b.Press("clear", browsertest.Button("Clear"))
	b.See("an empty inbox", `document.querySelector("main").innerText.includes("Nothing has arrived yet")`)
}

// What the API says is wrong, and to be repaired, is said in Korean, whatever parts it is made of.
func TestBrowserSaysItInKorean(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := browsertest.Open(t, w.url, "ko")
	b.Expected = []string{"status of 503"} // of the names of templates, which Aligo refuses with all else
	b.Visit("/overview")
	b.See("the page", drawn)
	for english, want := range map[string]string{
		"is not a Korean telephone number: it has 2 digits, and a business number has 8": "한국 전화번호가 아닙니다. 2자리입니다. 대표번호: 8자리",
		"is not a Korean telephone number: it has a Thai letter at character 3":          "한국 전화번호가 아닙니다. 3번째 글자에 쓸 수 없는 것이 있습니다: 태국어 글자",
		"SMS cannot carry an emoji at character 3, a Thai letter at character 5 and 2 more; without it, or with fallback.enabled false, " +
			"the message can be sent": "문자로 보낼 수 없는 글자가 있습니다: 3번째 글자(이모지), 5번째 글자(태국어 글자) 외 2개. 그 글자를 빼거나 대체 문자를 끄면 보낼 수 있습니다.",
		"placeholder 2 of /text: SMS cannot carry an emoji at character 1": "2번째 치환자(/text): 문자로 보낼 수 없는 글자가 있습니다: 1번째 글자(이모지)",
		"is over (it is 2026-12-01T00:00:00Z)":                             "이미 지난 시각입니다. (지금은 2026-12-01T00:00:00Z)",
		"have no value for #{고객명}, placeholder 2 of /text":                 "값이 없는 치환자가 있습니다(/text): #{고객명}, 2번째 치환자",
		"is missing: the template has #{주문번호}":                             "빠졌습니다. 템플릿에 #{주문번호} 자리가 있습니다.",
		"gets at most 5 messages in an hour; there is room at 2026-12-01T00:00:00Z": "한 시간에 5건까지만 받을 수 있는 번호입니다. " +
			"2026-12-01T00:00:00Z부터 다시 보낼 수 있습니다.",
		"register 203.0.113.7 with Aligo (문자API > 신청/인증 > 발송 서버 IP): " +
			"aligo /send/: NotConfigured (ip): code -101: 인증오류입니다.": "등록할 주소: 203.0.113.7. " +
			"알리고의 답(코드 -101): 인증오류입니다.",
		"do not fit the template: the value of #{송장번호} holds a placeholder itself": "템플릿과 맞지 않습니다. #{송장번호}의 값에 치환자가 들어 있습니다.",
		"the file is an Excel workbook or a ZIP archive; save it as CSV":           "파일을 읽을 수 없습니다: 엑셀 파일이나 ZIP 파일입니다. CSV로 저장해 주세요.",
		"it is planned":                     "지금 상태: 시작 대기",
		"the message is settled: delivered": "이미 끝난 메시지입니다(도착).",
		"route order-shipped: forEach goes through $.detail.parcels, which the event does not have": "라우트 order-shipped: " +
			"forEach $.detail.parcels: 이벤트에 없는 목록입니다.",
		"route order-paid: <phone> is $.detail.phone, which is an object in the event, not a string or a number": "라우트 order-paid: " +
			"<phone> = $.detail.phone: 이벤트에서 문자열이나 숫자가 아니라 객체입니다.",
		"has a character in field 1 that is none in utf-8": "1번째 칸에 utf-8에 없는 글자가 있습니다.",
		"is missing (route order-paid)":                    "빠졌습니다. (라우트 order-paid)",
		"is not a Korean telephone number: it has no digits (route order-paid: <$.a> is $.a, <@.b> is $.detail.who[0].b)": "한국 전화번호가 " +
			"아닙니다. 숫자가 없습니다. (라우트 order-paid: <$.a> = $.a, <@.b> = $.detail.who[0].b)",
		"words that nobody knows": "words that nobody knows",
	} {
		if got := browsertest.JS[string](b, fmt.Sprintf(`import("/inbox/assets/details.js").then((m) => m.said(%q))`, english)); got != want {
			t.Errorf("%s\nis said as %s\nwant       %s", english, got, want)
		}
	}
	// Where something comes from stands behind it, whatever is said: also behind a value at its end.
	if got := browsertest.JS[[]string](b, `Promise.all(["details", "strings/details"].map((x) =>
		import("/inbox/assets/" + x + ".js"))).then(([m, all]) =>
		Object.keys(all.details).map((english) => english.replaceAll("{}", "7")).filter((x) => !x.includes(" (route ") &&
			(m.said(x + " (route r)") !== m.said(x) + " (라우트 r)" || m.said(x + " (route r: <a> is $.b)") !== m.said(x) + " (라우트 r: <a> = $.b)")))`,
	); len(got) > 0 {
		t.Errorf("%d are said with the route inside, such as %q", len(got), got[0])
	}
	w.call(t, http.MethodPost, "/inbox/standin/faults", `{"fault":"no-balance","times":-1}`)
	id := w.send(t, order("01012345678", ""))
	b.Visit("/messages/" + id)
	b.See("what to repair", `["조치 대기: 잔액 부족", "알리고 잔액을 충전하세요.", "알리고의 답(코드 -"].every((x) => `+
		`document.querySelector(".failure.warn")?.innerText.includes(x))`)
	text := browsertest.JS[string](b, `document.querySelector(".failure.warn").innerText`)
	if regexp.MustCompile(`[A-Za-z]{3}`).MatchString(text) {
		t.Errorf("it is said in English: %s", text)
	}
}

// composing has the form filled in, where what is sent may be refused.
func composing(t *testing.T, language string) (*world, *browsertest.Tab) {
	t.Helper()
	w := newWorld(t)
	b := browsertest.Open(t, w.url, language)
	b.Expected = []string{"status of 422"}
	b.Visit("/compose")
	form(b)
	return w, b
}

func TestBrowserEvents(t *testing.T) {
	t.Parallel()
	_, b := composing(t, "ko")
	b.Press("as an event", `document.querySelector('label[for="' + document.querySelector("input[name=as][value=event]").id + '"]')`)
	b.See("the aws line", `document.querySelector("pre.line").textContent.includes("events put-events")`)
	b.Press("put", browsertest.Button("이벤트 넣기"))
	b.See("its message", `document.querySelector(".accepted .status")?.dataset.status === "delivered"`)
	// A number that cannot be one is rejected, with the place where it stands.
	b.Write("번호", "12")
	b.Press("put", browsertest.Button("이벤트 넣기"))
	b.See("the rejection", `["/recipients/0/to", "한국 전화번호가 아닙니다"].every((x) => document.querySelector(".result `+
		`.failure")?.innerText.includes(x))`)
	b.See("the field is marked", browsertest.Control("번호")+`.getAttribute("aria-invalid") === "true"`)
	b.Press("the problem", `document.querySelector(".result .failure li button")`)
	b.See("leads to the field", browsertest.Control("번호")+` === document.activeElement`)
	b.Shot("rejected")
	// The API says the same.
	b.Press("as a call", `document.querySelector('label[for="' + document.querySelector("input[name=as][value=api]").id + '"]')`)
	b.Press("send", browsertest.Button("보내기"))
	b.See("the problem", `document.querySelector(".result .failure")?.innerText.includes("/recipients/0/to")`)
	b.Visit("/events")
	b.See("the events", `["MessageRequested", "MessageSettled", "MessageRejected"].every((x) => `+
		`document.querySelector(".log").innerText.includes(x))`)
	// A random id may hold the digits of a number.
	text := browsertest.JS[string](b, `document.querySelector(".log").textContent.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "")`)
	if strings.Contains(text, "홍길동") || strings.Contains(text, "5678") {
		t.Errorf("the events show a number or a text: %s", text)
	}
	b.Shot("events")
}

// The preview says when a message would go out, where that is not at once.
func TestBrowserPreviewsTheTime(t *testing.T) {
	t.Parallel()
	_, b := composing(t, "en")
	b.See("the preview", `document.querySelector(".preview-box").innerText.includes("list prices")`)
	const at = `document.querySelector(".preview-box").innerText.includes("It goes out")`
	if browsertest.JS[bool](b, at) {
		t.Error("there is a time for what goes out at once")
	}
	b.Press("more", `[...document.querySelectorAll("summary")].find((x) => x.innerText === "Schedule and other options")`)
	b.Press("in an hour", browsertest.Button("in 1 h"))
	b.See("the time", at)
}

// TestBrowserResult: what has been read of a message is not shown in place of what was sent after it.
func TestBrowserResult(t *testing.T) {
	t.Parallel()
	w, b := composing(t, "en")
	b.Press("send", browsertest.Button("Send"))
	b.See("it is delivered", `document.querySelector(".accepted .status")?.dataset.status === "delivered"`)
	// The next answer with that message is held back; data-held says that it is, and data-read that the page has drawn what
	// it made of it: everything from the text of an answer to the drawing is done in one go.
	browsertest.JS[bool](b, `(() => {
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
	b.See("the page reads again", `document.body.dataset.held`)
	b.Write("Number", "12")
	// What it draws anew must not move the button that is pressed.
	b.See("the preview says what is wrong", `document.querySelector(".preview-box").innerText.includes("/recipients/0/to")`)
	b.Press("send", browsertest.Button("Send"))
	const problem = `document.querySelector(".result .failure")?.innerText.includes("/recipients/0/to")`
	b.See("the problem", problem)
	browsertest.JS[bool](b, `(window.release(), true)`)
	b.See("the page has read", `document.body.dataset.read`)
	if !browsertest.JS[bool](b, `Boolean(`+problem+`)`) {
		t.Errorf("the problem was replaced by %q", browsertest.JS[string](b, `document.querySelector(".result").innerText`))
	}
}

func TestBrowserSwitches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := browsertest.Open(t, w.url, "en")
	b.Expected = []string{"status of 503"} // of the names of templates, which Aligo refuses with all else
	b.Visit("/faults")
	turn := func(name, to string) {
		t.Helper()
		const knob = `[...document.querySelectorAll("[role=switch]")].find((x) => ` +
			`document.getElementById(x.getAttribute("aria-labelledby"))?.innerText.startsWith(%q))`
		b.Press(name, fmt.Sprintf(knob, name))
		b.See(name+" is "+to, fmt.Sprintf(knob+`.getAttribute("aria-checked") === %q`, name, to))
	}
	turn("IP not registered", "true")
	b.See("it is listed", `document.querySelector(".faults").innerText.includes("until removed")`)
	b.Shot("switched")
	id := w.send(t, order("01012345678", ""))
	b.Visit("/messages/" + id)
	b.See("the message is parked and says why", `document.querySelector(".failure.warn")?.innerText.includes("127.0.0.1")`)
	b.Shot("parked")
	b.Visit("/faults")
	turn("IP not registered", "false")
	b.See("nothing is listed", `document.querySelectorAll(".faults li").length === 0`)
	b.Visit("/messages/" + id)
	b.See("it goes out by itself", `document.querySelector(".actions .status")?.dataset.status === "delivered"`)
	// What somebody is writing stays when the page is drawn again, also while the focus is elsewhere.
	b.Visit("/faults")
	b.See("the balance", browsertest.Control("Wallet at Aligo")+`.value`)
	b.Press("the addresses", browsertest.Control("Registered IPs"))
	b.Do(chromedp.KeyEvent("127.0.0.1, 203.0.113.2"))
	b.Press("the balance", browsertest.Control("Wallet at Aligo"))
	b.Do(chromedp.KeyEvent(kb.Home), chromedp.KeyEvent("1"))
	balance := browsertest.JS[string](b, browsertest.Control("Wallet at Aligo")+`.value`)
	b.Do(chromedp.Focus(chromedp.CSS("main")))
	w.call(t, http.MethodPost, "/inbox/standin/faults", `{"fault":"slow","endpoint":"/remain/","times":1}`)
	b.See("the page is drawn again", `document.querySelectorAll(".faults li").length === 1`)
	b.See("the addresses stay", browsertest.Control("Registered IPs")+`.value === "127.0.0.1, 203.0.113.2"`)
	b.See("the balance stays", browsertest.Control("Wallet at Aligo")+`.value === `+fmt.Sprintf("%q", balance))
	b.Press("register", browsertest.Control("Registered IPs")+`.form.querySelector("button")`)
	b.See("they are registered", `document.getElementById("announcer").textContent === "The registered IPs are set"`)
	if got := w.standin.RegisteredIPs(); !slices.Equal(got, []string{"127.0.0.1", "203.0.113.2"}) {
		t.Errorf("the registered addresses are %v", got)
	}
	b.See("the balance still stays", browsertest.Control("Wallet at Aligo")+`.value === `+fmt.Sprintf("%q", balance))
	b.Press("set the balance", browsertest.Control("Wallet at Aligo")+`.form.querySelector("button")`)
	b.See("it is set", `document.getElementById("announcer").textContent === "The balance is set"`)
	if got := strconv.FormatFloat(w.standin.Balance(), 'f', -1, 64); got != balance {
		t.Errorf("the balance is %s, want %s", got, balance)
	}
	// What changes elsewhere shows in fields that nobody writes in.
	w.call(t, http.MethodPost, "/inbox/standin/ips", `{"ips":["203.0.113.9"]}`)
	b.See("the new address", browsertest.Control("Registered IPs")+`.value === "203.0.113.9"`)
	w.call(t, http.MethodPost, "/inbox/standin/ips", `{"ips":["127.0.0.1"]}`)
	b.Press("remove the fault", `document.querySelector(".faults li button")`)
	b.See("nothing is listed again", `document.querySelectorAll(".faults li").length === 0`)
	// Back with one of several faults.
	for range 2 {
		b.Press("set", browsertest.Button("Set the fault"))
	}
	b.See("two are listed", `document.querySelectorAll(".faults li").length === 2`)
	b.Press("remove", `document.querySelector(".faults li button")`)
	b.See("both are gone: they are the same", `document.querySelectorAll(".faults li").length === 0`)
}

// mixed is a message to 500 people of whom each of these endings has so many; all others get it.
func mixed(endings map[string]int) string {
	var to []string
	for _, ending := range slices.Sorted(maps.Keys(endings)) {
		for range endings[ending] {
			to = append(to, fmt.Sprintf("010%04d%s", 2000+len(to), ending))
		}
	}
	for len(to) < 500 {
		to = append(to, fmt.Sprintf("010%04d%04d", 2000+len(to), 4000+len(to)))
	}
	recipients := make([]string, len(to))
	for i, number := range to {
		recipients[i] = fmt.Sprintf(`{"to":%q,"name":"고객","reference":"member-%d","variables":{"주문번호":"A-%[2]d"}}`, number, i)
	}
	return `{"template":"TX_1234","reference":"notice","recipients":[` + strings.Join(recipients, ",") + `]}`
}

// A message to 500 people can be read: how many got it first, and then who did not, and why.
func TestBrowserFiveHundred(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.send(t, mixed(map[string]int{"0001": 60, "0002": 30, "0004": 20, "0008": 10}))
	w.settled(t, id)
	b := browsertest.Open(t, w.url, "en")
	b.Visit("/messages")
	b.See("what it is, for whom, and how many have which result", `["주문 접수", "notice", "010****0001 and 499 more", "Delivered 470", `+
		`"Unknown 10", "Failed 20"].every((x) => document.querySelector("tbody tr").innerText.includes(x)) && `+
		`!document.querySelector("tbody").innerText.includes("TX_1234")`)
	b.Press("the message", `document.querySelector("tbody a")`)
	b.See("how many have which result", `["All 500", "Delivered 470", "Failed 20", "Unknown 10"].every((x) => `+
		`[...document.querySelectorAll(".counts .pick")].some((p) => p.textContent === x)) && `+
		`document.querySelector(".counts").innerText.includes("110 fell back to SMS")`)
	b.See("how many took which way, the most frequent first", `[...document.querySelectorAll(".kinds li")].map((x) => `+
		`x.textContent).join("\n") === `+
		`["380AlimTalk arrived", "60AlimTalk: The recipient does not use KakaoTalk → SMS arrived",
			"30AlimTalk: The recipient has blocked AlimTalk → SMS arrived",
			"20AlimTalk: The recipient does not use KakaoTalk → SMS: The SMS could not be delivered: " +
				"the recipient's number or the sender number is wrong",
			"10AlimTalk: The AlimTalk was sent, and Kakao does not know whether it was received"].join("\n")`)
	b.See("the calls in one line",
		`document.querySelector('[aria-labelledby="calls-title"] .told').textContent.startsWith("AlimTalk to 500 (calls: 1) · SMS to 110 `+
			`(calls: 1) · ")`)
	if n := browsertest.JS[int](b, `document.querySelectorAll('[aria-labelledby="calls-title"] tbody tr').length`); n > 30 {
		t.Errorf("the calls are %d lines", n)
	}
	rows := func(what string, n int, more string) {
		t.Helper()
		b.See(what, fmt.Sprintf(`document.querySelectorAll(".people tbody tr").length === %d && (%s)`, n, more))
	}
	rows("fifty of them are drawn", 50, "true")
	if n := browsertest.JS[int](b, `document.querySelectorAll(".timeline li").length`); n != 0 {
		t.Errorf("the way is folded, and %d entries of it are drawn", n)
	}
	b.Shot("five-hundred")

	// Who did not get it, and one of those.
	b.Press("failed", `[...document.querySelectorAll(".counts .pick")].find((x) => x.textContent === "Failed 20")`)
	rows("those who did not get it", 20, `[...document.querySelectorAll(".people tbody .number")].every((x) => `+
		`x.textContent.startsWith("010****0004"))`)
	b.See("the button is pressed and has the focus", `document.activeElement.getAttribute("aria-pressed") === "true"`)
	search := func(text string) {
		t.Helper()
		browsertest.JS[bool](b, fmt.Sprintf(`(() => { const x = [...document.querySelectorAll('.box input[type="search"]')]`+
			`.find((x) => x.checkVisibility()); x.value = %q; `+
			`x.dispatchEvent(new Event("input")); return true; })()`, text))
	}
	search("member-119")
	b.See("nobody of them", `document.querySelector('.box [role="status"]').textContent === "No recipient matches."`)
	b.Press("all", `document.querySelector(".counts .pick")`)
	rows("found by the reference", 1, `document.querySelector(".people tbody").innerText.includes("member-119")`)
	search("0008")
	rows("found by the last digits", 10, "true")
	search("010****0002")
	rows("found by the masked number", 30, "true")
	search("+82 10-2113-4113")
	b.See("a number that is nobody's", `document.querySelector('.box [role="status"]').textContent === "No recipient matches."`)
	search("010-2499-4499")
	rows("found by the whole number", 1, `document.querySelector(".people tbody").innerText.includes("member-499")`)
	search("")
	b.Press("those who have blocked it", `[...document.querySelectorAll(".kinds .pick")][2]`)
	rows("the thirty", 30, "true")
	b.Press("once more", `[...document.querySelectorAll(".kinds .pick")][2]`)
	b.Press("all of them", browsertest.Button("Show the other 450"))
	rows("all of them", 500, "true")

	// What happens elsewhere costs this page nothing: the server says that there is nothing new, and nothing is drawn.
	browsertest.JS[bool](b, `(() => {
		const real = window.fetch;
		window.answers = [];
		window.fetch = async (url, ...rest) => {
			const answer = await real(url, ...rest);
			if (url.startsWith("/inbox/messages/")) setTimeout(() => {
				window.answers.push(answer.status);
				document.body.dataset.read = window.answers.length;
			});
			return answer;
		};
		window.drawn = 0;
		const watch = new MutationObserver((all) => { window.drawn += all.length; });
		watch.observe(document.querySelector(".detail"), { subtree: true, childList: true, characterData: true });
		return true;
	})()`)
	w.settled(t, w.send(t, order("01012345678", "")))
	b.See("the page has read again", `window.answers.length > 1`)
	if got := browsertest.JS[string](b, `window.answers.filter((x) => x !== 304).join() + "/" + window.drawn`); got != "/0" {
		t.Errorf("answers but 304, and changes of the document: %s", got)
	}

	// Of recipients of whom something is news, only their rows are drawn again.
	got := browsertest.JS[string](b, `import("/inbox/assets/recipients.js").then(({ recipients }) => {
		const people = Array.from({ length: 500 }, (_, i) =>
			({ to: "010****0000", reference: "member-" + i, status: "pending", channel: "alimtalk" }));
		const view = recipients();
		view.draw({ counts: { pending: 500 }, recipients: people });
		const before = [...view.node.querySelectorAll("tbody tr")];
		people[7] = { ...people[7], status: "delivered", code: "0", at: "2026-12-01T00:00:00Z" };
		view.draw({ counts: { pending: 499, delivered: 1 }, recipients: people });
		const after = [...view.node.querySelectorAll("tbody tr")];
		return after.map((x, i) => x === before[i] ? "" : i).join("");
	})`)
	if got != "7" {
		t.Errorf("rows drawn again: %q, want 7", got)
	}
	// Who has chosen those that wait is told when nobody waits any more; a kind of outcome that nobody has is chosen no longer.
	got = browsertest.JS[string](b, `import("/inbox/assets/recipients.js").then(({ recipients }) => {
		const view = recipients();
		const show = (status, code) => view.draw({ counts: { [status]: 2 }, recipients: [1, 2].map((i) =>
			({ to: "010****0000", status, channel: i > 1 ? "sms" : "alimtalk", code })) });
		const pressed = () => view.node.querySelector(".pick[aria-pressed=true]")?.textContent + "/" +
			view.node.querySelectorAll("tbody tr").length;
		show("pending");
		view.node.querySelectorAll(".counts .pick")[1].click();
		const all = [pressed()];
		show("delivered", "0");
		all.push(pressed());
		view.node.querySelector(".counts .pick").click();
		view.node.querySelector(".kinds .pick").click();
		all.push(pressed());
		show("failed", "A");
		all.push(pressed());
		return all.join(", ");
	})`)
	if want := "Pending 2/2, Pending 0/0, 1AlimTalk arrived/1, All 2/2"; got != want {
		t.Errorf("what is chosen while results come in: %q, want %q", got, want)
	}
	b.Press("the way", `document.querySelector("#way > summary")`)
	b.See("the way", `document.querySelectorAll(".timeline h3").length > 10`)
	b.Size(390, 844)
	if wide := browsertest.JS[int](b, `document.documentElement.scrollWidth`); wide > 390 {
		t.Errorf("it is %d wide in a window of 390", wide)
	}
	for _, theme := range []string{"light", "dark"} {
		b.Theme(theme)
		for _, wrong := range append(b.Axe(), browsertest.JS[[]string](b, readable)...) {
			t.Errorf("%s: %s", theme, wrong)
		}
		b.Shot("five-hundred-narrow-" + theme)
	}
}

// A word that the page has no text for is shown as it is, and the list is whole.
func TestBrowserShowsParkedMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *worldOptions) { o.speed = 1 }) // it is not tried again while the test looks
	b := browsertest.Open(t, w.url, "en")
	b.Expected = []string{"status of 503"} // of the names of templates, which Aligo refuses with all else
	w.call(t, http.MethodPost, "/inbox/standin/faults", `{"fault":"unknown-refusal","times":-1}`)
	w.send(t, order("01012345678", ""))
	b.Visit("/messages")
	b.See("why it is parked", `document.querySelector("tbody .sub")?.innerText === "refused, nobody knows why"`)
	parked := get[list[item]](t, w, "/inbox/messages?status=parked").Items[0]
	if waits := parked.Parked.Next.Sub(parked.Parked.Since); waits < time.Minute || waits > time.Minute+time.Second {
		t.Errorf("it is tried next %s after it was parked", waits)
	}
	// It is shown in the list and with the message itself; what an earlier version has parked says how often it is tried.
	says := fmt.Sprintf(`((x) => x.innerText.startsWith("Next attempt ") && Date.parse(x.dateTime) === %d)`+
		`(document.querySelector("time.next"))`, parked.Parked.Next.UnixMilli())
	b.See("when it is tried next", says)
	b.Visit("/messages/" + parked.ID)
	b.See("when it is tried next", says)
	older := browsertest.JS[string](b, `import("/inbox/assets/parts.js").then((m) => m.triedNext({ wait: 60 }))`)
	if older != "Tried again every 1 min" {
		t.Errorf("what is parked by an earlier version: %q", older)
	}
	if got := browsertest.JS[string](b, `import("/inbox/assets/i18n.js").then((m) => m.t("parked.fire"))`); got != "fire" {
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
	b := browsertest.Open(t, w.url, "en")
	for _, path := range []string{"/phones/01012345678", "/messages?q=%3Ci%3Eref%3C%2Fi%3E", "/messages", "/events", "/?q=%3Cscript%3E"} {
		b.Visit(path)
		b.See("the page", `document.querySelector(".text, tbody tr, .log li, .rows li")`)
		if n := browsertest.JS[int](b, `document.querySelectorAll("main script, main img, main b, main i").length`); n != 0 {
			t.Errorf("%s: %d elements were made of a text", path, n)
		}
	}
	b.Visit("/phones/01012345678")
	b.See("the text as it was written", `document.querySelector(".text").textContent.startsWith(`+fmt.Sprintf("%q", evil)+`)`)
	b.See("the name as it was written", `document.querySelector(".text").textContent.endsWith("</p><script>alert(4)</script>")`)
	b.Shot("text")
}

// views are all pages, with a message's.
func views(message string) []string {
	return []string{"/", "/phones/01012340001", "/messages", "/messages/" + message, "/compose", "/events", "/faults", "/overview", "/docs",
		"/nothing"}
}

// drawn holds when a view has read what it shows.
const drawn = `document.querySelector("h1, h2") && document.querySelector(".delivery, tbody tr, .figures, .log li, .operation, .inline, ` +
	`.rows li, option + option, main > .empty")`

// readable finds what cannot be read well: text with too little contrast to what is behind it (WCAG 2, AA), where axe cannot tell
// because something lies over it, too, type that is too small, controls and
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
	for (const x of document.querySelectorAll("body *")) {
		if (![...x.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || !x.checkVisibility() ||
			x.closest(".unseen, noscript, title")) continue;
		const size = parseFloat(getComputedStyle(x).fontSize) * (x.getScreenCTM?.().a ?? 1);
		if (size < 11.99) wrong.push("type of " + size.toFixed(1) + " pixels: " + x.textContent.trim().slice(0, 40));
	}
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
	const below = document.documentElement.scrollHeight - innerHeight;
	if (below > 0 && below < 4) wrong.push("scrolls by " + below + " pixels");
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
		b := browsertest.Open(t, w.url, lang)
		b.Expected = []string{"status of 404"} // of /nothing
		for _, theme := range themes {
			b.Theme(theme)
			for _, width := range []int64{390, 1280} {
				b.Size(width, 844)
				for _, path := range views(id) {
					b.Visit(path)
					b.See(path, drawn)
					found := browsertest.JS[[]string](b, readable)
					if lang == "ko" && (path != "/docs" || width == 390) { // which takes it ten seconds
						found = append(found, b.Axe()...)
					}
					for _, wrong := range found {
						t.Errorf("%s in %s, %s, %d wide: %s", path, lang, theme, width, wrong)
					}
					b.Shot(strings.Join([]string{strings.ReplaceAll(strings.Trim(strings.Replace(path, id, "id", 1), "/"), "/", "-"), lang, theme,
						fmt.Sprint(width)}, "-"))
				}
			}
		}
		if lang == "en" {
			readme(t, b, "inbox", "/phones/01012345678", 860)
			readme(t, b, "message", "/messages/"+id, 1230)
		}
		if got := browsertest.JS[string](b, "document.documentElement.lang"); got != lang {
			t.Errorf("the page is in %q for a browser that wants %q", got, lang)
		}
	}
}

func TestBrowserByKeyboard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settled(t, w.send(t, order("01012345678", "")))
	w.settled(t, w.send(t, order("01012340001", "")))
	b := browsertest.Open(t, w.url, "en")
	b.Visit("/")
	b.See("the phones", `document.querySelectorAll(".rows li").length === 2`)
	press := func(key string) {
		t.Helper()
		b.Do(chromedp.KeyEvent(key))
	}
	press("\t")
	b.See("the first stop is the way past the menu", `document.activeElement.matches(".skip")`)
	press("\r")
	b.See("which leads to the content", `document.activeElement.id === "main"`)
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
		b.Must(chromedp.Call(b.Context, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: "/", Code: "Slash", Text: "/"}))
	}
	b.See("a slash leads to the search", `document.activeElement.matches("input[type=search]")`)
	b.Do(chromedp.KeyEvent("0001"))
	b.See("which finds while one types", `document.querySelectorAll(".rows li").length === 1 && location.search === "?q=0001"`)
	press("\t")
	b.See("the next stop is the list", `document.activeElement.matches(".rows a")`)
	press("\r")
	b.See("which opens a phone", `location.pathname === "/phones/01012340001" && document.querySelector(".delivery")`)
	b.See("and the focus goes into it", `document.activeElement.matches(".conversation h2") && document.activeElement.textContent === `+
		`"010-1234-0001"`)
	browsertest.JS[bool](b, `history.back() || true`)
	b.See("and back", `location.pathname === "/" && document.querySelector(".rows a")`)
	b.Do(chromedp.Focus(chromedp.CSS(`input[type=search]`)), chromedp.KeyEvent("\b\b\b\b"))
	b.See("everything again", `document.querySelectorAll(".rows li").length === 2`)
	press("\t")
	b.See("the next stop is the first phone", `document.activeElement === document.querySelector(".rows li:first-child a")`)
	press(kb.ArrowDown)
	b.See("an arrow leads to the next", `document.activeElement === document.querySelector(".rows li:nth-child(2) a")`)
	for list, path := range map[string]string{"messages": "/messages", "events": "/events"} {
		b.Visit(path)
		const links = `[...document.querySelectorAll("main tbody a, main .log a")]`
		b.See(list, links+`.length > 1 && (`+links+`[0].focus(), true)`)
		press(kb.ArrowDown)
		b.See("an arrow leads to the next of "+list, links+`[1] === document.activeElement`)
		press(kb.ArrowUp)
		b.See("and one back", links+`[0] === document.activeElement`)
	}
}

// Whoever presses a button by key stands at what comes of it, and not before the whole menu.
func TestBrowserKeepsTheFocus(t *testing.T) {
	t.Parallel()
	b := browsertest.Open(t, newWorld(t).url, "en")
	enter := func(button string) {
		t.Helper()
		b.See("the button", button+` && (`+button+`.focus(), true)`)
		b.Do(chromedp.KeyEvent("\r"))
	}
	b.Visit("/compose")
	form(b)
	enter(browsertest.Button("Send"))
	b.See("sent", `document.querySelector(".result .accepted")`)
	b.See("the focus is where that is said", `document.activeElement.matches(".result")`)

	schedule(b)
	enter(browsertest.Button("Cancel message"))
	b.See("cancelled", `document.querySelector(".actions .status").dataset.status === "cancelled" && !document.getElementById("cancel")`)
	b.See("the focus stays in the content", `document.activeElement.id === "main"`)
}

// What is under way, and what has gone wrong, is shown, and goes when it is over.
func TestBrowserWhenTheServerIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settled(t, w.send(t, order("01012345678", "")))
	b := browsertest.Open(t, w.url, "en")
	b.Expected = []string{"ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE",
		"Nobody answers"}
	b.Visit("/overview")
	b.See("the connection", `document.querySelector(".live").dataset.state === "live" && document.querySelector(".figures")`)

	// A slow answer.
	browsertest.JS[bool](b, `(() => {
		const real = window.fetch;
		const wait = new Promise((ok) => { window.release = ok; });
		window.fetch = async (...all) => { await wait; return real(...all); };
		return true;
	})()`)
	b.Press("messages", `document.querySelector('nav a[href="/messages"]')`)
	b.See("that it is loading", `document.querySelector(".loading")?.checkVisibility() && document.querySelector(".loading").textContent `+
		`=== "Loading …"`)
	browsertest.JS[bool](b, `(window.release(), true)`)
	b.See("what was loaded", `document.querySelector("tbody tr") && !document.querySelector(".loading")`)

	// No answer at all, in every view.
	_ = w.front.Close()
	b.See("that it connects again", `document.querySelector(".live").dataset.state === "again" && `+
		`document.querySelector(".live").textContent === "Reconnecting"`)
	for _, path := range []string{"/", "/events", "/faults", "/compose", "/overview", "/messages"} {
		b.Press(path, fmt.Sprintf(`document.querySelector('nav a[href=%q]')`, path))
		b.See("that "+path+" has no connection", `document.querySelector("main .failure")?.innerText.includes("Nobody answers")`)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, w.front.Handler)
	b.See("the connection again", `document.querySelector(".live").dataset.state === "live"`)
	b.See("the list, and no error any more", `document.querySelector("tbody tr")?.checkVisibility() && !document.querySelector("main `+
		`.failure")`)
}

// The rest of what people have stumbled over.
func TestBrowserDetails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reference := "order-" + strings.Repeat("0", 122)
	id := w.send(t, order("01012345678", `,"reference":"`+reference+`","sendAt":"`+
		time.Now().AddDate(0, 2, 0).Format(time.RFC3339)+`"`))
	unsure := w.send(t, order("01012340008", `,"reference":"unsure"`))
	w.settled(t, unsure)
	b := browsertest.Open(t, w.url, "ko")
	b.Expected = []string{"status of 422", "status of 404", "status of 503"} // of a refused text, /nothing and the names of templates
	for _, width := range []int64{390, 1440} {
		b.Size(width, 844)
		b.Visit("/messages/" + id)
		b.See("a scheduled message", `document.querySelector("#cancel")?.textContent === "예약 취소"`)
		if squeezed := browsertest.JS[[]string](b, `[...document.querySelectorAll(".actions *, .page-head time")].filter((x) => `+
			`x.children.length === 0 &&
			x.getClientRects().length > 1).map((x) => x.textContent)`); len(squeezed) > 0 {
			t.Errorf("%d wide, these are in two lines: %q", width, squeezed)
		}
		b.Visit("/messages")
		b.See("the list", `document.querySelectorAll("tbody tr").length === 2`)
		if broken := browsertest.JS[[]string](b, `[...document.querySelectorAll("tbody time, tbody .status")].filter((x) => `+
			`x.getBoundingClientRect().height > 30)
			.map((x) => x.textContent)`); len(broken) > 0 {
			t.Errorf("%d wide, these are in two lines: %q", width, broken)
		}
	}
	b.See("what nobody knows is not partly delivered", `[...document.querySelectorAll("tbody tr")].find((x) => `+
		`x.innerText.includes("unsure")).querySelector(".status").dataset.status === "unknown"`)
	b.Visit("/messages/" + unsure)
	b.See("nor is it there", `document.querySelector(".actions .status").dataset.status === "unknown"`)
	b.Visit("/overview")
	b.See("nor in the counts", `document.querySelector('.bars a[href="/messages?status=partial"] .status')?.dataset.status === "unknown"`)

	// A search that finds no phone leads to the messages.
	b.Visit("/?q=unsure-not")
	b.Press("messages", browsertest.Button("메시지에서 찾기"))
	b.See("the same search there", `location.pathname + location.search === "/messages?q=unsure-not"`)

	// What an SMS cannot carry is not shown as one that can be sent.
	b.Visit("/compose")
	form(b)
	b.See("what would follow, and what it costs", `document.querySelectorAll(".preview-box .sms").length === 1 && `+
		`/원.*최대.*원/.test(document.querySelector(".preview-box").innerText)`)
	// Whoever writes a placeholder gets its field at once, and keeps the one that is written in.
	b.Write("문자 내용", "#{쿠폰}을 드립니다")
	b.See("a field for it", browsertest.Control("#{쿠폰}"))
	if !browsertest.JS[bool](b, `(() => { const x = `+browsertest.Control("#{쿠폰}")+`; x.focus(); x.value = "우산";
		x.dispatchEvent(new Event("input", { bubbles: true })); return document.activeElement === x; })()`) {
		t.Error("the field is another one after a letter")
	}
	b.See("it is in the request", `document.querySelector("pre.line").textContent.includes("우산")`)
	b.Write("문자 내용", "")
	b.Press("as SMS", `document.querySelector('label[for="' + document.querySelector("input[name=channel][value=sms]").id + '"]')`)
	b.Write("내용", "도착했습니다 🎉")
	b.See("that it cannot be sent", `document.querySelector(".preview-box").innerText.includes("8번째 글자(이모지)") && `+
		`!document.querySelector(".preview-box .sms")`)
	b.Press("send", browsertest.Button("보내기"))
	b.See("nor is it", `document.querySelector(".result .failure")?.innerText.includes("8번째 글자(이모지)")`)

	// A fault is told on every page, and found with the messages that it parks.
	w.call(t, http.MethodPost, "/inbox/standin/faults", `{"fault":"no-balance","times":-1}`)
	parked := w.send(t, `{"channel":"sms","text":"도착했습니다","reference":"parked","recipients":[{"to":"01012345678"}]}`)
	for _, path := range views(parked) {
		b.Visit(path)
		b.See("the fault on "+path, `document.querySelector(".fault-note")?.checkVisibility() && `+
			`document.querySelector(".fault-note").innerText.includes("1개")`)
	}
	b.Visit("/messages/" + parked)
	for _, theme := range []string{"dark", "light"} {
		b.Theme(theme)
		for _, wrong := range append(b.Axe(), browsertest.JS[[]string](b, readable)...) {
			t.Errorf("a parked message, %s: %s", theme, wrong)
		}
	}
	b.See("that sending is cancelled, and no schedule", `document.querySelector("#cancel")?.textContent === "발송 취소"`)
	for status, want := range map[string]string{"parked": "parked", "scheduled": "order-0"} {
		b.Visit("/messages?status=" + status)
		b.See(status, fmt.Sprintf(`document.querySelectorAll("tbody tr").length === 1 && `+
			`document.querySelector("tbody").innerText.includes(%q)`, want))
	}
}

// What is long or odd leaves the page in one piece.
func TestBrowserWithOddNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settled(t, w.send(t, `{"template":"TX_1234","reference":"`+strings.Repeat("A", 128)+`","recipients":[`+
		`{"to":"01012345678","name":"홍길동","variables":{"주문번호":"1"}},{"to":"01012340001","name":"홍길동","variables":{"주문번호":"2"}}]}`))
	b := browsertest.Open(t, w.url, "ko")
	b.Expected = []string{"status of 404"}
	b.Visit("/messages")
	b.See("the message", `document.querySelector("tbody .reference")`)
	if lines := browsertest.JS[int](b, `document.querySelector("tbody a").getClientRects().length`); lines != 1 {
		t.Errorf("a long reference breaks the name before it into %d lines", lines)
	}
	ends := browsertest.JS[int](b, `new Set([...document.querySelectorAll("tbody tr > *")].map((x) => x.getBoundingClientRect().bottom)).size`)
	if ends != 1 {
		t.Errorf("the cells of a row end at %d heights, and with them the line below it", ends)
	}
	for path, says := range map[string]string{"/messages/%E0%A4": "없는 메시지", "/campaigns/%E0%A4": "없는 캠페인"} {
		b.Visit(path)
		b.See("that there is none", fmt.Sprintf(`document.querySelector("main").innerText.includes(%q)`, says))
	}
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
	b := browsertest.Open(t, w.url, "en")
	b.Visit("/overview") // so that the browser has the files
	b.See("the overview", drawn)
	begin := time.Now()
	b.Visit("/")
	b.See("the newest", `document.querySelector(".pager")?.innerText.includes("10000 in all")`)
	t.Logf("the inbox with 10,000 phones opens in %v", time.Since(begin))
	if n := browsertest.JS[int](b, `document.querySelectorAll(".rows li").length`); n != 50 {
		t.Errorf("%d rows are drawn, want a page of 50", n)
	}
	if first := browsertest.JS[string](b, `document.querySelector(".rows .number").textContent`); first != "010-3001-0515" {
		t.Errorf("the newest is %s", first)
	}
	begin = time.Now()
	browsertest.JS[bool](b, `(() => { const x = document.querySelector("input[type=search]"); x.value = "3000-5"; `+
		`x.dispatchEvent(new Event("input")); `+
		`return true; })()`)
	b.See("a search", `document.querySelector(".pager")?.innerText.includes("1000 in all")`)
	t.Logf("a search finds 1,000 of them in %v", time.Since(begin))
	b.Press("older", browsertest.Button("Older"))
	b.See("the second page", `location.search.includes("before=") && document.querySelector(".rows .number").textContent === "010-3000-5949"`)
	// A message that comes in between does not move what is on an older page.
	w.settled(t, w.send(t, order("01012345678", "")))
	b.See("it stays", `document.querySelector(".rows .number").textContent === "010-3000-5949"`)
	b.Press("newest", browsertest.Button("Newest"))
	b.See("the first page", `document.querySelector(".rows .number").textContent === "010-3000-5999"`)
	b.Shot("ten-thousand")
}
