// Package doctable puts what a command has measured into a document, for tests
// and benchmarks: a table between two lines of it, which stay, as does all else.
package doctable

import (
	"fmt"
	"os"
	"strings"
)

// Place is where a table stands.
type Place struct {
	// Document is the path of the file.
	Document string
	// First and Last are the lines around the table, each with its end.
	First, Last string
}

// Read returns what stands between the two lines.
func (p Place) Read() (string, error) {
	_, table, _, err := p.cut()
	return table, err
}

// Write puts a text between the two lines, instead of what stood there.
func (p Place) Write(table string) error {
	before, _, after, err := p.cut()
	if err != nil {
		return err
	}
	info, err := os.Stat(p.Document)
	if err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return os.WriteFile(p.Document, []byte(before+p.First+table+p.Last+after), info.Mode().Perm())
}

func (p Place) cut() (before, table, after string, err error) {
	text, err := os.ReadFile(p.Document)
	if err != nil {
		return "", "", "", fmt.Errorf("find the table: %w", err)
	}
	before, rest, begins := strings.Cut(string(text), p.First)
	table, after, ends := strings.Cut(rest, p.Last)
	if !begins || !ends {
		return "", "", "", fmt.Errorf("%s has no place for the table: the lines %q and %q", p.Document, p.First, p.Last)
	}
	return before, table, after, nil
}
