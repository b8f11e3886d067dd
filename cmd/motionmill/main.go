// Command motionmill turns videos of people moving into web renditions, pose
// tracks and cut-out silhouettes: one file at a time, or as a service.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/job"
)

// version is set by the release build.
var version = "0.1.0-dev"

func main() { os.Exit(run(os.Args[1:], nil)) }

func run(args []string, between seam) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // A second signal ends the process at once.
	root := newRoot(between)
	root.SetArgs(args)
	out := &printed{to: os.Stdout}
	root.SetOut(out)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = out.lost()
	}
	if err != nil && !errors.Is(err, errReported) {
		printError(root, err, exitStatus(ctx, err) == statusInterrupted)
	}
	return exitStatus(ctx, err)
}

func newRoot(between seam) *cobra.Command {
	root := &cobra.Command{
		Use:           "motionmill",
		Short:         "Turns a video of a person moving into web renditions, a pose track and a cut-out silhouette",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          subcommandOnly,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().String("log-level", "", "least level that is logged: debug, info, warn, error; default info for services, warn for other commands")
	root.PersistentFlags().String("log-format", "", "format of the log: text or json; default text, or json with --json")
	root.PersistentFlags().String("env-file", "", "file of settings, NAME=value, that the environment does not hold; default .env where there is one")
	root.PersistentFlags().Bool("json", false, "print machine-readable lines on stdout, and log JSON")
	root.AddCommand(newRunCommand(), newLocalCommand(), newServeCommand(), newWorkCommand(between), newObjectsCommand(),
		newSubmitCommand(), newJobsCommand(), newUsersCommand(), newModelsCommand(), newBenchCommand(), newDoctorCommand(), newVersionCommand())
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})
	strictCompletion(root)
	strictHelp(root)
	bindEnvironment(root)
	return root
}

// strictCompletion has the completion command refuse a shell that it does not
// know; by itself it would print its help and call that a success.
func strictCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			cmd.Args = subcommandOnly
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}

// strictHelp has the help command refuse a command that there is not; by itself
// it would print the help of the next one above and call that a success.
func strictHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" {
			cmd.Args = func(_ *cobra.Command, args []string) error {
				found, rest, err := root.Find(args)
				if err != nil || len(rest) > 0 {
					return subcommandOnly(found, rest)
				}
				return nil
			}
		}
	}
}

// interruption says in people's words how Go tells of a signal.
var interruption = strings.NewReplacer("stop work: stop work: ", "stop work: ",
	"context canceled: interrupt signal received", "interrupted", "context canceled: terminated signal received", "interrupted",
	"interrupt signal received", "interrupted", "terminated signal received", "interrupted", "context canceled", "interrupted")

// printError tells an error in one line on stderr, with its kind where it has
// one, and on stdout for machines that asked for it.
func printError(root *cobra.Command, err error, interrupted bool) {
	kind, text := "", oneLine(err)
	if interrupted {
		text = interruption.Replace(text)
	}
	var typed *job.Error
	if errors.As(err, &typed) && typed.Kind != job.Internal {
		kind = string(typed.Kind)
		fmt.Fprintf(os.Stderr, "motionmill: %s: %s\n", kind, text)
	} else {
		fmt.Fprintln(os.Stderr, "motionmill:", text)
	}
	if wantsJSON(root) {
		printJSON(os.Stdout, map[string]any{"error": map[string]string{"kind": kind, "message": text}})
	}
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if wantsJSON(cmd) {
				printJSON(cmd.OutOrStdout(), map[string]string{"version": version})
				return nil
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "motionmill", version)
			return err
		},
	}
}
