package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// Child is one process that a Supervisor keeps running.
type Child struct {
	// Name names it in logs, in the name of its log file and in After.
	Name string
	// Args are the arguments after the program's name.
	Args []string
	// Env is the whole environment.
	Env []string
	// After names the children, earlier in the list, that must have been ready
	// once before this one is started for the first time.
	After []string
	// Ready tries once whether the child does its work, and returns nil when it
	// does. It has 5 seconds and is asked again until then. Without it a child is
	// ready when started.
	Ready func(ctx context.Context) error
	// Grace is how long the child may take to stop after SIGTERM before it is
	// killed; 0 is 15 seconds.
	Grace time.Duration
}

// SupervisorConfig says what to run and where to write of it.
type SupervisorConfig struct {
	// Children are started in this order and stopped in the reverse one.
	Children []Child
	// Executable is the program of every child; empty is this process's own.
	Executable string
	// LogsDir is an existing folder; each child's output goes to <name>.log there.
	LogsDir string
	// Show is given every warning and error among a child's lines, without the
	// line's end; nil shows none. It may be called from several goroutines.
	Show func(child, line string)
	// OnReady is called once, when every child has been ready; may be nil.
	OnReady func()
	// ReadyWithin bounds how long a started child may take to become ready
	// before it is killed and started again; 0 is a minute.
	ReadyWithin time.Duration
	// Log is told of every start, end and wait; nil discards.
	Log *slog.Logger
}

const (
	defaultGrace       = 15 * time.Second
	defaultReadyWithin = time.Minute
	readyPause         = 50 * time.Millisecond
	readyTry           = 5 * time.Second
)

// Supervisor runs the processes of a stage.
type Supervisor struct {
	config SupervisorConfig
	clock  clock
}

// clock is what a keeper knows of time; tests have one of their own.
type clock struct {
	now   func() time.Time
	after func(time.Duration) <-chan time.Time
}

// NewSupervisor checks c and returns a supervisor that has started nothing yet.
func NewSupervisor(c SupervisorConfig) (*Supervisor, error) {
	if c.Executable == "" {
		path, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find own program: %w", err)
		}
		c.Executable = path
	}
	if c.ReadyWithin <= 0 {
		c.ReadyWithin = defaultReadyWithin
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Show == nil {
		c.Show = func(string, string) {}
	}
	known := map[string]bool{}
	for _, child := range c.Children {
		if child.Name == "" || known[child.Name] {
			return nil, fmt.Errorf("configure supervisor: child name %q is empty or used twice", child.Name)
		}
		for _, name := range child.After {
			if !known[name] {
				return nil, fmt.Errorf("configure supervisor: child %s starts after %q, which is not before it in the list", child.Name, name)
			}
		}
		known[child.Name] = true
	}
	return &Supervisor{config: c, clock: clock{now: time.Now, after: time.After}}, nil
}

// Run starts the children and keeps them running: one that ends is started
// again, after 100 ms at first, twice as long each time up to 10 s, and from the
// beginning when it had been up for a minute.
//
// When ctx ends it drains: from the last child to the first, each is sent SIGTERM
// and waited for before the next. When force is closed or receives, all groups of processes are
// killed at once. Run returns when no child is left: nil after draining, ErrForced
// when forced, and a *ChildError when a child ended with status 2 or 3 before it
// had ever been ready. Should this process be killed, the kernel kills the children.
func (s *Supervisor) Run(ctx context.Context, force <-chan struct{}) error {
	spawner := newSpawner()
	defer spawner.close()
	failed := make(chan error, len(s.config.Children))
	kill := make(chan struct{})
	keepers := s.startKeepers(spawner, failed, kill)
	err := s.watch(ctx, force, failed, keepers)
	if errors.Is(err, ErrForced) {
		close(kill)
	} else if s.drain(keepers, force, kill) {
		err = errors.Join(err, ErrForced)
	}
	for _, k := range keepers {
		<-k.done
	}
	return err
}

// startKeepers starts a keeper for every child.
func (s *Supervisor) startKeepers(spawner *spawner, failed chan<- error, kill <-chan struct{}) []*keeper {
	keepers := make([]*keeper, 0, len(s.config.Children))
	byName := map[string]*keeper{}
	for _, child := range s.config.Children {
		if child.Grace <= 0 {
			child.Grace = defaultGrace
		}
		k := &keeper{
			child: child, config: &s.config, clock: s.clock, spawner: spawner,
			log:    s.config.Log.With("child", child.Name),
			failed: failed, kill: kill,
			ready: make(chan struct{}), stop: make(chan struct{}), done: make(chan struct{}),
		}
		for _, name := range child.After {
			k.after = append(k.after, byName[name].ready)
		}
		byName[child.Name] = k
		keepers = append(keepers, k)
	}
	for _, k := range keepers {
		go k.run()
	}
	return keepers
}

// watch returns when the stage is to stop: with nil when ctx has ended, ErrForced,
// or what a child reported. On the way it announces that the stage is ready.
func (s *Supervisor) watch(ctx context.Context, force <-chan struct{}, failed <-chan error, keepers []*keeper) error {
	for _, k := range keepers {
		select {
		case <-k.ready:
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case <-force:
			return ErrForced
		}
	}
	s.config.Log.Info("stage is ready")
	if s.config.OnReady != nil {
		s.config.OnReady()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	case <-force:
		return ErrForced
	}
}

// drain stops the children one after the other, the last one first. It tells
// whether force cut it short, and then has closed kill.
func (s *Supervisor) drain(keepers []*keeper, force <-chan struct{}, kill chan struct{}) bool {
	for i := len(keepers) - 1; i >= 0; i-- {
		close(keepers[i].stop)
		select {
		case <-keepers[i].done:
		case <-force:
			close(kill)
			return true
		}
	}
	return false
}
