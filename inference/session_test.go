package inference

import (
	"errors"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/job"
)

func TestGraphMustBeWhatTheManifestSays(t *testing.T) {
	m := modelOf(t, manifestOf("m", "matte", "matte", matteInput))
	for _, c := range []struct {
		name   string
		inputs []TensorInfo
		says   string
	}{
		{"as it says", []TensorInfo{{"in", "float32", []int64{1, 3, 8, 8}}}, ""},
		{"open dimensions", []TensorInfo{{"in", "float32", []int64{-1, 3, -1, -1}}}, ""},
		{"other name", []TensorInfo{{"image", "float32", []int64{1, 3, 8, 8}}}, `"image"`},
		{"type that cannot be fed", []TensorInfo{{"in", "float64", []int64{1, 3, 8, 8}}}, "feeds float32, float16, int32, uint8"},
		{"other layout", []TensorInfo{{"in", "float32", []int64{1, 8, 8, 3}}}, "[1 8 8 3]"},
		{"other size", []TensorInfo{{"in", "float32", []int64{1, 3, 8, 16}}}, "[1 3 8 16]"},
		{"other rank", []TensorInfo{{"in", "float32", []int64{3, 8, 8}}}, "[3 8 8]"},
		{"two inputs", []TensorInfo{{"in", "float32", nil}, {"more", "float32", nil}}, "2 inputs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newNetwork(m, ProviderCPU, &fakeSession{inputs: c.inputs})
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if typed := wantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, c.says) || typed.Remedy == "" {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTypeOfTheInput(t *testing.T) {
	for _, c := range []struct{ manifest, graph, says string }{
		{"", "float32", ""}, {"", "int32", ""}, {"", "uint8", ""}, {"", "float16", ""},
		{"int32", "int32", ""}, {"float32", "int32", "is of int32, the manifest says float32"},
	} {
		text := matteInput
		if c.manifest != "" {
			text = strings.Replace(matteInput, "fit:", "type: "+c.manifest+", fit:", 1)
		}
		m := modelOf(t, manifestOf("m", "matte", "matte", text))
		n, err := newNetwork(m, ProviderCPU, &fakeSession{inputs: []TensorInfo{{"in", c.graph, []int64{1, 3, 8, 8}}}})
		if c.says != "" {
			if typed := wantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, c.says) {
				t.Errorf("got %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := n.as(m).model.Input.Type; got != c.graph {
			t.Errorf("the manifest says %q and the graph %s: taken for %s", c.manifest, c.graph, got)
		}
	}
}

func TestRunnersAreReused(t *testing.T) {
	m := modelOf(t, manifestOf("m", "matte", "matte", matteInput))
	s := &fakeSession{respond: func([]float32) ([]tensor, error) { return nil, nil }}
	n := fakeNetwork(t, m, s)
	use := func() error { return n.use(func(*lane) {}, func([]tensor) error { return nil }) }
	for range 5 {
		if err := use(); err != nil {
			t.Fatal(err)
		}
	}
	if s.runners != 1 {
		t.Errorf("%d runners for one at a time", s.runners)
	}
	// Two at once, under two manifests of the same file.
	err := n.use(func(*lane) {}, func([]tensor) error { return n.as(m).use(func(*lane) {}, func([]tensor) error { return nil }) })
	if err != nil || s.runners != 2 {
		t.Errorf("%d runners for two at once, error %v", s.runners, err)
	}
	if err := n.close(); err != nil || s.closed != 3 {
		t.Errorf("closed %d things, want 2 runners and the session; error %v", s.closed, err)
	}
}

func TestFailedRunIsTyped(t *testing.T) {
	broken := errors.New("out of luck")
	m := modelOf(t, manifestOf("m", "matte", "matte", matteInput))
	n := fakeNetwork(t, m, &fakeSession{respond: func([]float32) ([]tensor, error) { return nil, broken }})
	err := n.use(func(*lane) {}, func([]tensor) error { return nil })
	if typed := wantKind(t, err, job.Internal); typed.Subject != "m" || !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
