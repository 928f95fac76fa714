// Package files reads and writes templates as YAML files, and keeps the file that says which code Aligo has given to which of them.
package files

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"sms-api/internal/aligo"
	"sms-api/internal/example"
	"sms-api/internal/template"
)

// File is a template and the path of its file.
type File struct {
	template.Template

	Path string
}

// Read reads all templates of a folder, a file each, in the order of their names; one that is not there has none. The error says
// everything that is wrong, each with its file and line.
func Read(folder string) ([]File, error) {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []File
	var errs []error
	named := map[string]string{}
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		if strings.HasSuffix(entry.Name(), ".yml") {
			errs = append(errs, fmt.Errorf("%s: call it .yaml", path))
		}
		if entry.IsDir() || !strings.HasSuffix(entry.Name(), ".yaml") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		t, problems := Parse(path, text)
		errs = append(errs, problems...)
		if len(problems) > 0 {
			continue
		}
		if other := named[t.Name]; other != "" {
			errs = append(errs, fmt.Errorf("%s: the name %q is that of %s, too", path, t.Name, other))
		}
		named[t.Name] = path
		all = append(all, File{Template: t, Path: path})
	}
	slices.SortFunc(all, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return all, errors.Join(errs...)
}

// Parse reads the template of a file, whose path images are relative to. Each of the problems names file and line.
func Parse(path string, text []byte) (template.Template, []error) {
	r := &reader{path: path, lines: map[string]int{}, failed: map[int]bool{}}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, more yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return r.t, []error{fmt.Errorf("%s: is empty", path)}
	case err != nil && !strings.Contains(err.Error(), "line "):
		return r.t, []error{fmt.Errorf("%s:1: %w", path, err)} // of the first line it does not say so
	case err != nil:
		return r.t, []error{fmt.Errorf("%s: %w", path, err)}
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return r.t, []error{fmt.Errorf("%s: has more than one template: give each a file of its own", path)}
	}
	r.template(document.Content[0])
	if document.Content[0].Kind == yaml.MappingNode {
		r.check()
	}
	return r.t, r.problems
}

// reader reads one file.
type reader struct {
	path     string
	t        template.Template
	examples map[string]string
	// lines are where the parts of a draft stand, by their names in Go.
	lines    map[string]int
	problems []error
	// failed are the lines that have some.
	failed map[int]bool
}

func (r *reader) fail(line int, format string, args ...any) {
	r.failed[line] = true
	r.problems = append(r.problems, fmt.Errorf("%s:%d: "+format, append([]any{r.path, line}, args...)...))
}

// member reads the value of a member of a mapping.
type member func(key string, value *yaml.Node)

// mapping reads a mapping whose members are known, and says why those cannot be that Aligo has no field for.
func (r *reader) mapping(n *yaml.Node, what string, members map[string]member) {
	if n.Kind != yaml.MappingNode {
		r.fail(n.Line, "%s is no mapping", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		read, known := members[key.Value]
		switch {
		case seen[key.Value]:
			r.fail(key.Line, "%s stands here twice", key.Value)
		case known:
			read(key.Value, value)
		case unsendable(key.Value) != "":
			r.fail(key.Line, "%s: %s", key.Value, unsendable(key.Value))
		default:
			r.fail(key.Line, "%s has no member %s; it has %s", what, key.Value, strings.Join(slices.Sorted(maps.Keys(members)), ", "))
		}
		seen[key.Value] = true
	}
}

// unsendable says why a part that Kakao's templates may have cannot stand in a file; empty for what is no such part.
func unsendable(key string) string {
	const none = "Aligo's API can neither register nor send "
	switch strings.ToLower(key) {
	case "representlink", "templaterepresentlink", "대표링크":
		return none + "a representative link (대표링크); a button of the type WL leads somewhere, too"
	case "header", "templateheader", "헤더":
		return none + "a header (헤더)"
	case "items", "itemlist", "item", "아이템리스트", "아이템":
		return none + "a list of items (아이템 리스트)"
	case "highlight", "itemhighlight", "아이템하이라이트":
		return none + "a highlight (아이템 하이라이트)"
	case "quickreplies", "바로연결":
		return none + "quick replies (바로연결)"
	case "category", "categorycode", "카테고리":
		return "Aligo's API has no field for the category of a template"
	case "code", "tpl_code", "templtcode":
		return "Aligo gives templates their codes; they stand in the lock file"
	}
	return ""
}

// text reads a text into one part of the draft. A file ends its last line; a template does not.
func (r *reader) text(part string, into *string) member {
	return func(key string, n *yaml.Node) {
		r.lines[part] = n.Line
		switch {
		case strings.Contains(n.LineComment, "#{"):
			r.fail(n.Line, "%s ends before a #, which begins a comment in YAML after a space: put it into quotes, or below a |", key)
			return
		case n.Kind != yaml.ScalarNode || n.Tag == null:
			r.fail(n.Line, "%s is no text", key)
			return
		}
		*into = strings.TrimRight(strings.ReplaceAll(n.Value, "\r\n", "\n"), "\n")
	}
}

// open lets a member be null, of which only Aligo has something.
func (r *reader) open(name string, read member) member {
	return func(key string, n *yaml.Node) {
		if n.Tag == null {
			r.t.Unknown = append(r.t.Unknown, name)
			return
		}
		read(key, n)
	}
}

const null = "!!null"

func (r *reader) template(n *yaml.Node) {
	t := &r.t
	r.mapping(n, "a template", map[string]member{
		"name": r.text("Name", &t.Name), "text": r.text("Content", &t.Text), "type": r.text("Type", &t.Type),
		"extra": r.open("extra", r.text("Extra", &t.Extra)), "advert": r.open("advert", r.text("Advert", &t.Advert)),
		"secure": r.open("secure", func(key string, n *yaml.Node) {
			if n.Tag != "!!bool" || n.Decode(&t.Secure) != nil {
				r.fail(n.Line, "%s is neither true nor false", key)
			}
		}),
		"emphasis": func(key string, n *yaml.Node) { r.emphasis(key, n) },
		"buttons":  func(key string, n *yaml.Node) { r.buttons(key, n) },
		"example":  func(key string, n *yaml.Node) { r.example(key, n) },
	})
}

const openImage = "emphasis.image"

func (r *reader) emphasis(key string, n *yaml.Node) {
	r.lines["EmphasisType"] = n.Line
	var image string
	r.mapping(n, key, map[string]member{
		"title": r.text("Title", &r.t.Title), "subtitle": r.text("Subtitle", &r.t.Subtitle), "image": r.open(openImage, r.text("Image", &image)),
	})
	for _, part := range []string{"Title", "Subtitle"} {
		r.lines[part] = cmp.Or(r.lines[part], n.Line) // where one of them is missing
	}
	pulled := slices.Contains(r.t.Unknown, openImage)
	switch text := r.t.Title != "" || r.t.Subtitle != ""; {
	case text && (image != "" || pulled):
		r.fail(n.Line, "emphasis has a title and an image: Aligo takes one of them")
	case text:
		r.t.Emphasis = string(aligo.EmphasisText)
	case pulled:
		r.t.Emphasis = string(aligo.EmphasisImage)
	case image != "":
		r.t.Emphasis = string(aligo.EmphasisImage)
		data, err := os.ReadFile(filepath.Join(filepath.Dir(r.path), filepath.FromSlash(image)))
		if err != nil {
			r.fail(r.lines["Image"], "the image cannot be read: %v", err)
			return
		}
		r.t.Image = &template.Image{Name: filepath.Base(image), Data: data}
	default:
		r.fail(n.Line, "emphasis has neither a title with a subtitle nor an image")
	}
}

func (r *reader) buttons(key string, n *yaml.Node) {
	r.lines["Buttons"] = n.Line
	if n.Kind != yaml.SequenceNode {
		r.fail(n.Line, "%s is no list", key)
		return
	}
	r.t.Buttons = make([]template.Button, len(n.Content))
	for i, one := range n.Content {
		b, at := &r.t.Buttons[i], fmt.Sprintf("Buttons[%d]", i)
		r.lines[at] = one.Line
		r.mapping(one, "a button", map[string]member{
			"name": r.text(at+".Name", &b.Name), "type": r.text(at+".Type", &b.Type), "mobile": r.text(at+".LinkMobile", &b.Mobile),
			"pc": r.text(at+".LinkPC", &b.PC), "ios": r.text(at+".LinkIOS", &b.IOS), "android": r.text(at+".LinkAndroid", &b.Android),
		})
	}
}

func (r *reader) example(key string, n *yaml.Node) {
	r.lines["example"] = n.Line
	r.examples = map[string]string{}
	if n.Kind != yaml.MappingNode {
		r.fail(n.Line, "%s is no mapping", key)
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], ""
		r.text("example."+name.Value, &value)(name.Value, n.Content[i+1])
		r.examples[name.Value] = value
	}
}

// check finds the rules of Aligo's that the template breaks, and whether a message with the example's values fits. Where something was
// wrong already, more of it would only be what follows.
func (r *reader) check() {
	wrong := maps.Clone(r.failed)
	for _, p := range r.t.Draft().Problems() {
		if slices.Contains(r.t.Unknown, inYAML(p.Field)) || wrong[r.line(p.Field)] {
			continue
		}
		r.fail(r.line(p.Field), "%s %s", inYAML(p.Field), p.Detail)
	}
	approved := approved(r.t)
	variables := approved.Variables()
	for name := range maps.Keys(r.examples) {
		if !slices.Contains(variables, name) && !wrong[r.line("Content")] && r.t.Text != "" {
			r.fail(r.line("example."+name), "example has a value for %s, which is no variable of the template", name)
		}
	}
	if len(r.problems) > 0 {
		return
	}
	values := example.For(approved)
	maps.Copy(values, r.examples)
	_, err := aligo.NewRenderer(approved).Render(values)
	var refused *aligo.RenderError
	if errors.As(err, &refused) {
		line := r.line("Content")
		if r.examples != nil {
			line = r.line("example")
		}
		r.fail(line, "a message with the values of the example would not fit: %s", strings.Join(refused.Problems, "; "))
	}
}

// approved is the template as it is sent once it has been approved.
func approved(t template.Template) aligo.Template {
	return aligo.Template{
		Code: t.Name, Content: t.Text, InspStatus: aligo.InspApproved, EmphasisType: aligo.EmphasisType(t.Emphasis), Title: t.Title,
		Buttons: t.Draft().Buttons,
	}
}

// line is where a part of the draft stands, or what it is a part of.
func (r *reader) line(part string) int {
	for part != "" {
		if line := r.lines[part]; line > 0 {
			return line
		}
		part = part[:max(0, strings.LastIndexAny(part, ".["))]
	}
	return 1
}

var part = regexp.MustCompile(`[A-Za-z]+`)

// inYAML is the name of a part of the draft as files write it.
func inYAML(field string) string {
	names := map[string]string{
		"Content": "text", "LinkMobile": "mobile", "LinkPC": "pc", "LinkIOS": "ios", "LinkAndroid": "android", "EmphasisType": "emphasis",
		"Title": "emphasis.title", "Subtitle": "emphasis.subtitle", "Image": "emphasis.image",
	}
	return part.ReplaceAllStringFunc(field, func(name string) string {
		if other := names[name]; other != "" {
			return other
		}
		return strings.ToLower(name)
	})
}
