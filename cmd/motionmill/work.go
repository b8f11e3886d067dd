package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/store"
	"github.com/motionmill/motionmill/worker"
	"github.com/motionmill/motionmill/worker/pipeline"
)

// workFlags are the settings of a worker.
type workFlags struct {
	capacity      int
	claimSchedule string
	sweepSchedule string
	lease         time.Duration
	beat          time.Duration
	maxAttempts   int
	grace         time.Duration
	workDir       string
}

func (f *workFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&f.capacity, "capacity", runtime.NumCPU(), "units of work that may run at once")
	flags.StringVar(&f.claimSchedule, "claim-schedule", "*/5 * * * * *", "when to look for work: cron, seconds first")
	flags.StringVar(&f.sweepSchedule, "sweep-schedule", "*/7 * * * * *", "when to look at timers: cron, seconds first")
	flags.DurationVar(&f.lease, "lease", time.Minute, "how long a claim is good without a renewal")
	flags.DurationVar(&f.beat, "beat", 0, "how often the lease is renewed, with the progress; default and at most a third of it")
	flags.IntVar(&f.maxAttempts, "max-attempts", 3, "attempts that a job has")
	flags.DurationVar(&f.grace, "grace", 100*time.Second, "how long running jobs may go on once stopping began")
	flags.StringVar(&f.workDir, "work-dir", filepath.Join(os.TempDir(), "motionmill"), "folder for files of running jobs")
}

func newWorkCommand() *cobra.Command {
	var stage stageFlags
	var models inferenceFlags
	var work workFlags
	cmd := &cobra.Command{
		Use:   "work",
		Short: "Run a worker of a stage",
		Args:  exactArgs(0),
		RunE:  func(cmd *cobra.Command, _ []string) error { return runWorker(cmd, &stage, &models, &work) },
	}
	stage.add(cmd)
	models.add(cmd)
	work.add(cmd)
	return cmd
}

func runWorker(cmd *cobra.Command, stageFlags *stageFlags, models *inferenceFlags, flags *workFlags) error {
	ctx := cmd.Context()
	log, err := newLogger(cmd, slog.LevelInfo)
	if err != nil {
		return err
	}
	s, err := stageFlags.open()
	if err != nil {
		return err
	}
	defer s.close()
	cfg, err := pipelineConfig(ctx, cmd, models, log)
	if err != nil {
		return err
	}
	defer cfg.Engine.Close()
	if err := warm(cfg); err != nil {
		return err
	}
	objects, err := store.New(ctx, store.Config{})
	if err != nil {
		return missingError{err}
	}
	dir, err := ownFolder(flags.workDir)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := worker.New(worker.Config{
		Name: workerName(), Capacity: flags.capacity, ClaimSchedule: flags.claimSchedule, SweepSchedule: flags.sweepSchedule,
		Lease: flags.lease, Beat: flags.beat, MaxAttempts: flags.maxAttempts, Grace: flags.grace,
		Work: s.work, InProgress: s.inProgress, DeadLetter: s.deadLetter, Ledger: s.ledger, Reader: s.reader(), Logger: log,
		Runner: &pipeline.Runner{Config: cfg, Store: objects, OutputsBucket: s.outputsBucket, Dir: dir},
	})
	if err != nil {
		return usageError{err}
	}
	return w.Run(ctx)
}

// warm opens the models of the default profile, so that a missing part is
// known before the first job. The log says which ones they are.
func warm(cfg pipeline.Config) error {
	profile, err := cfg.Profiles.Find(pipeline.DefaultProfile)
	if err != nil {
		return err
	}
	if err := cfg.Engine.Warm(profile); err != nil {
		return missingError{err}
	}
	return nil
}

func workerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "worker"
	}
	return host + "-" + strconv.Itoa(os.Getpid())
}

// ownFolder makes this process's folder under parent and removes those of
// processes that are gone, which a killed worker could not.
func ownFolder(parent string) (string, error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", fmt.Errorf("make the work folder: %w; give another by --work-dir", err)
	}
	entries, err := os.ReadDir(parent)
	if err != nil {
		return "", fmt.Errorf("read the work folder: %w", err)
	}
	for _, entry := range entries {
		text, ours := strings.CutPrefix(entry.Name(), "worker-")
		pid, err := strconv.Atoi(text)
		if ours && err == nil && syscall.Kill(pid, 0) == syscall.ESRCH {
			if err := os.RemoveAll(filepath.Join(parent, entry.Name())); err != nil {
				return "", fmt.Errorf("remove what a killed worker left: %w", err)
			}
		}
	}
	dir := filepath.Join(parent, "worker-"+strconv.Itoa(os.Getpid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the worker's folder: %w", err)
	}
	return dir, nil
}
