// Package standin makes, for tests, an ffmpeg on machines without hardware that encodes: its
// hardware encoders take what the real ones take, refuse what those refuse, and
// encode by libx264.
package standin

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Way is how a stand-in behaves.
type Way struct {
	// Works are the encoders that there is hardware for, such as "h264_nvenc". Others say
	// what they say where there is none.
	Works []string
	// Lies has a trial go well and give something else: "frames" leaves one out, "colours"
	// turns them, "keyframes" sets none where they are asked for.
	Lies string
	// DiesAt is the frame at which a job's hardware fails, 0 for never; Dies says of what process:
	// "decode", "compose", "" for both.
	DiesAt int
	Dies   string
	// Crashes has the process of a job end by a signal. It needs to run without a sandbox,
	// where it is the first process and as such takes no signals.
	Crashes bool
}

// Orders are what a stand-in reads at its own end: its way, the path of the real
// ffmpeg, and what that one's encoders take.
type Orders struct {
	Way
	Real     string
	Encoders map[string]map[string]Option
}

// Program is a stand-in that has no orders yet.
type Program struct {
	built, real string
	encoders    map[string]map[string]Option
}

// Build compiles a stand-in for the ffmpeg in PATH. The test is skipped where that, or Go, is
// missing.
func Build(t testing.TB) Program {
	t.Helper()
	p := Program{built: filepath.Join(t.TempDir(), "standin"), encoders: map[string]map[string]Option{}}
	var err error
	if p.real, err = exec.LookPath("ffmpeg"); err != nil {
		t.Skipf("needs ffmpeg: %v", err)
	}
	compile := exec.CommandContext(t.Context(), "go", "build", "-o", p.built, "github.com/motionmill/motionmill/media/standin/ffmpeg")
	compile.Env = append(os.Environ(), "CGO_ENABLED=0")
	if _, err := exec.LookPath("go"); err != nil {
		t.Skipf("needs Go: %v", err)
	}
	if text, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("build the stand-in: %v\n%s", err, text)
	}
	for _, name := range Encoders() {
		help, err := exec.CommandContext(t.Context(), p.real, "-hide_banner", "-h", "encoder="+name).Output()
		if err != nil {
			t.Fatalf("ask ffmpeg of %s: %v", name, err)
		}
		if p.encoders[name] = ReadOptions(string(help)); len(p.encoders[name]) == 0 {
			t.Skipf("this ffmpeg is built without %s", name)
		}
	}
	return p
}

// Encoders are those that a stand-in has.
func Encoders() []string { return []string{"h264_nvenc", "h264_qsv", "h264_vaapi"} }

// As returns the path of a stand-in, called ffmpeg, in a folder of its own.
func (p Program) As(t testing.TB, way Way) (path string) {
	t.Helper()
	program, err := os.ReadFile(p.built)
	if err != nil {
		t.Fatal(err)
	}
	orders, err := json.Marshal(Orders{Way: way, Real: p.real, Encoders: p.encoders})
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "ffmpeg")
	if err := os.WriteFile(path, append(append(program, mark...), orders...), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}
