package main

import (
	"context"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/notice"
)

// reportFlags say who is told of failures and panics.
type reportFlags struct {
	slack, sentry string
}

func (f *reportFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.slack, "slack-webhook", "", "Slack's incoming webhook, which is told of failures (a secret: give it by the environment)")
	cmd.Flags().StringVar(&f.sentry, "sentry-dsn", "", "DSN of a project in Sentry, which is told of panics and internal failures (a secret: give it by the environment)")
}

// scrubber knows the secrets of this process.
func (f *reportFlags) scrubber(webhooks *webhookFlags) *notice.Scrubber {
	known := append([]string{f.slack, f.sentry, os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")}, webhooks.urls...)
	return notice.NewScrubber(append(known, webhooks.secrets...)...)
}

// open returns a function that tells of a failure, counts it if it is a panic
// and never waits, and one that ends this and tells what is left.
func (f *reportFlags) open(s *opened, webhooks *webhookFlags) (report func(job.Report), stop func(), err error) {
	scrubber := f.scrubber(webhooks)
	var tell []func(job.Report)
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background()) // It outlives what it tells of.
	stops := []func(){running.Wait, cancel}
	if f.slack != "" {
		slack, err := notice.NewSlack(notice.SlackConfig{
			URL: f.slack, Stage: s.stageFlags.stage, Owner: api.OwnerOfKey, Scrubber: scrubber,
			Sent: func(outcome string) { s.seen.Notified("slack", outcome) }, Logger: s.log,
		})
		if err != nil {
			cancel()
			return nil, nil, usageError{err}
		}
		running.Go(func() { slack.Run(ctx) })
		tell = append(tell, slack.Report)
	}
	if f.sentry != "" {
		sentry, err := notice.NewSentry(notice.SentryConfig{DSN: f.sentry, Stage: s.stageFlags.stage, Version: version, Scrubber: scrubber})
		if err != nil {
			cancel()
			running.Wait()
			return nil, nil, usageError{err}
		}
		tell = append(tell, sentry.Report)
		stops = append(stops, sentry.Close)
	}
	all := func(r job.Report) {
		for _, to := range tell {
			if err := job.Guarded("tell of a failure", func() error { to(r); return nil }); err != nil {
				s.log.Error("tell of a failure", "error", err)
			}
		}
	}
	return s.seen.counting(all), func() {
		for i := range stops {
			stops[len(stops)-1-i]()
		}
	}, nil
}
