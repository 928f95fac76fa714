package asl

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

// A definition that Step Functions would refuse, or that uses what is not implemented, is refused with the place.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	pass := `"A":{"Type":"Pass","End":true}`
	task := func(fields string) string {
		return `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",` + fields + `"End":true}`
	}
	cases := []struct {
		name   string
		fields string // top level, each followed by a comma
		states string
		want   []string // beginnings of path: message
	}{
		{"a top-level field that does not exist", `"Timeout":3,`, pass, []string{"/Timeout: is not a field of a state machine"}},
		{"a version of the language that does not exist", `"Version":"2.0",`, pass, []string{"/Version: must be 1.0"}},
		{"a timeout of zero", `"TimeoutSeconds":0,`, pass, []string{"/TimeoutSeconds: must be a whole number from 1"}},
		{"a timeout that is an expression", `"TimeoutSeconds":"{% 3 %}",`, pass, []string{"/TimeoutSeconds: must be a number"}},
		{"a comment that is no string", `"Comment":1,`, pass, []string{"/Comment: must be a string"}},
		{"no states", ``, ``, []string{"/States: must hold at least one state"}},
		{"a state twice", ``, pass + `,` + pass, []string{"/States/A: appears twice"}},
		{"a field twice", ``, `"A":{"Type":"Pass","End":true,"End":true}`, []string{"/States/A/End: appears twice"}},
		{"no type", ``, `"A":{"End":true}`, []string{"/States/A/Type: is missing"}},
		{"an unknown type", ``, `"A":{"Type":"Sleep","End":true}`, []string{`/States/A/Type: there is no type of state "Sleep"`}},
		{"neither Next nor End", ``, `"A":{"Type":"Pass"}`, []string{"/States/A: has neither Next nor End"}},
		{"Next and End", ``, `"A":{"Type":"Pass","Next":"A","End":true}`, []string{"/States/A: has Next and End"}},
		{"End that says nothing", ``, `"A":{"Type":"Pass","End":"yes"}`,
			[]string{"/States/A/End: must be true or false", "/States/A: has neither"}},
		{"Next to nowhere", ``, `"A":{"Type":"Pass","Next":"B"}`, []string{`/States/A/Next: there is no state "B" here`}},
		{"a state nothing leads to", ``, pass + `,"B":{"Type":"Pass","End":true},"C":{"Type":"Pass","Next":"B"}`,
			[]string{"/States/B: no transition leads to this state", "/States/C: no transition leads to this state"}},
		{"a loop without end", ``, `"A":{"Type":"Pass","Next":"A"}`, []string{"/States: no state ends the execution"}},
		{"a name that is too long", ``, fmt.Sprintf(`%q:{"Type":"Pass","End":true}`, strings.Repeat("é", 81)), []string{"/States/é"}},

		{"a field of another type of state", ``, `"A":{"Type":"Pass","End":true,"Seconds":1}`,
			[]string{"/States/A/Seconds: is not a field of a Pass state"}},
		{"a JSONPath field", ``, `"A":{"Type":"Pass","End":true,"InputPath":"$"}`, []string{"/States/A/InputPath: belongs to JSONPath"}},
		{"Result of JSONPath's Pass", ``, `"A":{"Type":"Pass","End":true,"Result":1}`, []string{"/States/A/Result: belongs to JSONPath"}},
		{"a JSONPath state", ``, `"A":{"Type":"Pass","QueryLanguage":"JSONPath","End":true}`,
			[]string{"/States/A/QueryLanguage: JSONPath is not implemented"}},
		{"an unknown query language", ``, `"A":{"Type":"Pass","QueryLanguage":"jsonata","End":true}`,
			[]string{`/States/A/QueryLanguage: must be JSONata, not "jsonata"`}},
		{"Retry on Pass", ``, `"A":{"Type":"Pass","End":true,"Retry":[{"ErrorEquals":["X"]}]}`,
			[]string{"/States/A/Retry: is not a field of a Pass state"}},
		{"Output of Fail", ``, `"A":{"Type":"Fail","Output":1}`, []string{"/States/A/Output: is not a field of a Fail state"}},
		{"Assign of Succeed", ``, `"A":{"Type":"Succeed","Assign":{"x":1}}`, []string{"/States/A/Assign: is not a field of a Succeed state"}},
		{"Next of Succeed", ``, `"A":{"Type":"Succeed","Next":"A"}`, []string{"/States/A/Next: is not a field of a Succeed state"}},

		{"no resource", ``, `"A":{"Type":"Task","End":true}`, []string{"/States/A/Resource: is missing"}},
		{"a bare Lambda ARN", ``, `"A":{"Type":"Task","Resource":"arn:aws:lambda:ap-northeast-2:000000000000:function:f","End":true}`,
			[]string{"/States/A/Resource: only service integrations"}},
		{"a callback", ``, `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","End":true}`,
			[]string{"/States/A/Resource: only service integrations"}},
		{"credentials", ``, task(`"Credentials":{"RoleArn":"r"},`),
			[]string{"/States/A/Credentials: is not a field of a Task state, or is not implemented"}},
		{"a task timeout of zero", ``, task(`"TimeoutSeconds":0,`), []string{"/States/A/TimeoutSeconds: must be a whole number from 1"}},
		{"a task timeout that is a plain string", ``, task(`"TimeoutSeconds":"3",`),
			[]string{"/States/A/TimeoutSeconds: must be a whole number or a JSONata expression"}},
		{"a heartbeat no shorter than the timeout", ``, task(`"TimeoutSeconds":5,"HeartbeatSeconds":5,`),
			[]string{"/States/A/HeartbeatSeconds: must be smaller than TimeoutSeconds"}},

		{"no retriers", ``, task(`"Retry":[],`), []string{"/States/A/Retry: must not be empty"}},
		{"a retrier without errors", ``, task(`"Retry":[{}],`), []string{"/States/A/Retry[0]/ErrorEquals: is missing"}},
		{"a retrier with a field that does not exist", ``, task(`"Retry":[{"ErrorEquals":["X"],"MaxRetries":3}],`),
			[]string{"/States/A/Retry[0]/MaxRetries: is not a field of a retrier"}},
		{"an interval of zero", ``, task(`"Retry":[{"ErrorEquals":["X"],"IntervalSeconds":0}],`),
			[]string{"/States/A/Retry[0]/IntervalSeconds: must be"}},
		{"an interval that is not whole", ``, task(`"Retry":[{"ErrorEquals":["X"],"IntervalSeconds":1.5}],`),
			[]string{"/States/A/Retry[0]/IntervalSeconds: must be"}},
		{"attempts below zero", ``, task(`"Retry":[{"ErrorEquals":["X"],"MaxAttempts":-1}],`),
			[]string{"/States/A/Retry[0]/MaxAttempts: must be"}},
		{"a rate below one", ``, task(`"Retry":[{"ErrorEquals":["X"],"BackoffRate":0.9}],`), []string{"/States/A/Retry[0]/BackoffRate: must be"}},
		{"a longest delay that is not longer than the first", ``,
			task(`"Retry":[{"ErrorEquals":["X"],"IntervalSeconds":5,"MaxDelaySeconds":5}],`),
			[]string{"/States/A/Retry[0]/MaxDelaySeconds: must be greater than IntervalSeconds"}},
		{"a longest delay of a leap year", ``, task(`"Retry":[{"ErrorEquals":["X"],"MaxDelaySeconds":31622400}],`),
			[]string{"/States/A/Retry[0]/MaxDelaySeconds: must be"}},
		{"an unknown jitter", ``, task(`"Retry":[{"ErrorEquals":["X"],"JitterStrategy":"HALF"}],`),
			[]string{`/States/A/Retry[0]/JitterStrategy: must be FULL or NONE, not "HALF"`}},
		{"States.ALL beside another name", ``, task(`"Retry":[{"ErrorEquals":["X","States.ALL"]}],`),
			[]string{"/States/A/Retry[0]/ErrorEquals: States.ALL must stand alone"}},
		{"States.ALL before another retrier", ``, task(`"Retry":[{"ErrorEquals":["States.ALL"]},{"ErrorEquals":["X"]}],`),
			[]string{"/States/A/Retry[0]/ErrorEquals: States.ALL must be the last of the list"}},
		{"States.ALL before another catcher", ``, task(`"Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"},{"ErrorEquals":["X"],"Next":"B"}],`) +
			`,"B":{"Type":"Succeed"}`,
			[]string{"/States/A/Catch[0]/ErrorEquals: States.ALL must be the last of the list"}},
		{"a reserved error name that does not exist", ``, task(`"Retry":[{"ErrorEquals":["States.Timeouts"]}],`),
			[]string{`/States/A/Retry[0]/ErrorEquals[0]: there is no error "States.Timeouts"`}},
		{"an error name twice", ``, task(`"Retry":[{"ErrorEquals":["X","X"]}],`),
			[]string{`/States/A/Retry[0]/ErrorEquals[1]: "X" appears twice`}},
		{"an error name that is no string", ``, task(`"Retry":[{"ErrorEquals":[3]}],`),
			[]string{"/States/A/Retry[0]/ErrorEquals[0]: must be the name of an error"}},
		{"a catcher without target", ``, task(`"Catch":[{"ErrorEquals":["X"]}],`), []string{"/States/A/Catch[0]/Next: is missing"}},
		{"a catcher of JSONPath", ``, task(`"Catch":[{"ErrorEquals":["X"],"Next":"B","ResultPath":"$.e"}],`) + `,"B":{"Type":"Succeed"}`,
			[]string{"/States/A/Catch[0]/ResultPath: belongs to JSONPath"}},

		{"no choices", ``, `"A":{"Type":"Choice","Default":"B"},"B":{"Type":"Succeed"}`, []string{"/States/A/Choices: is missing"}},
		{"a rule without condition", ``, `"A":{"Type":"Choice","Choices":[{"Next":"B"}]},"B":{"Type":"Succeed"}`,
			[]string{"/States/A/Choices[0]/Condition: is missing"}},
		{"a rule without target", ``, `"A":{"Type":"Choice","Choices":[{"Condition":true}],"Default":"B"},"B":{"Type":"Succeed"}`,
			[]string{"/States/A/Choices[0]/Next: is missing"}},
		{"a condition that is a plain string", ``, `"A":{"Type":"Choice","Choices":[{"Condition":"yes","Next":"B"}]},"B":{"Type":"Succeed"}`,
			[]string{"/States/A/Choices[0]/Condition: must be a JSONata expression, true or false"}},
		{"a rule of JSONPath", ``,
			`"A":{"Type":"Choice","Choices":[{"Variable":"$.x","IsNull":true,"Next":"B","Condition":true}]},"B":{"Type":"Succeed"}`,
			[]string{"/States/A/Choices[0]/Variable: is not a field of a choice rule",
				"/States/A/Choices[0]/IsNull: is not a field of a choice rule"}},
		{"Next of Choice", ``, `"A":{"Type":"Choice","Choices":[{"Condition":true,"Next":"B"}],"Next":"B"},"B":{"Type":"Succeed"}`,
			[]string{"/States/A/Next: is not a field of a Choice state"}},

		{"a Wait without end", ``, `"A":{"Type":"Wait","End":true}`, []string{"/States/A: a Wait state has either Seconds or Timestamp"}},
		{"a Wait with two ends", ``, `"A":{"Type":"Wait","Seconds":1,"Timestamp":"2026-01-01T00:00:00Z","End":true}`,
			[]string{"/States/A: a Wait state has either"}},
		{"a Wait of less than nothing", ``, `"A":{"Type":"Wait","Seconds":-1,"End":true}`,
			[]string{"/States/A/Seconds: must be a whole number from 0"}},
		{"a Wait until a day", ``, `"A":{"Type":"Wait","Timestamp":"2026-01-01","End":true}`,
			[]string{"/States/A/Timestamp: \"2026-01-01\" is not an RFC 3339 timestamp"}},
		{"a Wait until a local time", ``, `"A":{"Type":"Wait","Timestamp":"2026-01-01T09:00:00","End":true}`, []string{"/States/A/Timestamp:"}},

		{"no branches", ``, `"A":{"Type":"Parallel","End":true}`, []string{"/States/A/Branches: is missing"}},
		{"a branch that leaves", ``,
			`"A":{"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":{"Type":"Pass","Next":"C"}}}],"Next":"C"},"C":{"Type":"Succeed"}`,
			[]string{`/States/A/Branches[0]/States/B/Next: there is no state "C" here`}},
		{"the same name in two branches", ``,
			`"A":{"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":{"Type":"Succeed"}}},{"StartAt":"B",` +
				`"States":{"B":{"Type":"Succeed"}}}],"End":true}`,
			[]string{"/States/A/Branches[1]/States/B: another state of the machine has the same name"}},
		{"a query language of a branch", ``,
			`"A":{"Type":"Parallel","Branches":[{"QueryLanguage":"JSONata","StartAt":"B","States":{"B":{"Type":"Succeed"}}}],"End":true}`,
			[]string{"/States/A/Branches[0]/QueryLanguage: is not a field of a branch"}},
		{"a distributed Map", ``,
			`"A":{"Type":"Map","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"B",` +
				`"States":{"B":{"Type":"Succeed"}}},"End":true}`,
			[]string{"/States/A/ItemProcessor/ProcessorConfig/Mode: only INLINE", "/States/A/ItemProcessor/ProcessorConfig/ExecutionType: is not"}},
		{"tolerated failures", ``,
			`"A":{"Type":"Map","ToleratedFailureCount":1,"ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Succeed"}}},"End":true}`,
			[]string{"/States/A/ToleratedFailureCount: is not a field of a Map state, or is not implemented"}},
		{"the old name of ItemProcessor", ``, `"A":{"Type":"Map","Iterator":{"StartAt":"B","States":{"B":{"Type":"Succeed"}}},"End":true}`,
			[]string{"/States/A/ItemProcessor: is missing", "/States/A/Iterator: is not a field"}},
		{"Items that are a plain string", ``,
			`"A":{"Type":"Map","Items":"x","ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Succeed"}}},"End":true}`,
			[]string{"/States/A/Items: must be an array or a JSONata expression"}},

		{"an expression that does not parse", ``, `"A":{"Type":"Pass","Output":{"a":[1,"{% 1 + %}"]},"End":true}`,
			[]string{"/States/A/Output/a[1]: JSONata expression does not parse"}},
		{"an expression that is not closed", ``, `"A":{"Type":"Pass","Output":"{% 1","End":true}`,
			[]string{"/States/A/Output: JSONata expressions begin with"}},
		{"$eval", ``, `"A":{"Type":"Pass","Output":"{% $eval('1') %}","End":true}`, []string{"/States/A/Output: Step Functions has no $eval"}},
		{"$$", ``, `"A":{"Type":"Pass","Output":"{% $$.x %}","End":true}`, []string{"/States/A/Output: $$ is not supported"}},
		{"$ at the top level", ``, `"A":{"Type":"Pass","Output":"{% $.x %}","End":true}`,
			[]string{`/States/A/Output: reference to "$" at the top level`}},
		{"a name at the top level", ``, `"A":{"Type":"Pass","Output":"{% phone %}","End":true}`,
			[]string{`/States/A/Output: reference to "phone" at the top level`}},
		{"a name at the top level of a function", ``, `"A":{"Type":"Pass","Output":"{% $map([1], function($x) { b }) %}","End":true}`,
			[]string{`/States/A/Output: reference to "b"`}},
		{"descendants at the top level", ``, `"A":{"Type":"Pass","Output":"{% **.x %}","End":true}`,
			[]string{`/States/A/Output: reference to "**"`}},
		{"a wildcard", ``, `"A":{"Type":"Pass","Output":"{% $states.input.*.x %}","End":true}`,
			[]string{`/States/A/Output: the wildcard * is not implemented`}},
		{"the suffix []", ``, `"A":{"Type":"Pass","Output":"{% $states.input.x[a = 1][] %}","End":true}`,
			[]string{`/States/A/Output: the suffix [] is not implemented`}},
		{"the operator ?: of JSONata 2.1", ``, `"A":{"Type":"Pass","Output":"{% $states.input.x ?: 1 %}","End":true}`,
			[]string{`/States/A/Output: the operator ?: is newer than JSONata 2.0.6`}},
		{"the operator ?? of JSONata 2.1", ``,
			`"A":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.x ?? true %}","Next":"B"}]},"B":{"Type":"Succeed"}`,
			[]string{`/States/A/Choices[0]/Condition: the operator ?? is newer than JSONata 2.0.6`}},
		{"order-by", ``, `"A":{"Type":"Pass","Output":"{% $states.input.x^(>a).b %}","End":true}`,
			[]string{`/States/A/Output: the order-by operator ^( ) is not implemented`}},
		{"the step .$", ``, `"A":{"Type":"Pass","Output":"{% $states.input.x.$ %}","End":true}`,
			[]string{`/States/A/Output: the step .$ is not implemented`}},
		{"a function that is not implemented", ``, `"A":{"Type":"Pass","Output":"{% $states.input ~> $distinct %}","End":true}`,
			[]string{`/States/A/Output: $distinct is not implemented`}},
		{"a result where nothing is done", ``, `"A":{"Type":"Pass","Output":"{% $states.result %}","End":true}`,
			[]string{"/States/A/Output: $states.result is not available here"}},
		{"a result in the arguments", ``, task(`"Arguments":{"x":"{% $states.result.y %}"},`),
			[]string{"/States/A/Arguments/x: $states.result is not available here"}},
		{"an error outside of Catch", ``, task(`"Output":"{% $states.errorOutput %}",`),
			[]string{"/States/A/Output: $states.errorOutput is not available here"}},
		{"a result inside of Catch", ``, task(`"Catch":[{"ErrorEquals":["X"],"Next":"B","Output":"{% $states.result %}"}],`) +
			`,"B":{"Type":"Succeed"}`,
			[]string{"/States/A/Catch[0]/Output: $states.result is not available here"}},
		{"a field of $states that does not exist", ``, `"A":{"Type":"Pass","Output":"{% $states.'inputs' %}","End":true}`,
			[]string{"/States/A/Output: $states.inputs does not exist"}},
		{"$states set inside of an expression", ``, `"A":{"Type":"Pass","Output":"{% ($states := 1; 2) %}","End":true}`,
			[]string{"/States/A/Output: $states is reserved"}},

		{"a variable named states", ``, `"A":{"Type":"Pass","Assign":{"states":1},"End":true}`,
			[]string{"/States/A/Assign/states: $states is reserved"}},
		{"a variable with its $", ``, `"A":{"Type":"Pass","Assign":{"$x":1},"End":true}`,
			[]string{"/States/A/Assign/$x: the name of a variable"}},
		{"variables that are an expression", ``, `"A":{"Type":"Pass","Assign":"{% {'x':1} %}","End":true}`,
			[]string{"/States/A/Assign: must be an object"}},
		{"a variable of a surrounding scope", ``,
			`"A":{"Type":"Pass","Assign":{"x":1},"Next":"B"},"B":{"Type":"Parallel","Branches":[{"StartAt":"C","States":{"C":{"Type":"Pass",` +
				`"Assign":{"x":2},"End":true}}}],"End":true}`,
			[]string{"/States/B/Branches[0]/States/C/Assign/x: a variable of this name exists in a surrounding scope"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := refused(t, fmt.Sprintf(`{"QueryLanguage":"JSONata",%s"StartAt":"A","States":{%s}}`, c.fields, c.states))
			if c.name == "a name that is too long" {
				got = got[:1] // the state is not A either
			}
			ok := len(got) == len(c.want)
			for i := 0; ok && i < len(got); i++ {
				ok = strings.HasPrefix(got[i], c.want[i])
			}
			if !ok {
				t.Errorf("refused\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestParseRefusesWhatIsNotADefinition(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ definition, want string }{
		"nothing":           {``, ": not JSON"},
		"half an object":    {`{"StartAt":"A"`, ": not JSON"},
		"two values":        {`{} {}`, ": not JSON: something follows"},
		"an array":          {`[]`, ": must be an object"},
		"no UTF-8":          {"{\"\xff\":1}", ": definition is not UTF-8"},
		"too large":         {`{"Comment":"` + strings.Repeat("x", maxDefinitionBytes) + `"}`, ": definition has"},
		"too deep":          {strings.Repeat(`{"a":`, 300) + `1` + strings.Repeat(`}`, 300), ": not JSON: nested deeper"},
		"no states":         {`{"QueryLanguage":"JSONata","StartAt":"A"}`, "/States: is missing"},
		"states of a kind":  {`{"QueryLanguage":"JSONata","StartAt":"A","States":[]}`, "/States: must be an object"},
		"no start":          {`{"QueryLanguage":"JSONata","States":{"A":{"Type":"Succeed"}}}`, "/StartAt: is missing"},
		"a start elsewhere": {`{"QueryLanguage":"JSONata","StartAt":"B","States":{"A":{"Type":"Succeed"}}}`, "/StartAt: there is no state"},
		"a number to start": {`{"QueryLanguage":"JSONata","StartAt":1,"States":{"A":{"Type":"Succeed"}}}`,
			"/StartAt: must be the name of a state"},
		"a state of a kind": {`{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":1}}`, "/States/A: must be an object"},
		"JSONPath":          {`{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}`, "/States/A/QueryLanguage: JSONPath is not implemented"},
		"another language": {`{"QueryLanguage":"JMESPath","StartAt":"A","States":{"A":{"Type":"Succeed","QueryLanguage":"JSONata"}}}`,
			"/QueryLanguage: must be JSONata"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := refused(t, c.definition)
			if len(got) == 0 || !strings.HasPrefix(got[0], c.want) {
				t.Errorf("refused %q, want %q", got, c.want)
			}
		})
	}
}

// All problems are reported at once, in one line.
func TestParseReportsEverything(t *testing.T) {
	t.Parallel()
	_, err := Parse([]byte(`{"QueryLanguage":"JSONata","Timeout":1,"StartAt":"A","States":{"A":{"Type":"Pass","Output":"{% x ` +
		`%}"},"B":{"Type":"Nap"}}}`))
	want := `state machine definition refused (4): /States/A: has neither Next nor End; ` +
		`/States/A/Output: reference to "x" at the top level: there is no context item; the input is $states.input; ` +
		`/States/B/Type: there is no type of state "Nap"; /Timeout: is not a field of a state machine, or is not implemented`
	if err == nil || err.Error() != want {
		t.Errorf("error is\n%v\nwant\n%s", err, want)
	}
}

// What is legal although it looks like something that is refused.
func TestParseAccepts(t *testing.T) {
	t.Parallel()
	for name, output := range map[string]string{
		"a name in a predicate":              `{% $states.input.items[value > 3 and kind in ['a']] %}`,
		"$ in a predicate":                   `{% [1..5][$ > 3] %}`,
		"a name in a step":                   `{% $states.input.items.(value & kind) %}`,
		"a name in an object step":           `{% $states.input.items.{'v': value} %}`,
		"a name in an array step":            `{% $states.input.items.[value] %}`,
		"a name in a grouping":               `{% $states.input.items{kind: value} %}`,
		"a name in a transform":              `{% $states.input ~> |items|{'value': value + 1}| %}`,
		"a name within a name's predicate":   `{% $states.input.a[b[c = 1]] %}`,
		"a function with a signature":        `{% (function($x)<n:n>{ $x + 1 })(1) %}`,
		"descendants as a step":              `{% $states.input.**.x %}`,
		"a list as an argument":              `{% $append([], []) %}`,
		"a list in a condition":              `{% true ? [] : [] %}`,
		"multiplication":                     `{% 2 * $states.input.n %}`,
		"a word in a string":                 `{% 'phone' & "name" %}`,
		"a word in a comment":                `{% 1 /* phone */ %}`,
		"a word in a regular expression":     `{% $contains('x', /phone[/]\/name/i) %}`,
		"a quoted name as a step":            "{% $states.input.`my name` %}",
		"a division":                         `{% $states.input.a / 2 / 3 %}`,
		"a string that is not an expression": ` {% phone %} `,
		"$states as a whole":                 `{% $keys($states) %}`,
		"a chain of functions":               `{% $states.input.items ~> $map(function($v) { $v.value }) ~> $sum %}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := refused(t, fmt.Sprintf(`{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Pass","Output":%s,"End":true}}}`,
				appendString(nil, output))); got != nil {
				t.Errorf("refused %q", got)
			}
		})
	}
}

// JSONata may be chosen state by state in a machine that does not say it itself.
func TestParseQueryLanguageOfStates(t *testing.T) {
	t.Parallel()
	if got := refused(t, `{"StartAt":"A","States":{"A":{"Type":"Pass","QueryLanguage":"JSONata","Next":"B"},"B":{"Type":"Succeed",`+
		`"QueryLanguage":"JSONata"}}}`); got != nil {
		t.Errorf("refused %q", got)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	m := machine(t, `
		"Route":{"Type":"Choice","Comment":"Where to.","Choices":[{"Condition":true,"Next":"Work"},{"Condition":false,"Next":"End"}],
			"Default":"Both"},
		"Work":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Next":"End",
			"Retry":[{"ErrorEquals":["X","Y"]},{"ErrorEquals":["States.ALL"]}],"Catch":[{"ErrorEquals":["Z"],"Next":"End"}]},
		"Both":{"Type":"Parallel","Branches":[{"StartAt":"Left","States":{"Left":{"Type":"Pass","End":true}}},{"StartAt":"Right",
			"States":{"Right":{"Type":"Succeed"}}}],"Next":"End"},
		"End":{"Type":"Succeed"}`)
	want := []StateInfo{
		{Name: "Route", Type: "Choice", Path: "/States/Route", Start: true, Comment: "Where to.", Transitions: []Transition{
			{Kind: ByChoice, Index: 0, Path: "/States/Route/Choices[0]", Target: "Work"},
			{Kind: ByChoice, Index: 1, Path: "/States/Route/Choices[1]", Target: "End"},
			{Kind: ByDefault, Path: "/States/Route/Default", Target: "Both"},
		}},
		{Name: "Work", Type: "Task", Path: "/States/Work", Resource: invoke,
			Retriers: []RetrierInfo{
				{Index: 0, Path: "/States/Work/Retry[0]", ErrorEquals: []string{"X", "Y"}, MaxAttempts: 3},
				{Index: 1, Path: "/States/Work/Retry[1]", ErrorEquals: []string{"States.ALL"}, MaxAttempts: 3},
			},
			Transitions: []Transition{
				{Kind: ByNext, Path: "/States/Work/Next", Target: "End"},
				{Kind: ByCatch, Index: 0, Path: "/States/Work/Catch[0]", Target: "End", ErrorEquals: []string{"Z"}},
			}},
		{Name: "Both", Type: "Parallel", Path: "/States/Both", Transitions: []Transition{{Kind: ByNext, Path: "/States/Both/Next",
			Target: "End"}}},
		{Name: "Left", Type: "Pass", Path: "/States/Both/Branches[0]/States/Left", Parent: "Both", Start: true, End: true},
		{Name: "Right", Type: "Succeed", Path: "/States/Both/Branches[1]/States/Right", Parent: "Both", Branch: 1, Start: true, End: true},
		{Name: "End", Type: "Succeed", Path: "/States/End", End: true},
	}
	got := m.States()
	if len(got) != len(want) {
		t.Fatalf("%d states, want %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("state %d is\n%+v\nwant\n%+v", i, got[i], want[i])
		}
	}
}

// Parse never panics, and what it accepts runs.
func FuzzParse(f *testing.F) {
	f.Add([]byte(sixStates))
	if deployed, err := os.ReadFile("../../statemachine/dispatch.asl.json"); err == nil {
		f.Add(deployed)
	}
	for _, states := range []string{
		`"A":{"Type":"Map","Items":"{% [1..3] %}","MaxConcurrency":2,"ItemSelector":{"i":"{% $states.context.Map.Item.Index ` +
			`%}"},"ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Succeed"}}},"End":true}`,
		`"A":{"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":{"Type":"Fail","Error":"{% 'x' ` +
			`%}"}}}],"Retry":[{"ErrorEquals":["States.ALL"]}],"Catch":[{"ErrorEquals":["x"],"Next":"A"}],"End":true}`,
		`"A":{"Type":"Choice","Choices":[{"Condition":"{% $states.input^(a){b:[c]}[0].(d|e|f|) %}","Next":"A"}],"Default":"A"}`,
		`"A":{"Type":"Wait","Timestamp":"{% $now() %}","Assign":{"x":"{% function($y)<n:n>{/a[/]b/} %}"},"End":true}`,
	} {
		f.Add(fmt.Appendf(nil, `{"QueryLanguage":"JSONata","StartAt":"A","States":{%s}}`, states))
	}
	f.Fuzz(func(t *testing.T, definition []byte) {
		m, err := Parse(definition)
		if err != nil {
			return
		}
		if len(m.States()) == 0 {
			t.Error("accepted a machine without states")
		}
	})
}
