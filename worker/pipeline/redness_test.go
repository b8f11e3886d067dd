package pipeline

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/job"
)

// disc is a disc in the coded picture, at a place given in parts of its width
// and height.
type disc struct {
	x, y   float64
	colour [3]byte
}

// discs lie without any symmetry, in the order of the model's points.
func discs() []disc {
	return []disc{
		{0.22, 0.20, [3]byte{255, 0, 0}}, {0.75, 0.15, [3]byte{0, 255, 0}}, {0.60, 0.45, [3]byte{0, 0, 255}},
		{0.30, 0.62, [3]byte{255, 255, 0}}, {0.81, 0.79, [3]byte{255, 0, 255}}, {0.45, 0.86, [3]byte{0, 255, 255}},
	}
}

// matrix is the display matrix of an MP4: the coded point (x, y) is shown at
// (ax+cy, bx+dy), moved until no part is negative (ISO/IEC 14496-12, 6.2.2).
type matrix struct{ a, b, c, d int32 }

// orientations are the 8 ways in which a rectangle can be laid down.
func orientations() map[string]matrix {
	return map[string]matrix{
		"upright": {1, 0, 0, 1}, "90": {0, 1, -1, 0}, "180": {-1, 0, 0, -1}, "270": {0, -1, 1, 0},
		"mirrored": {-1, 0, 0, 1}, "mirrored 180": {1, 0, 0, -1}, "mirrored 90": {0, -1, -1, 0}, "mirrored 270": {0, 1, 1, 0},
	}
}

// scene is a video of the discs.
type scene struct {
	w, h   int     // as shown before it is turned, less what is cropped, in file pixels
	sar    [2]int  // width to height of a pixel
	turn   matrix  // the display matrix
	left   int     // file pixels that the decoder is told to cut off on the left …
	top    int     // … and above
	pixels string  // the pixel format
	radius float64 // of a disc, in square pixels
	near   float64 // how near to each other the discs are drawn; 0 is where discs says
}

// place gives where a disc lies in parts of the width and height.
func (s scene) place(d disc) (x, y float64) {
	return d.x + s.near*(0.62-d.x), d.y + s.near*(0.43-d.y)
}

func (s scene) pixelAspect() float64 { return float64(s.sar[0]) / float64(s.sar[1]) }

// shown gives where the centre of a disc lies in the upright picture in square
// pixels, the middle of the top left pixel being (0, 0), and the picture's size.
func (s scene) shown(d disc) (x, y, w, h float64) {
	w, h = math.Round(float64(s.w)*s.pixelAspect()), float64(s.h)
	turned := func(x, y float64) (float64, float64) {
		return float64(s.turn.a)*x + float64(s.turn.c)*y, float64(s.turn.b)*x + float64(s.turn.d)*y
	}
	x, y = s.place(d)
	x, y = turned(x*w, y*h)
	w, h = turned(w, h) // The corner opposite (0, 0): where it is negative, so is all the rest.
	return x + math.Max(-w, 0) - 0.5, y + math.Max(-h, 0) - 0.5, math.Abs(w), math.Abs(h)
}

// render draws one picture as it is in the file, rgb24, on grey.
func (s scene) render() []byte {
	w, h := s.w+s.left, s.h+s.top
	pix := bytes.Repeat([]byte{96}, w*h*3)
	for _, d := range discs() {
		cx, cy := s.place(d)
		cx, cy = cx*float64(s.w)+float64(s.left), cy*float64(s.h)+float64(s.top)
		for y := range h {
			for x := range w {
				far := math.Hypot((float64(x)+0.5-cx)*s.pixelAspect(), float64(y)+0.5-cy)
				cover := math.Max(0, math.Min(1, s.radius+0.5-far))
				for c := 0; c < 3 && cover > 0; c++ {
					i := (y*w+x)*3 + c
					pix[i] = byte(math.Round(float64(pix[i])*(1-cover) + float64(d.colour[c])*cover))
				}
			}
		}
	}
	return pix
}

// write makes the video's file.
func (s scene) write(t *testing.T, frames int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "discs.mp4")
	args := []string{"-v", "error", "-nostdin", "-threads", "2", "-f", "rawvideo", "-pix_fmt", "rgb24",
		"-s", fmt.Sprintf("%dx%d", s.w+s.left, s.h+s.top), "-r", "10", "-i", "pipe:0",
		"-vf", fmt.Sprintf("scale=out_color_matrix=bt709:out_range=tv,setsar=%d/%d", s.sar[0], s.sar[1]), "-pix_fmt", s.pixels,
		"-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709",
		"-c:v", "libx264", "-preset", "ultrafast", "-qp", "8"}
	if s.left+s.top > 0 {
		args = append(args, "-bsf:v", fmt.Sprintf("h264_metadata=crop_left=%d:crop_top=%d", s.left, s.top))
	}
	command := exec.CommandContext(t.Context(), "ffmpeg", append(args, path)...)
	command.Stdin = bytes.NewReader(bytes.Repeat(s.render(), frames))
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("render the discs: %v\n%s", err, out)
	}
	content := mustRead(t, path)
	at := bytes.Index(content, []byte("tkhd"))
	if at < 0 || content[at+4] != 0 {
		t.Fatal("there is no track header of version 0")
	}
	m := s.turn
	for i, value := range []int32{m.a << 16, m.b << 16, 0, m.c << 16, m.d << 16, 0, 0, 0, 1 << 30} {
		binary.BigEndian.PutUint32(content[at+44+4*i:], uint32(value))
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// markerConfig is a pipeline with the models that find the discs, the first of
// which it uses.
func markerConfig(t *testing.T) Config {
	t.Helper()
	cfg := config(t)
	catalogue, err := models.LoadCatalogue([]string{filepath.Join("..", "..", "inference", "testdata")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Engine = &Engine{
		Config:    onnx.Config{Provider: onnx.ProviderCPU, Library: os.Getenv("MOTIONMILL_ORT_LIBRARY"), Threads: 1},
		Catalogue: catalogue,
	}
	var typed *job.Error
	if _, err := cfg.Engine.open(); errors.As(err, &typed) && typed.Kind == job.ModelMissing {
		t.Skipf("ONNX Runtime is not there: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cfg.Engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return cfg
}

// poseTrack is what a job leaves in pose.json.gz, as far as it is read here.
type poseTrack struct {
	Width, Height float64
	Keypoints     []string
	Frames        []struct {
		People []struct{ Keypoints, Raw [][3]float64 }
	}
}

func readTrack(t *testing.T, path string) (track poseTrack) {
	t.Helper()
	unzip, err := gzip.NewReader(bytes.NewReader(mustRead(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(unzip).Decode(&track); err != nil {
		t.Fatal(err)
	}
	return track
}

// errorsOf lists how far every point of every frame is from its disc, in px of
// the upright source, in x and in y.
func (s scene) errorsOf(t *testing.T, track poseTrack) (dx, dy []float64) {
	t.Helper()
	for i, frame := range track.Frames {
		if len(frame.People) != 1 {
			t.Fatalf("frame %d shows %d people", i, len(frame.People))
		}
		person := frame.People[0]
		for j, d := range discs() {
			x, y, w, h := s.shown(d)
			if track.Width != w || track.Height != h {
				t.Fatalf("the track is of %gx%g px, the picture of %gx%g", track.Width, track.Height, w, h)
			}
			for _, got := range [][3]float64{person.Keypoints[j], person.Raw[j]} {
				dx, dy = append(dx, got[0]-x), append(dy, got[1]-y)
				if off := math.Hypot(got[0]-x, got[1]-y); !(off <= 2) {
					t.Errorf("frame %d: %s is at (%.1f, %.1f), found at (%.1f, %.1f), %.1f px away",
						i, track.Keypoints[j], x, y, got[0], got[1], off)
				}
			}
		}
	}
	return dx, dy
}

// TestAMarkerLandsWhereItIs takes videos of coloured discs the whole way, from
// the file to the pose track, and finds each within 2 px of where it is, in
// pixels of the upright source.
func TestAMarkerLandsWhereItIs(t *testing.T) {
	cfg := markerConfig(t)
	usual, square := matrix{1, 0, 0, 1}, [2]int{1, 1}
	scenes := map[string]scene{
		"odd sizes":               {w: 641, h: 363, sar: square, turn: usual, pixels: "yuv444p", radius: 9},
		"odd sizes, turned":       {w: 481, h: 653, sar: square, turn: matrix{0, 1, -1, 0}, pixels: "yuv444p", radius: 9},
		"odd size of SAR":         {w: 354, h: 242, sar: [2]int{16, 11}, turn: usual, pixels: "yuv420p", radius: 8},
		"cropped":                 {w: 640, h: 360, sar: square, turn: usual, left: 38, top: 22, pixels: "yuv420p", radius: 9},
		"cropped, SAR and turned": {w: 480, h: 360, sar: [2]int{4, 3}, turn: matrix{0, -1, 1, 0}, left: 38, top: 22, pixels: "yuv420p", radius: 9},
		"1080p":                   {w: 1920, h: 1080, sar: square, turn: usual, pixels: "yuv420p", radius: 24},
		"1080p of a phone":        {w: 1920, h: 1080, sar: square, turn: matrix{0, 1, -1, 0}, pixels: "yuv420p", radius: 24},
		"small":                   {w: 128, h: 96, sar: square, turn: usual, pixels: "yuv420p", radius: 3},
	}
	for name, turn := range orientations() {
		scenes[name] = scene{w: 640, h: 360, sar: square, turn: turn, pixels: "yuv420p", radius: 9}
		scenes[name+", SAR 4_3"] = scene{w: 480, h: 360, sar: [2]int{4, 3}, turn: turn, pixels: "yuv420p", radius: 9}
	}
	for name, s := range scenes {
		t.Run(name, func(t *testing.T) { s.check(t, cfg, 0.5) })
	}
}

// TestAMarkerLandsWhereItIsInEveryFamily does the same with models that say in
// other ways where a point is. Whatever the family, no axis is shifted by a
// quarter of a pixel of what the model sees.
func TestAMarkerLandsWhereItIsInEveryFamily(t *testing.T) {
	usual, square := matrix{1, 0, 0, 1}, [2]int{1, 1}
	scenes := map[string]scene{
		"wide": {w: 640, h: 360, sar: square, turn: usual, pixels: "yuv444p", radius: 9},
		"tall": {w: 481, h: 653, sar: square, turn: matrix{0, 1, -1, 0}, pixels: "yuv444p", radius: 9},
		// Here a model that follows by itself looks at a part of the frame.
		"far": {w: 640, h: 360, sar: square, turn: usual, pixels: "yuv444p", radius: 6, near: 0.65},
	}
	for _, model := range []string{"markers", "markers-udp", "markers-simcc", "markers-movenet", "markers-yolo"} {
		cfg := markerConfig(t)
		cfg.Engine.Names = map[string]string{models.TaskPose: model}
		for name, s := range scenes {
			t.Run(model+" "+name, func(t *testing.T) { s.check(t, cfg, 0.25) })
		}
	}
}

// check takes the scene through the pipeline. No point may be further than 2 px
// from its disc, and the mean of no axis further than shift px.
func (s scene) check(t *testing.T, cfg Config, shift float64) {
	t.Helper()
	dir := t.TempDir()
	profile := Profile{Name: "discs", Outputs: []Output{Pose}}
	if _, err := cfg.File(t.Context(), s.write(t, 4), dir, profile, func(job.Progress) {}); err != nil {
		t.Fatal(err)
	}
	track := readTrack(t, filepath.Join(dir, "pose.json.gz"))
	if len(track.Frames) != 4 || len(track.Keypoints) != len(discs()) {
		t.Fatalf("%d frames with %v", len(track.Frames), track.Keypoints)
	}
	dx, dy := s.errorsOf(t, track)
	t.Logf("mean error %+.2f, %+.2f px, largest %.2f px", mean(dx), mean(dy), largest(dx, dy))
	if math.Abs(mean(dx)) > shift || math.Abs(mean(dy)) > shift {
		t.Errorf("all points are shifted by %+.2f, %+.2f px", mean(dx), mean(dy))
	}
}

func mean(values []float64) (sum float64) {
	for _, v := range values {
		sum += v / float64(len(values))
	}
	return sum
}

func largest(dx, dy []float64) (far float64) {
	for i := range dx {
		far = max(far, math.Hypot(dx[i], dy[i]))
	}
	return far
}
