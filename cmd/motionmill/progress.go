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

// stepShown is how many characters of a step a bar shows: one that is longer
// than the terminal is wide could not be wiped away.
const stepShown = 30

// meter shows progress: a bar on a terminal, lines of JSON when asked, else
// nothing.
type meter struct {
	screen  io.Writer // The terminal; nil shows no bar.
	bar     *progressbar.ProgressBar
	total   int64
	out     io.Writer
	json    bool
	last    time.Time
	lastFor string
}

func newMeter(asJSON bool, out io.Writer) *meter {
	m := &meter{json: asJSON, out: out}
	if !asJSON && term.IsTerminal(int(os.Stderr.Fd())) {
		m.screen = os.Stderr
	}
	return m
}

// report shows p; it may be called for each frame.
func (m *meter) report(p job.Progress) {
	switch {
	case m.screen != nil:
		m.draw(p)
	case m.json && (p.Step != m.lastFor || time.Since(m.last) > time.Second):
		m.last, m.lastFor = time.Now(), p.Step
		printJSON(m.out, map[string]any{"progress": p})
	}
}

// draw gives each step a bar of its own, or a spinner while its length is not
// known.
func (m *meter) draw(p job.Progress) {
	if m.bar == nil || p.Step != m.lastFor || p.Total != m.total {
		m.done()
		m.lastFor, m.total = p.Step, p.Total
		m.bar = m.newBar(p)
	}
	_ = m.bar.Set64(min(p.Done, max(p.Total, 0))) // A bar that cannot be drawn is no reason to stop.
}

func (m *meter) newBar(p job.Progress) *progressbar.ProgressBar {
	step := []rune(p.Step)
	if len(step) > stepShown {
		step = append(step[:stepShown-1], '…')
	}
	options := []progressbar.Option{
		progressbar.OptionSetWriter(m.screen), progressbar.OptionSetDescription(string(step)), progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(100 * time.Millisecond), progressbar.OptionFullWidth(), progressbar.OptionSetRenderBlankState(true),
	}
	if p.Total <= 0 {
		return progressbar.NewOptions64(-1, options...)
	}
	return progressbar.NewOptions64(p.Total, append(options, progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true))...)
}

// done wipes the bar away.
func (m *meter) done() {
	if m.bar != nil {
		_ = m.bar.Finish()
		m.bar = nil
	}
}

func printJSON(out io.Writer, value any) {
	line, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("encode a line of output: %v", err)) // Only our own types get here.
	}
	fmt.Fprintf(out, "%s\n", line)
}
