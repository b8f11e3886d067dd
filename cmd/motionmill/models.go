package main

import (
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/inference/family"
	"github.com/motionmill/motionmill/inference/generic"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
)

func newModelsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "models",
		Short: "Look at the models in the models folders and the built-in starters, and fetch others",
		Args:  subcommandOnly,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newModelsListCommand(), newModelsVerifyCommand(), newModelsInfoCommand(), newModelsEvalCommand(), newModelsPullCommand())
	return cmd
}

func newModelsListCommand() *cobra.Command {
	var flags inferenceFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the models; the highest rank of a task is used when nobody names one",
		Args:  exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			catalogue, err := flags.catalogue(cmd)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				for _, m := range catalogue.List() {
					printJSON(cmd.OutOrStdout(), modelView(m))
				}
				return nil
			}
			return printModels(cmd.OutOrStdout(), catalogue)
		},
	}
	flags.addFolder(cmd)
	return cmd
}

func printModels(out io.Writer, catalogue *models.Catalogue) error {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tTASK\tFAMILY\tRANK\tLICENCE\tUSED\tNOTE")
	for _, m := range catalogue.List() {
		used, note := "", m.Note
		if usedByDefault(catalogue, m) {
			used = "by default"
		}
		if err := m.Supported(); err != nil {
			note = "family is not supported by this version"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", m.Name, m.Task, m.Family, m.Rank, m.Licence, used, note)
	}
	return table.Flush()
}

// usedByDefault tells whether a model is what a task gets when nobody names one.
func usedByDefault(catalogue *models.Catalogue, m models.Model) bool {
	for _, task := range []string{models.TaskDetect, models.TaskPose, models.TaskMatte} {
		if best, ok := catalogue.Best(task); ok && best.Name == m.Name {
			return true
		}
	}
	return false
}

func modelView(m models.Model) map[string]any {
	return map[string]any{
		"name": m.Name, "task": m.Task, "family": m.Family, "rank": m.Rank, "licence": m.Licence, "sha256": m.SHA256,
		"source": m.Source, "note": m.Note, "supported": m.Supported() == nil,
	}
}

func newModelsInfoCommand() *cobra.Command {
	var flags inferenceFlags
	cmd := &cobra.Command{
		Use:   "info NAME|FILE.onnx",
		Short: "Print a model's manifest, and the inputs and outputs of its graph; of a file, the manifest to save beside it",
		Args:  exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			log, err := newLogger(cmd, slog.LevelWarn)
			if err != nil {
				return err
			}
			if filepath.Ext(args[0]) == ".onnx" { // The folders are not read: the manifest may be about to be written there.
				return printFile(cmd, onnx.Config{Library: flags.library, Provider: onnx.ProviderCPU, Logger: log}, args[0])
			}
			engine, err := flags.engine(cmd, log)
			if err != nil {
				return err
			}
			defer engine.Close()
			return printModel(cmd, engine.Catalogue, engine.Config, args[0])
		},
	}
	flags.add(cmd)
	return cmd
}

func printModel(cmd *cobra.Command, catalogue *models.Catalogue, cfg onnx.Config, name string) error {
	m, err := catalogue.Find(name)
	if err != nil {
		return err
	}
	inputs, outputs, err := describe(cfg, m)
	if err != nil {
		return err
	}
	if wantsJSON(cmd) {
		view := modelView(m)
		view["inputs"], view["outputs"] = inputs, outputs
		printJSON(cmd.OutOrStdout(), view)
		return nil
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "name     %s\ntask     %s\nfamily   %s\nrank     %d\nlicence  %s\nsha256   %s\n", m.Name, m.Task, m.Family, m.Rank, m.Licence, m.SHA256)
	if m.Source != "" {
		fmt.Fprintln(out, "source  ", m.Source)
	}
	if m.Note != "" {
		fmt.Fprintln(out, "note    ", m.Note)
	}
	printTensors(out, "", inputs, outputs)
	return nil
}

func printTensors(out io.Writer, before string, inputs, outputs []onnx.TensorInfo) {
	for _, t := range inputs {
		fmt.Fprintf(out, "%sinput    %s\n", before, t)
	}
	for _, t := range outputs {
		fmt.Fprintf(out, "%soutput   %s\n", before, t)
	}
}

func describe(cfg onnx.Config, m models.Model) (inputs, outputs []onnx.TensorInfo, err error) {
	runtime, err := onnx.Open(cfg)
	if err != nil {
		return nil, nil, missingError{err}
	}
	defer runtime.Close()
	return runtime.Describe(m)
}

// printFile prints what a file's graph tells, as a manifest that can be saved as it is.
func printFile(cmd *cobra.Command, cfg onnx.Config, path string) error {
	m, err := models.FileModel(path)
	if err != nil {
		return err
	}
	inputs, outputs, err := describe(cfg, m)
	if err != nil {
		return err
	}
	advice := "Save it beside the file. Colour, mean, std and pad are what the family usually has: a graph does not tell them."
	manifest, ok := family.Draft(m, inputs, outputs)
	if !ok {
		advice = "It is of no family of this version, but can be a step of a profile (docs/models.md, generic steps). Look through what its inputs get: that was guessed."
		manifest, ok = generic.Draft(m, inputs, outputs)
	}
	if wantsJSON(cmd) {
		printJSON(cmd.OutOrStdout(), map[string]any{"sha256": m.SHA256, "inputs": inputs, "outputs": outputs, "manifest": manifest})
	} else {
		printTensors(cmd.OutOrStdout(), "# ", inputs, outputs)
		fmt.Fprint(cmd.OutOrStdout(), manifest)
	}
	if !ok {
		return statusError{fmt.Errorf("read model %s: the graph is of no family of this version, and takes what no step of a profile can give (docs/models.md says what can be)", m.Path), statusFailed}
	}
	if !wantsJSON(cmd) {
		fmt.Fprintln(cmd.ErrOrStderr(), advice)
	}
	return nil
}
