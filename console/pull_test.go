package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/template"
)

func (f *folder) reads(name, want string) {
	f.t.Helper()
	text, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil || string(text) != want {
		f.t.Errorf("%s (%v) says\n%s\nwant\n%s", name, err, text, want)
	}
}

// A team that has templates begins with templates as code: what Aligo has stands in files, and nothing is left to do.
func TestPull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := newFolder(t, w.stack, nil)
	if err := os.Remove(f.dir); err != nil {
		t.Fatal(err)
	}
	f.says("plan", "error: there is no file in", "pull writes those that Aligo has")
	f.says("pull", "pulled     주문 접수 (TX_1234): "+filepath.Join(f.dir, "주문-접수.yaml"), "files written: 5, need somebody: 0", "no error")
	f.reads("배송-출발.yaml", `name: 배송 출발
secure: null # Aligo has it, and does not list it
text: |
  [마실상점] 상품이 출발했습니다.

  #{고객명}님, 주문하신 상품을 오늘 보내 드렸습니다.

  ■ 송장번호: #{송장번호}

  아래 버튼에서 배송 상황을 보실 수 있습니다.
buttons:
  - name: 배송 조회
    type: WL
    mobile: https://masil.example/parcels/#{송장번호}
    pc: https://masil.example/parcels/#{송장번호}
`)
	lock := f.lock()
	f.says("plan", "nothing    방문 예약 (TX_4567)\n", "waiting    재입고 안내 (TX_9999)\n", "templates: 5, to submit: 0, need somebody: 0", "no error")
	f.says("submit", "no error")
	f.says("pull", "same       주문 접수 (TX_1234): ", "files written: 0, need somebody: 0", "no error")
	if f.lock() != lock {
		t.Errorf("the lock file has changed:\n%s\nwas\n%s", f.lock(), lock)
	}
	// Who knows what Aligo does not list writes it into the file, and nothing is to be done.
	known := "# Ask legal first.\nname: 본인 확인\nsecure: true\ntext: |\n  [마실상점] 인증번호는 #{인증번호}입니다.\n" +
		"  3분 안에 입력해 주세요. 다른 사람에게 알려 주지 마세요.\n"
	f.put("본인-확인", known)
	f.says("plan", "nothing    본인 확인 (TX_3456)\n", "to submit: 0, need somebody: 0", "no error")
	f.says("submit", "no error")

	change := func(to aligotest.TemplateState) {
		t.Helper()
		if err := w.standin.SetTemplateState(to); err != nil {
			t.Fatal(err)
		}
	}
	change(aligotest.TemplateState{Code: "TX_3456", Content: "[마실상점] 인증번호는 #{인증번호}입니다."})
	f.says("plan", "drift      본인 확인 (TX_3456)\n", "error: templates that need somebody: 1")
	f.says("pull", "differs    본인 확인 (TX_3456)\n", "본인-확인.yaml says something else: text from line 2 on; -overwrite",
		"files written: 0, need somebody: 1", "error: templates that need somebody: 1")
	f.reads("본인-확인.yaml", known)
	f.says("pull -overwrite", "pulled     본인 확인 (TX_3456): ", "files written: 1, need somebody: 0", "no error")
	f.reads("본인-확인.yaml", "# Ask legal first.\nname: 본인 확인\nsecure: true\ntext: '[마실상점] 인증번호는 #{인증번호}입니다.'\n")
	f.says("plan", "nothing    본인 확인 (TX_3456)\n", "need somebody: 0", "no error")
}

// What is still to be changed has to be said whole: what Aligo does not list would be lost in silence.
func TestPullAndChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	theirs := newFolder(t, w.stack, map[string]string{
		"a": "name: 회원 안내\ntype: EX\nextra: 탈퇴는 고객센터에서 하실 수 있습니다.\nsecure: true\ntext: 안내합니다.\n",
	})
	theirs.says("submit", "done       회원 안내 (UK_0001): created, sent for review")
	if err := w.standin.SetTemplateState(aligotest.TemplateState{Code: "UK_0001", InspStatus: "REJ", Comment: "너무 짧습니다."}); err != nil {
		t.Fatal(err)
	}
	f := newFolder(t, w.stack, nil)
	f.says("pull", "pulled     회원 안내 (UK_0001)", "need somebody: 0")
	f.says("plan", "rejected   회원 안내 (UK_0001)\n", "the reviewer: 너무 짧습니다.")
	f.put("회원-안내", "name: 회원 안내\ntype: EX\nextra: null\nsecure: null\ntext: 자세히 안내합니다.\n")
	for _, do := range []string{"plan", "submit"} {
		f.says(do, "incomplete 회원 안내 (UK_0001)\n", "the file leaves extra, secure open", "error: templates that need somebody: 1")
	}
	f.put("회원-안내", "name: 회원 안내\ntype: EX\nextra: 더 있습니다.\nsecure: true\ntext: 자세히 안내합니다.\n")
	f.says("submit", "done       회원 안내 (UK_0001): changed, sent for review\n", "no error")
	f.says("plan", "waiting    회원 안내 (UK_0001)\n")
	f.put("회원-안내", "name: 회원 안내\ntype: EX\nextra: 다릅니다.\nsecure: true\ntext: 자세히 안내합니다.\n")
	f.says("plan", "stuck      회원 안내 (UK_0001)\n")
}

// What was registered and not sent for review is reviewed as it is, also when nobody knows all of it.
func TestPullAndReview(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	theirs := newFolder(t, w.stack, map[string]string{"a": "name: 안내\ntype: AD\nadvert: 채널을 추가해 주세요.\ntext: 안내합니다.\n"})
	if err := w.standin.SetFault(aligotest.Fault{Endpoint: "/akv10/template/request/", Kind: aligotest.FaultBadCredentials}); err != nil {
		t.Fatal(err)
	}
	theirs.says("submit", "done       안내 (UK_0001): created", "error: 안내")
	f := newFolder(t, w.stack, nil)
	f.says("pull", "pulled     안내 (UK_0001)")
	f.says("plan", "review     안내 (UK_0001)\n")
	f.says("submit", "done       안내 (UK_0001): sent for review\n", "no error")
	f.put("안내", "name: 안내\ntype: AD\nadvert: 채널을 추가해 주세요.\nsecure: false\ntext: 안내합니다.\n")
	f.says("plan", "waiting    안내 (UK_0001)\n")
}

// What cannot be pulled is said with its reason, and the others are.
func TestPullLeaves(t *testing.T) {
	t.Parallel()
	at := func(code, name, text string) template.Listed {
		return template.Listed{Template: template.Template{Name: name, Text: text}, Code: code, Review: "APR", Status: "A"}
	}
	linked, bot := at("UK_1", "가", "하나"), at("UK_2", "나", "둘")
	linked.Unsendable = []string{"대표링크"}
	bot.Buttons = []template.Button{{Name: "봇", Type: "BT"}}
	twice := []template.Listed{at("UK_3", "다", "셋"), at("UK_4", "다", "넷")}
	f := newFolder(t, says{Listed: append([]template.Listed{linked, bot, at("UK_5", "라", "다섯")}, twice...)}, nil)
	f.says("pull", "unsendable 가 (UK_1)\n", "has 대표링크, which Aligo's API cannot send", "left out   나 (UK_2)\n", "buttons[0].type must be",
		"pulled     라 (UK_5)", "doubled    다 (UK_3)\n", "Aligo has several templates of this name", "doubled    다 (UK_4)\n",
		"files written: 1, need somebody: 4\n", "error: templates that need somebody: 4")
	f.says("plan", "nothing    라 (UK_5)\n", "no file    가 (UK_1)\n", "to submit: 0, need somebody: 0", "no error")
	if err := os.WriteFile(f.dir+".lock.yaml", []byte("local:\n  다: {code: UK_4}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.says("pull", "same       라 (UK_5)", "doubled    다 (UK_3)\n", "the lock file has UK_4 for this name", "pulled     다 (UK_4): ")
	f.reads("다.yaml", "name: 다\nsecure: null # Aligo has it, and does not list it\ntext: 넷\n")
	// It was given another name at Aligo.
	f.desk = says{Listed: []template.Listed{at("UK_4", "마", "넷"), at("UK_5", "라", "다섯")}}
	f.says("pull", "differs    마 (UK_4)\n", "다.yaml says something else: name")
	f.says("pull -overwrite", "pulled     마 (UK_4): "+filepath.Join(f.dir, "다.yaml"), "no error")
	f.says("plan", "nothing    라", "nothing    마 (UK_4)\n", "templates: 2, to submit: 0, need somebody: 0", "no error")
	if got, want := f.lock(), "local:\n    라:\n        code: UK_5\n"; !strings.Contains(got, want) || strings.Contains(got, "다:") {
		t.Errorf("the lock file is\n%s", got)
	}
	f.desk = says{}
	f.says("pull", "error: 2 templates were written, and Aligo lists none at all")
}

// A template that was given another name at Aligo never takes the place of another, neither in the lock file nor among the files.
func TestPullOfWhatHasAnotherName(t *testing.T) {
	t.Parallel()
	at := func(code, name, text string) template.Listed {
		return template.Listed{Template: template.Template{Name: name, Text: text}, Code: code, Review: "APR", Status: "A"}
	}
	desk := func(all ...template.Listed) desk { return says{Listed: all} }
	pulled := func(all ...template.Listed) *folder {
		f := newFolder(t, desk(all...), nil)
		f.says("pull", "no error")
		return f
	}

	// Its file has followed.
	f := pulled(at("UK_1", "가", "하나"))
	f.put("가", "name: 나\ntext: 하나\n")
	f.desk = desk(at("UK_1", "나", "하나"))
	f.says("pull", "same       나 (UK_1): "+filepath.Join(f.dir, "가.yaml"), "files written: 0, need somebody: 0", "no error")
	f.says("plan", "nothing    나 (UK_1)\n", "templates: 1, to submit: 0, need somebody: 0", "no error")
	if lock := f.lock(); strings.Contains(lock, "가:") || !strings.Contains(lock, "나:\n        code: UK_1\n") {
		t.Errorf("the lock file is\n%s", lock)
	}

	// Another is to be created under that name.
	f = pulled(at("UK_1", "가", "하나"))
	f.put("나", "name: 나\ntext: 둘\n")
	f.desk = desk(at("UK_1", "나", "하나"))
	f.says("pull -overwrite", "doubled    나 (UK_1)\n", "it was called 가", "나.yaml: take one of them away", "need somebody: 1\n", "error: ")
	f.reads("나.yaml", "name: 나\ntext: 둘\n")
	f.says("plan", "templates: 2")

	// Two have changed names.
	f = pulled(at("UK_1", "가", "하나"), at("UK_2", "나", "둘"))
	lock := f.lock()
	f.desk = desk(at("UK_1", "나", "하나"), at("UK_2", "가", "둘"))
	f.says("pull -overwrite", "doubled    나 (UK_1)\n", "the lock file has UK_2 for its new name", "doubled    가 (UK_2)\n",
		"need somebody: 2\n")
	f.says("plan", "templates: 2")
	if f.lock() != lock {
		t.Errorf("the lock file has changed:\n%s\nwas\n%s", f.lock(), lock)
	}

	// A new one has the name before that.
	f = pulled(at("UK_1", "가", "하나"))
	f.desk = desk(at("UK_1", "나", "하나"), at("UK_2", "가", "둘"))
	f.says("pull -overwrite", "pulled     나 (UK_1): "+filepath.Join(f.dir, "가.yaml"),
		"pulled     가 (UK_2): "+filepath.Join(f.dir, "가-UK_2.yaml"), "files written: 2, need somebody: 0", "no error")
	f.says("plan", "nothing    가 (UK_2)\n", "nothing    나 (UK_1)\n", "no error")
}
