package inference

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/motionmill/motionmill/job"
)

// lookAgain is after how many frames the detector runs again while a pose is
// in doubt, or some of several people are out of sight. It is odd: the even and
// the odd frames take their boxes from their like, and both get their turn.
const lookAgain = 3

// sight is what is being found in a frame.
type sight struct {
	tried []rect        // where a pose was looked for
	seen  []observation // who was found there
}

// follow finds the poses of the followed people in f: where they are expected,
// given what was known lag frames ago. Everywhere people are sought now and
// then, and when somebody is not where expected.
func (r *analysis) follow(ctx context.Context, f *frame) ([]observation, error) {
	if err := r.prepare(ctx, f); err != nil {
		return nil, err
	}
	before, err := f.older.wait(ctx)
	if err != nil {
		return nil, err
	}
	var s sight
	expected := before.visible()
	sources := r.sources()
	searched := len(expected) == 0 || r.detect != nil &&
		(r.following.due(f.number) || f.number%lookAgain == 0 && before.uncertain(r.following, f.time))
	var found []detection
	if searched {
		if found, err = sources[0](ctx, f); err != nil {
			return nil, err
		}
	}
	if err := r.look(ctx, f, &s, r.following.correct(expected, found)); err != nil {
		return nil, err
	}
	if !searched && len(s.seen) < len(s.tried) {
		if found, err = sources[0](ctx, f); err != nil {
			return nil, err
		}
		searched = true
	}
	f.own.show(s.seen)
	now, err := f.old.wait(ctx) // Somebody may have been found in the frame in between.
	if err != nil {
		return nil, err
	}
	for next := 1; ; next++ {
		if err := r.look(ctx, f, &s, r.following.others(now, found, s, f.time)); err != nil {
			return nil, err
		}
		// What a source finds may turn out to be nobody.
		if !searched || len(s.seen) > 0 || len(found) == 0 || next == len(sources) {
			return s.seen, nil
		}
		if found, err = sources[next](ctx, f); err != nil {
			return nil, err
		}
	}
}

// guess is a box in which somebody may be.
type guess struct {
	box    rect
	sought bool // the box was found in this very frame
}

// correct gives guesses for those who are expected: what was found there, or
// else where they were.
func (g following) correct(expected []track, found []detection) []guess {
	guesses := make([]guess, len(expected))
	of := g.pair(len(expected), len(found), samePerson, func(i, j int) float64 {
		return overlap(expected[i].box, found[j].box)
	})
	for i, k := range expected {
		guesses[i] = guess{box: k.box}
		if of[i] >= 0 {
			guesses[i] = guess{box: found[of[i]].box, sought: true}
		}
	}
	return guesses
}

// others guesses where more people are at time t, as many as there is room
// for: first those who are known and not yet seen, then whoever was found.
func (g following) others(now scene, found []detection, s sight, t float64) []guess {
	rest := g.unexplained(found, s.seen)
	unseen := g.unseen(now, s.seen, t)
	of := g.pair(len(unseen), len(rest), samePerson, func(i, j int) float64 {
		return overlap(unseen[i].boxAt(t), rest[j].box)
	})
	var guesses []guess
	for i, k := range unseen {
		switch {
		case of[i] >= 0:
			guesses = append(guesses, guess{rest[of[i]].box, true})
		case k.visible:
			guesses = append(guesses, guess{box: k.box})
		}
	}
	slices.SortStableFunc(rest, func(a, b detection) int { return g.order(a.box, b.box) })
	for _, d := range rest {
		guesses = append(guesses, guess{d.box, true})
	}
	var open []guess
	for _, o := range guesses {
		known := slices.ContainsFunc(open, func(other guess) bool { return other.box == o.box })
		if len(open) < g.limit-len(s.seen) && !known && !slices.Contains(s.tried, o.box) {
			open = append(open, o)
		}
	}
	return open
}

// unexplained leaves out what was found of those who were seen already: each
// accounts for one detection.
func (g following) unexplained(found []detection, seen []observation) []detection {
	of := g.pair(len(seen), len(found), samePerson, func(i, j int) float64 { return overlap(seen[i].box, found[j].box) })
	var rest []detection
	for j, d := range found {
		if !slices.Contains(of, j) {
			rest = append(rest, d)
		}
	}
	return rest
}

// unseen returns those of a scene who are none of seen at time t.
func (g following) unseen(now scene, seen []observation, t float64) (tracks []track) {
	of := g.pair(len(now.tracks), len(seen), sameMove, func(i, j int) float64 { return g.likeness(now.tracks[i], seen[j], t) })
	for i, k := range now.tracks {
		if of[i] < 0 {
			tracks = append(tracks, k)
		}
	}
	return tracks
}

// look looks for poses at the guesses.
func (r *analysis) look(ctx context.Context, f *frame, s *sight, guesses []guess) error {
	boxes := make([]rect, len(guesses))
	for i, g := range guesses {
		boxes[i] = g.box
	}
	points, err := r.pointsIn(ctx, f, boxes)
	if err != nil {
		return err
	}
	for i, g := range guesses {
		s.tried = append(s.tried, g.box)
		if o, ok := observe(points[i], r.pose.minimum(), f.pic.width, f.pic.height); ok {
			o.sought = g.sought
			s.seen = append(s.seen, o)
		}
	}
	return nil
}

// estimateEach finds the points of poses in boxes, side by side: as many in a run
// as the model takes, in as many runs at once as there are tokens.
func (r *analysis) estimateEach(ctx context.Context, f *frame, boxes []rect) ([][]keypoint, error) {
	points := make([][]keypoint, len(boxes))
	for i := range points {
		points[i] = make([]keypoint, len(r.choice.Pose.Points.Names))
	}
	group, inner := errgroup.WithContext(ctx)
	most := r.inOneRun()
	for from := 0; from < len(boxes); from += most {
		to := min(from+most, len(boxes))
		group.Go(func() error {
			return job.Guarded("estimate poses", func() error { return r.estimate(inner, f, boxes[from:to], points[from:to]) })
		})
	}
	return points, group.Wait()
}

// inOneRun is how many people the pose model looks at in one run.
func (r *analysis) inOneRun() int {
	if m, ok := r.pose.(aimed); ok {
		n, _ := m.parts()
		return n.batch()
	}
	return 1
}

// estimate runs the pose model once, over as many boxes as it takes in one run.
func (r *analysis) estimate(ctx context.Context, f *frame, boxes []rect, points [][]keypoint) error {
	err := r.compute(ctx, meterPose, func() error {
		if len(boxes) == 1 {
			return r.pose.estimate(f.pic, boxes[0], points[0])
		}
		return estimateAll(r.pose.(aimed), f.pic, boxes, points)
	})
	r.meters[meterPose].count.Add(int64(len(boxes) - 1)) // Each counts as an inference.
	return err
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
	if f.ahead.detected {
		return f.ahead.found, nil
	}
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
	w, h := f.cut.w, f.cut.h
	b, ok := f.finder.largestBlob(f.cut.raw, w, h)
	if !ok {
		return nil, nil
	}
	sx, sy := float64(f.pic.width)/float64(w), float64(f.pic.height)/float64(h)
	return []detection{{box: rect{b.x * sx, b.y * sy, b.w * sx, b.h * sy}, score: 1}}, nil
}
