package page

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sms-api/internal/aligo"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/deployment/price"
	"sms-api/internal/intake/contract"
	"sms-api/internal/message"
	"sms-api/internal/testkit"
)

// sources are the page's modules by name.
func sources(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(assets, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".js") {
			return err
		}
		text, err := assets.ReadFile(name)
		all[strings.TrimPrefix(name, "assets/")] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func found(pattern, text string) []string {
	var all []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

// missing are those of want that are not in got.
func missing(got, want []string) []string {
	return slices.DeleteFunc(slices.Clone(want), func(s string) bool { return slices.Contains(got, s) })
}

func TestBothLanguagesSayTheSameThings(t *testing.T) {
	t.Parallel()
	files := sources(t)
	const entry = `(?m)^  "([^"]+)": "`
	english, korean := found(entry, files["strings/en.js"]), found(entry, files["strings/ko.js"])
	if !slices.Equal(english, korean) {
		for _, key := range missing(korean, english) {
			t.Errorf("there is no Korean for %s", key)
		}
		for _, key := range missing(english, korean) {
			t.Errorf("there is no English for %s", key)
		}
		t.Error("the entries of the two languages differ, or stand in another order")
	}
	const value = `(?m)^  "([^"]+": ".*)",?$`
	hole := regexp.MustCompile(`\{\w+\}`)
	for i, line := range found(value, files["strings/en.js"]) {
		other := found(value, files["strings/ko.js"])[i]
		a, b := hole.FindAllString(line, -1), hole.FindAllString(other, -1)
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			t.Errorf("the values differ:\n%s\n%s", line, other)
		}
	}
	used := map[string]bool{}
	var prefixes []string
	for name, text := range files {
		if strings.HasPrefix(name, "strings/") {
			continue
		}
		for _, key := range found(`"([a-zA-Z0-9]+(?:\.[\w-]+)*)"`, text) {
			used[key] = true
		}
		for _, key := range found(`\bt\("([^"]+)"`, text) {
			if !slices.Contains(english, key) {
				t.Errorf("%s asks for %s, which nobody says", name, key)
			}
		}
		prefixes = append(prefixes, found("`([\\w-]+\\.(?:[\\w-]+\\.)?)\\$\\{", text)...)
	}
	for _, key := range english {
		if !used[key] && !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) }) {
			t.Errorf("nobody asks for %s", key)
		}
	}
}

// Every code is explained, in the words of package message, and in Korean.
func TestCodesAreExplained(t *testing.T) {
	t.Parallel()
	var want []string
	for _, c := range message.Codes() {
		want = append(want, c.Word+": "+c.Meaning)
	}
	var got []string
	for _, entry := range regexp.MustCompile(`(?m)^  "code\.(\w+)": "(.*)",$`).FindAllStringSubmatch(sources(t)["strings/en.js"], -1) {
		got = append(got, entry[1]+": "+entry[2])
	}
	if !slices.Equal(got, want) {
		t.Errorf("the page explains\n%q, want\n%q", got, want)
	}
	for _, entry := range found(`(?m)^  "code\.\w+": "(.*)",$`, sources(t)["strings/ko.js"]) {
		if !regexp.MustCompile(`\p{Hangul}`).MatchString(entry) {
			t.Errorf("the page explains %q to Koreans", entry)
		}
	}
}

// problems are the names of all problems: the API's, the page's, and those that the console explains.
func problems(t *testing.T) []string {
	t.Helper()
	names := found(`"urn:sms-api:problem:([\w-]+)"`, contract.OpenAPI())
	for _, folder := range []string{".", "../stack", "../../local/inbox"} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, found(`ProblemType ?\+ ?"([\w-]+)"`, string(text))...)
		}
	}
	return names
}

// Every word that comes to the page with data has a text, and there is no text for a word that there is not.
func TestWordsHaveTexts(t *testing.T) {
	t.Parallel()
	files := sources(t)
	values := func(folder string, match func(testkit.Constant) bool) []string {
		var all []string
		for _, c := range testkit.Constants(t, folder, match) {
			all = append(all, c.Value)
		}
		return all
	}
	var causes []string
	for _, c := range aligo.Repairable() {
		causes = append(causes, string(c))
	}
	// An AlimTalk is alimtalk to the page, also where the vendor says AT.
	kinds := slices.DeleteFunc(values("../../internal/aligo/aligotest", testkit.Named("kind")), func(kind string) bool { return kind == "AT" })
	ends := aligotest.Endings()
	for _, c := range []struct {
		// keys are what the page asks for, with a word in it, and others what has that form and is no such word.
		keys   string
		words  []string
		others []string
	}{
		{`status\.(.*)`, values("../../internal/message", testkit.OfType("MessageStatus", "Status")), nil},
		{`channel\.(.*)`, append(values("../../internal/message", testkit.OfType("Channel")), kinds...), nil},
		{`parked\.(.*)`, causes, []string{"goes", "next", "wait"}},
		{`repair\.(.*)`, causes, nil},
		{`ended\.(.*)`, values("../../internal/way", testkit.OfType("Ending")), []string{"not"}},
		{`fault\.([^.]*)`, values("../../internal/aligo/aligotest", testkit.OfType("FaultKind")), nil},
		{`fault\.(.*)\.text`, values("../../internal/aligo/aligotest", testkit.OfType("FaultKind")), nil},
		{`problem\.([^.]*)`, problems(t), nil},
		{`limit\.(.*)`, values("../../internal/limits", testkit.OfType("Limit")), []string{"trusted", "untrusted"}},
		{`campaign\.status\.(.*)`, values("../../internal/campaign", testkit.OfType("Status")), nil},
		{`test\.([^.]*)`, ends, []string{"note"}},
		{`test\.(.*)\.short`, ends, nil},
	} {
		want := slices.Compact(slices.Sorted(slices.Values(append(c.words, c.others...))))
		for _, language := range []string{"en", "ko"} {
			got := slices.Sorted(slices.Values(found(`(?m)^  "`+c.keys+`": "`, files["strings/"+language+".js"])))
			if !slices.Equal(got, want) {
				t.Errorf("%s: the texts for %s are of\n%q, want\n%q", language, c.keys, got, want)
			}
		}
	}
	if got := found(`"(\d{4})"`, found(`(?s)const testNumbers = \[(.*?)\];`, files["parts.js"])[0]); !slices.Equal(got, ends) {
		t.Errorf("the page's test numbers end in %q, want %q", got, ends)
	}
}

// The prices that the page names are Aligo's list prices.
func TestThePricesAreAligos(t *testing.T) {
	t.Parallel()
	files := sources(t)
	want := []string{fmt.Sprint(price.AlimTalkKRW), fmt.Sprint(price.SMSKRW), fmt.Sprint(price.LMSKRW)}
	for _, language := range []string{"en", "ko"} {
		text := found(`"faults.balance.now": "(.*)"`, files["strings/"+language+".js"])[0]
		if got := found(`([0-9.]*[0-9])`, text); !slices.Equal(got, want) {
			t.Errorf("%s names the prices %q, want %q", language, got, want)
		}
	}
}

func TestModulesAreWhole(t *testing.T) {
	t.Parallel()
	files := sources(t)
	icons := found(`(?m)^  ([\w-]+): "M`, files["icons.js"])
	for name, text := range files {
		for _, imported := range found(`from "\./([^"]+)"`, text) {
			if _, ok := files[imported]; !ok {
				t.Errorf("%s imports %s, which is not there", name, imported)
			}
		}
		for _, names := range found(`(?s)import \{([^}]+)\} from`, text) {
			for symbol := range strings.SplitSeq(names, ",") {
				symbol = strings.TrimSpace(symbol)
				if n := len(regexp.MustCompile(`\b`+regexp.QuoteMeta(symbol)+`\b`).FindAllString(text, -1)); n < 2 {
					t.Errorf("%s imports %s and does not use it", name, symbol)
				}
			}
		}
		for _, drawn := range found(`\bicon\("([^"]+)"\)`, text) {
			if !slices.Contains(icons, drawn) {
				t.Errorf("%s draws the icon %s, which is not there", name, drawn)
			}
		}
	}
}

// Texts from messages are shown as text because nothing in the page can make markup or code of a string, and the policy
// forbids it besides.
func TestNothingMakesMarkupOfText(t *testing.T) {
	t.Parallel()
	dangerous := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\(|new ` +
		`Function|srcdoc|javascript:|setTimeout\("`)
	for name, text := range sources(t) {
		if hit := dangerous.FindString(text); hit != "" {
			t.Errorf("%s has %s", name, hit)
		}
	}
	document, err := assets.ReadFile("assets/index.html")
	if err != nil {
		t.Fatal(err)
	}
	if hit := regexp.MustCompile(`(?i)<script>|<style|\sstyle=|\son\w+=|https?://`).Find(document); hit != nil {
		t.Errorf("the document has %s", hit)
	}
}

func TestThePageOffersTheFaultsThatTheStandinHas(t *testing.T) {
	t.Parallel()
	text := sources(t)["faults.js"]
	standin := aligotest.New(aligotest.Options{})
	quoted := func(name string) []string {
		return found(`"([^"]+)"`, found(`(?s)const `+name+` = \[(.*?)\];`, text)[0])
	}
	kinds := quoted("kinds")
	err := standin.SetFault(aligotest.Fault{Kind: "none"})
	if err == nil {
		t.Fatal("the stand-in takes any fault")
	}
	all := strings.Fields(found(`there are \[(.*)\]`, err.Error())[0])
	if !slices.Equal(slices.Sorted(slices.Values(all)), slices.Sorted(slices.Values(kinds))) {
		t.Errorf("the page has the faults\n%v\nand the stand-in\n%v", kinds, all)
	}
	for _, kind := range quoted("switches") {
		if !slices.Contains(kinds, kind) {
			t.Errorf("the switch %s is no fault", kind)
		}
	}
	for _, path := range quoted("endpoints") {
		if err := standin.SetFault(aligotest.Fault{Endpoint: path, Kind: aligotest.FaultSlow}); err != nil {
			t.Errorf("the page offers %s: %v", path, err)
		}
	}
}

func TestTheLanguageIsWhatTheBrowserPrefers(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"":                        "en",
		"ko":                      "ko",
		"ko-KR,ko;q=0.9,en;q=0.8": "ko",
		"en-US,en;q=0.9,ko;q=0.8": "en",
		"de,ko;q=0.5,en;q=0.3":    "ko",
		"ja":                      "en",
		";;;":                     "en",
	}
	for _, accept := range slices.Sorted(maps.Keys(tests)) {
		if got := languageOf(accept); got != tests[accept] {
			t.Errorf("%q gets %s, want %s", accept, got, tests[accept])
		}
	}
}
