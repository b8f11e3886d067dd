package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/worker/pipeline"
)

func newRunCommand() *cobra.Command {
	var models inferenceFlags
	var out, profile string
	var metadata []string
	cmd := &cobra.Command{
		Use:   "run FILE --out DIR",
		Short: "Take one file through the whole pipeline in this process",
		Long: "Takes one file through the whole pipeline in this process, without a queue or a server.\n" +
			"DIR then holds exactly what a job leaves behind.",
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usageError{errors.New("run: say where the results go: --out DIR")}
			}
			sent, err := readMetadata(metadata)
			if err != nil {
				return err
			}
			return runFile(cmd, &models, args[0], sent, out, profile)
		},
	}
	addPipelineFlags(cmd, &models)
	cmd.Flags().StringVarP(&out, "out", "o", "", "folder for the results; created when absent")
	cmd.Flags().StringVar(&profile, "profile", pipeline.DefaultProfile, "what to make: a built-in profile or the path of a YAML file")
	cmd.Flags().StringArrayVar(&metadata, "metadata", nil, "NAME=VALUE, as an upload's metadata: a text for the profile's steps; repeatable")
	return cmd
}

// readMetadata reads NAME=VALUE pairs.
func readMetadata(pairs []string) (map[string]string, error) {
	metadata := map[string]string{}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, usageError{fmt.Errorf("read --metadata %q: it must be NAME=VALUE", pair)}
		}
		metadata[strings.ToLower(name)] = value
	}
	return metadata, nil
}

func runFile(cmd *cobra.Command, models *inferenceFlags, input string, metadata map[string]string, out, profileName string) error {
	cfg, profile, err := pipelineAlone(cmd.Context(), cmd, models, profileName, slog.LevelWarn)
	if err != nil {
		return err
	}
	defer cfg.Engine.Close()
	if err := pipeline.CheckFolder(out, input, profile); err != nil {
		return usageError{err}
	}
	if err := checkFile(input); err != nil {
		return err
	}
	undo, err := makeFolder(out, "--out")
	if err != nil {
		return err
	}
	defer undo()
	meter := newMeter(wantsJSON(cmd), cmd.OutOrStdout())
	manifest, err := cfg.FileWith(cmd.Context(), input, metadata, out, profile, meter.report)
	meter.done()
	if err != nil {
		return err
	}
	if wantsJSON(cmd) {
		printJSON(cmd.OutOrStdout(), map[string]any{"manifest": manifest})
		return nil
	}
	printManifest(cmd.OutOrStdout(), out, manifest)
	return nil
}

// checkFile refuses an argument that names no plain file.
func checkFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return usageError{fmt.Errorf("read %s: there is no such file; check the path", path)}
	case err != nil:
		return usageError{fmt.Errorf("read %s: %w", path, err)}
	case !info.Mode().IsRegular():
		return usageError{fmt.Errorf("read %s: it is no plain file; name a video file", path)}
	}
	return nil
}

func printManifest(w io.Writer, dir string, m pipeline.Manifest) {
	fmt.Fprintf(w, "%s in %.1f s: %d×%d, %.2f s of video\n", m.Source.Key, m.FinishedAt.Sub(m.StartedAt).Seconds(),
		m.Input.Width, m.Input.Height, m.Input.Duration)
	for _, o := range m.Outputs {
		fmt.Fprintf(w, "  %s/%-16s %9d bytes\n", dir, o.Path, o.Bytes)
	}
	for _, note := range m.Notes {
		fmt.Fprintln(w, "  note:", note)
	}
}

// subcommandOnly refuses arguments where a subcommand is wanted.
func subcommandOnly(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unknown command %q for %q; see %s --help", args[0], cmd.CommandPath(), cmd.CommandPath())}
	}
	return nil
}

// exactArgs refuses any other number of arguments, and shows what the command takes.
func exactArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return wrongArgs(cmd, counted(n, "argument"), args)
		}
		return nil
	}
}

// wrongArgs tells how many arguments a command takes, and shows its usage.
func wrongArgs(cmd *cobra.Command, takes string, args []string) error {
	return usageError{fmt.Errorf("%s takes %s, and got %d; usage: %s; see %s --help",
		cmd.CommandPath(), takes, len(args), cmd.UseLine(), cmd.CommandPath())}
}
