package pipeline

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/doctable"
)

// add counts one more outcome.
func (r *row) add(outcome string, v verdict) {
	r.count++
	if all := strings.Split(r.outcome, ", "); r.outcome == "" {
		r.outcome = outcome
	} else if !slices.Contains(all, outcome) {
		all = append(all, outcome)
		slices.Sort(all)
		r.outcome = strings.Join(all, ", ")
	}
	r.cpu, r.rss = max(r.cpu, v.CPU), max(r.rss, v.RSS)
}

const tableStart, tableEnd = "<!-- made by make hostile: -->\n", "<!-- end of what make hostile made -->\n"

// table is the one between the marks of a file.
type table struct {
	place doctable.Place
	rows  []row
}

// readTable reads the lines of an earlier run.
func readTable(t *testing.T) *table {
	t.Helper()
	made := &table{place: doctable.Place{Document: os.Getenv(tableVariable), First: tableStart, Last: tableEnd}}
	lines, err := made.place.Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(lines, "\n") {
		cells := strings.Split(line, " | ")
		if len(cells) != 6 || strings.HasPrefix(line, "| kind") || strings.HasPrefix(line, "| ---") {
			continue
		}
		r := row{group: strings.TrimPrefix(cells[0], "| "), trick: cells[1], outcome: cells[3]}
		r.count, _ = strconv.Atoi(cells[2]) // What was written by hand counts nothing.
		r.cpu, _ = strconv.ParseFloat(cells[4], 64)
		r.rss, _ = strconv.ParseFloat(strings.TrimSuffix(cells[5], " |"), 64)
		made.rows = append(made.rows, r)
	}
	return made
}

// put takes the place of the lines that try the same.
func (made *table) put(rows []row) {
	for _, r := range rows {
		same := func(other row) bool { return other.group == r.group && other.trick == r.trick }
		if at := slices.IndexFunc(made.rows, same); at >= 0 {
			made.rows[at] = r
		} else {
			made.rows = append(made.rows, r)
		}
	}
}

func (made *table) write(t *testing.T) {
	t.Helper()
	var text strings.Builder
	how := "watched by strace"
	if _, err := exec.LookPath("strace"); err != nil {
		how = "without strace"
	}
	count := 0
	for _, r := range made.rows {
		count += r.count
	}
	version, err := exec.CommandContext(t.Context(), "ffmpeg", "-version").Output()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&text, "%d files, ffmpeg %s, %s.\n\n", count, strings.Fields(string(version))[2], how)
	text.WriteString("| kind | what it tries | files | what became of it | CPU s | MB |\n| --- | --- | ---: | --- | ---: | ---: |\n")
	for _, r := range made.rows {
		fmt.Fprintf(&text, "| %s | %s | %d | %s | %.1f | %.0f |\n", r.group, r.trick, r.count, r.outcome, r.cpu, r.rss)
	}
	if err := made.place.Write(text.String()); err != nil {
		t.Fatal(err)
	}
}
