package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"sms-api/internal/template"
	"sms-api/internal/template/files"
)

// pull writes files of the templates that Aligo has, and which codes they have. It changes nothing at Aligo, nor in the stack.
func (c *templatesCommand) pull(ctx context.Context) error {
	all, listed, err := c.both(ctx)
	if err != nil {
		return err
	}
	p := puller{templatesCommand: c, files: all, names: map[string]string{}}
	for name, l := range c.lock.Of(c.stack) {
		p.names[l.Code] = name
	}
	err = c.lock.Together(func() error {
		for _, l := range listed {
			if err := p.one(l, listed); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "templates at Aligo: %d, files written: %d, need somebody: %d\n", len(listed), p.written, p.wrong)
	return needed(p.wrong)
}

// What pull says besides of templates that it has not pulled.
const (
	// leftOut is what no file can say.
	leftOut template.State = "left out"
	// differ is a template whose file says something else.
	differ template.State = "differs"
)

// puller is one run of pull.
type puller struct {
	*templatesCommand

	files []files.File
	// names are those that templates have in the lock file, by their codes.
	names          map[string]string
	written, wrong int
}

// one pulls one template.
func (p *puller) one(l template.Listed, listed []template.Listed) error {
	name, known := p.names[l.Code]
	if !known {
		name = l.Name
	}
	if reason := p.another(l, listed); !known && reason != "" {
		p.leave(template.Doubled, l, reason)
		return nil
	}
	if len(l.Unsendable) > 0 {
		p.leave(template.Unsendable, l, "has "+strings.Join(l.Unsendable, ", ")+", which Aligo's API cannot send")
		return nil
	}
	at := p.file(name)
	if name != l.Name {
		reason := ""
		if at, reason = p.renamed(l, at); reason != "" {
			p.leave(template.Doubled, l, reason)
			return nil
		}
	}
	if at < 0 {
		text, err := files.Text("its file", nil, l)
		if err != nil {
			p.leave(leftOut, l, err.Error())
			return nil
		}
		path, err := files.WriteNew(p.folder, l, text)
		if err != nil {
			return err
		}
		p.files = append(p.files, files.File{Template: l.Template, Path: path})
		return p.wrote(name, l, path)
	}
	file := p.files[at]
	differs := template.Differences(file.Template, l.Template)
	switch {
	case len(differs) == 0:
		fmt.Fprintf(p.out, "%-10s %s (%s): %s\n", "same", l.Name, l.Code, file.Path)
		if known && name == l.Name {
			return nil
		}
		return p.note(name, l)
	case !p.overwrite:
		p.leave(differ, l, file.Path+" says something else: "+strings.Join(differs, ", ")+"; -overwrite writes into it what Aligo has")
		return nil
	}
	before, err := os.ReadFile(file.Path)
	if err != nil {
		return err
	}
	text, err := files.Text(file.Path, before, l)
	if err != nil {
		p.leave(leftOut, l, err.Error())
		return nil
	}
	if err := files.Write(file.Path, text); err != nil {
		return err
	}
	p.files[at].Template = l.Template
	return p.wrote(name, l, file.Path)
}

// file is where the file of a name is among the files, -1 for one that is not there.
func (p *puller) file(name string) int {
	return slices.IndexFunc(p.files, func(f files.File) bool { return f.Name == name })
}

// renamed is the file of a template that was given another name at Aligo: the one with the name before that, or the one that has
// followed already. The reason says whose its new name is here; two files of one name nobody could read.
func (p *puller) renamed(l template.Listed, before int) (at int, reason string) {
	if locked := p.lock.Of(p.stack)[l.Name]; locked.Code != "" {
		return before, "it was called " + p.names[l.Code] + ", and the lock file has " + locked.Code + " for its new name"
	}
	switch after := p.file(l.Name); {
	case after >= 0 && before >= 0:
		return before, "it was called " + p.names[l.Code] + " as " + p.files[before].Path + " is, and its new name is that of " +
			p.files[after].Path + ": take one of them away"
	case after >= 0:
		return after, ""
	}
	return before, ""
}

// another says why a template's name is that of another, and what to do.
func (p *puller) another(l template.Listed, listed []template.Listed) string {
	if locked := p.lock.Of(p.stack)[l.Name]; locked.Code != "" {
		return "the lock file has " + locked.Code + " for this name"
	}
	if _, many := template.Find(listed, "", l.Name); many {
		return "Aligo has several templates of this name: write the code of the one that is meant into the lock file, and pull again"
	}
	return ""
}

func (p *puller) leave(what template.State, l template.Listed, why string) {
	p.wrong++
	fmt.Fprintf(p.out, "%-10s %s (%s)\n", what, l.Name, l.Code)
	p.line(why)
}

// wrote notes a file that was written, of a template that had another name perhaps.
func (p *puller) wrote(before string, l template.Listed, path string) error {
	p.written++
	fmt.Fprintf(p.out, "%-10s %s (%s): %s\n", "pulled", l.Name, l.Code, path)
	return p.note(before, l)
}

// note puts what a file now says into the lock file.
func (p *puller) note(before string, l template.Listed) error {
	if before != l.Name {
		if err := p.lock.Drop(p.stack, before); err != nil {
			return err
		}
	}
	return p.lock.Put(p.stack, l.Name, template.Locked{Code: l.Code, Seen: l.Seen()})
}
