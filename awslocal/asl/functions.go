package asl

import (
	"context"
	"crypto/md5" //nolint:gosec // $hash offers MD5
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // $hash offers SHA-1
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"time"

	"github.com/recolabs/gnata"
)

// evaluator is a JSONata environment with the functions that Step Functions adds. It serves one evaluation at a time;
// a Machine keeps a pool of them.
type evaluator struct {
	bind func(name string, value any)
	eval func(ctx context.Context, e *gnata.Expression) (any, error)

	now     time.Time      // what $now and $millis say
	random  func() float64 // behind $random
	states  map[string]any // reused for $states
	scratch []byte         // reused for output
}

// newEvaluator builds the environment once; its functions read the evaluator's fields.
//
// https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions-provided-by-sfn
func newEvaluator() (*evaluator, error) {
	ev := &evaluator{states: map[string]any{}}
	env := gnata.NewCustomEnv(map[string]gnata.CustomFunc{
		"millis":    func([]any, any) (any, error) { return float64(ev.now.UnixMilli()), nil },
		"random":    ev.randomNumber,
		"uuid":      func([]any, any) (any, error) { return uuid(), nil },
		"partition": partition,
		"range":     numberRange,
		"hash":      hash,
		"parse":     parse,
	})
	ev.bind = env.Bind
	ev.eval = func(ctx context.Context, e *gnata.Expression) (any, error) {
		return e.EvalWithCustomFuncs(ctx, nil, env)
	}
	for _, f := range replacedFunctions {
		source, err := gnata.Compile(f.source)
		if err != nil {
			return nil, fmt.Errorf("compile $%s: %w", f.name, err)
		}
		lambda, err := ev.eval(context.Background(), source)
		if err != nil {
			return nil, fmt.Errorf("define $%s: %w", f.name, err)
		}
		env.Bind(f.name, lambda)
	}
	return ev, nil
}

// replacedFunctions are functions of gnata that answer otherwise than JSONata 2.0.6 does: $now reads the machine's
// clock, $filter keeps the list around a single value, and to cut a string at undefined characters leaves it as it is.
var replacedFunctions = []struct{ name, source string }{
	{"now", `function($picture, $timezone) { $fromMillis($millis(), $picture, $timezone) }`},
	{"filter", `( $all := $filter; function($array, $function) {
		( $kept := $all($array, $function); $count($kept) = 1 ? $kept[0] : $kept ) } )`},
	{"substringBefore", `( $before := $substringBefore; function($string, $characters)<s-x:s> {
		$exists($characters) ? $before($string, $characters) : $string } )`},
	{"substringAfter", `( $after := $substringAfter; function($string, $characters)<s-x:s> {
		$exists($characters) ? $after($string, $characters) : $string } )`},
}

// refusedFunctions are refused wherever they are named.
var refusedFunctions = map[string]string{
	"eval":     "Step Functions has no $eval; use $parse",
	"clone":    "$clone is not implemented",
	"distinct": "$distinct is not implemented: with one value left it would not be the list that it is on AWS",
	"match":    "$match is not implemented: its result would have fields of other names than on AWS",
}

// argument is the argument at i, nil if there is none or it is undefined.
func argument(args []any, i int) any {
	if i < len(args) {
		return args[i]
	}
	return nil
}

// whole rounds a number towards zero, as Step Functions does with the arguments of its functions.
func whole(name string, v any) (float64, error) {
	switch n := v.(type) {
	case float64:
		return math.Trunc(n), nil
	case json.Number:
		if f, err := n.Float64(); err == nil {
			return math.Trunc(f), nil
		}
	}
	return 0, fmt.Errorf("%s: %v is not a number", name, v)
}

func (ev *evaluator) randomNumber(args []any, _ any) (any, error) {
	if seed := argument(args, 0); seed != nil {
		n, err := whole("$random", seed)
		if err != nil {
			return nil, err
		}
		// The same seed gives the same number, as on AWS; which number is AWS's own affair.
		return mathrand.New(mathrand.NewPCG(math.Float64bits(n), 0)).Float64(), nil //nolint:gosec // not for secrets
	}
	return ev.random(), nil
}

func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// partition cuts an array into chunks. No array, an empty one or a size of zero gives undefined.
func partition(args []any, _ any) (any, error) {
	if argument(args, 0) == nil || argument(args, 1) == nil {
		return nil, nil
	}
	items, ok := args[0].([]any)
	if !ok {
		items = []any{args[0]} // JSONata takes a single value for an array of one
	}
	size, err := whole("$partition", args[1])
	switch {
	case err != nil:
		return nil, err
	case size < 0:
		return nil, errors.New("$partition: the size of a chunk must not be negative")
	case size == 0 || len(items) == 0:
		return nil, nil
	}
	step := int(min(size, float64(len(items))))
	chunks := make([]any, 0, (len(items)+step-1)/step)
	for len(items) > 0 {
		n := min(step, len(items))
		chunks = append(chunks, append([]any(nil), items[:n]...))
		items = items[n:]
	}
	return chunks, nil
}

// maxRange is the longest array that $range makes on AWS.
const maxRange = 360_145

// numberRange lists the numbers from first to last; a single one comes without an array. No step, or one that leads
// away from last, gives undefined.
func numberRange(args []any, _ any) (any, error) {
	var numbers [3]float64
	for i := range numbers {
		v := argument(args, i)
		if v == nil {
			return nil, nil
		}
		var err error
		if numbers[i], err = whole("$range", v); err != nil {
			return nil, err
		}
	}
	first, last, step := numbers[0], numbers[1], numbers[2]
	if step == 0 {
		return nil, errors.New("$range: the step must not be zero")
	}
	count := math.Floor((last-first)/step) + 1
	switch {
	case count < 1:
		return nil, nil
	case count == 1:
		return first, nil
	case count > maxRange:
		return nil, fmt.Errorf("$range: more than %d numbers", maxRange)
	}
	list := make([]any, int(count))
	for i := range list {
		list[i] = first + float64(i)*step
	}
	return list, nil
}

// hash is the hexadecimal digest of a string. No string or no algorithm gives undefined.
func hash(args []any, _ any) (any, error) {
	if argument(args, 0) == nil || argument(args, 1) == nil {
		return nil, nil
	}
	text, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("$hash: %v is not a string", args[0])
	}
	algorithm, ok := args[1].(string)
	if !ok {
		return nil, fmt.Errorf("$hash: %v is not the name of an algorithm", args[1])
	}
	var sum []byte
	switch algorithm {
	case "MD5":
		s := md5.Sum([]byte(text)) //nolint:gosec // asked for by name
		sum = s[:]
	case "SHA-1":
		s := sha1.Sum([]byte(text)) //nolint:gosec // asked for by name
		sum = s[:]
	case "SHA-256":
		s := sha256.Sum256([]byte(text))
		sum = s[:]
	case "SHA-384":
		s := sha512.Sum384([]byte(text))
		sum = s[:]
	case "SHA-512":
		s := sha512.Sum512([]byte(text))
		sum = s[:]
	default:
		return nil, fmt.Errorf("$hash: %q is not one of MD5, SHA-1, SHA-256, SHA-384, SHA-512", algorithm)
	}
	return hex.EncodeToString(sum), nil
}

// parse reads a string as JSON.
func parse(args []any, _ any) (any, error) {
	v := argument(args, 0)
	if v == nil {
		return nil, nil
	}
	text, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("$parse: %v is not a string", v)
	}
	if !json.Valid([]byte(text)) {
		return nil, errors.New("$parse: the string is not JSON")
	}
	tree, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("$parse: %w", err)
	}
	return tree, nil
}
