package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/fnv"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/local"
	"github.com/motionmill/motionmill/soak"
	"github.com/motionmill/motionmill/store"
	"github.com/motionmill/motionmill/worker"
)

// What the environment tells a worker process of a soak.
const (
	soakWorker = "MOTIONMILL_SOAK_WORKER" // its name
	soakFaults = "MOTIONMILL_SOAK_FAULTS" // a file that notes its faults
)

// requestFaults is how bad the network is before the object store, as a share
// of the requests, which its client tries again. callFaults is what is left for
// the callers of queues and ledger when their clients have given in, as a share
// of the calls. One request in six, and about one call in twenty, is hit.
var (
	requestFaults = map[soak.Fault]float64{
		soak.Delayed: 0.05, soak.Dropped: 0.02, soak.CutRequest: 0.02, soak.Throttled: 0.005, soak.Broken: 0.02,
		soak.BrokenLate: 0.02, soak.CutReply: 0.02, soak.LostReply: 0.02,
	}
	callFaults = map[soak.Fault]float64{soak.Delayed: 0.02, soak.Dropped: 0.008, soak.Throttled: 0.001, soak.Broken: 0.006, soak.LostReply: 0.012}
)

// soakSeam puts faults between a worker of a soak and its queues and ledger,
// which are called without a network here. It is nil for every other process.
func soakSeam() seam {
	name, path := os.Getenv(soakWorker), os.Getenv(soakFaults)
	if name == "" {
		return nil
	}
	return func(cfg worker.Config) worker.Config {
		cfg.Name = name
		if path == "" {
			return cfg
		}
		notes, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			panic(err) // The soak sees a worker that ends by itself.
		}
		seed, err := strconv.ParseUint(os.Getenv(soakSeed), 10, 64)
		if err != nil {
			panic(err)
		}
		hash := fnv.New64a()
		_, _ = io.WriteString(hash, name)
		dice := soak.NewDice(soak.DiceConfig{Seed: seed ^ hash.Sum64(), Chance: callFaults, Log: notes})
		cfg.Work, cfg.InProgress = soak.BadQueue{Queue: cfg.Work, Dice: dice}, soak.BadQueue{Queue: cfg.InProgress, Dice: dice}
		cfg.DeadLetter, cfg.Ledger = soak.BadQueue{Queue: cfg.DeadLetter, Dice: dice}, soak.BadLedger{Ledger: cfg.Ledger, Dice: dice}
		return cfg
	}
}

// soakStage is a stage for a soak. The embedded one has the object store in a
// process of its own, a proxy before it, and one database.
type soakStage struct {
	soak.Stage
	t     *testing.T
	local *local.Stage // of the embedded stage only
	proxy *soak.Proxy  // so is this
	dice  *soak.Dice
	// dir is the folder in which workers have theirs.
	dir string
	// parts are the stage as its workers have it, and notices the queue of the object store.
	parts, notices *stage
	objects        *store.Store
	video          []byte
	// notes is where workers note their faults, logs the folder of their logs.
	notes, logs string
}

// newSoakStage starts the stage. It ends with the test; its logs stay when the test fails.
func newSoakStage(t *testing.T, seed uint64) *soakStage {
	t.Helper()
	dir := soakFolder(t)
	opened, err := local.Open(local.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	s := &soakStage{
		t: t, local: opened, dir: filepath.Join(opened.Dir, "work"), notes: filepath.Join(dir, "faults"), logs: opened.LogsDir(), video: soakVideo(t),
	}
	s.parts, s.notices = s.openStage("work"), s.openStage("notices")
	s.startObjects()
	s.dice = soak.NewDice(soak.DiceConfig{Seed: seed, Chance: requestFaults})
	if s.proxy, err = soak.NewProxy(soak.ProxyConfig{Target: opened.StoreURL(), Dice: s.dice}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.proxy.Close() })
	s.objects = s.openObjects()
	s.Stage = soak.Stage{
		Worker: func(name string) *exec.Cmd { return s.worker(name, seed) }, Upload: s.upload,
		Notices: s.notices.work, Work: s.parts.work, Read: s.parts.reader().Read, Count: s.count,
		Record: s.parts.ledger.Get, Outputs: s, Faults: s.faults,
	}
	return s
}

// soakFolder makes a folder that stays when the test fails.
func soakFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "soak-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !t.Failed() {
			_ = os.RemoveAll(dir) // What is left lies in the system's own folder.
		}
	})
	return dir
}

// queueURL names a queue of the stage; what a killed worker had received is
// visible again soon.
func (s *soakStage) queueURL(name string) string {
	return s.local.LedgerURL() + "?queue=" + name + "&visibility=" + soakVisibility.String()
}

// env is the environment of a process whose work queue has the name given.
func (s *soakStage) env(work string) []string {
	return append(s.local.Env(), asMotionmill+"=1", "MOTIONMILL_MODELS_DIR=", "GORACE=atexit_sleep_ms=0",
		"MOTIONMILL_WORK_QUEUE_URL="+s.queueURL(work), "MOTIONMILL_IN_PROGRESS_QUEUE_URL="+s.queueURL("in-progress"))
}

func (s *soakStage) openStage(work string) *stage {
	s.t.Helper()
	flags := stageFlags{
		stage: local.Name, uploadsBucket: local.UploadsBucket, outputsBucket: local.OutputsBucket, work: s.queueURL(work),
		inProgress: s.queueURL("in-progress"), deadLetter: s.local.DeadLetterQueueURL(), ledger: s.local.LedgerURL(),
	}
	opened, err := flags.open(s.t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = opened.close() })
	return opened
}

// startObjects runs the object store, which announces uploads in a queue that
// no worker knows.
func (s *soakStage) startObjects() {
	s.t.Helper()
	cmd := exec.Command(os.Args[0], "objects", "--objects-dir", s.local.ObjectsDir(), "--objects-listen", s.local.StoreAddress)
	cmd.Env = s.env("notices")
	s.logTo(cmd, "objects")
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // However it ends.
	})
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); answers(s.local.StoreURL()+"/healthz")(s.t.Context()) != nil; <-tick.C {
		if time.Now().After(deadline) {
			s.t.Fatal("the object store does not start")
		}
	}
}

// worker returns the command of a worker process, whose object store is the proxy.
func (s *soakStage) worker(name string, seed uint64) *exec.Cmd {
	cmd := s.work(name, soakLease)
	cmd.Env = append(s.env("work"), "AWS_ENDPOINT_URL_S3="+s.proxy.URL, soakWorker+"="+name, soakFaults+"="+s.notes, soakSeed+"="+strconv.FormatUint(seed, 10))
	return cmd
}

// work returns the command of a worker process, without its environment.
func (s *soakStage) work(name string, lease time.Duration) *exec.Cmd {
	capacity := 2 + int(name[1])%2 // Of w1, w2, …: most of a job's time goes in waiting.
	cmd := exec.Command(os.Args[0], "work", "--capacity", strconv.Itoa(capacity), "--lease", lease.String(), "--max-attempts", "50",
		"--claim-schedule", "* * * * * *", "--sweep-schedule", "* * * * * *", "--grace", "300ms", "--work-dir", s.dir)
	s.logTo(cmd, "workers")
	return cmd
}

// logTo appends what a process says to a file in the folder of logs.
func (s *soakStage) logTo(cmd *exec.Cmd, name string) {
	log, err := os.OpenFile(filepath.Join(s.logs, name+".log"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		s.t.Error(err)
		return
	}
	cmd.Stdout, cmd.Stderr = log, log
}

func (s *soakStage) openObjects() *store.Store {
	s.t.Helper()
	objects, err := store.New(s.t.Context(), store.Config{AWS: &aws.Config{
		Region: local.Region, BaseEndpoint: aws.String(s.local.StoreURL()),
		Credentials: credentials.NewStaticCredentialsProvider(s.local.AccessKey, s.local.SecretKey, ""),
	}})
	if err != nil {
		s.t.Fatal(err)
	}
	return objects
}

// soakVideo makes half a second of noise, so that the outputs have some length.
func soakVideo(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "soak.mp4")
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "nullsrc=size=64x64:rate=10:duration=0.5,geq=random(1)*255:128:128",
		"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", path).CombinedOutput()
	if err != nil {
		t.Fatalf("make a video: %v\n%s", err, out)
	}
	return readFile(t, path)
}

// upload stores a video that differs from all others by a box that players skip.
func (s *soakStage) upload(ctx context.Context, key string, n int) error {
	box := binary.BigEndian.AppendUint32(nil, 16)
	box = binary.BigEndian.AppendUint64(append(box, "free"...), uint64(n))
	return s.objects.Put(ctx, local.UploadsBucket, key, append(bytes.Clone(s.video), box...), "video/mp4")
}

func (s *soakStage) count(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{}
	for name, q := range map[string]messages{"notices": s.notices.work, "work": s.parts.work, "in-progress": s.parts.inProgress} {
		depth, err := q.Depth(ctx)
		if err != nil {
			return nil, err
		}
		counts[name] = depth.Visible + depth.Hidden + depth.Delayed
	}
	return counts, nil
}

// faults adds those of the proxies to those that the workers noted.
func (s *soakStage) faults() map[soak.Fault]int {
	counts := s.dice.Counts()
	if s.notes == "" {
		return counts
	}
	notes, _ := os.ReadFile(s.notes) // There is none until the first fault.
	for line := range strings.Lines(string(notes)) {
		counts[soak.Fault(strings.TrimSpace(line))]++
	}
	return counts
}

// List visits the keys of the outputs bucket.
func (s *soakStage) List(ctx context.Context, visit func(key string) error) error {
	return s.objects.List(ctx, local.OutputsBucket, "", func(src job.Source) error { return visit(src.Key) })
}

// Get returns an object of the outputs bucket.
func (s *soakStage) Get(ctx context.Context, key string) ([]byte, error) {
	return s.objects.Get(ctx, local.OutputsBucket, key, 4<<20)
}

// processes tells of processes that work in the folder of the workers' jobs.
func (s *soakStage) processes() (left []string) {
	folders, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range folders {
		if at, err := os.Readlink(link); err == nil && strings.HasPrefix(at, s.dir) {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "cmdline"))
			left = append(left, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return left
}
