package inference

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/picture"
)

// The size of a rendered scene and of its map of who covers which pixel.
const (
	sceneWidth, sceneHeight = 640, 360
	mapScale                = 4 // frame px to one of the map
)

// walker is somebody of a rendered scene: where the middle of the feet is, in
// px, how tall and how broad (1 is usual) and how near, at a time in seconds.
type walker func(t float64) (x, y, height, breadth, depth float64)

// body is a walker in one frame.
type body struct {
	id      int
	depth   float64
	height  float64
	breadth float64
	points  [17][2]float64
	visible [17]bool     // not covered by somebody nearer
	whole   picture.Rect // bounds of the body, frame px
	part    picture.Rect // bounds of what is visible of it
	share   float64      // of the body that is visible
}

// pose bends a walker's limbs at time t: arms and legs swing as one walks.
func (w walker) pose(id int, t float64) *body {
	x, y, h, breadth, depth := w(t)
	before, _, _, _, _ := w(t - 0.05)
	// The steps go with the way: one stride is nine tenths of the height.
	swing := math.Sin(2*math.Pi*x/(0.9*h)+float64(id)) * math.Min(math.Abs(x-before)/(0.05*h), 1)
	b := &body{id: id, depth: depth, height: h, breadth: breadth}
	up := func(dx, share float64) [2]float64 { return [2]float64{x + dx*h, y - share*h} }
	b.points = [17][2]float64{
		up(0, .94), up(.02, .96), up(-.02, .96), up(.05, .95), up(-.05, .95),
		up(.11, .82), up(-.11, .82), up(.13+.06*swing, .64), up(-.13-.06*swing, .64),
		up(.14+.14*swing, .48), up(-.14-.14*swing, .48),
		up(.07, .52), up(-.07, .52), up(.07-.1*swing, .28), up(-.07+.1*swing, .28),
		up(.07-.2*swing, .03), up(-.07+.2*swing, .03),
	}
	return b
}

// bodyLimbs are the lines of a body and their half widths, in heights.
func bodyLimbs() (pairs [][2]int, widths []float64) {
	pairs = models.Coco17().Pairs
	for _, p := range pairs {
		width := 0.035
		if p[0] >= 5 && p[0] <= 12 && p[1] >= 5 && p[1] <= 12 && (p[0]-5)%6 < 2 && (p[1]-5)%6 < 2 {
			width = 0.09 // the torso
		}
		widths = append(widths, width)
	}
	return append(pairs, [2]int{0, 0}), append(widths, 0.075)
}

// render gives who is where and how visible in each of n frames.
func render(people []walker, n int, fps float64) [][]*body {
	frames := make([][]*body, n)
	var depth [sceneWidth / mapScale * sceneHeight / mapScale]float64
	var who [len(depth)]int
	for i := range frames {
		clear(depth[:])
		clear(who[:])
		for id, w := range people {
			frames[i] = append(frames[i], w.pose(id+1, float64(i)/fps))
		}
		total := map[int]int{}
		for _, b := range frames[i] {
			b.paint(func(at int) {
				total[b.id]++
				if near := 1 / b.depth; near > depth[at] {
					depth[at], who[at] = near, b.id
				}
			})
		}
		for _, b := range frames[i] {
			b.judge(who[:], total[b.id])
		}
	}
	return frames
}

// paint visits each pixel of the map that the body covers, once.
func (b *body) paint(visit func(at int)) {
	const across, down = sceneWidth / mapScale, sceneHeight / mapScale
	pairs, widths := bodyLimbs()
	var painted [across * down]bool
	for i, pair := range pairs {
		from, to, reach := b.points[pair[0]], b.points[pair[1]], widths[i]*b.height*b.breadth
		cells := func(a, b float64, most int) (int, int) {
			return max(int((min(a, b)-reach)/mapScale), 0), min(int((max(a, b)+reach)/mapScale), most-1)
		}
		left, right := cells(from[0], to[0], across)
		top, bottom := cells(from[1], to[1], down)
		for y := top; y <= bottom; y++ {
			for x := left; x <= right; x++ {
				px, py := (float64(x)+0.5)*mapScale, (float64(y)+0.5)*mapScale
				if at := y*across + x; !painted[at] && fromLine(px, py, from, to) <= reach {
					painted[at] = true
					visit(at)
				}
			}
		}
	}
}

// fromLine is the distance of a point from the line between two others.
func fromLine(x, y float64, a, b [2]float64) float64 {
	dx, dy := b[0]-a[0], b[1]-a[1]
	along := 0.0
	if length := dx*dx + dy*dy; length > 0 {
		along = min(max(((x-a[0])*dx+(y-a[1])*dy)/length, 0), 1)
	}
	return math.Hypot(x-a[0]-along*dx, y-a[1]-along*dy)
}

// judge reads from the map of who covers what how much of the body is visible.
func (b *body) judge(who []int, total int) {
	const across, down = sceneWidth / mapScale, sceneHeight / mapScale
	var mine int
	grow := func(r *picture.Rect, x, y float64) {
		if *r == (picture.Rect{}) {
			*r = picture.Rect{X: x, Y: y, W: mapScale, H: mapScale}
			return
		}
		x1, y1 := max(r.X+r.W, x+mapScale), max(r.Y+r.H, y+mapScale)
		r.X, r.Y = min(r.X, x), min(r.Y, y)
		r.W, r.H = x1-r.X, y1-r.Y
	}
	b.paint(func(at int) {
		x, y := float64(at%across*mapScale), float64(at/across*mapScale)
		grow(&b.whole, x, y)
		if who[at] == b.id {
			mine++
			grow(&b.part, x, y)
		}
	})
	b.share = float64(mine) / math.Max(float64(total), 1)
	for i, p := range b.points {
		x, y := int(p[0])/mapScale, int(p[1])/mapScale
		b.visible[i] = p[0] >= 0 && p[1] >= 0 && x < across && y < down && who[y*across+x] == b.id
	}
}

// rendered is a detector and a pose model of a rendered scene that err as real
// ones do: they miss people and see some that are not there; boxes and points
// are noisy; of those who are covered they see what shows; and in a box that holds
// two people they take the one who fills it more.
type rendered struct {
	frames [][]*body
	seed   uint64
	clean  bool // makes no mistakes of its own

	detections, poses atomic.Int64
}

// chance gives random numbers that depend on the scene's seed, the frame and a
// reason alone, whoever asks in whatever order.
func (r *rendered) chance(pic picture.Picture, reason uint64) *rand.Rand {
	return rand.New(rand.NewPCG(r.seed<<32|uint64(number(pic)), reason))
}

func (r *rendered) Detect(pic picture.Picture) (found []picture.Detection, err error) {
	r.detections.Add(1)
	random := r.chance(pic, 1)
	for _, b := range r.frames[number(pic)] {
		missed, wobble := random.Float64(), [4]float64{}
		for i := range wobble {
			wobble[i] = 0.02 * b.height * random.NormFloat64()
		}
		if b.share < 0.3 || !r.clean && missed < 0.05 {
			continue
		}
		if r.clean {
			wobble = [4]float64{}
		}
		box := picture.Rect{X: b.part.X + wobble[0], Y: b.part.Y + wobble[1], W: b.part.W + wobble[2], H: b.part.H + wobble[3]}
		found = append(found, picture.Detection{Box: box, Score: 0.3 + 0.6*b.share})
	}
	if x, y, h := random.Float64(), random.Float64(), random.Float64(); !r.clean && random.Float64() < 0.05 {
		found = append(found, picture.Detection{Box: picture.Rect{X: x * sceneWidth, Y: y * sceneHeight / 2, W: 30 + 40*h, H: 60 + 100*h}, Score: 0.35})
	}
	slices.SortStableFunc(found, func(a, b picture.Detection) int { return cmp.Compare(b.Score, a.Score) })
	var kept []picture.Detection
	for _, d := range found {
		if !slices.ContainsFunc(kept, func(k picture.Detection) bool { return picture.Overlap(k.Box, d.Box) > 0.6 }) {
			kept = append(kept, d)
		}
	}
	return kept, nil
}

func (r *rendered) Minimum() float64 { return 0.2 }

func (r *rendered) Estimate(pic picture.Picture, box picture.Rect, points []picture.Keypoint) error {
	r.poses.Add(1)
	random := r.chance(pic, math.Float64bits(box.X)^math.Float64bits(box.W)<<1)
	var best *body
	most := 0.1
	for _, b := range r.frames[number(pic)] {
		if fill := picture.Overlap(box, b.part) * (0.3 + 0.7*b.share) * (1 + 0.1*random.NormFloat64()); b.share > 0.1 && fill > most {
			best, most = b, fill
		}
	}
	if missed := random.Float64(); best == nil || !r.clean && missed < 0.01 {
		for i := range points { // Nobody: points anywhere, of little score.
			points[i] = picture.Keypoint{X: box.X + random.Float64()*box.W, Y: box.Y + random.Float64()*box.H, Score: 0.05 + 0.2*random.Float64()}
		}
		return nil
	}
	seen := box.Grow(0.125)
	for i, p := range best.points {
		noise, score := 0.008, 0.7+0.25*random.Float64()
		switch {
		case p[0] < seen.X || p[1] < seen.Y || p[0] > seen.X+seen.W || p[1] > seen.Y+seen.H:
			noise, score = 0.1, 0.1
		case !best.visible[i]:
			noise, score = 0.05, 0.1+0.3*random.Float64()
		}
		x, y := random.NormFloat64(), random.NormFloat64()
		points[i] = picture.Keypoint{X: p[0] + noise*best.height*x, Y: p[1] + noise*best.height*y, Score: score}
	}
	return nil
}

// analyser uses the scene as detector and pose model.
func (r *rendered) analyser() *Analyser {
	return &Analyser{pose: r, detect: r, choice: models.Choice{Pose: &models.Model{Manifest: models.Manifest{Points: models.Coco17()}}}}
}

// truth is who is in each frame; who shows less than a quarter is hidden.
func (r *rendered) truth() [][]shown {
	frames := make([][]shown, len(r.frames))
	for i, people := range r.frames {
		for _, b := range people {
			if b.whole == (picture.Rect{}) {
				continue // not in the frame
			}
			one := shown{id: b.id, hidden: b.share < 0.25, area: b.whole.Area() * 0.6}
			for k, p := range b.points {
				seen := 0.0
				if b.visible[k] {
					seen = 1
				}
				one.points = append(one.points, [3]float64{p[0], p[1], seen})
			}
			frames[i] = append(frames[i], one)
		}
	}
	return frames
}
