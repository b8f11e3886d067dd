package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/api/client"
	"github.com/motionmill/motionmill/api/client/wire"
	"github.com/motionmill/motionmill/job"
)

func newJobsCommand() *cobra.Command {
	var server serverFlag
	cmd := &cobra.Command{
		Use:   "jobs",
		Short: "List, show, watch, cancel, retry, redrive and reconcile jobs; list unreadable messages",
		Args:  subcommandOnly,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	server.add(cmd)
	each := func(use, short string, act func(*cobra.Command, *client.Client, string) error) *cobra.Command {
		return &cobra.Command{Use: use + " ID", Short: short, Args: exactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
			c, err := server.client()
			if err != nil {
				return err
			}
			return reached(act(cmd, c, args[0]))
		}}
	}
	cmd.AddCommand(newJobsListCommand(&server), newRedriveCommand(&server), newUnreadableCommand(&server), newReconcileCommand(),
		newDeliveriesCommand(&server), newRedeliverCommand(&server),
		each("show", "Show a job with its history", showJob),
		each("watch", "Follow a job until it is final", followJob),
		each("cancel", "Cancel a job that is not final", cancelJob),
		each("retry", "Try a dead or cancelled job again", retryJob))
	return cmd
}

func newJobsListCommand(server *serverFlag) *cobra.Command {
	var states []string
	var profile string
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List jobs, the newest first",
		Args:  exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return usageError{fmt.Errorf("read --limit %d: it cannot be negative; 0 lists all", limit)}
			}
			filter := client.Filter{Profile: profile}
			for _, s := range states {
				if !slices.Contains(job.States(), job.State(s)) {
					return usageError{fmt.Errorf("read --state %q: it is none of %q", s, job.States())}
				}
				filter.States = append(filter.States, client.JobState(s))
			}
			c, err := server.client()
			if err != nil {
				return err
			}
			return reached(listJobs(cmd, c, filter, limit))
		},
	}
	cmd.Flags().StringSliceVar(&states, "state", nil, "only jobs in these states")
	cmd.Flags().StringVar(&profile, "profile", "", "only jobs of this profile")
	cmd.Flags().IntVar(&limit, "limit", 50, "most jobs to list; 0 lists all")
	return cmd
}

func listJobs(cmd *cobra.Command, c *client.Client, filter client.Filter, limit int) error {
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
	if !wantsJSON(cmd) {
		fmt.Fprintln(table, "ID\tSTATE\tPROFILE\tATTEMPT\tCREATED\tNAME\tPROGRESS OR REASON")
	}
	count := 0
	for j, err := range c.Jobs(cmd.Context(), filter) {
		if err != nil {
			return err
		}
		if wantsJSON(cmd) {
			printJSON(cmd.OutOrStdout(), j)
		} else {
			fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", j.ID, j.State, plain(j.Profile), j.Attempt, clock(j.CreatedAt), plain(j.Name), remark(j))
		}
		if count++; count == limit {
			break
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if wantsJSON(cmd) || len(filter.States) > 0 && !slices.Contains(filter.States, wire.JobStateDead) {
		return nil
	}
	return mentionUnreadable(cmd, c)
}

// remark is a job's progress or the reason of its failure, in one line.
func remark(j client.Job) string {
	switch {
	case j.Error != nil:
		return j.Error.Kind + ": " + plain(strings.Join(strings.Fields(j.Error.Message), " "))
	case j.State == wire.JobStateRunning && j.Progress.Total > 0:
		return fmt.Sprintf("%s %d of %d", j.Progress.Step, j.Progress.Done, j.Progress.Total)
	case j.State == wire.JobStateRunning:
		return j.Progress.Step
	default:
		return ""
	}
}

// plain writes control characters, which a key may hold, as escapes, so that
// they do nothing to a terminal.
func plain(text string) string {
	if !strings.ContainsFunc(text, unicode.IsControl) {
		return text
	}
	return strings.Trim(strconv.Quote(text), `"`)
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

func showJob(cmd *cobra.Command, c *client.Client, id string) error {
	j, err := c.Job(cmd.Context(), id)
	if err != nil {
		return err
	}
	if wantsJSON(cmd) {
		printJSON(cmd.OutOrStdout(), j)
		return nil
	}
	printJob(cmd.OutOrStdout(), j)
	printDeliveries(cmd, c, cmd.OutOrStdout(), j)
	return nil
}

func printJob(out io.Writer, j client.Job) {
	fmt.Fprintf(out, "job      %s\nstate    %s\nprofile  %s\nsource   s3://%s/%s (%d bytes)\nattempt  %d (fence %d)\n",
		j.ID, j.State, plain(j.Profile), j.Source.Bucket, plain(j.Source.Key), j.Source.Bytes, j.Attempt, j.Fence)
	if text := remark(j); text != "" && j.Error != nil {
		fmt.Fprintln(out, "reason  ", text)
	} else if text != "" {
		fmt.Fprintln(out, "now     ", text)
	}
	for _, a := range j.History {
		outcome := a.Outcome
		if outcome == "" {
			outcome = "running"
		}
		fmt.Fprintf(out, "  fence %d  %s to %s  %s  %s\n", a.Fence, clock(a.StartedAt), clock(a.EndedAt), a.Worker, outcome)
		if a.Error != nil {
			fmt.Fprintf(out, "    %s: %s\n", a.Error.Kind, plain(a.Error.Message))
			for _, line := range a.Error.Stderr {
				fmt.Fprintln(out, "    |", plain(line))
			}
		}
	}
	for _, o := range j.Outputs {
		fmt.Fprintf(out, "  %-16s %10d bytes  %s\n", o.Path, o.Bytes, o.Type)
	}
}

func followJob(cmd *cobra.Command, c *client.Client, id string) error {
	j, err := watchJob(cmd, c, id)
	if err != nil {
		return err
	}
	printOutcome(cmd, j.Name, j)
	if j.State != wire.JobStateSucceeded {
		return errReported
	}
	return nil
}

func cancelJob(cmd *cobra.Command, c *client.Client, id string) error {
	j, err := c.Cancel(cmd.Context(), id)
	if err == nil {
		printOutcome(cmd, j.Name, j)
	}
	return err
}

func retryJob(cmd *cobra.Command, c *client.Client, id string) error {
	if _, err := c.Retry(cmd.Context(), id); err != nil {
		return err
	}
	if wantsJSON(cmd) {
		printJSON(cmd.OutOrStdout(), map[string]string{"retried": id})
		return nil
	}
	fmt.Fprintf(cmd.OutOrStdout(), "job %s will be tried again\n", id)
	return nil
}

func newRedriveCommand(server *serverFlag) *cobra.Command {
	return newNamedOrAllCommand(server, "redrive", "jobs", "Put dead jobs back: those named, or every one", "every dead job", redrive)
}

// redrive puts the named jobs back; none named stands for every dead one.
func redrive(cmd *cobra.Command, c *client.Client, ids []string) error {
	var count int
	var err error
	if len(ids) > 0 {
		count, err = c.Redrive(cmd.Context(), ids...)
	} else {
		count, err = c.RedriveAll(cmd.Context())
	}
	if err != nil {
		return err
	}
	if wantsJSON(cmd) {
		printJSON(cmd.OutOrStdout(), map[string]int{"redriven": count})
		return nil
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s will be tried again\n", counted(count, "job"))
	return mentionUnreadable(cmd, c)
}
