package worker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
)

// This file holds the order of what is announced, released and sent anew, and
// that a step that is refused keeps the later ones from being made.

// loudRunner notes what is announced, and refuses it when told to.
type loudRunner struct {
	*fakeRunner
	*scribe
	refuse error
}

func (r loudRunner) Announce(ctx context.Context, rec job.Record) error {
	r.note("announce")
	if r.refuse != nil {
		return r.refuse
	}
	return r.fakeRunner.Announce(ctx, rec)
}

// scribed returns a worker that notes the order of what it writes where.
func (s *stage) scribed(log *scribe, change func(*Config)) *Worker {
	s.ledger.before = func(next job.Record) error {
		line := "put " + string(next.State)
		if next.Announced {
			line += " announced"
		}
		log.note(line)
		return nil
	}
	return s.worker(func(c *Config) {
		c.Work, c.InProgress, c.DeadLetter = scribeQueue{s.work, log, "work"}, scribeQueue{s.inProgress, log, "timer"}, scribeQueue{s.dead, log, "dead"}
		c.Runner = loudRunner{s.runner, log, nil}
		if change != nil {
			change(c)
		}
	})
}

func TestAnnouncingEndsWithTheMarkAndDeletesAfterIt(t *testing.T) {
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		state          job.State
		announce, dead error
		timer          bool
		want           string
	}{
		"succeeded, found by its timer":      {state: job.Succeeded, timer: true, want: "announce, put succeeded announced, delete timer"},
		"succeeded, found by a message":      {state: job.Succeeded, want: "announce, put succeeded announced, delete work"},
		"dead":                               {state: job.Dead, timer: true, want: "announce, send dead, put dead announced, delete timer"},
		"refused, found by its timer":        {state: job.Dead, announce: refused, timer: true, want: "announce"},
		"refused, found by a message":        {state: job.Succeeded, announce: refused, want: "announce"},
		"the dead-letter queue refuses it":   {state: job.Dead, dead: refused, timer: true, want: "announce, send dead"},
		"… and it was found by a message":    {state: job.Dead, dead: refused, want: "announce, send dead"},
		"cancelled, found by its timer":      {state: job.Cancelled, timer: true, want: "announce, put cancelled announced, delete timer"},
		"superseded, found by its timer":     {state: job.Superseded, timer: true, want: "announce, put superseded announced, delete timer"},
		"cancelled, found by a late message": {state: job.Cancelled, want: "announce, put cancelled announced, delete work"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, log := newStage(t), &scribe{}
				w := s.scribed(log, func(cfg *Config) { cfg.Runner = loudRunner{s.runner, log, c.announce} })
				put(s, record(c.state, 2, nil))
				s.dead.failSend = c.dead
				if c.timer {
					send(t, s.inProgress, job.Outgoing{Body: w.timer(record(c.state, 2, nil), 2).Body})
					s.look(w)
				} else {
					send(t, s.work, event("a"))
					s.take(t.Context(), w)
				}
				if got := strings.Join(log.lines, ", "); got != c.want {
					t.Errorf("the order is %q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestAReleaseWritesAndThenSends(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = held
		log := &scribe{}
		send(t, s.work, event("a"))
		stop := s.start(s.scribed(log, func(c *Config) { c.Grace = 0 }))
		after(8 * time.Second)
		log.lines = nil
		stop()
		if want := []string{"put queued", "send work"}; !slices.Equal(log.lines, want) {
			t.Errorf("the order is %q, want %q", log.lines, want)
		}
	})
}

// What is to take the place of a message must be there before it is deleted.
func TestNothingIsDeletedWhoseSuccessorWasRefused(t *testing.T) {
	refused := errors.New("refused")
	old := job.Letter{Type: job.TimerLetter, Job: idOf("a"), Source: new(source("a")), Profile: "trainer", Fence: 2,
		SentAt: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)} // When every bubble begins.
	for name, c := range map[string]struct {
		work, timer []byte
		refuse      func(s *stage) *fakeQueue
		want        string
	}{
		"several records":       {work: notification("a", "b").Body, refuse: func(s *stage) *fakeQueue { return s.work }, want: "send work"},
		"a message unreadable":  {work: []byte("?"), refuse: func(s *stage) *fakeQueue { return s.dead }, want: "send dead"},
		"a timer unreadable":    {timer: []byte("?"), refuse: func(s *stage) *fakeQueue { return s.dead }, want: "send dead"},
		"a timer without a job": {timer: job.Letter{Type: job.TimerLetter, Source: old.Source}.Encode(), want: "send dead, delete timer"},
		"an old timer":          {timer: old.Encode(), refuse: func(s *stage) *fakeQueue { return s.inProgress }, want: "send timer"},
		"… that is taken":       {timer: old.Encode(), want: "send timer, delete timer"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, log := newStage(t), &scribe{}
				w := s.scribed(log, realReader)
				if c.work != nil {
					send(t, s.work, job.Outgoing{Body: c.work})
				} else {
					send(t, s.inProgress, job.Outgoing{Body: c.timer})
				}
				after(8 * 24 * time.Hour)
				put(s, record(job.Failed, 2, func(r *job.Record) { r.DueAt = time.Now().Add(time.Hour) }))
				if c.refuse != nil {
					c.refuse(s).failSend = refused
				}
				if c.work != nil {
					s.take(t.Context(), w)
				} else {
					s.look(w)
				}
				if got := strings.Join(log.lines, ", "); got != c.want {
					t.Errorf("the order is %q, want %q", got, c.want)
				}
			})
		})
	}
}
