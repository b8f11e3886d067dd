// Command motionmill turns videos of people moving into web renditions, pose
// tracks and cut-out silhouettes: one file at a time, or as a service.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the release build.
var version = "0.1.0-dev"

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // A second signal ends the process at once.
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && !errors.Is(err, errReported) {
		fmt.Fprintln(os.Stderr, "motionmill:", oneLine(err))
	}
	return exitStatus(ctx, err)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "motionmill",
		Short:         "Turns a video of a person moving into web renditions, a pose track and a cut-out silhouette",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().String("log-level", "", "least level that is logged: debug, info, warn, error; default info for services, warn for other commands")
	root.PersistentFlags().Bool("json", false, "print machine-readable lines on stdout, and log JSON")
	root.AddCommand(newRunCommand(), newLocalCommand(), newServeCommand(), newWorkCommand(), newObjectsCommand(),
		newSubmitCommand(), newJobsCommand(), newModelsCommand(), newDoctorCommand(), newVersionCommand())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	bindEnvironment(root)
	return root
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "motionmill", version)
			return err
		},
	}
}
