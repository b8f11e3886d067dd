package soak_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/soak"
)

func throws(seed uint64, n int) (faults []soak.Fault) {
	dice := soak.NewDice(soak.DiceConfig{Seed: seed, Chance: map[soak.Fault]float64{soak.Delayed: 0.3, soak.LostReply: 0.2}})
	for range n {
		fault, _ := dice.Throw()
		faults = append(faults, fault)
	}
	return faults
}

func TestTheSeedDecides(t *testing.T) {
	counts := map[soak.Fault]int{}
	same, other := throws(1, 1000), throws(2, 1000)
	equal := 0
	for i, fault := range throws(1, 1000) {
		if fault != same[i] {
			t.Fatalf("throw %d of the same seed is %q and %q", i, fault, same[i])
		}
		if fault == other[i] {
			equal++
		}
		counts[fault]++
	}
	if equal > 900 {
		t.Errorf("another seed decides the same in %d of 1000", equal)
	}
	for fault, want := range map[soak.Fault]int{soak.Delayed: 300, soak.LostReply: 200, soak.Healthy: 500, soak.Dropped: 0} {
		if n := counts[fault]; n < want-60 || n > want+60 || want == 0 && n != 0 {
			t.Errorf("%d of 1000 are %q, want about %d", n, fault, want)
		}
	}
}

func TestThrottlingLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		dice := soak.NewDice(soak.DiceConfig{Chance: map[soak.Fault]float64{soak.Throttled: 0.01}, Throttling: time.Second, Log: &log})
		bursts, inside := 0, false
		for range 100_000 {
			fault, _ := dice.Throw()
			if fault == soak.Throttled && !inside {
				bursts++
			}
			inside = fault == soak.Throttled
			time.Sleep(time.Millisecond)
		}
		n := dice.Counts()[soak.Throttled]
		if bursts < 100 || n < 100*bursts {
			t.Errorf("%d were throttled in %d bursts, which last half a second in the mean", n, bursts)
		}
		if lines := strings.Count(log.String(), "throttled\n"); lines != n {
			t.Errorf("%d lines tell of %d faults", lines, n)
		}
	})
}

// memory is a queue and a ledger that count what is done to them.
type memory struct{ sent, written int }

func (m *memory) Send(context.Context, ...job.Outgoing) error { m.sent++; return nil }
func (m *memory) Receive(context.Context, int, time.Duration) ([]job.Message, error) {
	return []job.Message{{ID: "m"}}, nil
}
func (m *memory) Delete(context.Context, ...string) error           { return nil }
func (m *memory) Hide(context.Context, string, time.Duration) error { return nil }
func (m *memory) Get(context.Context, string) (job.Record, error)   { return job.Record{ID: "j"}, nil }
func (m *memory) Put(context.Context, job.Record, job.Condition) error {
	m.written++
	return job.ErrConflict
}
func (m *memory) RaiseHighWater(context.Context, job.Source, string) (job.HighWater, error) {
	return job.HighWater{Job: "j"}, nil
}

// TestCallsMeetTheirFaults lets one fault at a time hit every call.
func TestCallsMeetTheirFaults(t *testing.T) {
	for fault, want := range map[soak.Fault]struct{ fails, happens bool }{
		soak.Healthy: {false, true}, soak.Delayed: {false, true}, soak.Dropped: {true, false}, soak.Throttled: {true, false},
		soak.Broken: {true, false}, soak.CutRequest: {true, false}, soak.LostReply: {true, true}, soak.CutReply: {true, true}, soak.BrokenLate: {true, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			var m memory
			dice := soak.NewDice(soak.DiceConfig{Chance: map[soak.Fault]float64{fault: 1}})
			q, l := soak.BadQueue{Queue: &m, Dice: dice}, soak.BadLedger{Ledger: &m, Dice: dice}
			err := q.Send(t.Context(), job.Outgoing{})
			if (err != nil) != want.fails || (m.sent == 1) != want.happens {
				t.Errorf("%q: sent %d, %v", fault, m.sent, err)
			}
			if err != nil && job.KindOf(err).Permanent() {
				t.Errorf("%q: the error is permanent: %v", fault, err)
			}
			err = l.Put(t.Context(), job.Record{}, job.Condition{})
			if errors.Is(err, job.ErrConflict) == want.fails || (m.written == 1) != want.happens {
				t.Errorf("%q: written %d, %v", fault, m.written, err)
			}
			got, err := q.Receive(t.Context(), 1, 0)
			if (err != nil) != want.fails || (len(got) == 1) == want.fails {
				t.Errorf("%q: received %v, %v", fault, got, err)
			}
			rec, err := l.Get(t.Context(), "j")
			if (err != nil) != want.fails || (rec.ID == "j") == want.fails {
				t.Errorf("%q: read %v, %v", fault, rec, err)
			}
			mark, err := l.RaiseHighWater(t.Context(), job.Source{}, "j")
			if (err != nil) != want.fails || (mark.Job == "j") == want.fails {
				t.Errorf("%q: raised %v, %v", fault, mark, err)
			}
		})
	}
}

func TestADelayedCallMindsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m memory
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		defer cancel()
		q := soak.BadQueue{Queue: &m, Dice: soak.NewDice(soak.DiceConfig{Chance: map[soak.Fault]float64{soak.Delayed: 1}})}
		if err := q.Send(ctx, job.Outgoing{}); !errors.Is(err, context.DeadlineExceeded) || m.sent != 0 {
			t.Errorf("sent %d, %v", m.sent, err)
		}
	})
}
