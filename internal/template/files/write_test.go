package files_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sms-api/internal/template"
	"sms-api/internal/template/files"
)

// pieces are what texts are made of that YAML, line ends or placeholders may make something else of.
func pieces() []string {
	return []string{
		"가나다", "Abc", " ", "  ", "\n", "\n\n", "\r\n", "\t", ":", ": ", "#", " # ", "'", `"`, `\`, `\n`, "|", ">", "-", "- ", "---", "...", "{",
		"}", "[", "%", "@", "`", "~", "null", "true", "1e3", "0x1f", "2026-12-01", "<<", "*", "&", "!", "?", ",", "=", "■", "\u200b", "\u00a0",
		"\u2028", "\u0085", "\ufeff", "👩‍👧", "e\u0301", "#{주문번호}", "#{고객명}", "#{a: b}", "#{상품 이름}", "http://", "\a",
	}
}

func anyText(r *rand.Rand, most int) string {
	var b strings.Builder
	for range 1 + r.IntN(most) {
		b.WriteString(pieces()[r.IntN(len(pieces()))])
	}
	return b.String()
}

// anyListed is a template of one of the kinds that Aligo's list may name.
func anyListed(r *rand.Rand) template.Listed {
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	l := template.Listed{
		Code: "UK_0001", Review: pick("REG", "REQ", "APR", "REJ"), Status: "R",
		Template: template.Template{
			Name: "가" + anyText(r, 4) + "가", Text: anyText(r, 20),
			Type: pick("", "BA", "EX", "AD", "MI"), Emphasis: pick("", "NONE", "TEXT", "IMAGE"),
		},
	}
	if l.Emphasis == "TEXT" {
		l.Title, l.Subtitle = "가"+anyText(r, 3), "가"+anyText(r, 3)
	}
	if l.Emphasis == "IMAGE" {
		l.Picture = pick("", "https://images.masil.example/a.png", "x # y: z\n")
	}
	for range r.IntN(6) {
		b := template.Button{Name: pick("열기", "1", "true", "가"+anyText(r, 3)+"가"), Type: pick("WL", "AL", "BK", "MD", "DS", "AC")}
		switch b.Type {
		case "WL":
			b.Mobile, b.PC = "https://masil.example/"+pick("", "#{주문번호}", "?a=b&c=d#e"), pick("", "https://masil.example")
		case "AL":
			b.IOS, b.Android = "masil://"+pick("p", "#{주문번호}"), pick("", "masil://p")
		}
		l.Buttons = append(l.Buttons, b)
	}
	return l
}

// Whatever Aligo lists, its file says just that, and nothing is to be done; or the reason is a rule that a file has to keep.
func TestTextOfWhateverAligoLists(t *testing.T) {
	t.Parallel()
	const templates = 1000
	r := rand.New(rand.NewPCG(1, 2))
	states := map[string]template.State{"REG": template.Review, "REQ": template.Waiting, "APR": template.Nothing, "REJ": template.Rejected}
	said := map[string]int{}
	for i := range templates {
		l := anyListed(r)
		text, err := files.Text("x.yaml", nil, l)
		if err != nil {
			whole := l.Draft()
			whole.Extra, whole.Advert, whole.EmphasisType = "a", "a", ""
			if l.Emphasis == "TEXT" {
				whole.EmphasisType = "TEXT"
			}
			// Line breaks of another kind than a file's survive in texts alone.
			broken := strings.Contains(err.Error(), "cannot say its") && (strings.Contains(l.Name, "\r") ||
				slices.ContainsFunc(l.Buttons, func(b template.Button) bool { return strings.Contains(b.Name, "\r") }))
			if len(whole.Problems()) == 0 && !strings.Contains(err.Error(), "would not fit") && !broken {
				t.Fatalf("%d: %+v: %v", i, l, err)
			}
			said["not"]++
			continue
		}
		said[l.Type+l.Emphasis]++
		got, problems := files.Parse("x.yaml", text)
		if len(problems) > 0 {
			t.Fatalf("%d: %v\n%s", i, problems, text)
		}
		locked := template.Locked{Code: l.Code, Seen: l.Seen()}
		if c := template.Compare(got, &locked, []template.Listed{l}); c.State != states[l.Review] {
			t.Fatalf("%d: %s %s: %+v\n%s", i, c.State, c.Detail, l, text)
		}
		// What Aligo lists is pulled into the file as it is, which stays as it was but for nothing.
		again, err := files.Text("x.yaml", text, l)
		if err != nil || string(again) != string(text) {
			t.Fatalf("%d: once more it is (%v)\n%s\nand was\n%s", i, err, again, text)
		}
	}
	if len(said) != 5*4+1 || said["not"] > templates/2 {
		t.Errorf("kinds: %v", said)
	}
}

func listed() template.Listed {
	return template.Listed{
		Code: "UK_1", Review: "APR", Status: "A", Picture: "https://images.masil.example/a.png",
		Template: template.Template{
			Name: "배송 출발", Type: "MI", Text: "[마실상점] 출발했습니다.\r\n\r\n#{고객명}님, #{송장번호}입니다.", Emphasis: "IMAGE",
			Buttons: []template.Button{{Name: "배송 조회", Type: "WL", Mobile: "https://masil.example/#{송장번호}"}},
		},
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	text, err := files.Text("x.yaml", nil, listed())
	if err != nil {
		t.Fatal(err)
	}
	const want = `name: 배송 출발
type: MI
extra: null # Aligo has it, and does not list it
advert: null # Aligo has it, and does not list it
secure: null # Aligo has it, and does not list it
text: |
  [마실상점] 출발했습니다.

  #{고객명}님, #{송장번호}입니다.
emphasis:
  image: null # Aligo has it at https://images.masil.example/a.png
buttons:
  - name: 배송 조회
    type: WL
    mobile: https://masil.example/#{송장번호}
`
	if string(text) != want {
		t.Errorf("got\n%s", text)
	}
}

// What people have written into a file beside what Aligo lists stays.
func TestTextOfAFileThatIsThere(t *testing.T) {
	t.Parallel()
	l := listed()
	l.Emphasis, l.Title, l.Subtitle, l.Type, l.Buttons = "TEXT", "제목", "부제", "EX", nil
	const want = `# Logistics asks for it.
name: 배송 출발
type: EX
extra: 문의는 고객센터로 주세요.
secure: true
text: |
  [마실상점] 출발했습니다.

  #{고객명}님, #{송장번호}입니다.
emphasis:
  title: 제목
  subtitle: 부제
example:
  송장번호: "7"
`
	before := "# Logistics asks for it.\n" + strings.Replace(whole, "example:", "example:\n  송장번호: \"7\"", 1)
	text, err := files.Text("x.yaml", []byte(before), l)
	if err != nil || string(text) != want {
		t.Errorf("got (%v)\n%s", err, text)
	}
}

// Comments and the way that people write stay wherever what they belong to does.
func TestTextKeepsComments(t *testing.T) {
	t.Parallel()
	const before = `# Logistics asks for it.
name: "배송 출발" # as on the label
# The greeting is marketing's.
text: |
  [마실상점] 출발했습니다.
# The plan differs by day.
emphasis:
  title: 옛 제목 # from the app
  subtitle: '부제'
# Order matters.
buttons:
  # Opens the carrier's page.
  - {name: 배송 조회, type: WL, mobile: "https://masil.example/#{송장번호}"}
  - name: 문의
    type: BK # a bot answers
# Made up.
example:
  송장번호: "7" # none of ours
extra: 더 있습니다. # legal
type: EX
`
	l := listed()
	l.Type, l.Emphasis, l.Title, l.Subtitle, l.Text = "EX", "TEXT", "제목", "부제", "[마실상점] 도착했습니다.\r\n#{송장번호}"
	l.Buttons = append(l.Buttons, template.Button{Name: "문의", Type: "MD"}, template.Button{Name: "채널 추가", Type: "AC"})
	want := strings.NewReplacer("출발했습니다.", "도착했습니다.\n  #{송장번호}", "옛 제목", "제목", "type: BK # a bot answers\n",
		"type: MD # a bot answers\n  - name: 채널 추가\n    type: AC\n").Replace(before)
	text, err := files.Text("x.yaml", []byte(before), l)
	if err != nil || string(text) != want {
		t.Errorf("got (%v)\n%s\nwant\n%s", err, text, want)
	}
}

// A text that is nearly too long has examples that fit.
func TestTextOfALongOne(t *testing.T) {
	t.Parallel()
	l := listed()
	l.Text = strings.Repeat("가", 990) + "#{주소}"
	text, err := files.Text("x.yaml", nil, l)
	if err != nil || !strings.Contains(string(text), "example:\n  주소: \"1\"\n") {
		t.Errorf("%v\n%s", err, text)
	}
	l.Buttons = []template.Button{{Name: "봇", Type: "BT"}}
	if _, err := files.Text("x.yaml", nil, l); err == nil || !strings.Contains(err.Error(), "buttons[0].type") {
		t.Errorf("got %v", err)
	}
}

func TestWriteNew(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "templates")
	for i, want := range []string{"배송-출발.yaml", "배송-출발-UK_1.yaml", ""} {
		path, err := files.WriteNew(dir, listed(), fmt.Append(nil, i))
		if want == "" && err != nil {
			continue
		}
		text, read := os.ReadFile(filepath.Join(dir, want))
		if err != nil || read != nil || path != filepath.Join(dir, want) || string(text) != fmt.Sprint(i) {
			t.Errorf("got %s %v, it says %q (%v), want %s", path, err, text, read, want)
		}
	}
	for name, want := range map[string]string{
		"../../etc/passwd": "etc-passwd.yaml", "주문: 접수 (2차)": "주문-접수-2차.yaml", "…": "UK_1.yaml",
		strings.Repeat("가", 99): strings.Repeat("가", 60) + ".yaml",
	} {
		l := listed()
		l.Name = name
		if path, err := files.WriteNew(dir, l, nil); err != nil || path != filepath.Join(dir, want) {
			t.Errorf("%s: %s %v", name, path, err)
		}
	}
}

// A folder that is written on one system is checked out on others, which take two names for one or have none of them.
func TestWriteNewForOtherSystems(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, one := range []struct{ name, want string }{
		{"Notice", "Notice.yaml"}, {"NOTICE", "NOTICE-UK_1.yaml"}, {"caf\u00e9", "caf\u00e9.yaml"}, {"cafe\u0301", "caf\u00e9-UK_1.yaml"},
		{"\u1112\u1161\u11ab\u1100\u1173\u11af", "한글.yaml"}, {"Con", "Con-UK_1.yaml"}, {"lpt1", "lpt1-UK_1.yaml"}, {"lpt10", "lpt10.yaml"},
	} {
		l := listed()
		l.Name = one.name
		path, err := files.WriteNew(dir, l, []byte("x"))
		if got, rel := filepath.Rel(dir, path); err != nil || rel != nil || got != one.want {
			t.Errorf("%q is in %q (%v, %v), want %q", one.name, got, err, rel, one.want)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.yaml.*")); err != nil || len(left) > 0 {
		t.Errorf("beside them are %q, %v", left, err)
	}
}

// What a team has made of a file, a link into another folder or one that nobody else may read, stays.
func TestWriteKeepsLinksAndRights(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file, link := filepath.Join(folder, "shared.yaml"), filepath.Join(folder, "link.yaml")
	if err := os.WriteFile(file, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("shared.yaml", link); err != nil {
		t.Fatal(err)
	}
	if err := files.Write(link, []byte("after")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{file: 0o600, link: 0o600 | os.ModeSymlink} {
		text, err := os.ReadFile(path)
		if err != nil || string(text) != "after" {
			t.Errorf("%s says %q, error %v", path, text, err)
		}
		if now, err := os.Lstat(path); err != nil || now.Mode()&os.ModeSymlink != want&os.ModeSymlink {
			t.Errorf("%s is %v, error %v: want %v", path, now.Mode(), err, want)
		}
		if now, err := os.Stat(path); err != nil || now.Mode().Perm() != want.Perm() {
			t.Errorf("%s has the rights %v, error %v: want %v", path, now.Mode(), err, want)
		}
	}
}
