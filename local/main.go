// Command local runs the whole system on one machine, on the loopback interface: the HTTP API and the inbox page, an
// AWS-compatible endpoint, the state machine that is deployed with the handlers that are deployed, and a stand-in for
// Aligo. It needs no account and sends nothing to anybody.
package main

import (
	"context"
	"encoding/json"
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
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"sms-api/awslocal/awsapi"
	"sms-api/awslocal/clock"
	"sms-api/awslocal/quota"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/deployment"
	"sms-api/internal/intake"
	"sms-api/internal/version"
	"sms-api/local/bench"
	"sms-api/local/cost"
	"sms-api/local/inbox"
	"sms-api/local/system"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(2)
	}
}

// allScopes are the scopes of a caller who may do everything.
func allScopes() string { return strings.Join(intake.Scopes(), " ") }

// subcommand is what the first argument asks for in place of the system.
type subcommand struct {
	name, does string
	run        func(ctx context.Context, args []string, out io.Writer) error
}

func subcommands() []subcommand {
	return []subcommand{
		{"bench", "measures how much the system takes, over loopback or, with -burst, on a virtual clock", bench.Command},
		{"cost", "prints what a month on AWS costs at list prices, and with -prices the prices", func(
			_ context.Context, args []string, out io.Writer,
		) error {
			return cost.Command(args, out)
		}},
		{"route", "prints the message that a route of the stack file makes of an event on standard input", func(
			_ context.Context, args []string, out io.Writer,
		) error {
			return tryRoute(args, os.Stdin, time.Now(), out)
		}},
		{"version", "prints the version, and what it was built with", printVersion},
		{"help", "prints this", func(_ context.Context, _ []string, out io.Writer) error {
			_, err := parse([]string{"-h"}, out)
			return err
		}},
	}
}

// usage is what -h prints before the flags.
func usage(out io.Writer) {
	fmt.Fprint(out, "go run ./local [flags] runs the whole system on this machine. go run ./local COMMAND does something else:\n\n")
	for _, c := range subcommands() {
		fmt.Fprintf(out, "  %-8s %s\n", c.name, c.does)
	}
	fmt.Fprint(out, "\nCOMMAND -h prints the flags of bench, cost and route. Those of the system:\n\n")
}

// printVersion is the command version.
func printVersion(_ context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		return fmt.Errorf("unknown argument %q", args[0])
	}
	_, err := fmt.Fprintln(out, version.Line())
	return err
}

type flags struct {
	listen, aws, aligo, stack string
	caller, scopes            string
	quotas                    string
	speed                     float64
	process, verbose          bool
	anywhere, webhooks        bool
}

func parse(args []string, out io.Writer) (flags, error) {
	var f flags
	set := flag.NewFlagSet("local", flag.ContinueOnError)
	set.SetOutput(out)
	set.Usage = func() {
		usage(out)
		set.PrintDefaults()
	}
	set.StringVar(&f.listen, "listen", "127.0.0.1:8080", "address of the HTTP API and the inbox page")
	set.StringVar(&f.aws, "aws", "127.0.0.1:4566", "address of the AWS-compatible endpoint")
	set.StringVar(&f.aligo, "aligo", "127.0.0.1:8081", "address of the Aligo stand-in")
	set.StringVar(&f.stack, "stack", defaultStack, "file of the Pulumi stack whose routes, webhooks and api:corsOrigins are honoured")
	set.StringVar(&f.caller, "caller", "developer", "who calls the HTTP API; empty for nobody, who is answered 401")
	set.StringVar(&f.scopes, "scopes", allScopes(), "what the caller may do; without messages:text it is a frontend")
	set.Float64Var(&f.speed, "speed", 1,
		"how many times faster time runs than the wall's, from the start on and for everything: the state machine, the API\n"+
			"with sendAt and expiresAt, the stand-in and the page")
	set.StringVar(&f.quotas, "quotas", "", "have AWS's quotas: "+strings.Join(quota.Names(), ", ")+", or a file; none without it")
	set.BoolVar(&f.process, "process", false, "compile the functions and run each as a process of its own, as Lambda does")
	set.BoolVar(&f.anywhere, "anywhere", false,
		"allow addresses that other machines may reach, such as 0.0.0.0:8080 in a container: nothing here asks who calls")
	set.BoolVar(&f.webhooks, "webhooks", false, "call the stack file's webhooks that are not on this machine, too")
	set.BoolVar(&f.verbose, "v", false, "log what every function does, and not only what goes wrong")
	if err := set.Parse(args); err != nil {
		return f, err
	}
	if set.NArg() > 0 {
		return f, fmt.Errorf("unknown argument %q; help prints what there is", set.Arg(0))
	}
	if f.speed <= 0 || f.speed > 10_000 {
		return f, fmt.Errorf("-speed is %v, want more than 0 and at most 10000", f.speed)
	}
	if f.process && f.speed != 1 {
		return f, errors.New("-process and -speed do not go together: a process has the machine's time")
	}
	return f, nil
}

// shutdownTime is how long the requests under way have to end after an interrupt.
const shutdownTime = 5 * time.Second

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		for _, c := range subcommands() {
			if c.name == args[0] {
				return c.run(ctx, args[1:], out)
			}
		}
	}
	f, err := parse(args, out)
	if err != nil {
		return err
	}
	level := slog.LevelWarn
	if f.verbose {
		level = slog.LevelInfo
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	var front, cloud, vendor net.Listener
	for _, l := range []struct {
		address  string
		listener *net.Listener
	}{{f.listen, &front}, {f.aws, &cloud}, {f.aligo, &vendor}} {
		if *l.listener, err = listen(ctx, l.address, f.anywhere); err != nil {
			return err
		}
		defer func() { _ = (*l.listener).Close() }()
	}
	apiURL, awsURL, aligoURL := url(front), url(cloud), url(vendor)

	routes, err := readRoutes(f.stack)
	if err != nil {
		return err
	}
	origins, err := readOrigins(f.stack)
	if err != nil {
		return err
	}
	policy, err := readPolicy(f.stack)
	if err != nil {
		return err
	}
	webhooks, elsewhere, err := readWebhooks(f.stack, f.webhooks)
	if err != nil {
		return err
	}
	identify, err := caller(f.caller, f.scopes)
	if err != nil {
		return err
	}
	clock := clock.Real(f.speed)
	standin := aligotest.New(aligotest.Options{Now: clock.Now})
	limits, reserves, err := f.limits(clock)
	if err != nil {
		return err
	}
	traffic := &inbox.Traffic{}
	var run func(deployment.Function, map[string]string) lambda.Handler
	if f.process {
		functions, err := build(ctx, routes, policy, awsURL, aligoURL, level, os.Stderr)
		if err != nil {
			return err
		}
		defer func() { _ = functions.close() }()
		run = functions.run
	}
	var shown *inbox.Inbox // when something can be announced, it is there
	s, err := system.New(system.Options{
		Run:       run,
		AWS:       awsapi.Options{Clock: clock, Log: log, Trace: traffic.Trace, Limits: limits},
		Reserves:  reserves,
		Aligo:     standin,
		AWSURL:    awsURL,
		AligoURL:  aligoURL,
		Routes:    routes,
		Webhooks:  webhooks,
		Posted:    func(name string, event json.RawMessage, err error) { shown.Posted(name, event, err) },
		Policy:    policy,
		EgressIPs: []string{"127.0.0.1"},
		Identify:  identify,
		Log:       log,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", f.stack, err)
	}
	shown, err = inbox.New(inbox.Options{
		Standin: standin, API: s.API, AWS: s.AWS, BusName: system.BusName, Executions: s.Executions, Records: s.Records, Definition: s.Definition,
		AWSURL: awsURL, AligoURL: aligoURL, Speed: f.speed, Traffic: traffic, Log: log,
	})
	if err != nil {
		return err
	}
	s.AWS.HTTPAPI(system.StackName, apiURL)
	mux := http.NewServeMux()
	api, vendorHandler := s.API, http.Handler(standin)
	if limits != nil {
		api, vendorHandler = s.Gateway(limits, clock), system.Paced(standin, limits, clock)
	}
	mux.Handle("/v1/", crossOrigin(origins, api))
	mux.Handle("/", shown)
	handlers := map[net.Listener]http.Handler{front: mux, cloud: s.AWS, vendor: vendorHandler}
	failed := make(chan error, len(handlers))
	var servers []*http.Server
	for listener, handler := range handlers {
		server := newServer(handler)
		servers = append(servers, server)
		go func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		}()
	}
	var schedule sync.WaitGroup
	defer schedule.Wait()
	scheduled, stop := context.WithCancel(ctx)
	defer stop()
	schedule.Go(func() { s.Schedule(scheduled) })
	tellWebhooks(out, webhooks, elsewhere)
	welcome(out, apiURL, awsURL, aligoURL, systemTime(clock.Now(), f.speed))
	select {
	case err = <-failed:
	case <-ctx.Done():
		fmt.Fprintln(out, "\nstopping")
	}
	return errors.Join(err, shutDown(s, servers))
}

// limits are AWS's quotas, and whether the account has any concurrency to reserve; nil without them.
func (f flags) limits(c *clock.Scaled) (l *quota.Limits, reserves bool, err error) {
	if f.quotas == "" {
		return nil, false, nil
	}
	profile, err := quota.Open(f.quotas)
	if err != nil {
		return nil, false, fmt.Errorf("-quotas: %w", err)
	}
	return quota.New(profile, c), profile[quota.Concurrency].Most > profile[quota.Unreserved].Most, nil
}

// url is where this machine reaches it.
func url(l net.Listener) string {
	if a, ok := l.Addr().(*net.TCPAddr); ok && a.IP.IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d", a.Port)
	}
	return "http://" + l.Addr().String()
}

// listen refuses addresses that other machines could reach, unless they may: nothing here asks who calls.
func listen(ctx context.Context, address string, anywhere bool) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%q is not host:port", address)
	}
	if ip := net.ParseIP(host); !anywhere && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%s is not a loopback address; -anywhere allows it, and nothing here asks who calls", address)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use; choose other addresses with -listen, -aws and -aligo", address)
	}
	return l, err
}

func shutDown(s *system.System, servers []*http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	// The machine first: what it calls must still be there.
	err := s.AWS.Close(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	for _, server := range servers {
		if e := server.Shutdown(ctx); errors.Is(e, context.DeadlineExceeded) {
			_ = server.Close()
		}
	}
	return err
}
