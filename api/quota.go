package api

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/motionmill/motionmill/job"
)

const (
	day = 24 * time.Hour
	// quotaPage is how many records are counted at a time.
	quotaPage = 200
	// countedFor is how long what the ledger said is good, and countedShare how
	// many times as long as the counting took.
	countedFor   = 5 * time.Second
	countedShare = 20
)

// quotas bounds what each owner sends. The ledger says what has arrived, so
// that a restart forgets nothing and replicas agree; what was granted here and
// has not arrived counts besides.
type quotas struct {
	ledger      Ledger
	bytesPerDay int64
	jobsWaiting int

	mu      sync.Mutex
	granted map[string]grant // by the object's key
	used    map[string]usage // by owner
	until   time.Time
}

// usage is what an owner has sent.
type usage struct {
	bytes   int64
	waiting int
}

// grant is an upload that was allowed and is not known to the ledger.
type grant struct {
	owner string
	bytes int64
	until time.Time
	// parts is the store's id of an upload in parts, with which alone it is given back.
	parts string
}

func newQuotas(ledger Ledger, bytesPerDay int64, jobsWaiting int) *quotas {
	return &quotas{ledger: ledger, bytesPerDay: bytesPerDay, jobsWaiting: jobsWaiting, granted: map[string]grant{}}
}

// take counts an upload of bytes (0 when unknown) to a key for its owner, for
// as long as it may take to arrive, or says which quota is used up.
func (q *quotas) take(ctx context.Context, owner, key string, bytes int64, within time.Duration) (*Problem, error) {
	if q.bytesPerDay == 0 && q.jobsWaiting == 0 {
		return nil, nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if now.After(q.until) {
		if err := q.count(ctx, now); err != nil {
			return nil, fmt.Errorf("count what %q has sent: %w", owner, err)
		}
	}
	have := q.used[owner]
	for key, g := range q.granted {
		switch {
		case now.After(g.until):
			delete(q.granted, key)
		case g.owner == owner:
			have.bytes += g.bytes
			have.waiting++
		}
	}
	if q.bytesPerDay > 0 && have.bytes+bytes > q.bytesPerDay {
		return problem(http.StatusTooManyRequests, problemQuota, fmt.Sprintf(
			"%d bytes were sent within a day, and %d more would be above the quota of %d. Wait until the first of them are a day old.", have.bytes, bytes, q.bytesPerDay)), nil
	}
	if q.jobsWaiting > 0 && have.waiting >= q.jobsWaiting {
		return problem(http.StatusTooManyRequests, problemQuota, fmt.Sprintf(
			"%d jobs are waiting, which is the quota. Wait until some are done, or cancel some.", have.waiting)), nil
	}
	q.granted[key] = grant{owner: owner, bytes: bytes, until: now.Add(within)}
	return nil, nil
}

// inParts notes by which of the store's uploads in parts a key is to arrive.
func (q *quotas) inParts(key, parts string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if g, ok := q.granted[key]; ok {
		g.parts = parts
		q.granted[key] = g
	}
}

// release gives back what was taken for a key to which nothing will come: parts
// is the upload that was thrown away, empty where no URL was ever given out.
// Whoever throws away another one has not given up the URL that they hold.
func (q *quotas) release(key, parts string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.granted[key].parts == parts {
		delete(q.granted, key)
	}
}

// count reads the ledger. The lock is held: whoever asks meanwhile waits for
// the same answer.
func (q *quotas) count(ctx context.Context, now time.Time) error {
	used := map[string]usage{}
	err := q.each(ctx, job.Filter{}, func(rec job.Record) bool {
		if now.Sub(rec.CreatedAt) > day {
			return false
		}
		u := used[OwnerOf(rec)]
		u.bytes += rec.Source.Bytes
		used[OwnerOf(rec)] = u
		delete(q.granted, rec.Source.Key)
		return true
	})
	if err != nil {
		return err
	}
	if q.jobsWaiting > 0 {
		err := q.each(ctx, job.Filter{States: []job.State{job.Queued, job.Failed}}, func(rec job.Record) bool {
			u := used[OwnerOf(rec)]
			u.waiting++
			used[OwnerOf(rec)] = u
			return true
		})
		if err != nil {
			return err
		}
	}
	q.used = used
	q.until = now.Add(max(countedFor, countedShare*time.Since(now)))
	return nil
}

// each goes through the ledger, the newest first, until see returns false.
func (q *quotas) each(ctx context.Context, f job.Filter, see func(job.Record) bool) error {
	cursor := ""
	for {
		records, next, err := q.ledger.List(ctx, f, quotaPage, cursor)
		if err != nil {
			return err
		}
		for _, rec := range records {
			if !see(rec) {
				return nil
			}
		}
		if next == "" {
			return nil
		}
		cursor = next
	}
}

// afford checks the owner's quotas for an upload.
func (a *API) afford(ctx context.Context, u upload, bytes int64, within time.Duration) *Problem {
	p, err := a.quotas.take(ctx, u.owner, u.key(), bytes, within)
	if err != nil {
		return a.broken(ctx, "check the quotas", err)
	}
	return p
}
