package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/motionmill/motionmill/inference"
	"github.com/motionmill/motionmill/inference/matting"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/starter"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media"
	"github.com/motionmill/motionmill/worker/pipeline"
)

// videos are those of the shared test data that the whole is measured on.
var videos = []string{"talmolab_dance_track0.mp4", "kaiakol_jumpingjack_correct_001.mp4"}

var chosen = map[string]string{"detect": "yolox-nano", "pose": "tinypose-256x192", "matte": "selfie-256"}

func testdata(b *testing.B) string {
	b.Helper()
	dir := os.Getenv("MOTIONMILL_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "testdata")
	}
	if _, err := os.Stat(dir); err != nil {
		b.Skipf("the shared test data is not there: %v", err)
	}
	return dir
}

// BenchmarkRun takes a video through the trainer profile and then through each
// of its parts alone: the decoding process with nobody behind it, the composing
// process fed with the same mattes and poses, and as many inferences as the
// whole made, on one thread. It reports wall ÷ (CPU seconds of the parts ÷ cores).
func BenchmarkRun(b *testing.B) {
	dir := testdata(b)
	run := func(title, name string, prepare func(b *testing.B, video string) string) {
		b.Run(title, func(b *testing.B) {
			video := filepath.Join(dir, "videos", name)
			if _, err := os.Stat(video); err != nil {
				b.Skipf("the video is not there: %v", err)
			}
			p := newParts(b, filepath.Join(dir, "models"), prepare(b, video))
			for b.Loop() {
				p.measure(b)
			}
		})
	}
	for _, name := range videos {
		run(name, name, func(_ *testing.B, video string) string { return video })
	}
	run("minute-1080p", videos[1], minute)
}

type parts struct {
	config pipeline.Config
	video  string
}

func newParts(b *testing.B, modelsDir, video string) *parts {
	b.Helper()
	tools, err := media.Find(b.Context(), media.Config{})
	if err != nil {
		b.Skip(err)
	}
	catalogue, err := models.LoadCatalogue([]string{modelsDir}, starter.Files)
	if err != nil {
		b.Fatal(err)
	}
	profiles, err := pipeline.LoadProfiles()
	if err != nil {
		b.Fatal(err)
	}
	engine := &pipeline.Engine{Config: onnx.Config{Provider: "cpu", Threads: 1}, Catalogue: catalogue, Names: chosen}
	b.Cleanup(func() {
		if err := engine.Close(); err != nil {
			b.Error(err)
		}
	})
	if err := engine.Warm(profiles[pipeline.DefaultProfile]); err != nil {
		b.Skip(err)
	}
	return &parts{
		config: pipeline.Config{Tools: tools, Limits: media.DefaultLimits(), Engine: engine, Profiles: profiles, Version: "bench"},
		video:  video,
	}
}

func (p *parts) measure(b *testing.B) {
	cores := float64(runtime.NumCPU())
	spent := openAccount(b)
	p.config.Observe = spent.observe
	manifest, err := p.config.File(b.Context(), p.video, b.TempDir(), p.config.Profiles[pipeline.DefaultProfile], func(job.Progress) {})
	if err != nil {
		b.Fatal(err)
	}
	wall, cpu, table := spent.close(b, cores)
	fmt.Printf("where the time goes:\n%s", table) // A log of a benchmark is cut off.
	decode := p.decodeAlone(b, manifest.Input)
	infer, results := p.inferAlone(b, manifest.Input)
	composite := p.compositeAlone(b, manifest.Input, results)
	sum := decode + composite + infer
	b.ReportMetric(wall, "wall-s")
	b.ReportMetric(cpu, "cpu-s")
	b.ReportMetric(decode, "decode-cpu-s")
	b.ReportMetric(composite, "composite-cpu-s")
	b.ReportMetric(infer, "infer-cpu-s")
	b.ReportMetric(wall/(sum/cores), "wall/ideal")
}

func (p *parts) decodePlan(info media.Info, dir string) media.DecodePlan {
	width, height := media.FrameSize(info, 640)
	return media.DecodePlan{
		Input: p.video, Info: info, Dir: dir, Video: filepath.Join(dir, "video.mp4"), Poster: filepath.Join(dir, "poster.jpg"),
		Frames: true, FrameWidth: width, FrameHeight: height, Deadline: time.Hour, Threads: runtime.NumCPU(),
	}
}

// decodeAlone returns the CPU seconds of the decoding process when its frames
// are only read: with all that it encodes, and the samples before that decide of the ladder.
func (p *parts) decodeAlone(b *testing.B, info media.Info) float64 {
	plan := p.decodePlan(info, b.TempDir())
	cost, sampled, err := p.config.Tools.Sample(b.Context(), media.SamplePlan{Input: p.video, Info: info, Threads: plan.Threads})
	if err != nil {
		b.Fatal(err)
	}
	ladder := media.NewLadder(info, cost)
	plan.Ladder, plan.Sprite, plan.SpriteIndex = &ladder, filepath.Join(plan.Dir, "sprite.jpg"), filepath.Join(plan.Dir, "sprite.vtt")
	d, err := p.config.Tools.Decode(b.Context(), plan)
	if err != nil {
		b.Fatal(err)
	}
	pix := make([]byte, plan.FrameWidth*plan.FrameHeight*3)
	for {
		if _, err := d.Next(pix); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			b.Fatal(err)
		}
	}
	usage, err := d.Wait()
	if err != nil {
		b.Fatal(err)
	}
	return usage.CPU.Seconds() + sampled.CPU.Seconds()
}

// seen is what inference says of a frame.
type seen struct {
	at     media.Timestamp
	matte  []byte
	people []inference.Person
}

// compositeAlone returns the CPU seconds of the composing process when what
// inference says is ready.
func (p *parts) compositeAlone(b *testing.B, info media.Info, results []seen) float64 {
	dir := b.TempDir()
	analyser, choice := p.analyser(b)
	width, height := media.FrameSize(info, 640)
	matteWidth, matteHeight := analyser.MatteSize(p.frames(info))
	c, err := p.config.Tools.Composite(b.Context(), media.CompositePlan{
		Input: p.video, Info: info, Dir: dir, Overlay: filepath.Join(dir, "overlay.mp4"),
		SilhouetteWebM: filepath.Join(dir, "silhouette.webm"), SilhouetteMP4: filepath.Join(dir, "silhouette.mp4"),
		MatteWidth: matteWidth, MatteHeight: matteHeight, LayerWidth: width, LayerHeight: height,
		Deadline: time.Hour, Threads: runtime.NumCPU(),
	})
	if err != nil {
		b.Fatal(err)
	}
	names, pairs := choice.Pose.Keypoints()
	layer := pipeline.NewLayer(width, height, info.Width, info.Height, names, pairs)
	for _, r := range results {
		if err := c.Write(r.at, r.matte, layer.Draw(r.people)); err != nil {
			b.Fatal(err)
		}
	}
	usage, err := c.Close()
	if err != nil {
		b.Fatal(err)
	}
	return usage.CPU.Seconds()
}

func (p *parts) analyser(b *testing.B) (*inference.Analyser, models.Choice) {
	analyser, choice, _, err := p.config.Engine.Analyser(p.config.Profiles[pipeline.DefaultProfile])
	if err != nil {
		b.Fatal(err)
	}
	return analyser, choice
}

func (p *parts) frames(info media.Info) inference.Video {
	width, height := media.FrameSize(info, 640)
	return inference.Video{Width: info.Width, Height: info.Height, FrameWidth: width, FrameHeight: height, Parallel: 1, Matte: matting.All()}
}

// inferAlone returns the CPU seconds of the models' own work on the frames of
// the video, one inference at a time beside nothing but the decoder, and what
// they say.
func (p *parts) inferAlone(b *testing.B, info media.Info) (cpu float64, results []seen) {
	analyser, _ := p.analyser(b)
	plan := p.decodePlan(info, b.TempDir())
	plan.Video, plan.Poster = "", ""
	d, err := p.config.Tools.Decode(b.Context(), plan)
	if err != nil {
		b.Fatal(err)
	}
	var times []media.Timestamp
	stats, err := analyser.Analyse(b.Context(), p.frames(info), func(pix []byte) (int, float64, error) {
		frame, err := d.Next(pix)
		if err == nil {
			times = append(times, frame.Time)
		}
		return frame.Index, frame.Time.Seconds(), err
	}, func(r inference.Result) error {
		results = append(results, seen{matte: bytes.Clone(r.Matte), people: r.People})
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := d.Wait(); err != nil {
		b.Fatal(err)
	}
	for i := range results {
		results[i].at = times[i]
	}
	for _, m := range stats.Models {
		cpu += m.CPU
	}
	return cpu, results
}
