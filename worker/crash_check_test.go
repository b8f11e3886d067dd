package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/queue"
)

// uncovered checks the invariant on the database as a crash has left it: each
// job is final and announced, or something will look at it again that can
// bring it forward. It returns what is wrong. A server shows nobody its delayed
// and hidden messages; a job that nothing covers is then never finished.
func (l *track) uncovered() ([]string, error) {
	if l.db == nil {
		return nil, nil
	}
	work, err := l.letters(workQueue)
	if err != nil {
		return nil, err
	}
	timers, err := l.letters(timerQueue)
	if err != nil {
		return nil, err
	}
	if len(l.sources) == 0 { // What nobody can read must lie somewhere.
		letters, err := l.letters(deadQueue)
		if err == nil && len(work)+len(timers)+len(letters) == 0 {
			return []string{"a message is lost"}, nil
		}
		return nil, err
	}
	asked, err := jobsOf(work)
	if err != nil {
		return nil, err
	}
	var wrong []string
	for n := range l.sources {
		rec, err := l.ledger.Get(context.Background(), l.id(n))
		if err != nil {
			return nil, err
		}
		if !covered(rec, l.id(n), asked, timers) {
			wrong = append(wrong, fmt.Sprintf("%s, %q in fence %d, has neither a message nor a timer that would bring it forward", l.sources[n].Key, rec.State, rec.Fence))
		}
	}
	return wrong, nil
}

// covered is somewhat stricter than the design's invariant: a timer of a newer
// fence belongs to a claim that was not made, and only waits.
func covered(rec job.Record, id string, asked map[string]bool, timers [][]byte) bool {
	own, newer := false, false
	for _, body := range timers {
		var letter job.Letter
		if json.Unmarshal(body, &letter) == nil && letter.Job == id {
			own = own || letter.Fence == rec.Fence && rec.State != job.None
			newer = newer || letter.Fence > rec.Fence
		}
	}
	switch {
	case rec.State.Final() && rec.Announced:
		return true
	case rec.State.Final():
		return own || newer || asked[id]
	case rec.State == job.None, rec.State == job.Queued:
		return own || asked[id]
	default: // Running and failed: a work message would be dropped.
		return own
	}
}

// jobsOf returns the jobs that work messages ask for.
func jobsOf(bodies [][]byte) (map[string]bool, error) {
	reader := queue.NewReader(queue.ReaderConfig{Bucket: uploads})
	asked := map[string]bool{}
	for _, body := range bodies {
		notice, err := reader.Read(body)
		if err != nil {
			return nil, err
		}
		for _, order := range notice.Orders {
			asked[order.ID()] = true
		}
		if notice.Retry != nil {
			asked[notice.Retry.Job] = true
		}
	}
	return asked, nil
}

// settled tells whether all jobs are final and announced and the queues of all
// lanes are empty.
func (s *site) settled() (bool, error) {
	for _, l := range s.lanes {
		if ok, err := l.settled(); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (l *track) settled() (bool, error) {
	for _, what := range []string{workQueue, timerQueue} {
		if depth, err := l.queues[what].Depth(context.Background()); err != nil || depth != (queue.Depth{}) {
			return false, err
		}
	}
	for n := range l.sources {
		rec, err := l.ledger.Get(context.Background(), l.id(n))
		if err != nil || !rec.State.Final() || !rec.Announced {
			return false, err
		}
	}
	return true, nil
}

// judge checks how a lane ended, and returns what is wrong.
func (l *track) judge(journal []entry, want outcome, starved func()) ([]string, error) {
	var wrong []string
	letters, err := l.queues[deadQueue].Depth(context.Background())
	if err != nil {
		return nil, err
	}
	if letters != (queue.Depth{Visible: want.letters}) {
		wrong = append(wrong, fmt.Sprintf("in the dead-letter queue are %+v letters, want %d", letters, want.letters))
	}
	expected := slices.Clone(want.attempts)
	for n := range l.sources {
		rec, err := l.ledger.Get(context.Background(), l.id(n))
		if err != nil {
			return nil, err
		}
		charged := rec.Attempt
		for i, a := range rec.History {
			if a.Outcome == "lost" && livedOn(a, rec.History[i+1:]) {
				charged--
				starved()
			}
		}
		at := max(slices.Index(expected, charged), 0) // A batch comes and is claimed in no order: any job may be the first.
		if rec.State != want.state || !rec.Announced || charged != expected[at] {
			wrong = append(wrong, fmt.Sprintf("job %d is %q (announced: %t), charged %d; want %s; %s", n, rec.State, rec.Announced, rec.Attempt, want, history(rec)))
		}
		expected = slices.Delete(expected, at, at+1)
		wrong = append(wrong, judgeFences(rec, journal)...)
		more, err := judgeResult(l, rec, journal)
		if err != nil {
			return nil, err
		}
		wrong = append(wrong, more...)
	}
	return wrong, nil
}

// livedOn tells whether the worker of an attempt did not come to harm in it: it
// is a clean one, or the victim that has claimed the job once more.
func livedOn(a job.Attempt, later []job.Attempt) bool {
	return strings.HasPrefix(a.Worker, role(false)) || slices.ContainsFunc(later, func(next job.Attempt) bool { return next.Worker == a.Worker })
}

// history tells of a record's attempts in one line.
func history(rec job.Record) string {
	var all []string
	for _, a := range rec.History {
		text := fmt.Sprintf("fence %d by %s after %s: %s", a.Fence, a.Worker, a.EndedAt.Sub(a.StartedAt).Round(time.Millisecond), a.Outcome)
		if a.Error != nil {
			text += " (" + a.Error.Message + ")"
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// judgeFences checks that the fence of a job only ever grew, that no attempt ran
// twice, and that the record tells of each.
func judgeFences(rec job.Record, journal []entry) (wrong []string) {
	claims, runs := fences(journal, "claim", rec.ID), fences(journal, "run", rec.ID)
	for i := 1; i < len(claims); i++ {
		if claims[i] <= claims[i-1] {
			wrong = append(wrong, fmt.Sprintf("it was claimed in the fences %v", claims))
			break
		}
	}
	slices.Sort(runs) // A process that was stopped may begin its attempt late.
	if n := len(runs); n > len(slices.Compact(runs)) {
		wrong = append(wrong, fmt.Sprintf("of %d runs some had the same fence", n))
	}
	if n := len(claims); n > 0 && claims[n-1] != rec.Fence {
		wrong = append(wrong, fmt.Sprintf("the last claim had fence %d, the record has %d", claims[n-1], rec.Fence))
	}
	for i, attempt := range rec.History {
		if i > 0 && attempt.Fence <= rec.History[i-1].Fence {
			wrong = append(wrong, fmt.Sprintf("its history goes from fence %d to %d", rec.History[i-1].Fence, attempt.Fence))
		}
	}
	return wrong
}

// judgeResult checks that there is one result when there is to be one, that of
// the committed attempt, and that no other was ever visible.
func judgeResult(l *track, rec job.Record, journal []entry) (wrong []string, err error) {
	published := fences(journal, "publish", rec.ID)
	stable, found, err := readManifest(l.dir, stableKey(rec.ID))
	if err != nil {
		return nil, err
	}
	if rec.State != job.Succeeded {
		if found || len(published) > 0 {
			wrong = append(wrong, fmt.Sprintf("a manifest of fence %d appeared although the job is %s", stable.Fence, rec.State))
		}
		return wrong, nil
	}
	committed, there, err := readManifest(l.dir, rec.Manifest)
	switch {
	case err != nil:
		return nil, err
	case !there || committed.Job != rec.ID || committed.Fence != rec.Fence:
		wrong = append(wrong, fmt.Sprintf("the committed manifest %s is %+v", rec.Manifest, committed))
	case !found || stable != committed:
		wrong = append(wrong, fmt.Sprintf("the published manifest is %+v, committed was %+v", stable, committed))
	}
	if commits := fences(journal, "commit", rec.ID); len(commits) > 1 {
		wrong = append(wrong, fmt.Sprintf("it was committed in the fences %v", commits))
	}
	if slices.ContainsFunc(published, func(fence int64) bool { return fence != rec.Fence }) {
		wrong = append(wrong, fmt.Sprintf("manifests of the fences %v were published, committed is %d", published, rec.Fence))
	}
	successes := 0
	for _, attempt := range rec.History {
		if attempt.Outcome == string(job.Succeeded) {
			successes++
		}
	}
	if successes != 1 {
		wrong = append(wrong, fmt.Sprintf("its history tells of %d successes", successes))
	}
	stables, err := filepath.Glob(filepath.Join(l.dir, "outputs", rec.ID, "*.json"))
	if err == nil && len(stables) != 1 {
		wrong = append(wrong, fmt.Sprintf("%d stable manifests", len(stables)))
	}
	return wrong, err
}
