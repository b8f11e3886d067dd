package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// byteSize is a number of bytes as a flag: 1500000, 500MB or 20GiB.
type byteSize int64

// byteUnits holds the longer names first, so that a suffix is the whole unit.
var byteUnits = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// Set reads a size; it is what pflag calls.
func (b *byteSize) Set(text string) error {
	number, unit := text, 1.0
	for _, u := range byteUnits {
		if rest, found := strings.CutSuffix(text, u.name); found {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || !(value >= 0 && value*unit < math.MaxInt64) {
		return fmt.Errorf("%q is no number of bytes; write it as 1500000, 500MB or 20GiB", text)
	}
	*b = byteSize(value * unit)
	return nil
}

// String gives the plain number of bytes, which Set reads.
func (b *byteSize) String() string { return strconv.FormatInt(int64(*b), 10) }

// Type names the value in the help.
func (b *byteSize) Type() string { return "bytes" }
