package media

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/motionmill/motionmill/job"
	ffmpeg "github.com/u2takey/ffmpeg-go"
	"golang.org/x/sync/errgroup"
)

// SamplePlan says of which video samples are encoded.
type SamplePlan struct {
	// Input is the path of the file that was probed, Info the result.
	Input string
	Info  Info
	// Limits are those of the probe.
	Limits Limits
	// Threads bounds those of each decoder, encoder and filter; 0 leaves it to ffmpeg.
	Threads int
}

// Samples are spread over the video: one for each sampleSpacing seconds, at
// most maxSamples, each of at most a second and all together of at most a fifth
// of the frames, but of no fewer than fewestSampled: of fewer the encoder, which
// looks ahead, makes more than of many.
const (
	sampleSpacing = 15.0
	maxSamples    = 4
	fewestSampled = 24
	// samplesAtOnce are encoded side by side: each is so short that it begins and
	// ends on one core.
	samplesAtOnce = 2
	// sampleDeadline bounds one; a source that takes longer is not sampled on.
	sampleDeadline = 20 * time.Second
)

// The sizes of a sample: small and large, where the rendition is as large.
const (
	smallLines = 270
	largeLines = 540
)

// Sample finds what a video costs: it encodes moments of it in two small sizes
// at the rendition's quality and draws a power law through them. A video of
// which no sample can be read gives a zero Complexity and no error: whether it
// is broken is for Decode to say.
func (t *Tools) Sample(ctx context.Context, plan SamplePlan) (Complexity, Usage, error) {
	const op = "sample"
	plan.Limits = plan.Limits.orDefault()
	subject := filepath.Base(plan.Input)
	if err := decodable(plan.Info, subject, op, t); err != nil {
		return Complexity{}, Usage{}, err
	}
	path, err := filepath.Abs(plan.Input)
	if err != nil {
		return Complexity{}, Usage{}, fmt.Errorf("find %s: %w", subject, err)
	}
	plan.Input = path
	starts, frames := plan.moments()
	taken := make([]sample, len(starts))
	began := time.Now()
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(samplesAtOnce)
	var slow atomic.Bool
	for i, at := range starts {
		group.Go(func() error {
			return job.Guarded("sample a moment", func() error {
				if slow.Load() {
					return nil
				}
				return t.sample(inner, plan, at, frames, &taken[i], &slow)
			})
		})
	}
	err = group.Wait()
	total := Usage{Wall: time.Since(began)}
	var seen []sample
	for _, one := range taken {
		total.CPU += one.cpu
		if one.good {
			seen = append(seen, one)
			total.Frames += int64(frames)
		}
	}
	if err != nil {
		return Complexity{}, total, err
	}
	return plan.fit(seen), total, nil
}

// sample encodes one moment. That nothing can be read there is no error; slow is set
// where it took too long, and then no other need be begun.
func (t *Tools) sample(ctx context.Context, plan SamplePlan, at float64, frames int, taken *sample, slow *atomic.Bool) error {
	p, err := t.start(ctx, command{
		path: t.ffmpeg, args: plan.args(at, frames), dir: "/", stdout: &taken.packets, deadline: sampleDeadline,
		op: "sample", subject: filepath.Base(plan.Input), input: plan.Input,
	})
	if err != nil {
		return err
	}
	usage, err := p.wait()
	taken.cpu = usage.CPU
	switch {
	case ctx.Err() != nil:
		return err
	case job.KindOf(err) == job.Timeout:
		slow.Store(true)
	case err == nil:
		taken.good = taken.read(rate(plan.Info))
	}
	return nil
}

// moments are where the samples start, in seconds, and how many frames each has.
func (p SamplePlan) moments() (starts []float64, frames int) {
	count := int(math.Min(math.Max(math.Round(p.Info.Duration/sampleSpacing), 1), maxSamples))
	for i := range count {
		starts = append(starts, p.Info.Duration*(float64(i)+0.5)/float64(count))
	}
	all := p.Info.Duration * rate(p.Info)
	return starts, max(min(int(math.Ceil(rate(p.Info))), int(all/5)/count), fewestSampled)
}

// sizes are those of the samples' pictures.
func (p SamplePlan) sizes() (small, large [2]int) {
	w, h := linesSize(p.Info, largeLines)
	large = [2]int{w, h}
	w, h = linesSize(p.Info, min(smallLines, h/2))
	return [2]int{w, h}, large
}

// args encode frames from a keyframe before a moment on and list the packets'
// sizes. To seek exactly would have to decode all frames in between.
func (p SamplePlan) args(at float64, frames int) []string {
	small, large := p.sizes()
	in := input(p.Input, p.Info, p.Limits, p.Threads)
	streams := []*ffmpeg.Stream{}
	pictures := branches(picture(in, p.Info, large[0], large[1]), 2)
	streams = append(streams, pictures[0])
	streams = append(streams, pictures[1].Filter("scale", nil, ffmpeg.KwArgs{"w": small[0], "h": small[1]}))
	options := ffmpeg.KwArgs{
		"f": "framecrc", "c:v": "libx264", "preset": "veryfast", "crf": topQuality, "pix_fmt": "yuv420p",
		"fps_mode": "passthrough", "frames:v": frames, "sc_threshold": 0, "g": endlessGroup,
	}
	if p.Threads > 0 {
		options["threads"] = p.Threads
	}
	// Options of the input may stand anywhere in front of it.
	args := append(withoutProgress(globals(p.Threads, p.Info.errorRate())), "-ss", decimal(at), "-noaccurate_seek")
	return append(args, output(streams, "pipe:1", options).GetArgs()...)
}

// withoutProgress leaves out the report, whose place the packets take.
func withoutProgress(args []string) []string {
	for i, arg := range args {
		if arg == "-progress" {
			return append(append([]string{}, args[:i]...), args[i+4:]...)
		}
	}
	return args
}

// sample is what one moment took.
type sample struct {
	packets bytes.Buffer
	cpu     time.Duration
	good    bool // its bits are known
	// bits are a second's, in the large size and in the small one.
	bits [2]float64
}

// read takes the packets: the first of each size is a keyframe, of which there is
// one in two seconds; the others count by their mean. It is false when there
// are too few to tell.
func (s *sample) read(rate float64) bool {
	var first, rest, count [2]float64
	for _, line := range strings.Split(s.packets.String(), "\n") {
		fields := strings.Split(line, ",") // stream, dts, pts, duration, size, checksum
		if strings.HasPrefix(line, "#") || len(fields) < 6 {
			continue
		}
		i, err := strconv.Atoi(strings.TrimSpace(fields[0]))
		size, fault := strconv.Atoi(strings.TrimSpace(fields[4]))
		if err != nil || fault != nil || i < 0 || i > 1 {
			return false
		}
		if count[i]++; count[i] == 1 {
			first[i] = float64(size)
		} else {
			rest[i] += float64(size)
		}
	}
	for i := range s.bits {
		if count[i] < 2 {
			return false
		}
		s.bits[i] = 8 * (first[i]/groupSeconds + rest[i]/(count[i]-1)*math.Max(rate-1/groupSeconds, 0))
	}
	return true
}

// fit draws the power law through the means of the two sizes.
func (p SamplePlan) fit(seen []sample) Complexity {
	if len(seen) == 0 {
		return Complexity{}
	}
	var mean [2]float64
	peak := 0.0
	for _, s := range seen {
		for i, bits := range s.bits {
			mean[i] += math.Max(bits, 1) / float64(len(seen))
		}
		peak = math.Max(peak, s.bits[0])
	}
	small, large := p.sizes()
	pixels := func(size [2]int) float64 { return float64(size[0]) * float64(size[1]) }
	power := ordinary().Power
	if pixels(large) > 1.2*pixels(small) {
		power = math.Log(mean[0]/mean[1]) / math.Log(pixels(large)/pixels(small))
	}
	// Grain costs by the pixel; a picture without any detail still costs its headers.
	power = math.Min(math.Max(power, 0.3), 1.1)
	return Complexity{Scale: mean[0] / math.Pow(pixels(large), power), Power: power, Peak: math.Max(peak/mean[0], 1)}
}
