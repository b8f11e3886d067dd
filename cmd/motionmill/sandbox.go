package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/media"
	"github.com/motionmill/motionmill/media/sandbox"
)

// addSandboxFlag adds the setting of how ffmpeg is confined, which findTools reads.
func addSandboxFlag(cmd *cobra.Command) {
	cmd.Flags().String("sandbox", string(sandbox.Auto),
		"how ffmpeg is kept to its files and off the network: auto takes the best that works here, strict refuses to start without, off")
}

// findTools looks up ffmpeg and ffprobe, the sandbox that they run in, and the hardware that
// is wanted.
func findTools(ctx context.Context, cmd *cobra.Command, hardware media.Hardware) (*media.Tools, error) {
	text, err := cmd.Flags().GetString("sandbox")
	if err != nil {
		return nil, err
	}
	mode, err := sandbox.ReadMode(text)
	if err != nil {
		return nil, usageError{fmt.Errorf("read --sandbox: %w", err)}
	}
	tools, err := media.Find(ctx, media.Config{Sandbox: sandbox.Config{Mode: mode}, Hardware: hardware})
	if err != nil {
		return nil, missingError{err}
	}
	return tools, nil
}

// logSandbox says what is in force, louder where that is less than it should be.
func logSandbox(tools *media.Tools, log *slog.Logger) {
	inForce, refused := tools.Sandbox()
	level := slog.LevelInfo
	if !inForce.Confined() && inForce.Mode != sandbox.Off {
		level = slog.LevelWarn
	}
	log.Log(context.Background(), level, "sandbox of ffmpeg", "in_force", describeSandbox(inForce), "refused", refused)
}

// lookAtSandbox tries the sandbox. That none works is an error only where one is
// demanded.
func lookAtSandbox(ctx context.Context, cmd *cobra.Command) (string, error) {
	tools, err := findTools(ctx, cmd, media.HardwareOff)
	if err != nil {
		return "", err
	}
	inForce, refused := tools.Sandbox()
	found := describeSandbox(inForce)
	if len(refused) > 0 {
		found += " (" + strings.Join(refused, "; ") + ")"
	}
	if !inForce.Confined() && inForce.Mode != sandbox.Off {
		found += "; to mend it: " + media.InstallSandbox
	}
	return found, nil
}

// describeSandbox says what a report means for ffmpeg.
func describeSandbox(r sandbox.Report) string {
	var kept []string
	for _, fact := range []struct {
		holds bool
		text  string
	}{
		{r.Filesystem, "the job's files only"}, {r.Network, "no network"}, {r.Processes, "no other process"}, {r.SystemCalls, "dangerous system calls refused"},
	} {
		if fact.holds {
			kept = append(kept, fact.text)
		}
	}
	if r.Mode == sandbox.Off {
		return "off, as set: resource limits only"
	}
	if len(kept) == 0 {
		return "none works here: resource limits only"
	}
	return string(r.Level) + ": " + strings.Join(kept, ", ")
}
