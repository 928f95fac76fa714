package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/text/encoding/korean"

	"sms-api/console/browsertest"
)

// chooseFile puts a file into the form's field, as choosing one does.
func chooseFile(b *browsertest.Tab, name string, content []byte) {
	b.See("the field for the file", `document.querySelector("input[type=file]")`)
	numbers := make([]string, len(content))
	for i, c := range content {
		numbers[i] = strconv.Itoa(int(c))
	}
	browsertest.JS[bool](b, fmt.Sprintf(`(() => { const x = document.querySelector("input[type=file]"); const d = new DataTransfer();
		d.items.add(new File([new Uint8Array([%s])], %q)); x.files = d.files; x.dispatchEvent(new Event("change", { bubbles: true }));
		return true; })()`, strings.Join(numbers, ","), name))
}

// A campaign on a deployed stack: a list in CP949, as Excel in Korea writes it, to the report, through the signed API.
func TestBrowserConsoleCampaign(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address, link, _ := strings.Cut(w.link, "/?")
	b := browsertest.Open(t, address, "ko")
	b.Expected = []string{"status of 409"}
	b.Visit("/?" + link)
	b.Press("campaigns", `document.querySelector('nav a[href="/campaigns"]')`)
	b.Press("a new one", browsertest.Button("새 캠페인"))
	b.See("the templates", `document.querySelectorAll('[data-pointer="/template"] option').length === 4`)
	list, err := korean.EUCKR.NewEncoder().Bytes([]byte("이름,전화번호,주문번호\r\n홍길동,010-1234-5678,A-17\r\n김영희,010-1234-0001,A-18\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	chooseFile(b, "회원.csv", list)
	b.See("the columns", browsertest.Control("전화번호")+`?.value === "전화번호" && `+browsertest.Control("#{고객명}")+`.value === "이름"`)
	b.Write("캠페인 이름", "공지")
	b.Press("create", browsertest.Button("파일 올리고 검사하기"))
	status := func(name string) string {
		return fmt.Sprintf(`document.querySelector(".actions .status")?.dataset.campaign === %q`, name)
	}
	b.See("it is planned", status("planned"))
	b.See("the encoding is told", `document.querySelector('[aria-labelledby="plan-title"]').innerText.includes("CP949")`)
	b.See("the examples", `document.querySelector('[aria-labelledby="examples-title"]').innerText.includes("김영희님")`)
	b.Press("start", browsertest.Button("시작"))
	b.See("it has settled", status("settled"))
	b.See("both have it", `document.querySelector('[aria-labelledby="progress-title"]').innerText.includes("2 · 100%")`)
	looks(t, b, "campaign")
	for _, said := range []string{"create a campaign", "start a campaign", "user/kim"} {
		if log := w.log.String(); !strings.Contains(log, said) {
			t.Errorf("the log lacks %s: %s", said, log)
		}
	}
	// The report is a link that is made when it is pressed.
	path := browsertest.JS[string](b, `document.querySelector('a[href$="/report"]').getAttribute("href")`)
	leads := browsertest.JS[string](b, `(async () => (await fetch("`+path+`", { redirect: "manual" })).type)()`)
	if leads != "opaqueredirect" {
		t.Errorf("the report's link is %s", leads)
	}
	b.Press("all of them", `document.querySelector('nav a[href="/campaigns"]')`)
	b.See("it is on the list", `document.querySelector("tbody tr th a")?.innerText === "공지"`)
	looks(t, b, "campaigns")
	// A file is uploaded by the link that came with its campaign, and by no other.
	got := browsertest.JS[int](b, `(async () => (await fetch("/inbox/campaigns/c1/file", { method: "PUT", body: "x" })).status)()`)
	if got != http.StatusConflict {
		t.Errorf("a file without a campaign: %d", got)
	}
}
