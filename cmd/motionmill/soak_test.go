package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/soak"
)

// The settings of a soak.
const (
	soakJobs  = "MOTIONMILL_SOAK_JOBS"
	soakSeed  = "MOTIONMILL_SOAK_SEED"
	soakTable = "MOTIONMILL_SOAK_TABLE"
)

const (
	soakLease = 6 * time.Second
	soakTick  = time.Second // of claims and sweeps
)

// soakText introduces docs/soak.md.
const soakText = `# The soak

Four worker processes of the real program work through many small videos on the embedded stage while they are killed (SIGKILL) and
stopped (SIGTERM) at random, mostly when they are busy, and started again. Notifications come twice and in the wrong order, and every
twentieth upload replaces an earlier one. Between the workers and the object store lies a proxy that delays, drops, cuts connections
in the middle, answers 5xx before or after the work was done, and throttles: one request in six is hit. About one call in twenty of the queues and the ledger,
which are a file here, is delayed, refused or loses its reply just so. A lease is %s, a sweep comes every %s.

It fails when a job is not final and announced, has no manifest, two results or one that is not whole; when an attempt was charged that was
not cut off by a SIGKILL, whatever the network did; when files of other attempts, messages, timers or processes are left; and when the 99th percentile of
the time from a kill to the job's next claim or announcement is above a lease, a sweep and ten seconds. Written by ` + "`make soak`" + `;
` + "`MOTIONMILL_SOAK_SEED` and `MOTIONMILL_SOAK_JOBS`" + ` choose the faults and the length.

`

// TestSoak works a stage under fire: about a minute of it, or as many jobs as
// the environment says.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes about a minute")
	}
	needParts(t)
	jobs := int(soakNumber(t, soakJobs, 60))
	cfg := soak.Config{
		Seed: soakNumber(t, soakSeed, rand.Uint64N(1e6)), Jobs: jobs, Limit: min(3*time.Minute+time.Duration(jobs)*time.Second, 15*time.Minute),
		Limits: soak.Limits{Recovery: soakLease + soakTick + 10*time.Second}, Progress: os.Stderr,
	}
	fmt.Fprintf(os.Stderr, "soak: %d jobs, %s=%d\n", cfg.Jobs, soakSeed, cfg.Seed)
	stage := newSoakStage(t, cfg.Seed)
	report, err := soak.Run(t.Context(), stage.Stage, cfg)
	wrong := report.Wrong(cfg.Limits)
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	for _, left := range stage.processes() {
		wrong = append(wrong, "a process outlived its worker: "+left)
	}
	t.Log("\n" + report.Table())
	if len(wrong) > 0 {
		t.Errorf("with %s=%d:\n%s\nlogs of the workers: %s", soakSeed, cfg.Seed, strings.Join(wrong, "\n"), stage.logs)
		return
	}
	if path := os.Getenv(soakTable); path != "" {
		text := fmt.Sprintf(soakText, soakLease, soakTick) + report.Table()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func soakNumber(t *testing.T, variable string, def uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return def
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		t.Fatalf("read %s: %v", variable, err)
	}
	return n
}
