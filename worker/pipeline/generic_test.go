package pipeline

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"image/png"
	"maps"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/job"
)

// handMadeConfig is a pipeline with the models that inference/testdata/generic/generic.py
// writes, and those that find the discs.
func handMadeConfig(t *testing.T) Config {
	t.Helper()
	cfg := config(t)
	folder := filepath.Join("..", "..", "inference", "testdata")
	catalogue, err := models.LoadCatalogue([]string{folder, filepath.Join(folder, "generic")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Engine = &Engine{
		Config:    onnx.Config{Provider: onnx.ProviderCPU, Library: os.Getenv("MOTIONMILL_ORT_LIBRARY")},
		Catalogue: catalogue,
	}
	if _, err := cfg.Engine.open(); job.KindOf(err) == job.ModelMissing {
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

// parseSteps reads a profile of the user's.
func parseSteps(t *testing.T, text string) Profile {
	t.Helper()
	p, err := parseProfile("mine.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tone is a video of two seconds: red, then green, with a tone of 0.5 in the
// first second and silence in the other.
func tone(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tone.mp4")
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", "color=red:s=320x240:r=10:d=1",
		"-f", "lavfi", "-i", "color=lime:s=320x240:r=10:d=1", "-f", "lavfi", "-i", "aevalsrc=0.5*sin(2*PI*200*t)*lt(t\\,1):s=48000:d=2",
		"-filter_complex", "[0][1]concat", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-b:a", "192k", path).CombinedOutput()
	if err != nil {
		t.Fatalf("make a video: %v\n%s", err, out)
	}
	return path
}

const allSteps = `
outputs: [poster]
steps:
- {file: colours.npy, model: mean-colour}
- {file: loudness.json, model: loudness}
- {file: speech.wav, model: beeper, text: "{ title }!"}
- {file: red.png, model: red-of-frame}
- {file: absent.wav, model: beeper, text: "{author}", optional: true}
`

// TestAJobOfGenericSteps takes a video the whole way through steps of all
// kinds, with the frames read by the steps alone.
func TestAJobOfGenericSteps(t *testing.T) {
	cfg, dir := handMadeConfig(t), t.TempDir()
	metadata := map[string]string{"title": "=?UTF-8?Q?=C3=A9?="}
	m, err := cfg.FileWith(t.Context(), tone(t), metadata, dir, parseSteps(t, allSteps), func(job.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	outputs := map[string]ManifestOutput{}
	for _, o := range m.Outputs {
		if size, sha, err := digest(filepath.Join(dir, o.Path)); err != nil || size != o.Bytes || sha != o.SHA256 || size == 0 {
			t.Errorf("the manifest says of %s %d bytes, there are %d (%v)", o.Path, o.Bytes, size, err)
		}
		outputs[o.Path] = o
	}
	for name, want := range map[string]ManifestOutput{
		"colours.npy": {Type: "application/x-npy", Frames: 20}, "loudness.json": {Type: "application/json"},
		"speech.wav": {Type: "audio/wav", Duration: 0.3}, "red.png": {Type: "image/png", Width: 32, Height: 24, Frames: 1},
	} {
		got := outputs[name]
		want.Path, want.Bytes, want.SHA256 = name, got.Bytes, got.SHA256
		if got != want {
			t.Errorf("the manifest says %+v, want %+v", got, want)
		}
	}
	if len(outputs) != 5 || len(m.Models) != 4 || m.Models[0].Family != "generic" || m.Models[0].Provider != "cpu" || m.Tools.ONNXRuntime == "" {
		t.Errorf("the manifest has %v and %+v", m.Outputs, m.Models)
	}
	if len(m.Notes) != 1 || !strings.Contains(m.Notes[0], "absent.wav") || !strings.Contains(m.Notes[0], `"author"`) {
		t.Errorf("the notes are %q", m.Notes)
	}
	checkColours(t, mustRead(t, filepath.Join(dir, "colours.npy")))
	checkLoudness(t, mustRead(t, filepath.Join(dir, "loudness.json")))
	file, err := os.Open(filepath.Join(dir, "red.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	picture, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	if red, _, _, _ := picture.At(16, 12).RGBA(); red>>8 < 240 {
		t.Errorf("half a second after the start the red is %d", red>>8)
	}
}

// checkColours wants ten red frames and ten green ones.
func checkColours(t *testing.T, npy []byte) {
	t.Helper()
	values := npy[10+int(binary.LittleEndian.Uint16(npy[8:])):]
	for frame := range 20 {
		red := math.Float32frombits(binary.LittleEndian.Uint32(values[frame*12:]))
		green := math.Float32frombits(binary.LittleEndian.Uint32(values[frame*12+4:]))
		if first := frame < 10; first != (red > 0.9) || first != (green < 0.1) {
			t.Errorf("frame %d has red %.2f and green %.2f", frame, red, green)
		}
	}
}

// checkLoudness wants a second of a tone and a second of silence.
func checkLoudness(t *testing.T, text []byte) {
	t.Helper()
	var loudness struct {
		Runs []struct {
			T       float64
			Outputs map[string]struct{ Data []float64 }
		}
	}
	if err := json.Unmarshal(text, &loudness); err != nil || len(loudness.Runs) < 2 {
		t.Fatalf("%v: %s", err, text)
	}
	for i, want := range []float64{0.5 / math.Sqrt2, 0} {
		if run := loudness.Runs[i]; math.Abs(run.Outputs["rms"].Data[0]-want) > 0.03 || run.T != float64(i) {
			t.Errorf("second %d is %+v, want %.2f", i, run, want)
		}
	}
}

// TestStepsBesideAPose reads the frames once, for the pose model and a step.
func TestStepsBesideAPose(t *testing.T) {
	cfg, dir := handMadeConfig(t), t.TempDir()
	p := parseSteps(t, "outputs: [pose]\nmodels: {pose: markers}\nsteps: [{file: colours.npy, model: mean-colour}, {file: late.png, model: red-of-frame}]")
	s := scene{w: 320, h: 240, sar: [2]int{1, 1}, turn: matrix{1, 0, 0, 1}, pixels: "yuv420p", radius: 9}
	m, err := cfg.File(t.Context(), s.write(t, 3), dir, p, func(job.Progress) {}) // 0.3 s: over before the picture's 0.5 s.
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]int64{}
	for _, o := range m.Outputs {
		names[o.Path] = o.Frames
	}
	if names["colours.npy"] != 3 || names["late.png"] != 1 || len(m.Outputs) != 3 || len(m.Models) < 3 {
		t.Errorf("the manifest has %+v, %+v", m.Outputs, m.Models)
	}
	if _, err := cfg.File(t.Context(), s.write(t, 3), dir, p, func(job.Progress) {}); err != nil {
		t.Errorf("a second run into the same folder: %v", err)
	}
}

// TestAStepLacksItsMaterial fails a job whose upload lacks what a step needs.
func TestAStepLacksItsMaterial(t *testing.T) {
	cfg, silent := handMadeConfig(t), scene{w: 64, h: 48, sar: [2]int{1, 1}, turn: matrix{1, 0, 0, 1}, pixels: "yuv420p", radius: 3}
	for text, says := range map[string]string{
		`steps: [{file: a.wav, model: beeper, text: "{title}"}]`: `no "title"`,
		`steps: [{file: a.wav, model: beeper}]`:                  "no text",
		`steps: [{file: a.json, model: loudness}]`:               "no sound",
	} {
		dir := t.TempDir()
		_, err := cfg.File(t.Context(), silent.write(t, 2), dir, parseSteps(t, text), func(job.Progress) {})
		var typed *job.Error
		if !errors.As(err, &typed) || typed.Kind != job.Unsupported || !strings.Contains(err.Error(), says) || typed.Remedy == "" {
			t.Errorf("%s gives %v", text, err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("it left %v", left)
		}
	}
}

func TestWrongStepsAreRefused(t *testing.T) {
	for text, says := range map[string]string{
		`steps: [{file: ../a.npy, model: m}]`:                       `"../a.npy"`,
		`steps: [{file: a.mp3, model: m}]`:                          `"a.mp3"`,
		`steps: [{file: manifest.json, model: m}]`:                  `"manifest.json"`,
		`steps: [{file: a.npy, model: m}, {file: a.npy, model: m}]`: "something else",
		`steps: [{file: a.npy}]`:                                    "no model",
		`steps: [{file: a.npy, model: m, colour: red}]`:             "colour",
	} {
		if _, err := parseProfile("mine.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s gives %v; it must say %s", text, err, says)
		}
	}
	cfg := handMadeConfig(t)
	for text, kind := range map[string]job.Kind{
		`steps: [{file: a.wav, model: mean-colour}]`: job.ModelMissing, // No sound.
		`steps: [{file: a.npy, model: nowhere}]`:     job.ModelMissing,
		`steps: [{file: a.npy, model: markers}]`:     job.ModelMissing, // A pose model.
	} {
		if err := cfg.Engine.Warm(parseSteps(t, text)); job.KindOf(err) != kind {
			t.Errorf("at the start of a worker %s gives %v", text, err)
		}
	}
}

func TestPlaceholdersOfTexts(t *testing.T) {
	metadata := map[string]string{"title": "Squat", "name": "=?UTF-8?B?w4Q=?=", "odd": "=?x"}
	for text, want := range map[string][2]string{
		"":                     {"", ""},
		"plain":                {"plain", ""},
		"{title} by {Name} ":   {"Squat by Ä", ""},
		"{title} {who} {when}": {"Squat", "who"},
		"{odd}":                {"=?x", ""},
	} {
		if got, missing := fillIn(text, metadata); got != want[0] && want[1] == "" || missing != want[1] {
			t.Errorf("%q becomes %q, missing %q; want %q", text, got, missing, want)
		}
	}
}

// TestMetadataReachesASteps runs a job from the object store.
func TestMetadataReachesAStep(t *testing.T) {
	made := handMadeConfig(t)
	r, b := newRunner(t, 1<<34, always(1<<34))
	r.Engine = made.Engine
	r.Profiles = maps.Clone(r.Profiles)
	r.Profiles["spoken"] = parseSteps(t, `steps: [{file: speech.wav, model: beeper, text: "{title}"}]`)
	rec := record("k.mp4", len(b.video))
	rec.Profile = "spoken"
	if _, err := r.Run(context.Background(), rec, plain()); job.KindOf(err) != job.Unsupported {
		t.Errorf("without metadata: %v", err)
	}
	b.header = http.Header{"X-Amz-Meta-Title": {"Hi"}}
	if _, err := r.Run(context.Background(), rec, plain()); err != nil {
		t.Error(err)
	}
	if b.count("PUT /out/outputs/k.mp4/1/speech.wav") != 1 {
		t.Errorf("the requests were %v", b.made)
	}
}
