package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/worker/pipeline"
)

// benchFlags are what `bench` is told.
type benchFlags struct {
	profile      string
	video        string
	price        float64
	write        bool
	capacityFile string
}

func newBenchCommand() *cobra.Command {
	var models inferenceFlags
	var flags benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure this machine: how many jobs at once are worth it, and what a minute of video takes",
		Long: "Measures this machine by taking a video through the whole pipeline: once, then twice at the same time, and so on\n" +
			"until more at once bring nothing. It says how long a minute of such video takes, and with the price of the machine\n" +
			"what it costs. --write keeps the capacity for the workers of this machine. Nothing else should run meanwhile.",
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return runBench(cmd, &models, flags) },
	}
	addPipelineFlags(cmd, &models)
	addCapacityFile(cmd, &flags.capacityFile)
	cmd.Flags().StringVar(&flags.profile, "profile", pipeline.DefaultProfile, "what to make: a built-in profile or the path of a YAML file")
	cmd.Flags().StringVar(&flags.video, "video", "", "a video of the kind that you get; default: the built-in one, 480×640 at 30 frames a second")
	cmd.Flags().Float64Var(&flags.price, "price", 0, "what an hour of this machine costs, in your currency, to tell the cost of a minute of video")
	cmd.Flags().BoolVar(&flags.write, "write", false, "write the capacity for the workers of this machine")
	return cmd
}

func runBench(cmd *cobra.Command, models *inferenceFlags, flags benchFlags) error {
	if flags.price < 0 {
		return usageError{errors.New("bench: --price cannot be negative")}
	}
	if flags.write {
		undo, err := tryCapacityFile(flags.capacityFile)
		if err != nil {
			return err
		}
		defer undo()
	}
	cfg, profile, err := pipelineAlone(cmd.Context(), cmd, models, flags.profile, slog.LevelWarn)
	if err != nil {
		return err
	}
	defer cfg.Engine.Close()
	if err := cfg.Engine.Warm(profile); err != nil {
		return missingError{err}
	}
	dir, err := os.MkdirTemp("", "motionmill-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the bench: %w; set TMPDIR to one that can be written to", err)
	}
	defer os.RemoveAll(dir)
	video, err := flags.find(cmd.Context(), dir)
	if err != nil {
		return err
	}
	b := bencher{cfg: cfg, profile: profile, video: video, dir: dir}
	levels, err := climb(onnx.CPUs(), func(jobs int) (level, error) {
		measured, err := b.measure(cmd.Context(), jobs)
		if err == nil {
			printLevel(cmd, measured)
		}
		return measured, err
	})
	if err != nil {
		return err
	}
	return conclude(cmd, flags, profile, best(levels))
}

// find returns the video: the user's, or the built-in one.
func (f benchFlags) find(ctx context.Context, dir string) (string, error) {
	if f.video != "" {
		return f.video, checkFile(f.video)
	}
	return cutDemo(ctx, dir, 12)
}

// bencher takes one video through the pipeline, several times at once.
type bencher struct {
	cfg     pipeline.Config
	profile pipeline.Profile
	video   string
	dir     string
}

// measure takes it through so many times at once. The first that fails stops the others.
func (b bencher) measure(ctx context.Context, jobs int) (level, error) {
	made := make([]pipeline.Manifest, jobs)
	began := time.Now()
	running, ctx := errgroup.WithContext(ctx)
	for i := range jobs {
		running.Go(func() (err error) {
			made[i], err = b.cfg.File(ctx, b.video, filepath.Join(b.dir, strconv.Itoa(i)), b.profile, func(job.Progress) {})
			return err
		})
	}
	if err := running.Wait(); err != nil {
		return level{}, fmt.Errorf("bench %d at once: %w", jobs, err)
	}
	l, took := level{Jobs: jobs}, time.Since(began).Seconds()
	for _, m := range made {
		l.Speed += m.Input.Duration / took
		l.units += pipeline.Weight(m.Input, b.profile)
	}
	return l, nil
}

func printLevel(cmd *cobra.Command, l level) {
	if wantsJSON(cmd) {
		printJSON(cmd.OutOrStdout(), l)
		return
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%3d at once   %6.2f seconds of video a second\n", l.Jobs, l.Speed)
}

// conclude says what follows from the best level, and keeps it where that is asked for.
func conclude(cmd *cobra.Command, flags benchFlags, profile pipeline.Profile, l level) error {
	found := measuredCapacity{
		Schema: capacitySchema, Capacity: l.units, Processors: onnx.CPUs(), Speed: l.Speed, Profile: profile.Name,
		Motionmill: version, MeasuredAt: time.Now().UTC(),
	}
	written := ""
	if flags.write {
		if err := found.write(flags.capacityFile); err != nil {
			return err
		}
		written = flags.capacityFile
	}
	minute := 60 / l.Speed
	cost := minute / 3600 * flags.price
	if wantsJSON(cmd) {
		printJSON(cmd.OutOrStdout(), map[string]any{
			"capacity": found.Capacity, "processors": found.Processors, "profile": found.Profile, "minute_s": minute, "minute_cost": cost, "written": written,
		})
		return nil
	}
	tellConclusion(cmd.OutOrStdout(), found, minute, cost, written)
	return nil
}

func tellConclusion(w io.Writer, found measuredCapacity, minute, cost float64, written string) {
	fmt.Fprintf(w, "\ncapacity     %d units, on %d processors\n", found.Capacity, found.Processors)
	fmt.Fprintf(w, "a minute     of such video, as %s, takes this machine %.0f s when it is busy\n", found.Profile, minute)
	if cost > 0 {
		fmt.Fprintf(w, "             and costs %.5f\n", cost)
	}
	if written == "" {
		fmt.Fprintln(w, "nothing was written; --write keeps the capacity for the workers of this machine")
		return
	}
	fmt.Fprintf(w, "written to   %s, where workers of this machine find it\n", written)
}
