package notice

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/motionmill/motionmill/job"
)

const (
	// maxMessage and maxTail bound a failure's message and the stack or the last
	// lines that are told with it, in bytes; Slack cuts what is longer than 4,000.
	maxMessage, maxTail = 800, 2000
	// tailLines is how many of the last lines of a program are told.
	tailLines = 20
)

// message says a failure in Slack's own markup: what, where, whose, and the
// stack or the last lines of the program. more of its kind were not told.
func (s *Slack) message(r job.Report, more int) string {
	what := "failed, and is tried again"
	switch {
	case r.Job == "":
		what = "in " + r.Where
	case r.Final:
		what = "ended a job for good"
	}
	var text strings.Builder
	fmt.Fprintf(&text, "*%s: %s* %s\n%s\n", s.plain(cmp.Or(s.cfg.Stage, "motionmill")), s.plain(string(r.Kind)), s.plain(what),
		s.plain(cut(s.cfg.Scrubber.Scrub(r.Message), maxMessage)))
	var about []string
	for _, fact := range []struct{ name, value string }{
		{"job", r.Job}, {"worker", r.Worker}, {"request", r.Request}, {"owner", s.cfg.Owner(r.Key)},
	} {
		if fact.value != "" {
			about = append(about, fact.name+" `"+strings.ReplaceAll(s.plain(s.cfg.Scrubber.Scrub(fact.value)), "`", "'")+"`")
		}
	}
	if r.Attempt > 0 {
		about = append(about, fmt.Sprintf("attempt %d", r.Attempt))
	}
	text.WriteString(strings.Join(about, ", "))
	if more > 0 {
		fmt.Fprintf(&text, "\n%d more of this kind since the last message", more)
	}
	if tail := tail(r.Failure, s.cfg.Scrubber.Scrub); tail != "" {
		fmt.Fprintf(&text, "\n```%s```", strings.ReplaceAll(s.plain(tail), "```", "'''"))
	}
	return text.String()
}

// plain writes what Slack would take for markup of its own: links and mentions
// begin with one of these.
func (s *Slack) plain(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// tail is the beginning of a stack, where the panic is, or the last lines of
// the program that failed. It is scrubbed before it is cut: half a secret is
// known by nothing.
func tail(f job.Failure, scrub func(string) string) string {
	if f.Stack != "" {
		return cut(scrub(ownFrames(f.Stack)), maxTail)
	}
	lines := f.Stderr[max(len(f.Stderr)-tailLines, 0):]
	text := scrub(strings.Join(lines, "\n"))
	if len(text) > maxTail {
		text = "…" + strings.ToValidUTF8(text[len(text)-maxTail:], "")
	}
	return text
}

// ownFrames leaves out how a stack was taken: all before the panic itself.
func ownFrames(stack string) string {
	if _, after, found := strings.Cut(stack, "\npanic("); found {
		if _, after, found = strings.Cut(after, "\n\t"); found {
			if _, after, found = strings.Cut(after, "\n"); found {
				return after
			}
		}
	}
	return stack
}

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
