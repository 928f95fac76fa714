package files_test

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sms-api/internal/template"
	"sms-api/internal/template/files"
)

const whole = `name: 배송 출발
type: MI
extra: 문의는 고객센터로 주세요.
advert: 채널을 추가하고 소식을 받아 보세요.
secure: true
text: |
  [마실상점] 상품이 출발했습니다.

  #{고객명}님, 송장번호는 #{송장번호}입니다.
emphasis:
  title: "#{도착일}"
  subtitle: 도착 예정
buttons:
  - name: 배송 조회
    type: WL
    mobile: https://masil.example/parcels/#{송장번호}
    pc: https://masil.example/parcels/#{송장번호}
  - {name: 앱에서 보기, type: AL, ios: "masil://p", android: "masil://p"}
  - {name: 채널 추가, type: AC}
example:
  도착일: 12월 3일
`

// folder is a folder with these files.
func folder(t *testing.T, texts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRead(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"b.yaml": whole, "a.yaml": "name: 가\r\ntext: |\r\n  하나\r\n  둘\r\n", "notes.txt": "not read",
	})
	all, err := files.Read(dir)
	if err != nil || len(all) != 2 {
		t.Fatalf("%d templates, %v", len(all), err)
	}
	if got := all[0]; got.Name != "가" || got.Text != "하나\n둘" {
		t.Errorf("got %+v", got)
	}
	got := all[1]
	want := template.Template{
		Name: "배송 출발", Type: "MI", Extra: "문의는 고객센터로 주세요.", Advert: "채널을 추가하고 소식을 받아 보세요.", Secure: true,
		Text:     "[마실상점] 상품이 출발했습니다.\n\n#{고객명}님, 송장번호는 #{송장번호}입니다.",
		Emphasis: "TEXT", Title: "#{도착일}", Subtitle: "도착 예정",
		Buttons: []template.Button{
			{Name: "배송 조회", Type: "WL", Mobile: "https://masil.example/parcels/#{송장번호}", PC: "https://masil.example/parcels/#{송장번호}"},
			{Name: "앱에서 보기", Type: "AL", IOS: "masil://p", Android: "masil://p"}, {Name: "채널 추가", Type: "AC"},
		},
	}
	if got.Sent() != want.Sent() || got.Name != want.Name {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestReadAnImage(t *testing.T) {
	t.Parallel()
	png, err := base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=")
	if err != nil {
		t.Fatal(err)
	}
	dir := folder(t, map[string]string{"a.yaml": "name: 가\ntext: 나\nemphasis:\n  image: a.png\n", "a.png": string(png)})
	all, err := files.Read(dir)
	if err != nil || all[0].Emphasis != "IMAGE" || all[0].Image.Name != "a.png" || len(all[0].Image.Data) != len(png) {
		t.Errorf("%+v %v", all, err)
	}
}

// What is wrong is said with its file and line, all of it.
func TestWhatIsWrong(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("가", 990)
	for text, want := range map[string][]string{
		"":                   {"x.yaml: is empty"},
		"- a":                {"x.yaml:1: a template is no mapping"},
		"name: [":            {"x.yaml: yaml: line 1"},
		"name: a: b":         {"x.yaml:1: yaml:"},
		"name: 가\ntxet: 나\n": {"x.yaml:2: a template has no member txet", "x.yaml:1: text is empty"},
		"name: 가\ntext: 나\nheader: x\nbuttons:\n  - {name: 열기, type: ZZ}\n  - {type: WL}\n": {
			"x.yaml:3: header", "x.yaml:5: buttons[0].type", "x.yaml:6: buttons[1].name", "x.yaml:6: buttons[1].mobile",
		},
		"name: 가\ntext: 나\n---\nname: 다": {"x.yaml: has more than one template"},
		"name: 가\ntext: 나\ntext: 다\n":    {"x.yaml:3: text stands here twice"},
		"name: 가\ntext: 나\ntitel: 다\n":   {"x.yaml:3: a template has no member titel; it has advert, buttons, emphasis"},
		"name: 가\ntext: 나\nrepresentLink:\n  mobile: https://a.example\n대표링크: x\n": {
			"x.yaml:3: representLink: Aligo's API can neither register nor send a representative link (대표링크)", "x.yaml:5: 대표링크: Aligo's API",
		},
		"name: 가\ncode: UK_1\ntext: 나\n":                                                 {"x.yaml:2: code: Aligo gives templates their codes"},
		"text: 나\n":                                                                      {"x.yaml:1: name is missing"},
		"name: 가\ntext:\n":                                                               {"x.yaml:2: text is no text"},
		"name: 가\ntype: XX\ntext: 나\n":                                                   {"x.yaml:2: type must be BA, EX, AD or MI"},
		"name: 가\ntype: EX\ntext: 나\n":                                                   {"extra is missing for type EX"},
		"name: 가\nsecure: 예\ntext: 나\n":                                                  {"x.yaml:2: secure is neither true nor false"},
		"name: 가\ntext: '#{이름님'\n":                                                       {"x.yaml:2: text has a #{ that no name and } follow"},
		"name: 가\ntext: 주문 #1, #{이름}님\n":                                                 {"x.yaml:2: text ends before a #"},
		"name: 가\ntext: 안녕하세요 #{이름}님\n":                                                  {"x.yaml:2: text ends before a #, which begins"},
		"name: 가\ntext: '#{}님'\n":                                                        {"x.yaml:2: text has a #{"},
		"name: 가\ntext: " + strings.Repeat("가", 1001) + "\n":                             {"x.yaml:2: text"},
		"name: 가\ntext: 나\nemphasis: {}\n":                                               {"x.yaml:3: emphasis has neither"},
		"name: 가\ntext: 나\nemphasis:\n  title: 다\n":                                      {"x.yaml:4: emphasis.subtitle is missing"},
		"name: 가\ntext: 나\nemphasis: {title: 다, subtitle: 라, image: null}\n":             {"x.yaml:3: emphasis has a title and an image"},
		"name: 가\ntext: 나\nemphasis:\n  image: none.png\n":                               {"x.yaml:4: the image cannot be read"},
		"name: 가\ntext: 나\nbuttons: x\n":                                                 {"x.yaml:3: buttons is no list"},
		"name: 가\ntext: 나\nbuttons:\n  - {name: 열기, type: WL}\n":                         {"x.yaml:4: buttons[0].mobile is missing"},
		"name: 가\ntext: 나\nbuttons:\n  - name: 열기\n    type: XX\n":                       {"x.yaml:5: buttons[0].type must be"},
		"name: 가\ntext: 나\nbuttons:\n  - {name: 열기, type: AL}\n":                         {"x.yaml:4: buttons[0] has no link"},
		"name: 가\ntext: 나\nbuttons:\n  - {name: 열기, typ: AL}\n":                          {"x.yaml:4: a button has no member typ"},
		"name: 가\ntext: '#{이름}'\nexample:\n  이름: 나\n  번호: 1\n":                           {"x.yaml:5: example has a value for 번호"},
		"name: 가\ntext: '#{이름}'\nexample: x\n":                                           {"x.yaml:3: example is no mapping"},
		"name: 가\ntext: " + long + "#{주소}\nexample: {주소: 1}":                             nil,
		"name: 가\ntext: '" + long + "#{주소}'\n":                                           {"x.yaml:2: a message with the values"},
		"name: 가\ntext: 나\nbuttons:\n" + strings.Repeat("  - {name: 열기, type: AC}\n", 6): {"x.yaml:4: buttons has 6 buttons"},
	} {
		_, problems := files.Parse("x.yaml", []byte(text))
		var said []string
		for _, p := range problems {
			said = append(said, p.Error())
		}
		for _, w := range want {
			if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, w) }) {
				t.Errorf("%q says %q, want %q", text, said, w)
			}
		}
		if len(said) != len(want) {
			t.Errorf("%q says %q, which are %d, want %d", text, said, len(said), len(want))
		}
	}
}

func TestWhatIsWrongWithAFolder(t *testing.T) {
	t.Parallel()
	for want, dir := range map[string]string{
		"call it .yaml":    folder(t, map[string]string{"a.yml": "name: 가\ntext: 나\n"}),
		"is that of":       folder(t, map[string]string{"a.yaml": "name: 가\ntext: 나\n", "b.yaml": "name: 가\ntext: 다\n"}),
		"b.yaml: is empty": folder(t, map[string]string{"a.yaml": "name: 가\ntext: 나\n", "b.yaml": ""}),
	} {
		if _, err := files.Read(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "templates.lock.yaml")
	read := func() *files.Lock {
		t.Helper()
		l, err := files.ReadLock(path)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	entry := template.Locked{Code: "UK_0001", Sent: "1e10", Seen: "00"}
	for stack, names := range map[string][]string{"dev": {"공지"}, "prod": {"공지", "배송: 출발"}} {
		for _, name := range names {
			if err := read().Put(stack, name, entry); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := read(); len(got.Of("dev")) != 1 || got.Of("prod")["배송: 출발"] != entry || got.Of("none") != nil {
		t.Errorf("got %v %v", got.Of("dev"), got.Of("prod"))
	}
	// Whatever a template is called, its entry is found again.
	odd := []string{"<<", "null", "~", "true", "1e3", "- a", "? b", ": c", "#d", "'e", `"f`, "!g", "&h", "*i", "%j", "=", "", "a\u0085b"}
	l := read()
	err := l.Together(func() error {
		for _, name := range odd {
			if err := l.Put("odd", name, entry); err != nil {
				return err
			}
		}
		if got := read().Of("odd"); got != nil {
			t.Errorf("it has %v before all of it is there", got)
		}
		return l.Drop("odd", "null")
	})
	if err != nil || len(read().Of("odd")) != len(odd)-1 {
		t.Errorf("got %v, %v", read().Of("odd"), err)
	}
	for _, name := range odd {
		if got, there := read().Of("odd")[name]; got != entry && name != "null" || there && name == "null" {
			t.Errorf("%q has %v", name, got)
		}
	}
	// What was done before something failed stays done.
	failed := errors.New("failed")
	if err := l.Together(func() error { return errors.Join(l.Put("half", "가", entry), failed) }); !errors.Is(err, failed) {
		t.Errorf("%v, want %v", err, failed)
	}
	if got := read().Of("half"); got["가"] != entry {
		t.Errorf("of what failed half way there is %v", got)
	}
	left, err := filepath.Glob(path + "*")
	if err != nil || len(left) != 1 {
		t.Errorf("beside it are %q", left)
	}
	for text, want := range map[string]string{
		"prod:\n  공지:\n    code: UK_1\n    cod: UK_2\n": "line 4: field cod not found",
		"prod:\n  공지:\n    sent: x\n":                   "공지 of prod has no code",
		"<<<<<<< HEAD\n":                                "templates.lock.yaml",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := files.ReadLock(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
