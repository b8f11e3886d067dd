package standin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mark stands between the program and its orders. (In two parts, or the program would
// hold it too.)
var mark = []byte("\norders of " + "the stand-in:\n")

// ReadOrders reads the orders at the end of a stand-in.
func ReadOrders(path string) (Orders, error) {
	var o Orders
	program, err := os.ReadFile(path)
	if err != nil {
		return o, err
	}
	at := bytes.LastIndex(program, mark)
	if at < 0 {
		return o, errors.New("there are no orders")
	}
	return o, json.Unmarshal(program[at+len(mark):], &o)
}

// Option is one of an encoder's own.
type Option struct {
	// Names are the values that have one; others are numbers from Least to Most.
	Names       []string
	Least, Most float64
}

// ReadOptions reads an encoder's own options from what ffmpeg -h encoder=NAME prints.
func ReadOptions(help string) map[string]Option {
	options := map[string]Option{}
	header := regexp.MustCompile(`^  -(\S+)\s+<(\w+)>\s+E\..V\S*(.*)$`)
	named := regexp.MustCompile(`^     (\S+)\s+(?:-?\d+\s+)?E\..V`)
	bounds := regexp.MustCompile(`\(from (\S+) to (\S+)\)`)
	last := ""
	for line := range strings.Lines(help) {
		line = strings.TrimRight(line, "\n")
		if found := header.FindStringSubmatch(line); found != nil {
			last = found[1]
			o := Option{Least: math.MinInt32, Most: math.MaxInt32}
			if found[2] == "boolean" {
				o.Least, o.Most = 0, 1
			}
			if b := bounds.FindStringSubmatch(found[3]); b != nil {
				o.Least, o.Most = bound(b[1]), bound(b[2])
			}
			options[last] = o
		} else if found := named.FindStringSubmatch(line); found != nil && last != "" {
			o := options[last]
			o.Names = append(o.Names, found[1])
			options[last] = o
		}
	}
	return options
}

func bound(text string) float64 {
	if value, err := strconv.ParseFloat(text, 64); err == nil {
		return value
	}
	return math.MaxInt32 // INT_MAX
}

// Take returns what is wrong with a value of the option, in ffmpeg's words; nil if nothing.
func (o Option) Take(value string) error {
	if slices.Contains(o.Names, value) {
		return nil
	}
	number, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return fmt.Errorf("Unable to parse option value %q", value) //nolint:staticcheck // ffmpeg's words.
	}
	if number < o.Least || number > o.Most {
		return fmt.Errorf("Value %f for parameter out of range [%g - %g]", number, o.Least, o.Most) //nolint:staticcheck // ffmpeg's words.
	}
	return nil
}
