package files

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/unicode/norm"

	"sms-api/internal/aligo"
	"sms-api/internal/template"
)

// Text is what a file at a path says of a template that Aligo lists. before is what it says now, nil for a new one: comments, the
// example and what Aligo does not list are kept of it. What is not known of a new one is left open. The error says why no file can
// say it.
func Text(path string, before []byte, l template.Listed) ([]byte, error) {
	var why error
	// Not every text survives in the form that is best to read, nor fits with examples of the usual length.
	for _, w := range []writer{{}, {quoted: true}, {short: true}, {quoted: true, short: true}} {
		text, err := w.write(before, l)
		if err != nil {
			return nil, err
		}
		t, problems := Parse(path, text)
		err = errors.Join(problems...)
		if differs := template.Differences(t, l.Template); err == nil && len(differs) > 0 {
			err = fmt.Errorf("a file cannot say its %s", strings.Join(differs, ", "))
		}
		if err == nil {
			return text, nil
		}
		why = err
	}
	return nil, why
}

// readable are the rights of what is new in the repository.
const readable fs.FileMode = 0o644

// Write writes a file as a whole or not at all. One that is there keeps its rights, and a link to it stays one.
func Write(path string, text []byte) error {
	rights := readable
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
		if now, err := os.Stat(path); err == nil {
			rights = now.Mode().Perm()
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(rights), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// WriteNew writes a file of a template into a folder, under a name that no other file has on any system, and says its path.
func WriteNew(folder string, l template.Listed, text []byte) (string, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", err
	}
	taken := map[string]bool{}
	for _, entry := range entries {
		taken[folded(entry.Name())] = true
	}
	name, code := fileName(l.Name), fileName(l.Code)
	for _, name := range []string{name, strings.Trim(name+"-"+code, "-")} {
		if name == "" || device.MatchString(name) || taken[folded(name+".yaml")] {
			continue
		}
		path := filepath.Join(folder, name+".yaml")
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, readable)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		// Only the name is taken by now: half a template could be read as a whole one.
		if err := errors.Join(f.Close(), Write(path, text)); err != nil {
			_ = os.Remove(path)
			return "", err
		}
		return path, nil
	}
	return "", fmt.Errorf("there are files %s.yaml and %[1]s-%s.yaml in %s already", name, code, folder)
}

// folded is the name of a file as it is the same for systems that tell neither small letters from large ones nor forms of Unicode.
func folded(name string) string { return norm.NFC.String(strings.ToLower(norm.NFC.String(name))) }

// device matches what Windows takes for a device, whatever follows the first dot.
//
// https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file#naming-conventions
var device = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[1-9¹²³]|lpt[1-9¹²³])$`)

// fileName is the name of a file for a template: its name in letters and digits, which is readable in Korean, too.
func fileName(name string) string {
	const longest = 60 // letters, of which the file systems take 255 bytes
	var b strings.Builder
	between := func(r rune) bool { return r != '_' && !unicode.In(r, unicode.L, unicode.M, unicode.N) }
	for i, word := range strings.FieldsFunc(norm.NFC.String(name), between) {
		if i > 0 {
			b.WriteByte('-')
		}
		b.WriteString(word)
	}
	letters := []rune(b.String())
	return string(letters[:min(len(letters), longest)])
}

// writer writes one file.
type writer struct {
	// quoted writes texts in quotes, short gives all variables of the text examples of one letter.
	quoted, short bool
}

// write puts what Aligo lists into the file's mapping.
func (w writer) write(before []byte, l template.Listed) ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	document := yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{root}}
	if before != nil {
		if err := yaml.Unmarshal(before, &document); err != nil {
			return nil, err
		}
		root = document.Content[0]
	}
	put(root, "name", w.text(l.Name))
	kind := aligo.TemplateType(l.Type)
	switch kind {
	case "", aligo.TemplateBasic:
		drop(root, "type")
	default:
		put(root, "type", w.text(l.Type))
	}
	has := func(types ...aligo.TemplateType) bool { return slices.Contains(types, kind) }
	open(root, "extra", has(aligo.TemplateExtra, aligo.TemplateMixed))
	open(root, "advert", has(aligo.TemplateAd, aligo.TemplateMixed))
	if before == nil {
		open(root, "secure", true)
	}
	put(root, "text", w.text(l.Text))
	w.emphasis(root, l)
	if len(l.Buttons) == 0 {
		drop(root, "buttons")
	} else {
		w.buttons(under(root, "buttons", yaml.SequenceNode), l.Buttons)
	}
	w.example(root, approved(l.Template))
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(len("  "))
	err := errors.Join(encoder.Encode(&document), encoder.Close())
	return b.Bytes(), err
}

// emphasis writes what stands above the text. An image that the file has stays; of another nobody knows more than where it is.
func (w writer) emphasis(root *yaml.Node, l template.Listed) {
	switch aligo.EmphasisType(l.Emphasis) {
	case aligo.EmphasisText:
		both := under(root, "emphasis", yaml.MappingNode)
		drop(both, "image")
		put(both, "title", w.text(l.Title))
		put(both, "subtitle", w.text(l.Subtitle))
	case aligo.EmphasisImage:
		if i := at(root, "emphasis"); i >= 0 && at(root.Content[i+1], "image") >= 0 {
			return
		}
		image := unknown()
		if l.Picture != "" {
			image.LineComment = "Aligo has it at " + strings.Join(strings.Fields(l.Picture), " ")
		}
		both := under(root, "emphasis", yaml.MappingNode)
		drop(both, "title")
		drop(both, "subtitle")
		put(both, "image", image)
	default:
		drop(root, "emphasis")
	}
}

// example takes values out of variables that the template no longer has.
func (w writer) example(root *yaml.Node, t aligo.Template) {
	example := under(root, "example", yaml.MappingNode)
	all := t.Variables()
	for i := len(example.Content) - 2; i >= 0; i -= 2 {
		if name := example.Content[i].Value; !slices.Contains(all, name) {
			drop(example, name)
		}
	}
	if w.short {
		for _, name := range (aligo.Template{Content: t.Content}).Variables() {
			put(example, name, w.text("1"))
		}
	}
	if len(example.Content) == 0 {
		drop(root, "example")
	}
}

// buttons puts buttons into a list, in which one that has its name already stays as far as it is the same.
func (w writer) buttons(list *yaml.Node, all []template.Button) {
	before := list.Content
	list.Content = nil
	for _, b := range all {
		one := &yaml.Node{Kind: yaml.MappingNode}
		if i := slices.IndexFunc(before, func(n *yaml.Node) bool { return n.Kind == yaml.MappingNode && valueOf(n, "name") == b.Name }); i >= 0 {
			one = before[i]
			before = slices.Delete(slices.Clone(before), i, i+1)
		}
		for _, m := range [][2]string{
			{"name", b.Name}, {"type", b.Type}, {"mobile", b.Mobile}, {"pc", b.PC}, {"ios", b.IOS}, {"android", b.Android},
		} {
			if m[1] == "" {
				drop(one, m[0])
			} else {
				put(one, m[0], w.text(m[1]))
			}
		}
		list.Content = append(list.Content, one)
	}
}

// text is a text; several lines stand below each other where that can be.
func (w writer) text(text string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)}
	switch {
	case w.quoted:
		n.Style = yaml.DoubleQuotedStyle
	case strings.Contains(n.Value, "\n"):
		n.Style, n.Value = yaml.LiteralStyle, strings.TrimRight(n.Value, "\n")+"\n"
	}
	return n
}

func unknown() *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: null, Value: "null", LineComment: "Aligo has it, and does not list it"}
}

// open leaves a member open that the template has to have; what is there stays. One that it cannot have goes.
func open(mapping *yaml.Node, key string, has bool) {
	switch {
	case !has:
		drop(mapping, key)
	case at(mapping, key) < 0:
		put(mapping, key, unknown())
	}
}

// at is where a member of a mapping stands among its parts, -1 for one that is not there.
func at(mapping *yaml.Node, key string) int {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return i
		}
	}
	return -1
}

// valueOf is the text of a member of a mapping, as it is read; empty for one that is not there.
func valueOf(mapping *yaml.Node, key string) string {
	i := at(mapping, key)
	if i < 0 {
		return ""
	}
	return mapping.Content[i+1].Value
}

// merge is the tag of <<, which is written with it if its node is kept.
const merge = "!!merge"

// put has a member of a mapping say something. One that says so already stays as it is, and what people have noted beside it does.
func put(mapping *yaml.Node, key string, value *yaml.Node) {
	i := at(mapping, key)
	if i < 0 {
		mapping.Content = append(mapping.Content, writer{}.text(key), value)
		return
	}
	before := mapping.Content[i+1]
	if before.Kind == yaml.ScalarNode && before.Tag != null {
		same := strings.TrimRight(before.Value, "\n") == strings.TrimRight(value.Value, "\n")
		if same && value.Kind == yaml.ScalarNode && value.Tag != null && before.Tag != merge {
			return
		}
		if value.LineComment == "" {
			value.LineComment = before.LineComment
		}
		value.HeadComment, value.FootComment = before.HeadComment, before.FootComment
	}
	mapping.Content[i+1] = value
}

// under is the value of a member that has parts, which is put there if it is not, or is of another kind.
func under(mapping *yaml.Node, key string, kind yaml.Kind) *yaml.Node {
	if i := at(mapping, key); i < 0 || mapping.Content[i+1].Kind != kind {
		put(mapping, key, &yaml.Node{Kind: kind})
	}
	return mapping.Content[at(mapping, key)+1]
}

func drop(mapping *yaml.Node, key string) {
	if i := at(mapping, key); i >= 0 {
		mapping.Content = slices.Delete(mapping.Content, i, i+2)
	}
}
