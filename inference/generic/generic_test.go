package generic

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/job"
)

// handMade opens one of the models that testdata/generic/generic.py writes.
func handMade(t *testing.T, r *onnx.Runtime, name string) *Model {
	t.Helper()
	m, err := inferencetest.Load(t, inferencetest.HandMade(t, "generic")).Find(name)
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(r, m)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// fileOf runs a model on each material and returns the file that comes of it.
func fileOf(t *testing.T, g *Model, name string, materials ...Material) ([]byte, Made) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	file, err := g.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range materials {
		out, err := g.Run(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Add(Moment{Index: i, Time: float64(i) / 2, Part: 1}, out); err != nil {
			t.Fatal(err)
		}
	}
	made, err := file.Close()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content, made
}

func TestFramesBecomeAnArray(t *testing.T) {
	g := handMade(t, inferencetest.OpenRuntime(t), "mean-colour")
	if needs := g.Needs(); !needs.Frame || needs.Text || needs.Sound != nil || g.BytesPerRun() < 12 {
		t.Errorf("it needs %+v and gives %d bytes a run", needs, g.BytesPerRun())
	}
	got, made := fileOf(t, g, "colours.npy",
		Material{Still: inferencetest.OfColour(64, 48, [3]byte{255, 0, 51})}, Material{Still: inferencetest.OfColour(64, 48, [3]byte{0, 102, 255})})
	if made.Runs != 2 {
		t.Errorf("it is said of %d runs", made.Runs)
	}
	// Read as numpy.lib.format says: magic, version, length of the header, header, values.
	if !bytes.HasPrefix(got, []byte("\x93NUMPY\x01\x00")) {
		t.Fatalf("it begins with %q", got[:10])
	}
	end := 10 + int(binary.LittleEndian.Uint16(got[8:]))
	if end%64 != 0 || got[end-1] != '\n' {
		t.Errorf("the header ends at %d with %q", end, got[end-1])
	}
	if head := strings.TrimSpace(string(got[10:end])); head != "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1, 3, ), }" {
		t.Errorf("the header is %s", head)
	}
	values := make([]float32, 6)
	if err := binary.Read(bytes.NewReader(got[end:]), binary.LittleEndian, values); err != nil || len(got) != end+24 {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	for i, want := range []float64{1, 0, 0.2, 0, 0.4, 1} {
		if math.Abs(float64(values[i])-want) > 1e-5 {
			t.Errorf("value %d is %v, want %v", i, values[i], want)
		}
	}
}

// TestNumPyReadsTheArray asks NumPy itself.
func TestNumPyReadsTheArray(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err == nil {
		err = exec.CommandContext(t.Context(), python, "-c", "import numpy").Run()
	}
	if err != nil {
		t.Skipf("NumPy is not there: %v", err)
	}
	content, _ := fileOf(t, handMade(t, inferencetest.OpenRuntime(t), "mean-colour"), "a.npy", Material{Still: inferencetest.OfColour(8, 8, [3]byte{255, 0, 255})})
	read := exec.CommandContext(t.Context(), python, "-c",
		"import io,sys,numpy; a=numpy.load(io.BytesIO(sys.stdin.buffer.read())); print(a.dtype, a.shape, a.tolist())")
	read.Stdin = bytes.NewReader(content)
	if out, err := read.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "float32 (1, 1, 3) [[[1.0, 0.0, 1.0]]]" {
		t.Errorf("NumPy says %s, %v", out, err)
	}
}

func TestSoundBecomesJSON(t *testing.T) {
	g := handMade(t, inferencetest.OpenRuntime(t), "loudness")
	need := g.Needs().Sound
	if need == nil || need.Rate != 8000 || need.Channels != 1 || need.Window != 8000 {
		t.Fatalf("it needs %+v", need)
	}
	loud := make([]float32, 8000)
	for i := range loud {
		loud[i] = float32(0.5 * math.Sin(2*math.Pi*100*float64(i)/8000))
	}
	got, _ := fileOf(t, g, "loudness.json", Material{Samples: loud}, Material{Samples: loud[:4000]})
	var file struct {
		Schema string
		Model  models.UsedModel
		Runs   []struct {
			I       int
			T       float64
			Outputs map[string]struct {
				Shape []int64
				Data  []float64
			}
		}
	}
	if err := json.Unmarshal(got, &file); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if file.Schema != Schema || file.Model.Name != "loudness" || len(file.Runs) != 2 || file.Runs[1].T != 0.5 {
		t.Fatalf("got %s", got)
	}
	for i, rms := range []float64{0.5 / math.Sqrt2, 0.25} { // Half of the second window is silence.
		out := file.Runs[i].Outputs
		if math.Abs(out["peak"].Data[0]-0.5) > 1e-3 || math.Abs(out["rms"].Data[0]-rms) > 1e-3 {
			t.Errorf("run %d says %+v, want a peak of 0.5 and %.3f", i, out, rms)
		}
	}
}

// TestStateGoesBackIn wants each run to know what the run before gave, and each
// video to begin with nothing: the session, and its first try, are shared.
func TestStateGoesBackIn(t *testing.T) {
	r := inferencetest.OpenRuntime(t)
	for range 2 {
		g := handMade(t, r, "fading-peak")
		if diff := cmp.Diff(&SoundNeed{Rate: 8000, Channels: 1, Window: 1600, Step: 800}, g.Needs().Sound); diff != "" {
			t.Fatal(diff)
		}
		for i, c := range []struct{ loud, want float32 }{{0, 0}, {0.8, 0.8}, {0, 0.4}, {0.1, 0.2}, {0.3, 0.3}} {
			out, err := g.Run(Material{Samples: []float32{0, c.loud, -c.loud / 2}})
			if err != nil {
				t.Fatal(err)
			}
			if got := out[0].Data.([]float32)[0]; got != c.want {
				t.Errorf("run %d gives %v, want %v", i, got, c.want)
			}
			if diff := cmp.Diff(onnx.Array{Name: "sum", Shape: []int64{}, Data: []float32{c.loud / 2}}, out[1], cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the scalar of run %d: %s", i, diff)
			}
		}
	}
}

// TestStateStaysInside wants the outputs that only go back in to be left out of
// JSON, and the one that the file is about to be there.
func TestStateStaysInside(t *testing.T) {
	r := inferencetest.OpenRuntime(t)
	for output, want := range map[string]string{"peak": `"outputs":{"peak":{"shape":[1,1],"data":[1]},"sum":`, "sum": `"outputs":{"sum":{"shape":[],"data":[1]}}}`} {
		m, err := inferencetest.Load(t, inferencetest.HandMade(t, "generic")).Find("fading-peak")
		if err != nil {
			t.Fatal(err)
		}
		m.Options["output"] = output
		g, err := New(r, m)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := fileOf(t, g, "x.json", Material{Samples: []float32{1}}); !strings.Contains(string(got), want) {
			t.Errorf("about %s it says %s, want %s", output, got, want)
		}
	}
}

func TestTextBecomesSpeech(t *testing.T) {
	g := handMade(t, inferencetest.OpenRuntime(t), "beeper")
	content, made := fileOf(t, g, "speech.wav", Material{Text: "A."}) // 650 Hz, 460 Hz
	if made.Duration != 0.2 || len(content) != 44+2*1600 {
		t.Fatalf("%+v in %d bytes", made, len(content))
	}
	for i, n := range []int{800, 801, 1599} {
		tone, at := []float64{460, 460, 460}[i], float64(n-800)
		want := 0.5 * math.Sin(2*math.Pi*tone*at/8000)
		if got := float64(int16(binary.LittleEndian.Uint16(content[44+2*n:]))) / math.MaxInt16; math.Abs(got-want) > 1e-3 {
			t.Errorf("sample %d is %.4f, want %.4f", n, got, want)
		}
	}
	path := filepath.Join(t.TempDir(), "speech.wav")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	ffprobe, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Skipf("ffprobe is not there: %v", err)
	}
	out, err := exec.CommandContext(t.Context(), ffprobe, "-v", "error", "-show_entries",
		"stream=codec_name,sample_rate,channels,duration", "-of", "csv=p=0", path).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "pcm_s16le,8000,1,0.200000" {
		t.Errorf("ffprobe says %s, %v", out, err)
	}
	if _, err := g.Run(Material{}); job.KindOf(err) != job.Unsupported {
		t.Errorf("no text gives %v", err)
	}
}

func TestFrameBecomesAPicture(t *testing.T) {
	g := handMade(t, inferencetest.OpenRuntime(t), "red-of-frame")
	if g.At() != 0.5 {
		t.Errorf("it looks at %v s", g.At())
	}
	content, made := fileOf(t, g, "red.png", Material{Still: inferencetest.OfColour(320, 240, [3]byte{204, 9, 9})})
	picture, err := png.Decode(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if size := picture.Bounds().Size(); size.X != 32 || size.Y != 24 || made.Width != 32 || made.Height != 24 {
		t.Errorf("it is %v px, said to be %+v", size, made)
	}
	if red, _, _, _ := picture.At(7, 7).RGBA(); red>>8 != 204 {
		t.Errorf("its grey is %d, want 204", red>>8)
	}
	file, err := g.Create(filepath.Join(t.TempDir(), "two.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Abort()
	out, err := g.Run(Material{Still: inferencetest.OfColour(8, 8, [3]byte{})})
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Add(Moment{Part: 1}, out); err != nil {
		t.Fatal(err)
	}
	inferencetest.WantKind(t, file.Add(Moment{Index: 1, Part: 1}, out), job.Unsupported)
}

// TestGraphThatDoesNotFitItsManifest alters the manifests of models that do.
func TestGraphThatDoesNotFitItsManifest(t *testing.T) {
	r := inferencetest.OpenRuntime(t)
	for _, c := range []struct{ model, from, to, says string }{
		{"beeper", "name: bytes", "name: letters", "bytes int64"},
		{"beeper", ", {name: loud, from: value, value: [0.5]}", "", "loud float32"},
		{"beeper", "value: [0.5]", "value: [0.5, 1]", "2 values"},
		{"beeper", "from: text", "from: smell", "options.inputs[0].from"},
		{"beeper", "from: text", "from: text, taste: sweet", "taste"},
		{"beeper", "from: text", "from: audio, rate: 8000", "bytes int64"},
		{"beeper", "from: value, value: [0.5]", "from: text", "loud float32"},
		{"beeper", "rate: 8000", "rate: -1", "options.rate"},
		{"beeper", "rate: 8000", "rate: 8000, output: noise", `"noise"`},
		{"loudness", "from: audio, rate: 8000", "from: audio", "options.inputs[0].rate"},
		{"loudness", "]}", ", {name: more, from: length, of: samples}]}", `"more"`},
		{"fading-peak", "of: peak", "of: valley", `"valley"`},
		{"fading-peak", ", of: peak", "", "options.inputs[1].of"},
		{"fading-peak", "window: 0.2", "window: 0", "step"},
		{"fading-peak", "step: 0.1", "step: -1", "options.inputs[0].step"},
		{"fading-peak", "window: 0.2", "window: 0.0001", "options.inputs[0].window"},
		{"mean-colour", "width: 32", "width: 31", "[1 3 24 31]"},
		{"mean-colour", "fit: stretch", "fit: stretch, type: float16", "float16"},
	} {
		t.Run(c.model+" "+c.to, func(t *testing.T) {
			m, err := inferencetest.Load(t, inferencetest.HandMade(t, "generic")).Find(c.model)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(inferencetest.HandMade(t, "generic"), c.model+".yaml"))
			if err != nil || !bytes.Contains(text, []byte(c.from)) {
				t.Fatalf("the manifest has no %q: %v", c.from, err)
			}
			if m.Manifest, err = models.ParseManifest(bytes.Replace(text, []byte(c.from), []byte(c.to), 1)); err != nil {
				t.Fatal(err)
			}
			_, err = New(r, m)
			if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(err.Error(), c.says) || typed.Remedy == "" {
				t.Errorf("got %v; it must say %s", err, c.says)
			}
		})
	}
}

func TestFileThatAModelCannotMake(t *testing.T) {
	r := inferencetest.OpenRuntime(t)
	for model, kinds := range map[string]map[string]bool{
		"beeper":       {".npy": true, ".json": true, ".wav": true, ".txt": false},
		"loudness":     {".npy": true, ".json": true, ".wav": false, ".png": false},
		"mean-colour":  {".wav": false, ".npy": true},
		"red-of-frame": {".png": true, ".npy": true, ".wav": false},
	} {
		g := handMade(t, r, model)
		for kind, can := range kinds {
			if err := g.Check("x" + kind); (err == nil) != can {
				t.Errorf("%s of %s: %v", kind, model, err)
			}
		}
	}
}

func TestTextAsNumbers(t *testing.T) {
	number := func(n int64) *int64 { return &n }
	vocabulary := map[string]int64{"a": 5, "b": 6, "é": 7}
	for _, c := range []struct {
		in   genericInput
		text string
		want []int64
	}{
		{genericInput{}, "hé", []int64{104, 195, 169}},
		{genericInput{Offset: 3, End: number(1)}, "h", []int64{107, 1}},
		{genericInput{Vocabulary: vocabulary}, "a?bé", []int64{5, 6, 7}},
		{genericInput{Vocabulary: vocabulary, Unknown: number(9)}, "a?", []int64{5, 9}},
		{genericInput{Vocabulary: vocabulary, Between: number(0), Begin: number(1), End: number(2)}, "ab", []int64{1, 0, 5, 0, 6, 0, 2}},
		{genericInput{Vocabulary: vocabulary, Begin: number(1)}, "??", nil},
	} {
		if diff := cmp.Diff(c.want, c.in.numbers(c.text)); diff != "" {
			t.Errorf("%q: %s", c.text, diff)
		}
	}
	s := source{info: onnx.TensorInfo{Name: "ids", Type: "int32", Shape: []int64{1, 4}}, from: genericInput{Vocabulary: vocabulary, Pad: 8, Lower: true}}
	got, err := s.text(models.Model{}, "AB")
	if diff := cmp.Diff(onnx.Array{Name: "ids", Shape: []int64{1, 4}, Data: []int32{5, 6, 8, 8}}, got.Array); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if diff := cmp.Diff([]float64{1, 1, 0, 0}, got.mask()); diff != "" || got.used != 2 {
		t.Errorf("%d numbers are the text's: %s", got.used, diff)
	}
	_, err = s.text(models.Model{}, "ababa")
	inferencetest.WantKind(t, err, job.OverLimit)
}

func TestNumbersOfOtherTypes(t *testing.T) {
	for kind, want := range map[string]any{
		"float32": []float32{-1, 0, 2.75}, "float16": []float32{-1, 0, 2.75}, "float64": []float64{-1, 0, 2.75},
		"int64": []int64{-1, 0, 2}, "int32": []int32{-1, 0, 2}, "bool": []bool{true, false, true},
	} {
		got, err := convert([]float64{-1, 0, 2.75}, kind)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %s %v", kind, diff, err)
		}
	}
	if _, err := convert([]float32{1}, "string"); err == nil {
		t.Error("a number became a text")
	}
}

func TestSoundOfTwoChannels(t *testing.T) {
	shape, data := soundArray([]int64{1, 2, -1}, SoundNeed{Channels: 2, Window: 3}, []float32{1, -1, 2, -2})
	if diff := cmp.Diff([]int64{1, 2, 3}, shape); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]float32{1, 2, 0, -1, -2, 0}, data); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct {
		shape            []int64
		channels, window int
	}{{[]int64{-1}, 1, 0}, {[]int64{1, 16000}, 1, 16000}, {[]int64{1, 2, -1}, 2, 0}, {[]int64{4, 10}, 0, 0}, {[]int64{2, 1, 10}, 0, 0}, {nil, 0, 0}} {
		if channels, window := soundShape(c.shape); channels != c.channels || channels > 0 && window != c.window {
			t.Errorf("%v is read as %d channels of %d", c.shape, channels, window)
		}
	}
}

func TestPicturesInTensors(t *testing.T) {
	for text, want := range map[string]bool{
		"[1 1 4 5]": true, "[3 4 5]": true, "[4 5 3]": true, "[4 5]": true, "[1 4 5 4]": true,
		"[2 3 4 5]": false, "[5]": false, "[2 4 5]": false, "[0 5]": false, "[1 3]": true,
	} {
		var shape []int64
		for _, part := range strings.Fields(strings.Trim(text, "[]")) {
			var n int64
			if _, err := fmt.Sscan(part, &n); err != nil {
				t.Fatal(err)
			}
			shape = append(shape, n)
		}
		if _, ok := pictureOf(shape); ok != want {
			t.Errorf("%s is a picture: %v", text, ok)
		}
	}
}
