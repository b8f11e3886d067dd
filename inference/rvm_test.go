package inference

import (
	"context"
	"io"
	"math"
	"path/filepath"
	"sync"
	"testing"

	"github.com/motionmill/motionmill/inference/family"
	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/matting"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/job"
)

// recurrentAnalyser runs the hand-made model of testdata/recurrent, whose
// answer depends on everything that it was handed on.
func recurrentAnalyser(t *testing.T, r *onnx.Runtime, options map[string]any) *Analyser {
	t.Helper()
	m, err := inferencetest.Load(t, inferencetest.HandMade(t, "recurrent")).Find("recurrent")
	if err != nil {
		t.Fatal(err)
	}
	m.Options = options
	a, err := NewAnalyser(r, models.Choice{Matte: &m, WantMatte: true})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const recurrentWidth, recurrentHeight = 32, 24

// recurrentFrames is a video of noise in which the light differs from frame to frame.
func recurrentFrames(count int, seed byte) [][]byte {
	frames := make([][]byte, count)
	for i := range frames {
		pic := inferencetest.Noise(recurrentWidth, recurrentHeight)
		for k := range pic.Pix {
			pic.Pix[k] = byte((int(pic.Pix[k]) + int(seed)*31) * (1 + (i*7+int(seed))%5) / 5)
		}
		frames[i] = pic.Pix
	}
	return frames
}

// remembered is what recurrent.py says the mattes of a video are, worked out anew.
func remembered(frames [][]byte, ratio float64) [][]byte {
	const w, h = recurrentWidth, recurrentHeight
	var r1 [w * h / 4]float64
	var r2, r3, r4 float64
	mattes := make([][]byte, len(frames))
	for i, pix := range frames {
		var light [w * h]float64
		mean := 0.0
		for k := range light {
			light[k] = float64(int(pix[3*k])+int(pix[3*k+1])+int(pix[3*k+2])) / 3 / 255
			mean += light[k] / (w * h)
		}
		for y := range h / 2 {
			for x := range w / 2 {
				at := 2*y*w + 2*x
				r1[y*w/2+x] = r1[y*w/2+x]/2 + (light[at]+light[at+1]+light[at+w]+light[at+w+1])/4
			}
		}
		r2, r3, r4 = r2+1, r3*3/4+mean, r4/2+ratio
		mattes[i] = make([]byte, w*h)
		for y := range h {
			for x := range w {
				pha := light[y*w+x]/4 + r1[y/2*w/2+x/2]/8 + r2/64 + r3/32 + r4/64
				mattes[i][y*w+x] = byte(math.Min(pha, 1)*255 + 0.5)
			}
		}
	}
	return mattes
}

// sameMattes allows what rounding does: one of 255.
func sameMattes(t *testing.T, name string, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d mattes, want %d", name, len(got), len(want))
	}
	for i := range want {
		for k := range want[i] {
			if d := int(got[i][k]) - int(want[i][k]); d > 1 || d < -1 {
				t.Fatalf("%s: frame %d, px %d is %d, want %d", name, i, k, got[i][k], want[i][k])
			}
		}
	}
}

func mattesOf(t *testing.T, a *Analyser, frames [][]byte, parallel int, way matting.Options) (mattes [][]byte) {
	t.Helper()
	v := Video{Width: recurrentWidth, Height: recurrentHeight, FrameWidth: recurrentWidth, FrameHeight: recurrentHeight, Parallel: parallel, Matte: way}
	results, _ := analyse(t, a, v, frames, 30)
	for _, r := range results {
		mattes = append(mattes, r.Matte)
	}
	return mattes
}

func TestRVMRemembersAVideoInOrder(t *testing.T) {
	a := recurrentAnalyser(t, inferencetest.OpenRuntime(t), nil)
	frames := recurrentFrames(16, 1)
	want := remembered(frames, 1) // All of a picture so small.
	for _, parallel := range []int{1, 2, 5} {
		// Again and again: each video begins with nothing.
		sameMattes(t, "parallel "+inferencetest.Itoa(parallel), mattesOf(t, a, frames, parallel, matting.Options{}), want)
	}
}

func TestRVMKeepsVideosApart(t *testing.T) {
	a := recurrentAnalyser(t, inferencetest.OpenRuntime(t), nil)
	var group sync.WaitGroup
	for seed := range byte(4) {
		group.Go(func() {
			frames := recurrentFrames(16, seed)
			sameMattes(t, "video "+inferencetest.Itoa(int(seed)), mattesOf(t, a, frames, 3, matting.Options{}), remembered(frames, 1))
		})
	}
	group.Wait()
}

func TestRVMTellsTheRatioAndKnowsStills(t *testing.T) {
	a := recurrentAnalyser(t, inferencetest.OpenRuntime(t), nil)
	frames := recurrentFrames(1, 3)
	matte, w, h, err := a.CutOut(picture.Picture{Pix: frames[0], Width: recurrentWidth, Height: recurrentHeight})
	if err != nil || w != recurrentWidth || h != recurrentHeight {
		t.Fatalf("%dx%d, error %v", w, h, err)
	}
	sameMattes(t, "still", [][]byte{matte}, remembered(frames, 1))
	a = recurrentAnalyser(t, inferencetest.OpenRuntime(t), map[string]any{"downsample_ratio": 0.25})
	sameMattes(t, "ratio 0.25", mattesOf(t, a, recurrentFrames(6, 3), 2, matting.Options{}), remembered(recurrentFrames(6, 3), 0.25))
}

// A video that is cut off must give back what it remembered.
func TestRVMStopsInTheMiddle(t *testing.T) {
	a := recurrentAnalyser(t, inferencetest.OpenRuntime(t), nil)
	frames := recurrentFrames(8, 2)
	v := Video{Width: 32, Height: 24, FrameWidth: 32, FrameHeight: 24, Parallel: 3}
	i := -1
	_, err := a.Analyse(context.Background(), v, func(pix []byte) (int, float64, error) {
		if i++; i == len(frames) {
			return 0, 0, io.EOF
		}
		copy(pix, frames[i])
		return i, float64(i), nil
	}, func(r Result) error {
		if r.Index == 3 {
			return job.Fail(job.Storage, "write", "x", "full", "", nil)
		}
		return nil
	})
	inferencetest.WantKind(t, err, job.Storage)
	sameMattes(t, "the next video", mattesOf(t, a, frames, 2, matting.Options{}), remembered(frames, 1))
}

// remembering counts the runners that remember and those that were closed.
type remembering struct{ *inferencetest.FakeSession }

func (s remembering) NewRecurrent(r onnx.Recurrence) (onnx.Runner, error) {
	return s.NewRunner(r.Input, r.Shape)
}

func TestRVMFreesWhatItRemembers(t *testing.T) {
	failing := false
	pha := onnx.Tensor{Name: "pha", Shape: []int64{1, 1, 24, 32}, Data: make([]float32, 24*32)}
	s := &inferencetest.FakeSession{Respond: func([]float32) ([]onnx.Tensor, error) {
		if failing {
			return nil, io.ErrUnexpectedEOF
		}
		return []onnx.Tensor{pha}, nil
	}}
	s.Inputs = []onnx.TensorInfo{{Name: "src", Type: "float32", Shape: []int64{1, 3, 24, 32}}}
	s.Outputs = []onnx.TensorInfo{{Name: "pha", Type: "float32", Shape: pha.Shape}}
	for _, i := range []string{"1", "2", "3", "4"} {
		open := []int64{-1, -1, -1, -1}
		s.Inputs = append(s.Inputs, onnx.TensorInfo{Name: "r" + i + "i", Type: "float32", Shape: open})
		s.Outputs = append(s.Outputs, onnx.TensorInfo{Name: "r" + i + "o", Type: "float32", Shape: open})
	}
	m := inferencetest.ModelOf(t, inferencetest.ManifestOf("m", "matte", "rvm", "input: {name: src, width: 32, height: 24, fit: stretch}\n"))
	n, err := onnx.NewNetwork(m, onnx.ProviderCPU, remembering{s})
	if err != nil {
		t.Fatal(err)
	}
	able, err := family.New(models.TaskMatte, n)
	if err != nil {
		t.Fatal(err)
	}
	a := &Analyser{choice: models.Choice{Matte: &m, WantMatte: true}, matte: able.Matte}
	for range 3 {
		mattesOf(t, a, recurrentFrames(5, 1), 2, matting.Options{})
	}
	if s.Runners != 3 || s.Closed != 3 {
		t.Errorf("3 videos made %d runners and closed %d", s.Runners, s.Closed)
	}
	failing = true
	v := Video{Width: 32, Height: 24, FrameWidth: 32, FrameHeight: 24}
	_, err = a.Analyse(context.Background(), v, func([]byte) (int, float64, error) { return 0, 0, nil }, func(Result) error { return nil })
	inferencetest.WantKind(t, err, job.Internal)
	if s.Runners != 4 || s.Closed != 4 {
		t.Errorf("after one that failed, %d runners were made and %d closed", s.Runners, s.Closed)
	}
}

func TestDraftOfRVM(t *testing.T) {
	r := inferencetest.OpenRuntime(t)
	m, err := models.FileModel(filepath.Join(inferencetest.HandMade(t, "recurrent"), "recurrent.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	inputs, outputs, err := r.Describe(m)
	if err != nil {
		t.Fatal(err)
	}
	text, ok := family.Draft(m, inputs, outputs)
	if !ok {
		t.Fatalf("no draft of %v, %v", inputs, outputs)
	}
	drafted := m
	if drafted.Manifest, err = models.ParseManifest([]byte(text)); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	a, err := NewAnalyser(r, models.Choice{Matte: &drafted, WantMatte: true})
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	frames := recurrentFrames(3, 1)
	sameMattes(t, "drafted", mattesOf(t, a, frames, 1, matting.Options{}), remembered(frames, 1))
}
