package starter

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"testing"

	"gopkg.in/yaml.v3"
)

const wantFrames = 120

func TestModelsMatchTheirManifests(t *testing.T) {
	for _, name := range []string{"starter-pose", "starter-matte"} {
		t.Run(name, func(t *testing.T) {
			model, err := fs.ReadFile(Files, name+".onnx")
			if err != nil {
				t.Fatal(err)
			}
			if len(model) == 0 || len(model) >= 2_000_000 {
				t.Errorf("%d bytes, want fewer than 2 MB", len(model))
			}
			text, err := fs.ReadFile(Files, name+".yaml")
			if err != nil {
				t.Fatal(err)
			}
			var manifest struct {
				Schema, Name, Task, Family, File, SHA256, Licence, Source, Note string
				Rank                                                            *int
			}
			if err := yaml.Unmarshal(text, &manifest); err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(model); manifest.SHA256 != hex.EncodeToString(sum[:]) {
				t.Errorf("the manifest's sha256 is %s, the file's %x", manifest.SHA256, sum)
			}
			if manifest.Schema != "motionmill.model/1" || manifest.Name != name || manifest.File != name+".onnx" {
				t.Errorf("manifest names %q, %q, %q", manifest.Schema, manifest.Name, manifest.File)
			}
			if manifest.Rank == nil || *manifest.Rank != 0 || manifest.Note == "" || manifest.Source == "" || manifest.Licence != "Apache-2.0" {
				t.Errorf("manifest lacks its rank 0, note, source or licence: %+v", manifest)
			}
		})
	}
}

func TestDemoIsSmallAndMP4(t *testing.T) {
	video, err := fs.ReadFile(Files, "demo.mp4")
	if err != nil {
		t.Fatal(err)
	}
	if len(video) < 12 || len(video) > 600_000 || string(video[4:8]) != "ftyp" {
		t.Errorf("demo.mp4: %d bytes, want an MP4 of at most 600 kB", len(video))
	}
}

func TestTruthCoversEveryFrame(t *testing.T) {
	truth, err := Truth()
	if err != nil {
		t.Fatal(err)
	}
	if truth.Width < 1 || truth.Height < 1 || truth.FPS != 30 || len(truth.Frames) != wantFrames {
		t.Fatalf("%d×%d, %v frames a second, %d frames", truth.Width, truth.Height, truth.FPS, len(truth.Frames))
	}
	for i, frame := range truth.Frames {
		seen := 0
		for _, k := range frame.Keypoints {
			if k[2] == Seen {
				seen++
				if k[0] < 0 || k[1] < 0 || k[0] >= float64(truth.Width) || k[1] >= float64(truth.Height) {
					t.Errorf("frame %d: seen outside the picture at %v", i, k)
				}
			}
		}
		if seen < 8 || frame.Height < 100 || frame.Height > float64(truth.Height) {
			t.Errorf("frame %d: %d keypoints seen, height %v", i, seen, frame.Height)
		}
	}
}

func TestMaskCoversTheHips(t *testing.T) {
	truth, err := Truth()
	if err != nil {
		t.Fatal(err)
	}
	for i, frame := range truth.Frames {
		mask, err := truth.Mask(i, truth.Width, truth.Height)
		if err != nil {
			t.Fatal(err)
		}
		if len(mask) != truth.Width*truth.Height {
			t.Fatalf("frame %d: %d bytes", i, len(mask))
		}
		for _, hip := range frame.Keypoints[11:13] {
			if mask[int(hip[1])*truth.Width+int(hip[0])] != 255 {
				t.Errorf("frame %d: no person at the hip %v", i, hip)
			}
		}
		if mask[0] != 0 {
			t.Errorf("frame %d: a person in the corner", i)
		}
	}
}

func TestMaskRefusesWhatIsNotThere(t *testing.T) {
	truth := GroundTruth{MaskWidth: 4, MaskHeight: 2, Frames: []Frame{{Runs: []int{3, 2, 3}}, {Runs: []int{3, 2}}, {Runs: []int{9}}}}
	mask, err := truth.Mask(0, 2, 2)
	if err != nil || string(mask) != string([]byte{0, 255, 0, 0}) {
		t.Errorf("got %v, %v", mask, err)
	}
	for _, c := range [][3]int{{-1, 4, 2}, {3, 4, 2}, {0, 0, 2}, {1, 4, 2}, {2, 4, 2}} {
		if _, err := truth.Mask(c[0], c[1], c[2]); err == nil {
			t.Errorf("Mask(%v) succeeded", c)
		}
	}
}
