package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// defaultEnvFile is read when it is there and no other is named.
const defaultEnvFile = ".env"

// loadEnvFile sets the variables of the file that --env-file names, or of .env
// if there is one. What the environment holds already wins.
func loadEnvFile(cmd *cobra.Command) error {
	path, err := cmd.Flags().GetString("env-file")
	if err != nil {
		return err
	}
	if path == "" {
		path = os.Getenv(variable("env-file"))
	}
	named := path != ""
	if !named {
		path = defaultEnvFile
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return nil
	}
	if err != nil {
		return usageError{fmt.Errorf("read --env-file: %w; write one by env.sh STAGE, or give another", err)}
	}
	variables, err := parseEnv(string(text))
	if err != nil {
		return usageError{fmt.Errorf("read %s: %w; name another file by --env-file, or /dev/null for none", path, err)}
	}
	for _, v := range variables {
		if _, set := os.LookupEnv(v.name); set {
			continue
		}
		if err := os.Setenv(v.name, v.value); err != nil {
			return usageError{fmt.Errorf("read %s: set %s: %w", path, v.name, err)}
		}
	}
	return nil
}

type assignment struct{ name, value string }

var assignmentStart = regexp.MustCompile(`^(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=`)

// parseEnv reads lines NAME=value as a POSIX shell does, quotes and all, but
// expands nothing: a $ or ` that a shell would expand is an error.
func parseEnv(text string) (all []assignment, err error) {
	line := 1
	for rest := text; rest != ""; {
		trimmed := strings.TrimLeft(rest, " \t\r\n")
		line += strings.Count(rest[:len(rest)-len(trimmed)], "\n")
		if rest = trimmed; rest == "" {
			break
		}
		if rest[0] == '#' {
			_, rest, _ = strings.Cut(rest, "\n")
			line++
			continue
		}
		found := assignmentStart.FindStringSubmatch(rest)
		if found == nil {
			return nil, fmt.Errorf("line %d: this is not NAME=value", line)
		}
		value, length, err := parseWord(rest[len(found[0]):])
		if err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", line, found[1], err)
		}
		all = append(all, assignment{found[1], value})
		line += strings.Count(rest[:len(found[0])+length], "\n")
		rest = rest[len(found[0])+length:]
		if after := strings.TrimLeft(rest, " \t\r"); after != "" && after[0] != '\n' && after[0] != '#' {
			return nil, fmt.Errorf("line %d: %s: there is more after the value; quote it as one", line, found[1])
		}
	}
	return all, nil
}

// parseWord reads one word of a shell from the start of text, and tells how
// many bytes it took.
func parseWord(text string) (word string, length int, err error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case ' ', '\t', '\r', '\n':
			return b.String(), i, nil
		case '\'':
			end := strings.IndexByte(text[i+1:], '\'')
			if end < 0 {
				return "", 0, errors.New("a ' without its end")
			}
			b.WriteString(text[i+1 : i+1+end])
			i += end + 1
		case '"':
			end, err := parseDouble(text[i+1:], &b)
			if err != nil {
				return "", 0, err
			}
			i += end + 1
		case '\\':
			if i++; i == len(text) {
				return "", 0, errors.New("it ends in a \\")
			}
			if text[i] != '\n' {
				b.WriteByte(text[i])
			}
		case '$', '`', ';', '&', '|', '<', '>', '(', ')':
			return "", 0, fmt.Errorf("a shell would take the %c for its own; put the value in single quotes", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), len(text), nil
}

// parseDouble reads up to the end of a double quote and tells where that is.
func parseDouble(text string, b *strings.Builder) (end int, err error) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return i, nil
		case c == '$', c == '`':
			return 0, fmt.Errorf("a shell would expand the %c; put the value in single quotes", c)
		case c == '\\' && i+1 < len(text) && strings.IndexByte("\"\\$`\n", text[i+1]) >= 0:
			if i++; text[i] != '\n' {
				b.WriteByte(text[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return 0, errors.New(`a " without its end`)
}
