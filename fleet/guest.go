package fleet

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"github.com/motionmill/motionmill/awsclient"
	"github.com/motionmill/motionmill/job"
)

// Config sets up a Guest. Zero fields take the defaults given.
type Config struct {
	// Group is the Auto Scaling group of the instance; by default the one that the
	// instance's tag aws:autoscaling:groupName names, where its metadata tell tags.
	// With neither, nothing is protected and no hook completed.
	Group string
	// Hook is the lifecycle hook of the group that waits for the worker when the
	// instance is ended; with none, none is completed.
	Hook string
	// Grace is how long running jobs may go on once stopping began; 0 is none.
	Grace time.Duration
	// Reserve is kept of the two minutes of a spot notice for giving jobs back;
	// default 15 s.
	Reserve time.Duration
	// Every is how often the metadata are asked for notices; default 5 s.
	Every time.Duration
	// IdleFor is how long a worker is idle before its protection from scaling in
	// is taken off; default 30 s.
	IdleFor time.Duration
	// Patience is how long a process that has stopped for a rebalance
	// recommendation waits for the group to end the instance; default 15 min.
	Patience time.Duration
	// Logger takes notices and what cannot be returned. Default none.
	Logger *slog.Logger
	// Report, when set, is told of panics that were caught. It must not wait.
	Report func(job.Report)
	// AWS, when set, is used in place of the SDK's default chain. Programs
	// leave it nil; tests do not.
	AWS *aws.Config
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&c.Reserve, 15*time.Second)
	set(&c.Every, 5*time.Second)
	set(&c.IdleFor, 30*time.Second)
	set(&c.Patience, 15*time.Minute)
	c.Grace = max(c.Grace, 0)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

const keyError = "error"

// detectTime is how long the start waits for the metadata of an instance that
// may not be one.
const detectTime = time.Second

// Guest is this process on an instance of EC2, or elsewhere.
type Guest struct {
	cfg      Config
	instance string
	meta     metadata // nil outside EC2
	group    *group   // nil outside a group
}

// Arrive finds out where the process runs: it asks the metadata service once,
// for at most a second. No answer is no error: the guest is then outside EC2
// and does nothing. Only settings of the SDK that cannot be read are an error.
func Arrive(ctx context.Context, cfg Config) (*Guest, error) {
	cfg = cfg.withDefaults()
	settings, err := awsclient.Settings(ctx, cfg.AWS)
	if err != nil {
		return nil, err
	}
	return arrive(ctx, cfg, newInstanceMetadata(settings), func(region string) scaling {
		if settings.Region == "" {
			settings.Region = region
		}
		return autoscaling.NewFromConfig(settings)
	}), nil
}

// Outside returns a guest that is not on EC2 and does nothing.
func Outside(cfg Config) *Guest { return &Guest{cfg: cfg.withDefaults()} }

func arrive(ctx context.Context, cfg Config, meta metadata, open func(region string) scaling) *Guest {
	g := &Guest{cfg: cfg}
	asking, cancel := context.WithTimeout(ctx, detectTime)
	defer cancel()
	instance, found, err := meta.get(asking, pathInstance)
	if err != nil || !found || instance == "" {
		cfg.Logger.Info("not on EC2, as far as the metadata service tells: no notices are watched and nothing is protected", keyError, err)
		return g
	}
	g.instance, g.meta = instance, meta
	name := cfg.Group
	if name == "" {
		name = g.ask(ctx, pathGroup)
	}
	if name == "" {
		cfg.Logger.Info("on EC2, in no Auto Scaling group that is known: spot notices are watched", "instance", instance)
		return g
	}
	g.group = &group{scaling: open(g.ask(ctx, pathRegion)), name: name, hook: cfg.Hook, instance: instance}
	cfg.Logger.Info("on EC2", "instance", instance, "group", name, "hook", cfg.Hook)
	return g
}

// ask returns what the metadata have at a path, empty for nothing.
func (g *Guest) ask(ctx context.Context, path string) string {
	ctx, cancel := context.WithTimeout(ctx, detectTime)
	defer cancel()
	text, _, err := g.meta.get(ctx, path)
	if err != nil {
		g.cfg.Logger.Warn("the instance's metadata cannot be read", keyError, err)
	}
	return text
}

// Instance returns the id of the instance, as i-0123456789abcdef0; empty
// outside EC2.
func (g *Guest) Instance() string { return g.instance }

// atLeisure is the grace of a worker whose stopping its guest times: the
// longest that a lifecycle hook can hold an instance.
const atLeisure = 48 * time.Hour

// WorkerGrace is the grace that the worker itself is to have. On EC2 that is
// more than any job needs, since Run ends it: how long running jobs may go on
// depends on why the worker stops. Elsewhere it is Config.Grace.
func (g *Guest) WorkerGrace() time.Duration {
	if g.meta == nil {
		return g.cfg.Grace
	}
	return atLeisure
}

// ErrNotTaken ends Run, wrapped, when the worker has stopped for a rebalance
// recommendation and nobody took the instance: start the process anew.
var ErrNotTaken = errors.New("the worker has stopped for a rebalance recommendation, but the instance was not taken")
