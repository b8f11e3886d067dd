package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/local"
)

// localBeat shows progress live: a write to the local ledger costs next to nothing.
const localBeat = 2 * time.Second

func newLocalCommand() *cobra.Command {
	var models inferenceFlags
	var work workFlags
	var private privateFlags
	var cfg local.Config
	dir, dirErr := local.DefaultDir()
	cmd := &cobra.Command{
		Use:   "local",
		Short: "Run the whole stage on this machine: object store, API, page and a worker",
		Long: "Runs the whole stage on this machine without an account: the object store, the API with the\n" +
			"page, and a worker, each a process of its own that is started again when it dies.\n" +
			"One Ctrl-C drains, a second stops at once.",
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.Dir == "" && dirErr != nil {
				return usageError{dirErr}
			}
			return runLocal(cmd, cfg, &work, &private)
		},
	}
	cmd.Flags().StringVar(&cfg.Dir, "dir", dir, "folder of the stage")
	cmd.Flags().IntVar(&cfg.Port, "port", 8080, "port of the API and the page; 0 takes a free one")
	cmd.Flags().IntVar(&cfg.StorePort, "store-port", 0, "port of the object store; default 7070, or a free one when that is taken")
	addUsersFlag(cmd, new(string)) // for the API, by passedFlags
	addPipelineFlags(cmd, &models)
	work.add(cmd)
	private.add(cmd)
	cmd.Flags().Lookup("listen-private").Usage += "; that of the API, and the next port is the worker's"
	// What it gives its worker unless told otherwise.
	cmd.Flags().Lookup("work-dir").DefValue = "work in the stage's folder"
	cmd.Flags().Lookup("beat").DefValue = localBeat.String()
	return cmd
}

func runLocal(cmd *cobra.Command, cfg local.Config, work *workFlags, private *privateFlags) error {
	log, err := newLogger(cmd, slog.LevelInfo)
	if err != nil {
		return err
	}
	if err := work.check(); err != nil {
		return err
	}
	stage, err := local.Open(cfg)
	var named interface{ ExitStatus() int }
	if err != nil && !errors.As(err, &named) {
		return usageError{fmt.Errorf("%w; give another folder by --dir", err)}
	}
	if err != nil {
		return statusOf(err)
	}
	defer stage.Close()
	env := append(stage.Env(), passedFlags(cmd)...)
	if work.beat == 0 {
		env = append(env, variable("beat")+"="+localBeat.String())
	}
	if !cmd.Flags().Changed("work-dir") {
		env = append(env, variable("work-dir")+"="+filepath.Join(stage.Dir, "work"))
	}
	ready := filepath.Join(stage.Dir, "worker.ready")
	if err := os.Remove(ready); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("open stage %s: %w", stage.Dir, err)
	}
	env = append(env, readyFile+"="+ready)
	seen, err := seenAt(cmd, private)
	if err != nil {
		return err
	}
	supervisor, err := local.NewSupervisor(local.SupervisorConfig{
		Children: children(stage, env, ready, work.grace, seen), LogsDir: stage.LogsDir(), Log: log,
		Show:    func(child, line string) { fmt.Fprintf(cmd.ErrOrStderr(), "[%s] %s\n", child, line) },
		OnReady: func() { printStage(cmd, stage, seen) },
	})
	if err != nil {
		return err
	}
	return statusOf(supervisor.Run(cmd.Context(), secondSignal(cmd.Context())))
}

// children are the processes of the stage, in the order of their start.
func children(stage *local.Stage, env []string, ready string, grace time.Duration, seen privatePorts) []local.Child {
	private := func(address string) []string { return append(slices.Clip(env), variable("listen-private")+"="+address) }
	return []local.Child{
		{
			Name: "objects", Args: []string{"objects", "--objects-dir", stage.ObjectsDir(), "--objects-listen", stage.StoreAddress},
			Env: env, Ready: answers(stage.StoreURL() + "/healthz"),
		},
		{Name: "api", Args: []string{"serve"}, Env: private(seen.api), After: []string{"objects"}, Ready: answers(stage.URL() + "/healthz")},
		// The worker is last, so that it is drained first.
		{
			Name: "worker", Args: []string{"work"}, Env: private(seen.worker), After: []string{"objects"}, Grace: grace + 20*time.Second,
			Ready: func(context.Context) error { _, err := os.Stat(ready); return err },
		},
	}
}

// answers returns a check that asks a URL once.
func answers(url string) func(context.Context) error {
	client := &http.Client{Timeout: 2 * time.Second}
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s: %s", url, response.Status)
		}
		return nil
	}
}

// passedFlags hands the flags that were given to the children, as environment.
func passedFlags(cmd *cobra.Command) []string {
	var env []string
	for _, name := range []string{
		"models-dir", "provider", "require-gpu", "ort-library", "sandbox", "hardware", "capacity", "capacity-file", "claim-schedule",
		"sweep-schedule", "lease", "beat",
		"max-attempts", "grace", "work-dir", "log-level", "log-format", "users",
	} {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			env = append(env, variable(name)+"="+f.Value.String())
		}
	}
	if models, err := cmd.Flags().GetStringArray("model"); err == nil && len(models) > 0 {
		env = append(env, modelVariable(models))
	}
	return env
}

func printStage(cmd *cobra.Command, stage *local.Stage, seen privatePorts) {
	if wantsJSON(cmd) {
		printJSON(cmd.OutOrStdout(), map[string]string{
			"page": stage.URL(), "s3_endpoint": stage.StoreURL(), "dir": stage.Dir, "private_api": seen.api, "private_worker": seen.worker,
		})
		return
	}
	fmt.Fprintf(cmd.OutOrStdout(), "page         %s\nS3 endpoint  %s\nfolder       %s\nmetrics      %s\n\nupload by hand:\n  %s\n\nCtrl-C stops it.\n",
		stage.URL(), stage.StoreURL(), stage.Dir, seen, stage.CopyCommand("VIDEO.mp4"))
}

// statusOf gives an error of the supervisor the exit status that it names.
func statusOf(err error) error {
	var named interface{ ExitStatus() int }
	switch {
	case errors.Is(err, local.ErrForced):
		return statusError{err, statusInterrupted}
	case errors.As(err, &named):
		return statusError{err, named.ExitStatus()}
	}
	return err
}
