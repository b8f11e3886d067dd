package pipeline

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

// trial is one hostile file on its way through the pipeline of another process.
type trial struct {
	Input   string
	Out     string
	Profile string
}

// verdict is what came of a trial.
type verdict struct {
	// Kind is that of the typed error, "" for a result, "untyped" for any other error.
	Kind    string
	Message string
	Stderr  []string
	// CPU is in seconds, of the children and of the process itself; RSS is the most, in MB, that
	// any child has taken so far.
	CPU, RSS float64
}

const (
	trialsVariable = "MOTIONMILL_TEST_TRIALS"
	trialsBegin    = "/motionmill-test-trials-begin"
)

// TestHostileChild is the process that hostile files are given to: it reads trials from a
// file, and prints a verdict for each. By itself it does nothing.
func TestHostileChild(t *testing.T) {
	path := os.Getenv(trialsVariable)
	if path == "" {
		t.Skip("it is a part of TestHostile")
	}
	var trials []trial
	if err := json.Unmarshal(mustRead(t, path), &trials); err != nil {
		t.Fatal(err)
	}
	var cfg Config
	if len(trials) > 0 && trials[0].Profile == "pose" {
		cfg = handMadeConfig(t)
	} else {
		cfg = config(t)
	}
	cfg.Logger, cfg.Threads = slog.New(slog.NewTextHandler(os.Stderr, nil)), 2
	out := bufio.NewWriter(os.Stdout)
	_, _ = os.Open(trialsBegin) // For strace: what comes before tries the sandbox.
	for _, one := range trials {
		profile := cfg.Profiles[one.Profile]
		if one.Profile == "video" {
			profile = Profile{Name: "video", Outputs: []Output{Video, Poster}}
		}
		if one.Profile == "pose" {
			profile.Models = map[string]string{"pose": "markers"}
		}
		before := spent()
		_, err := cfg.File(t.Context(), one.Input, one.Out, profile, func(job.Progress) {})
		line, fault := json.Marshal(judge(err, spent()-before))
		if fault != nil {
			t.Fatal(fault)
		}
		fmt.Fprintf(out, "verdict %s\n", line)
		if err := out.Flush(); err != nil {
			t.Fatal(err)
		}
	}
}

func judge(err error, took time.Duration) verdict {
	v := verdict{CPU: took.Seconds()}
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_CHILDREN, &usage) == nil {
		v.RSS = float64(usage.Maxrss) / 1024
	}
	var typed *job.Error
	switch {
	case err == nil:
	case errors.As(err, &typed):
		v.Kind, v.Message, v.Stderr = string(typed.Kind), err.Error(), typed.Stderr
	default:
		v.Kind, v.Message = "untyped", err.Error()
	}
	return v
}

// spent is the processor time of this process and its children so far.
func spent() time.Duration {
	total := int64(0)
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var usage syscall.Rusage
		if syscall.Getrusage(who, &usage) == nil {
			total += usage.Utime.Nano() + usage.Stime.Nano()
		}
	}
	return time.Duration(total)
}
