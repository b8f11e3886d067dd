package soak

import (
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// Fault is one thing that goes wrong with a request, or a call.
type Fault string

// The faults, in the order in which they can hit a request.
const (
	// Healthy is no fault.
	Healthy Fault = ""
	// Delayed comes through late.
	Delayed Fault = "delayed"
	// Dropped never reaches the server, and nobody answers.
	Dropped Fault = "dropped"
	// CutRequest reaches the server by half.
	CutRequest Fault = "request cut"
	// Throttled is answered 503 SlowDown in the place of the server, and so is
	// all that follows for a while.
	Throttled Fault = "throttled"
	// Broken is answered with another 5xx in the place of the server.
	Broken Fault = "5xx"
	// BrokenLate is carried out, and then answered with a 5xx.
	BrokenLate Fault = "5xx once done"
	// CutReply is carried out; half of the reply comes back.
	CutReply Fault = "reply cut"
	// LostReply is carried out, and nobody answers.
	LostReply Fault = "reply lost"
)

// Faults lists every fault.
func Faults() []Fault {
	return []Fault{Delayed, Dropped, CutRequest, Throttled, Broken, BrokenLate, CutReply, LostReply}
}

// DiceConfig says how bad things are.
type DiceConfig struct {
	Seed uint64
	// Chance is the probability of each fault, 0 to 1, of every request. Their
	// sum is at most 1.
	Chance map[Fault]float64
	// Longest is the longest delay; default 1 s.
	Longest time.Duration
	// Throttling is the longest time for which everything is throttled, once
	// something is; default 1 s.
	Throttling time.Duration
	// Log takes a line for each fault, in one write; nil takes none.
	Log io.Writer
}

// Dice decides which fault the next request meets. It may be used by several
// goroutines at once; the decisions follow from the seed and their order.
type Dice struct {
	cfg DiceConfig

	mu        sync.Mutex
	random    *rand.Rand
	throttled time.Time // until when
	counts    map[Fault]int
}

// NewDice returns dice that were not thrown yet.
func NewDice(cfg DiceConfig) *Dice {
	if cfg.Longest <= 0 {
		cfg.Longest = time.Second
	}
	if cfg.Throttling <= 0 {
		cfg.Throttling = time.Second
	}
	return &Dice{cfg: cfg, random: newRandom(cfg.Seed), counts: map[Fault]int{}}
}

func newRandom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x5eed)) }

// Throw decides about one request. Of a delay it also tells how long it is.
func (d *Dice) Throw() (Fault, time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fault, now := d.throw(), time.Now()
	switch {
	case now.Before(d.throttled):
		fault = Throttled
	case fault == Throttled:
		d.throttled = now.Add(d.upTo(d.cfg.Throttling))
	}
	if fault == Healthy {
		return Healthy, 0
	}
	d.counts[fault]++
	if d.cfg.Log != nil {
		_, _ = io.WriteString(d.cfg.Log, string(fault)+"\n") // Only counted; a line less is no harm.
	}
	if fault == Delayed {
		return Delayed, d.upTo(d.cfg.Longest)
	}
	return fault, 0
}

func (d *Dice) throw() Fault {
	at := d.random.Float64()
	for _, fault := range Faults() {
		if at -= d.cfg.Chance[fault]; at < 0 {
			return fault
		}
	}
	return Healthy
}

func (d *Dice) upTo(longest time.Duration) time.Duration {
	return time.Duration(d.random.Int64N(int64(longest)) + 1)
}

// Counts returns how often each fault was decided so far.
func (d *Dice) Counts() map[Fault]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	counts := map[Fault]int{}
	for fault, n := range d.counts {
		counts[fault] = n
	}
	return counts
}
