package inference

import (
	"context"
	"io"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/motionmill/motionmill/job"
)

// recurrentAnalyser runs the hand-made model of testdata/recurrent, whose
// answer depends on everything that it was handed on.
func recurrentAnalyser(t *testing.T, r *Runtime) *Analyser {
	t.Helper()
	m, err := load(t, filepath.Join("testdata", "recurrent")).Find("recurrent")
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.NewAnalyser(Choice{Matte: &m, WantMatte: true})
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
		pic := noise(recurrentWidth, recurrentHeight)
		for k := range pic.pix {
			pic.pix[k] = byte((int(pic.pix[k]) + int(seed)*31) * (1 + (i*7+int(seed))%5) / 5)
		}
		frames[i] = pic.pix
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

func mattesOf(t *testing.T, a *Analyser, frames [][]byte, parallel int, way Matting) (mattes [][]byte) {
	t.Helper()
	v := Video{Width: recurrentWidth, Height: recurrentHeight, FrameWidth: recurrentWidth, FrameHeight: recurrentHeight, Parallel: parallel, Matte: way}
	results, _ := analyse(t, a, v, frames, 30)
	for _, r := range results {
		mattes = append(mattes, r.Matte)
	}
	return mattes
}

func TestRVMRemembersAVideoInOrder(t *testing.T) {
	a := recurrentAnalyser(t, openRuntime(t))
	frames := recurrentFrames(16, 1)
	want := remembered(frames, 1) // All of a picture so small.
	for _, parallel := range []int{1, 2, 5} {
		// Again and again: each video begins with nothing.
		sameMattes(t, "parallel "+itoa(parallel), mattesOf(t, a, frames, parallel, Matting{}), want)
	}
}

func TestRVMKeepsVideosApart(t *testing.T) {
	a := recurrentAnalyser(t, openRuntime(t))
	var group sync.WaitGroup
	for seed := range byte(4) {
		group.Go(func() {
			frames := recurrentFrames(16, seed)
			sameMattes(t, "video "+itoa(int(seed)), mattesOf(t, a, frames, 3, Matting{}), remembered(frames, 1))
		})
	}
	group.Wait()
}

func TestRVMTellsTheRatioAndKnowsStills(t *testing.T) {
	a := recurrentAnalyser(t, openRuntime(t))
	frames := recurrentFrames(1, 3)
	matte, w, h, err := a.CutOut(Still{Pix: frames[0], Width: recurrentWidth, Height: recurrentHeight})
	if err != nil || w != recurrentWidth || h != recurrentHeight {
		t.Fatalf("%dx%d, error %v", w, h, err)
	}
	sameMattes(t, "still", [][]byte{matte}, remembered(frames, 1))
	a.matte.(*rvm).ratio = 0.25
	sameMattes(t, "ratio 0.25", mattesOf(t, a, recurrentFrames(6, 3), 2, Matting{}), remembered(recurrentFrames(6, 3), 0.25))
	if got := (&rvm{}).loopsOf(Input{Width: 640, Height: 1024}).constants[0].Data.([]float32)[0]; got != 0.5 {
		t.Errorf("the ratio for 1024 px is %v, want 0.5", got)
	}
}

// A video that is cut off must give back what it remembered.
func TestRVMStopsInTheMiddle(t *testing.T) {
	a := recurrentAnalyser(t, openRuntime(t))
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
	wantKind(t, err, job.Storage)
	sameMattes(t, "the next video", mattesOf(t, a, frames, 2, Matting{}), remembered(frames, 1))
}

// remembering counts the runners that remember and those that were closed.
type remembering struct{ *fakeSession }

func (s remembering) NewRecurrent(r recurrence) (runner, error) { return s.NewRunner(r.input, r.shape) }

func TestRVMFreesWhatItRemembers(t *testing.T) {
	failing := false
	pha := tensor{name: "pha", shape: []int64{1, 1, 24, 32}, data: make([]float32, 24*32)}
	s := &fakeSession{respond: func([]float32) ([]tensor, error) {
		if failing {
			return nil, io.ErrUnexpectedEOF
		}
		return []tensor{pha}, nil
	}}
	m := modelOf(t, manifestOf("m", "matte", "rvm", "input: {name: src, width: 32, height: 24, fit: stretch}\n"))
	n := &network{model: m, provider: ProviderCPU, session: remembering{s}, pool: &pool{}}
	a := &Analyser{choice: Choice{Matte: &m, WantMatte: true}, matte: &rvm{network: n}}
	for range 3 {
		mattesOf(t, a, recurrentFrames(5, 1), 2, Matting{})
	}
	if s.runners != 3 || s.closed != 3 {
		t.Errorf("3 videos made %d runners and closed %d", s.runners, s.closed)
	}
	failing = true
	v := Video{Width: 32, Height: 24, FrameWidth: 32, FrameHeight: 24}
	_, err := a.Analyse(context.Background(), v, func([]byte) (int, float64, error) { return 0, 0, nil }, func(Result) error { return nil })
	wantKind(t, err, job.Internal)
	if s.runners != 4 || s.closed != 4 {
		t.Errorf("after one that failed, %d runners were made and %d closed", s.runners, s.closed)
	}
}

func TestRVMRefuses(t *testing.T) {
	tensorOf := func(name string, shape ...int64) TensorInfo { return TensorInfo{name, "float32", shape} }
	inputs := []TensorInfo{tensorOf("src", -1, 3, -1, -1), tensorOf("downsample_ratio", 1)}
	outputs := []TensorInfo{tensorOf("fgr", -1, 3, -1, -1), tensorOf("pha", -1, 1, -1, -1)}
	for _, i := range []string{"1", "2", "3", "4"} {
		inputs = append(inputs, tensorOf("r"+i+"i", -1, -1, -1, -1))
		outputs = append(outputs, tensorOf("r"+i+"o", -1, -1, -1, -1))
	}
	half := slices.Clone(inputs)
	half[3].Type = "float16"
	for name, c := range map[string]struct {
		input           string
		inputs, outputs []TensorInfo
	}{
		"affine":         {"fit: affine", inputs, outputs},
		"unknown option": {"fit: stretch}\noptions: {short_side: 3", inputs, outputs},
		"no such ratio":  {"fit: stretch}\noptions: {downsample_ratio: 2", inputs, outputs},
		"no src":         {"fit: stretch", inputs[1:], outputs},
		"no r4i":         {"fit: stretch", inputs[:5], outputs},
		"no r4o":         {"fit: stretch", inputs, outputs[:5]},
		"no pha":         {"fit: stretch", inputs, append(slices.Clone(outputs[2:]), outputs[0])},
		"one more":       {"fit: stretch", append(slices.Clone(inputs), tensorOf("r5i", -1)), outputs},
		"half":           {"fit: stretch", half, outputs},
		"grey":           {"fit: stretch", append([]TensorInfo{tensorOf("src", -1, 1, -1, -1)}, inputs[1:]...), outputs},
	} {
		t.Run(name, func(t *testing.T) {
			m := modelOf(t, manifestOf("m", "matte", "rvm", "input: {name: src, width: 64, height: 32, "+c.input+"}\n"))
			_, err := newRVM(fakeNetwork(t, m, &fakeSession{inputs: c.inputs, outputs: c.outputs}))
			wantKind(t, err, job.ModelMissing)
		})
	}
	m := modelOf(t, manifestOf("m", "matte", "rvm", "input: {name: src, width: 64, height: 32, fit: stretch}\n"))
	if _, err := newRVM(fakeNetwork(t, m, &fakeSession{inputs: inputs, outputs: outputs})); err != nil {
		t.Error(err)
	}
}
