package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media/sandbox"
)

// install is the remedy for a program that is not there.
const install = "Install it: apt-get install ffmpeg"

// InstallSandbox is the remedy where no sandbox works.
const InstallSandbox = "apt-get install bubblewrap, and let it make user namespaces; or a kernel with Landlock (5.13 or newer)"

// Config says where the programs are.
type Config struct {
	// FFmpeg and FFprobe are paths or names. Default: "ffmpeg" and
	// "ffprobe", found in PATH.
	FFmpeg, FFprobe string
	// Sandbox says how the programs are kept to their files; its paths are
	// set by Find.
	Sandbox sandbox.Config
	// Hardware says by what H.264 is encoded. Default: HardwareOff.
	Hardware Hardware
}

// Tools are the programs found. Its methods may be called at the same time.
type Tools struct {
	ffmpeg, ffprobe string
	version         string
	// zimg tells whether ffmpeg can convert wide and HDR colours.
	zimg     bool
	box      *sandbox.Box
	hardware hardware
}

// Find looks up ffmpeg and ffprobe and asks ffmpeg once for its version and
// what it was built with. A program that is missing, too old (below 5.1) or
// built without x264 or libvpx gives a *job.Error with the remedy; so does a
// sandbox that is demanded and does not work here, and hardware that is.
func Find(ctx context.Context, config Config) (*Tools, error) {
	t := &Tools{}
	for _, program := range []struct {
		path *string
		name string
	}{{&t.ffmpeg, orName(config.FFmpeg, "ffmpeg")}, {&t.ffprobe, orName(config.FFprobe, "ffprobe")}} {
		path, err := exec.LookPath(program.name)
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err != nil {
			return nil, job.Fail(job.Internal, "find", filepath.Base(program.name), "is not installed", install, err)
		}
		*program.path = path
	}
	if err := t.confine(ctx, config.Sandbox); err != nil {
		return nil, err
	}
	banner, err := t.banner(ctx)
	if err != nil {
		return nil, err
	}
	if err := t.read(banner); err != nil {
		return nil, err
	}
	if err := t.findHardware(ctx, config.Hardware); err != nil {
		return nil, err
	}
	return t, nil
}

// confine finds the sandbox that all runs are in.
func (t *Tools) confine(ctx context.Context, config sandbox.Config) (err error) {
	config.FFmpeg, config.FFprobe = t.ffmpeg, t.ffprobe
	t.box, err = sandbox.Find(ctx, config)
	if errors.Is(err, sandbox.ErrUnconfined) {
		return job.Fail(job.Internal, "confine", "ffmpeg", "", InstallSandbox, err)
	}
	return err
}

// Sandbox says how ffmpeg and ffprobe are kept to their files, and of each
// better way why it does not work here.
func (t *Tools) Sandbox() (inForce sandbox.Report, refused []string) {
	return t.box.Report(), t.box.Refused()
}

// Version returns the version that ffmpeg says it is, such as
// "5.1.9-0+deb12u1".
func (t *Tools) Version() string { return t.version }

func orName(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}

func (t *Tools) banner(ctx context.Context) (string, error) {
	var out bytes.Buffer
	p, err := t.start(ctx, command{
		path: t.ffmpeg, args: []string{"-version"}, dir: "/", stdout: &out,
		deadline: 10 * time.Second, op: "ask the version of", subject: "ffmpeg",
	})
	if err != nil {
		return "", err
	}
	_, err = p.wait()
	return out.String(), err
}

// read takes the version and the parts from what ffmpeg -version printed.
func (t *Tools) read(banner string) error {
	found := regexp.MustCompile(`(?m)^ffmpeg version (\S+)`).FindStringSubmatch(banner)
	if found == nil {
		return job.Fail(job.Internal, "read the version of", filepath.Base(t.ffmpeg), "this is not ffmpeg", install, nil)
	}
	t.version = found[1]
	if old(t.version) {
		return job.Fail(job.Internal, "check", "ffmpeg", "version "+t.version+" is older than 5.1", install, nil)
	}
	for _, part := range []string{"libx264", "libvpx"} {
		if !strings.Contains(banner, "--enable-"+part) {
			return job.Fail(job.Internal, "check", "ffmpeg", fmt.Sprintf("%s is built without %s", t.ffmpeg, part), install, nil)
		}
	}
	t.zimg = strings.Contains(banner, "--enable-libzimg")
	return nil
}

// old tells whether a version is below 5.1. Builds between releases have no
// number in front and count as new.
func old(version string) bool {
	found := regexp.MustCompile(`^n?(\d+)\.(\d+)`).FindStringSubmatch(version)
	if found == nil {
		return false
	}
	major, _ := strconv.Atoi(found[1]) // digits by the pattern
	minor, _ := strconv.Atoi(found[2])
	return major < 5 || major == 5 && minor < 1
}
