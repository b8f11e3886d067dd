package bench

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/motionmill/motionmill/inference"
	"github.com/motionmill/motionmill/inference/matting"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/starter"
	"github.com/motionmill/motionmill/media"
	"github.com/motionmill/motionmill/worker/pipeline"
)

// poseModels are those that rtmlib can run too.
var poseModels = map[string]string{models.TaskDetect: "yolox-nano", models.TaskPose: "tinypose-simcc-256x192"}

// BenchmarkPose tracks the pose of the dancer, from the video's file on, by turns
// with ONNX Runtime alone on the same number of inferences, and with rtmlib's
// PoseTracker on the same models, which detects on every seventh frame. ONNX
// Runtime runs twice: at its best (as many calls at once as there are cores, of
// one thread each), and as its defaults are (one call at a time on all cores). It
// reports the frames a second of each, and the medians of the ratios of a round;
// that of CPU seconds counts ffmpeg's, and is touched less by other work.
// bench/rtmlib/setup.sh installs rtmlib; without it that part is left out.
func BenchmarkPose(b *testing.B) {
	p := newPoseBench(b, testdata(b))
	tracker := p.tracker(b)
	var whole, alone, plain, peers, perORT, perPlain, perCPU, perPeer []float64
	for b.Loop() {
		began := processorTime(b)
		seconds, decoding, stats := analysed(b, p.tools, p.analyser, p.video, matting.Options{})
		between := processorTime(b)
		bare := p.alone(b, p.best, stats, runtime.NumCPU())
		perCPU = append(perCPU, (processorTime(b)-between)/(between-began+decoding))
		usual := p.alone(b, p.usual, stats, 1)
		frames := float64(stats.Frames)
		whole, alone, plain = append(whole, frames/seconds), append(alone, frames/bare), append(plain, frames/usual)
		perORT, perPlain = append(perORT, bare/seconds), append(perPlain, usual/seconds)
		if tracker != "" {
			peer := p.peer(b, tracker, stats.Frames)
			peers, perPeer = append(peers, frames/peer), append(perPeer, peer/seconds)
		}
	}
	b.ReportMetric(median(whole), "frames/s")
	b.ReportMetric(median(alone), "ort-frames/s")
	b.ReportMetric(median(perORT), "of-ort")
	b.ReportMetric(median(plain), "ort-default-frames/s")
	b.ReportMetric(median(perPlain), "of-ort-default")
	b.ReportMetric(median(perCPU), "of-ort-cpu")
	if tracker != "" {
		b.ReportMetric(median(peers), "rtmlib-frames/s")
		b.ReportMetric(median(perPeer), "of-rtmlib")
	}
}

type poseBench struct {
	tools    *media.Tools
	video    string
	analyser *inference.Analyser
	files    map[string]string // of each task's model
	best     map[string]bareSession
	usual    map[string]bareSession
}

// bareSession is ONNX Runtime without anything of ours.
type bareSession struct {
	*ort.DynamicAdvancedSession
	input   ort.Shape
	outputs int
}

func newPoseBench(b *testing.B, dir string) *poseBench {
	b.Helper()
	tools, err := media.Find(b.Context(), media.Config{})
	if err != nil {
		b.Skip(err)
	}
	catalogue, err := models.LoadCatalogue([]string{filepath.Join(dir, "models")}, starter.Files)
	if err != nil {
		b.Fatal(err)
	}
	engine := &pipeline.Engine{Config: onnx.Config{Provider: onnx.ProviderCPU, Threads: 1}, Catalogue: catalogue, Names: poseModels}
	analyser, choice, _, err := engine.Analyser(pipeline.Profile{Name: "pose", Outputs: []pipeline.Output{pipeline.Pose}})
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() {
		if err := engine.Close(); err != nil {
			b.Error(err)
		}
	})
	p := &poseBench{
		tools: tools, video: filepath.Join(dir, "videos", "talmolab_dance_track0.mp4"), analyser: analyser,
		files: map[string]string{}, best: map[string]bareSession{}, usual: map[string]bareSession{},
	}
	for _, m := range pipeline.Chosen(choice) {
		p.files[m.Task], p.best[m.Task], p.usual[m.Task] = m.Path, openBare(b, m.Path, oneThread), openBare(b, m.Path, nil)
	}
	return p
}

// oneThread is for sessions of which several calls are under way at once.
func oneThread(options *ort.SessionOptions) error {
	return errors.Join(options.SetIntraOpNumThreads(1), options.SetInterOpNumThreads(1),
		options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"))
}

// openBare makes a session as ONNX Runtime's defaults are but for what set changes.
func openBare(b *testing.B, path string, set func(*ort.SessionOptions) error) bareSession {
	b.Helper()
	options, err := ort.NewSessionOptions()
	if err != nil {
		b.Fatal(err)
	}
	if set != nil {
		if err := set(options); err != nil {
			b.Fatal(err)
		}
	}
	inputs, outputs, err := ort.GetInputOutputInfo(path)
	if err != nil {
		b.Fatal(err)
	}
	names := func(infos []ort.InputOutputInfo) (list []string) {
		for _, info := range infos {
			list = append(list, info.Name)
		}
		return list
	}
	s, err := ort.NewDynamicAdvancedSession(path, names(inputs), names(outputs), options)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := errors.Join(s.Destroy(), options.Destroy()); err != nil {
			b.Error(err)
		}
	})
	return bareSession{s, inputs[0].Dimensions, len(outputs)}
}

// processorTime is what this process has used, in seconds.
func processorTime(b *testing.B) float64 {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
}

// alone runs the same number of inferences on an input that is ready, lanes
// of them at once, and returns the seconds.
func (p *poseBench) alone(b *testing.B, sessions map[string]bareSession, stats inference.Stats, lanes int) (seconds float64) {
	for _, m := range stats.Models {
		s := sessions[m.Task]
		began := time.Now()
		var group sync.WaitGroup
		for i := range lanes {
			group.Go(func() {
				if err := s.repeat((int(m.Inferences) + lanes - 1 - i) / lanes); err != nil {
					b.Error(err)
				}
			})
		}
		group.Wait()
		seconds += time.Since(began).Seconds()
	}
	return seconds
}

// repeat runs the graph n times on one input, into the same outputs.
func (s bareSession) repeat(n int) (err error) {
	values := make([]float32, s.input.FlattenedSize())
	for i := range values {
		values[i] = float32(i%17) / 17
	}
	input, err := ort.NewTensor(s.input, values)
	if err != nil {
		return err
	}
	all := append(make([]ort.Value, s.outputs), input)
	defer func() {
		for _, value := range all {
			if value != nil {
				err = errors.Join(err, value.Destroy())
			}
		}
	}()
	for range n {
		if err := s.Run([]ort.Value{input}, all[:s.outputs]); err != nil {
			return err
		}
	}
	return nil
}

// tracker returns the Python that has rtmlib, or "" where it is not installed.
func (p *poseBench) tracker(b *testing.B) string {
	b.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		b.Fatal(err)
	}
	python := filepath.Join(cache, "motionmill", "rtmlib", "bin", "python")
	if _, err := os.Stat(filepath.Join(cache, "motionmill", "rtmlib", "installed")); err != nil {
		b.Logf("rtmlib is left out: run bench/rtmlib/setup.sh (%v)", err)
		return ""
	}
	return python
}

// peer lets rtmlib do the same and returns its seconds.
func (p *poseBench) peer(b *testing.B, python string, frames int) float64 {
	command := exec.CommandContext(b.Context(), python, filepath.Join("rtmlib", "track.py"), p.video,
		p.files[models.TaskDetect], p.files[models.TaskPose], "7")
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		b.Fatalf("rtmlib: %v\n%s", err, stderr.String())
	}
	var said struct {
		Seconds       float64
		Frames, Poses int
		Score         float64
	}
	if err := json.Unmarshal(out, &said); err != nil {
		b.Fatalf("read what rtmlib says, %q: %v", out, err)
	}
	if said.Frames != frames {
		b.Fatalf("rtmlib saw %d frames, we saw %d", said.Frames, frames)
	}
	b.Logf("rtmlib: %d frames, %d poses, mean score %.2f", said.Frames, said.Poses, said.Score)
	return said.Seconds
}
