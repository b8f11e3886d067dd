package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/motionmill/motionmill/job"
)

// meter shows progress: a bar on a terminal, lines of JSON when asked, else
// nothing.
type meter struct {
	bar     *progressbar.ProgressBar
	out     io.Writer
	json    bool
	last    time.Time
	lastFor string
}

func newMeter(asJSON bool, out io.Writer) *meter {
	m := &meter{json: asJSON, out: out}
	if !asJSON && term.IsTerminal(int(os.Stderr.Fd())) {
		m.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())
	}
	return m
}

// report shows p; it may be called for each frame.
func (m *meter) report(p job.Progress) {
	switch {
	case m.bar != nil:
		m.bar.Describe(p.Step)
		if p.Total > 0 {
			m.bar.ChangeMax64(max(p.Total, p.Done))
		}
		_ = m.bar.Set64(p.Done) // A bar that cannot be drawn is no reason to stop.
	case m.json && (p.Step != m.lastFor || time.Since(m.last) > time.Second):
		m.last, m.lastFor = time.Now(), p.Step
		printJSON(m.out, map[string]any{"progress": p})
	}
}

func (m *meter) done() {
	if m.bar != nil {
		_ = m.bar.Finish()
	}
}

func printJSON(out io.Writer, value any) {
	line, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("encode a line of output: %v", err)) // Only our own types get here.
	}
	fmt.Fprintf(out, "%s\n", line)
}
