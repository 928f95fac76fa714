package page

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sms-api/awslocal/asl"
	"sms-api/internal/testkit/machinetest"
)

// wired makes states of lines such as "A -> B C": the first one is the start, a state with no arrow an end.
func wired(lines ...string) []asl.StateInfo {
	var states []asl.StateInfo
	for i, line := range lines {
		name, targets, _ := strings.Cut(line, " -> ")
		s := asl.StateInfo{Name: name, Type: "Task", Start: i == 0}
		for _, target := range strings.Fields(targets) {
			s.Transitions = append(s.Transitions, asl.Transition{Kind: asl.ByNext, Target: target})
		}
		states = append(states, s)
	}
	return states
}

func TestEveryStateAndEveryWayIsDrawn(t *testing.T) {
	t.Parallel()
	states := machinetest.Parsed(t).States()
	g := layOut(states)
	if len(g.Nodes) != len(states) {
		t.Errorf("%d nodes for %d states", len(g.Nodes), len(states))
	}
	drawn := map[string]edge{}
	for _, e := range g.Edges {
		drawn[e.From+" > "+e.To] = e
	}
	if len(drawn) != len(g.Edges) {
		t.Error("an edge is drawn twice")
	}
	for _, s := range states {
		for _, transition := range s.Transitions {
			e, ok := drawn[s.Name+" > "+transition.Target]
			if !ok {
				t.Errorf("the way from %s to %s is missing", s.Name, transition.Target)
				continue
			}
			if !slices.Contains(e.Kinds, transition.Kind) {
				t.Errorf("the way from %s to %s is of kind %s, which is not among %v", s.Name, transition.Target, transition.Kind, e.Kinds)
			}
			for _, name := range transition.ErrorEquals {
				if !slices.Contains(e.Errors, name) {
					t.Errorf("the way from %s to %s does not name %s", s.Name, transition.Target, name)
				}
			}
		}
	}
}

func TestDrawingsCanBeRead(t *testing.T) {
	t.Parallel()
	for name, states := range map[string][]asl.StateInfo{
		"the state machine":        machinetest.Parsed(t).States(),
		"one state":                wired("A"),
		"a line":                   wired("A -> B", "B -> C", "C"),
		"a circle back to itself":  wired("A -> A B", "B"),
		"two in a circle":          wired("A -> B", "B -> A C", "C"),
		"a shortcut":               wired("A -> B C D", "B -> C", "C -> D", "D"),
		"a long way back":          wired("A -> B", "B -> C", "C -> D", "D -> A E", "E"),
		"circles in a circle":      wired("A -> B C", "B -> C D", "C -> B D", "D -> A B E", "E"),
		"a state nobody leads to":  wired("A -> B", "B", "C -> B"),
		"everything to everything": wired("A -> B C D E", "B -> A C D E", "C -> A B D E", "D -> A B C E", "E -> A B C D"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := layOut(states)
			for i, a := range g.Nodes {
				if a.X < 0 || a.Y < 0 || a.X+a.Width > g.Width || a.Y+a.Height > g.Height {
					t.Errorf("%s is outside of the drawing", a.Name)
				}
				for _, b := range g.Nodes[:i] {
					if a.X < b.X+b.Width && b.X < a.X+a.Width && a.Y < b.Y+b.Height && b.Y < a.Y+a.Height {
						t.Errorf("%s and %s overlap", a.Name, b.Name)
					}
				}
			}
			for _, e := range g.Edges {
				points := trace(t, e.Path)
				for _, end := range []struct {
					name string
					at   [2]float64
				}{{e.From, points[0]}, {e.To, points[len(points)-1]}} {
					if n := nodeOf(g, end.name); !onBorder(n, end.at) {
						t.Errorf("%s > %s: the end at %v is not on the border of %s", e.From, e.To, end.at, end.name)
					}
				}
				for _, p := range points {
					for _, n := range g.Nodes {
						if p[0] > n.X && p[0] < n.X+n.Width && p[1] > n.Y && p[1] < n.Y+n.Height {
							t.Fatalf("%s > %s runs across %s", e.From, e.To, n.Name)
						}
					}
					if p[0] < 0 || p[0] > g.Width || p[1] < 0 || p[1] > g.Height {
						t.Fatalf("%s > %s leaves the drawing at %v", e.From, e.To, p)
					}
				}
			}
		})
	}
}

func TestTheSameMachineIsDrawnTheSame(t *testing.T) {
	t.Parallel()
	first, err := json.Marshal(layOut(machinetest.Parsed(t).States()))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		again, err := json.Marshal(layOut(machinetest.Parsed(t).States()))
		if err != nil {
			t.Fatal(err)
		}
		if string(first) != string(again) {
			t.Fatal("two drawings of the same machine differ")
		}
	}
}

func TestFewWaysCross(t *testing.T) {
	t.Parallel()
	d := drawing{states: machinetest.Parsed(t).States()}
	d.connect()
	d.orient()
	d.assignRows()
	before := d.crossings()
	d.order()
	// A few there must be: both senders lead to the same three states, and all four tasks to the wait for a repair.
	if n := d.crossings(); n > 10 {
		t.Errorf("%d crossings, %d before they were ordered", n, before)
	}
}

func nodeOf(g graph, name string) node {
	return g.Nodes[slices.IndexFunc(g.Nodes, func(n node) bool { return n.Name == name })]
}

func onBorder(n node, p [2]float64) bool {
	const slack = 0.2 // places are rounded
	near := func(a, b float64) bool { return a-b < slack && b-a < slack }
	inX := p[0] >= n.X-slack && p[0] <= n.X+n.Width+slack
	inY := p[1] >= n.Y-slack && p[1] <= n.Y+n.Height+slack
	return inX && (near(p[1], n.Y) || near(p[1], n.Y+n.Height)) || inY && (near(p[0], n.X) || near(p[0], n.X+n.Width))
}

// trace gives points along a path of M, L and C.
func trace(t *testing.T, path string) [][2]float64 {
	t.Helper()
	r := strings.NewReader(path)
	var points [][2]float64
	for r.Len() > 0 {
		var command rune
		if _, err := fmt.Fscanf(r, "%c", &command); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		read := func() (p [2]float64) {
			if _, err := fmt.Fscan(r, &p[0], &p[1]); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			return p
		}
		switch command {
		case ' ':
		case 'M', 'L':
			points = append(points, read())
		case 'C':
			p0, p1, p2, p3 := points[len(points)-1], read(), read(), read()
			const steps = 32
			for i := 1; i <= steps; i++ {
				u := float64(i) / steps
				v := 1 - u
				var p [2]float64
				for k := range p {
					p[k] = v*v*v*p0[k] + 3*v*v*u*p1[k] + 3*v*u*u*p2[k] + u*u*u*p3[k]
				}
				points = append(points, p)
			}
		default:
			t.Fatalf("%s: the command %c", path, command)
		}
	}
	return points
}
