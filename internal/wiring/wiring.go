// Package wiring reads what a function is configured with from its environment, and makes of it the parts that functions
// are put together from. A function's main is three steps: FromEnvironment, its handler of these parts, Start.
package wiring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"sms-api/internal/aligo"
	"sms-api/internal/announce"
	"sms-api/internal/awsenv"
	"sms-api/internal/bucket"
	"sms-api/internal/campaign"
	"sms-api/internal/deadline"
	"sms-api/internal/deployment"
	"sms-api/internal/execution"
	"sms-api/internal/guard"
	"sms-api/internal/handlers"
	"sms-api/internal/intake"
	"sms-api/internal/limits"
	"sms-api/internal/logging"
	"sms-api/internal/message"
	"sms-api/internal/optout"
	"sms-api/internal/parameters"
	"sms-api/internal/records"
	"sms-api/internal/route"
	"sms-api/internal/sweep"
	"sms-api/internal/tally"
	"sms-api/internal/template"
	"sms-api/internal/untrusted"
)

// Environment is what a function is configured with. What its methods cannot make, because a variable is missing or is not
// what it should be, they remember for Err, so that a function says everything at once.
type Environment struct {
	AWS aws.Config
	// Variables are those that internal/deployment lists for the function.
	Variables map[string]string
	// Parameters reads the credentials.
	Parameters parameters.Reader
	// Files are the contents of the files that internal/deployment lists for the function.
	Files map[string][]byte
	// AligoSMSURL and AligoKakaoURL are empty for the vendor's own.
	AligoSMSURL, AligoKakaoURL string
	// HTTP is the client for Aligo; nil means the aligo package's own.
	HTTP *http.Client
	// Metrics takes the lines that CloudWatch makes metrics of: standard output in Lambda.
	Metrics io.Writer
	// Now is the clock, Sleep waits on it; without Sleep it is the machine's.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	Log   *slog.Logger

	parameters *parameters.Store
	errs       []error
}

// FromEnvironment reads AWS's variables (see package awsenv), those of the function as internal/deployment lists them, and
// ALIGO_SMS_URL and ALIGO_KAKAO_URL, which may be missing, and the function's files, which lie where Lambda has unpacked it.
// Err says what is wrong with them. What reader makes of the configuration reads the parameters.
func FromEnvironment(function string, reader func(aws.Config) parameters.Reader) *Environment {
	e := &Environment{
		Variables:   map[string]string{},
		Files:       map[string][]byte{},
		AligoSMSURL: os.Getenv(deployment.AligoSMSURL), AligoKakaoURL: os.Getenv(deployment.AligoKakaoURL),
		Metrics: os.Stdout, Now: time.Now, Log: logging.New(),
	}
	var err error
	if e.AWS, err = awsenv.Config(); err != nil {
		e.errs = append(e.errs, err)
	}
	e.Parameters = reader(e.AWS)
	f, ok := deployment.FunctionNamed(function)
	if !ok {
		e.errs = append(e.errs, fmt.Errorf("there is no function %q", function))
	}
	for _, v := range f.Environment {
		if value, ok := os.LookupEnv(v.Name); ok && (value != "" || v.MayBeEmpty) {
			e.Variables[v.Name] = value
		} else {
			e.miss(v.Name)
		}
	}
	for _, name := range f.Files {
		content, err := os.ReadFile(filepath.Join(os.Getenv("LAMBDA_TASK_ROOT"), name))
		if err != nil {
			e.errs = append(e.errs, fmt.Errorf("read a file of the function's package: %w", err))
			continue
		}
		e.Files[name] = content
	}
	return e
}

// Err is everything that was found wrong so far; nil when nothing was.
func (e *Environment) Err() error { return errors.Join(e.errs...) }

// Start hands the function's calls to its handler and does not return. When something was found wrong, it says so in the
// log and ends the process instead.
func (e *Environment) Start(handler any) {
	if err := e.Err(); err != nil {
		e.Log.Error("cannot start", slog.String("error", err.Error()))
		os.Exit(1)
	}
	lambda.Start(handler)
}

// miss remembers that a variable is missing, once.
func (e *Environment) miss(name string) {
	err := missing(name)
	if !slices.Contains(e.errs, error(err)) {
		e.errs = append(e.errs, err)
	}
}

// missing is the name of a variable that is not set.
type missing string

func (m missing) Error() string { return string(m) + " must be set" }

// variable is a variable's value. A name that is not among the function's variables is missing too: what is deployed would
// not set it.
func (e *Environment) variable(name string) string {
	value, ok := e.Variables[name]
	if !ok {
		e.miss(name)
	}
	return value
}

// templateTTL is how long a list of templates is used. Aligo takes days to approve a template, so minutes are early.
const templateTTL = 10 * time.Minute

// chunkTemplateTTL is how long one is used for the chunks of campaigns, of which thousands go out within minutes of a template's stop.
const chunkTemplateTTL = 30 * time.Second

// Aligo makes the vendor's client with credentials from SSM, and the cache of its templates.
func (e *Environment) Aligo() (*aligo.Client, *aligo.TemplateCache) {
	client := &aligo.Client{
		SMSURL: e.AligoSMSURL, KakaoURL: e.AligoKakaoURL, HTTP: e.HTTP, Now: e.Now,
		Credentials: e.secrets(),
	}
	return client, &aligo.TemplateCache{Client: client, TTL: templateTTL}
}

// secrets are the parameters, which all parts of a function read together.
func (e *Environment) secrets() *parameters.Store {
	if e.parameters == nil {
		e.parameters = parameters.New(e.Parameters, e.variable(deployment.ParameterPrefix), 0, e.Now)
	}
	return e.parameters
}

// Records makes the records of messages. What cannot be written is given up soon: the send is what counts.
func (e *Environment) Records() *records.Store {
	const attempts = 2
	client := dynamodb.NewFromConfig(e.AWS, func(o *dynamodb.Options) { o.RetryMaxAttempts = attempts })
	s := &records.Store{
		Client: client, Table: e.variable(deployment.GuardTable), Kept: time.Duration(e.number(deployment.RetentionDays)) * day, Now: e.Now,
		Log: e.Log,
	}
	if _, ok := e.Variables[deployment.ParameterPrefix]; ok {
		s.Numbers = e.secrets()
	}
	return s
}

const day = 24 * time.Hour

// Guards makes the table in which sends are opened.
func (e *Environment) Guards() *guard.Guards {
	return &guard.Guards{Client: dynamodb.NewFromConfig(e.AWS), Table: e.variable(deployment.GuardTable), Now: e.Now, Log: e.Log}
}

// Dispatch makes the handlers of the state machine's tasks.
func (e *Environment) Dispatch() *handlers.Dispatch {
	d := e.reader()
	d.Guards, d.Records, d.Policy = e.Guards(), e.Records(), e.Policy()
	if _, ok := e.Variables[deployment.OptOutsCoverInfo]; ok {
		d.OptOuts, d.OptOutsCoverInfo = e.OptOuts(), e.optOutsCoverInfo()
	}
	return d
}

// SMS makes the handler of the sms function.
func (e *Environment) SMS() *handlers.Dispatch {
	d := e.Dispatch()
	d.AdsUntil = e.adsUntil()
	return d
}

// OptOuts makes the list of those who want no advertising.
func (e *Environment) OptOuts() *optout.List {
	return &optout.List{Client: dynamodb.NewFromConfig(e.AWS), Table: e.variable(deployment.GuardTable), Numbers: e.secrets()}
}

func (e *Environment) optOutsCoverInfo() bool {
	return e.variable(deployment.OptOutsCoverInfo) == "true"
}

// Limits makes the limits of what callers may ask for. Those of untrusted callers are for the function that has any.
func (e *Environment) Limits(untrusted bool) *limits.Limits {
	client, _ := e.Aligo()
	l := &limits.Limits{
		Client: dynamodb.NewFromConfig(e.AWS), Table: e.variable(deployment.GuardTable), Numbers: counting{e.secrets(), client}, Now: e.Now,
		Log: e.Log,
		Trusted: limits.Rules{
			NumberHour: e.number(deployment.TrustedNumberHour), NumberDay: e.number(deployment.TrustedNumberDay),
			CallerDay: e.number(deployment.TrustedCallerDay),
		},
		StackDay: e.number(deployment.DailyRecipients), Same: time.Duration(e.number(deployment.SameContentWithin)) * time.Minute,
	}
	if untrusted {
		l.Untrusted = limits.Rules{
			NumberHour: e.number(deployment.NumberHour), NumberDay: e.number(deployment.NumberDay), CallerDay: e.number(deployment.CallerDay),
		}
	}
	return l
}

// counting has the keys that numbers are counted under. A stack that has no key for its records yet counts all the same, under
// one that follows from its credentials.
type counting struct {
	store  *parameters.Store
	client *aligo.Client
}

// NumberKeys are those keys, the newest first.
func (c counting) NumberKeys(ctx context.Context) ([]string, error) {
	keys, err := c.store.NumberKeys(ctx)
	if err != nil || len(keys) > 0 {
		return keys, err
	}
	key, err := c.client.DigestKey(ctx)
	if err != nil {
		return nil, err
	}
	return []string{string(key)}, nil
}

// Ads is what the stack says about advertising.
func (e *Environment) Ads() message.Ads {
	a := message.Ads{
		SenderName: e.variable(deployment.AdsSenderName), Contact: e.variable(deployment.AdsContact), Refusal: e.variable(deployment.AdsRefusal),
		Until: e.adsUntil(),
	}
	if err := a.Check(); err != nil && a.Until != 0 {
		e.errs = append(e.errs, fmt.Errorf("the settings of advertising: %w", err))
	}
	return a
}

func (e *Environment) adsUntil() message.TimeOfDay {
	text := e.variable(deployment.AdsUntil)
	if text == "" {
		return 0 // which has been said
	}
	until, err := message.ParseTimeOfDay(text)
	if err != nil {
		e.errs = append(e.errs, fmt.Errorf("%s: %w", deployment.AdsUntil, err))
	}
	return until
}

// reader is a Dispatch that sends nothing.
func (e *Environment) reader() *handlers.Dispatch {
	client, templates := e.Aligo()
	ips := strings.FieldsFunc(e.variable(deployment.EgressIPs), func(r rune) bool { return r == ',' || r == ' ' })
	return &handlers.Dispatch{Aligo: client, Templates: templates, Now: e.Now, Log: e.Log, EgressIPs: ips}
}

// Balance makes the handler of the balance function.
func (e *Environment) Balance() *handlers.Balance {
	client, _ := e.Aligo()
	return &handlers.Balance{Dispatch: e.reader(), Wallet: client, Stack: e.variable(deployment.Stack), Metrics: e.Metrics}
}

// TemplateDesk makes the handler of the templates function.
func (e *Environment) TemplateDesk() *handlers.TemplateDesk {
	client, _ := e.Aligo()
	return &handlers.TemplateDesk{Dispatch: e.reader(), Vendor: client, Book: e.templateBook(), Sleep: e.sleeper()}
}

// templateBook makes what is remembered of templates.
func (e *Environment) templateBook() *template.Book {
	return &template.Book{Client: dynamodb.NewFromConfig(e.AWS), Table: e.variable(deployment.GuardTable), Now: e.Now}
}

// Executions makes what starts messages.
func (e *Environment) Executions() *execution.Executions {
	return &execution.Executions{Client: sfn.NewFromConfig(e.AWS), StateMachineARN: e.variable(deployment.StateMachineARN), Now: e.Now}
}

// recorded makes what starts messages and writes down that it has.
func (e *Environment) recorded() *execution.Executions {
	x := e.Executions()
	x.Records = e.Records()
	return x
}

// Account is the account that the stack is in: the fifth part of the state machine's ARN.
func (e *Environment) Account() string {
	const account = 4
	parts := strings.Split(e.variable(deployment.StateMachineARN), ":")
	if len(parts) <= account {
		e.errs = append(e.errs, fmt.Errorf("%s is no ARN", deployment.StateMachineARN))
		return ""
	}
	return parts[account]
}

// Outcomes makes what also cancels messages and tells what became of them.
func (e *Environment) Outcomes() *execution.Executions {
	x := e.Executions()
	x.Guards, x.Bus = e.Guards(), e.Bus()
	return x
}

// Bus makes what announces on the event bus.
func (e *Environment) Bus() announce.Bus {
	return announce.Bus{Client: eventbridge.NewFromConfig(e.AWS), Name: e.variable(deployment.EventBusName)}
}

// API makes the HTTP API; identify says who makes a request.
func (e *Environment) API(identify func(*http.Request) (intake.Caller, error)) *intake.API {
	client, templates := e.Aligo()
	messages, book := e.Outcomes(), e.Records()
	messages.Records = book
	return &intake.API{
		Executions: messages, Records: book, Identify: identify, UntrustedMaxRecipients: e.number(deployment.UntrustedMaxRecipients),
		UntrustedMaxSchedule: time.Duration(e.number(deployment.UntrustedMaxSchedule)) * time.Hour, Policy: e.Policy(),
		Ads: e.Ads(), Limits: e.Limits(true), OptOuts: e.OptOuts(), OptOutsCoverInfo: e.optOutsCoverInfo(),
		Templates: templates, Wallet: client, Now: e.Now, Log: e.Log,
		Campaigns: intake.Campaigns{
			Store: e.campaigns(), Index: e.campaignIndex(), Links: e.bucket(), Runs: e.runs(), NotBefore: e.notBefore(), Bus: e.Bus(),
		},
	}
}

// campaigns makes the campaigns of the table.
func (e *Environment) campaigns() *campaign.Store {
	return &campaign.Store{
		Client: dynamodb.NewFromConfig(e.AWS), Table: e.variable(deployment.GuardTable),
		Kept: time.Duration(e.number(deployment.RetentionDays)) * day,
	}
}

// campaignIndex makes what lists them.
func (e *Environment) campaignIndex() *campaign.Index {
	return &campaign.Index{Client: dynamodb.NewFromConfig(e.AWS), Table: e.variable(deployment.GuardTable)}
}

// bucket makes the bucket of their files.
func (e *Environment) bucket() *bucket.Bucket {
	return &bucket.Bucket{Config: e.AWS, Name: e.variable(deployment.CampaignBucket), Now: e.Now, Sleep: e.sleeper()}
}

// files makes the files of campaigns.
func (e *Environment) files() *campaign.Files { return &campaign.Files{Objects: e.bucket()} }

// runs makes what starts executions of their state machine.
func (e *Environment) runs() func(ctx context.Context, id string, run int) error {
	return (&campaign.Machine{Client: sfn.NewFromConfig(e.AWS), ARN: e.variable(deployment.CampaignMachineARN)}).Run
}

// chunks makes messages of the chunks of campaigns.
func (e *Environment) chunks(messages *execution.Executions) *intake.Chunks {
	client, templates := e.Aligo()
	templates.TTL = chunkTemplateTTL
	counted := e.Limits(false)
	return &intake.Chunks{
		Executions: messages, Guards: e.Guards(), Files: e.files(), Templates: templates, Wallet: client, Limits: counted,
		Now: e.Now, Log: e.Log,
		Rules: intake.Rules{Ads: e.Ads(), Limits: counted, OptOuts: e.OptOuts(), CoverInfo: e.optOutsCoverInfo()},
	}
}

// watch looks for campaigns that do not go on.
func (e *Environment) watch() *campaign.Watch {
	return &campaign.Watch{
		Store: e.campaigns(), List: dynamodb.NewFromConfig(e.AWS), Runs: e.runs(), NotBefore: e.notBefore(), Bus: e.Bus(),
		Now: e.Now, Log: e.Log,
	}
}

// notBefore is when advertising may go out.
func (e *Environment) notBefore() func(at time.Time) time.Time {
	until := e.adsUntil()
	return func(at time.Time) time.Time { return message.Message{Purpose: message.Ad}.NotBefore(at, until) }
}

// Planning makes the handler of the plan function.
func (e *Environment) Planning() *campaign.Planning {
	chunks := e.chunks(e.Executions())
	return &campaign.Planning{
		Store: e.campaigns(), Files: e.files(), Door: chunks.Door, Suffices: chunks.Suffices, NotBefore: e.notBefore(), Bus: e.Bus(),
		Kept: e.filesKept(), Now: e.Now, Log: e.Log,
	}
}

// Campaign makes the handler of the campaign function.
func (e *Environment) Campaign() *campaign.Sender {
	messages := e.Outcomes()
	messages.Records = e.Records()
	return &campaign.Sender{
		Store: e.campaigns(), Messages: e.chunks(messages), Files: e.files(), Runs: e.runs(), Now: e.Now, Log: e.Log,
		NotBefore: e.notBefore(),
	}
}

// Reporting makes the handler of the report function.
func (e *Environment) Reporting() *campaign.Reporting {
	messages := e.Outcomes()
	messages.Records = e.Records()
	return &campaign.Reporting{
		Store: e.campaigns(), Files: e.files(), Messages: &intake.Chunks{Executions: messages}, Bus: e.Bus(),
		Kept: e.filesKept(), Now: e.Now, Log: e.Log,
	}
}

func (e *Environment) filesKept() time.Duration {
	return time.Duration(e.number(deployment.CampaignFileDays)) * day
}

// Events makes the handler of the events function.
func (e *Environment) Events() *intake.Events {
	_, templates := e.Aligo()
	rate := e.number(deployment.EventRate)
	return &intake.Events{
		Executions: e.recorded(), Made: e.Records(), Account: e.Account(), Bus: e.Bus(), Routes: e.Routes(), Ads: e.Ads(),
		Limits:  e.Limits(false),
		OptOuts: e.OptOuts(), OptOutsCoverInfo: e.optOutsCoverInfo(), Templates: templates, Now: e.Now,
		Sleep: e.sleeper(), Log: e.Log, Rate: rate, Runs: deployment.EventRuns(rate),
	}
}

// sleeper waits on the clock.
func (e *Environment) sleeper() func(ctx context.Context, d time.Duration) error {
	if e.Sleep == nil {
		return deadline.Sleep
	}
	return e.Sleep
}

// Routes reads the templates of the routes.
func (e *Environment) Routes() map[string]*route.Template {
	content, ok := e.Files[deployment.RoutesFile]
	if !ok {
		// FromEnvironment has said so of a function that should have it.
		return nil
	}
	routes, err := route.ReadFile(content)
	if err != nil {
		e.errs = append(e.errs, err)
	}
	return routes
}

// Policy reads what the stack says of callers that are not trusted. A function that has no such file needs none.
func (e *Environment) Policy() untrusted.Policy {
	content, ok := e.Files[deployment.UntrustedFile]
	if !ok {
		// FromEnvironment has said so of a function that should have it.
		return untrusted.Policy{}
	}
	policy, err := untrusted.ReadFile(content)
	if err != nil {
		e.errs = append(e.errs, err)
	}
	return policy
}

// Ended makes the handler of the settle function.
func (e *Environment) Ended() *announce.Ended {
	messages := e.Outcomes()
	messages.Records = e.Records()
	return &announce.Ended{Executions: messages, Bus: e.Bus(), Log: e.Log}
}

// Recorder makes the handler of the record function.
func (e *Environment) Recorder() *tally.Recorder {
	return &tally.Recorder{
		Records: e.Records(), Used: e.templateBook().Used, Stack: e.variable(deployment.Stack), Metrics: e.Metrics, Now: e.Now, Log: e.Log,
	}
}

// Sweeper makes the handler of the sweep function.
func (e *Environment) Sweeper() *sweep.Sweeper {
	return &sweep.Sweeper{
		Executions: e.Outcomes(), Records: e.Records(), Counter: e.Recorder(), Campaigns: e.watch(), Bus: e.Bus(), Now: e.Now,
		Sleep: e.sleeper(), Log: e.Log,
	}
}

// number is the value of a variable that a setting decides; empty means the setting's default.
func (e *Environment) number(name string) int {
	settings := deployment.Settings()
	i := slices.IndexFunc(settings, func(v deployment.Variable) bool { return v.Name == name })
	if i < 0 {
		e.errs = append(e.errs, fmt.Errorf("no setting decides %s", name))
		return 0
	}
	s := settings[i].Setting
	text := cmp.Or(e.variable(name), s.Default)
	n, err := strconv.Atoi(text)
	if err != nil || n < s.Lowest || n > s.Highest {
		e.errs = append(e.errs, fmt.Errorf("%s is %q, not a number from %d to %d", name, text, s.Lowest, s.Highest))
	}
	return n
}
