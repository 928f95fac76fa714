package page_test

import (
	"fmt"
	"mime"
	"net/http"
	"strings"
	"testing"

	"sms-api/console/browsertest"
	"sms-api/internal/testkit"
)

// chooseFile puts a file with this text into the form's field, as choosing one does. The text is what a spreadsheet would write.
func chooseFile(b *browsertest.Tab, name, text string) {
	b.See("the field for the file", `document.querySelector("input[type=file]")`)
	browsertest.JS[bool](b, fmt.Sprintf(`(() => { const x = document.querySelector("input[type=file]"); const d = new DataTransfer();
		d.items.add(new File([%q], %q)); x.files = d.files; x.dispatchEvent(new Event("change", { bubbles: true }));
		return true; })()`, text, name))
}

// follow is what a link of the page's leads to, which is elsewhere, and the name under which a browser saves it.
func (w *world) follow(t *testing.T, path string) (text, saved string) {
	t.Helper()
	there := w.call(t, http.MethodGet, path, "")
	if there.status != http.StatusSeeOther {
		t.Fatalf("GET %s: %d %s", path, there.status, there.body)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, there.header.Get("Location"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, header, body := testkit.Do(t, http.DefaultClient, r)
	_, as, err := mime.ParseMediaType(header.Get("Content-Disposition"))
	if err != nil {
		t.Error(err)
	}
	return string(body), as["filename"]
}

// looks holds the page to accessibility in both themes and widths, and keeps pictures of it.
func looks(t *testing.T, b *browsertest.Tab, name string) {
	t.Helper()
	for _, wrong := range b.Looks(name) {
		t.Error(wrong)
	}
}

// campaignStatus is an expression for the status of the campaign that is shown.
func campaignStatus(status string) string {
	return fmt.Sprintf(`document.querySelector(".actions .status")?.dataset.campaign === %q`, status)
}

// A campaign as an operator sends one: from a spreadsheet's file, with rows that are refused, to its report.
func TestBrowserCampaign(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := browsertest.Open(t, w.url, "ko")
	b.Expected = []string{"status of 422", "status of 404"}
	b.Visit("/campaigns")
	b.See("there are none", `document.querySelector("main").innerText.includes("아직 캠페인이 없습니다")`)
	looks(t, b, "campaigns-none")
	b.Press("a new one", browsertest.Button("새 캠페인"))
	b.See("the templates", `document.querySelectorAll('[data-pointer="/template"] option').length === 4`)

	// What is no list is said before anything is uploaded.
	chooseFile(b, "members.xlsx", "PK\x03\x04")
	b.See("a workbook is none", `document.querySelector("form .error")?.innerText.includes("CSV로 저장")`)
	b.See("it cannot be uploaded", `document.querySelector("button[type=submit]").disabled`)

	var list strings.Builder
	list.WriteString("고객명,휴대폰,주문번호,회원번호\r\n")
	for i, ending := range []string{"5678", "0001", "0004", "0008", "1111", "2222", "3333"} {
		fmt.Fprintf(&list, "홍길동,010-%04d-%s,A-%d,m-%d\r\n", 2000+i, ending, i, i)
	}
	list.WriteString("김철수,1012345678,A-7,m-7\r\n김철수,010-2000-5678,A-8,m-8\r\n김철수,010-1234-567,A-9,m-9\r\n김철수,010-1234-568,A-10,m-10\r\n")
	chooseFile(b, "members.csv", list.String())
	b.See("the columns are found by their names", `["휴대폰", "고객명", "주문번호", "회원번호"].every((c, i) =>
		[...document.querySelectorAll('[data-pointer^="/columns"]')].some((s) => s.value === c)) && `+
		browsertest.Control("전화번호")+`.value === "휴대폰"`)
	b.Write("캠페인 이름", "12월 공지")
	// What the API refuses stands at its field.
	b.Write("분당 인원", "7")
	b.Press("create", browsertest.Button("파일 올리고 검사하기"))
	b.See("the rate is refused", `document.querySelector(".result .failure")?.innerText.includes("분당 인원") && `+
		browsertest.Control("분당 인원")+`.getAttribute("aria-invalid") === "true"`)
	looks(t, b, "campaign-new")
	b.Write("분당 인원", "6000")
	b.Press("create", browsertest.Button("파일 올리고 검사하기"))
	b.See("it is planned", campaignStatus("planned"))
	b.See("what the file comes to", `(() => { const plan = document.querySelector('[aria-labelledby="plan-title"]').innerText;
		return ["7", "모두 11행", "쉼표로 구분", "원", "UTF-8"].every((x) => plan.includes(x)); })()`)
	b.See("why rows are refused, with their numbers", `[["전화번호", "맨 앞의 0이 없습니다", "9"], ["전화번호", "앞의 행과 같은 번호", "10"],
		["전화번호", "대한민국 전화번호가 아닙니다", "11, 12"]].every((row) => [...document.querySelectorAll('[aria-labelledby="refused-title"] tbody tr')]
		.some((r) => row.every((x, i) => r.children[i].innerText.includes(x))))`)
	b.See("three examples", `document.querySelectorAll('[aria-labelledby="examples-title"] .kakao').length === 3`)
	looks(t, b, "campaign-planned")

	if n := len(w.standin.Messages()); n > 0 {
		t.Errorf("%d messages went out before the start", n)
	}
	b.Press("start", browsertest.Button("시작"))
	b.See("it is sent", `document.querySelector('[aria-labelledby="progress-title"] [role=progressbar]')`)
	b.See("it has settled", campaignStatus("settled"))
	b.See("the counts", `(() => { const told = document.querySelector('[aria-labelledby="progress-title"]').innerText;
		return told.includes("7명 가운데 7명") && told.includes("문자로 대체 2명"); })()`)
	b.See("its message", `document.querySelectorAll('[aria-labelledby="messages-title"] li').length === 1`)
	b.See("nothing is left to do", `document.querySelectorAll(".orders button").length === 0`)
	looks(t, b, "campaign-settled")
	file := func(name string) (text, saved string) {
		return w.follow(t, browsertest.JS[string](b, fmt.Sprintf(`document.querySelector('a[href$="/%s"]').getAttribute("href")`, name)))
	}
	if got, saved := file("report"); !strings.Contains(got, "row,reference,to,result") || strings.Count(got, "\r\n") != 12 ||
		saved != "12월 공지-report.csv" {
		t.Errorf("the report is %s: %q", saved, got)
	}
	if got, saved := file("errors"); !strings.Contains(got, "9,/to,") || !strings.Contains(got, "12,/to,") || saved != "12월 공지-errors.csv" {
		t.Errorf("what was refused is %s: %q", saved, got)
	}
	b.Press("all of them", `document.querySelector("nav a[href='/campaigns']")`)
	b.See("it is on the list", `document.querySelector("tbody tr th a")?.innerText === "12월 공지" &&
		document.querySelector("tbody").innerText.includes("11행")`)
	looks(t, b, "campaigns")
	b.Visit("/campaigns/0")
	b.See("there is none", `document.querySelector("main").innerText.includes("없는 캠페인입니다")`)
}

// A campaign is paused, resumed and cancelled, and is parked when an operator has to repair something.
func TestBrowserCampaignStops(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := browsertest.Open(t, w.url, "en")
	var list strings.Builder
	list.WriteString("to;name;주문번호\n")
	for i := range 1200 {
		fmt.Fprintf(&list, "010-3%03d-%04d;홍길동;A-%d\n", i%1000, 5000+i, i)
	}
	b.Visit("/campaigns/new")
	b.See("the templates", `document.querySelectorAll('[data-pointer="/template"] option').length === 4`)
	chooseFile(b, "list.csv", list.String())
	b.See("the columns", browsertest.Control("Number")+`?.value === "to"`)
	// Three chunks, of which the second comes after minutes.
	b.Write("Recipients a minute", "100")
	b.Press("create", browsertest.Button("Upload and check"))
	b.See("it is planned", campaignStatus("planned"))
	b.Press("start", browsertest.Button("Start"))
	b.See("a chunk is handed out", `document.querySelector('[role=progressbar]')?.getAttribute("aria-valuenow") === "500"`)
	b.See("when it ends", `document.querySelector('[aria-labelledby="progress-title"]').innerText.includes("all of them at about")`)
	b.Press("pause", browsertest.Button("Pause"))
	b.See("it is paused", campaignStatus("paused"))
	looks(t, b, "campaign-paused")
	w.standin.SetBalance(0)
	b.Press("resume", browsertest.Button("Resume"))
	b.See("it waits for a repair", campaignStatus("parked"))
	b.See("which one", `document.querySelector(".failure.warn")?.innerText.includes("Top up the wallet")`)
	looks(t, b, "campaign-parked")
	b.Press("cancel", browsertest.Button("Cancel"))
	b.See("it is cancelled", campaignStatus("cancelled"))
	b.See("nothing can be done", `document.querySelectorAll(".orders button").length === 0`)
}

// A campaign's view says what its campaign is, whatever that may be, and what became of an order.
func TestBrowserCampaignView(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := browsertest.Open(t, w.url, "en")
	b.Visit("/overview")
	b.See("the page", drawn)
	got := browsertest.JS[map[string]string](b, `(async () => {
		const counts = { rows: 12, accepted: 4, delivered: 1, failed: 2, unknown: 0, pending: 1, fellBack: 2, by: { alimtalk: 1, sms: 0 } };
		const plan = { format: "csv", encoding: "utf-8", delimiter: "\t", rows: 18, valid: 4, refused: 14, duplicates: 0, optedOut: 0,
			messages: 1, priceKRW: 26, priceAtMostKRW: 60, seconds: 0, walletSuffices: false, examples: [],
			limits: [{ limit: "number-day", max: 5, recipients: 3, rows: [4, 6] }, { limit: "stack-day", max: 2000, recipients: 1 }], errors: [
				...Array.from({ length: 13 }, (_, i) => ({ row: i + 2, pointer: "/to", detail: "is the same number as in row " + (i + 1) })),
				{ row: 2, pointer: "/to", detail: "is the same number as in row 9" },
				{ row: 20, pointer: "/variables/a~1b", detail: "is missing" },
				...["/columns/name", "/columns/variables/c"].map((pointer) => (
					{ row: 0, pointer, detail: "is no column of the file, whose header has 3" }))] };
		let c = { id: "c1", status: "sending", channel: "alimtalk", template: "TX_1234", reference: "notice", rate: 600,
			createdAt: "2026-12-01T00:00:00Z", startedAt: "2026-12-01T00:01:00Z", waitsUntil: "2026-12-01T23:00:00Z",
			endsAt: "2026-12-03T02:00:00Z", counts, plan };
		const asked = [];
		const answers = {
			"GET /inbox/campaigns/c1": () => [200, c],
			"GET /inbox/system": () => [200, {}],
			"GET /v1/templates": () => [200, { templates: [] }],
			"GET /inbox/messages": () => [200, { items: [] }],
			"POST /inbox/campaigns/c1/pause": () => [409, { type: "urn:sms-api:problem:campaign-status", title: "no", status: 409 }],
		};
		const real = window.fetch;
		window.fetch = async (url, options) => {
			const answer = answers[options.method + " " + url.split("?")[0]];
			if (!answer) return real(url, options);
			asked.push(url);
			const [status, body] = answer();
			return new Response(JSON.stringify(body), { status });
		};
		window.confirm = () => true;
		const { campaign } = await import("/inbox/assets/campaign.js");
		const told = {};
		const refresh = () => {
			told.disabled = String(view.node.querySelector(".orders button").disabled);
			return view.refresh();
		};
		const view = campaign({ parameters: ["c1"], refresh, signal: new AbortController().signal });
		const part = (name) => view.node.querySelector('[aria-labelledby="' + name + '-title"]')?.textContent ?? "";
		const buttons = () => [...view.node.querySelectorAll(".orders button")].map((x) => x.textContent).join();
		await view.refresh();
		told.title = view.title();
		told.all = buttons();
		told.plan = part("plan");
		told.progress = part("progress");
		told.rows = [...view.node.querySelectorAll('[aria-labelledby="refused-title"] tbody tr')].map((r) =>
			[...r.children].map((x) => x.textContent).join(": ")).join("; ");
		told.first = String(part("refused").includes("first"));
		c = { ...c, counts: { ...counts, accepted: 3 } };
		await view.refresh();
		told.left = buttons();
		view.node.querySelector(".orders button").click();
		const until = (holds) => new Promise((ok, fail) => {
			const look = () => (holds() ? ok() : requestAnimationFrame(look));
			setTimeout(() => fail(new Error("not within 90 seconds: " + holds)), 90000);
			look();
		});
		await until(() => view.node.querySelector(".failure"));
		told.refused = view.node.querySelector(".failure").textContent;
		await until(() => told.disabled);
		c = { ...c, status: "parked", parked: "no room" };
		answers["GET /inbox/messages"] = () => [200, { items: [{ id: "m1", status: "parked", counts: { pending: 1 }, createdAt: c.createdAt,
			parked: { cause: "balance", next: "2026-12-01T00:02:00Z" } }] }];
		await view.refresh();
		told.parked = view.node.querySelector(".failure.warn")?.textContent;
		told.said = document.getElementById("announcer").textContent;
		told.parkedOrders = buttons();
		told.messages = String(part("messages").includes("Next attempt"));
		told.asks = String(asked.some((x) => x.includes("status=parked") && x.includes("campaign=c1")));
		c = { ...c, status: "planned", parked: undefined, startedAt: undefined, counts: { ...counts, accepted: 0 },
			plan: { ...plan, walletSuffices: undefined } };
		await view.refresh();
		told.planned = buttons();
		told.wallet = part("plan");
		c = { ...c, status: "settled" };
		await view.refresh();
		told.over = String(part("plan").includes("wallet") || part("plan").includes("wait for room"));
		return told;
	})()`)
	for name, want := range map[string]string{
		"title": "notice", "all": "Cancel", "left": "Pause,Cancel", "parkedOrders": "Pause,Cancel", "planned": "Start,Cancel",
		"rows": "Number: The number of a row before it, which is the one that is sent to.: 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 and 1 more; " +
			"a/b: is missing: 20; Name: is no column of the file, whose header has 3: the whole file; " +
			"c: is no column of the file, whose header has 3: the whole file",
		"first": "false", "messages": "true", "asks": "true", "said": "notice: waits for repair", "disabled": "true",
		"over": "false",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	for name, parts := range map[string][]string{
		"plan": {"tab", "14", "does not pay", "3 recipients wait for room under a limit (A number, a day: 5). Rows 4, 6…",
			"1 recipients wait for room under a limit (All together, a day: 2,000)."},
		"wallet":   {"Nobody knows"},
		"progress": {"1 · 25%", "2 · 50%", "0 · 0%", "all of them at about", "Advertising goes out by day: the next at"},
		"parked":   {"balance too low", "Top up"},
		"refused":  {"not where this can be done"},
	} {
		for _, part := range parts {
			if !strings.Contains(got[name], part) {
				t.Errorf("%s lacks %q: %q", name, part, got[name])
			}
		}
	}
}
