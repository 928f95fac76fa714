package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"sms-api/awslocal/awsapi"
	"sms-api/awslocal/eventbus"
	"sms-api/internal/intake"
	"sms-api/internal/message"
	"sms-api/internal/route"
	"sms-api/internal/webhook"
	"sms-api/local/system"
)

// defaultStack is the stack whose routes are honoured when the flag names none.
const defaultStack = "Pulumi.dev.yaml"

// readRoutes takes the setting events:routes out of a stack's file. The default file may be missing: the program runs
// anywhere.
func readRoutes(file string) ([]route.Route, error) {
	var config struct {
		Routes []map[string]any `yaml:"events:routes"`
	}
	if err := readStack(file, "routes", &config); err != nil || config.Routes == nil {
		return nil, err
	}
	routes := make([]route.Route, len(config.Routes))
	for i, one := range config.Routes {
		if err := strictly(one, &routes[i]); err != nil {
			return nil, fmt.Errorf("%s: events:routes[%d], whose name is %q: %w", file, i, fmt.Sprint(one["name"]), err)
		}
	}
	return routes, nil
}

// strictly makes a setting of what a stack's file has, as the program that deploys does: that reads it as JSON, and refuses members that
// are not known, as one that is misspelt would silently do nothing.
func strictly(read, setting any) error {
	encoded, err := json.Marshal(read)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.DisallowUnknownFields()
	return decoder.Decode(setting)
}

// readWebhooks takes the setting events:webhooks out of a stack's file. elsewhere are those that are not on this machine, which
// are among them only if they are asked for: nothing is sent to anybody unawares, though the file is that of a real stack.
func readWebhooks(file string, all bool) (called, elsewhere []webhook.Webhook, err error) {
	const what = "webhooks"
	var config struct {
		Webhooks []map[string]any `yaml:"events:webhooks"`
	}
	if err := readStack(file, what, &config); err != nil || config.Webhooks == nil {
		return nil, nil, err
	}
	var found []webhook.Webhook
	if err := strictly(config.Webhooks, &found); err != nil {
		return nil, nil, fmt.Errorf("read the %s of %s: %w", what, file, err)
	}
	for _, w := range found {
		if all || w.Loopback() {
			called = append(called, w)
		} else {
			elsewhere = append(elsewhere, w)
		}
	}
	// The others are checked as they are deployed.
	errs, index := webhook.CheckAll(elsewhere, false)
	if err := system.Named(errs, index, func(i int) string { return "the webhook " + elsewhere[i].Name }); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	return called, elsewhere, nil
}

// tryRoute is the command route: it reads an event, as EventBridge delivers it, and prints the message request that a route
// makes of it. The error says everything that is wrong with it.
func tryRoute(args []string, in io.Reader, now time.Time, out io.Writer) error {
	set := flag.NewFlagSet("local route", flag.ContinueOnError)
	set.SetOutput(out)
	name := set.String("name", "", "name of the route")
	stack := set.String("stack", defaultStack, "file of the Pulumi stack that has the route")
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", set.Arg(0))
	}
	routes, err := readRoutes(*stack)
	if err != nil {
		return err
	}
	if len(routes) == 0 {
		return fmt.Errorf("%s has no routes", *stack)
	}
	at := slices.IndexFunc(routes, func(r route.Route) bool { return r.Name == *name })
	if at < 0 {
		var names []string
		for _, r := range routes {
			names = append(names, r.Name)
		}
		return fmt.Errorf("-name is %q; the routes of %s are: %s", *name, *stack, strings.Join(names, ", "))
	}
	if err := errors.Join(routes[at].Check(system.Ads())...); err != nil {
		return fmt.Errorf("route %s: %w", *name, err)
	}
	template, err := routes[at].Template()
	if err != nil {
		return err
	}
	event, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("read the event: %w", err)
	}
	if err := handedOver(routes[at], event); err != nil {
		return err
	}
	// Whether the stack does any advertising its file says; a route may make some all the same.
	events := intake.Events{Account: awsapi.Account, Routes: map[string]*route.Template{*name: template}, Ads: system.Ads()}
	handed := intake.Handed{Route: *name, Text: event}
	if err := json.Unmarshal(event, &handed.EventBridgeEvent); err != nil {
		return fmt.Errorf("the event is not one of EventBridge: %w", err)
	}
	request, wrong, err := events.Try(handed, now)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return fmt.Errorf("the event would become a MessageRejected:\n%s", list(wrong))
	}
	var printed bytes.Buffer
	if err := json.Indent(&printed, request, "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, printed.String())
	return err
}

// handedOver says why the rule of a route would not hand an event over.
func handedOver(r route.Route, event []byte) error {
	var envelope struct {
		Source, ID string
		Detail     json.RawMessage
	}
	if err := json.Unmarshal(event, &envelope); err != nil {
		return fmt.Errorf("the event is not a JSON object: %w", err)
	}
	if envelope.ID == "" || envelope.Source == "" || envelope.Detail == nil {
		return errors.New(`the event has no id, source or detail; it is to be as EventBridge delivers it: ` +
			`{"id":"…","source":"…","detail-type":"…","time":"…","detail":{…}}`)
	}
	pattern, err := eventbus.Compile(r.Pattern)
	if err != nil {
		return fmt.Errorf("route %s: %w", r.Name, err)
	}
	if !pattern.Match(event) {
		return fmt.Errorf("the pattern of route %s does not match the event: its rule would not hand it over", r.Name)
	}
	return nil
}

// list is what is wrong, a line each.
func list(wrong []message.ValidationError) string {
	var lines []string
	for _, w := range wrong {
		lines = append(lines, "  "+strings.TrimSpace(w.Pointer+" "+w.Detail))
	}
	return strings.Join(lines, "\n")
}

// readStack reads what is wanted of a stack's file into config, which has the settings as fields. The default file may be
// missing.
func readStack(file, what string, config any) error {
	content, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && file == defaultStack:
		return nil
	case err != nil:
		return fmt.Errorf("read the %s: %w", what, err)
	}
	var stack struct {
		Config yaml.Node `yaml:"config"`
	}
	if err = yaml.Unmarshal(content, &stack); err == nil {
		err = stack.Config.Decode(config)
	}
	if err != nil {
		return fmt.Errorf("read the %s of %s: %w", what, file, err)
	}
	return nil
}
