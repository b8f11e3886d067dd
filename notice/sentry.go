package notice

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/motionmill/motionmill/job"
)

// sentryWithin is how long events under way may take when a process ends.
const sentryWithin = 2 * time.Second

// SentryConfig is what a Sentry is made of.
type SentryConfig struct {
	// DSN is the address of a project. Required; it is a secret.
	DSN string
	// Stage and Version are the environment and the release of events.
	Stage, Version string
	// Scrubber removes secrets. Required.
	Scrubber *Scrubber
}

// Sentry tells developers of panics and of failures that have no other
// explanation than a mistake of ours.
type Sentry struct {
	client   *sentry.Client
	scrubber *Scrubber
}

// NewSentry checks the configuration and returns a Sentry that sends on its own.
func NewSentry(cfg SentryConfig) (*Sentry, error) {
	if cfg.Scrubber == nil || cfg.DSN == "" {
		return nil, errors.New("the DSN of Sentry is not set")
	}
	client, err := sentry.NewClient(sentry.ClientOptions{
		Dsn: cfg.DSN, Environment: cfg.Stage, Release: "motionmill@" + cfg.Version,
		// Nothing is told but what is put into an event here.
		Integrations: func([]sentry.Integration) []sentry.Integration { return nil },
	})
	if err != nil { // Its text repeats the DSN.
		return nil, errors.New("the DSN of Sentry cannot be read; copy it from the settings of the project")
	}
	return &Sentry{client: client, scrubber: cfg.Scrubber}, nil
}

// Report tells of a panic or an internal failure, and of nothing else. It
// never waits.
func (s *Sentry) Report(r job.Report) {
	if !r.Panic && r.Kind != job.Internal {
		return
	}
	event := sentry.NewEvent()
	event.Level = sentry.LevelError
	event.Timestamp = time.Now()
	what := string(r.Kind)
	if r.Panic {
		what = "panic"
	}
	event.Exception = []sentry.Exception{{Type: what, Value: s.scrubber.Scrub(r.Message), Stacktrace: framesOf(r.Stack)}}
	if r.Stack == "" { // Else events are one when their stacks are.
		event.Fingerprint = []string{what, r.Where, s.scrubber.Scrub(beforeColon(r.Message))}
	}
	for name, value := range map[string]string{"kind": string(r.Kind), "job": r.Job, "worker": r.Worker, "request": r.Request, "where": r.Where} {
		if value != "" {
			event.Tags[name] = s.scrubber.Scrub(value)
		}
	}
	if len(r.Stderr) > 0 {
		event.Contexts["program"] = sentry.Context{"stderr": s.scrubber.Scrub(strings.Join(r.Stderr, "\n"))}
	}
	s.client.CaptureEvent(event, nil, nil)
}

// Close sends what is under way, for two seconds at most.
func (s *Sentry) Close() {
	s.client.Flush(sentryWithin)
	s.client.Close()
}

// beforeColon is the part of a message that is the same for every job.
func beforeColon(message string) string {
	first, _, _ := strings.Cut(message, ":")
	return first
}

// framesOf reads the text of a stack: a line with a function and its
// arguments, then one with its file and line, the innermost first. Sentry
// wants the innermost last.
func framesOf(stack string) *sentry.Stacktrace {
	if stack == "" {
		return nil
	}
	var frames []sentry.Frame
	lines := strings.Split(ownFrames(stack), "\n")
	for i := 0; i+1 < len(lines); i++ {
		place, ok := strings.CutPrefix(lines[i+1], "\t")
		if !ok {
			continue
		}
		place, _, _ = strings.Cut(place, " +0x")
		colon := strings.LastIndexByte(place, ':')
		if colon < 0 {
			continue
		}
		line, err := strconv.Atoi(place[colon+1:])
		if err != nil {
			continue
		}
		name := lines[i]
		if end := strings.LastIndexByte(name, '('); end > 0 {
			name = name[:end]
		}
		frames = append(frames, sentry.Frame{
			Function: path.Base(name), Module: path.Dir(name), AbsPath: place[:colon], Filename: path.Base(place[:colon]), Lineno: line,
			InApp: strings.Contains(name, "motionmill/motionmill"),
		})
	}
	slices.Reverse(frames)
	if len(frames) == 0 {
		return nil
	}
	return &sentry.Stacktrace{Frames: frames}
}
