package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmespath-community/go-jmespath"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"

	"sms-api/awslocal/awsapi"
	"sms-api/internal/testkit"
	"sms-api/local/system"
	"sms-api/statemachine"
)

// shell runs what the pages say to type, each line as it stands there. Some of its programs are made here, so that everybody who has
// Go can run the tests: curl and aws, which ask the system; go run, which is this program and the console; and what needs an account or
// the network, of which the command line is held to what there is.
type shell struct {
	t      *testing.T
	runner *interp.Runner
	// here has the system's addresses in place of those that it has by default.
	here *strings.Replacer
	// stands has what stands for words of the page that are to be replaced, such as ID.
	stands map[string]string
	// dry looks at command lines and does nothing that takes long or needs a system.
	dry bool
	// printed is what the system said when it began, api the address of its HTTP API, and prod that of an AWS endpoint of a stack
	// called prod. All are empty without a system.
	printed, api, prod string

	mu sync.Mutex
	// failed are the errors of programs, also of those whose status a pipe hides.
	failed []error
}

// newShell starts a system and a shell for it; without one it is dry.
func newShell(t *testing.T, withSystem bool) *shell {
	t.Helper()
	s := &shell{t: t, here: strings.NewReplacer(), stands: map[string]string{}, dry: !withSystem}
	dir := t.TempDir()
	environment := append(os.Environ(), "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_DEFAULT_REGION="+awsapi.Region)
	if withSystem {
		s.printed, _ = start(t, "-speed", "200", "-stack", "../"+defaultStack)
		aws, aligo := address(s.printed, "AWS-compatible endpoint"), address(s.printed, "Aligo stand-in")
		s.api = address(s.printed, "API and inbox page")
		s.here = strings.NewReplacer("http://127.0.0.1:8080", s.api, "http://127.0.0.1:4566", aws, "http://127.0.0.1:8081", aligo,
			"127.0.0.1:8080", s.api, "127.0.0.1:8081", aligo)
		prod := httptest.NewServer(deployed(aws))
		t.Cleanup(prod.Close)
		s.prod = prod.URL
		environment = append(environment, "API="+s.api, "TOKEN=token", "AWS_ENDPOINT_URL="+s.prod)
	}
	programs := map[string]program{
		"curl": s.curl, "aws": s.aws, "go": s.goTool, "pulumi": s.pulumi, "git": s.git, "docker": s.docker, "bash": s.bash, "cp": s.cp,
		"xargs": nil,
	}
	programs["xargs"] = xargs(programs)
	var err error
	s.runner, err = interp.New(interp.Dir(dir), interp.Env(expand.ListEnviron(environment...)),
		interp.ExecHandlers(func(next interp.ExecHandlerFunc) interp.ExecHandlerFunc {
			return func(ctx context.Context, args []string) error {
				run, ok := programs[args[0]]
				if !ok {
					return next(ctx, args)
				}
				in := interp.HandlerCtx(ctx)
				for i, word := range args {
					args[i] = cmp.Or(s.stands[word], word)
				}
				if err := run(ctx, &in, args[1:]); err != nil {
					s.mu.Lock()
					defer s.mu.Unlock()
					s.failed = append(s.failed, err)
					return interp.ExitStatus(1)
				}
				return nil
			}
		}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// address is what the welcome calls so.
func address(printed, name string) string {
	return regexp.MustCompile(name + `\s+(http://\S+)`).FindStringSubmatch(printed)[1]
}

// parse is what stands in a block, command by command.
func (s *shell) parse(text string) []*syntax.Stmt {
	s.t.Helper()
	file, err := syntax.NewParser().Parse(strings.NewReader(s.here.Replace(text)), "")
	if err != nil {
		s.t.Fatalf("%s\n%v", text, err)
	}
	return file.Stmts
}

// later begins the answer of a command that is typed again until it answers so.
const later = "… "

// do types a command. What it prints is to match.
func (s *shell) do(command *syntax.Stmt, answer string) {
	s.t.Helper()
	var typed strings.Builder
	if err := syntax.NewPrinter().Print(&typed, command); err != nil {
		s.t.Fatal(err)
	}
	pattern, again := strings.CutPrefix(answer, later)
	want := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(time.Minute); ; {
		var out testkit.Buffer
		if err := interp.StdIO(nil, &out, &out)(s.runner); err != nil {
			s.t.Fatal(err)
		}
		s.failed = nil
		err := s.runner.Run(s.t.Context(), command)
		s.mu.Lock()
		err = errors.Join(append(s.failed, err)...)
		s.mu.Unlock()
		said := out.String()
		if err == nil && want.MatchString(said) {
			return
		}
		if !again || time.Now().After(deadline) {
			s.t.Fatalf("%s\n%v\nprints %s\nwant %s", &typed, err, said, pattern)
		}
	}
}

// program is what a command does with its arguments.
type program func(ctx context.Context, in *interp.HandlerContext, args []string) error

// options are the flags that begin a command line, each with its value, and what comes after them. valued have one.
func options(args []string, valued ...string) (flags map[string]string, rest []string) {
	flags = map[string]string{}
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		name, value, has := strings.Cut(args[0], "=")
		args = args[1:]
		if !has && slices.Contains(valued, name) && len(args) > 0 {
			value, args = args[0], args[1:]
		}
		flags[name] = value
	}
	return flags, args
}

// among refuses a command line that has flags which the command has not.
func among(command string, flags map[string]string, known ...string) error {
	for name := range flags {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%s has no %s", command, name)
		}
	}
	return nil
}

// xargs is xargs -rn1: a command for each word that it reads.
func xargs(programs map[string]program) program {
	return func(ctx context.Context, in *interp.HandlerContext, args []string) error {
		if len(args) < 2 || args[0] != "-rn1" || programs[args[1]] == nil {
			return fmt.Errorf("xargs %q", args)
		}
		words, err := io.ReadAll(in.Stdin)
		for word := range strings.FieldsSeq(string(words)) {
			err = errors.Join(err, programs[args[1]](ctx, in, append(slices.Clone(args[2:]), word)))
		}
		return err
	}
}

// curl makes a request. Unlike the real one it fails when that is refused: nothing in the pages is meant to be.
func (s *shell) curl(ctx context.Context, in *interp.HandlerContext, args []string) error {
	asked, implied, url, header := "", http.MethodGet, "", http.Header{}
	var body io.Reader = http.NoBody
	for len(args) > 0 {
		flag, value := args[0], ""
		args = args[1:]
		if slices.Contains([]string{"-X", "-H", "-d", "-T"}, flag) && len(args) > 0 {
			value, args = args[0], args[1:]
		}
		switch flag {
		case "-sS":
		case "-X":
			asked = value
		case "-H":
			name, text, _ := strings.Cut(value, ": ")
			header.Set(name, text)
		case "-d":
			body, implied = strings.NewReader(value), http.MethodPost
		case "-T":
			data, err := os.ReadFile(filepath.Join(in.Dir, value))
			if err != nil {
				return err
			}
			body, implied = bytes.NewReader(data), http.MethodPut
		default:
			if strings.HasPrefix(flag, "-") || url != "" {
				return fmt.Errorf("nothing is known of curl %s", flag)
			}
			url = flag
		}
	}
	if !strings.Contains(url, "://") {
		url = "http://" + url
	}
	if s.dry {
		return nil
	}
	r, err := http.NewRequestWithContext(ctx, cmp.Or(asked, implied), url, body)
	if err != nil {
		return err
	}
	r.Header = header
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("curl %s: %s: %s", url, answer.Status, text)
	}
	_, _ = in.Stdout.Write(text)
	return err
}

// model is what AWS says of a value that an operation takes, see awslocal/awsapi/models.
type model struct {
	Type    string
	Members map[string]*model
	Element *model
}

// served are the services of the local endpoint, by their names in AWS's CLI.
func served() map[string]string {
	return map[string]string{
		"stepfunctions": "AWSStepFunctions", "ssm": "AmazonSSM", "dynamodb": "DynamoDB_20120810", "lambda": "AWSLambda",
		"sqs": "AmazonSQS", "events": "AWSEvents",
	}
}

// account is a command that only a real account answers: its flags, and what it prints.
type account struct {
	flags  []string
	prints string
}

// accounts are such commands, from AWS's reference of its CLI.
func accounts() map[string]account {
	return map[string]account{
		"kms schedule-key-deletion": {flags: []string{"--key-id"}},
		"ec2 release-address":       {flags: []string{"--allocation-id"}},
		"events start-replay": {flags: []string{"--replay-name", "--event-source-arn", "--event-start-time", "--event-end-time",
			"--destination"}},
		"events describe-archive": {[]string{"--archive-name"}, "arn:aws:events:ap-northeast-2:123456789012:archive/sms-api-prod\n"},
		"sqs purge-queue":         {flags: []string{"--queue-url"}},
		"dynamodb update-table":   {flags: []string{"--no-deletion-protection-enabled", "--table-name"}},
		"s3 rm":                   {flags: []string{"--recursive"}},
		"sso login":               {},
		"sts get-caller-identity": {},
	}
}

// aws is a command of AWS's CLI. Its operation and each flag are in AWS's model; what the endpoint serves is asked.
func (s *shell) aws(ctx context.Context, in *interp.HandlerContext, args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("aws %q has no operation", args)
	}
	name := args[0] + " " + args[1]
	global := map[string]string{"--query": "", "--output": "json", "--profile": "", "--region": ""}
	other, isOther := accounts()[name]
	var members map[string]string
	var models map[string]*model
	var operation string
	if !isOther {
		var err error
		if operation, models, err = operationOf(args[0], args[1]); err != nil {
			return err
		}
		members = map[string]string{}
		for member := range models {
			members[kebab(member)] = member
		}
	}
	request, positional := map[string]any{}, ""
	for rest := args[2:]; len(rest) > 0; {
		flag := rest[0]
		n := 1
		for n < len(rest) && !strings.HasPrefix(rest[n], "--") {
			n++
		}
		values := rest[1:n]
		if !strings.HasPrefix(flag, "--") {
			positional, rest = flag, rest[1:]
			continue
		}
		// A file to write to may stand after the last flag's value.
		if name == "lambda invoke" && n == len(rest) && len(values) == 2 {
			positional, values = values[1], values[:1]
		}
		rest = rest[n:]
		member, known := members[flag]
		switch _, everywhere := global[flag]; {
		case everywhere:
			global[flag] = strings.Join(values, " ")
		case isOther && slices.Contains(other.flags, flag):
		case known:
			value, err := argument(models[member], values)
			if err != nil {
				return fmt.Errorf("aws %s %s: %w", name, flag, err)
			}
			request[member] = value
		default:
			return fmt.Errorf("aws %s has no %s", name, flag)
		}
	}
	switch {
	case isOther:
		_, err := io.WriteString(in.Stdout, other.prints)
		return err
	case s.dry:
		return nil
	case name == "lambda invoke":
		return invoke(ctx, in, request, positional)
	}
	answer, err := ask(ctx, in.Env.Get("AWS_ENDPOINT_URL").String()+"/", served()[args[0]]+"."+operation, request)
	if err != nil {
		return err
	}
	return printed(in.Stdout, answer, global["--query"], global["--output"])
}

// operationOf is an operation that the local endpoint serves, and its members.
func operationOf(service, command string) (name string, members map[string]*model, err error) {
	data, err := os.ReadFile(filepath.Join("..", "awslocal", "awsapi", "models", served()[service]+".json"))
	if err != nil {
		return "", nil, fmt.Errorf("aws %s %s: %w", service, command, err)
	}
	var all struct{ Operations map[string]*model }
	if err := json.Unmarshal(data, &all); err != nil {
		return "", nil, err
	}
	for word := range strings.SplitSeq(command, "-") {
		name += strings.ToUpper(word[:1]) + word[1:]
	}
	of, ok := all.Operations[name]
	if !ok {
		return "", nil, fmt.Errorf("%s has no operation %s", service, name)
	}
	return name, of.Members, nil
}

// kebab is the flag of a member.
func kebab(member string) string {
	return "--" + strings.ToLower(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(member, "$1-$2"))
}

// argument is the value of a member as AWS's CLI takes it.
func argument(m *model, values []string) (any, error) {
	switch {
	case m.Type == "boolean" && len(values) == 0:
		return true, nil
	case m.Type == "list" && len(values) > 0 && m.Element != nil && m.Element.Type == "string":
		return values, nil
	case len(values) != 1:
		return nil, fmt.Errorf("%q is not one value", values)
	case m.Type == "string", m.Type == "blob":
		return values[0], nil
	}
	var value any
	if err := json.Unmarshal([]byte(values[0]), &value); err != nil {
		// What is no JSON may be a placeholder of the page.
		if values[0] == "…" {
			return nil, nil
		}
		return nil, fmt.Errorf("%s: %w", values[0], err)
	}
	return value, nil
}

// ask calls an operation in AWS's JSON protocol.
func ask(ctx context.Context, url, target string, request any) ([]byte, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if target != "" {
		r.Header.Set("X-Amz-Target", target)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s: %s: %s", target, answer.Status, text)
	}
	return text, err
}

// invoke calls a function and writes what it answers into a file.
func invoke(ctx context.Context, in *interp.HandlerContext, request map[string]any, file string) error {
	url := fmt.Sprintf("%s/2015-03-31/functions/%s/invocations", in.Env.Get("AWS_ENDPOINT_URL"), request["FunctionName"])
	answer, err := ask(ctx, url, "", struct{}{})
	if err != nil {
		return err
	}
	if file == "/dev/stdout" {
		_, err = in.Stdout.Write(answer)
		return err
	}
	return os.WriteFile(filepath.Join(in.Dir, file), answer, 0o600)
}

// printed is an answer as AWS's CLI prints it.
func printed(out io.Writer, answer []byte, query, format string) error {
	var value any
	if len(answer) == 0 {
		return nil
	}
	if err := json.Unmarshal(answer, &value); err != nil {
		return err
	}
	if query != "" {
		var err error
		if value, err = jmespath.Search(query, value); err != nil {
			return fmt.Errorf("--query %s: %w", query, err)
		}
	}
	if format == "text" {
		_, err := fmt.Fprintln(out, text(value))
		return err
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "    ")
	return e.Encode(value)
}

// text is a value as the CLI's text: a list is a line, a list of lists a table.
func text(value any) string {
	list, ok := value.([]any)
	if !ok {
		if value == nil {
			return "None"
		}
		return fmt.Sprint(value)
	}
	separator, all := "\t", make([]string, len(list))
	for i, one := range list {
		if _, nested := one.([]any); nested {
			separator = "\n"
		}
		all[i] = text(one)
	}
	return strings.Join(all, separator)
}

// goTool is go run of the two commands, and go test, of which flags, packages and names of tests are there.
func (s *shell) goTool(ctx context.Context, in *interp.HandlerContext, args []string) error {
	switch {
	case len(args) > 1 && args[0] == "run" && args[1] == "./local":
		return s.local(ctx, in, args[2:])
	case len(args) > 1 && args[0] == "run" && args[1] == "./console":
		return s.console(ctx, in, args[2:])
	case len(args) > 0 && args[0] == "test":
		return goTest(testkit.Root(s.t), args[1:])
	}
	return fmt.Errorf("nothing is known of go %q", args)
}

// local is go run ./local. What measures is only asked whether it has the flags; that the system starts is another test's.
func (s *shell) local(ctx context.Context, in *interp.HandlerContext, args []string) error {
	switch {
	case len(args) > 0 && args[0] == "route":
		return tryRoute(append([]string{"-stack", "../" + defaultStack}, args[1:]...), in.Stdin, time.Now(), in.Stdout)
	case len(args) > 0 && args[0] == "bench":
		if err := run(ctx, append(slices.Clone(args), "-h"), in.Stdout); !errors.Is(err, flag.ErrHelp) {
			return err
		}
		return nil
	case len(args) > 0 && slices.ContainsFunc(subcommands(), func(c subcommand) bool { return c.name == args[0] }):
		return run(ctx, args, in.Stdout)
	}
	_, err := parse(args, in.Stdout)
	return err
}

// console runs the console as it is built, on the stack prod. Its page is opened once.
func (s *shell) console(ctx context.Context, in *interp.HandlerContext, args []string) error {
	binary, err := builtConsole()
	if err != nil {
		return err
	}
	var command []string
	if len(args) > 0 && args[0] == "dead-letters" {
		command, args = args[:1], args[1:]
	}
	own := []string{"-api", s.api}
	if len(args) > 1 && args[0] == "templates" {
		command, args, own = args[:2], args[2:], nil // it needs no API
	}
	if len(args) > 3 && args[0] == "opt-outs" {
		command, args = args[:3], args[3:]
	}
	var flags []string
	for len(args) > 1 && strings.HasPrefix(args[0], "-") {
		flags, args = append(flags, args[:2]...), args[2:]
	}
	if s.dry {
		flags = append(flags, "-h")
	} else {
		flags = append(flags, own...)
	}
	config := filepath.Join(in.Dir, "aws")
	if err := os.WriteFile(config, []byte("[profile support]\nregion = "+awsapi.Region+"\naws_access_key_id = local\n"+
		"aws_secret_access_key = local\n"), 0o600); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cmd := exec.CommandContext(ctx, binary, slices.Concat(command, flags, args)...)
	cmd.Dir = in.Dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Env = append(os.Environ(), "AWS_CONFIG_FILE="+config, "AWS_EC2_METADATA_DISABLED=true")
	for name, variable := range in.Env.Each {
		if strings.HasPrefix(name, "AWS_") && variable.Exported {
			cmd.Env = append(cmd.Env, name+"="+variable.String())
		}
	}
	cmd.Stderr = in.Stderr
	if s.dry || command != nil {
		cmd.Stdout = in.Stdout
		if s.dry {
			cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
		}
		return cmd.Run()
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var said strings.Builder
	link := regexp.MustCompile(`http://\S+`)
	for part := make([]byte, 512); !strings.Contains(said.String(), "Ctrl-C"); {
		n, err := out.Read(part)
		said.Write(part[:n])
		if err != nil {
			return fmt.Errorf("the console ended: %w: %s", cmd.Wait(), &said)
		}
	}
	// The link leaves a cookie and leads to the page.
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	browser := &http.Client{Jar: jar}
	page, err := browser.Get(link.FindString(said.String())) //nolint:noctx // the console's context ends it
	if err == nil {
		_, err = io.Copy(in.Stdout, page.Body)
		_ = page.Body.Close()
	}
	stop()
	if ended := cmd.Wait(); ended != nil && !errors.Is(ended, context.Canceled) {
		err = errors.Join(err, ended)
	}
	return err
}

// builtConsole is the console, built once for all tests.
var builtConsole = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "console")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "console")
	out, err := exec.Command("go", "build", "-o", binary, "../console").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the console: %w: %s", err, out)
	}
	return binary, nil
})

// goTest holds a command line to the packages that are there, the flags of their tests, and the tests' names.
func goTest(root string, args []string) error {
	var packages []string
	flags := map[string]string{}
	for i := 0; i < len(args); i++ {
		if !strings.HasPrefix(args[i], "-") {
			packages = append(packages, args[i])
			continue
		}
		name := args[i]
		if i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") && (name == "-bench" || !strings.HasPrefix(args[i+1], "./")) {
			i++
			flags[name] = args[i]
			continue
		}
		flags[name] = ""
	}
	var sources strings.Builder
	for _, one := range packages {
		folder, below := strings.CutSuffix(one, "...")
		files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
		if below && err == nil {
			err = filepath.WalkDir(filepath.Join(root, folder), func(path string, _ os.DirEntry, err error) error {
				if strings.HasSuffix(path, "_test.go") {
					files = append(files, path)
				}
				return err
			})
		}
		if err != nil || len(files) == 0 {
			return fmt.Errorf("go test %s: there are no tests: %w", one, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			sources.Write(text)
		}
	}
	for name, value := range flags {
		switch name {
		case "-timeout":
			if _, err := time.ParseDuration(value); err != nil {
				return err
			}
		case "-tags":
			if !strings.Contains(sources.String(), "//go:build "+value+"\n") {
				return fmt.Errorf("go test: there is no build tag %s", value)
			}
		case "-run", "-bench":
			kind := map[string]string{"-run": "Test", "-bench": "Benchmark"}[name]
			if value == "xxx" { // none
				continue
			}
			wanted, err := regexp.Compile(value)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(regexp.MustCompile(`func (`+kind+`\w+)\(`).FindAllStringSubmatch(sources.String(), -1),
				func(m []string) bool { return wanted.MatchString(m[1]) }) {
				return fmt.Errorf("go test %q has no %s %s", packages, kind, value)
			}
		default:
			if !regexp.MustCompile(`flag\.[A-Z]\w+\("` + regexp.QuoteMeta(name[1:]) + `"`).MatchString(sources.String()) {
				return fmt.Errorf("the tests of %q have no flag %s", packages, name)
			}
		}
	}
	return nil
}

// pulumi is a command of Pulumi's CLI: its flags, from Pulumi's reference, and the settings and outputs that it names are there.
func (s *shell) pulumi(_ context.Context, in *interp.HandlerContext, args []string) error {
	for name, known := range map[string][]string{
		"up": {"--yes"}, "login": nil, "refresh": {"--yes"}, "preview": nil, "stack init": nil, "stack output": nil, "state unprotect": {"--yes"},
		"config set": {"--path", "--secret"}, "destroy": {"--exclude-protected", "--target", "--target-dependents"},
	} {
		words := strings.Fields(name)
		if len(args) < len(words) || !slices.Equal(args[:len(words)], words) {
			continue
		}
		flags, rest := options(args[len(words):], "--target")
		if err := among("pulumi "+name, flags, known...); err != nil {
			return err
		}
		switch {
		case name == "config set":
			return setting(s.t, flags, rest)
		case name == "stack output":
			return told(in.Stdout, rest)
		case len(rest) > map[string]int{"stack init": 1, "state unprotect": 1}[name]:
			return fmt.Errorf("pulumi %s takes no %q", name, rest)
		}
		return nil
	}
	return fmt.Errorf("nothing is known of pulumi %q", args)
}

// setting refuses keys that no row of the table of settings has.
func setting(t *testing.T, flags map[string]string, args []string) error {
	t.Helper()
	if len(args) == 0 || len(args) > 2 {
		return fmt.Errorf("pulumi config set %q", args)
	}
	key, index, indexed := strings.Cut(args[0], "[")
	if _, path := flags["--path"]; path != indexed || indexed && !regexp.MustCompile(`^\d+\]$`).MatchString(index) {
		return fmt.Errorf("pulumi config set: %s is a path only with --path", args[0])
	}
	table := testkit.DocsTable(t, "| key | default | what it does, and costs |\n")
	if key != "KEY" && key != "aws:region" && !regexp.MustCompile(`[\x60 ]`+regexp.QuoteMeta(key)+"`").MatchString(table) {
		return fmt.Errorf("there is no setting %s", key)
	}
	return nil
}

// told is what a stack says of itself; those that commands are made with are the local system's. That a stack has each output which the
// pages name is a test of the program that deploys.
func told(out io.Writer, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("pulumi stack output %q", args)
	}
	arn := func(service, name string) string {
		return "arn:aws:" + service + ":" + awsapi.Region + ":" + awsapi.Account + ":" + name
	}
	value, ok := map[string]string{
		"eventBusArn": arn("events", "event-bus/"+system.BusName), "stateMachineArn": arn("states", "stateMachine:"+statemachine.Name),
	}[args[0]]
	if !ok {
		value = args[0]
	}
	_, err := fmt.Fprintln(out, value)
	return err
}

func (s *shell) git(_ context.Context, in *interp.HandlerContext, args []string) error {
	switch {
	case len(args) == 3 && args[0] == "clone":
		return os.Mkdir(filepath.Join(in.Dir, args[2]), 0o755)
	case len(args) == 1 && args[0] == "pull":
		return nil
	}
	return fmt.Errorf("nothing is known of git %q", args)
}

// docker builds no container here, see TestContainer.
func (s *shell) docker(_ context.Context, _ *interp.HandlerContext, args []string) error {
	if !slices.Equal(args, []string{"compose", "up", "--build"}) {
		return fmt.Errorf("nothing is known of docker %q", args)
	}
	_, err := os.Stat(filepath.Join("..", "compose.yaml"))
	return err
}

// bash reads a script of the repository.
func (s *shell) bash(_ context.Context, _ *interp.HandlerContext, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("nothing is known of bash %q", args)
	}
	text, err := os.ReadFile(filepath.Join("..", args[0]))
	if err != nil {
		return err
	}
	_, err = syntax.NewParser().Parse(bytes.NewReader(text), args[0])
	return err
}

// cp copies a file of the repository.
func (s *shell) cp(_ context.Context, in *interp.HandlerContext, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("nothing is known of cp %q", args)
	}
	text, err := os.ReadFile(filepath.Join("..", args[0]))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(in.Dir, args[1]), text, 0o600)
}

// deployed has the local system's AWS endpoint answer as that of a stack called prod, under its names.
func deployed(endpoint string) http.Handler {
	names := strings.NewReplacer("sms-api-prod-", "sms-api-local-", "sms-api-prod", system.BusName)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		ahead, err := http.NewRequestWithContext(r.Context(), r.Method, endpoint+names.Replace(r.URL.RequestURI()),
			strings.NewReader(names.Replace(string(body))))
		if err != nil {
			return
		}
		ahead.Header = r.Header.Clone()
		answer, err := http.DefaultClient.Do(ahead)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer func() { _ = answer.Body.Close() }()
		maps.Copy(w.Header(), answer.Header)
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
	})
}
