package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"go.yaml.in/yaml/v3"

	"sms-api/internal/template"
)

// Lock is the lock file: what was written of templates, by the stack and their names. Each stack may have an account of its own.
type Lock struct {
	path   string
	stacks map[string]map[string]template.Locked
	// held says that it is written later, changed that there is something to write then.
	held, changed bool
}

const heading = "# Which code Aligo has given to which template, and digests of what was written. go run ./console templates submit\n" +
	"# and pull write it; keep it in the repository.\n"

// ReadLock reads the lock file; one that is not there is empty.
func ReadLock(path string) (*Lock, error) {
	l := &Lock{path: path, stacks: map[string]map[string]template.Locked{}}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l, nil
	case err != nil:
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&l.stacks); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for stack, byName := range l.stacks {
		for name, one := range byName {
			if one.Code == "" {
				return nil, fmt.Errorf("%s: %s of %s has no code", path, name, stack)
			}
		}
	}
	return l, nil
}

// Of are the entries of a stack, by the templates' names.
func (l *Lock) Of(stack string) map[string]template.Locked { return l.stacks[stack] }

// Put keeps an entry of a stack and writes the file.
func (l *Lock) Put(stack, name string, entry template.Locked) error {
	if l.stacks[stack][name] == entry {
		return nil
	}
	if l.stacks == nil {
		l.stacks = map[string]map[string]template.Locked{}
	}
	if l.stacks[stack] == nil {
		l.stacks[stack] = map[string]template.Locked{}
	}
	l.stacks[stack][name] = entry
	return l.write()
}

// Drop forgets an entry of a stack, whose template has another name now.
func (l *Lock) Drop(stack, name string) error {
	if _, there := l.stacks[stack][name]; !there {
		return nil
	}
	delete(l.stacks[stack], name)
	return l.write()
}

// Together writes the file once for all that work changes: with a thousand entries each time takes long. What was changed before an
// error is written, too.
func (l *Lock) Together(work func() error) error {
	l.held = true
	err := work()
	l.held = false
	if !l.changed {
		return err
	}
	l.changed = false
	return errors.Join(err, l.write())
}

func (l *Lock) write() error {
	if l.held {
		l.changed = true
		return nil
	}
	var all yaml.Node
	if err := all.Encode(l.stacks); err != nil {
		return fmt.Errorf("write %s: %w", l.path, err)
	}
	for i := 1; i < len(all.Content); i += 2 {
		for _, name := range all.Content[i].Content {
			if name.Tag == merge {
				// Without quotes it would be no name of a template.
				name.Tag, name.Style = "!!str", yaml.DoubleQuotedStyle
			}
		}
	}
	text, err := yaml.Marshal(&all)
	if err != nil {
		return fmt.Errorf("write %s: %w", l.path, err)
	}
	return Write(l.path, append([]byte(heading), text...))
}
