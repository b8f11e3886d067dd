package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/worker"
	"github.com/motionmill/motionmill/worker/pipeline"
)

// workFlags are the settings of a worker.
type workFlags struct {
	capacity      int
	capacityFile  string
	claimSchedule string
	sweepSchedule string
	lease         time.Duration
	beat          time.Duration
	maxAttempts   int
	grace         time.Duration
	workDir       string
	diskBudget    byteSize
	webhooks      webhookFlags
	reports       reportFlags
}

func (f *workFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&f.capacity, "capacity", onnx.CPUs(), "units of work that may run at once")
	addCapacityFile(cmd, &f.capacityFile)
	flags.StringVar(&f.claimSchedule, "claim-schedule", "*/5 * * * * *", "when to look for work: cron, seconds first")
	flags.StringVar(&f.sweepSchedule, "sweep-schedule", "*/7 * * * * *", "when to look at timers: cron, seconds first")
	flags.DurationVar(&f.lease, "lease", time.Minute, "how long a claim is good without a renewal")
	flags.DurationVar(&f.beat, "beat", 0, "how often the lease is renewed, with the progress; at most a third of it")
	flags.Lookup("beat").DefValue = "8s"
	flags.IntVar(&f.maxAttempts, "max-attempts", 3, "attempts that a job has")
	flags.DurationVar(&f.grace, "grace", 100*time.Second, "how long running jobs may go on once stopping began")
	flags.StringVar(&f.workDir, "work-dir", filepath.Join(os.TempDir(), "motionmill"), "folder for files of running jobs")
}

// check refuses settings that no worker can have.
func (f *workFlags) check() error {
	switch {
	case f.capacity < 1:
		return usageError{fmt.Errorf("read --capacity %d: it must be 1 or more units", f.capacity)}
	case f.lease < time.Second:
		return usageError{fmt.Errorf("read --lease %s: it must be 1s or more", f.lease)}
	case f.maxAttempts < 1:
		return usageError{fmt.Errorf("read --max-attempts %d: it must be 1 or more", f.maxAttempts)}
	case f.grace < 0 || f.beat < 0:
		return usageError{fmt.Errorf("read --grace %s, --beat %s: neither can be negative", f.grace, f.beat)}
	}
	return nil
}

// storeTries is how often a worker makes a request to the object store before
// it gives in, after up to a minute, in which leases are renewed all the same. What a
// job has done by then is worth the wait.
const storeTries = 8

func newWorkCommand(between seam) *cobra.Command {
	var stage stageFlags
	var models inferenceFlags
	var work workFlags
	var guest guestFlags
	var private privateFlags
	cmd := &cobra.Command{
		Use:   "work",
		Short: "Run a worker of a stage",
		Args:  exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runWorker(cmd, &stage, &models, &work, &guest, &private, between)
		},
	}
	stage.add(cmd)
	addPipelineFlags(cmd, &models)
	work.add(cmd)
	guest.add(cmd)
	private.add(cmd)
	work.webhooks.addURL(cmd)
	work.reports.add(cmd)
	cmd.Flags().Var(&work.diskBudget, "disk-budget", "what files of running jobs may take together: bytes, or a size such as 20GiB; 0 is what is free, less 256MiB")
	return cmd
}

func runWorker(
	cmd *cobra.Command, stageFlags *stageFlags, models *inferenceFlags, flags *workFlags, guestFlags *guestFlags, private *privateFlags, between seam,
) error {
	ctx := cmd.Context()
	if err := errors.Join(flags.check(), guestFlags.check()); err != nil {
		return err
	}
	s, err := openStage(cmd, stageFlags, private, storeTries)
	if err != nil {
		return err
	}
	defer s.close()
	capacity, err := flags.capacityOf(cmd, s.log)
	if err != nil {
		return err
	}
	cfg, err := pipelineConfig(ctx, cmd, models, s.log)
	if err != nil {
		return err
	}
	defer cfg.Engine.Close()
	measures := s.seen.seesPipeline(&cfg)
	if err := warm(cfg); err != nil {
		return err
	}
	dir, leave, err := ownFolder(flags.workDir)
	if err != nil {
		return err
	}
	defer leave()
	report, stopReports, err := flags.reports.open(s, &flags.webhooks)
	if err != nil {
		return err
	}
	defer stopReports()
	guest, err := guestFlags.arrive(ctx, flags.grace, s.log, report)
	if err != nil {
		return err
	}
	runner := &pipeline.Runner{
		Config: cfg, Store: s.objects, OutputsBucket: s.outputsBucket, Dir: dir,
		Disk: pipeline.NewDisk(pipeline.DiskConfig{Dir: flags.workDir, Budget: int64(flags.diskBudget)}),
	}
	w, err := between.worker(worker.Config{
		Name: workerName(guest.Instance()), Capacity: capacity, ClaimSchedule: flags.claimSchedule, SweepSchedule: flags.sweepSchedule,
		Lease: flags.lease, Beat: flags.beat, MaxAttempts: flags.maxAttempts, Grace: guest.WorkerGrace(),
		Work: s.work, InProgress: s.inProgress, DeadLetter: s.deadLetter, Ledger: s.ledger, Reader: s.reader(), Logger: s.log,
		Runner: flags.webhooks.runner(runner, s), Meter: measures, Tracer: s.seen.tracer, Report: report,
	})
	if err != nil {
		return usageError{err}
	}
	s.seen.seesWorker(w, dir)
	force := secondSignal(ctx) // Until here a second signal ends the process by itself.
	if err := ready(ctx); err != nil {
		return err
	}
	s.seen.began()
	return runUntilForced(ctx, guest, w, force)
}

// ready tells that the worker has all that it needs, unless it is to stop already.
func ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	return tellReady()
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

// workerName names the worker in histories and logs: by its instance on EC2,
// else by its host, and by its process.
func workerName(instance string) string {
	host := instance
	if host == "" {
		var err error
		if host, err = os.Hostname(); err != nil {
			host = "worker"
		}
	}
	return host + "-" + strconv.Itoa(os.Getpid())
}

// readyFile names the file that a worker makes when it has all that it needs,
// for whoever started it.
const readyFile = "MOTIONMILL_READY_FILE"

func tellReady() error {
	path := os.Getenv(readyFile)
	if path == "" {
		return nil
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return fmt.Errorf("tell that the worker is ready: %w", err)
	}
	return nil
}

// ownFolder makes this process's folder under parent, and removes those of
// processes that are gone, which a killed worker could not. A lock beside each
// folder tells: the kernel frees it with its process.
func ownFolder(parent string) (dir string, leave func(), err error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", nil, fmt.Errorf("make the work folder: %w; give another by --work-dir", err)
	}
	locks, err := filepath.Glob(filepath.Join(parent, "worker-*.lock"))
	if err != nil {
		return "", nil, fmt.Errorf("read the work folder: %w", err)
	}
	for _, path := range locks {
		if left, free := lock(path); free {
			if err := errors.Join(os.RemoveAll(strings.TrimSuffix(path, ".lock")), os.Remove(path), left.Close()); err != nil {
				return "", nil, fmt.Errorf("remove what a killed worker left: %w", err)
			}
		}
	}
	dir = filepath.Join(parent, fmt.Sprintf("worker-%d-%d", os.Getpid(), time.Now().UnixNano()))
	held, free := lock(dir + ".lock")
	if !free {
		return "", nil, fmt.Errorf("lock the worker's folder %s: it cannot be locked; give another by --work-dir", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, errors.Join(fmt.Errorf("make the worker's folder: %w", err), held.Close())
	}
	return dir, func() {
		_ = errors.Join(os.RemoveAll(dir), os.Remove(held.Name()), held.Close()) // The next worker removes what is left.
	}, nil
}

// lock makes and locks a file, unless another process holds it.
func lock(path string) (*os.File, bool) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		_ = f.Close() // Only its lock was asked for.
		return nil, false
	}
	return f, true
}
