package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/job"
)

// line is what a terminal shows in the end of what was written to it, all in
// one line; longest is the most columns that were ever used.
func line(written string) (shown string, longest int) {
	var columns []rune
	at := 0
	for _, c := range written {
		if c == '\r' {
			at = 0
			continue
		}
		if at == len(columns) {
			columns = append(columns, c)
		} else {
			columns[at] = c
		}
		at++
		longest = max(longest, at)
	}
	return string(columns), longest
}

func TestTheBarIsWipedAway(t *testing.T) {
	var screen bytes.Buffer
	m := &meter{screen: &screen}
	m.report(job.Progress{Step: "queued"})
	m.report(job.Progress{Step: "upload " + strings.Repeat("a very long name ", 20) + ".mp4", Done: 1, Total: 3})
	for done := range int64(120) {
		m.report(job.Progress{Step: "analyse", Done: done, Total: 120})
	}
	for _, want := range []string{"queued", "upload a very", "analyse"} {
		if text := screen.String(); !strings.Contains(text, want) || strings.Contains(text, "0/-") {
			t.Errorf("it has drawn %q", text)
		}
	}
	m.report(job.Progress{Step: "encode"})
	m.done()
	m.done()
	shown, longest := line(screen.String())
	if strings.TrimSpace(shown) != "" || strings.Contains(shown, "\n") {
		t.Errorf("it left %q", shown)
	}
	if longest > 80 {
		t.Errorf("it used %d columns of 80", longest)
	}
}
