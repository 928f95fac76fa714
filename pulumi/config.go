package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sms-api/internal/deployment"
	"sms-api/internal/message"
	"sms-api/internal/route"
	"sms-api/internal/untrusted"
	"sms-api/internal/webhook"
)

// config is everything that a stack can decide. It is read and checked as a whole before the first resource, so that a
// stack file is corrected once and not once per mistake.
type config struct {
	// prefix begins every name: the project and the stack, so that stacks of one account do not collide.
	prefix    string
	tags      map[string]string
	network   networkConfig
	functions map[string]functionConfig
	// environment are the variables of functions that a setting decides, by name.
	environment map[string]string
	// schedules are how many minutes lie between two calls of the rules that have no pattern, by the rule's name.
	schedules map[string]int
	// fileDays is for how many days the files of a campaign are kept after it has settled.
	fileDays     int
	logRetention int
	workflowLog  string
	encryption   encryptionConfig
	events       eventsConfig
	api          apiConfig
	untrusted    untrusted.Policy
	secrets      secretsConfig
	alarms       alarmsConfig
}

// The ways out of the VPC.
const (
	egressNATGateway      = "nat-gateway"
	egressNATGatewayPerAZ = "nat-gateway-per-az"
	egressNATInstance     = "nat-instance"
)

type networkConfig struct {
	// cidr is the VPC's block, or, with vpcID, the part of that VPC which the subnets are made in.
	cidr              netip.Prefix
	availabilityZones []string
	egress            string
	// eipAllocationIDs brings in addresses that exist: none, or one per way out.
	eipAllocationIDs []string
	vpcID            string
	// subnetIDs and securityGroupIDs are a network of somebody else; nothing is made then.
	subnetIDs, securityGroupIDs []string
	analyse                     bool
}

// addresses is how many Elastic IPs the way out has.
func (n networkConfig) addresses() int {
	if n.egress == egressNATGatewayPerAZ {
		return 2
	}
	return 1
}

func (n networkConfig) own() bool { return len(n.subnetIDs) > 0 }

type functionConfig struct {
	// Memory in MB, Timeout in seconds.
	Memory  int `json:"memory"`
	Timeout int `json:"timeout"`
	// ReservedConcurrency is how many run at once at most; -1 means no limit of its own.
	ReservedConcurrency int `json:"reservedConcurrency"`
}

// The keys of encryption:key besides an ARN.
const (
	keyOfAWS = "aws"
	keyNew   = "new"
)

type encryptionConfig struct {
	// key is what encrypts: keyOfAWS, keyNew or the ARN of a key of the customer.
	key string
	// former are the keys that encrypted before, keyNew or ARNs: what is older can still be read.
	former []string
}

// makes says whether the stack has a key that it has made, to encrypt with or only to read.
func (e encryptionConfig) makes() bool { return e.key == keyNew || slices.Contains(e.former, keyNew) }

type eventsConfig struct {
	producerAccounts []string
	archiveDays      int
	routes           []route.Route
	// webhooks are complete.
	webhooks []webhook.Webhook
}

type apiConfig struct {
	jwtIssuer     string
	jwtAudience   []string
	corsOrigins   []string
	throttleRate  int
	throttleBurst int
	// readThrottleRate is how many requests a second may ask for what became of messages.
	readThrottleRate int
	domainName       string
	certificateARN   string
}

type secretsConfig struct {
	prefix  string
	managed bool
	// values holds the parameters' values by name, only when they are managed.
	values map[string]string
}

type alarmsConfig struct {
	emails         []string
	topicARN       string
	lowBalance     int
	balanceMinutes int
	// templatesMinutes is how many lie between two looks at the templates.
	templatesMinutes int
	// failurePercent and fallbackPercent are how many recipients of a hundred may get nothing, and fall back.
	failurePercent, fallbackPercent int
}

// parameterNames are the names below the prefix, as package internal/parameters reads them.
func parameterNames() []string { return []string{"api-key", "user-id", "sender-key", "sender"} }

// numberKeyName is the name of the key that numbers are hashed with, as package internal/parameters reads it. It is none of
// Aligo's, nobody needs to know it, and the program never writes it.
const numberKeyName = "number-key"

// configName is a parameter's key in the namespace secrets: api-key becomes apiKey.
func configName(parameter string) string {
	first, second, _ := strings.Cut(parameter, "-")
	if second == "" {
		return first
	}
	return first + strings.ToUpper(second[:1]) + second[1:]
}

var (
	nameInARN       = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	accountID       = regexp.MustCompile(`^\d{12}$`)
	allocationID    = regexp.MustCompile(`^eipalloc-[0-9a-f]{8,17}$`)
	vpcID           = regexp.MustCompile(`^vpc-[0-9a-f]{8,17}$`)
	subnetID        = regexp.MustCompile(`^subnet-[0-9a-f]{8,17}$`)
	securityGroupID = regexp.MustCompile(`^sg-[0-9a-f]{8,17}$`)
	zoneName        = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d[a-z]$`)
	keyARN          = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+$`)
	formerKey       = regexp.MustCompile(`^new$|` + keyARN.String())
	topicARN        = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]+$`)
	certificateARN  = regexp.MustCompile(`^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[A-Za-z0-9-]+$`)
	hostName        = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$`)
	emailAddress    = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)
	parameterPath   = regexp.MustCompile(`^(/[A-Za-z0-9._-]+)+$`)
	phoneOrKey      = regexp.MustCompile(`^\S+$`)
)

// retentions are the days CloudWatch Logs accepts:
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
func retentions() []int {
	return []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
}

// readConfig reads a stack's configuration: values are the keys with their namespace and the values as Pulumi hands them
// to a program (structured ones as JSON), secret says which of them are encrypted in the stack file. The error holds
// every mistake, one per line.
func readConfig(project, stack string, values map[string]string, secret []string) (config, error) {
	r := &reader{values: values, known: map[string]bool{}}
	c := config{prefix: project + "-" + stack}
	if !nameInARN.MatchString(c.prefix) || len(c.prefix) > deployment.PrefixLength {
		r.fail("the stack's name", "%q must give names of at most %d lower-case letters, digits and hyphens", c.prefix,
			deployment.PrefixLength)
	}
	r.object("sms-api:tags", &c.tags)
	c.network = r.network()
	c.functions = map[string]functionConfig{}
	for _, f := range deployment.Functions() {
		c.functions[f.Name] = r.function(f)
	}
	c.schedules = map[string]int{}
	for _, rule := range deployment.Rules(nil) {
		if rule.Every != nil {
			c.schedules[rule.Name] = r.whole(rule.Every)
		}
	}
	c.environment = map[string]string{}
	for _, v := range deployment.Settings() {
		c.environment[v.Name] = r.setting(*v.Setting)
	}
	c.fileDays = r.whole(deployment.CampaignFilesKept())
	ads := r.ads()
	c.logRetention = r.number("functions:logRetentionDays", 30, 1, 3653)
	if !slices.Contains(retentions(), c.logRetention) {
		r.fail("functions:logRetentionDays", "%d is not one of %v", c.logRetention, retentions())
	}
	c.workflowLog = r.oneOf("workflow:logLevel", "ERROR", "OFF", "FATAL", "ERROR", "ALL")
	c.encryption = r.encryption()
	c.events = r.events(c.prefix, ads)
	c.events.webhooks = r.webhooks(project, stack)
	c.api = r.api()
	c.untrusted = r.untrusted()
	c.secrets = r.secrets(project, stack, secret)
	c.alarms = r.alarms()
	r.unknown()
	return c, errors.Join(r.errs...)
}

// reader takes values out of the configuration and remembers what was wrong and what was asked for.
type reader struct {
	values map[string]string
	known  map[string]bool
	errs   []error
}

func (r *reader) fail(key, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
}

func (r *reader) has(key string) bool {
	r.known[key] = true
	return r.values[key] != ""
}

func (r *reader) text(key, fallback string) string {
	if !r.has(key) {
		return fallback
	}
	return r.values[key]
}

func (r *reader) matching(key string, pattern *regexp.Regexp, want string) string {
	value := r.text(key, "")
	if value != "" && !pattern.MatchString(value) {
		r.fail(key, "%q is not %s", value, want)
	}
	return value
}

func (r *reader) oneOf(key, fallback string, allowed ...string) string {
	value := r.text(key, fallback)
	if !slices.Contains(allowed, value) {
		r.fail(key, "%q is not one of %s", value, strings.Join(allowed, ", "))
	}
	return value
}

func (r *reader) number(key string, fallback, lowest, highest int) int {
	if !r.has(key) {
		return fallback
	}
	n, err := strconv.Atoi(r.values[key])
	if err != nil || n < lowest || n > highest {
		r.fail(key, "%q is not a number from %d to %d", r.values[key], lowest, highest)
		return fallback
	}
	return n
}

// whole is a setting that is a whole number.
func (r *reader) whole(s *deployment.Setting) int {
	n, err := strconv.Atoi(s.Default)
	if err != nil {
		r.fail(s.Key, "the default %q is no number", s.Default)
	}
	return r.number(s.Key, n, s.Lowest, s.Highest)
}

func (r *reader) yes(key string) bool {
	if !r.has(key) {
		return false
	}
	yes, err := strconv.ParseBool(r.values[key])
	if err != nil {
		r.fail(key, "%q is not true or false", r.values[key])
	}
	return yes
}

// list reads a list, or one value alone, whose items all match.
func (r *reader) list(key string, pattern *regexp.Regexp, want string) []string {
	if !r.has(key) {
		return nil
	}
	items := []string{r.values[key]}
	if strings.HasPrefix(r.values[key], "[") {
		items = nil
		r.object(key, &items)
	}
	for i, item := range items {
		if pattern != nil && !pattern.MatchString(item) {
			r.fail(key, "%q is not %s", item, want)
		}
		if slices.Contains(items[:i], item) {
			r.fail(key, "%q is there twice", item)
		}
	}
	return items
}

func (r *reader) object(key string, into any) {
	if !r.has(key) {
		return
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(r.values[key])))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if wrong := new(json.UnmarshalTypeError); errors.As(err, &wrong) && wrong.Type.Kind() == reflect.String {
		r.fail(key, "YAML has read a text as a %s, and may have changed it: put it in quotes", wrong.Value)
		return
	}
	if err != nil {
		r.fail(key, "%v", err)
	}
}

// unknown reports keys that nothing asked for: a misspelt key would otherwise be a setting that silently does nothing.
func (r *reader) unknown() {
	spaces := map[string]bool{}
	for key := range r.known {
		space, _, _ := strings.Cut(key, ":")
		spaces[space] = true
	}
	for _, key := range slices.Sorted(maps.Keys(r.values)) {
		if space, _, _ := strings.Cut(key, ":"); spaces[space] && !r.known[key] {
			r.fail(key, "there is no such setting")
		}
	}
}

func (r *reader) network() networkConfig {
	n := networkConfig{
		egress:            r.oneOf("network:egress", egressNATGateway, egressNATGateway, egressNATGatewayPerAZ, egressNATInstance),
		vpcID:             r.matching("network:vpcId", vpcID, "the id of a VPC"),
		subnetIDs:         r.list("network:subnetIds", subnetID, "the id of a subnet"),
		securityGroupIDs:  r.list("network:securityGroupIds", securityGroupID, "the id of a security group"),
		availabilityZones: r.list("network:availabilityZones", zoneName, "the name of an availability zone"),
		eipAllocationIDs:  r.list("network:eipAllocationId", allocationID, "the allocation id of an Elastic IP"),
		analyse:           r.yes("network:analyse"),
	}
	cidr := r.text("network:cidr", "10.77.0.0/20")
	if len(n.subnetIDs) > 0 || len(n.securityGroupIDs) > 0 {
		if len(n.subnetIDs) == 0 || len(n.securityGroupIDs) == 0 {
			r.fail("network:subnetIds", "a network of your own is subnetIds and securityGroupIds together")
		}
		for _, key := range []string{"cidr", "availabilityZones", "egress", "eipAllocationId", "vpcId", "analyse"} {
			if r.has("network:" + key) {
				r.fail("network:"+key, "nothing is made in a network of your own (network:subnetIds), so this has no effect")
			}
		}
		return n
	}
	if n.vpcID != "" && !r.has("network:cidr") {
		r.fail("network:cidr", "say which free part of %s the subnets are to be made in", n.vpcID)
	}
	var err error
	switch n.cidr, err = netip.ParsePrefix(cidr); {
	case err != nil || !n.cidr.Addr().Is4() || n.cidr != n.cidr.Masked():
		r.fail("network:cidr", "%q is not a block of IPv4 addresses such as 10.77.0.0/20", cidr)
	case n.cidr.Bits() < 16 || n.cidr.Bits() > 26:
		r.fail("network:cidr", "%s is not between /16 and /26: four subnets are made in it, and AWS has none smaller than /28", cidr)
	case !n.cidr.Addr().IsPrivate():
		r.fail("network:cidr", "%s is not a block of private addresses", cidr)
	}
	if len(n.availabilityZones) != 0 && len(n.availabilityZones) != 2 {
		r.fail("network:availabilityZones", "there must be two, not %d", len(n.availabilityZones))
	}
	if got := len(n.eipAllocationIDs); got != 0 && got != n.addresses() {
		r.fail("network:eipAllocationId", "%s has %d addresses, not %d", n.egress, n.addresses(), got)
	}
	if n.analyse && n.egress == egressNATInstance {
		r.fail("network:analyse", "Reachability Analyzer does not look through an instance that forwards packets; %s has none", egressNATGateway)
	}
	return n
}

func (r *reader) function(kind deployment.Function) functionConfig {
	key := "functions:" + kind.Name
	f := functionConfig{Memory: kind.Memory, Timeout: seconds(kind.Timeout), ReservedConcurrency: kind.Concurrency}
	r.object(key, &f)
	const least, most = deployment.LeastMemory, deployment.MostMemory
	if f.Memory < least || f.Memory > most {
		r.fail(key, "memory %d is not from %d to %d MB", f.Memory, least, most)
	}
	if longest := seconds(kind.Longest); f.Timeout < 3 || f.Timeout > longest {
		r.fail(key, "timeout %d is not from 3 to %d seconds: %s gives up after that", f.Timeout, longest, kind.Caller)
	}
	const unreserved, all = deployment.Unreserved, deployment.AccountConcurrency
	if f.ReservedConcurrency < unreserved || f.ReservedConcurrency == 0 || f.ReservedConcurrency > all {
		r.fail(key, "reservedConcurrency %d is neither %d (no limit) nor from 1 to %d", f.ReservedConcurrency, unreserved, all)
	}
	return f
}

// setting reads what a function gets as it is.
func (r *reader) setting(s deployment.Setting) string {
	switch {
	case len(s.OneOf) > 0:
		return r.oneOf(s.Key, s.Default, s.OneOf...)
	case s.Text != "":
		return r.text(s.Key, s.Default)
	case r.has(s.Key):
		return strconv.Itoa(r.number(s.Key, s.Lowest, s.Lowest, s.Highest))
	}
	return s.Default
}

// counts says whether there are limits for trusted callers, or advertising: what the doors ask the table for.
func (c config) counts() bool {
	for _, name := range []string{
		deployment.TrustedNumberHour, deployment.TrustedNumberDay, deployment.TrustedCallerDay, deployment.DailyRecipients,
		deployment.SameContentWithin,
	} {
		if c.environment[name] != "0" {
			return true
		}
	}
	return c.environment[deployment.AdsSenderName] != "" || c.environment[deployment.OptOutsCoverInfo] == "true"
}

// ads checks together what a stack says about advertising.
func (r *reader) ads() message.Ads {
	ads := message.Ads{SenderName: r.values["ads:senderName"], Contact: r.values["ads:contact"], Refusal: r.values["ads:refusal"]}
	var err error
	if ads.Until, err = message.ParseTimeOfDay(cmp.Or(r.values["ads:until"], deployment.Defaults()[deployment.AdsUntil])); err != nil {
		r.fail("ads:until", "%v", err)
		return ads
	}
	if err := ads.Check(); err != nil {
		r.fail("ads", "%v", err)
	}
	return ads
}

func (r *reader) encryption() encryptionConfig {
	e := encryptionConfig{
		key:    r.text("encryption:key", keyOfAWS),
		former: r.list("encryption:formerKeys", formerKey, `"new" or the ARN of a KMS key`),
	}
	if e.key != keyOfAWS && e.key != keyNew && !keyARN.MatchString(e.key) {
		r.fail("encryption:key", "%q is not %q, %q or the ARN of a KMS key", e.key, keyOfAWS, keyNew)
	}
	if slices.Contains(e.former, e.key) {
		r.fail("encryption:formerKeys", "%s is encryption:key and not a former one", e.key)
	}
	return e
}

func (r *reader) events(prefix string, ads message.Ads) eventsConfig {
	e := eventsConfig{
		producerAccounts: r.list("events:producerAccounts", accountID, "an account's 12 digits"),
		// An event that is replayed after that is sent again: the name of its execution is free.
		archiveDays: r.number("events:archiveDays", 30, 0, int(deployment.UniqueName.Hours()/24)),
	}
	r.object("events:routes", &e.routes)
	errs, index := route.CheckAll(e.routes, ads)
	for i, err := range errs {
		key := "events:routes"
		if index[i] >= 0 {
			key = fmt.Sprintf("events:routes[%d]", index[i])
		}
		r.fail(key, "%v", err)
	}
	for i, one := range e.routes {
		for _, rule := range deployment.Rules([]route.Route{one}) {
			if name := prefix + "-" + rule.Name; rule.Name == route.RuleName(one.Name) && len(name) > deployment.RuleNameLength {
				r.fail(fmt.Sprintf("events:routes[%d]", i), "the name %q makes a rule of the name %s, which is %d characters too long", one.Name,
					name, len(name)-deployment.RuleNameLength)
			}
		}
	}
	return e
}

func (r *reader) webhooks(project, stack string) []webhook.Webhook {
	const key = "events:webhooks"
	var all []webhook.Webhook
	r.object(key, &all)
	errs, index := webhook.CheckAll(all, false)
	for i, err := range errs {
		if index[i] < 0 {
			r.fail(key, "%v", err)
			continue
		}
		r.fail(fmt.Sprintf("%s[%d]", key, index[i]), "%v", err)
	}
	for i, one := range all {
		// The connection and the destination are called as the rule is, with the same limit.
		if name := project + "-" + stack + "-" + webhook.RuleName(one.Name); len(name) > deployment.RuleNameLength {
			r.fail(fmt.Sprintf("%s[%d]", key, i), "the name %q makes a rule of the name %s, which is %d characters too long", one.Name, name,
				len(name)-deployment.RuleNameLength)
		}
		all[i] = one.Complete("/" + path.Join(project, stack))
	}
	return all
}

func (r *reader) api() apiConfig {
	rate, burst := deployment.APIThrottle()
	a := apiConfig{
		jwtIssuer:     r.text("api:jwtIssuer", ""),
		jwtAudience:   r.list("api:jwtAudience", nil, ""),
		corsOrigins:   r.list("api:corsOrigins", nil, ""),
		throttleRate:  r.number("api:throttleRate", rate, 1, 10000),
		throttleBurst: r.number("api:throttleBurst", burst, 1, 5000),
		// They are answered from the table, and a page that polls must not keep messages from being sent.
		readThrottleRate: r.number("api:readThrottleRate", 500, 1, 10000),
		domainName:       r.matching("api:domainName", hostName, "a host name"),
		certificateARN:   r.matching("api:certificateArn", certificateARN, "the ARN of an ACM certificate"),
	}
	if u, err := url.Parse(a.jwtIssuer); a.jwtIssuer != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		r.fail("api:jwtIssuer", "%q is not an https URL", a.jwtIssuer)
	}
	if (a.jwtIssuer == "") != (len(a.jwtAudience) == 0) {
		r.fail("api:jwtAudience", "jwtIssuer and jwtAudience go together: a token made for another application must not be taken")
	}
	for _, origin := range a.corsOrigins {
		if err := deployment.CheckOrigin(origin); err != nil {
			r.fail("api:corsOrigins", "%v", err)
		}
	}
	if (a.domainName == "") != (a.certificateARN == "") {
		r.fail("api:domainName", "domainName and certificateArn go together")
	}
	return a
}

// untrusted reads what the stack says of callers that are not trusted. The keys in the namespace templates are the codes of
// templates.
func (r *reader) untrusted() untrusted.Policy {
	const space = "templates:"
	p := untrusted.Policy{FrontendRoles: r.list("api:frontendRoles", nil, ""), Templates: map[string]untrusted.Rules{}}
	for _, key := range slices.Sorted(maps.Keys(r.values)) {
		if code, ok := strings.CutPrefix(key, space); ok {
			var rules untrusted.Rules
			r.object(key, &rules)
			p.Templates[code] = rules
		}
	}
	r.errs = append(r.errs, p.Check()...)
	return p
}

func (r *reader) secrets(project, stack string, encrypted []string) secretsConfig {
	s := secretsConfig{
		prefix:  r.text("secrets:prefix", "/"+path.Join(project, stack, "aligo")),
		managed: r.yes("secrets:managed"),
		values:  map[string]string{},
	}
	// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-parameter-name-constraints.html
	if root := strings.ToLower(s.prefix + "/"); !parameterPath.MatchString(s.prefix) || strings.HasPrefix(root, "/aws") ||
		strings.HasPrefix(root, "/ssm") {
		r.fail("secrets:prefix", "%q is not a parameter path such as /sms-api/dev/aligo", s.prefix)
	}
	for _, name := range parameterNames() {
		key := "secrets:" + configName(name)
		switch {
		case !r.has(key) && s.managed:
			r.fail(key, "secrets:managed needs it: pulumi config set --secret %s", key)
		case !r.has(key):
		case !s.managed:
			r.fail(key, "without secrets:managed the program writes no parameters, so this has no effect")
		case !slices.Contains(encrypted, key):
			r.fail(key, "it is in the stack file as plain text: pulumi config set --secret %s", key)
		case !phoneOrKey.MatchString(r.values[key]):
			r.fail(key, "it has white space in it")
		default:
			s.values[name] = r.values[key]
		}
	}
	return s
}

func (r *reader) alarms() alarmsConfig {
	a := alarmsConfig{
		emails:           r.list("alarms:emails", emailAddress, "an e-mail address"),
		topicARN:         r.matching("alarms:topicArn", topicARN, "the ARN of an SNS topic"),
		lowBalance:       r.whole(deployment.LowBalance()),
		balanceMinutes:   r.whole(deployment.BalanceEvery()),
		templatesMinutes: r.whole(deployment.TemplatesEvery()),
		failurePercent:   r.whole(deployment.FailurePercent()), fallbackPercent: r.whole(deployment.FallbackPercent()),
	}
	if a.topicARN != "" && len(a.emails) > 0 {
		r.fail("alarms:emails", "a topic of your own (alarms:topicArn) has its own subscriptions")
	}
	return a
}
