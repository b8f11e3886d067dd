package media

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

// composeAll runs a composition of mattes and layers that draw makes for every
// frame.
func composeAll(t testing.TB, path string, info Info, frames []Frame, plan CompositePlan, draw func(i int, matte, layer []byte)) Usage {
	t.Helper()
	plan.Input, plan.Info, plan.Deadline, plan.Threads = path, info, time.Minute, 2
	plan.MatteWidth, plan.MatteHeight = FrameSize(info, 160)
	plan.LayerWidth, plan.LayerHeight = FrameSize(info, 320)
	c, err := tools(t).Composite(t.Context(), plan)
	if err != nil {
		t.Fatalf("compose: %v", err)
	}
	for i, frame := range frames {
		matte, layer := make([]byte, plan.MatteWidth*plan.MatteHeight), make([]byte, 4*plan.LayerWidth*plan.LayerHeight)
		draw(i, matte, layer)
		if err := c.Write(frame.Time, matte, layer); err != nil {
			t.Fatalf("write frame %d: %v", i, err)
		}
	}
	usage, err := c.Close()
	if err != nil {
		t.Fatalf("close: %v", err)
	}
	return usage
}

// drawBars shows a number as eight bars in a matte of 160 x 90 and, in green, in
// the lower half of a layer of 320 x 180.
func drawBars(i int, matte, layer []byte) {
	for p := range matte {
		if i>>(p%160/20)&1 == 1 {
			matte[p] = 255
		}
	}
	for p := 90 * 320; p < 180*320; p++ {
		layer[4*p+3] = 255
		if i>>(p%320/40)&1 == 1 {
			layer[4*p+1] = 255
		}
	}
}

// TestCompositePairs holds the number that each frame of the outputs shows of
// itself against the number of its matte and of its layer, for sources whose
// times run in every way.
func TestCompositePairs(t *testing.T) {
	const w, h = 320, 180
	for name, path := range clips(t) {
		t.Run(name, func(t *testing.T) {
			info := probed(t, path)
			frames := decodeAll(t, path, info, 64).frames
			dir := t.TempDir()
			plan := CompositePlan{Dir: dir, Overlay: "overlay.mp4", SilhouetteWebM: "silhouette.webm", SilhouetteMP4: "silhouette.mp4"}
			if usage := composeAll(t, path, info, frames, plan, drawBars); usage.Frames != 50 {
				t.Errorf("usage says %d frames", usage.Frames)
			}
			sameTimes(t, filepath.Join(dir, "overlay.mp4"), frames, 1e-4)
			sameTimes(t, filepath.Join(dir, "silhouette.mp4"), frames, 1e-4)
			sameTimes(t, filepath.Join(dir, "silhouette.webm"), frames, 6e-4) // WebM counts milliseconds
			for i, picture := range decoded(t, filepath.Join(dir, "overlay.mp4"), "rgb24", 3*w*h) {
				source, layer := readBars(grey(picture[45*w*3+1:46*w*3], 3)), readBars(grey(picture[135*w*3+1:136*w*3], 3))
				if source != i || layer != i {
					t.Errorf("overlay %d: source %d, layer %d", i, source, layer)
				}
			}
			for i, picture := range decoded(t, filepath.Join(dir, "silhouette.mp4"), "gray", 2*w*h) {
				both, white, matte := readBars(picture[45*w:46*w]), readBars(picture[135*w:136*w]), readBars(picture[270*w:271*w])
				if both != i || white != i || matte != i {
					t.Errorf("stacked %d: source and matte %d, cut-out %d, matte %d", i, both, white, matte)
				}
			}
			for i, picture := range decoded(t, filepath.Join(dir, "silhouette.webm"), "yuva420p", w*h*5/2, "-c:v", "libvpx-vp9") {
				seen, alpha := picture[45*w:46*w], picture[w*h*3/2+45*w:w*h*3/2+46*w]
				for x := range seen {
					seen[x] = min(seen[x], alpha[x]) // What is transparent has any colour.
				}
				if figure, matte := readBars(seen), readBars(alpha); figure != i || matte != i {
					t.Errorf("alpha %d: figure %d, matte %d", i, figure, matte)
				}
			}
		})
	}
}

// TestCompositeLevels holds the values of figure and matte: nothing of the
// background stays, half is half.
func TestCompositeLevels(t *testing.T) {
	path := generate(t, "white.mp4", "-f", "lavfi", "-i", "color=white:s=320x180:r=10:d=0.5", "-c:v", "libx264", "-preset", "ultrafast")
	info := probed(t, path)
	dir := t.TempDir()
	frames := decodeAll(t, path, info, 64).frames
	composeAll(t, path, info, frames, CompositePlan{Dir: dir, SilhouetteWebM: "silhouette.webm", SilhouetteMP4: "silhouette.mp4"},
		func(_ int, matte, _ []byte) {
			for p := range matte {
				matte[p] = [4]byte{0, 128, 255, 255}[p%160/40]
			}
		})
	stacked := decoded(t, filepath.Join(dir, "silhouette.mp4"), "rgb24", 2*3*320*180)[2]
	alpha := decoded(t, filepath.Join(dir, "silhouette.webm"), "yuva420p", 320*180*5/2, "-c:v", "libvpx-vp9")[2][320*180*3/2:]
	for i, want := range []int{0, 128, 255} {
		x := 40 + 80*i
		at := [3]int{want, want, want}
		near(t, "figure", stacked[3*(90*320+x):], at, 6)
		near(t, "matte", stacked[3*(270*320+x):], at, 6)
		near(t, "alpha", []byte{alpha[90*320+x], alpha[91*320+x], alpha[92*320+x]}, at, 6)
	}
}

// TestCompositeAlone makes each output without the others.
func TestCompositeAlone(t *testing.T) {
	path := generate(t, "clip.mp4", "-f", "lavfi", "-i", barcode(10, "30"), "-c:v", "libx264", "-preset", "ultrafast")
	info := probed(t, path)
	frames := decodeAll(t, path, info, 64).frames
	for name, plan := range map[string]CompositePlan{
		"overlay.mp4":     {Overlay: "overlay.mp4"},
		"silhouette.webm": {SilhouetteWebM: "silhouette.webm"},
		"silhouette.mp4":  {SilhouetteMP4: "silhouette.mp4"},
	} {
		t.Run(name, func(t *testing.T) {
			plan.Dir = t.TempDir()
			composeAll(t, path, info, frames, plan, drawBars)
			out, err := tools(t).Inspect(t.Context(), filepath.Join(plan.Dir, name))
			if err != nil || out.Frames != 10 || out.Duration < 0.3 || out.Duration > 0.4 {
				t.Errorf("%+v, %v", out, err)
			}
		})
	}
}

// TestCompositeMismatch writes too few frames, at other times, or of another
// size: each is an error, never a shifted silhouette.
func TestCompositeMismatch(t *testing.T) {
	path := generate(t, "clip.mp4", "-f", "lavfi", "-i", barcode(10, "30"), "-c:v", "libx264", "-preset", "ultrafast")
	info := probed(t, path)
	frames := decodeAll(t, path, info, 64).frames
	for name, test := range map[string]struct {
		count, size int
		shift       int64
		finding     string
	}{
		"too few":     {9, 160 * 90, 0, "10 frames were decoded but 9 written"},
		"other times": {10, 160 * 90, 7, "but was written for"},
		"other size":  {10, 160*90 - 1, 0, "came with a matte of"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := tools(t).Composite(t.Context(), CompositePlan{Input: path, Info: info, Dir: t.TempDir(),
				SilhouetteMP4: "silhouette.mp4", MatteWidth: 160, MatteHeight: 90})
			if err != nil {
				t.Fatal(err)
			}
			for i := range test.count {
				at := frames[i].Time
				at.Ticks += test.shift * int64(i)
				if err := c.Write(at, make([]byte, test.size), nil); err != nil {
					break // Close says it again
				}
			}
			_, err = c.Close()
			wantKind(t, err, job.Internal, "clip.mp4", test.finding)
		})
	}
}
