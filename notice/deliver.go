package notice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/motionmill/motionmill/job"
)

// Config is what a Deliverer is made of.
type Config struct {
	// Box, Endpoints, Secrets, Client and Render are required.
	Box       Box
	Endpoints []Endpoint
	// Secrets sign; every one of them, so that one can be replaced.
	Secrets [][]byte
	// Client reaches the endpoints, and nothing that it should not. It follows no
	// redirect, whatever it says of that.
	Client *http.Client
	// Render gives the body: the job as the API shows it.
	Render func(context.Context, job.Record) ([]byte, error)
	// Every is how often the box is looked into. Default: 5 seconds.
	Every time.Duration
	// AtOnce is how many deliveries to one endpoint are tried at once. Default: 4.
	AtOnce int
	// Tried, when set, is told what came of each try: delivered, failed or dead.
	Tried func(outcome string)
	// Report, when set, is told of panics. It must not wait.
	Report func(job.Report)
	// Logger takes what went wrong. Default: silent.
	Logger *slog.Logger
}

const (
	// readAtOnce is how many documents are read at once.
	readAtOnce = 8
	// tidyEvery is how often the dead are looked at for those to forget.
	tidyEvery = 24 * time.Hour
)

// Deliverer delivers what lies in a box.
type Deliverer struct {
	cfg    Config
	client *http.Client
	lanes  map[string]lane // by key of endpoint
	tries  sync.WaitGroup

	mu    sync.Mutex
	known map[string]known // by name
}

// lane is an endpoint with room for some tries at once: one that hangs holds up
// nobody else.
type lane struct {
	Endpoint
	room chan struct{}
}

// known is what a process remembers of a document, so that it need not read
// all of them at every look.
type known struct {
	tag, endpoint string
	since, due    time.Time
	busy          bool
}

// New checks the configuration and returns a deliverer that does not run yet.
func New(cfg Config) (*Deliverer, error) {
	if cfg.Every <= 0 {
		cfg.Every = 5 * time.Second
	}
	if cfg.AtOnce <= 0 {
		cfg.AtOnce = 4
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Box == nil || cfg.Client == nil || cfg.Render == nil || len(cfg.Endpoints) == 0 {
		return nil, errors.New("webhooks need a box, endpoints, a client and a body")
	}
	if err := checkSecrets(cfg.Secrets); err != nil {
		return nil, err
	}
	client := *cfg.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	d := &Deliverer{cfg: cfg, client: &client, lanes: map[string]lane{}, known: map[string]known{}}
	for _, e := range cfg.Endpoints {
		d.lanes[e.key] = lane{e, make(chan struct{}, cfg.AtOnce)}
	}
	return d, nil
}

// Run delivers until ctx ends. A try that is cut off by that is made again, by
// whoever looks next.
func (d *Deliverer) Run(ctx context.Context) {
	defer d.tries.Wait()
	var tidied time.Time
	for {
		again := false
		err := job.Guarded("look for webhooks", func() (err error) {
			again, err = d.look(ctx)
			if err == nil && time.Since(tidied) >= tidyEvery {
				tidied = time.Now()
				err = tidy(ctx, d.cfg.Box)
			}
			return err
		})
		if err != nil && ctx.Err() == nil {
			d.tell(err)
			d.cfg.Logger.WarnContext(ctx, "look for webhooks", "error", err)
		}
		if again && err == nil && ctx.Err() == nil {
			continue
		}
		timer := time.NewTimer(d.cfg.Every)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// tell reports an error that is a panic.
func (d *Deliverer) tell(err error) {
	var p *job.Panic
	if errors.As(err, &p) && d.cfg.Report != nil {
		d.cfg.Report(job.ReportPanic(p))
	}
}

// look lists the box once and begins what is due. It reports whether there is
// more to begin at once.
func (d *Deliverer) look(ctx context.Context) (again bool, err error) {
	entries, err := d.cfg.Box.List(ctx, dueFolder)
	if err != nil {
		return false, fmt.Errorf("list the webhooks: %w", err)
	}
	if err := d.learn(ctx, entries); err != nil {
		return false, err
	}
	for _, e := range entries {
		k, due := d.take(e.Name)
		switch lane, ok := d.lanes[k.endpoint]; {
		case !due:
		case k.endpoint == everyone:
			err = errors.Join(err, d.address(ctx, e.Name, k.tag))
			d.forget(e.Name)
			again = true
		case ok:
			select {
			case lane.room <- struct{}{}:
				d.begin(ctx, lane, e.Name, k)
			default:
				d.put(e.Name, k) // It waits its turn.
			}
		case time.Since(k.since) >= giveUpAfter: // Nobody has an endpoint of that key.
			err = errors.Join(err, d.orphaned(ctx, e.Name))
			d.forget(e.Name)
		default: // Another process may.
			d.put(e.Name, k)
		}
	}
	return again && err == nil, err
}

// learn reads the documents that are not known as they now are, and forgets
// those that have gone.
func (d *Deliverer) learn(ctx context.Context, entries []Entry) error {
	listed := map[string]bool{}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(readAtOnce)
	for _, e := range entries {
		listed[e.Name] = true
		d.mu.Lock()
		k, ok := d.known[e.Name]
		d.mu.Unlock()
		if ok && (k.busy || k.tag == e.Tag) {
			continue
		}
		group.Go(func() error {
			return job.Guarded("read a webhook", func() error { return d.meet(inner, e) })
		})
	}
	d.mu.Lock()
	for name, k := range d.known {
		if !listed[name] && !k.busy {
			delete(d.known, name)
		}
	}
	d.mu.Unlock()
	return group.Wait()
}

// meet reads one document. One that cannot be read is left to people.
func (d *Deliverer) meet(ctx context.Context, e Entry) error {
	text, err := d.cfg.Box.Read(ctx, e.Name)
	if job.KindOf(err) == job.SourceGone && err != nil {
		return nil // It has just been delivered.
	}
	if err != nil {
		return fmt.Errorf("read delivery %s: %w", e.Name, err)
	}
	doc, err := decode(e.Name, text)
	if err != nil {
		d.cfg.Logger.WarnContext(ctx, "a webhook cannot be read", "name", e.Name, "error", err)
	}
	d.put(e.Name, known{tag: e.Tag, endpoint: doc.Endpoint, since: doc.Since, due: doc.DueAt})
	return nil
}

// take marks a document busy when it is due; what is known of it is returned.
func (d *Deliverer) take(name string) (k known, due bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k, ok := d.known[name]
	if !ok || k.busy || k.endpoint == "" || time.Now().Before(k.due) {
		return k, false
	}
	busy := k
	busy.busy = true
	d.known[name] = busy
	return k, true
}

func (d *Deliverer) put(name string, k known) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known[name] = k
}

func (d *Deliverer) forget(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.known, name)
}

// address makes a delivery for each endpoint of a job that was announced, then
// removes what asked for them. It holds that first, as deliver does: a process
// that was slower would make deliveries anew that another has made and sent.
func (d *Deliverer) address(ctx context.Context, name, tag string) error {
	text, err := d.cfg.Box.Read(ctx, name)
	if err != nil {
		if job.KindOf(err) == job.SourceGone {
			return nil
		}
		return fmt.Errorf("read delivery %s: %w", name, err)
	}
	asked, err := decode(name, text)
	if err != nil {
		return err
	}
	asked.DueAt = time.Now().UTC().Add(holdFor)
	if _, ok, err := d.cfg.Box.Write(ctx, name, tag, asked.encode()); err != nil || !ok {
		return err
	}
	for key, lane := range d.lanes {
		doc := newDocument(asked.Record, key, time.Now().UTC()) // Its day begins when somebody is there to try.
		doc.Shown = lane.shown()
		if _, _, err := d.cfg.Box.Write(ctx, dueFolder+doc.ID, "", doc.encode()); err != nil {
			return fmt.Errorf("make delivery %s: %w", doc.ID, err)
		}
	}
	return d.cfg.Box.Remove(ctx, name)
}

// begin tries a delivery beside the look.
func (d *Deliverer) begin(ctx context.Context, to lane, name string, k known) {
	d.tries.Go(func() {
		defer func() { <-to.room }()
		defer d.forget(name) // The next look reads it as it then is.
		err := job.Guarded("deliver a webhook", func() error { return d.deliver(ctx, to.Endpoint, name, k.tag) })
		if err != nil && ctx.Err() == nil {
			d.tell(err)
			d.cfg.Logger.WarnContext(ctx, "deliver a webhook", "delivery", strings.TrimPrefix(name, dueFolder), "error", err)
		}
	})
}
