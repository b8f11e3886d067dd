package inference

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/motionmill/motionmill/inference/family"
	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/matting"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/inference/starter"
)

// TestMatteOverTime compares what can be made of mattes on the rendered video, of
// which the truth is known. docs/models.md has its table.
func TestMatteOverTime(t *testing.T) {
	v, frames, truth := demo(t)
	names := []string{"starter-matte", "selfie-256"}
	scenes := []string{"as rendered", "with noise", "standing still, with noise"}
	if danceFrames < 545 { // Under the race detector a part says enough.
		frames, names, scenes = frames[:16], names[:1], scenes[1:2]
	}
	for _, name := range names {
		f, _ := anyMatte(t, inferencetest.OpenRuntime(t), name)
		for _, scene := range scenes {
			shown, masks := shownAs(t, scene, frames, truth)
			raw := rawMattes(t, f, v, shown)
			plain := scoreOf(raw, v, matting.Options{}, shown, masks, truth)
			t.Logf("| %s | %s | as the model gives it | %s |", name, scene, plain)
			for _, way := range []matting.Options{{Solid: true}, {Refine: true}, {Steady: true}, {Solid: true, Refine: true}} {
				t.Logf("| | | %s | %s |", described(way), scoreOf(raw, v, way, shown, masks, truth))
			}
			all := scoreOf(raw, v, matting.All(), shown, masks, truth)
			t.Logf("| | | %s | %s |", described(matting.All()), all)
			if all.iou < plain.iou+0.01 || all.difference > 0.9*plain.difference || all.restless > 0.75*plain.restless ||
				scene != scenes[len(scenes)-1] && all.flicker > 0.9*plain.flicker {
				t.Errorf("%s, %s: %s, plain %s", name, scene, all, plain)
			}
		}
	}
}

func described(way matting.Options) (text string) {
	for _, part := range []struct {
		on   bool
		name string
	}{{way.Solid, "solid"}, {way.Refine, "refine"}, {way.Steady, "steady"}} {
		if part.on && text != "" {
			text += ", "
		}
		if part.on {
			text += part.name
		}
	}
	return text
}

// anyMatte opens a matte model of the test data or a starter.
func anyMatte(t *testing.T, r *onnx.Runtime, name string) (family.Matter, models.Model) {
	t.Helper()
	dirs := []string{}
	if name != "starter-matte" {
		dirs = append(dirs, inferencetest.Testdata(t, "models"))
	}
	catalogue, err := models.LoadCatalogue(dirs, starter.Files)
	if err != nil {
		t.Fatal(err)
	}
	m, err := catalogue.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	n, err := r.Network(m, 0, family.RunOnce)
	if err != nil {
		t.Fatal(err)
	}
	able, err := family.New(models.TaskMatte, n)
	if err != nil {
		t.Fatal(err)
	}
	return able.Matte, m
}

// shownAs makes the frames of a scene and their truth.
func shownAs(t *testing.T, scene string, frames [][]byte, truth starter.GroundTruth) (shown, masks [][]byte) {
	t.Helper()
	shown = slices.Clone(frames)
	for i := range frames {
		from := i
		if scene == "standing still, with noise" {
			from = 20
		}
		mask, err := truth.Mask(from, truth.MaskWidth, truth.MaskHeight)
		if err != nil {
			t.Fatal(err)
		}
		shown[i], masks = frames[from], append(masks, mask)
	}
	if scene != "as rendered" {
		shown = grainy(shown, 8)
	}
	if scene == "standing still, with noise" {
		shown, masks = shown[:30], masks[:30]
	}
	return shown, masks
}

// grainy adds to each frame another noise, of a deviation on 0 to 255.
func grainy(frames [][]byte, deviation float64) [][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	var grains [4096]int
	for i := range grains {
		grains[i] = int(math.Round(random.NormFloat64() * deviation))
	}
	out := make([][]byte, len(frames))
	for i, f := range frames {
		out[i] = slices.Clone(f)
		for k, v := range out[i] {
			out[i][k] = byte(min(max(int(v)+grains[random.Uint32()%4096], 0), 255))
		}
	}
	return out
}

func rawMattes(t *testing.T, f family.Matter, v Video, frames [][]byte) (raw [][]byte) {
	t.Helper()
	for _, pix := range frames {
		pic := picture.Picture{Pix: pix, Width: v.FrameWidth, Height: v.FrameHeight}
		w, h := f.Size(pic)
		m := make([]byte, w*h)
		if err := f.Cut(pic, m); err != nil {
			t.Fatal(err)
		}
		raw = append(raw, m)
	}
	return raw
}

// score is how mattes compare with the truth, at the truth's size.
type score struct {
	iou float64
	// difference is the mean absolute difference to the truth, in thousandths.
	difference float64
	// flicker is how much that changes from frame to frame: dtSSD (Erofeev et al.,
	// BMVC 2015), in hundredths.
	flicker float64
	// restless is how much the matte changes from frame to frame where the truth
	// does not, in thousandths of the picture.
	restless float64
	frames   int
	took     time.Duration
}

func (s score) String() string {
	return fmt.Sprintf("%.3f | %.1f | %.2f | %.2f | %.1f",
		s.iou, s.difference, s.flicker, s.restless, s.took.Seconds()*1000/float64(s.frames))
}

// scoreOf makes of raw mattes what a way says, and measures it.
func scoreOf(raw [][]byte, video Video, way matting.Options, frames, masks [][]byte, truth starter.GroundTruth) score {
	s := score{frames: len(frames)}
	w, h := truth.MaskWidth, truth.MaskHeight
	small, last := make([]float32, w*h), make([]float32, w*h)
	var shrink picture.Resampler
	pic := picture.Picture{Width: video.FrameWidth, Height: video.FrameHeight}
	side := int(math.Sqrt(float64(len(raw[0])))) // The models' mattes are square.
	c := matting.NewCutout(way, pic, side, side)
	var steady matting.Steady
	for i, pix := range frames {
		pic.Pix = pix
		copy(c.Raw, raw[i])
		began := time.Now()
		c.Finish(pic)
		if way.Steady {
			steady.Next(&c, pic)
		}
		s.took += time.Since(began)
		if len(c.Out) == len(c.Raw) {
			shrink.Plane(small, w, h, c.Out, side, side)
		} else {
			shrink.Plane(small, w, h, c.Out, pic.Width, pic.Height)
		}
		s.add(small, last, masks, i, w)
		small, last = last, small
	}
	n := float64(len(frames))
	s.iou, s.difference, s.flicker, s.restless = s.iou/n, s.difference/n*1e3, s.flicker/(n-1)*1e2, s.restless/(n-1)*1e3
	return s
}

func (s *score) add(matte, last []float32, masks [][]byte, i, w int) {
	mask, n := masks[i], float64(len(matte))
	s.iou += matteOverlapOf(matte, mask)
	difference, flicker, restless := 0.0, 0.0, 0.0
	for k, v := range matte {
		d := float64(v) - float64(mask[k])
		difference += math.Abs(d)
		if i == 0 {
			continue
		}
		before := float64(last[k]) - float64(masks[i-1][k])
		flicker += (d - before) * (d - before)
		if unchanged(mask, masks[i-1], k, w) {
			restless += math.Abs(float64(v) - float64(last[k]))
		}
	}
	s.difference += difference / n / 255
	s.flicker += math.Sqrt(flicker/n) / 255
	s.restless += restless / n / 255
}

func matteOverlapOf(matte []float32, mask []byte) float64 {
	both, either := 0, 0
	for k, v := range matte {
		a, b := v >= 127.5, mask[k] >= 128
		if a && b {
			both++
		}
		if a || b {
			either++
		}
	}
	return float64(both) / float64(max(either, 1))
}

// unchanged tells whether the truth is the same about a px in two frames.
func unchanged(a, b []byte, k, w int) bool {
	for _, at := range [...]int{k, k - 2, k + 2, k - 2*w, k + 2*w, k - w - 1, k - w + 1, k + w - 1, k + w + 1} {
		if at >= 0 && at < len(a) && a[at] != b[at] {
			return false
		}
	}
	return true
}

// What comes out of an analysis is the same whatever runs beside, and what the
// parts give one after the other.
func TestMatteOverTimeIsTheSameWhateverTheLoad(t *testing.T) {
	v, frames, _ := demo(t)
	frames = frames[:12]
	r := inferencetest.OpenRuntime(t)
	f, model := anyMatte(t, r, "starter-matte")
	a, err := NewAnalyser(r, models.Choice{Matte: &model, WantMatte: true})
	if err != nil {
		t.Fatal(err)
	}
	v.Matte = matting.All()
	if w, h := a.MatteSize(v); w != v.FrameWidth || h != v.FrameHeight {
		t.Fatalf("the mattes are %dx%d", w, h)
	}
	var want [][]byte
	pic := picture.Picture{Width: v.FrameWidth, Height: v.FrameHeight}
	w, h := f.Size(pic)
	c := matting.NewCutout(v.Matte, pic, w, h)
	var steady matting.Steady
	for _, pix := range frames {
		pic.Pix = pix
		if err := f.Cut(pic, c.Raw); err != nil {
			t.Fatal(err)
		}
		c.Finish(pic)
		steady.Next(&c, pic)
		want = append(want, slices.Clone(c.Out))
	}
	for _, v.Parallel = range []int{1, 2, 6} {
		results, stats := analyse(t, a, v, frames, 30)
		var got [][]byte
		for _, result := range results {
			got = append(got, result.Matte)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("with %d at once the mattes differ", v.Parallel)
		}
		if n := stats.Models[0].Inferences; n != int64(len(frames)) {
			t.Errorf("%d inferences are counted in %d frames", n, len(frames))
		}
	}
}
