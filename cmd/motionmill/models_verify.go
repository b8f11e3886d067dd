package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/inference"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
)

func newModelsVerifyCommand() *cobra.Command {
	var flags inferenceFlags
	cmd := &cobra.Command{
		Use:   "verify [NAME…]",
		Short: "Check the files of models against the hashes of their manifests, and try each model once",
		Long: `Checks the files of models against the hashes of their manifests. Then each model is
opened, compared with its manifest and run on drawn pictures, as a worker does at its start: a
graph of another layout, outputs that are no numbers or always 0, and files that ONNX
Runtime cannot open are told here.`,
		RunE: func(cmd *cobra.Command, names []string) error {
			log, err := newLogger(cmd, slog.LevelError)
			if err != nil {
				return err
			}
			engine, err := flags.engine(cmd, log)
			if err != nil {
				return err
			}
			return verifyModels(cmd, engine.Catalogue, engine.Config, names)
		},
	}
	flags.add(cmd)
	return cmd
}

func verifyModels(cmd *cobra.Command, catalogue *models.Catalogue, cfg onnx.Config, names []string) error {
	models := catalogue.List()
	if len(names) > 0 {
		models = nil
		for _, name := range names {
			m, err := catalogue.Find(name)
			if err != nil {
				return err
			}
			models = append(models, m)
		}
	}
	bad := 0
	if len(names) == 0 {
		bad = tellHidden(cmd, catalogue.Hidden())
	}
	all := bad + len(models)
	var untried error
	for _, m := range models {
		limit, noRuntime, err := verifyModel(cfg, m)
		if err != nil {
			bad++
		}
		if noRuntime != nil {
			untried = noRuntime
		}
		switch {
		case wantsJSON(cmd):
			printJSON(cmd.OutOrStdout(), map[string]any{
				"name": m.Name, "ok": err == nil, "tried": err == nil && limit == "", "error": errorText(err),
			})
		case err != nil:
			fmt.Fprintf(cmd.OutOrStdout(), "bad  %s: %s\n", m.Name, oneLine(err))
		default:
			fmt.Fprintf(cmd.OutOrStdout(), "ok   %s%s\n", m.Name, limit)
		}
	}
	switch {
	case bad > 0:
		return statusError{fmt.Errorf("verify models: %d of %d cannot be used", bad, all), statusFailed}
	case untried != nil:
		return missingError{fmt.Errorf("try models: %w", untried)}
	}
	return nil
}

// tellHidden tells of manifests that no name leads to, and how many there are.
func tellHidden(cmd *cobra.Command, hidden []error) int {
	for _, err := range hidden {
		if wantsJSON(cmd) {
			printJSON(cmd.OutOrStdout(), map[string]any{"ok": false, "tried": false, "error": err.Error()})
		} else {
			fmt.Fprintf(cmd.OutOrStdout(), "bad  %s\n", oneLine(err))
		}
	}
	return len(hidden)
}

// verifyModel checks the file and tries the model. A family that is none, or of another task, is
// bad as well: nothing would ever use it. limit says why it was not
// tried, and noRuntime what ONNX Runtime lacks for that. The sessions are freed: all
// models together may not fit into memory.
func verifyModel(cfg onnx.Config, m models.Model) (limit string, noRuntime, err error) {
	if err := m.Verify(); err != nil {
		return "", nil, err
	}
	if err := m.Supported(); err != nil {
		return "", nil, err
	}
	runtime, err := onnx.Open(cfg)
	if err != nil {
		return " (its file; ONNX Runtime cannot be used)", err, nil
	}
	defer runtime.Close()
	return "", nil, inference.Try(runtime, m)
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return oneLine(err)
}
