package asl

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// graph is a set of states run from its start: the machine, a branch, an iteration.
type graph struct {
	start  *state
	states map[string]*state
	parent string // the Map or Parallel state it belongs to
	branch int
}

// state is one state of any type; the fields its type does not have are empty.
type state struct {
	graph                     *graph
	name, kind, path, comment string

	next   *state
	end    bool
	assign []assignment
	output *template // nil: the default of the type

	resource             string // Task
	resourceType, action string
	arguments            *template // Task, Parallel; nil: the input
	timeout, heartbeat   *quantity
	retry                []retrier
	catch                []catcher
	choices              []choice // Choice
	fallback             *state
	seconds              *quantity // Wait
	timestamp            *template
	errorName, cause     *template // Fail
	items, itemSelector  *template // Map
	maxConcurrency       *quantity
	branches             []*graph // Parallel; the processor of a Map alone
}

type assignment struct {
	name  string
	value *template
}

// quantity is a whole number from low to maxSeconds, written out or as an expression.
type quantity struct {
	field string
	fixed int64
	expr  *expression
	low   int64
}

type retrier struct {
	path        string
	errorEquals []string
	interval    time.Duration
	maxAttempts int64
	backoff     float64
	maxDelay    time.Duration // 0: no limit of its own
	fullJitter  bool
}

type catcher struct {
	*departure

	errorEquals []string
}

type choice struct {
	*departure

	truth     bool // Condition written as true or false
	condition *expression
}

// departure is how a choice rule or a catcher leaves its state.
type departure struct {
	path   string
	next   *state
	assign []assignment
	output *template
}

func (s *state) terminal() bool { return s.end || s.kind == "Succeed" || s.kind == "Fail" }

func indexed(i int) string { return "[" + strconv.Itoa(i) + "]" }

// parser builds a Machine and collects what it refuses.
type parser struct {
	refusals
	machine *Machine
	served  map[string]Arguments // nil: any resource
	jsonata bool                 // QueryLanguage of the whole machine
	names   map[string]bool      // states of all graphs
	links   []func()             // resolve references to states, once a graph is complete
}

// Parse reads a state machine definition, whose tasks may name any resource that answers at once. The error is a
// *DefinitionError that lists everything refused.
func Parse(definition []byte) (*Machine, error) { return ParseFor(definition, nil) }

// Arguments names what a service integration takes. A nil value may be anything; another is an object, or a list of objects,
// with these members.
type Arguments map[string]Arguments

// ParseFor is Parse for those who serve these resources and no others. It refuses the arguments that a resource does not
// take, as far as they are written out: what an expression gives is known when it is evaluated.
func ParseFor(definition []byte, served map[string]Arguments) (*Machine, error) {
	p := &parser{machine: &Machine{variables: map[string]bool{}}, served: served, names: map[string]bool{}}
	p.parse(definition)
	if len(p.problems) > 0 {
		return nil, &DefinitionError{Problems: p.problems}
	}
	return p.machine, nil
}

func (p *parser) parse(definition []byte) {
	root, ok := readDocument(definition, &p.refusals)
	if !ok {
		return
	}
	o, ok := asObject(root, &p.refusals)
	if !ok {
		return
	}
	switch language := o.str("QueryLanguage"); language {
	case "JSONata":
		p.jsonata = true
	case "", "JSONPath": // then every state must say JSONata itself
	default:
		p.add("/QueryLanguage", "must be JSONata, not %q", language)
	}
	o.str("Comment")
	if version := o.str("Version"); version != "" && version != "1.0" {
		p.add("/Version", "must be 1.0")
	}
	if n := o.field("TimeoutSeconds"); n != nil {
		p.machine.timeout = time.Duration(n.integer(1, maxSeconds, &p.refusals)) * time.Second
	}
	p.machine.root = p.graph(o, "", 0, nil)
	o.done("a state machine")
}

// graph reads StartAt and States. assigned are the variables of the surrounding scopes.
func (p *parser) graph(o object, parent string, branch int, assigned map[string]bool) *graph {
	g := &graph{states: map[string]*state{}, parent: parent, branch: branch}
	start := o.required("StartAt")
	states := o.required("States")
	if states == nil {
		return g
	}
	list, ok := asObject(states, &p.refusals)
	if !ok {
		return g
	}
	if len(list.keys) == 0 {
		p.add(list.path, "must hold at least one state")
		return g
	}
	links := p.links
	p.links = nil
	scope := p.scope(list, assigned)
	order := make([]*state, 0, len(list.keys))
	known := true
	for _, name := range list.keys {
		s := p.state(g, name, list.field(name), scope)
		g.states[name] = s
		order = append(order, s)
		known = known && s.kind != ""
	}
	if start != nil {
		g.start = p.target(g, start)
	}
	before := len(p.problems)
	for _, link := range p.links {
		link()
	}
	p.links = links
	// What a broken link or a state of an unknown type leads to would be reported as unreachable, too.
	if g.start != nil && known && len(p.problems) == before {
		p.reach(g, order)
	}
	return g
}

// scope lists the variables that this graph's states assign, with those of the surrounding scopes, which must differ.
func (p *parser) scope(states object, outer map[string]bool) map[string]bool {
	scope := map[string]bool{}
	for name := range outer {
		scope[name] = true
	}
	visit := func(n *node) {
		if n == nil || n.kind != objectNode {
			return
		}
		if assign := n.fields["Assign"]; assign != nil {
			for _, name := range assign.keys {
				if outer[name] {
					p.add(assign.path+"/"+name, "a variable of this name exists in a surrounding scope")
				}
				scope[name] = true
			}
		}
	}
	for _, name := range states.keys {
		n := states.fields[name]
		visit(n)
		for _, list := range []string{"Catch", "Choices"} {
			if entries := n.fields[list]; entries != nil {
				for _, entry := range entries.items {
					visit(entry)
				}
			}
		}
	}
	return scope
}

// target is the state that n names within g.
func (p *parser) target(g *graph, n *node) *state {
	if n.kind != stringNode {
		p.add(n.path, "must be the name of a state, not a %s", n.kind)
		return nil
	}
	s := g.states[n.text]
	if s == nil {
		p.add(n.path, "there is no state %q here", n.text)
	}
	return s
}

// link resolves the state that n names when the graph is complete.
func (p *parser) link(g *graph, n *node, set func(*state)) {
	if n != nil {
		p.links = append(p.links, func() { set(p.target(g, n)) })
	}
}

// reach refuses states that nothing leads to, and graphs that cannot end.
func (p *parser) reach(g *graph, order []*state) {
	reached := map[*state]bool{}
	var visit func(s *state)
	visit = func(s *state) {
		if s == nil || reached[s] {
			return
		}
		reached[s] = true
		visit(s.next)
		visit(s.fallback)
		for i := range s.choices {
			visit(s.choices[i].next)
		}
		for i := range s.catch {
			visit(s.catch[i].next)
		}
	}
	visit(g.start)
	ends := false
	for _, s := range order {
		if !reached[s] {
			p.add(s.path, "no transition leads to this state")
		}
		ends = ends || s.terminal() || s.next == nil && s.kind != "Choice" // what lacks End has been refused for that
	}
	if !ends {
		p.add(strings.TrimSuffix(g.start.path, "/"+g.start.name), "no state ends the execution")
	}
}

// state reads one state; its kind is empty if it cannot be known.
func (p *parser) state(g *graph, name string, n *node, scope map[string]bool) *state {
	s := &state{graph: g, name: name, path: n.path}
	o, ok := asObject(n, &p.refusals)
	if !ok {
		return s
	}
	if length := utf8.RuneCountInString(name); length == 0 || length > 80 {
		p.add(n.path, "the name of a state has 1 to 80 characters")
	}
	if p.names[name] {
		p.add(n.path, "another state of the machine has the same name")
	}
	p.names[name] = true

	if o.required("Type") == nil {
		return s
	}
	s.kind, s.comment = o.str("Type"), o.str("Comment")
	p.machine.states = append(p.machine.states, s)
	switch language := o.str("QueryLanguage"); {
	case language == "JSONPath" || language == "" && !p.jsonata:
		p.add(n.path+"/QueryLanguage", "JSONPath is not implemented; must be JSONata")
	case language != "" && language != "JSONata":
		p.add(n.path+"/QueryLanguage", "must be JSONata, not %q", language)
	}

	switch s.kind {
	case "Task":
		p.task(s, o)
		p.transitions(s, o)
		p.results(s, o, seesResult)
		p.handlers(s, o)
	case "Pass":
		p.transitions(s, o)
		p.results(s, o, seesInput)
	case "Wait":
		p.wait(s, o)
		p.transitions(s, o)
		p.results(s, o, seesInput)
	case "Choice":
		p.choice(s, o)
		p.results(s, o, seesInput)
	case "Succeed":
		s.output = p.template(o, "Output", "Output", seesInput)
	case "Fail":
		s.errorName = p.text(o, "Error")
		s.cause = p.text(o, "Cause")
	case "Parallel":
		p.parallel(s, o, scope)
		p.transitions(s, o)
		p.results(s, o, seesResult)
		p.handlers(s, o)
	case "Map":
		p.mapState(s, o, scope)
		p.transitions(s, o)
		p.results(s, o, seesResult)
		p.handlers(s, o)
	default:
		p.add(n.path+"/Type", "there is no type of state %q", s.kind)
		s.kind = ""
		return s
	}
	o.done("a " + s.kind + " state")
	return s
}

// transitions reads Next and End, of which there must be one.
func (p *parser) transitions(s *state, o object) {
	next, end := o.field("Next"), o.field("End")
	if end != nil {
		if end.kind != boolNode {
			p.add(end.path, "must be true or false, not a %s", end.kind)
		}
		s.end = end.truth
	}
	switch {
	case next != nil && s.end:
		p.add(s.path, "has Next and End")
	case next == nil && !s.end:
		p.add(s.path, "has neither Next nor End")
	}
	p.link(s.graph, next, func(t *state) { s.next = t })
}

// results reads what makes the output and the variables.
func (p *parser) results(s *state, o object, allowed uses) {
	s.output = p.template(o, "Output", "Output", allowed)
	s.assign = p.assign(o, "Assign", allowed)
}

func (p *parser) template(o object, key, location string, allowed uses) *template {
	n := o.field(key)
	if n == nil {
		return nil
	}
	return compileTemplate(n, location, allowed, &p.refusals)
}

// text reads a field that is a string, written out or as an expression.
func (p *parser) text(o object, key string) *template {
	n := o.field(key)
	if n != nil && n.kind != stringNode {
		p.add(n.path, "must be a string, not a %s", n.kind)
		return nil
	}
	return p.template(o, key, key, seesInput)
}

// quantity reads a field that is a whole number, written out or as an expression.
func (p *parser) quantity(o object, key string, low int64) *quantity {
	n := o.field(key)
	if n == nil {
		return nil
	}
	q := &quantity{field: key, low: low}
	if n.kind == stringNode {
		source, ok := isExpression(n.text)
		if !ok {
			p.add(n.path, "must be a whole number or a JSONata expression")
			return nil
		}
		q.expr = compileExpression(n, source, key, seesInput, &p.refusals)
		return q
	}
	q.fixed = n.integer(low, maxSeconds, &p.refusals)
	return q
}

func (p *parser) assign(o object, location string, allowed uses) []assignment {
	n := o.field("Assign")
	if n == nil {
		return nil
	}
	if n.kind != objectNode {
		p.add(n.path, "must be an object, not a %s", n.kind)
		return nil
	}
	list := make([]assignment, 0, len(n.keys))
	for _, name := range n.keys {
		v := n.fields[name]
		switch {
		case name == "states":
			p.add(v.path, "$states is reserved")
		case !isVariableName(name):
			p.add(v.path, "the name of a variable begins with a letter, goes on with letters, digits and _, and has 80 characters at most")
		}
		p.machine.variables[name] = true
		list = append(list, assignment{name: name, value: compileTemplate(v, location+"/"+name, allowed, &p.refusals)})
	}
	return list
}

func isVariableName(name string) bool {
	if length := utf8.RuneCountInString(name); length == 0 || length > 80 {
		return false
	}
	for i, r := range name {
		if unicode.IsLetter(r) || i > 0 && (r == '_' || unicode.IsDigit(r) || unicode.IsMark(r)) {
			continue
		}
		return false
	}
	return true
}

// resourcePattern is a service integration that answers at once; the patterns that wait (.sync, .waitForTaskToken),
// activities and bare Lambda ARNs are not implemented.
var resourcePattern = regexp.MustCompile(`^arn:aws[a-z-]*:states:::((?:aws-sdk:)?[a-zA-Z0-9-]+):([a-zA-Z0-9]+)$`)

func (p *parser) task(s *state, o object) {
	if n := o.required("Resource"); n != nil {
		s.resource = o.str("Resource")
		parts := resourcePattern.FindStringSubmatch(s.resource)
		if parts == nil {
			p.add(n.path, "only service integrations that answer at once are implemented (arn:aws:states:::lambda:invoke)")
		} else {
			s.resourceType, s.action = parts[1], parts[2]
			p.known(s.resource, n, o.field("Arguments"))
		}
	}
	s.arguments = p.template(o, "Arguments", "Arguments", seesInput)
	s.timeout = p.quantity(o, "TimeoutSeconds", 1)
	s.heartbeat = p.quantity(o, "HeartbeatSeconds", 1)
	if s.heartbeat != nil && s.heartbeat.expr == nil && s.timeout != nil && s.timeout.expr == nil &&
		s.heartbeat.fixed >= s.timeout.fixed {
		p.add(s.path+"/HeartbeatSeconds", "must be smaller than TimeoutSeconds")
	}
}

// known refuses resources that are not served, and arguments that they do not take.
func (p *parser) known(resource string, at, arguments *node) {
	if p.served == nil {
		return
	}
	takes, ok := p.served[resource]
	switch {
	case !ok:
		p.add(at.path, "this endpoint does not serve %s", resource)
	case arguments != nil:
		p.arguments(resource, arguments, takes)
	}
}

func (p *parser) arguments(resource string, n *node, takes Arguments) {
	if takes == nil {
		return
	}
	for _, item := range n.items {
		p.arguments(resource, item, takes)
	}
	for _, key := range n.keys {
		field := n.fields[key]
		inner, ok := takes[key]
		if !ok {
			p.add(field.path, "%s is no argument that %s takes here", key, resource)
			continue
		}
		p.arguments(resource, field, inner)
	}
}

func (p *parser) wait(s *state, o object) {
	s.seconds = p.quantity(o, "Seconds", 0)
	s.timestamp = p.text(o, "Timestamp")
	if (o.field("Seconds") == nil) == (o.field("Timestamp") == nil) {
		p.add(s.path, "a Wait state has either Seconds or Timestamp")
	}
	if n := o.field("Timestamp"); n != nil && n.kind == stringNode {
		if _, ok := isExpression(n.text); !ok {
			if _, err := parseTimestamp(n.text); err != nil {
				p.add(n.path, "%v", err)
			}
		}
	}
}

func (p *parser) choice(s *state, o object) {
	if o.required("Choices") != nil {
		for i, n := range o.list("Choices") {
			rule, ok := asObject(n, &p.refusals)
			if !ok {
				continue
			}
			location := "Choices" + indexed(i)
			var c choice
			if condition := rule.required("Condition"); condition != nil {
				switch source, ok := isExpression(condition.text); {
				case condition.kind == boolNode:
					c.truth = condition.truth
				case ok:
					c.condition = compileExpression(condition, source, location+"/Condition", seesInput, &p.refusals)
				default:
					p.add(condition.path, "must be a JSONata expression, true or false")
				}
			}
			c.departure = p.departure(s.graph, rule, location, seesInput)
			rule.done("a choice rule")
			s.choices = append(s.choices, c)
		}
	}
	p.link(s.graph, o.field("Default"), func(t *state) { s.fallback = t })
}

// departure reads what choice rules and catchers have in common. location is where they stand in their state.
func (p *parser) departure(g *graph, entry object, location string, sees uses) *departure {
	entry.str("Comment")
	d := &departure{
		path: entry.path, assign: p.assign(entry, location+"/Assign", sees), output: p.template(entry, "Output", location+"/Output", sees),
	}
	p.link(g, entry.required("Next"), func(t *state) { d.next = t })
	return d
}

func (p *parser) parallel(s *state, o object, scope map[string]bool) {
	s.arguments = p.template(o, "Arguments", "Arguments", seesInput)
	if o.required("Branches") == nil {
		return
	}
	for i, n := range o.list("Branches") {
		branch, ok := asObject(n, &p.refusals)
		if !ok {
			continue
		}
		branch.str("Comment")
		s.branches = append(s.branches, p.graph(branch, s.name, i, scope))
		branch.done("a branch")
	}
}

func (p *parser) mapState(s *state, o object, scope map[string]bool) {
	if n := o.field("Items"); n != nil {
		if _, ok := isExpression(n.text); !ok && n.kind != arrayNode {
			p.add(n.path, "must be an array or a JSONata expression")
		}
		s.items = compileTemplate(n, "Items", seesInput, &p.refusals)
	}
	s.itemSelector = p.template(o, "ItemSelector", "ItemSelector", seesInput)
	s.maxConcurrency = p.quantity(o, "MaxConcurrency", 0)
	n := o.required("ItemProcessor")
	if n == nil {
		return
	}
	processor, ok := asObject(n, &p.refusals)
	if !ok {
		return
	}
	processor.str("Comment")
	if n := processor.field("ProcessorConfig"); n != nil {
		if config, ok := asObject(n, &p.refusals); ok {
			if mode := config.str("Mode"); mode != "" && mode != "INLINE" {
				p.add(n.path+"/Mode", "only INLINE is implemented")
			}
			config.done("a ProcessorConfig")
		}
	}
	s.branches = []*graph{p.graph(processor, s.name, 0, scope)}
	processor.done("an ItemProcessor")
}

// handlers reads Retry and Catch.
func (p *parser) handlers(s *state, o object) {
	retriers := o.list("Retry")
	for i, n := range retriers {
		entry, ok := asObject(n, &p.refusals)
		if !ok {
			continue
		}
		entry.str("Comment")
		r := retrier{path: n.path, interval: time.Second, maxAttempts: 3, backoff: 2}
		r.errorEquals = p.errorEquals(entry, i == len(retriers)-1)
		if n := entry.field("IntervalSeconds"); n != nil {
			r.interval = time.Duration(n.integer(1, maxSeconds, &p.refusals)) * time.Second
		}
		if n := entry.field("MaxAttempts"); n != nil {
			r.maxAttempts = n.integer(0, maxSeconds, &p.refusals)
		}
		if n := entry.field("BackoffRate"); n != nil {
			rate, err := strconv.ParseFloat(n.text, 64)
			if n.kind != numberNode || err != nil || rate < 1 {
				p.add(n.path, "must be a number of at least 1")
			}
			r.backoff = rate
		}
		if n := entry.field("MaxDelaySeconds"); n != nil {
			before := len(p.problems)
			r.maxDelay = time.Duration(n.integer(1, 31_622_399, &p.refusals)) * time.Second
			if len(p.problems) == before && r.maxDelay <= r.interval {
				p.add(n.path, "must be greater than IntervalSeconds")
			}
		}
		switch strategy := entry.str("JitterStrategy"); strategy {
		case "", "NONE":
		case "FULL":
			r.fullJitter = true
		default:
			p.add(n.path+"/JitterStrategy", "must be FULL or NONE, not %q", strategy)
		}
		entry.done("a retrier")
		s.retry = append(s.retry, r)
	}

	catchers := o.list("Catch")
	for i, n := range catchers {
		entry, ok := asObject(n, &p.refusals)
		if !ok {
			continue
		}
		c := catcher{errorEquals: p.errorEquals(entry, i == len(catchers)-1)}
		c.departure = p.departure(s.graph, entry, "Catch"+indexed(i), seesError)
		entry.done("a catcher")
		s.catch = append(s.catch, c)
	}
}

// statesErrors are the error names that the language reserves, as far as JSONata machines can meet them.
var statesErrors = []string{
	errAll, errTaskFailed, errTimeout, errHeartbeatTimeout, errPermissions, errBranchFailed, errNoChoiceMatched,
	errQueryEvaluation, errDataLimitExceeded, errRuntime, errExceedToleratedFailure,
}

// errorEquals reads the names a handler takes; last says whether it is the last of its list.
func (p *parser) errorEquals(entry object, last bool) []string {
	if entry.required("ErrorEquals") == nil {
		return nil
	}
	var names []string
	for _, n := range entry.list("ErrorEquals") {
		switch {
		case n.kind != stringNode || n.text == "":
			p.add(n.path, "must be the name of an error")
			continue
		case strings.HasPrefix(n.text, "States.") && !slices.Contains(statesErrors, n.text):
			p.add(n.path, "there is no error %q in the language", n.text)
		case slices.Contains(names, n.text):
			p.add(n.path, "%q appears twice", n.text)
		}
		names = append(names, n.text)
	}
	if slices.Contains(names, errAll) {
		path := entry.field("ErrorEquals").path
		if len(names) > 1 {
			p.add(path, "%s must stand alone", errAll)
		}
		if !last {
			p.add(path, "%s must be the last of the list", errAll)
		}
	}
	return names
}
