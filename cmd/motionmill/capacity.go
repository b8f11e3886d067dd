package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/inference/onnx"
)

const capacitySchema = "motionmill.capacity/1"

// measuredCapacity is what `bench --write` leaves for the workers of a machine.
type measuredCapacity struct {
	Schema string `json:"schema"`
	// Capacity is in units of work.
	Capacity int `json:"capacity"`
	// Processors are those that there were: with others the figure is worth nothing.
	Processors int `json:"processors"`
	// Speed is the seconds of video a second that the machine came to, with Profile.
	Speed      float64   `json:"speed"`
	Profile    string    `json:"profile"`
	Motionmill string    `json:"motionmill"`
	MeasuredAt time.Time `json:"measured_at"`
}

// addCapacityFile adds the flag that bench and workers share.
func addCapacityFile(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "capacity-file", defaultCapacityFile(), "file of the capacity that motionmill bench --write measured")
}

func defaultCapacityFile() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "" // A service without a home: then none is read unless it is named.
	}
	return filepath.Join(dir, "motionmill", "capacity.json")
}

// tryCapacityFile finds out whether the capacity can be written to path once it
// has been measured, which takes minutes. What undo returns removes the folders
// that were made for it, as far as they are empty.
func tryCapacityFile(path string) (undo func(), err error) {
	if path == "" {
		return nil, usageError{errors.New("write the capacity: this user has no folder of settings; name a file by --capacity-file")}
	}
	if there, err := os.Stat(path); err == nil && !there.Mode().IsRegular() {
		return nil, usageError{fmt.Errorf("write the capacity: %s is no plain file; name another by --capacity-file", path)}
	}
	return makeFolder(filepath.Dir(path), "--capacity-file")
}

func (m measuredCapacity) write(path string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write the capacity: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write the capacity: %w; name another file by --capacity-file", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the capacity: %w; name another file by --capacity-file", err)
	}
	return nil
}

// capacityOf returns the units of this worker: those that the flag or the
// environment give, else those that were measured on as many processors, else one each.
func (f *workFlags) capacityOf(cmd *cobra.Command, log *slog.Logger) (int, error) {
	if cmd.Flags().Changed("capacity") || f.capacityFile == "" {
		return f.capacity, nil
	}
	text, err := os.ReadFile(f.capacityFile)
	if errors.Is(err, fs.ErrNotExist) && !cmd.Flags().Changed("capacity-file") {
		return f.capacity, nil
	}
	const remedy = "run `motionmill bench --write` anew, or set --capacity"
	if err != nil {
		return 0, usageError{fmt.Errorf("read the measured capacity: %w; %s", err, remedy)}
	}
	var m measuredCapacity
	if err := json.Unmarshal(text, &m); err != nil {
		return 0, usageError{fmt.Errorf("read the measured capacity from %s: %w; %s", f.capacityFile, err, remedy)}
	}
	if m.Schema != capacitySchema || m.Capacity < 1 {
		return 0, usageError{fmt.Errorf("read the measured capacity from %s: it is no %s with a capacity of 1 or more; %s", f.capacityFile, capacitySchema, remedy)}
	}
	if m.Processors != onnx.CPUs() {
		log.Warn("the measured capacity is that of another machine: it is not used", "file", f.capacityFile,
			"processors_then", m.Processors, "processors", onnx.CPUs(), "remedy", remedy)
		return f.capacity, nil
	}
	log.Info("the capacity is what was measured", "capacity", m.Capacity, "file", f.capacityFile, "measured_at", m.MeasuredAt)
	return m.Capacity, nil
}
