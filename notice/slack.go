package notice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/motionmill/motionmill/job"
)

const (
	// slackEvery is the least time between two messages of a kind.
	slackEvery = time.Minute
	// slackWithin bounds one request to Slack.
	slackWithin = 10 * time.Second
	// slackWaiting is how many failures may wait for the sender; more of them are
	// only counted by their loss in the log.
	slackWaiting = 256
)

// SlackConfig is what a Slack is made of.
type SlackConfig struct {
	// URL is that of an incoming webhook. Required; it is a secret.
	URL string
	// Client makes the requests. Default: one without redirects.
	Client *http.Client
	// Stage names the stage in every message.
	Stage string
	// Owner tells whose an object is by its key; "" is nobody's. Default: nobody's.
	Owner func(key string) string
	// Scrubber removes secrets. Required.
	Scrubber *Scrubber
	// Sent, when set, is told what came of each message: delivered or failed.
	Sent func(outcome string)
	// Logger takes what went wrong. Default: silent.
	Logger *slog.Logger
}

// Slack tells people of failures: of one kind at most one message a minute; the
// next one says how many there were in between.
type Slack struct {
	cfg     SlackConfig
	reports chan job.Report
}

// NewSlack checks the configuration and returns a Slack that does not run yet.
func NewSlack(cfg SlackConfig) (*Slack, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || cfg.Scrubber == nil {
		return nil, errors.New("the address of Slack's incoming webhook is no https address")
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if cfg.Owner == nil {
		cfg.Owner = func(string) string { return "" }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Slack{cfg: cfg, reports: make(chan job.Report, slackWaiting)}, nil
}

// Report tells of a failure, as soon as its kind may be told of. It never waits.
func (s *Slack) Report(r job.Report) {
	select {
	case s.reports <- r:
	default:
		s.cfg.Logger.Warn("a failure is not told to Slack: too many wait", "kind", r.Kind, "job", r.Job)
	}
}

// group is what is known of one kind of failure.
type group struct {
	next time.Time // when it may be told of again
	held int       // failures that were not told
	last job.Report
}

// Run sends until ctx ends.
func (s *Slack) Run(ctx context.Context) {
	groups := map[job.Kind]*group{}
	for {
		timer := time.NewTimer(soonest(groups))
		select {
		case <-ctx.Done():
			timer.Stop()
			s.flush(ctx, groups)
			return
		case r := <-s.reports:
			take(groups, r)
		case <-timer.C:
		}
		timer.Stop()
		s.guarded(ctx, groups)
	}
}

// guarded is sendDue; of a panic in it the log alone can tell.
func (s *Slack) guarded(ctx context.Context, groups map[job.Kind]*group) {
	err := job.Guarded("tell Slack", func() error { s.sendDue(ctx, groups); return nil })
	if err != nil {
		s.cfg.Logger.ErrorContext(ctx, "tell Slack", "error", err)
	}
}

func take(groups map[job.Kind]*group, r job.Report) {
	g := groups[r.Kind]
	if g == nil {
		g = &group{}
		groups[r.Kind] = g
	}
	g.held++
	g.last = r
}

// soonest is how long it is until a held failure may be told.
func soonest(groups map[job.Kind]*group) time.Duration {
	wait := time.Hour
	for _, g := range groups {
		if g.held > 0 {
			wait = min(wait, time.Until(g.next))
		}
	}
	return max(wait, 0)
}

// flush tells what may be told when the process ends.
func (s *Slack) flush(ctx context.Context, groups map[job.Kind]*group) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), slackWithin/2)
	defer cancel()
	for {
		select {
		case r := <-s.reports:
			take(groups, r)
			continue
		default:
		}
		s.guarded(ctx, groups)
		return
	}
}

// sendDue sends the last failure of each kind that may be told of, with the
// number of those before it. What could not be sent counts for the next.
func (s *Slack) sendDue(ctx context.Context, groups map[job.Kind]*group) {
	for _, g := range groups {
		if g.held == 0 || time.Now().Before(g.next) {
			continue
		}
		g.next = time.Now().Add(slackEvery)
		if err := s.post(ctx, s.message(g.last, g.held-1)); err != nil {
			s.sent(outcomeFailed)
			s.cfg.Logger.WarnContext(ctx, "tell Slack", "error", err)
			continue
		}
		s.sent(outcomeDelivered)
		g.held = 0
	}
}

func (s *Slack) sent(outcome string) {
	if s.cfg.Sent != nil {
		s.cfg.Sent(outcome)
	}
}

func (s *Slack) post(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, slackWithin)
	defer cancel()
	body, err := json.Marshal(map[string]any{"text": text, "unfurl_links": false})
	if err != nil {
		return fmt.Errorf("encode the message: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("make the request: the address cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.cfg.Client.Do(req)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err // Its text repeats the address, which is a secret.
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }()                         // It was only read.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // Its status has said all.
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("it answered %s", resp.Status)
	}
	return nil
}
