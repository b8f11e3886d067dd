package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/media"
)

// addHardwareFlag adds the setting of what encodes H.264, which readHardware reads.
func addHardwareFlag(cmd *cobra.Command) {
	cmd.Flags().String("hardware", string(media.HardwareAuto),
		"what encodes H.264: auto takes the hardware that works here, else libx264; off, nvenc, qsv, vaapi, videotoolbox, which has to work")
}

func readHardware(cmd *cobra.Command) (media.Hardware, error) {
	text, err := cmd.Flags().GetString("hardware")
	if err != nil {
		return "", err
	}
	hardware, err := media.ReadHardware(text)
	if err != nil {
		return "", usageError{fmt.Errorf("read --hardware: %w", err)}
	}
	return hardware, nil
}

// logHardware says what encodes, and why each better way does not.
func logHardware(tools *media.Tools, log *slog.Logger) {
	_, refused := tools.Hardware()
	log.Info("encoder of H.264", "in_use", describeEncoder(tools), "refused", refused)
}

// lookAtHardware tries the hardware. That none works is an error only where one is
// demanded.
func lookAtHardware(ctx context.Context, cmd *cobra.Command) (string, error) {
	hardware, err := readHardware(cmd)
	if err != nil {
		return "", err
	}
	tools, err := findTools(ctx, cmd, hardware)
	if err != nil {
		return "", err
	}
	found := describeEncoder(tools)
	if _, refused := tools.Hardware(); len(refused) > 0 {
		found += " (" + strings.Join(refused, "; ") + ")"
	}
	return found, nil
}

// describeEncoder says what encodes H.264.
func describeEncoder(tools *media.Tools) string {
	if name := tools.Encoder().Name(); name != "" {
		return name + " works: it encodes H.264"
	}
	if setting, _ := tools.Hardware(); setting == media.HardwareOff {
		return "off, as set: libx264 encodes H.264"
	}
	return "none works here: libx264 encodes H.264"
}
