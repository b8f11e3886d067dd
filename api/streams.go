package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/motionmill/motionmill/job"
)

const (
	// watchEvery is how often the ledger is read while clients listen to a job.
	watchEvery = 500 * time.Millisecond
	// watchReads is how many reads of the ledger a second all streams together
	// may cause: with more jobs watched, each is read less often.
	watchReads = 500
	// watchFailures is how many reads in a row may fail before streams end.
	watchFailures = 10
)

// streams bounds the open event streams, and reads each job that is watched
// once for all who watch it.
type streams struct {
	read      func(ctx context.Context, id string) (job.Record, error)
	most, own int

	mu      sync.Mutex
	open    int
	ofPayer map[string]int
	watched map[string]*watched
}

// watched is a job that somebody listens to.
type watched struct {
	listeners map[chan snapshot]bool
	stop      context.CancelFunc
	last      []byte
}

// snapshot is a job as it is sent: the same bytes for all who listen.
type snapshot struct {
	data  []byte
	final bool
}

func snapshotOf(rec job.Record) (snapshot, error) {
	data, err := json.Marshal(view(rec))
	if err != nil {
		return snapshot{}, fmt.Errorf("encode job %s: %w", rec.ID, err)
	}
	return snapshot{data: data, final: rec.State.Final()}, nil
}

func newStreams(most, own int, read func(context.Context, string) (job.Record, error)) *streams {
	return &streams{read: read, most: most, own: own, ofPayer: map[string]int{}, watched: map[string]*watched{}}
}

// enter counts one more stream, or says why there can be none.
func (s *streams) enter(payer string) *Problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.open >= s.most:
		return problem(http.StatusServiceUnavailable, problemBusy,
			fmt.Sprintf("%d event streams are open, which is the limit. Ask for the job by GET now and then, or try again.", s.open))
	case s.ofPayer[payer] >= s.own:
		return problem(http.StatusTooManyRequests, problemRate,
			fmt.Sprintf("You have %d event streams open, which is the limit. Close some, or ask for the jobs by GET now and then.", s.own))
	}
	s.open++
	s.ofPayer[payer]++
	return nil
}

// leave uncounts a stream.
func (s *streams) leave(payer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if s.ofPayer[payer]--; s.ofPayer[payer] == 0 {
		delete(s.ofPayer, payer)
	}
}

// listen gives a channel of the job as it changes from now on. Only the newest
// state waits in it. It is closed when the job cannot be read. The returned
// function ends it.
func (s *streams) listen(id string) (<-chan snapshot, func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.watched[id]
	if w == nil {
		ctx, stop := context.WithCancel(context.Background())
		w = &watched{listeners: map[chan snapshot]bool{}, stop: stop}
		s.watched[id] = w
		go s.poll(ctx, id, w)
	}
	c := make(chan snapshot, 1)
	w.listeners[c] = true
	w.last = nil // The new one may have read before the last change.
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if delete(w.listeners, c); len(w.listeners) == 0 {
			s.drop(id, w)
		}
	}
}

// drop ends the reading of a job. The lock is held.
func (s *streams) drop(id string, w *watched) {
	w.stop()
	if s.watched[id] == w {
		delete(s.watched, id)
	}
}

// poll reads a job until nobody listens any more.
func (s *streams) poll(ctx context.Context, id string, w *watched) {
	failures := 0
	for {
		timer := time.NewTimer(s.pause())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		var now snapshot
		err := job.Guarded("watch a job", func() (err error) { // A panic is a look that failed.
			now, err = s.look(ctx, id)
			return err
		})
		if err == nil {
			failures = 0
			s.tell(w, now)
		} else if failures++; failures == watchFailures {
			s.end(id, w)
			return
		}
	}
}

// look reads a job that must be there.
func (s *streams) look(ctx context.Context, id string) (snapshot, error) {
	rec, err := s.read(ctx, id)
	if err == nil && rec.State == job.None {
		err = job.Fail(job.Internal, "read job", id, "there is none", "", nil)
	}
	if err != nil {
		return snapshot{}, err
	}
	return snapshotOf(rec)
}

// pause is how long to wait between two reads of one job.
func (s *streams) pause() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(watchEvery, time.Duration(len(s.watched))*time.Second/watchReads)
}

// tell gives every listener what has changed, in place of anything that it has
// not taken yet.
func (s *streams) tell(w *watched, now snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if bytes.Equal(w.last, now.data) {
		return
	}
	w.last = now.data
	for c := range w.listeners {
		select {
		case <-c:
		default:
		}
		c <- now // There is room: only tell sends, and it holds the lock.
	}
}

// end tells the listeners that no more will come.
func (s *streams) end(id string, w *watched) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range w.listeners {
		close(c)
	}
	clear(w.listeners)
	s.drop(id, w)
}
