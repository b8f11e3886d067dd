package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/motionmill/motionmill/job"
	ffmpeg "github.com/u2takey/ffmpeg-go"
	"golang.org/x/sync/errgroup"
)

// tryDeadline bounds each of the runs by which a kind of hardware is tried: a driver
// that has not been used for a while takes seconds to wake.
const tryDeadline = 10 * time.Second

// tried is a kind of hardware, on one device, and why it does not work here.
type tried struct {
	encoder Encoder
	err     error
}

// tryHardware tries all kinds that a setting allows, at the same time, in the
// order in which they are to be chosen.
func (t *Tools) tryHardware(ctx context.Context, setting Hardware) []tried {
	var all []tried
	for _, e := range engines() {
		if setting != HardwareAuto && string(setting) != e.name {
			continue
		}
		for _, node := range e.devices() {
			all = append(all, tried{encoder: Encoder{engine: e, node: node}})
		}
	}
	var running errgroup.Group
	for i := range all {
		running.Go(func() error {
			all[i].err = job.Guarded("try the hardware", func() error { return t.tryEncoder(ctx, all[i].encoder) })
			return nil
		})
	}
	_ = running.Wait() // Each has its own.
	return all
}

// A trial draws trialFrames pictures of trialWidth x trialHeight, trialRate a second.
const (
	trialWidth, trialHeight = 320, 180
	trialRate               = 30
	trialFrames             = 65
)

// tryEncoder encodes a drawn video as jobs do, in two sizes at once: one as a rung of
// a ladder, in fragments, the other by itself; and looks at what came of it.
func (t *Tools) tryEncoder(ctx context.Context, e Encoder) error {
	dir, err := os.MkdirTemp("", "motionmill-hardware-")
	if err != nil {
		return fmt.Errorf("make a folder to try it in: %w", err)
	}
	defer os.RemoveAll(dir)
	trial := newTrial(dir)
	p, err := t.start(ctx, command{
		path: t.ffmpeg, args: trial.args(e), dir: dir, encoder: e, deadline: tryDeadline, op: "try", subject: e.engine.codec,
	})
	if err == nil {
		_, err = p.wait()
	}
	if err != nil {
		return trialError(err, e)
	}
	if err := trial.checkKeyframes(); err != nil {
		return err
	}
	for _, file := range []string{trial.rung, trial.whole} {
		pictures, err := t.trialPictures(ctx, file, dir)
		if err != nil {
			return fmt.Errorf("what it encodes cannot be decoded: %w", err)
		}
		if err := checkPictures(pictures); err != nil {
			return err
		}
	}
	return nil
}

// trialError says what ffmpeg said, without the rest of a job's error.
func trialError(err error, e Encoder) error {
	var typed *job.Error
	if !errors.As(err, &typed) {
		return err
	}
	if said := complaint(e, typed.Stderr); said != "" {
		return errors.New(said)
	}
	if typed.Finding != "" {
		return errors.New(typed.Finding)
	}
	return err
}

// trial is one in the making.
type trial struct {
	info        Info
	rung, whole string
}

func newTrial(dir string) trial {
	return trial{
		info: Info{
			Width: 2 * trialWidth, Height: 2 * trialHeight, FrameRate: trialRate, saidRate: trialRate, TimeBase: Ratio{1, 90_000},
		},
		rung: filepath.Join(dir, "rung.mp4"), whole: filepath.Join(dir, "whole.mp4"),
	}
}

// trialLuma is how bright the upper half of a picture is drawn; the lower half is white.
// The left half is bluish, the right one reddish.
func trialLuma(frame int) int { return 40 + 2*frame }

const (
	trialWhite = 200
	trialLow   = 90
	trialHigh  = 170
)

// args are those of the run that encodes.
func (t trial) args(e Encoder) []string {
	drawn := fmt.Sprintf("nullsrc=s=%dx%d:r=%d,format=yuv420p,trim=end_frame=%d,geq=lum='if(lt(Y,H/2),%d+2*N,%d)':cb='if(lt(X,W/2),%[7]d,%[8]d)':cr='if(lt(X,W/2),%[8]d,%[7]d)'",
		trialWidth, trialHeight, trialRate, trialFrames, trialLuma(0), trialWhite, trialHigh, trialLow)
	s := ffmpeg.Input(drawn, ffmpeg.KwArgs{"f": "lavfi"}).Filter("settb", ffmpeg.Args{t.info.TimeBase.String()}).
		Filter("setparams", nil, ffmpeg.KwArgs{"range": "tv", "colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709"})
	both := branches(s, 2)
	large := both[0].Filter("scale", nil, ffmpeg.KwArgs{"w": t.info.Width, "h": t.info.Height, "flags": "neighbor"})
	rung := Complexity{}.rung(t.info, t.info.Width, t.info.Height, lowerQuality)
	large, asRung := e.encode(large, film{info: t.info, w: t.info.Width, h: t.info.Height, quality: rung.Quality, rung: &rung})
	small, alone := e.encode(both[1], film{info: t.info, w: trialWidth, h: trialHeight, quality: topQuality})
	outputs := []*ffmpeg.Stream{
		output([]*ffmpeg.Stream{large}, "file:"+t.rung, asRung, fragments()),
		output([]*ffmpeg.Stream{small}, "file:"+t.whole, alone),
	}
	return append(withoutProgress(globals(0, maxErrorRate)), ffmpeg.MergeOutputs(outputs...).GetArgs()...)
}

// checkKeyframes sees that the rung has its keyframes where all rungs have them, and its
// frames at their times: so it can be cut for players.
func (t trial) checkKeyframes() error {
	track, err := readTrack(t.rung)
	if err != nil {
		return fmt.Errorf("what it encodes cannot be cut: %w", err)
	}
	var samples []int64
	for _, f := range track.fragments {
		samples = append(samples, f.samples)
	}
	if want := []int64{groupSeconds * trialRate, trialFrames - groupSeconds*trialRate}; !slices.Equal(samples, want) {
		return fmt.Errorf("its keyframes are not where they have to be: groups of %d frames, not of %d", samples, want)
	}
	if at := track.fragments[1].start; at != groupSeconds*track.timescale {
		return fmt.Errorf("its frames are not at their times: the keyframe of second %d is at tick %d of %d a second", groupSeconds, at, track.timescale)
	}
	if track.width != t.info.Width || track.height != t.info.Height {
		return fmt.Errorf("its pictures are of %d x %d, not of %d x %d", track.width, track.height, t.info.Width, t.info.Height)
	}
	return nil
}

// trialPictures decodes what was encoded, as yuv420p in the size that was drawn.
func (t *Tools) trialPictures(ctx context.Context, file, dir string) ([]byte, error) {
	var pictures bytes.Buffer
	args := append(withoutProgress(globals(0, maxErrorRate)), "-f", string(isoMedia), "-i", "file:"+file, "-fps_mode", "passthrough",
		"-vf", fmt.Sprintf("scale=%d:%d:flags=area,format=yuv420p", trialWidth, trialHeight), "-f", "rawvideo", "pipe:1")
	p, err := t.start(ctx, command{
		path: t.ffmpeg, args: args, dir: dir, stdout: &pictures, deadline: tryDeadline, op: "decode", subject: filepath.Base(file),
	})
	if err != nil {
		return nil, err
	}
	_, err = p.wait()
	return pictures.Bytes(), err
}

// checkPictures compares pictures with what was drawn: how many they are, and their
// colours in the middle of each quarter.
func checkPictures(pictures []byte) error {
	const luma, size = trialWidth * trialHeight, trialWidth * trialHeight * 3 / 2
	if len(pictures) != trialFrames*size {
		return fmt.Errorf("of %d frames it encoded %d", trialFrames, len(pictures)/size)
	}
	var wrong []string
	for frame := range trialFrames {
		picture := pictures[frame*size : (frame+1)*size]
		look := func(what string, got byte, want int) {
			const allowed = 12
			if int(got) > want+allowed || int(got) < want-allowed {
				wrong = append(wrong, fmt.Sprintf("the %s of frame %d is %d, not %d", what, frame, got, want))
			}
		}
		for _, x := range []int{trialWidth / 4, trialWidth * 3 / 4} {
			look("upper luma", picture[trialHeight/4*trialWidth+x], trialLuma(frame))
			look("lower luma", picture[trialHeight*3/4*trialWidth+x], trialWhite)
		}
		blue := picture[luma:][trialHeight/4*trialWidth/2:]
		look("left blue", blue[trialWidth/8], trialHigh)
		look("right blue", blue[trialWidth*3/8], trialLow)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("its colours are wrong: %s", strings.Join(wrong[:min(len(wrong), 2)], ", "))
	}
	return nil
}
