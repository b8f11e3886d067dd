package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/media/standin"
	"github.com/motionmill/motionmill/worker/pipeline"
)

// TestHardware runs the program with an ffmpeg in PATH whose hardware works, and with one
// where there is none: chosen by itself, by name, and not at all.
func TestHardware(t *testing.T) {
	program, dir := standin.Build(t), t.TempDir()
	clip, err := cutDemo(t.Context(), dir, 2)
	if err != nil {
		t.Fatal(err)
	}
	profile := filepath.Join(dir, "video.yaml")
	if err := os.WriteFile(profile, []byte("name: video\nabout: one video\noutputs: [video]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := os.Getenv("PATH")
	for _, test := range []struct {
		works                []string
		setting              string
		status               int
		hardware, encoder    string
		says, doctor, mended string
	}{
		{[]string{"h264_vaapi"}, "auto", statusDone, "vaapi", "h264_vaapi", "", "ok       hardware      vaapi works: it encodes H.264 (nvenc: Cannot load libcuda.so.1; qsv: ", ""},
		{[]string{"h264_nvenc"}, "nvenc", statusDone, "nvenc", "h264_nvenc", "", "ok       hardware      nvenc works: it encodes H.264\n", ""},
		{[]string{"h264_nvenc"}, "off", statusDone, "", "libx264", "", "ok       hardware      off, as set: libx264 encodes H.264\n", ""},
		{nil, "auto", statusDone, "", "libx264", "", "ok       hardware      none works here: libx264 encodes H.264 (nvenc: Cannot load libcuda.so.1; qsv: ", ""},
		{nil, "nvenc", statusMissing, "", "", "encode by nvenc: Cannot load libcuda.so.1. Mend its driver", "MISSING  hardware      encode by nvenc: Cannot load libcuda.so.1\n", "to mend it:   Mend its driver, or set --hardware auto."},
		{nil, "abacus", statusUsage, "", "", `read --hardware: "abacus" is none of auto, off, nvenc, qsv, vaapi, videotoolbox`, "", ""},
	} {
		t.Run(test.setting, func(t *testing.T) {
			t.Setenv("PATH", filepath.Dir(program.As(t, standin.Way{Works: test.works}))+":"+path)
			out := filepath.Join(t.TempDir(), "out")
			_, stderr, status := motionmill(t, "run", clip, "--out", out, "--profile", profile, "--hardware", test.setting)
			if status != test.status || !strings.Contains(stderr, test.says) {
				t.Errorf("status %d, want %d, and it says\n%s", status, test.status, stderr)
			}
			if status == statusDone {
				var m pipeline.Manifest
				if err := json.Unmarshal(readFile(t, filepath.Join(out, pipeline.ManifestName)), &m); err != nil {
					t.Fatal(err)
				}
				if m.Hardware.Used != test.hardware || m.Outputs[0].Encoder != test.encoder {
					t.Errorf("the manifest says %+v, %+v", m.Hardware, m.Outputs[0])
				}
			}
			if test.doctor == "" {
				return
			}
			// Without models it tries no video.
			stdout, _, _ := motionmill(t, "doctor", "--ort-library", "/nowhere/lib.so", "--hardware", test.setting)
			if !strings.Contains(stdout, test.doctor) || !strings.Contains(stdout, test.mended) {
				t.Errorf("doctor says\n%s", stdout)
			}
		})
	}
}
