// Command console shows the page on a deployed stack, with AWS credentials of one's own: a profile, a single sign-on session
// or variables of the environment, as the SDK looks for them. The page is served on the loopback interface to whoever has
// the link that is printed; nothing is hosted, and IAM decides who sees and does what.
//
//	go run ./console -stack prod -region ap-northeast-2
//	go run ./console dead-letters -stack prod [again ID… | drop ID…]
//	go run ./console templates pull|plan|submit|status -stack prod
//	go run ./console opt-outs import FILE -stack prod [-dry-run]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"sms-api/console/page"
	"sms-api/console/stack"
	"sms-api/internal/deployment"
	"sms-api/internal/intake/contract"
	"sms-api/internal/version"
	"sms-api/statemachine"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "console:", err)
		os.Exit(2)
	}
}

// flags are what all commands have.
type flags struct {
	stack, region, profile, api, parameters string
	listen                                  string
}

// parse reads the flags of a command, and the words before and behind them. usage is what -h prints before the flags.
func parse(usage string, args []string, out io.Writer, more ...func(*flag.FlagSet)) (f flags, words []string, err error) {
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		words, args = append(words, args[0]), args[1:]
	}
	set := flag.NewFlagSet("console", flag.ContinueOnError)
	set.SetOutput(out)
	set.Usage = func() {
		_, _ = io.WriteString(out, usage)
		set.PrintDefaults()
	}
	set.StringVar(&f.stack, "stack", "", "name of the Pulumi stack, such as prod")
	set.StringVar(&f.region, "region", "", "AWS region; without it that of the profile or the environment")
	set.StringVar(&f.profile, "profile", "", "AWS profile; without it that of the environment")
	set.StringVar(&f.api, "api", "", "address of the API, which pulumi stack output apiUrl tells; without it it is looked for")
	set.StringVar(&f.parameters, "parameters", "", "path of the credentials, where the stack sets secrets:prefix")
	set.StringVar(&f.listen, "listen", "127.0.0.1:0", "address of the page, on the loopback interface")
	for _, add := range more {
		add(set)
	}
	if err := set.Parse(args); err != nil {
		return f, nil, err
	}
	if f.stack == "" {
		return f, nil, errors.New("-stack is missing: the name of the Pulumi stack, such as prod")
	}
	return f, append(words, set.Args()...), nil
}

// callTimeout is how long a call of AWS's or the API's may take.
const callTimeout = 30 * time.Second

// config is the configuration of AWS's SDK.
func (f flags) config(ctx context.Context) (aws.Config, error) {
	var options []func(*config.LoadOptions) error
	if f.region != "" {
		options = append(options, config.WithRegion(f.region))
	}
	if f.profile != "" {
		options = append(options, config.WithSharedConfigProfile(f.profile))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return loaded, fmt.Errorf("AWS configuration: %w", err)
	}
	if loaded.Region == "" {
		return loaded, errors.New("-region is missing, and neither the profile nor AWS_REGION says it")
	}
	return loaded, nil
}

// found is the stack that is meant.
func (f flags) found(ctx context.Context) (*stack.Stack, error) {
	loaded, err := f.config(ctx)
	if err != nil {
		return nil, err
	}
	return find(ctx, loaded, f)
}

func find(ctx context.Context, loaded aws.Config, f flags) (*stack.Stack, error) {
	loaded.HTTPClient = &http.Client{Timeout: callTimeout}
	s, err := stack.Find(ctx, loaded, f.stack, f.api, os.Getenv("SMS_API_TOKEN"))
	if err == nil && f.parameters != "" {
		s.Parameters = f.parameters
	}
	return s, err
}

// command is what the first argument asks for in place of the page.
type command struct {
	name string
	// takes is what may follow the name, and does what it is for.
	takes, does string
	run         func(ctx context.Context, args []string, out, log io.Writer) error
}

func commands() []command {
	return []command{
		{
			"dead-letters", "[again ID…|all] [drop ID…|all]",
			"explains what could not be handled, hands it to its function again, or drops it", runDeadLetters,
		},
		{"templates", "pull|plan|submit|status", "keeps the templates at Aligo as files say them", runTemplates},
		{"opt-outs", "import FILE", "puts a list of people who want no advertising into a stack", optOuts},
		{"version", "", "prints the version, and what it was built with", func(_ context.Context, _ []string, out, _ io.Writer) error {
			_, err := fmt.Fprintln(out, version.Line())
			return err
		}},
		{"help", "", "prints this", func(_ context.Context, _ []string, out, _ io.Writer) error {
			_, _, err := parse(usage(), []string{"-h"}, out)
			return err
		}},
	}
}

// usage is what -h prints before the flags.
func usage() string {
	var b strings.Builder
	b.WriteString("go run ./console -stack STACK shows the page on a deployed stack. " +
		"go run ./console COMMAND -stack STACK does something else:\n\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-44s %s\n", strings.TrimSpace(c.name+" "+c.takes), c.does)
	}
	b.WriteString("\nCOMMAND -h prints the flags of a command. Those of the page:\n\n")
	return b.String()
}

// usageOf is what -h prints before the flags of a command.
func usageOf(name string) string {
	for _, c := range commands() {
		if c.name == name {
			return fmt.Sprintf("go run ./console %s %s -stack STACK %s.\n\n", c.name, c.takes, c.does)
		}
	}
	return ""
}

func run(ctx context.Context, args []string, out, log io.Writer) error {
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		for _, c := range commands() {
			if c.name == args[0] {
				return c.run(ctx, args[1:], out, log)
			}
		}
		return fmt.Errorf("there is no command %q; help prints what there is", args[0])
	}
	f, words, err := parse(usage(), args, log)
	switch {
	case err != nil:
		return err
	case len(words) > 0:
		return fmt.Errorf("unknown argument %q", words[0])
	}
	s, err := f.found(ctx)
	if err != nil {
		return err
	}
	return serve(ctx, s, f.listen, out, slog.New(slog.NewTextHandler(log, nil)))
}

// runDeadLetters is the command dead-letters.
func runDeadLetters(ctx context.Context, args []string, out, log io.Writer) error {
	f, orders, err := parse(usageOf("dead-letters"), args, log)
	if err != nil {
		return err
	}
	if err := checkOrders(orders); err != nil {
		return err
	}
	s, err := f.found(ctx)
	if err != nil {
		return err
	}
	return deadLetters(ctx, s, orders, out)
}

// runTemplates is the command templates, which needs nothing of a stack but one function of it.
func runTemplates(ctx context.Context, args []string, out, log io.Writer) error {
	var more templatesFlags
	f, words, err := parse(usageOf("templates"), args, log, more.add)
	switch {
	case err != nil:
		return err
	case len(words) == 0:
		return errors.New("templates what? pull, plan, submit or status")
	case len(words) > 1:
		return fmt.Errorf("unknown argument %q", words[1])
	}
	loaded, err := f.config(ctx)
	if err != nil {
		return err
	}
	// A call is Aligo's, through the function, which may take as long as it has.
	loaded.HTTPClient = &http.Client{Timeout: deployment.LongestFunction + callTimeout}
	return templates(ctx, stack.New(loaded, f.stack, "", nil), f.stack, words[0], more, out)
}

// refresh is how often an open page reads again: nobody tells it of changes.
const refresh = 15 * time.Second

// newPage is the page on a stack.
func newPage(s *stack.Stack, refresh time.Duration, log *slog.Logger) (http.Handler, error) {
	definition, err := statemachine.Definition(deployment.Tasks(), s.Name)
	if err != nil {
		return nil, err
	}
	shown, err := page.New(page.Options{
		Source: s.Source(log), Definition: definition, System: s.System, Parts: []page.Part{s.Part(log), s.Campaigns(log)},
		Refresh: refresh, Log: log,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", shown)
	mux.HandleFunc("GET /v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, contract.OpenAPI())
	})
	return mux, nil
}

func serve(ctx context.Context, s *stack.Stack, address string, out io.Writer, log *slog.Logger) error {
	l, err := listen(ctx, address)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	shown, err := newPage(s, refresh, log)
	if err != nil {
		return err
	}
	door := newDoor(l.Addr().String(), shown)
	const headers, shutdown = 10 * time.Second, 2 * time.Second
	server := &http.Server{Handler: door, ReadHeaderTimeout: headers}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	fmt.Fprintf(out, "stack %s in %s, as %s\n\n  %s\n\nThe link is for you alone. Ctrl-C ends it.\n", s.Name, s.Region, s.Who, door.link())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdown)
	defer cancel()
	if server.Shutdown(ending) != nil {
		_ = server.Close()
	}
	return nil
}

// listen refuses addresses that other machines could reach.
func listen(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("-listen: %q is not 127.0.0.1 and a port", address)
	}
	return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
}
