package inference

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"
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
	video  Video
	tokens chan struct{}
	free   chan *frame // empty frames
	work   chan *frame // read, for a worker
	order  chan *frame // the same, in order, for the emitter
	meters [3]meter    // detect, pose, matte
	frames int
}

const (
	meterDetect = iota
	meterPose
	meterMatte
)

// link is what is known after a frame; after may be read once done is closed.
type link struct {
	done  chan struct{}
	after track
	// look is where a pose model that follows by itself looks next, in frame px.
	look rect
}

// frame is a place for one frame and all that is made of it.
type frame struct {
	pic    picture
	number int // from 0
	index  int
	time   float64
	// older and old are the links of the frames lag and one before, own is this frame's.
	older, old, own *link
	matte           []byte
	hasMatte        bool
	finder          finder
	points          []keypoint
	seen            observation
	id              int // of the person that was seen; 0 is nobody
	done            chan struct{}
}

func newAnalysis(a *Analyser, v Video) *analysis {
	// A few frames more than tokens: a frame that waits for an earlier one must
	// not keep a core idle.
	held := v.Parallel + lag
	run := &analysis{
		Analyser: a, video: v,
		tokens: make(chan struct{}, v.Parallel),
		free:   make(chan *frame, held), work: make(chan *frame), order: make(chan *frame, held),
	}
	points := 0
	if a.choice.Pose != nil {
		points = len(a.choice.Pose.Points.Names)
	}
	for range held {
		f := &frame{
			pic:    picture{pix: make([]byte, v.FrameWidth*v.FrameHeight*3), width: v.FrameWidth, height: v.FrameHeight},
			points: make([]keypoint, points), done: make(chan struct{}, 1),
		}
		if a.matte != nil {
			w, h := a.matte.size(f.pic)
			f.matte = make([]byte, w*h)
		}
		run.free <- f
	}
	return run
}

func (r *analysis) run(
	ctx context.Context, next func([]byte) (int, float64, error), emit func(Result) error,
) error {
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return r.read(inner, next) })
	for range cap(r.free) {
		group.Go(func() error { return r.serve(inner) })
	}
	group.Go(func() error { return r.emit(inner, emit) })
	return group.Wait()
}

// read deals the frames out until next has no more.
func (r *analysis) read(ctx context.Context, next func([]byte) (int, float64, error)) error {
	defer close(r.work)
	defer close(r.order)
	start := &link{done: make(chan struct{})}
	close(start.done)
	older, old := start, start
	for number := 0; ; number++ {
		f, err := receive(ctx, r.free)
		if err != nil {
			return err
		}
		if f.index, f.time, err = next(f.pic.pix); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read frame %d: %w", number, err)
		}
		f.number, f.older, f.old, f.own = number, older, old, &link{done: make(chan struct{})}
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
	var smooth smoother
	for {
		f, err := receive(ctx, r.order)
		if err != nil || f == nil {
			return err
		}
		if _, err := receive(ctx, f.done); err != nil {
			return err
		}
		if err := emit(r.result(f, &smooth)); err != nil {
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
	f.hasMatte, f.seen, f.id = false, observation{}, 0
	if r.wantMatte() {
		if err := r.cutMatte(ctx, f); err != nil {
			return err
		}
	}
	if r.pose == nil && r.people == nil {
		return nil
	}
	if err := r.see(ctx, f); err != nil {
		return err
	}
	before, err := f.old.wait(ctx)
	if err != nil {
		return err
	}
	f.own.after, f.seen = before.advance(f.seen, f.time)
	if f.seen.found {
		f.id = f.own.after.id
	}
	close(f.own.done)
	return nil
}

// see finds the followed person in f, in the way of the pose model.
func (r *analysis) see(ctx context.Context, f *frame) error {
	if r.people != nil {
		return r.pick(ctx, f)
	}
	before, err := f.older.wait(ctx)
	if err != nil {
		return err
	}
	if self, ok := r.pose.(follower); ok {
		return r.followItself(ctx, f, before, self)
	}
	return r.follow(ctx, f, before)
}

// follow finds the pose of the followed person in f, given what was known lag
// frames ago: where the person is expected, or else, and now and then to
// correct that, where people are found.
func (r *analysis) follow(ctx context.Context, f *frame, before track) (err error) {
	if before.visible && (r.detect == nil || f.number%correctEvery != 0) {
		if err := r.estimate(ctx, f, before.box); err != nil || f.seen.found {
			return err
		}
		before.visible = false
	}
	for _, look := range r.sources() {
		found, err := look(ctx, f)
		if err != nil {
			return err
		}
		if !before.visible { // Somebody may have been found in the frame in between.
			if before, err = f.old.wait(ctx); err != nil {
				return err
			}
		}
		if err := r.tryBoxes(ctx, f, before, found); err != nil || f.seen.found || len(found) == 0 {
			return err
		}
	}
	return nil
}

// tryBoxes looks for the pose where the followed person is or should be, and
// failing that at the largest of the people found.
func (r *analysis) tryBoxes(ctx context.Context, f *frame, before track, found []detection) error {
	var tried rect
	for _, visible := range []bool{before.visible, false} {
		before.visible = visible
		box, ok := before.choose(found)
		if !ok || box == tried {
			break
		}
		if err := r.estimate(ctx, f, box); err != nil {
			return err
		}
		if tried = box; f.seen.found {
			break
		}
	}
	f.seen.sought = true
	return nil
}

// sources lists the ways to look for people, the next for when what one finds
// turns out to be nobody: the detector, else the matte and then the whole frame.
func (r *analysis) sources() []func(context.Context, *frame) ([]detection, error) {
	switch {
	case r.detect != nil:
		return []func(context.Context, *frame) ([]detection, error){r.findByDetector}
	case r.matte != nil:
		return []func(context.Context, *frame) ([]detection, error){r.findByMatte, findWhole}
	default:
		return []func(context.Context, *frame) ([]detection, error){findWhole}
	}
}

func (r *analysis) findByDetector(ctx context.Context, f *frame) (found []detection, err error) {
	err = r.compute(ctx, meterDetect, func() (err error) {
		found, err = r.detect.detect(f.pic)
		return err
	})
	return found, err
}

func findWhole(_ context.Context, f *frame) ([]detection, error) {
	return []detection{{box: rect{0, 0, float64(f.pic.width), float64(f.pic.height)}, score: 1}}, nil
}

func (r *analysis) findByMatte(ctx context.Context, f *frame) ([]detection, error) {
	if err := r.cutMatte(ctx, f); err != nil {
		return nil, err
	}
	w, h := r.matte.size(f.pic)
	b, ok := f.finder.largestBlob(f.matte, w, h)
	if !ok {
		return nil, nil
	}
	sx, sy := float64(f.pic.width)/float64(w), float64(f.pic.height)/float64(h)
	return []detection{{box: rect{b.x * sx, b.y * sy, b.w * sx, b.h * sy}, score: 1}}, nil
}

func (r *analysis) estimate(ctx context.Context, f *frame, box rect) error {
	err := r.compute(ctx, meterPose, func() error { return r.pose.estimate(f.pic, box, f.points) })
	if err == nil {
		f.seen = observe(f.points, r.pose.minimum(), f.pic.width, f.pic.height)
	}
	return err
}

func (r *analysis) cutMatte(ctx context.Context, f *frame) error {
	if f.hasMatte {
		return nil
	}
	f.hasMatte = true
	return r.compute(ctx, meterMatte, func() error { return r.matte.cut(f.pic, f.matte) })
}

// compute runs one inference when a token is free, and measures it.
func (r *analysis) compute(ctx context.Context, model int, inference func() error) error {
	if err := send(ctx, r.tokens, struct{}{}); err != nil {
		return err
	}
	defer func() { <-r.tokens }()
	return r.meters[model].measure(inference)
}

// wait returns what is known after the link's frame.
func (l *link) wait(ctx context.Context) (track, error) {
	if _, err := receive(ctx, l.done); err != nil {
		return track{}, err
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
