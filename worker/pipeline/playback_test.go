package pipeline

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/inference"
	"github.com/motionmill/motionmill/job"
)

// TestStreams makes everything for players of the demo: the manifest names each
// file, and the folder holds exactly these.
func TestStreams(t *testing.T) {
	cfg, dir := config(t), t.TempDir()
	loudness := -16.0
	for _, c := range []struct {
		outputs []Output
		preview string
		want    []string
	}{
		{[]Output{Video, HLS, Sprite, Poster}, "gif", []string{"video.mp4", "sprite.jpg", "sprite.vtt", "poster.jpg", "preview.gif", "hls/master.m3u8"}},
		{[]Output{HLS}, "", []string{"hls/master.m3u8"}},
	} {
		profile := Profile{Name: "mine", Outputs: c.outputs, Choices: Choices{Loudness: &loudness, Preview: c.preview}}
		m, err := cfg.File(t.Context(), writeDemo(t), dir, profile, func(job.Progress) {})
		if err != nil {
			t.Fatal(err)
		}
		named := []string{ManifestName}
		steps := ""
		for _, s := range m.Steps {
			steps += s.Name + " "
		}
		for _, o := range m.Outputs {
			named = append(named, o.Path)
			if o.Bytes == 0 || len(o.SHA256) != 64 || o.Type == "" {
				t.Errorf("the manifest says %+v", o)
			}
			if list := strings.HasSuffix(o.Path, "p/playlist.m3u8"); (list || o.Path == "video.mp4") && (o.Codecs == "" || o.Frames == 0 || o.Width == 0) {
				t.Errorf("the manifest says %+v", o)
			}
		}
		there := filesIn(t, dir)
		slices.Sort(named)
		if !slices.Equal(there, named) {
			t.Errorf("there are %v, named %v", there, named)
		}
		for _, name := range c.want {
			if !slices.Contains(named, name) {
				t.Errorf("%s is missing", name)
			}
		}
		if !strings.Contains(steps, "sample decode package") {
			t.Errorf("the steps are %s", steps)
		}
	}
}

func filesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// TestStreamsReplaceNothingOfTheUsers refuses a folder of streams that another
// program made, and takes away all of its own.
func TestStreamsReplaceNothingOfTheUsers(t *testing.T) {
	cfg, dir := config(t), t.TempDir()
	own := filepath.Join(dir, "hls", "mine.m3u8")
	if err := os.MkdirAll(filepath.Dir(own), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(own, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := cfg.File(t.Context(), writeDemo(t), dir, cfg.Profiles["transcode"], func(job.Progress) {})
	if err == nil || !strings.Contains(err.Error(), own) {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(own); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "hls", "360p"), 0o755); err != nil {
		t.Fatal(err)
	}
	m := Manifest{Schema: ManifestSchema, Outputs: []ManifestOutput{{Path: "hls/360p/00001.m4s"}, {Path: "hls/master.m3u8"}}}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"hls/360p/00001.m4s": "x", "hls/master.m3u8": "x", ManifestName: string(text)} {
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeEarlier(dir); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("it left %v", left)
	}
}

func TestChoicesOfAProfile(t *testing.T) {
	for text, want := range map[string]string{
		"outputs: [hls]\nloudness: -16\npreview: webp": "",
		"outputs: [hls]\nloudness: 3":                  "the loudness is 3 LUFS",
		"outputs: [hls]\nloudness: .nan":               "the loudness is NaN LUFS",
		"outputs: [hls]\npreview: png":                 `unknown preview "png"`,
		"":                                             "it names no outputs",
		"outputs: [hls]\n---\noutputs: [pose]":         "more than one document",
		"outputs: [hls]\n---\nbroken: [":               "more than one document",
	} {
		p, err := parseProfile("mine.yaml", []byte(text))
		if want == "" {
			if err != nil || p.Loudness == nil || *p.Loudness != -16 || p.Preview != "webp" {
				t.Errorf("%q gives %+v, %v", text, p, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %q", text, err, want)
		}
	}
}

func TestPersonsForThePoster(t *testing.T) {
	matte := make([]byte, 20*10)
	for y := 2; y < 8; y++ {
		for x := 5; x < 10; x++ {
			matte[y*20+x] = 255
		}
	}
	var p persons
	results := []inference.Result{
		{Index: 0},
		{Index: 1, People: []inference.Person{{Score: 0.9, Box: [4]float64{10, 20, 50, 40}}, {Score: 0.9, Box: [4]float64{0, 0, 5, 5}}}},
		{Index: 2, People: []inference.Person{{Score: 0.1, Box: [4]float64{10, 20, 50, 40}}}},
		{Index: 3, Matte: matte},
		{Index: 4, Matte: make([]byte, 200)},
		{Index: 5, Matte: []byte(strings.Repeat("\xff", 200))},
	}
	for _, r := range results {
		p.see(r, 100, 100, 20)
	}
	got := ""
	for i := -1; i < 7; i++ {
		if area, ok := p.at(i); ok {
			got += fmt.Sprintf("%d: %.2f ", i, area)
		}
	}
	if want := "1: [0.10 0.20 0.50 0.40] 3: [0.25 0.20 0.25 0.60] "; got != want {
		t.Errorf("there are persons at %q, want %q", got, want)
	}
}
