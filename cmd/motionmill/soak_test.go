package main

import (
	"errors"
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
	// soakVisibility is how soon what a killed worker had received is visible again.
	soakVisibility = soakLease / 2
	soakTick       = time.Second // of claims and sweeps
	// soakServersLease is longer: three servers that share a busy machine do not
	// always answer within two thirds of a short one.
	soakServersLease = 9 * time.Second
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

// soakServersText follows on soakText.
const soakServersText = `
## On servers

The same on servers that stand in for AWS: the objects in moto, the queues in ElasticMQ, the ledger in dynalite (moto's conditional writes are not
atomic). There is a proxy before each of the three, and one request in six to any of them is hit. Moto's events have no sequencer; the soak,
which carries them from moto's queue on to ElasticMQ, gives each the next number. Twelve more seconds are allowed to recover: a server delivers to
long polls of workers that are dead, and what it delivered is hidden for three seconds. A lease is %s.

`

// TestSoak works a stage under fire: about a minute of it, or as many jobs as
// the environment says.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes about a minute")
	}
	needParts(t)
	cfg := soakConfig(t, 60)
	report := soakOn(t, newSoakStage(t, cfg.Seed), cfg)
	keepSoak(t, os.O_TRUNC, fmt.Sprintf(soakText, soakLease, soakTick)+report.Table())
}

// TestSoakOnServers is the soak on servers that stand in for AWS, with a bad
// network before all three.
func TestSoakOnServers(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes about a minute")
	}
	needParts(t)
	cfg := soakConfig(t, 36)
	// What is delivered to a poll whose worker was killed, or in a reply that is
	// lost, is hidden for a while; to a timer and a message that may happen twice each.
	cfg.Limits.Recovery += soakServersLease - soakLease + 4*soakVisibility
	report := soakOn(t, newSoakServers(t, cfg.Seed), cfg)
	keepSoak(t, os.O_APPEND, fmt.Sprintf(soakServersText, soakServersLease)+report.Table())
}

// soakConfig is for that many jobs, unless the environment says otherwise.
func soakConfig(t *testing.T, jobs uint64) soak.Config {
	t.Helper()
	jobs = soakNumber(t, soakJobs, jobs)
	return soak.Config{
		Seed: soakNumber(t, soakSeed, rand.Uint64N(1e6)), Jobs: int(jobs), Limit: min(3*time.Minute+time.Duration(jobs)*time.Second, 15*time.Minute),
		Limits: soak.Limits{Recovery: soakLease + soakTick + 10*time.Second}, Progress: os.Stderr,
	}
}

// soakOn soaks a stage; what is wrong fails the test.
func soakOn(t *testing.T, stage *soakStage, cfg soak.Config) soak.Report {
	t.Helper()
	fmt.Fprintf(os.Stderr, "soak: %d jobs, %s=%d\n", cfg.Jobs, soakSeed, cfg.Seed)
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
	}
	return report
}

// keepSoak writes what came of a soak that went well to the file that the
// environment names, if it names one.
func keepSoak(t *testing.T, how int, text string) {
	t.Helper()
	path := os.Getenv(soakTable)
	if path == "" || t.Failed() {
		return
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|how, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
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
