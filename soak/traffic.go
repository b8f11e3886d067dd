package soak

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/motionmill/motionmill/job"
)

const kill = syscall.SIGKILL

// step carries what was announced, looks what is done and uploads more. It
// tells whether all is done.
func (r *run) step(ctx context.Context) (bool, error) {
	if err := r.carry(ctx); err != nil {
		return false, err
	}
	if err := r.look(ctx); err != nil {
		return false, err
	}
	for r.uploaded < r.cfg.Jobs && r.uploaded-r.done() < r.cfg.Abreast && r.waiting < r.cfg.Waiting {
		if err := r.stage.Upload(ctx, r.key(), r.uploaded); err != nil {
			return false, err
		}
		r.uploaded++
		r.waiting++
	}
	return r.uploaded == r.cfg.Jobs && r.done() == r.cfg.Jobs, nil
}

// look finds out what is done, and who is busy.
func (r *run) look(ctx context.Context) error {
	var busy []string
	r.waiting = 0
	for _, id := range slices.Sorted(maps.Keys(r.open)) {
		rec, err := r.stage.Record(ctx, id)
		switch n := len(rec.History); {
		case err != nil:
			return err
		case rec.State.Final() && rec.Announced:
			delete(r.open, id)
		case n > 0 && (rec.State == job.Running || rec.State.Final()):
			busy = append(busy, rec.History[n-1].Worker)
		case rec.State == job.None || rec.State == job.Queued:
			r.waiting++
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy, r.finished = busy, r.done()
	return nil
}

// key names the next object; now and then it is the name of one of the last.
func (r *run) key() string {
	n := r.uploaded
	if n%20 == 19 {
		n -= 1 + r.random.IntN(3)
	}
	return fmt.Sprintf("profile=transcode/soak %d+ü.mp4", n)
}

// carry takes the notices that have come to the workers' queue: some twice,
// some late.
func (r *run) carry(ctx context.Context) error {
	for {
		messages, err := r.stage.Notices.Receive(ctx, 10, 0)
		if err != nil || len(messages) == 0 {
			return err
		}
		for _, m := range messages {
			if err := r.deliver(ctx, m); err != nil {
				return err
			}
		}
	}
}

func (r *run) deliver(ctx context.Context, m job.Message) error {
	notice, err := r.stage.Read(m.Body)
	if err != nil {
		return fmt.Errorf("soak: read a notification: %w", err)
	}
	for _, o := range notice.Orders {
		if id := o.ID(); !r.known[id] {
			r.orders = append(r.orders, o)
			r.known[id], r.open[id] = true, true
		}
	}
	var delay time.Duration
	if r.random.Float64() < r.cfg.Late {
		delay = r.holdBack()
		r.delayed++
	}
	copies := []job.Outgoing{{Body: m.Body, Delay: delay}}
	if len(notice.Orders) > 0 && r.random.Float64() < r.cfg.Twice {
		copies = append(copies, job.Outgoing{Body: m.Body, Delay: r.holdBack()})
		r.repeated++
	}
	if err := r.stage.Work.Send(ctx, copies...); err != nil {
		return err
	}
	return r.stage.Notices.Delete(ctx, m.Receipt)
}

// holdBack is how long a notice is late: whole seconds, as queues have it.
func (r *run) holdBack() time.Duration {
	return time.Duration(r.random.IntN(int(r.cfg.Longest/time.Second)+1)) * time.Second
}

// judge gathers the evidence and judges it.
func (r *run) judge(ctx context.Context, took time.Duration) (Report, error) {
	report := Report{Config: r.cfg, Took: took, Repeated: r.repeated, Delayed: r.delayed, Faults: r.stage.Faults()}
	e := Evidence{
		Orders: r.orders, Records: map[string]job.Record{}, Files: map[string]string{}, Manifests: map[string][]byte{}, Ends: r.fleet.log(),
	}
	report.Kills, report.Stops = strikes(e.Ends)
	report.Stops -= min(report.Stops, r.cfg.Workers) // Those at the end are no test.
	for _, o := range r.orders {
		rec, err := r.stage.Record(ctx, o.ID())
		if err != nil {
			return report, err
		}
		if rec.State != job.None {
			e.Records[o.ID()] = rec
		}
	}
	var err error
	if e.Left, err = r.stage.Count(ctx); err != nil {
		return report, err
	}
	err = r.stage.Outputs.List(ctx, func(key string) error {
		body, err := r.stage.Outputs.Get(ctx, key)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		e.Files[key] = hex.EncodeToString(sum[:])
		if strings.HasSuffix(key, "/manifest.json") {
			e.Manifests[key] = body
		}
		return nil
	})
	if err != nil {
		return report, fmt.Errorf("soak: read results: %w", err)
	}
	report.Verdict = Judge(e)
	return report, nil
}
