package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"sms-api/awslocal/asl"
)

// graph is a state machine as a drawing, in pixels. Edges from one state to another are one edge, however many ways
// there are.
type graph struct {
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
	Nodes  []node  `json:"nodes"`
	Edges  []edge  `json:"edges"`
}

// node is a state; X and Y are its upper left corner.
type node struct {
	Name    string  `json:"name"`
	Type    string  `json:"type"`
	Comment string  `json:"comment,omitempty"`
	Start   bool    `json:"start,omitempty"`
	End     bool    `json:"end,omitempty"`
	X       float64 `json:"x"`
	Y       float64 `json:"y"`
	Width   float64 `json:"width"`
	Height  float64 `json:"height"`
}

// edge leads from one state to another. Path is an SVG path in that direction.
type edge struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Kinds are the transitions that it stands for: next, choice, default, catch.
	Kinds []asl.TransitionKind `json:"kinds"`
	// Errors are what its catchers take.
	Errors []string `json:"errors,omitempty"`
	Path   string   `json:"path"`
}

// Sizes of a drawing, in pixels.
const (
	nodeHeight    = 40.0
	nodeMinWidth  = 112.0
	nodePadding   = 46.0 // beside the name, an icon included
	letterWidth   = 7.2  // of the page's font at the size of a state's name, on average
	rowGap        = 50.0
	columnGap     = 28.0
	bendWidth     = 14.0 // what an edge that passes a row takes of it
	portGap       = 16.0
	margin        = 24.0
	orderSweeps   = 24
	placeSweeps   = 200
	straightness  = 40.0 // how much rather a long edge is straight than its ends are centred
	selfLoopWidth = 26.0
)

// vertex is a state, or a bend where an edge passes a row of others.
type vertex struct {
	state int // -1 for a bend
	row   int
	// at is the place in the row.
	at     int
	width  float64
	center float64
	// up and down are the neighbours in the rows above and below, by edge.
	up, down []link
}

// link is one piece of an edge, between two rows.
type link struct {
	vertex, edge int
}

// drawing lays a graph out in rows, as Sugiyama, Tagawa and Toda have it: break the cycles, put states into rows, order
// the rows so that few edges cross, place what is in them.
type drawing struct {
	states   []asl.StateInfo
	edges    []edge
	from, to []int // of edges, as states
	back     []bool
	vertices []vertex
	rows     [][]int
	// chains are the vertices along each edge, from the upper end to the lower.
	chains [][]int
}

// layOut draws the states of a machine's top level.
func layOut(states []asl.StateInfo) graph {
	states = slices.DeleteFunc(slices.Clone(states), func(s asl.StateInfo) bool { return s.Parent != "" })
	d := drawing{states: states}
	d.connect()
	d.orient()
	d.assignRows()
	d.order()
	d.place()
	return d.graph()
}

// connect makes the edges.
func (d *drawing) connect() {
	index := map[string]int{}
	for i, s := range d.states {
		index[s.Name] = i
	}
	known := map[[2]int]int{}
	for i, s := range d.states {
		for _, t := range s.Transitions {
			target, ok := index[t.Target]
			if !ok {
				continue
			}
			pair := [2]int{i, target}
			e, ok := known[pair]
			if !ok {
				e = len(d.edges)
				known[pair] = e
				d.edges = append(d.edges, edge{From: s.Name, To: t.Target})
				d.from, d.to = append(d.from, i), append(d.to, target)
			}
			if !slices.Contains(d.edges[e].Kinds, t.Kind) {
				d.edges[e].Kinds = append(d.edges[e].Kinds, t.Kind)
			}
			d.edges[e].Errors = append(d.edges[e].Errors, t.ErrorEquals...)
		}
	}
	d.back = make([]bool, len(d.edges))
}

// upper and lower are the ends of an edge in the drawing.
func (d *drawing) upper(e int) int {
	if d.back[e] {
		return d.to[e]
	}
	return d.from[e]
}

func (d *drawing) lower(e int) int {
	if d.back[e] {
		return d.from[e]
	}
	return d.to[e]
}

// orient decides which edges lead upwards: those to a state that is nearer to the start, and whatever else would make a
// cycle.
func (d *drawing) orient() {
	depth := make([]int, len(d.states))
	var queue []int
	for i, s := range d.states {
		depth[i] = math.MaxInt
		if s.Start {
			depth[i] = 0
			queue = append(queue, i)
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		for e := range d.edges {
			if d.from[e] == s && depth[d.to[e]] == math.MaxInt {
				depth[d.to[e]] = depth[s] + 1
				queue = append(queue, d.to[e])
			}
		}
	}
	for e := range d.edges {
		d.back[e] = depth[d.to[e]] < depth[d.from[e]]
	}
	const unseen, open, done = 0, 1, 2
	seen := make([]int, len(d.states))
	var visit func(s int)
	visit = func(s int) {
		seen[s] = open
		for e := range d.edges {
			if d.from[e] == d.to[e] || d.upper(e) != s {
				continue
			}
			switch t := d.lower(e); seen[t] {
			case unseen:
				visit(t)
			case open:
				d.back[e] = !d.back[e]
			}
		}
		seen[s] = done
	}
	for s := range d.states {
		if seen[s] == unseen {
			visit(s)
		}
	}
}

// assignRows puts each state into the first row that is below all states with an edge down to it, and bends into the rows
// between.
func (d *drawing) assignRows() {
	row := make([]int, len(d.states))
	// No way is longer than there are states, and nothing leads in a circle any more.
	for range d.states {
		for e := range d.edges {
			if u, l := d.upper(e), d.lower(e); u != l {
				row[l] = max(row[l], row[u]+1)
			}
		}
	}
	last := 0
	for i, s := range d.states {
		last = max(last, row[i])
		width := max(nodeMinWidth, nodePadding+letterWidth*float64(len([]rune(s.Name))))
		d.vertices = append(d.vertices, vertex{state: i, row: row[i], width: width})
	}
	d.chains = make([][]int, len(d.edges))
	for e := range d.edges {
		u, l := d.upper(e), d.lower(e)
		if u == l {
			continue
		}
		chain := []int{u}
		for r := row[u] + 1; r < row[l]; r++ {
			chain = append(chain, len(d.vertices))
			d.vertices = append(d.vertices, vertex{state: -1, row: r, width: bendWidth})
		}
		chain = append(chain, l)
		for i := range len(chain) - 1 {
			a, b := chain[i], chain[i+1]
			d.vertices[a].down = append(d.vertices[a].down, link{b, e})
			d.vertices[b].up = append(d.vertices[b].up, link{a, e})
		}
		d.chains[e] = chain
	}
	d.rows = make([][]int, last+1)
	for i := range d.vertices {
		r := d.vertices[i].row
		d.vertices[i].at = len(d.rows[r])
		d.rows[r] = append(d.rows[r], i)
	}
}

// order looks for an order of each row with few crossings: everything goes to the mean place of its neighbours, downwards
// and upwards in turn, and neighbours swap where that helps. The best order seen is kept.
func (d *drawing) order() {
	best, fewest := d.snapshot(), d.crossings()
	for sweep := range orderSweeps {
		if sweep%2 == 0 {
			for r := 1; r < len(d.rows); r++ {
				d.sortRow(r, func(v *vertex) []link { return v.up })
			}
		} else {
			for r := len(d.rows) - 2; r >= 0; r-- {
				d.sortRow(r, func(v *vertex) []link { return v.down })
			}
		}
		d.transpose()
		if n := d.crossings(); n < fewest {
			best, fewest = d.snapshot(), n
		}
	}
	for r := range best {
		d.setRow(r, best[r])
	}
}

func (d *drawing) snapshot() [][]int {
	rows := make([][]int, len(d.rows))
	for r := range d.rows {
		rows[r] = slices.Clone(d.rows[r])
	}
	return rows
}

func (d *drawing) setRow(r int, order []int) {
	d.rows[r] = order
	for at, v := range order {
		d.vertices[v].at = at
	}
}

func (d *drawing) sortRow(r int, neighbours func(*vertex) []link) {
	mean := map[int]float64{}
	for _, v := range d.rows[r] {
		links := neighbours(&d.vertices[v])
		sum := 0.0
		for _, l := range links {
			sum += float64(d.vertices[l.vertex].at)
		}
		mean[v] = float64(d.vertices[v].at)
		if len(links) > 0 {
			mean[v] = sum / float64(len(links))
		}
	}
	order := slices.Clone(d.rows[r])
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(mean[a], mean[b]) })
	d.setRow(r, order)
}

func (d *drawing) transpose() {
	for improved := true; improved; {
		improved = false
		for r, row := range d.rows {
			for i := range len(row) - 1 {
				before := d.crossingsOf(r)
				d.swap(r, i)
				if d.crossingsOf(r) < before {
					improved = true
				} else {
					d.swap(r, i)
				}
			}
		}
	}
}

func (d *drawing) swap(r, i int) {
	row := d.rows[r]
	row[i], row[i+1] = row[i+1], row[i]
	d.vertices[row[i]].at, d.vertices[row[i+1]].at = i, i+1
}

// crossings counts the crossings between all rows.
func (d *drawing) crossings() int {
	n := 0
	for r := range len(d.rows) - 1 {
		n += d.crossingsBelow(r)
	}
	return n
}

// crossingsOf counts the crossings that a row's order is to blame for.
func (d *drawing) crossingsOf(r int) int {
	n := 0
	if r > 0 {
		n += d.crossingsBelow(r - 1)
	}
	if r < len(d.rows)-1 {
		n += d.crossingsBelow(r)
	}
	return n
}

func (d *drawing) crossingsBelow(r int) int {
	type piece struct{ top, bottom int }
	var pieces []piece
	for _, v := range d.rows[r] {
		for _, l := range d.vertices[v].down {
			pieces = append(pieces, piece{d.vertices[v].at, d.vertices[l.vertex].at})
		}
	}
	n := 0
	for i, a := range pieces {
		for _, b := range pieces[:i] {
			if (a.top-b.top)*(a.bottom-b.bottom) < 0 {
				n++
			}
		}
	}
	return n
}

// place gives everything its place in the row: near its neighbours, and not nearer to each other than the gap.
func (d *drawing) place() {
	for r := range d.rows {
		d.placeRow(r, func(int) (float64, float64) { return 0, 1 })
	}
	for sweep := range placeSweeps {
		for i := range d.rows {
			r := i
			if sweep%2 == 1 {
				r = len(d.rows) - 1 - i
			}
			d.placeRow(r, d.pull)
		}
	}
}

// pull is where a vertex wants to be and how much.
func (d *drawing) pull(v int) (want, weight float64) {
	x := &d.vertices[v]
	for _, l := range slices.Concat(x.up, x.down) {
		other := &d.vertices[l.vertex]
		w := 1.0
		if x.state < 0 && other.state < 0 {
			w = straightness
		}
		want += w * other.center
		weight += w
	}
	if weight == 0 {
		return x.center, 1
	}
	return want / weight, weight
}

// placeRow finds the places with the least weighted sum of squared distances to where everything wants to be, in the
// row's order. Without the gaps that is an isotonic regression, which pooling adjacent violators solves.
func (d *drawing) placeRow(r int, pull func(v int) (want, weight float64)) {
	type block struct {
		want, weight float64
		n            int
	}
	var blocks []block
	offset := make([]float64, len(d.rows[r]))
	for i, v := range d.rows[r] {
		if i > 0 {
			left := &d.vertices[d.rows[r][i-1]]
			offset[i] = offset[i-1] + (left.width+d.vertices[v].width)/2 + columnGap
		}
		want, weight := pull(v)
		blocks = append(blocks, block{want - offset[i], weight, 1})
		for len(blocks) > 1 {
			a, b := blocks[len(blocks)-2], blocks[len(blocks)-1]
			if a.want <= b.want {
				break
			}
			sum := a.weight + b.weight
			blocks = append(blocks[:len(blocks)-2], block{(a.want*a.weight + b.want*b.weight) / sum, sum, a.n + b.n})
		}
	}
	i := 0
	for _, b := range blocks {
		for range b.n {
			d.vertices[d.rows[r][i]].center = b.want + offset[i]
			i++
		}
	}
}

func rowTop(r int) float64 { return margin + float64(r)*(nodeHeight+rowGap) }

// graph is the finished drawing.
func (d *drawing) graph() graph {
	left, right := math.Inf(1), math.Inf(-1)
	for _, v := range d.vertices {
		left, right = min(left, v.center-v.width/2), max(right, v.center+v.width/2)
	}
	if len(d.vertices) == 0 {
		left, right = 0, 0
	}
	for i := range d.vertices {
		d.vertices[i].center += margin - left
	}
	g := graph{Width: math.Ceil(right - left + 2*margin), Height: rowTop(len(d.rows)) - rowGap + margin}
	for i, s := range d.states {
		v := d.vertices[i]
		g.Nodes = append(g.Nodes, node{
			Name: s.Name, Type: s.Type, Comment: s.Comment, Start: s.Start, End: s.End,
			X: round(v.center - v.width/2), Y: rowTop(v.row), Width: round(v.width), Height: nodeHeight,
		})
	}
	for e := range d.edges {
		d.edges[e].Path = d.path(e)
	}
	g.Edges = d.edges
	return g
}

// port is where an edge meets a state's side: the edges of a side stand beside each other, in the order of where they
// lead.
func (d *drawing) port(v, e int, links []link) float64 {
	x := &d.vertices[v]
	if x.state < 0 {
		return x.center
	}
	sorted := slices.SortedStableFunc(slices.Values(links), func(a, b link) int {
		return cmp.Or(cmp.Compare(d.vertices[a.vertex].center, d.vertices[b.vertex].center), cmp.Compare(a.edge, b.edge))
	})
	at := slices.IndexFunc(sorted, func(l link) bool { return l.edge == e })
	gap := min(portGap, 0.7*x.width/float64(len(sorted)))
	return x.center + gap*(float64(at)-float64(len(sorted)-1)/2)
}

// path is a curve from row to row that passes rows in between upright.
func (d *drawing) path(e int) string {
	if d.from[e] == d.to[e] {
		v := d.vertices[d.from[e]]
		right, top := v.center+v.width/2, rowTop(v.row)
		return fmt.Sprintf("M%g %g C%g %g %g %g %g %g", round(right), top+12, round(right+selfLoopWidth), top+4,
			round(right+selfLoopWidth), top+36, round(right), top+28)
	}
	type point struct{ x, y float64 }
	var points []point
	chain := d.chains[e]
	for i, v := range chain {
		if i > 0 {
			points = append(points, point{round(d.port(v, e, d.vertices[v].up)), rowTop(d.vertices[v].row)})
		}
		if i < len(chain)-1 {
			points = append(points, point{round(d.port(v, e, d.vertices[v].down)), rowTop(d.vertices[v].row) + nodeHeight})
		}
	}
	if d.back[e] {
		slices.Reverse(points)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "M%g %g", points[0].x, points[0].y)
	for i := 1; i < len(points); i++ {
		p, q := points[i-1], points[i]
		if i%2 == 0 {
			fmt.Fprintf(&b, " L%g %g", q.x, q.y)
			continue
		}
		middle := (p.y + q.y) / 2
		fmt.Fprintf(&b, " C%g %g %g %g %g %g", p.x, middle, q.x, middle, q.x, q.y)
	}
	return b.String()
}

func round(x float64) float64 { return math.Round(x*10) / 10 }
