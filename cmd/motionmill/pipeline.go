package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/media"
	"github.com/motionmill/motionmill/worker/pipeline"
)

// addPipelineFlags adds the settings that pipelineConfig reads.
func addPipelineFlags(cmd *cobra.Command, models *inferenceFlags) {
	models.add(cmd)
	addSandboxFlag(cmd)
	addHardwareFlag(cmd)
}

// pipelineConfig gathers what every job of this process shares.
func pipelineConfig(ctx context.Context, cmd *cobra.Command, f *inferenceFlags, log *slog.Logger) (pipeline.Config, error) {
	hardware, err := readHardware(cmd)
	if err != nil {
		return pipeline.Config{}, err
	}
	tools, err := findTools(ctx, cmd, hardware)
	if err != nil {
		return pipeline.Config{}, err
	}
	logSandbox(tools, log)
	logHardware(tools, log)
	engine, err := f.engine(cmd, log)
	if err != nil {
		return pipeline.Config{}, err
	}
	profiles, err := pipeline.LoadProfiles()
	if err != nil {
		return pipeline.Config{}, err
	}
	return pipeline.Config{
		Tools: tools, Limits: media.DefaultLimits(), Engine: engine, Profiles: profiles, Version: version, Logger: log,
	}, nil
}

// pipelineAlone is for a command that takes files through the pipeline by itself: the pipeline, whose
// engine it has to close, and the profile of a name.
func pipelineAlone(
	ctx context.Context, cmd *cobra.Command, models *inferenceFlags, profileName string, level slog.Level,
) (cfg pipeline.Config, profile pipeline.Profile, err error) {
	log, err := newLogger(cmd, level)
	if err != nil {
		return cfg, profile, err
	}
	if cfg, err = pipelineConfig(ctx, cmd, models, log); err != nil {
		return cfg, profile, err
	}
	if profile, err = cfg.Profiles.Find(profileName); err != nil {
		err = usageError{err}
	}
	return cfg, profile, err
}
