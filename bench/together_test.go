package bench

import (
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/motionmill/motionmill/inference"
	"github.com/motionmill/motionmill/inference/matting"
	"github.com/motionmill/motionmill/media"
	"github.com/motionmill/motionmill/worker/pipeline"
)

// BenchmarkTogether sends a video's frames to a pose model and a matte model by one
// decode, by turns with each of the models alone, and reports the median of
// the seconds of both ÷ those of the slower one: with mattes as the model gives them,
// and with all that is made of them over time. of-decoding compares ffmpeg's CPU
// seconds in the same way: what a second consumer of the frames costs.
func BenchmarkTogether(b *testing.B) {
	dir, overTime := testdata(b), matting.All()
	overTime.Near = false // It is more inferences, and there are none of it without poses.
	for _, name := range videos {
		for kind, mattes := range map[string]matting.Options{"plain mattes": {}, "mattes over time": overTime} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				p := newParts(b, filepath.Join(dir, "models"), filepath.Join(dir, "videos", name))
				p.together(b, mattes)
			})
		}
	}
}

func (p *parts) together(b *testing.B, mattes matting.Options) {
	kinds := [][]pipeline.Output{{pipeline.Pose}, {pipeline.Silhouette}, {pipeline.Pose, pipeline.Silhouette}}
	var seconds [3][]float64
	var ratios, decodings []float64
	for b.Loop() {
		var took, decoding [3]float64
		for i, outputs := range kinds {
			analyser, _, _, err := p.config.Engine.Analyser(pipeline.Profile{Name: "part", Outputs: outputs})
			if err != nil {
				b.Fatal(err)
			}
			took[i], decoding[i], _ = analysed(b, p.config.Tools, analyser, p.video, mattes)
			seconds[i] = append(seconds[i], took[i])
		}
		ratios = append(ratios, took[2]/max(took[0], took[1]))
		decodings = append(decodings, decoding[2]/max(decoding[0], decoding[1]))
	}
	b.ReportMetric(median(seconds[0]), "pose-s")
	b.ReportMetric(median(seconds[1]), "matte-s")
	b.ReportMetric(median(seconds[2]), "both-s")
	b.ReportMetric(median(ratios), "of-the-slower")
	b.ReportMetric(median(decodings), "of-decoding")
}

// analysed takes a video's file to what the models say of its frames, which is
// dropped. decoding is the CPU seconds of ffmpeg.
func analysed(b *testing.B, tools *media.Tools, analyser *inference.Analyser, video string, mattes matting.Options,
) (seconds, decoding float64, stats inference.Stats) {
	b.Helper()
	began := time.Now()
	info, err := tools.Probe(b.Context(), video, media.DefaultLimits())
	if err != nil {
		b.Fatal(err)
	}
	width, height := media.FrameSize(info, 640)
	d, err := tools.Decode(b.Context(), media.DecodePlan{
		Input: video, Info: info, Dir: b.TempDir(), Frames: true, FrameWidth: width, FrameHeight: height,
		Deadline: time.Hour, Threads: runtime.NumCPU(),
	})
	if err != nil {
		b.Fatal(err)
	}
	seen := 0
	stats, err = analyser.Analyse(b.Context(), inference.Video{
		Width: info.Width, Height: info.Height, FrameWidth: width, FrameHeight: height, Parallel: runtime.NumCPU(), Matte: mattes,
	}, func(pix []byte) (int, float64, error) {
		frame, err := d.Next(pix)
		return frame.Index, frame.Time.Seconds(), err
	}, func(r inference.Result) error {
		seen += len(r.People)
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	usage, err := d.Wait()
	if err != nil {
		b.Fatal(err)
	}
	seconds = time.Since(began).Seconds()
	b.Logf("%d frames, %d poses, %.2f s of ffmpeg, %+v", stats.Frames, seen, usage.CPU.Seconds(), stats.Models)
	return seconds, usage.CPU.Seconds(), stats
}
