package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sms-api/console/browsertest"
	"sms-api/internal/version"
	"sms-api/local/system"
)

// settled waits until the page shows how a message has ended.
func settled(b *browsertest.Tab, id, status string) {
	b.Visit("/messages/" + id)
	b.See(id+" is "+status, `document.querySelector(".actions .status")?.dataset.status === "`+status+`"`)
}

// looks holds the page to accessibility in both themes and widths, and keeps pictures of it.
func looks(t *testing.T, b *browsertest.Tab, name string) {
	t.Helper()
	for _, wrong := range b.Looks(name) {
		t.Error(wrong)
	}
}

func TestBrowserConsole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address, link, _ := strings.Cut(w.link, "/?")
	b := browsertest.Open(t, address, "ko")
	b.Expected = []string{"status of 403", "status of 422", "status of 404", "status of 503"}

	// The link leads in, and leaves no token in the address bar.
	b.Visit("/?" + link)
	b.See("an empty list", `document.querySelector("main").innerText.includes("아직 메시지가 없습니다") && location.search === ""`)
	if nav := browsertest.JS[string](b, `[...document.querySelectorAll("nav a")].map((x) => x.getAttribute("href")).join(" ")`); nav !=
		"/messages /campaigns /operations /overview /docs" {
		t.Errorf("the menu has %s", nav)
	}

	// Somebody says that she got nothing: the number, the reason once, and words to read out.
	id := w.send(t, order("01012340001", `,"reference":"order-18"`))
	settled(b, id, "delivered")
	b.See("the way", `[...document.querySelectorAll(".timeline h3")].map((x) => x.textContent).includes("Send SMS")`)
	b.See("two calls that were accepted", `document.querySelectorAll('[aria-labelledby="calls-title"] tbody tr').length === 2`)
	b.Visit("/messages?q=010-1234-0001")
	b.See("the question why", `document.querySelector("main form h2")?.innerText.includes("이유") && document.activeElement.id === "reason"`)
	b.Write("이유", "본인이 문의함")
	b.Press("search", browsertest.Button("찾기"))
	b.See("what became of it in words",
		`["카카오톡", "→", "도착", "010****0001"].every((x) => document.querySelector("tbody .sub")?.innerText.includes(x))`)
	b.Shot("found")
	b.Visit("/messages?q=01012340001")
	b.See("the reason is asked once", `document.querySelectorAll("tbody tr").length === 1`)
	b.Visit("/messages?q=order-18")
	b.See("found by its reference", `document.querySelectorAll("tbody tr").length === 1`)
	b.Visit("/messages?q=" + id)
	b.See("found by its id", `document.querySelectorAll("tbody tr").length === 1`)

	b.Visit("/messages")
	b.See("what it is and for whom", `["주문 접수", "order-18", "010****0001"].every((x) => document.querySelector("tbody `+
		`tr").innerText.includes(x))`)

	// What waits for an operator.
	w.standin.SetBalance(0)
	parked := w.send(t, order("01012345678", `,"reference":"order-19"`))
	settled(b, parked, "parked")
	if err := w.system.AWS.Send(system.DeadLetters, "no event at all"); err != nil {
		t.Fatal(err)
	}
	b.Visit("/operations")
	b.See("what is parked, and what to do", `document.querySelector('[aria-labelledby="part-parked"]').innerText.includes("알리고 잔액을 충전하세요")`)
	b.See("when it is tried next", `((x) => x.innerText.startsWith("다음 시도 ") && Date.parse(x.dateTime) > Date.now())
		(document.querySelector('[aria-labelledby="part-parked"] time.next'))`)
	b.See("the alarm that rings", `document.querySelector(".alarm")?.dataset.state === "ALARM"`)
	b.See("the names of the parameters",
		`document.querySelector('[aria-labelledby="part-parameters"]').innerText.includes("/sms-api/aligo/api-key")`)
	b.See("the address to register, and the version", `[...document.querySelectorAll('[aria-labelledby="part-deployed"] dd')]
		.map((x) => x.innerText.trim()).filter((x) => x.includes("127.0.0.1") || x === `+fmt.Sprintf("%q", version.Number)+`).length === 2`)
	b.See("which templates can be sent",
		`document.querySelectorAll('[aria-labelledby="part-templates"] [data-template="approved"]').length === 4`)
	w.refused.Store("DescribeParameters")
	b.See("what one may not see is said calmly",
		`document.querySelector('[aria-labelledby="part-parameters"] .failure.calm')?.innerText.includes("ssm:DescribeParameters")`)
	b.See("the dead letter", `document.querySelector('[aria-labelledby="part-letters"]').innerText.includes("이벤트가 아니어서")`)
	b.Press("drop it", browsertest.Button("버리기"))
	b.See("it is gone", `document.querySelector('[aria-labelledby="part-letters"]').innerText.includes("없습니다")`)
	if log := w.log.String(); !strings.Contains(log, "drop a dead letter") || !strings.Contains(log, "user/kim") {
		t.Errorf("the log does not say who did what: %s", log)
	}

	// Opt-outs are looked up, written down, and taken back.
	const optOuts = `document.querySelector('[aria-labelledby="part-optouts"]')`
	b.Write("번호", "+82 10-1234-5678")
	b.Press("look up", optOuts+`.querySelector("form button")`)
	b.See("nothing is known", optOuts+`.innerText.includes("수신거부 기록 없음") && `+optOuts+`.innerText.includes("010-1234-5678")`)
	b.Press("write it down", browsertest.Button("수신거부 등록"))
	b.See("it is written down", optOuts+`.innerText.includes("수신거부") && `+optOuts+`.innerText.includes("console")`)
	b.Press("take it back", browsertest.Button("수신거부 철회 등록"))
	b.See("it is taken back", optOuts+`.innerText.includes("수신거부 철회")`)
	// What a caller has used is looked up, and forgotten.
	const limits = `document.querySelector('[aria-labelledby="part-limits"]')`
	const used = `[...` + limits + `.querySelectorAll("tbody tr")]
		.find((r) => ["번호당 하루", "신뢰"].every((x) => r.innerText.includes(x)))?.children[1].innerText`
	b.See("what all have used", limits+`.innerText.includes("모두 합쳐 하루")`)
	b.Write("누구의 한도", "to")
	b.Write("호출자나 번호", "010-1234-0001")
	b.Press("look up", limits+`.querySelector("form button")`)
	b.See("one message to the number", used+` === "1"`)
	b.Press("forget it", browsertest.Button("0으로 되돌리기"))
	b.See("it is forgotten", used+` === "0"`)
	for _, what := range []string{"reset limits", "opt out"} {
		line := `msg="` + what + `" who=arn:aws:iam::000000000000:user/kim which="a number" result=done`
		if log := w.log.String(); !strings.Contains(log, line) {
			t.Errorf("the log does not say what was done, or says for whom: %s, want %s", log, line)
		}
	}
	looks(t, b, "operations")

	// A parked message of which nothing was sent is cancelled.
	b.Visit("/messages/" + parked)
	b.Press("cancel", browsertest.Button("발송 취소"))
	b.See("cancelled", `document.querySelector(".actions .status").dataset.status === "cancelled"`)
	if asked := b.Asked(); !strings.Contains(asked[len(asked)-1], "이 메시지를 취소할까요?") {
		t.Errorf("it has asked %q", asked)
	}
	by := `"cancel a message" who=arn:aws:iam::000000000000:user/kim which=` + parked + " result=done"
	if log := w.log.String(); !strings.Contains(log, by) {
		t.Errorf("the log does not say who has cancelled: %s", log)
	}
	// Each list has what has its status, and nothing else.
	lists := func(status, reference string) {
		t.Helper()
		b.Visit("/messages?status=" + status)
		b.See("what is "+status,
			fmt.Sprintf(`[...document.querySelectorAll("tbody .reference")].map((x) => x.innerText).join() === %q`, reference))
	}
	lists("cancelled", "order-19")
	w.send(t, order("01012345678", `,"reference":"order-20"`))
	lists("parked", "order-20")
	later := time.Now().Add(30 * 24 * time.Hour).UTC().Format(time.RFC3339)
	w.send(t, order("01012345678", `,"reference":"order-21","sendAt":"`+later+`"`))
	lists("scheduled", "order-21")
	w.standin.SetBalance(10_000)
	w.send(t, order("01012340003", `,"reference":"order-22","fallback":{"after":"24h"}`))
	lists("sending", "order-22")
	b.Visit("/overview")
	b.See("the counts", `document.querySelector(".bars")?.innerText.includes("취소됨")`)
	b.Visit("/docs")
	b.See("the contract", `document.querySelector(".operation")`)
}

// What comes in while somebody works through the lists of an operator takes neither focus nor what was opened away.
func TestBrowserOperationsStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address, link, _ := strings.Cut(w.link, "/?")
	b := browsertest.Open(t, address, "ko")
	b.Visit("/?" + link)
	b.See("an empty list", `document.querySelector("main").innerText.includes("아직 메시지가 없습니다")`)
	w.standin.SetBalance(0)
	w.send(t, order("01012345678", ""))
	dead := func(source string) {
		t.Helper()
		err := w.system.AWS.Send(system.DeadLetters, fmt.Sprintf(`{"version":"0","id":"1","detail-type":"MessageRequested","source":%q,`+
			`"account":"000000000000","time":"2026-12-01T00:00:00Z","region":"ap-northeast-2","resources":[],"detail":{}}`, source))
		if err != nil {
			t.Fatal(err)
		}
	}
	dead("shop")
	rows := func(part string, n int) {
		t.Helper()
		b.See(part, fmt.Sprintf(`document.querySelectorAll('[aria-labelledby="part-%s"] .rows-plain > li').length === %d`, part, n))
	}
	b.Visit("/operations")
	rows("parked", 1)
	rows("letters", 1)
	if name := browsertest.JS[string](b, `document.querySelector('[aria-labelledby="part-parked"] li a').innerText`); name != "주문 접수" {
		t.Errorf("a message without a reference is called %q", name)
	}
	browsertest.JS[bool](b, `(document.querySelector('[aria-labelledby="part-parked"] li a').focus(),
		document.querySelector('[aria-labelledby="part-letters"] li details').open = true)`)
	w.send(t, order("01012345679", `,"reference":"news"`))
	dead("billing")
	rows("parked", 2)
	rows("letters", 2)
	if at := browsertest.JS[string](b, `document.activeElement.innerText`); at != "주문 접수" {
		t.Errorf("the focus is on %.80q", at)
	}
	if open := browsertest.JS[int](b, `document.querySelectorAll('[aria-labelledby="part-letters"] li details[open]').length`); open != 1 {
		t.Errorf("%d of the letters are open", open)
	}
}
