package inference

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/motionmill/motionmill/inference/family"
	"github.com/motionmill/motionmill/inference/matting"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/inference/track"
	"github.com/motionmill/motionmill/job"
)

// analysis is one video on its way through an Analyser.
//
// One goroutine reads frames and deals them, in order, to workers; each worker
// sees one frame through all models; one goroutine emits. What a
// frame needs to know of earlier ones it waits for on the chain of links, of
// which each frame closes one, in order. A token is held while computing and
// never while waiting.
type analysis struct {
	*Analyser
	video     Video
	following track.Following
	tokens    chan struct{}
	free      chan *frame // empty frames
	work      chan *frame // read, for a worker
	order     chan *frame // the same, in order, for the emitter
	meters    [3]meter    // detect, pose, matte
	mattes    *mattes
	frames    int
}

const (
	meterDetect = iota
	meterPose
	meterMatte
)

// link is what is known after a frame; after may be read once done is closed.
type link struct {
	done   chan struct{}
	matted chan struct{} // closed when the matte is made, where the next waits for it
	after  track.Scene
	// boxes are where people were seen, frame px, before it is known who they are;
	// sighted is closed once they may be read.
	boxes   []picture.Rect
	sighted chan struct{}
	// look is where a pose model that follows by itself looks next, in frame px.
	look picture.Rect
}

// frame is a place for one frame and all that is made of it.
type frame struct {
	pic    picture.Picture
	number int // from 0
	index  int
	time   float64
	// older and old are the links of the frames lag and one before, own is this frame's.
	older, old, own *link
	cut             matting.Cutout
	matted          bool     // the matte is made
	near            [][]byte // mattes of parts
	ahead           ahead
	seen            []track.Observation // in the order of ids
	done            chan struct{}
}

func newAnalysis(a *Analyser, v Video) *analysis {
	// A few frames more than tokens: a frame that waits for an earlier one must
	// not keep a core idle, nor must the decoder.
	held := v.Parallel + 2*track.Lag
	run := &analysis{
		mattes:   newMattes(a.matte, v.Matte, picture.Picture{Width: v.FrameWidth, Height: v.FrameHeight}),
		Analyser: a, video: v, following: track.NewFollowing(v.People, v.DetectEvery, v.FrameWidth, v.FrameHeight),
		tokens: make(chan struct{}, v.Parallel),
		free:   make(chan *frame, held), work: make(chan *frame), order: make(chan *frame, held),
	}
	if a.wantMatte() && (a.pose != nil || a.people != nil) {
		run.mattes.approach()
	}
	for range held {
		f := &frame{
			pic:  picture.Picture{Pix: make([]byte, v.FrameWidth*v.FrameHeight*3), Width: v.FrameWidth, Height: v.FrameHeight},
			done: make(chan struct{}, 1),
		}
		f.cut = run.mattes.place(f.pic)
		run.free <- f
	}
	return run
}

func (r *analysis) run(
	ctx context.Context, next func([]byte) (int, float64, error), emit func(Result) error,
) error {
	group, inner := errgroup.WithContext(ctx)
	// A panic of any of them is an error like others: it ends the job, not the process.
	beside := func(what string, f func() error) {
		group.Go(func() error { return job.Guarded(what, f) })
	}
	beside("read frames", func() error { return r.read(inner, next) })
	for range cap(r.free) {
		beside("analyse frames", func() error { return r.serve(inner) })
	}
	beside("hand on frames", func() error { return r.emit(inner, emit) })
	return group.Wait()
}

// read deals the frames out until next has no more.
func (r *analysis) read(ctx context.Context, next func([]byte) (int, float64, error)) error {
	defer close(r.work)
	defer close(r.order)
	start := newLink()
	close(start.done)
	close(start.sighted)
	close(start.matted)
	older, old := start, start
	for number := 0; ; number++ {
		f, err := receive(ctx, r.free)
		if err != nil {
			return err
		}
		if f.index, f.time, err = next(f.pic.Pix); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read frame %d: %w", number, err)
		}
		f.number, f.older, f.old, f.own = number, older, old, newLink()
		older, old = old, f.own
		if err := send(ctx, r.order, f); err != nil {
			return err
		}
		if err := send(ctx, r.work, f); err != nil {
			return err
		}
	}
}

// serve sees one frame after the other through the models.
func (r *analysis) serve(ctx context.Context) error {
	for {
		f, err := receive(ctx, r.work)
		if err != nil || f == nil {
			return err
		}
		if err := r.process(ctx, f); err != nil {
			return fmt.Errorf("analyse frame %d: %w", f.index, err)
		}
		f.done <- struct{}{}
	}
}

// emit gives the results in order.
func (r *analysis) emit(ctx context.Context, emit func(Result) error) error {
	smooth := track.Smoothers{}
	for {
		f, err := receive(ctx, r.order)
		if err != nil || f == nil {
			return err
		}
		if _, err := receive(ctx, f.done); err != nil {
			return err
		}
		if err := emit(r.result(f, smooth)); err != nil {
			return fmt.Errorf("hand on frame %d: %w", f.index, err)
		}
		r.frames++
		if err := send(ctx, r.free, f); err != nil {
			return err
		}
	}
}

// process runs the models over one frame.
func (r *analysis) process(ctx context.Context, f *frame) error {
	f.matted, f.seen, f.ahead = false, nil, ahead{}
	if r.wantMatte() || r.mattes.ordered {
		if err := r.cutMatte(ctx, f); err != nil {
			return err
		}
	}
	if r.pose == nil && r.people == nil {
		return nil
	}
	seen, err := r.see(ctx, f)
	if err != nil {
		return err
	}
	before, err := f.old.wait(ctx)
	if err != nil {
		return err
	}
	f.own.after, f.seen = before.Advance(r.following, seen, f.time)
	close(f.own.done)
	return r.approachPeople(ctx, f)
}

// see finds who is in f, in the way of the pose model.
func (r *analysis) see(ctx context.Context, f *frame) ([]track.Observation, error) {
	if r.people != nil {
		return r.spotAll(ctx, f)
	}
	if self, ok := r.pose.(family.Follower); ok {
		return r.followItself(ctx, f, self)
	}
	return r.follow(ctx, f)
}

// compute runs one inference when a token is free, and measures it.
func (r *analysis) compute(ctx context.Context, model int, inference func() error) error {
	if err := send(ctx, r.tokens, struct{}{}); err != nil {
		return err
	}
	defer func() { <-r.tokens }()
	return r.meters[model].measure(inference)
}

func newLink() *link {
	return &link{done: make(chan struct{}), matted: make(chan struct{}), sighted: make(chan struct{})}
}

// wait returns what is known after the link's frame.
func (l *link) wait(ctx context.Context) (track.Scene, error) {
	if _, err := receive(ctx, l.done); err != nil {
		return track.Scene{}, err
	}
	return l.after, nil
}

// receive gives the zero value when c is closed.
func receive[T any](ctx context.Context, c <-chan T) (value T, err error) {
	select {
	case value = <-c:
		return value, nil
	case <-ctx.Done():
		return value, context.Cause(ctx)
	}
}

func send[T any](ctx context.Context, c chan<- T, value T) error {
	select {
	case c <- value:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
