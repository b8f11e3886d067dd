package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// What an output may be off.
const (
	mostMarker = 2     // pixels
	mostColour = 3     // ΔE of CIEDE2000
	mostTime   = 0.001 // seconds
	mostSound  = 0.010 // seconds
)

// verdict is what was measured of one output, and what is wrong with it.
type verdict struct {
	marker, colour, time float64
	wrong                []string
}

func (v *verdict) fail(format string, values ...any) {
	v.wrong = append(v.wrong, fmt.Sprintf(format, values...))
}

// picture measures one picture.
func (v *verdict) picture(m matrixInput, p view) {
	if off := p.markerOff(); off > v.marker {
		if v.marker = off; off > mostMarker {
			v.fail("the marker is %.1f px off", off)
		}
	}
	for i, patch := range patches() {
		want, got := m.shownAs(patch), p.mean(patchArea(i))
		if off := differenceOf(want, got); off > v.colour {
			if v.colour = off; off > max(mostColour, m.looseColour) {
				v.fail("patch %d is %.0f, want %.0f: ΔE %.1f", i, got, want, off)
			}
		}
	}
}

// moving measures all pictures of an output: which comes when. One in every of the
// source's is to be there.
func (v *verdict) moving(m matrixInput, pictures []view, at []float64, every int) {
	want := (m.card.count + every - 1) / every
	if len(pictures) != want || len(at) != want {
		v.fail("%d pictures at %d times, want %d", len(pictures), len(at), want)
		return
	}
	for i, p := range pictures {
		source := i * every
		n, err := p.number()
		if err != nil || n != source%256 {
			v.fail("picture %d shows %d, %v", source, n, err)
			return
		}
		if p.flashed() != m.card.flashes(source) {
			v.fail("picture %d flashes: %t", source, p.flashed())
			return
		}
		v.time = math.Max(v.time, math.Abs(at[i]-m.card.time(source)))
	}
	if v.time > mostTime+1e-6 {
		v.fail("a picture comes %.1f ms off", 1000*v.time)
	}
	v.picture(m, pictures[min(3, len(pictures)-1)])
	v.picture(m, pictures[len(pictures)-1])
}

// file measures a finished video of w x h pixels. Its pictures are in the lower rows
// too where it is stacked.
func (v *verdict) file(t testing.TB, m matrixInput, path string, w, h, every int) (pictures []view) {
	t.Helper()
	for _, pix := range decoded(t, path, "yuv420p", w*h*3/2) {
		pictures = append(pictures, ofYUV(pix, w, h))
	}
	at := times(t, path)
	if len(at) > 0 && math.Abs(at[0]) > mostTime {
		v.fail("it starts at %.3f s", at[0])
	}
	v.moving(m, pictures, at, every)
	return pictures
}

// still measures a part of a JPEG file.
func (v *verdict) still(t testing.TB, m matrixInput, path string, w, h int) {
	t.Helper()
	all, err := jpeg.Decode(bytes.NewReader(read(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	if size := all.Bounds().Size(); size.X < w || size.Y < h {
		v.fail("it has %v pixels", size)
		return
	}
	v.picture(m, ofImage(all, image.Rect(0, 0, w, h)))
}

// beep is when the sound of a file starts to beep, in seconds of its own clock, and
// how loud it is, 1 being the most; -1 where it never does.
func beep(t testing.TB, path string) (at, level float64) {
	t.Helper()
	const rate = 48000
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin", "-copyts", "-i", path, "-map", "0:a:0",
		"-af", "aresample=48000:async=1:first_pts=0", "-ac", "1", "-f", "f32le", "-").Output()
	if err != nil {
		t.Fatalf("decode the sound of %s: %v", path, err)
	}
	samples := make([]float64, len(out)/4)
	for i := range samples {
		samples[i] = math.Abs(float64(math.Float32frombits(binary.LittleEndian.Uint32(out[4*i:]))))
		level = math.Max(level, samples[i])
	}
	for i, s := range samples {
		if s > level/2 && level > 0.01 {
			return float64(i) / rate, level
		}
	}
	return -1, level
}

// joined puts a track of a presentation into one file.
func joined(t testing.TB, folder string) string {
	t.Helper()
	content := read(t, filepath.Join(folder, "init.mp4"))
	parts, err := filepath.Glob(filepath.Join(folder, "*.m4s"))
	if err != nil || len(parts) == 0 {
		t.Fatalf("%s has no segments: %v", folder, err)
	}
	for _, part := range parts {
		content = append(content, read(t, part)...)
	}
	path := filepath.Join(folder, "joined.mp4")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// gathered is all that one decoding of an input gives.
type gathered struct {
	dir     string
	info    Info
	ladder  Ladder
	frames  []Frame
	raw     []view
	w, h    int
	problem error
}

// gather probes and decodes a file into everything that a decoding makes. It keeps
// the raw frames if they are wanted.
func gather(t testing.TB, path string, keep bool) (g gathered) {
	t.Helper()
	if g.info, g.problem = tools(t).Probe(t.Context(), path, Limits{}); g.problem != nil {
		return g
	}
	g.w, g.h = VideoSize(g.info)
	half := func(n int) int { return max(n/4, 1) * 2 }
	g.ladder = Ladder{Every: NewLadder(g.info, Complexity{}).Every, Rungs: []Rung{
		{Width: g.w, Height: g.h, Quality: 21, MaxRate: 8_000_000}, {Width: half(g.w), Height: half(g.h), Quality: 23, MaxRate: 4_000_000},
	}}
	g.dir = t.TempDir()
	plan := DecodePlan{
		Input: path, Info: g.info, Dir: g.dir, Video: "video.mp4", Poster: "poster.jpg", Sprite: "sprite.jpg", SpriteIndex: "sprite.vtt",
		Ladder: &g.ladder, Frames: true, FrameWidth: g.w, FrameHeight: g.h, Deadline: time.Minute, Threads: 2,
	}
	d, err := tools(t).Decode(t.Context(), plan)
	if err != nil {
		g.problem = err
		return g
	}
	for {
		pix := make([]byte, 3*g.w*g.h)
		frame, err := d.Next(pix)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			g.problem = err
			break
		}
		if g.frames = append(g.frames, frame); keep {
			g.raw = append(g.raw, ofRGB(pix, g.w, g.h))
		}
	}
	if _, err := d.Wait(); err != nil {
		g.problem = err
		return g
	}
	_, _, g.problem = tools(t).Package(t.Context(), PackagePlan{Video: "video.mp4", Info: g.info, Ladder: g.ladder, Dir: g.dir})
	return g
}

// compose makes the outputs that mattes and layers go into. Every other matte has
// a hole where every other layer has a green field.
func (g gathered) compose(t testing.TB, path string) error {
	t.Helper()
	plan := CompositePlan{
		Input: path, Info: g.info, Dir: g.dir, Overlay: "overlay.mp4", SilhouetteWebM: "silhouette.webm", SilhouetteMP4: "silhouette.mp4",
		Deadline: time.Minute, Threads: 2,
	}
	plan.MatteWidth, plan.MatteHeight = FrameSize(g.info, 160)
	plan.LayerWidth, plan.LayerHeight = FrameSize(g.info, 320)
	c, err := tools(t).Composite(t.Context(), plan)
	if err != nil {
		return err
	}
	matte, layer := painter{w: plan.MatteWidth, h: plan.MatteHeight}, painter{w: plan.LayerWidth, h: plan.LayerHeight}
	for i, frame := range g.frames {
		matte.pix, layer.pix = make([]float64, 3*matte.w*matte.h), make([]float64, 3*layer.w*layer.h)
		matte.fill(area{0, 0, 1, 1}, [3]float64{255})
		if i%2 == 1 {
			matte.fill(figureArea(), [3]float64{0})
			layer.fill(figureArea(), [3]float64{255})
		}
		mattes, layers := make([]byte, matte.w*matte.h), make([]byte, 4*layer.w*layer.h)
		for j := range mattes {
			mattes[j] = byte(matte.pix[3*j])
		}
		for j := 0; j < len(layers); j += 4 {
			layers[j+1], layers[j+3] = 255, byte(layer.pix[3*j/4])
		}
		if err := c.Write(frame.Time, mattes, layers); err != nil {
			break // Close says it again.
		}
	}
	_, err = c.Close()
	return err
}

// alphas measures the alpha of silhouette.webm, mattes that of the lower half of silhouette.mp4.
func (v *verdict) alphas(pictures []view, alpha func(i, x, y int) float64) {
	f := figureArea()
	for i, p := range pictures {
		x, y := int((f.left+f.right)/2*float64(p.w)), int((f.top+f.bottom)/2*float64(p.h))
		hole, solid := alpha(i, x, y), alpha(i, p.w/2, p.h*8/10)
		if want := float64(255 * (1 - i%2)); math.Abs(hole-want) > 12 || math.Abs(solid-255) > 12 {
			v.fail("the matte of picture %d is %.0f and %.0f, want %.0f and 255", i, hole, solid, want)
			return
		}
	}
}
