package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/motionmill/motionmill/job"
)

// Work is the worker that is a guest.
type Work struct {
	// Run works until ctx ends, then claims nothing more, lets running jobs go on
	// and returns when every one is settled.
	Run func(ctx context.Context) error
	// Hurry has Run, once its ctx has ended, release what still runs.
	Hurry func()
	// Busy tells whether there are jobs; it is cheap.
	Busy func() bool
}

const (
	// heartbeatEvery keeps any lifecycle hook open: the shortest has 30 s.
	heartbeatEvery = 25 * time.Second
	// completeTime bounds the tries to complete the lifecycle hook.
	completeTime = 15 * time.Second
)

// Run runs a worker until ctx ends or a notice says that the instance will
// not stay, and takes leave of EC2 as the package says. It returns what the
// worker returns, or ErrNotTaken, wrapped. Outside EC2 it is the worker's Run.
func (g *Guest) Run(ctx context.Context, work Work) error {
	if g.meta == nil {
		return work.Run(ctx)
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	// What goes on beside the worker outlasts ctx: a spot notice may yet shorten the grace.
	beside, end := context.WithCancel(context.WithoutCancel(ctx))
	s := &stay{Guest: g, work: work, stop: stop, beside: beside, notices: make(chan notice)}
	defer s.others.Wait()
	defer end()
	s.goBeside("watch the metadata", func() { (&watcher{meta: g.meta, every: g.cfg.Every, log: g.cfg.Logger}).watch(beside, s.notices) })
	s.startProtection()
	ended := make(chan error, 1)
	go func() {
		err := job.Guarded("worker", func() error { return work.Run(working) })
		s.tell(err)
		ended <- err
	}()
	err := s.untilEnded(ctx, ended)
	s.endProtection()
	if s.why == recommended && err == nil {
		err = s.awaitEnd(ctx)
	}
	s.completeHook()
	return err
}

// stay is one Run.
type stay struct {
	*Guest
	work    Work
	stop    context.CancelFunc // ends the claims
	beside  context.Context
	others  sync.WaitGroup
	notices chan notice

	why urgency // the most urgent notice so far
	// hurry releases what runs, at the time that is the earliest of all asked for.
	hurry   *time.Timer
	hurryAt time.Time

	protection *protection
	unprotect  func() // ends the protection's goroutine
	beating    bool   // heartbeats are sent
}

// untilEnded heeds notices and the end of ctx while the worker runs.
func (s *stay) untilEnded(ctx context.Context, ended <-chan error) error {
	told := ctx.Done()
	for {
		select {
		case n := <-s.notices:
			s.heed(n)
		case <-told:
			told = nil
			s.hurryBy(time.Now().Add(s.cfg.Grace))
		case err := <-ended:
			if s.hurry != nil {
				s.hurry.Stop()
			}
			return err
		}
	}
}

// heed does what a notice asks for while the worker runs.
func (s *stay) heed(n notice) {
	if n.urgency <= s.why {
		return
	}
	if n.urgency == recommended && n.atStart {
		s.cfg.Logger.Info("a rebalance recommendation from before this process began is passed over")
		return
	}
	s.why = n.urgency
	until := s.leaveBy(n, time.Now())
	s.cfg.Logger.Warn("the instance will not stay: no more jobs are claimed", "notice", n.urgency.String(),
		slog.Time("taken_at", n.at), slog.Time("release_at", until), "busy", s.work.Busy())
	s.stop()
	if !until.IsZero() {
		s.hurryBy(until)
	}
	if n.urgency > recommended {
		s.unprotect() // The group refuses it now.
		s.startHeartbeats()
	}
}

// leaveBy returns until when running jobs may go on; zero is without limit.
func (s *stay) leaveBy(n notice, now time.Time) time.Time {
	if n.urgency == recommended {
		return time.Time{}
	}
	until := now.Add(s.cfg.Grace)
	if n.urgency < interrupting {
		return until
	}
	taken := n.at
	if latest := now.Add(spotNotice); taken.IsZero() || taken.After(latest) {
		taken = latest
	}
	if last := taken.Add(-s.cfg.Reserve); last.Before(until) {
		until = last
	}
	return until
}

// hurryBy has what runs released at a time, unless an earlier one is set.
func (s *stay) hurryBy(at time.Time) {
	if s.hurry != nil {
		if !at.Before(s.hurryAt) {
			return
		}
		s.hurry.Stop()
	}
	s.hurryAt, s.hurry = at, time.AfterFunc(time.Until(at), s.work.Hurry)
}

// awaitEnd waits, with nothing running, for what a rebalance recommendation
// announced.
func (s *stay) awaitEnd(ctx context.Context) error {
	s.cfg.Logger.Info("the worker has ended; waiting for the group to take the instance", "at_most", s.cfg.Patience)
	patience := time.NewTimer(s.cfg.Patience)
	defer patience.Stop()
	for {
		select {
		case n := <-s.notices:
			if n.urgency > s.why {
				s.why = n.urgency
				s.cfg.Logger.Info("the instance is taken", "notice", n.urgency.String())
				return nil
			}
		case <-ctx.Done():
			return nil
		case <-patience.C:
			return fmt.Errorf("wait for the end of instance %s: %w within %s", s.instance, ErrNotTaken, s.cfg.Patience)
		}
	}
}

func (s *stay) startProtection() {
	if s.group == nil {
		s.unprotect = func() {}
		return
	}
	s.protection = &protection{group: s.group, busy: s.work.Busy, idleFor: s.cfg.IdleFor, log: s.cfg.Logger}
	ctx, cancel := context.WithCancel(s.beside)
	done := make(chan struct{})
	s.goBeside("protect from scaling in", func() {
		defer close(done)
		s.protection.keep(ctx)
	})
	s.unprotect = func() {
		cancel()
		<-done
	}
}

// endProtection gives the protection back, unless the group would refuse it.
func (s *stay) endProtection() {
	s.unprotect()
	if s.protection != nil && s.why <= recommended {
		s.protection.giveBack(s.beside)
	}
}

// startHeartbeats keeps the lifecycle hook open until Run ends. How long the
// hook waits by itself is not known here, and asking takes more rights than
// telling it that somebody is still there.
func (s *stay) startHeartbeats() {
	if s.group == nil || s.group.hook == "" || s.beating {
		return
	}
	s.beating = true
	level := slog.LevelWarn
	if s.why == interrupting { // The group may learn of it later, or never.
		level = slog.LevelInfo
	}
	s.goBeside("hold the lifecycle hook", func() {
		for job.Pause(s.beside, heartbeatEvery) == nil {
			if err := s.group.heartbeat(s.beside); err != nil && s.beside.Err() == nil {
				s.cfg.Logger.Log(s.beside, level, "the lifecycle hook may not wait for the worker", keyError, err)
			}
		}
	})
}

// completeHook lets the instance go at once, when it is about to go.
func (s *stay) completeHook() {
	if s.group == nil || s.group.hook == "" || s.why <= recommended {
		return
	}
	err := insist(s.beside, completeTime, s.group.complete)
	switch {
	case err == nil:
		s.cfg.Logger.Info("lifecycle hook completed: the instance may go", "hook", s.group.hook)
	case s.why == interrupting:
		s.cfg.Logger.Info("the lifecycle hook was not completed; EC2 takes the instance in any case", keyError, err)
	default:
		s.cfg.Logger.Warn("the lifecycle hook was not completed: the instance stays until it runs out", keyError, err)
	}
}
