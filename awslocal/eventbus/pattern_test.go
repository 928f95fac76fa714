package eventbus_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sms-api/awslocal/eventbus"
)

// compile fails the test when the pattern is refused.
func compile(t *testing.T, pattern string) *eventbus.Pattern {
	t.Helper()
	p, err := eventbus.Compile([]byte(pattern))
	if err != nil {
		t.Fatalf("Compile(%s): %v", pattern, err)
	}
	return p
}

func TestPatternMatches(t *testing.T) {
	t.Parallel()
	for _, group := range []struct {
		about   string
		pattern string
		yes     []string
		no      []string
	}{
		{
			about:   "an exact value, one of a list of values, is compared with its type and case",
			pattern: `{"source": ["shop.orders", "shop.carts"]}`,
			yes:     []string{`{"source": "shop.orders"}`, `{"source": "shop.carts", "more": 1}`},
			no: []string{`{"source": "Shop.orders"}`, `{"source": ["other"]}`, `{"source": null}`, `{}`, `{"Source": "shop.orders"}`, `[]`,
				`not JSON`, `{} {}`},
		},
		{
			about:   "all fields of a pattern must match",
			pattern: `{"source": ["a"], "detail": {"state": ["on"], "zone": ["x", "y"]}}`,
			yes:     []string{`{"source": "a", "detail": {"zone": "y", "state": "on"}}`},
			no:      []string{`{"source": "a", "detail": {"zone": "y"}}`, `{"source": "b", "detail": {"zone": "y", "state": "on"}}`},
		},
		{
			about:   "of an array in the event one element must match",
			pattern: `{"resources": ["r2", "r3"]}`,
			yes:     []string{`{"resources": ["r1", "r2"]}`, `{"resources": "r3"}`, `{"resources": [["r3"]]}`},
			no:      []string{`{"resources": ["r1"]}`, `{"resources": []}`},
		},
		{
			about:   "null is a value, and neither an absent field, an empty string nor an empty array",
			pattern: `{"detail": {"note": [null]}}`,
			yes:     []string{`{"detail": {"note": null}}`, `{"detail": {"note": [1, null]}}`},
			no:      []string{`{"detail": {}}`, `{"detail": {"note": ""}}`, `{"detail": {"note": []}}`, `{"detail": {"note": "null"}}`},
		},
		{
			about:   "an empty string is a value",
			pattern: `{"detail": {"note": [""]}}`,
			yes:     []string{`{"detail": {"note": ""}}`},
			no:      []string{`{"detail": {"note": null}}`, `{"detail": {}}`},
		},
		{
			about:   "booleans are compared as such",
			pattern: `{"detail": {"paid": [true]}}`,
			yes:     []string{`{"detail": {"paid": true}}`},
			no:      []string{`{"detail": {"paid": false}}`, `{"detail": {"paid": "true"}}`, `{"detail": {"paid": 1}}`},
		},
		{
			about:   "a number is the same in every notation",
			pattern: `{"detail": {"amount": [300]}}`,
			yes:     []string{`{"detail": {"amount": 300}}`, `{"detail": {"amount": 300.0}}`, `{"detail": {"amount": 3.0e2}}`},
			no:      []string{`{"detail": {"amount": 300.5}}`, `{"detail": {"amount": "300"}}`},
		},
		{
			about:   "a number too large to be compared is matched by its digits",
			pattern: `{"account": [123456789012]}`,
			yes:     []string{`{"account": 123456789012}`},
			no:      []string{`{"account": 123456789012.0}`, `{"account": 123456789013}`},
		},
		{
			about:   "two notations of one IP address are one value",
			pattern: `{"detail": {"ip": ["2001:db8::1", "10.0.0.1"]}}`,
			yes:     []string{`{"detail": {"ip": "2001:0DB8:0:0:0:0:0:1"}}`, `{"detail": {"ip": "10.0.0.1"}}`},
			no:      []string{`{"detail": {"ip": "2001:db8::2"}}`, `{"detail": {"ip": 10}}`, `{"detail": {"ip": "10.0.0.01"}}`},
		},
		{
			about:   "prefix",
			pattern: `{"time": [{"prefix": "2026-10-"}]}`,
			yes:     []string{`{"time": "2026-10-02T00:00:00Z"}`, `{"time": "2026-10-"}`},
			no:      []string{`{"time": "2026-1"}`, `{"time": 2026}`, `{"time": null}`},
		},
		{
			about:   "suffix",
			pattern: `{"detail": {"file": [{"suffix": ".png"}]}}`,
			yes:     []string{`{"detail": {"file": "a.png"}}`},
			no:      []string{`{"detail": {"file": "a.png.txt"}}`, `{"detail": {"file": "A.PNG"}}`},
		},
		{
			about:   "prefix, ignoring case",
			pattern: `{"detail": {"service": [{"prefix": {"equals-ignore-case": "EventB"}}]}}`,
			yes:     []string{`{"detail": {"service": "eventbridge"}}`, `{"detail": {"service": "EVENTB"}}`},
			no:      []string{`{"detail": {"service": "event"}}`, `{"detail": {"service": ["x"]}}`},
		},
		{
			about:   "suffix, ignoring case, also when a letter's other case is longer",
			pattern: `{"detail": {"file": [{"suffix": {"equals-ignore-case": "k.Png"}}]}}`,
			yes:     []string{`{"detail": {"file": "aK.PNG"}}`, "{\"detail\": {\"file\": \"\u212a.png\"}}"},
			no:      []string{`{"detail": {"file": ".png"}}`, `{"detail": {"file": "l.png"}}`},
		},
		{
			about:   "equality, ignoring case",
			pattern: `{"detail-type": [{"equals-ignore-case": "ec2 Instance"}]}`,
			yes:     []string{`{"detail-type": "EC2 instance"}`},
			no:      []string{`{"detail-type": "EC2 instances"}`, `{"detail-type": 1}`},
		},
		{
			about:   "wildcard: a star is any characters, also none",
			pattern: `{"detail": {"path": [{"wildcard": "dir/*/b*k.*"}]}}`,
			yes: []string{`{"detail": {"path": "dir/a/bk.x"}}`, `{"detail": {"path": "dir/a/c/book.tar.gz"}}`,
				`{"detail": {"path": "dir//bk."}}`},
			no: []string{`{"detail": {"path": "dir/bk.x"}}`, `{"detail": {"path": "dir/a/bk"}}`, `{"detail": {"path": "xdir/a/bk.x"}}`},
		},
		{
			about:   "wildcard: without a star it is the text itself",
			pattern: `{"a": [{"wildcard": "x\\*"}]}`,
			yes:     []string{`{"a": "x*"}`},
			no:      []string{`{"a": "xy"}`, `{"a": "x"}`},
		},
		{
			about:   "wildcard: what is before and after a star must not overlap",
			pattern: `{"a": [{"wildcard": "aba*aba"}]}`,
			yes:     []string{`{"a": "abaaba"}`, `{"a": "aba-aba"}`},
			no:      []string{`{"a": "ababa"}`, `{"a": "aba"}`},
		},
		{
			about:   "wildcard: stars and backslashes can be escaped",
			pattern: `{"a": [{"wildcard": "\\**\\\\"}]}`,
			yes:     []string{`{"a": "*\\"}`, `{"a": "*x\\"}`},
			no:      []string{`{"a": "x\\"}`, `{"a": "*x"}`},
		},
		{
			about:   "anything-but a string: every other value, of whatever type, but not an absent field",
			pattern: `{"detail": {"state": [{"anything-but": "initializing"}]}}`,
			yes: []string{`{"detail": {"state": "stopped"}}`, `{"detail": {"state": null}}`, `{"detail": {"state": 1}}`,
				`{"detail": {"state": ["initializing", "x"]}}`},
			no: []string{`{"detail": {"state": "initializing"}}`, `{"detail": {}}`, `{"detail": {"state": []}}`,
				`{"detail": {"state": ["initializing"]}}`},
		},
		{
			about:   "anything-but several strings",
			pattern: `{"detail": {"state": [{"anything-but": ["stopped", "overloaded"]}]}}`,
			yes:     []string{`{"detail": {"state": "running"}}`},
			no:      []string{`{"detail": {"state": "overloaded"}}`, `{"detail": {"state": "stopped"}}`},
		},
		{
			about:   "anything-but a number, zero included",
			pattern: `{"detail": {"x": [{"anything-but": 0}]}}`,
			yes:     []string{`{"detail": {"x": 1}}`, `{"detail": {"x": "0"}}`},
			no:      []string{`{"detail": {"x": 0}}`, `{"detail": {"x": 0.0}}`},
		},
		{
			about:   "anything-but several numbers",
			pattern: `{"detail": {"x": [{"anything-but": [100, 200, 300]}]}}`,
			yes:     []string{`{"detail": {"x": 250}}`},
			no:      []string{`{"detail": {"x": 2e2}}`},
		},
		{
			about:   "anything-but, ignoring case",
			pattern: `{"detail": {"state": [{"anything-but": {"equals-ignore-case": ["Initializing", "stopped"]}}]}}`,
			yes:     []string{`{"detail": {"state": "running"}}`, `{"detail": {"state": null}}`},
			no:      []string{`{"detail": {"state": "INITIALIZING"}}`, `{"detail": {"state": "Stopped"}}`, `{"detail": {}}`},
		},
		{
			about:   "anything-but a prefix",
			pattern: `{"detail": {"state": [{"anything-but": {"prefix": "init"}}]}}`,
			yes:     []string{`{"detail": {"state": "running"}}`, `{"detail": {"state": 7}}`},
			no:      []string{`{"detail": {"state": "initializing"}}`, `{"detail": {}}`},
		},
		{
			about:   "anything-but several prefixes",
			pattern: `{"detail": {"state": [{"anything-but": {"prefix": ["init", "error"]}}]}}`,
			yes:     []string{`{"detail": {"state": "running"}}`},
			no:      []string{`{"detail": {"state": "error42"}}`},
		},
		{
			about:   "anything-but suffixes",
			pattern: `{"detail": {"file": [{"anything-but": {"suffix": [".txt", ".rtf"]}}]}}`,
			yes:     []string{`{"detail": {"file": "a.png"}}`},
			no:      []string{`{"detail": {"file": "a.txt"}}`, `{"detail": {"file": "a.rtf"}}`},
		},
		{
			about:   "anything-but wildcards",
			pattern: `{"detail": {"path": [{"anything-but": {"wildcard": ["*/lib/*", "*.tmp"]}}]}}`,
			yes:     []string{`{"detail": {"path": "a/bin/b"}}`},
			no:      []string{`{"detail": {"path": "a/lib/b"}}`, `{"detail": {"path": "b.tmp"}}`, `{"detail": {}}`},
		},
		{
			about:   "numeric: one comparison",
			pattern: `{"detail": {"x": [{"numeric": [">", 10]}, {"numeric": ["=", -1]}]}}`,
			yes:     []string{`{"detail": {"x": 10.5}}`, `{"detail": {"x": -1.0}}`},
			no:      []string{`{"detail": {"x": 10}}`, `{"detail": {"x": "11"}}`, `{"detail": {"x": null}}`, `{"detail": {"x": 6000000000}}`},
		},
		{
			about:   "numeric: a range, one end open",
			pattern: `{"detail": {"c-count": [{"numeric": [">", 0, "<=", 5]}]}}`,
			yes:     []string{`{"detail": {"c-count": 5}}`, `{"detail": {"c-count": 0.000001}}`},
			no:      []string{`{"detail": {"c-count": 0}}`, `{"detail": {"c-count": 5.1}}`},
		},
		{
			about:   "numeric: a range, the other end open",
			pattern: `{"detail": {"x": [{"numeric": [">=", -5, "<", 5]}]}}`,
			yes:     []string{`{"detail": {"x": -5}}`},
			no:      []string{`{"detail": {"x": 5}}`, `{"detail": {"x": -5.1}}`},
		},
		{
			about:   "numeric: at most",
			pattern: `{"detail": {"x": [{"numeric": ["<=", 3.018e2]}]}}`,
			yes:     []string{`{"detail": {"x": 301.8}}`},
			no:      []string{`{"detail": {"x": 301.9}}`},
		},
		{
			about:   "numeric: less than",
			pattern: `{"detail": {"x": [{"numeric": ["<", 3]}]}}`,
			yes:     []string{`{"detail": {"x": 2.999}}`},
			no:      []string{`{"detail": {"x": 3}}`},
		},
		{
			about:   "cidr: IPv4",
			pattern: `{"detail": {"ip": [{"cidr": "10.0.0.0/24"}]}}`,
			yes:     []string{`{"detail": {"ip": "10.0.0.255"}}`, `{"detail": {"ip": "10.0.0.0"}}`},
			no:      []string{`{"detail": {"ip": "10.0.1.0"}}`, `{"detail": {"ip": "ten"}}`, `{"detail": {"ip": 10}}`},
		},
		{
			about:   "cidr: IPv6",
			pattern: `{"detail": {"ip": [{"cidr": "2001:db8:1234:1a00::/64"}]}}`,
			yes:     []string{`{"detail": {"ip": "2001:db8:1234:1a00:1::2"}}`},
			no:      []string{`{"detail": {"ip": "2001:db8:1234:1a01::"}}`, `{"detail": {"ip": "10.0.0.1"}}`},
		},
		{
			about:   "exists: any value of a leaf, but an object or an empty array is none",
			pattern: `{"detail": {"state": [{"exists": true}]}}`,
			yes:     []string{`{"detail": {"state": null}}`, `{"detail": {"state": ["x"]}}`},
			no:      []string{`{"detail": {"other": 1}}`, `{"detail": {"state": {"deep": 1}}}`, `{"detail": {"state": []}}`},
		},
		{
			about:   "does not exist: there is no such leaf",
			pattern: `{"detail-type": ["n"], "detail": {"c-count": [{"exists": false}]}}`,
			yes: []string{`{"detail-type": "n", "detail": {"x": 1}}`, `{"detail-type": ["n"], "detail": {"c-count": {"c1": 100}}}`,
				`{"detail-type": "n", "detail": {"c-count": []}}`, `{"detail-type": "n"}`},
			no: []string{`{"detail-type": "n", "detail": {"c-count": null}}`, `{"detail-type": "n", "detail": {"c-count": 3}}`},
		},
		{
			about:   "does not exist, or has a value",
			pattern: `{"detail": {"lang": ["ko", {"exists": false}]}}`,
			yes:     []string{`{"detail": {}}`, `{"detail": {"lang": "ko"}}`},
			no:      []string{`{"detail": {"lang": "en"}}`},
		},
		{
			about:   "the operators of a list are alternatives",
			pattern: `{"detail": {"x": ["exact", {"prefix": "pre-"}, {"numeric": ["<", 0]}, null]}}`,
			yes:     []string{`{"detail": {"x": "exact"}}`, `{"detail": {"x": "pre-1"}}`, `{"detail": {"x": -1}}`, `{"detail": {"x": null}}`},
			no:      []string{`{"detail": {"x": "other"}}`, `{"detail": {"x": 1}}`, `{"detail": {}}`},
		},
		{
			about:   "$or at the top",
			pattern: `{"$or": [{"source": ["a"]}, {"detail": {"x": [1]}}]}`,
			yes:     []string{`{"source": "a"}`, `{"source": "b", "detail": {"x": 1}}`},
			no:      []string{`{"source": "b", "detail": {"x": 2}}`},
		},
		{
			about: "$or inside an object, besides other fields that must match all the same",
			pattern: `{"source": ["s"], "detail": {"$or": [{"c": [{"numeric": [">", 0, "<=", 5]}]}, {"d": [{"numeric": ["<", 10]}], "e": ["e"]}, ` +
				`{"x": [{"numeric": ["=", 301.8]}]}]}}`,
			yes: []string{`{"source": "s", "detail": {"c": 1}}`, `{"source": "s", "detail": {"d": 9, "e": "e"}}`,
				`{"source": "s", "detail": {"x": 3.018e2, "c": 9}}`},
			no: []string{`{"source": "s", "detail": {"d": 9}}`, `{"source": "t", "detail": {"c": 1}}`, `{"source": "s", "detail": {}}`},
		},
		{
			about:   "two $or multiply, and $or nests",
			pattern: `{"$or": [{"a": [1]}, {"a": [2]}], "b": {"$or": [{"x": ["x"]}, {"$or": [{"y": ["y"]}, {"z": ["z"]}]}]}}`,
			yes:     []string{`{"a": 1, "b": {"x": "x"}}`, `{"a": 2, "b": {"z": "z"}}`, `{"a": 2, "b": {"y": "y"}}`},
			no:      []string{`{"a": 3, "b": {"x": "x"}}`, `{"a": 1, "b": {}}`},
		},
		{
			about:   "$or with a field that must not exist",
			pattern: `{"detail": {"$or": [{"a": [{"exists": false}]}, {"b": ["b"]}]}}`,
			yes:     []string{`{"detail": {"b": "c"}}`, `{"detail": {"a": 1, "b": "b"}}`},
			no:      []string{`{"detail": {"a": 1, "b": "c"}}`},
		},
		{
			about:   "a name with a dot is the same as two nested names, on either side",
			pattern: `{"detail": {"a.b": [1], "c": {"d": [2]}}}`,
			yes:     []string{`{"detail": {"a": {"b": 1}, "c.d": 2}}`, `{"detail.a": {"b": 1}, "detail": {"c": {"d": 2}}}`},
			no:      []string{`{"detail": {"a": 1, "b": 1}}`},
		},
		{
			about:   "of a name that comes twice, the last array counts, and objects are merged",
			pattern: `{"a": ["old"], "o": {"x": [1]}, "a": ["new"], "o": {"y": [2]}}`,
			yes:     []string{`{"a": "new", "o": {"x": 1, "y": 2}}`},
			no:      []string{`{"a": "old", "o": {"x": 1, "y": 2}}`, `{"a": "new", "o": {"y": 2}}`},
		},
		{
			about:   "fields of an array's objects must match within one object",
			pattern: `{"items": {"sku": ["s1"], "state": ["sold"]}}`,
			yes:     []string{`{"items": [{"sku": "s0"}, {"sku": "s1", "state": "sold"}]}`, `{"items": {"sku": "s1", "state": "sold"}}`},
			no:      []string{`{"items": [{"sku": "s1", "state": "new"}, {"sku": "s2", "state": "sold"}]}`},
		},
		{
			about:   "and so in arrays inside arrays",
			pattern: `{"employees": {"name": ["kim"], "dependents": {"name": ["jun"], "age": [7]}}}`,
			yes:     []string{`{"employees": [{"name": "lee"}, {"name": "kim", "dependents": [{"name": "min"}, {"name": "jun", "age": 7}]}]}`},
			no: []string{
				`{"employees": [{"name": "lee", "dependents": [{"name": "jun", "age": 7}]}, {"name": "kim", "dependents": [{"name": "min"}]}]}`,
				`{"employees": [{"name": "kim", "dependents": [{"name": "jun"}, {"age": 7}]}]}`,
			},
		},
		{
			about:   "but fields of different arrays are independent",
			pattern: `{"a": {"x": [1]}, "b": {"y": [2]}}`,
			yes:     []string{`{"a": [{"x": 0}, {"x": 1}], "b": [{"y": 2}, {"y": 3}]}`},
			no:      []string{`{"a": [{"x": 0}], "b": [{"y": 2}]}`},
		},
		{
			about:   "absence is asked of the object that the other fields matched in",
			pattern: `{"items": {"a-state": ["sold"], "error": [{"exists": false}]}}`,
			yes:     []string{`{"items": [{"a-state": "sold"}, {"a-state": "new", "error": 1}]}`},
			no:      []string{`{"items": [{"a-state": "sold", "error": 1}, {"a-state": "new"}]}`},
		},
		{
			about:   "the scalars of an array go with each of its objects",
			pattern: `{"items": ["flag"], "items.sku": ["s1"]}`,
			yes:     []string{`{"items": ["flag", {"sku": "s1"}]}`},
			no:      []string{`{"items": ["other", {"sku": "s1"}]}`},
		},
		{
			about: "a rule with many operators at once",
			pattern: `{"detail": {"ip": [{"cidr": "10.102.0.0/16"}], "env": [{"anything-but": ["dev", "stage"]}], "user": [{"exists": true}],
				"admins": ["me", {"prefix": "adm"}], "n": [{"numeric": [">=", 0, "<", 5]}, {"numeric": ["=", 10]}], "gone": [{"exists": false}]}}`,
			yes: []string{`{"detail": {"ip": "10.102.1.100", "env": "prod", "user": "u", "admins": "admin", "n": 10}}`},
			no: []string{
				`{"detail": {"ip": "10.103.1.100", "env": "prod", "user": "u", "admins": "admin", "n": 10}}`,
				`{"detail": {"ip": "10.102.1.100", "env": "prod", "user": "u", "admins": "admin", "n": 10, "gone": 1}}`,
				`{"detail": {"ip": "10.102.1.100", "env": "prod", "user": "u", "admins": "admin", "n": 5}}`,
			},
		},
	} {
		t.Run(group.about, func(t *testing.T) {
			t.Parallel()
			p := compile(t, group.pattern)
			for _, event := range group.yes {
				if !p.Match([]byte(event)) {
					t.Errorf("%s should match %s", group.pattern, event)
				}
			}
			for _, event := range group.no {
				if p.Match([]byte(event)) {
					t.Errorf("%s should not match %s", group.pattern, event)
				}
			}
		})
	}
}

func TestPatternRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ pattern, path, reason string }{
		{`["not", "an object"]`, "$", "Filter is not an object"},
		{`{"a": `, "$", "unexpected end of JSON input"},
		{`{"a": [1]} {}`, "$", "invalid character '{' after top-level value"},
		{`"text"`, "$", "Filter is not an object"},
		{``, "$", "unexpected end of JSON input"},
		{`{}`, "$", "Empty objects are not allowed"},
		{`{"detail": {}}`, "$.detail", "Empty objects are not allowed"},
		{`{"resources": []}`, "$.resources", "Empty arrays are not allowed"},
		{`{"int": 42}`, "$.int", `"int" must be an object or an array`},
		{`{"detail": {"string": "x"}}`, "$.detail.string", `"string" must be an object or an array`},
		{`{"detail": {"x": null}}`, "$.detail.x", `"x" must be an object or an array`},
		{`{"a": [["nested"]]}`, "$.a[0]", "Match value must be String, number, true, false, or null"},
		{`{"a": ["ok", {}]}`, "$.a[1]", "Match expression name not found"},
		{`{"a": [{"prefix": "x", "suffix": "y"}]}`, "$.a[0]", "Only one key allowed in match expression"},
		{`{"a": [{"EXISTS": true}]}`, "$.a[0].EXISTS", "Unrecognized match type EXISTS"},
		{`{"detail": {"a": [{"NUMERIC": ["=", 5]}]}}`, "$.detail.a[0].NUMERIC", "Unrecognized match type NUMERIC"},
		{`{"a": [{"exists": "yes"}]}`, "$.a[0].exists", "exists match pattern must be either true or false."},
		{`{"a": [{"prefix": 1}]}`, "$.a[0].prefix", "prefix match pattern must be a string"},
		{`{"a": [{"prefix": ["x"]}]}`, "$.a[0].prefix", "prefix match pattern must be a string"},
		{`{"a": [{"prefix": {}}]}`, "$.a[0].prefix", "Match expression name not found"},
		{`{"a": [{"prefix": {"wildcard": "x"}}]}`, "$.a[0].prefix", "Unsupported prefix pattern: wildcard"},
		{`{"a": [{"prefix": {"equals-ignore-case": "x", "more": 1}}]}`, "$.a[0].prefix", "Only one key allowed in match expression"},
		{`{"a": [{"suffix": {"equals-ignore-case": 1}}]}`, "$.a[0].suffix.equals-ignore-case",
			"equals-ignore-case match pattern must be a string"},
		{`{"a": [{"suffix": [".png"]}]}`, "$.a[0].suffix", "suffix match pattern must be a string"},
		{`{"a": [{"equals-ignore-case": ["x"]}]}`, "$.a[0].equals-ignore-case", "equals-ignore-case match pattern must be a string"},
		{`{"a": [{"wildcard": 123}]}`, "$.a[0].wildcard", "wildcard match pattern must be a string"},
		{`{"a": [{"wildcard": "arn:aws:events:us-east-1:**:x"}]}`, "$.a[0].wildcard", "Consecutive wildcard characters at pos 26"},
		{`{"a": [{"wildcard": "ab\\c"}]}`, "$.a[0].wildcard", "Invalid escape character at pos 3"},
		{`{"a": [{"wildcard": "ab\\"}]}`, "$.a[0].wildcard", "Invalid escape character at pos 3"},
		{`{"a": [{"numeric": 5}]}`, "$.a[0].numeric", "Value of numeric must be an array."},
		{`{"a": [{"numeric": []}]}`, "$.a[0].numeric", "Invalid member in numeric match: ]"},
		{`{"a": [{"numeric": [5]}]}`, "$.a[0].numeric[0]", "Invalid member in numeric match: 5"},
		{`{"a": [{"numeric": ["!", 5]}]}`, "$.a[0].numeric[0]", "Unrecognized numeric range operator: !"},
		{`{"a": [{"numeric": ["=", "5"]}]}`, "$.a[0].numeric[0]", "Value of equals must be numeric"},
		{`{"a": [{"numeric": [">", 0, "<"]}]}`, "$.a[0].numeric[2]", "Value of < must be numeric"},
		{`{"a": [{"numeric": [">", 0, ">", 1]}]}`, "$.a[0].numeric[2]", "Bad numeric range operator: >"},
		{`{"a": [{"numeric": [">", 0, 1]}]}`, "$.a[0].numeric[2]", "Bad value in numeric range: 1"},
		{`{"a": [{"numeric": ["<", 0, ">", 1]}]}`, "$.a[0].numeric[2]", "Too many elements in numeric expression"},
		{`{"a": [{"numeric": ["=", 0, "<", 1]}]}`, "$.a[0].numeric[2]", "Too many elements in numeric expression"},
		{`{"a": [{"numeric": [">", 0, "<", 1, "<", 2]}]}`, "$.a[0].numeric[4]", "Too many terms in numeric range expression"},
		{`{"a": [{"numeric": [">", 5, "<", 5]}]}`, "$.a[0].numeric", "Bottom must be less than top"},
		{`{"a": [{"numeric": ["<", 5000000001]}]}`, "$.a[0].numeric[1]", "Value must be between -5.0E9 and 5.0E9, inclusive"},
		{`{"a": [{"numeric": ["<", 1e999]}]}`, "$.a[0].numeric[1]", "Value must be between -5.0E9 and 5.0E9, inclusive"},
		{`{"a": [{"cidr": ["10.0.0.0/8"]}]}`, "$.a[0].cidr", "cidr match pattern must be a string"},
		{`{"a": [{"cidr": "10.0.0.0"}]}`, "$.a[0].cidr", "Malformed CIDR, one '/' required"},
		{`{"a": [{"cidr": "10.0.0.0/8/8"}]}`, "$.a[0].cidr", "Malformed CIDR, one '/' required"},
		{`{"a": [{"cidr": "10.0.0.0/x"}]}`, "$.a[0].cidr", "Malformed CIDR, mask bits must be an integer"},
		{`{"a": [{"cidr": "10.0.0.0/-1"}]}`, "$.a[0].cidr", "Malformed CIDR, mask bits must not be negative"},
		{`{"a": [{"cidr": "10.0.0.0/32"}]}`, "$.a[0].cidr", "IPv4 mask bits must be < 32"},
		{`{"a": [{"cidr": "::/128"}]}`, "$.a[0].cidr", "IPv6 mask bits must be < 128"},
		{`{"a": [{"cidr": "xx.11.xx/8"}]}`, "$.a[0].cidr", "Nonstandard IP address: xx.11.xx"},
		{`{"a": [{"cidr": "fe80::1%eth0/64"}]}`, "$.a[0].cidr", "Nonstandard IP address: fe80::1%eth0"},
		{`{"a": [{"anything-but": null}]}`, "$.a[0].anything-but", "Value of anything-but must be an array or single string/number value."},
		{`{"a": [{"anything-but": true}]}`, "$.a[0].anything-but", "Value of anything-but must be an array or single string/number value."},
		{`{"a": [{"anything-but": ["x", null]}]}`, "$.a[0].anything-but[1]", "Inside anything but list, start|null|boolean is not supported."},
		{`{"a": [{"anything-but": ["x", 1]}]}`, "$.a[0].anything-but",
			"Inside anything but list, either all values are number or string, mixed type is not supported"},
		{`{"a": [{"anything-but": []}]}`, "$.a[0].anything-but",
			"Inside anything but list, either all values are number or string, mixed type is not supported"},
		{`{"a": [{"anything-but": 6000000000}]}`, "$.a[0].anything-but", "Value must be between -5.0E9 and 5.0E9, inclusive"},
		{`{"a": [{"anything-but": {}}]}`, "$.a[0].anything-but", "Anything-But expression name not found"},
		{`{"a": [{"anything-but": {"numeric": ["=", 1]}}]}`, "$.a[0].anything-but", "Unsupported anything-but pattern: numeric"},
		{`{"a": [{"anything-but": {"prefix": "x", "suffix": "y"}}]}`, "$.a[0].anything-but", "Only one key allowed in match expression"},
		{`{"a": [{"anything-but": {"prefix": ""}}]}`, "$.a[0].anything-but.prefix", "Null prefix/suffix not allowed"},
		{`{"a": [{"anything-but": {"suffix": ["x", ""]}}]}`, "$.a[0].anything-but.suffix", "Null prefix/suffix not allowed"},
		{`{"a": [{"anything-but": {"prefix": 123}}]}`, "$.a[0].anything-but.prefix", "prefix/suffix match pattern must be a string"},
		{`{"a": [{"anything-but": {"suffix": [123, ".txt"]}}]}`, "$.a[0].anything-but.suffix", "prefix/suffix match pattern must be a string"},
		{`{"a": [{"anything-but": {"prefix": []}}]}`, "$.a[0].anything-but.prefix", "Empty arrays are not allowed"},
		{`{"a": [{"anything-but": {"prefix": {"equals-ignore-case": "x"}}}]}`, "$.a[0].anything-but.prefix",
			"Value of anything-but must be an array or single string/number value."},
		{`{"a": [{"anything-but": {"equals-ignore-case": 123}}]}`, "$.a[0].anything-but.equals-ignore-case",
			"Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."},
		{`{"a": [{"anything-but": {"wildcard": [123, "*/dir/*"]}}]}`, "$.a[0].anything-but.wildcard", "wildcard match pattern must be a string"},
		{`{"a": [{"anything-but": {"wildcard": "**"}}]}`, "$.a[0].anything-but.wildcard", "Consecutive wildcard characters at pos 1"},
		{`{"$or": {"a": [1]}}`, "$.$or", "The value of $or must be an array"},
		{`{"$or": [{"a": [1]}]}`, "$.$or", "There must be at least 2 objects in $or"},
		{`{"$or": [{"a": [1]}, "b"]}`, "$.$or[1]", "Only JSON objects are allowed in the array of $or"},
		{`{"$or": [{"a": [1]}, {}]}`, "$.$or[1]", "Empty objects are not allowed"},
		{`{"a": {"$or": [{"prefix": ["x"]}, {"b": [1]}]}}`, "$.a.$or[0].prefix", `"prefix" is reserved and cannot be a field's name inside $or`},
		{`{"a": {"$or": [{"b": [1]}, {"c": {"$or": [{"d": 1}, {"e": [2]}]}}]}}`, "$.a.$or[1].c.$or[0].d", `"d" must be an object or an array`},
	} {
		t.Run(c.pattern, func(t *testing.T) {
			t.Parallel()
			_, err := eventbus.Compile([]byte(c.pattern))
			var refused *eventbus.PatternError
			if !errors.As(err, &refused) {
				t.Fatalf("Compile = %v, want a PatternError", err)
			}
			if refused.Path != c.path || refused.Reason != c.reason {
				t.Errorf("refused with %q at %s,\nwant         %q at %s", refused.Reason, refused.Path, c.reason, c.path)
			}
		})
	}
}

func TestPatternErrorIsEventBridges(t *testing.T) {
	t.Parallel()
	_, err := eventbus.Compile([]byte(`{"int": 42}`))
	const want = `Event pattern is not valid. Reason: "int" must be an object or an array at $.int`
	if err == nil || err.Error() != want {
		t.Errorf("error = %v, want %s", err, want)
	}
}

func TestPatternLimits(t *testing.T) {
	t.Parallel()
	longest := `{"a":["` + strings.Repeat("가", 4096-len(`{"a":[""]}`)) + `"]}`
	compile(t, longest)
	if _, err := eventbus.Compile([]byte(longest + " ")); err == nil {
		t.Error("a pattern of 4,097 characters is accepted")
	}
	// Ten choices of two make 1,024 combinations.
	ors := func(n int) string {
		var fields []string
		for i := range n {
			fields = append(fields, fmt.Sprintf(`"f%d": {"$or": [{"x": [1]}, {"y": [1]}]}`, i))
		}
		return "{" + strings.Join(fields, ",") + "}"
	}
	compile(t, ors(9))
	if _, err := eventbus.Compile([]byte(ors(10))); err == nil {
		t.Error("a $or of 1,024 combinations is accepted")
	}
}

// A pattern that looks into several large arrays must not take time that multiplies with their lengths.
func TestMatchIsNotExponential(t *testing.T) {
	t.Parallel()
	var event, pattern []string
	for i := range 12 {
		event = append(event, fmt.Sprintf(`"a%02d": [%s{"x": 1}]`, i, strings.Repeat(`{"x": 1},`, 200)))
		pattern = append(pattern, fmt.Sprintf(`"a%02d": {"x": [1]}`, i))
	}
	p := compile(t, `{`+strings.Join(pattern, ",")+`, "z": ["never"]}`)
	if p.Match([]byte(`{` + strings.Join(event, ",") + `, "z": "other"}`)) {
		t.Error("matches")
	}
}

func FuzzPattern(f *testing.F) {
	f.Add(`{"a": [{"anything-but": {"wildcard": "*a*"}}]}`, `{"a": "bab"}`)
	f.Add(`{"$or": [{"a": {"b": [1]}}, {"c": [{"exists": false}]}]}`, `{"a": [{"b": 1}, [2]]}`)
	f.Add(`{"a": [{"numeric": [">", 0, "<=", 5e3]}, {"cidr": "10.0.0.0/8"}]}`, `{"a": 1e-400}`)
	f.Fuzz(func(t *testing.T, pattern, event string) {
		p, err := eventbus.Compile([]byte(pattern))
		if err != nil {
			return
		}
		first := p.Match([]byte(event))
		if first != p.Match([]byte(event)) {
			t.Errorf("%s matches %s only sometimes", pattern, event)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	p, err := eventbus.Compile([]byte(`{"source": [{"anything-but": {"prefix": "aws."}}], "detail-type": ["MessageRequested"], "detail": ` +
		`{"recipients": {"to": [{"prefix": "010"}]}}}`))
	if err != nil {
		b.Fatal(err)
	}
	event := []byte(`{"version": "0", "source": "shop", "detail-type": "MessageRequested", "detail": {"template": "TX_1234", "recipients": ` +
		`[{"to": "01012345678", "variables": {"a": "b"}}]}}`)
	b.ReportAllocs()
	for b.Loop() {
		if !p.Match(event) {
			b.Fatal("no match")
		}
	}
}
