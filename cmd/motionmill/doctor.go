package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media"
	"github.com/motionmill/motionmill/media/sandbox"
	"github.com/motionmill/motionmill/worker/pipeline"
)

// check is one thing that doctor looks at. found says what is there; mend is
// what to do when the check fails, and its error does not say that itself.
type check struct {
	name string
	look func(ctx context.Context) (found string, err error)
	mend string
}

func newDoctorCommand() *cobra.Command {
	var models inferenceFlags
	var stage stageDoctor
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is there, what is missing and what mends it; also try a two-second video",
		Long: "Says what is there, what is missing and what mends it, and takes two seconds of video through the pipeline.\n" +
			"Where a stage is set, it also says who we are there, and looks at its buckets, queues and ledger. It changes nothing.",
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runChecks(cmd, append(checks(cmd, &models), stage.checks()...))
		},
	}
	addPipelineFlags(cmd, &models)
	stage.add(cmd)
	return cmd
}

// runChecks looks at everything and prints it. Its error is one of
// configuration when that is all that is wrong.
func runChecks(cmd *cobra.Command, all []check) error {
	failed, status := 0, statusUsage
	for _, c := range all {
		found, err := c.look(cmd.Context())
		if errors.Is(err, context.Canceled) {
			return err
		}
		if err != nil {
			failed++
		}
		var usage usageError
		if err != nil && !errors.As(err, &usage) {
			status = statusMissing
		}
		printCheck(cmd, c, found, err)
	}
	if failed > 0 {
		return statusError{fmt.Errorf("doctor: %d of the checks failed", failed), status}
	}
	return nil
}

// remedyOf returns what mends an error, and the error without that. What the error
// itself says goes before what usually mends the check.
func remedyOf(c check, err error) (mend string, finding error) {
	var typed *job.Error
	if !errors.As(err, &typed) || typed.Error() != err.Error() || typed.Remedy == "" {
		return c.mend, err
	}
	bare := *typed
	bare.Remedy = ""
	return typed.Remedy, &bare
}

func printCheck(cmd *cobra.Command, c check, found string, err error) {
	out := cmd.OutOrStdout()
	if wantsJSON(cmd) {
		line := map[string]any{"check": c.name, "ok": err == nil, "found": found}
		if err != nil {
			mend, finding := remedyOf(c, err)
			line["error"], line["mend"] = oneLine(finding), mend
		}
		printJSON(out, line)
		return
	}
	if err == nil {
		fmt.Fprintf(out, "ok       %-13s %s\n", c.name, found)
		return
	}
	mend, finding := remedyOf(c, err)
	fmt.Fprintf(out, "MISSING  %-13s %s\n", c.name, oneLine(finding))
	if mend != "" {
		fmt.Fprintf(out, "         to mend it:   %s\n", mend)
	}
}

func checks(cmd *cobra.Command, models *inferenceFlags) []check {
	return []check{
		{name: "ffmpeg", mend: "apt-get install ffmpeg", look: func(ctx context.Context) (string, error) {
			tools, err := media.Find(ctx, media.Config{Sandbox: sandbox.Config{Mode: sandbox.Off}})
			if err != nil {
				return "", err
			}
			return tools.Version(), nil
		}},
		{name: "sandbox", look: func(ctx context.Context) (string, error) { return lookAtSandbox(ctx, cmd) }},
		{name: "hardware", look: func(ctx context.Context) (string, error) { return lookAtHardware(ctx, cmd) }},
		{name: "ONNX Runtime", mend: "make setup", look: func(context.Context) (string, error) {
			runtime, err := onnx.Open(onnx.Config{Library: models.library, Provider: models.provider, RequireGPU: models.requireGPU})
			if err != nil {
				return "", err
			}
			defer runtime.Close()
			return fmt.Sprintf("%s at %s, providers %v", runtime.Version(), runtime.Library(), runtime.Providers()), nil
		}},
		{name: "models", mend: "motionmill models verify", look: func(context.Context) (string, error) { return lookAtModels(cmd, models) }},
		{name: "work folder", look: lookAtWorkFolder},
		{name: "a video", look: func(ctx context.Context) (string, error) { return tryVideo(ctx, cmd, models) }},
	}
}

func lookAtModels(cmd *cobra.Command, models *inferenceFlags) (string, error) {
	catalogue, err := models.catalogue(cmd)
	if err != nil {
		return "", err
	}
	var found []string
	for _, task := range []string{"detect", "pose", "matte"} {
		m, ok := catalogue.Best(task)
		if !ok {
			continue
		}
		if err := m.Verify(); err != nil {
			return "", err
		}
		found = append(found, task+"="+m.Name)
	}
	return strings.Join(found, " "), nil
}

// lookAtWorkFolder tries that files of jobs can be written.
func lookAtWorkFolder(context.Context) (string, error) {
	dir, err := os.MkdirTemp("", "motionmill-doctor-")
	if err != nil {
		return "", fmt.Errorf("make a folder for it: %w; set TMPDIR to one that can be written to", err)
	}
	return filepath.Dir(dir), os.RemoveAll(dir)
}

// tryVideo takes two seconds of the built-in video through the whole pipeline.
func tryVideo(ctx context.Context, cmd *cobra.Command, models *inferenceFlags) (string, error) {
	cfg, profile, err := pipelineAlone(ctx, cmd, models, pipeline.DefaultProfile, slog.LevelError)
	if err != nil {
		return "", err
	}
	defer cfg.Engine.Close()
	dir, err := os.MkdirTemp("", "motionmill-doctor-")
	if err != nil {
		return "", fmt.Errorf("make a folder for it: %w; set TMPDIR to one that can be written to", err)
	}
	defer os.RemoveAll(dir)
	clip, err := cutDemo(ctx, dir, 2)
	if err != nil {
		return "", err
	}
	m, err := cfg.File(ctx, clip, filepath.Join(dir, "out"), profile, func(job.Progress) {})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%.1f s of video made into %d files in %.1f s", m.Input.Duration, len(m.Outputs), m.FinishedAt.Sub(m.StartedAt).Seconds()), nil
}
