package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/queue"
)

const (
	uploads     = "uploads"
	maxAttempts = 3
)

// site is the lanes of one process, as the test sees them.
type site struct {
	dir     string
	servers *servers // nil for embedded stages
	story   story
	lanes   []*track
}

// track is one lane of a site: its stage and the jobs that it starts with.
type track struct {
	*parts
	name    string
	dir     string
	sources []job.Source
}

func openSite(dir string, on *servers, s story, lanes int) (*site, error) {
	at := &site{dir: dir, servers: on, story: s}
	for i := range lanes {
		l := &track{name: fmt.Sprintf("lane%d", i)}
		l.dir = filepath.Join(dir, l.name)
		for n := range s.jobs {
			// All lanes may have one ledger.
			key := fmt.Sprintf("%s/%s/a b+%d.mp4", filepath.Base(dir), l.name, n)
			l.sources = append(l.sources, job.Source{Bucket: uploads, Key: key, ETag: "e", Sequencer: "10"})
		}
		err := os.MkdirAll(l.dir, 0o700)
		if err == nil {
			l.parts, err = on.build(dir, l.name)
		}
		if err != nil {
			return nil, errors.Join(err, at.close())
		}
		at.lanes = append(at.lanes, l)
	}
	for _, l := range at.lanes { // Now the times of the story begin to run.
		if err := s.seed(l); err != nil {
			return nil, errors.Join(err, at.close())
		}
	}
	return at, nil
}

func (s *site) close() (err error) {
	for _, l := range s.lanes {
		err = errors.Join(err, l.parts.close())
	}
	return err
}

func (l *track) id(n int) string { return job.ID(l.sources[n], queue.DefaultProfile) }

// send puts a message into a queue of a lane.
func (l *track) send(what string, body []byte, delay time.Duration) error {
	return l.queues[what].Send(context.Background(), job.Outgoing{Body: body, Delay: delay})
}

// event is what S3 announces of some sources.
func event(sources ...job.Source) []byte {
	var records []string
	for _, s := range sources {
		records = append(records, fmt.Sprintf(`{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":%q},"object":{"key":%q,"size":5,"eTag":%q,"sequencer":%q}}}`,
			s.Bucket, url.QueryEscape(s.Key), s.ETag, s.Sequencer))
	}
	return []byte(`{"Records":[` + strings.Join(records, ",") + `]}`)
}

// timer sends a timer of the lane's first job.
func (l *track) timer(fence int64, sent time.Time, delay time.Duration) error {
	letter := job.Letter{Type: job.TimerLetter, Job: l.id(0), Source: &l.sources[0], Profile: queue.DefaultProfile, Fence: fence, SentAt: sent}
	return l.send(timerQueue, letter.Encode(), delay)
}

// story is what the lanes start with.
type story struct {
	jobs   int
	script string
	// stopping sends SIGTERM to the victim once its jobs run.
	stopping bool
	seed     func(l *track) error
}

// record writes the first job as it would be after an attempt of another
// worker, by two writes: the claim, and what change makes of it.
func (l *track) record(fence int64, attempt int, until time.Time, change func(*job.Record)) error {
	ctx := context.Background()
	rec := job.Record{
		ID: l.id(0), Source: l.sources[0], Profile: queue.DefaultProfile, State: job.Running, Fence: fence, Attempt: attempt,
		Owner: "other/token", LeaseUntil: until, History: []job.Attempt{{Fence: fence, Worker: "other", StartedAt: time.Now()}},
	}
	err := l.ledger.Put(ctx, rec, job.Condition{States: []job.State{job.None}})
	if err != nil || change == nil {
		return err
	}
	change(&rec)
	if rec.State != job.Running {
		rec.LeaseUntil = time.Time{}
	}
	return l.ledger.Put(ctx, rec, job.Condition{Fence: fence, States: []job.State{job.Running}})
}

// succeeded writes the first job as committed in fence 1 with its files.
func (l *track) succeeded(announced bool) error {
	key := manifestKey(l.id(0), 1)
	text, err := json.Marshal(made{Job: l.id(0), Fence: 1, Worker: "other"})
	if err != nil {
		return err
	}
	places := []string{key}
	if announced {
		places = append(places, stableKey(l.id(0)))
	}
	for _, place := range places {
		if err := replace(filepath.Join(l.dir, place), text); err != nil {
			return err
		}
	}
	return l.record(1, 1, time.Now(), func(r *job.Record) {
		r.State, r.Manifest, r.Announced = job.Succeeded, key, announced
		r.History[0].Outcome = string(job.Succeeded)
	})
}

// stories are the ways to a crash point.
func stories(p pace) map[string]story {
	upload := func(l *track) error { return l.send(workQueue, event(l.sources...), 0) }
	each := func(weight int) func(*track) error {
		return func(l *track) error {
			var all []job.Outgoing
			for i, source := range l.sources {
				letter := job.Letter{Type: job.RequeueLetter, Job: l.id(i), Source: &source, Profile: queue.DefaultProfile, Weight: weight}
				all = append(all, job.Outgoing{Body: letter.Encode()})
			}
			return l.queues[workQueue].Send(context.Background(), all...)
		}
	}
	retry := func(from job.State) func(*track) error {
		return func(l *track) error {
			err := l.record(1, 3, time.Now(), func(r *job.Record) { r.State, r.Announced = from, true })
			return errors.Join(err, l.send(workQueue, job.Letter{Type: job.RetryLetter, Job: l.id(0), Fence: 1}.Encode(), 0))
		}
	}
	return map[string]story{
		"upload":     {jobs: 1, script: succeeds, seed: upload},
		"long":       {jobs: 1, script: long, seed: upload},
		"fails once": {jobs: 1, script: failsOnce, seed: upload},
		"hopeless":   {jobs: 1, script: hopeless, seed: upload},
		"cancelled":  {jobs: 1, script: cancelled, seed: upload},
		"stopping":   {jobs: 1, script: long, stopping: true, seed: upload},
		"batch":      {jobs: 3, script: long, seed: each(1)},
		"split":      {jobs: 3, script: succeeds, seed: upload},
		"no room":    {jobs: 2, script: succeeds, seed: each(4)},
		"no room again": {jobs: 2, script: succeeds, seed: func(l *track) error {
			return errors.Join(each(4)(l), l.receivedBefore(24, 2))
		}},
		"poison": {seed: func(l *track) error {
			lost := job.Source{Bucket: uploads, Key: "lost.mp4", ETag: "e", Sequencer: "10"}
			return errors.Join(l.send(workQueue, event(lost), 0), l.receivedBefore(49, 1))
		}},
		"older requeue": {jobs: 1, script: succeeds, seed: func(l *track) error {
			requeue := func(fence int64, delay time.Duration) error {
				letter := job.Letter{Type: job.RequeueLetter, Job: l.id(0), Source: &l.sources[0], Profile: queue.DefaultProfile, Fence: fence}
				return l.send(workQueue, letter.Encode(), delay)
			}
			err := l.record(2, 0, time.Now(), func(r *job.Record) { r.State = job.Queued })
			return errors.Join(err, requeue(1, 0), requeue(2, p.soon))
		}},
		"retry":           {jobs: 1, script: succeeds, seed: retry(job.Dead)},
		"retry cancelled": {jobs: 1, script: succeeds, seed: retry(job.Cancelled)},
		"unreadable":      {seed: func(l *track) error { return l.send(workQueue, []byte("what?"), 0) }},
		"not a timer":     {seed: func(l *track) error { return l.send(timerQueue, []byte("what?"), 0) }},
		"superseded": {jobs: 1, script: succeeds, seed: func(l *track) error {
			newer := l.sources[0]
			newer.Sequencer = "20"
			_, err := l.ledger.RaiseHighWater(context.Background(), newer, "newer")
			return errors.Join(err, upload(l))
		}},
		"unannounced message": {jobs: 1, script: succeeds, seed: func(l *track) error {
			return errors.Join(l.succeeded(false), upload(l))
		}},
		"duplicate": {jobs: 1, script: succeeds, seed: func(l *track) error {
			return errors.Join(l.record(1, 1, time.Now().Add(p.soon), nil), l.timer(1, time.Now(), p.soon), upload(l))
		}},
		"unclaimed": {jobs: 1, script: succeeds, seed: func(l *track) error {
			return errors.Join(l.timer(1, time.Now(), 0), l.send(workQueue, event(l.sources...), p.later))
		}},
		"newer fence": {jobs: 1, script: succeeds, seed: func(l *track) error {
			return errors.Join(l.record(2, 1, time.Now().Add(p.lease), nil), l.timer(1, time.Now(), 0), l.timer(2, time.Now(), p.later))
		}},
		"lease live":        held(0, 1, p.later, 0, nil),
		"old timer":         held(0, 1, p.later, 8*24*time.Hour, nil),
		"lease over":        held(0, 1, -time.Minute, 0, nil),
		"last attempt lost": held(0, maxAttempts, -time.Minute, 0, nil),
		"not due":           held(0, 1, 0, 0, func(r *job.Record) { r.State, r.DueAt = job.Failed, time.Now().Add(p.later) }),
		"due":               held(0, 1, 0, 0, func(r *job.Record) { r.State, r.DueAt = job.Failed, time.Now() }),
		"queued":            held(0, 0, 0, 0, func(r *job.Record) { r.State = job.Queued }),
		"unannounced timer": {jobs: 1, script: succeeds, seed: func(l *track) error {
			return errors.Join(l.succeeded(false), l.timer(1, time.Now(), 0))
		}},
		"announced": {jobs: 1, script: succeeds, seed: func(l *track) error {
			return errors.Join(l.succeeded(true), l.timer(1, time.Now(), 0))
		}},
	}
}

// held is the story of a job in fence 1 whose timer is due after delay.
func held(delay time.Duration, attempt int, until, age time.Duration, change func(*job.Record)) story {
	return story{jobs: 1, script: succeeds, seed: func(l *track) error {
		return errors.Join(l.record(1, attempt, time.Now().Add(until), change), l.timer(1, time.Now().Add(-age), delay))
	}}
}

// journal returns the lines that the processes of the site wrote, by lane.
func (s *site) journal() (map[string][]entry, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, "journal"))
	if err != nil {
		return nil, err
	}
	all := map[string][]entry{}
	for line := range strings.Lines(string(text)) {
		var lane string
		var e entry
		if _, err := fmt.Sscan(line, &lane, &e.what, &e.job, &e.fence); err != nil {
			return nil, fmt.Errorf("read journal line %q: %w", line, err)
		}
		all[lane] = append(all[lane], e)
	}
	return all, nil
}

// entry is one line of a journal.
type entry struct {
	what, job string
	fence     int64
}

// fences returns the fences of one kind of entry of a job, in order.
func fences(entries []entry, what, id string) []int64 {
	var all []int64
	for _, e := range entries {
		if e.what == what && e.job == id {
			all = append(all, e.fence)
		}
	}
	return slices.Clip(all)
}
