package api

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// payersKept bounds how many payers a limiter remembers. One that it forgets
// begins with a full bucket.
const payersKept = 20_000

// limiter counts the requests of each payer: a bucket of tokens that fills
// again at an even rate.
type limiter struct {
	rate  rate.Limit
	burst int

	mu    sync.Mutex
	known map[string]*rate.Limiter
}

func newLimiter(perSecond float64, burst int) *limiter {
	return &limiter{rate: rate.Limit(perSecond), burst: burst, known: map[string]*rate.Limiter{}}
}

// take counts one request and returns how many more are free at once, or how
// long to wait when this one was too many.
func (l *limiter) take(payer string, now time.Time) (left int, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket := l.known[payer]
	if bucket == nil {
		if len(l.known) >= payersKept {
			l.forget(now)
		}
		bucket = rate.NewLimiter(l.rate, l.burst)
		l.known[payer] = bucket
	}
	if bucket.AllowN(now, 1) {
		return int(bucket.TokensAt(now)), 0
	}
	return 0, time.Duration((1 - bucket.TokensAt(now)) / float64(l.rate) * float64(time.Second))
}

// forget drops the payers whose buckets are full, and when that is too few any
// half of them.
func (l *limiter) forget(now time.Time) {
	for payer, bucket := range l.known {
		if bucket.TokensAt(now) >= float64(l.burst) {
			delete(l.known, payer)
		}
	}
	for payer := range l.known {
		if len(l.known) <= payersKept/2 {
			return
		}
		delete(l.known, payer)
	}
}

// limited refuses requests that come faster than the setting allows.
func (a *API) limited(next http.Handler) http.Handler {
	if a.cfg.RatePerSecond == 0 {
		return next
	}
	limits := newLimiter(a.cfg.RatePerSecond, a.cfg.RateBurst)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		left, wait := limits.take(a.payer(r), time.Now())
		head := w.Header()
		head.Set("Ratelimit-Limit", strconv.Itoa(a.cfg.RateBurst))
		head.Set("Ratelimit-Remaining", strconv.Itoa(left))
		head.Set("Ratelimit-Reset", seconds(wait))
		if wait > 0 {
			head.Set("Retry-After", seconds(wait))
			writeProblem(w, problem(http.StatusTooManyRequests, problemRate, fmt.Sprintf(
				"At most %g requests a second are taken from one owner, %d at once. Try again in %s s.", a.cfg.RatePerSecond, a.cfg.RateBurst, seconds(wait))))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// seconds rounds a wait up to whole seconds, for headers.
func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }
