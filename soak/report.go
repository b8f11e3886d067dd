package soak

import (
	"fmt"
	"strings"
	"time"
)

// Table returns the report as a table in Markdown.
func (r Report) Table() string {
	var b strings.Builder
	row := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "| %s | %s |\n", what, fmt.Sprintf(format, args...))
	}
	b.WriteString("| what | figure |\n| --- | --- |\n")
	row("seed", "%d", r.Config.Seed)
	row("jobs", "%d in %s by %d workers", r.Jobs, r.Took.Round(100*time.Millisecond), r.Config.Workers)
	row("workers killed, stopped", "%d by SIGKILL, %d by SIGTERM", r.Kills, r.Stops)
	row("notifications", "%d delivered twice, %d held back for up to %s", r.Repeated, r.Delayed, r.Config.Longest)
	row("faults", "%s", r.faults())
	row("**lost**", "%d", len(r.Lost))
	row("**doubled**", "%d", len(r.Doubled))
	row("attempts wasted by kills", "%d", r.Wasted.Kills)
	row("attempts wasted by faults", "%d", len(r.Wasted.Faults))
	row("attempts wasted otherwise", "%d", len(r.Wasted.Other))
	row("attempts given back uncharged", "%d", r.Released)
	row("jobs whose source was replaced before they began", "%d", r.Superseded)
	row("time to recover from a kill", "p50 %s, p99 %s, longest %s, of %d; a p99 of %s is allowed",
		round(Percentile(r.Recoveries, 0.5)), round(Percentile(r.Recoveries, 0.99)), round(Percentile(r.Recoveries, 1)), len(r.Recoveries), r.Config.Limits.Recovery)
	row("messages and timers left", "%d", len(r.Left))
	row("files of attempts that were not committed", "%d", len(r.Stray))
	return b.String()
}

func (r Report) faults() string {
	var parts []string
	total := 0
	for _, fault := range Faults() {
		if n := r.Faults[fault]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, fault))
			total += n
		}
	}
	return fmt.Sprintf("%d: %s", total, strings.Join(parts, ", "))
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }
