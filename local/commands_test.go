package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/awslocal/awsapi"
	"sms-api/internal/testkit"
	"sms-api/local/system"
)

// typed is a block of commands that a page has, and what they do.
type typed struct {
	page, begins string
	// answers are patterns of what each command prints. Without any the command lines are only held to what there is: they need an
	// account, or run for long.
	answers []string
	// before prepares a command.
	before map[int]func(*testing.T, *shell)
	// then is typed after them until it shows what has become of them.
	then, shows string
}

func typedBlocks() []typed {
	return []typed{
		{page: "README.md", begins: "go run ./local"},
		{page: "README.md", begins: "curl -sS -X POST", answers: []string{`"status": ?"accepted"`, later + `"to": ?"01012345678"`}},
		{page: "CONTRIBUTING.md", begins: "git clone"},
		{page: "CONTRIBUTING.md", begins: "go test ./internal/intake/contract -update"},
		{page: "docs/campaigns.md", begins: "API=", answers: []string{
			"", "", `"status":"awaiting-file"`, "", "", later + `"status":"planned".*"valid":2`, "", later + `"status":"settled"`,
			`(?s)m-1,010\*\*\*\*5678,delivered,alimtalk.*m-2,010\*\*\*\*0001,delivered,sms`,
		}},
		{page: "docs/console.md", begins: "aws sso login", answers: []string{"", "<!doctype html>"}},
		{page: "docs/console.md", begins: "export AWS_ACCESS_KEY_ID", answers: []string{"", "0 dead letters", "<!doctype html>"}},
		{
			page: "docs/console.md", begins: "go run ./console dead-letters",
			answers: []string{`(?s)MessageRequested.*1 dead letter`, later + "handled", later + "dropped"},
			before:  map[int]func(*testing.T, *shell){0: deadLetter, 2: deadLetter},
		},
		{
			page: "docs/console.md", begins: "printf '고객명,전화번호", answers: []string{"", "1 would be new", "1 new, 0 already there"},
			then: "curl -sS $API/v1/opt-outs/010-1234-5678", shows: `"via":"080"`,
		},
		{
			page: "docs/deploying.md", begins: "aws events put-events", answers: []string{`"FailedEntryCount": 0`},
			then: "curl -sS 127.0.0.1:8081/_standin/messages", shows: "It works",
		},
		{page: "docs/deploying.md", begins: "AWS_ENDPOINT_URL="},
		{page: "docs/events.md", begins: "export AWS_ACCESS_KEY_ID", answers: []string{
			"", `"FailedEntryCount": 0`, later + `(?s)Send AlimTalk.*Announce.*ExecutionSucceeded`,
		}},
		{
			page: "docs/events.md", begins: "aws events put-events", answers: []string{`"FailedEntryCount": 0`},
			then: "curl -sS 127.0.0.1:8081/_standin/messages", shows: "A-20",
		},
		{
			page: "docs/lawful-sending.md", begins: "aws events put-events",
			answers: []string{`"FailedEntryCount": 0`, `"via":"service desk"`, ""},
			before: map[int]func(*testing.T, *shell){1: func(_ *testing.T, s *shell) {
				s.do(s.parse("curl -sS $API/v1/opt-outs/010-1234-5678")[0], later+`"via":"080"`)
			}},
		},
		{page: "docs/operating.md", begins: "archive="},
		{page: "docs/templates.md", begins: "mkdir", answers: []string{
			"", "", `create     방문 안내\n`, `방문 안내 \(UK_0001\): created, sent for review`, `방문 안내: under review`,
		}},
		{page: "docs/templates.md", begins: "go run ./console templates pull", answers: []string{
			`(?s)pulled     주문 접수 \(TX_1234\): templates/주문-접수.yaml.*need somebody: 0`, `nothing    주문 접수 \(TX_1234\)\n`,
		}},
		{page: "docs/templates.md", begins: "export AWS_ACCESS_KEY_ID", answers: []string{
			"", "", "", `영업 안내 \(UK_0001\): created, sent for review`, "", `(?s)영업 안내: rejected\n.*the reviewer: 영업 시간의 예를 적어 주세요`,
			"", `영업 안내 \(UK_0001\): changed, sent for review`, "", "영업 안내: approved, never used",
		}},
		{
			page: "docs/operating.md", begins: "aws stepfunctions list-executions", answers: []string{`"stopDate"`},
			before: map[int]func(*testing.T, *shell){0: func(t *testing.T, s *shell) {
				t.Helper()
				tomorrow := `"sendAt":"` + time.Now().Add(24*time.Hour).Format(time.RFC3339) + `",`
				s.do(s.parse("curl -sS $API/v1/messages -H 'content-type: application/json' -d '" + testkit.Request(tomorrow, 1) + "'")[0],
					`"accepted"`)
			}},
		},
	}
}

// deadLetter leaves an event that could not be handled in the queue, and says what ID is.
func deadLetter(t *testing.T, s *shell) {
	t.Helper()
	answer, err := ask(t.Context(), s.prod+"/", "AmazonSQS.SendMessage", map[string]any{
		"QueueUrl": "https://sqs." + awsapi.Region + ".amazonaws.com/" + awsapi.Account + "/" + system.DeadLetters,
		"MessageBody": `{"id":"e1","account":"` + awsapi.Account + `","source":"shop","detail-type":"MessageRequested",` +
			`"time":"2026-12-01T00:00:00Z","detail":` + testkit.Request("", 1) + `}`,
	})
	var sent struct{ MessageId string } //nolint:revive // AWS's
	if err != nil || json.Unmarshal(answer, &sent) != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	s.stands["ID"] = sent.MessageId
}

// fence is a block between fences.
type fence struct{ language, text string }

// fences are the blocks of a page, without the blanks that all of their lines begin with.
func fences(page string) []fence {
	var all []fence
	for _, m := range regexp.MustCompile("(?ms)^( *)```([a-z]*)\n(.*?)^ *```$").FindAllStringSubmatch(page, -1) {
		all = append(all, fence{m[2], regexp.MustCompile("(?m)^"+m[1]).ReplaceAllString(m[3], "")})
	}
	return all
}

// TestCommands: what the pages have to type is typed, and does what they say. Each block between fences has a class: a block without
// one, or of commands that typedBlocks does not know, is an error.
func TestCommands(t *testing.T) {
	t.Parallel()
	left := typedBlocks()
	for _, file := range append(testkit.DocFiles(t), "../CONTRIBUTING.md", "../SECURITY.md") {
		page, err := filepath.Rel(testkit.Root(t), absolute(t, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range fences(testkit.File(t, file)) {
			first, _, _ := strings.Cut(block.text, "\n")
			name := page + ": " + first
			switch block.language {
			case "sh":
				at := slices.IndexFunc(left, func(b typed) bool { return page == filepath.FromSlash(b.page) && strings.HasPrefix(first, b.begins) })
				if at < 0 {
					t.Errorf("nobody has said what these commands do: %s", name)
					continue
				}
				one := left[at]
				left = slices.Delete(left, at, at+1)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					one.run(t, block.text)
				})
			case "json":
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					previewed(t, block.text)
				})
			case "yaml":
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					configured(t, block.text)
				})
			case "python":
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					python(t, block.text)
				})
			case "text": // drawings
			default:
				t.Errorf("a block is of no class (```%s): %s", block.language, name)
			}
		}
	}
	for _, b := range left {
		t.Errorf("%s has no block that begins with %s", b.page, b.begins)
	}
}

func absolute(t *testing.T, file string) string {
	t.Helper()
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (b typed) run(t *testing.T, text string) {
	t.Helper()
	s := newShell(t, b.answers != nil)
	commands := s.parse(text)
	if b.answers != nil && len(commands) != len(b.answers) {
		t.Fatalf("%d commands and %d answers", len(commands), len(b.answers))
	}
	for i, command := range commands {
		if prepare := b.before[i]; prepare != nil {
			prepare(t, s)
		}
		answer := ""
		if b.answers != nil {
			answer = b.answers[i]
		}
		s.do(command, answer)
	}
	if b.then != "" {
		s.do(s.parse(b.then)[0], later+b.shows)
	}
}

// previewed: JSON is JSON, and a message one that the API takes. Its days are moved to where they can still be.
func previewed(t *testing.T, text string) {
	t.Helper()
	if !json.Valid([]byte(text)) {
		t.Fatal("it is no JSON")
	}
	if !strings.Contains(text, `"recipients"`) {
		return
	}
	tomorrow := time.Now().Add(24 * time.Hour).Format("2006-01-02T")
	s := newShell(t, true)
	s.do(s.parse("curl -sS $API/v1/previews -H 'content-type: application/json' -d '" +
		regexp.MustCompile(`\d{4}-\d\d-\d\dT`).ReplaceAllString(text, tomorrow) + "'")[0], `"text":"주문 A-17 접수"`)
}

// configured: a stack may have such a setting, or such a route, and it is read.
func configured(t *testing.T, text string) {
	t.Helper()
	if strings.HasPrefix(text, "- ") {
		text = "events:routes:\n" + text
	}
	file := filepath.Join(t.TempDir(), "Pulumi.test.yaml")
	if err := os.WriteFile(file, []byte("config:\n"+regexp.MustCompile("(?m)^").ReplaceAllString(text, "  ")), 0o600); err != nil {
		t.Fatal(err)
	}
	routes, err := readRoutes(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range routes {
		for _, err := range r.Check(system.Ads()) {
			t.Error(err)
		}
	}
	webhooks, _, err := readWebhooks(file, true)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := readPolicy(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(routes)+len(webhooks)+len(policy.Templates) == 0 {
		t.Error("nothing is read of it")
	}
}

// python runs what it is told with the same environment as a command, or, where it is a part of a receiver of webhooks, that. It is left
// out on a machine without Python, or without boto3 where that is used.
func python(t *testing.T, text string) {
	t.Helper()
	interpreter := tool(t, "python3")
	file := filepath.Join(t.TempDir(), "page.py")
	environment := os.Environ()
	if strings.Contains(text, "boto3") {
		if exec.CommandContext(t.Context(), interpreter, "-c", "import boto3").Run() != nil {
			t.Skip("there is no boto3 here")
		}
		s := newShell(t, true)
		environment = append(environment, "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_DEFAULT_REGION="+awsapi.Region,
			"AWS_ENDPOINT_URL="+s.prod)
		defer s.do(s.parse("curl -sS 127.0.0.1:8081/_standin/messages")[0], later+"A-21")
	} else {
		text = "import hmac\nSECRET = 'local'\ndef receive(request):\n" + regexp.MustCompile("(?m)^(.)").ReplaceAllString(text, "  $1") +
			"\n  return 200\nclass Request:\n  def __init__(self, **headers): self.headers = headers\n" +
			"assert receive(Request(**{'X-Webhook-Secret': 'local'})) == 200\n" +
			"assert receive(Request(**{'X-Webhook-Secret': 'other'})) == 401\nassert receive(Request()) == 401\n"
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), interpreter, file)
	cmd.Env = environment
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestCommandsInSentences: a command in the middle of a text has flags, settings, tests and files that there are. What it asks of this
// program alone is run.
func TestCommandsInSentences(t *testing.T) {
	t.Parallel()
	s := newShell(t, false)
	s.do(s.parse(`printf '{"id":"e1","account":"000000000000","source":"com.example.shop","detail-type":"OrderPaid",` +
		`"time":"2026-12-01T00:00:00Z","detail":{"order":{"id":"A-20"},"customer":{"name":"홍길동","phone":"010-1234-5678"}}}' > event.json`)[0], "")
	found := 0
	for _, file := range append(testkit.DocFiles(t), "../CONTRIBUTING.md", "../SECURITY.md") {
		for _, span := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(prose(testkit.File(t, file)), -1) {
			words := strings.Fields(span[1])
			if len(words) > 1 && slices.Contains([]string{"aws", "bash", "cp", "curl", "docker", "git", "go", "pulumi"}, words[0]) {
				found++
				s.do(s.parse(strings.Join(words, " "))[0], "")
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d commands are found", found)
	}
}
