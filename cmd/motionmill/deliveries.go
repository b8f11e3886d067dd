package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/api/client"
)

func newDeliveriesCommand(server *serverFlag) *cobra.Command {
	return &cobra.Command{
		Use:   "deliveries [JOB]",
		Short: "List webhooks that have not been delivered, the dead first",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := server.client()
			if err != nil {
				return err
			}
			id := ""
			if len(args) > 0 {
				id = args[0]
			}
			return reached(listDeliveries(cmd, c, id))
		},
	}
}

func listDeliveries(cmd *cobra.Command, c *client.Client, id string) error {
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
	if !wantsJSON(cmd) {
		fmt.Fprintln(table, "ID\tSTATE\tJOB STATE\tTRIES\tSINCE\tNEXT\tURL\tERROR")
	}
	for d, err := range c.Deliveries(cmd.Context(), id) {
		if err != nil {
			return err
		}
		if wantsJSON(cmd) {
			printJSON(cmd.OutOrStdout(), d)
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", d.ID, d.State, d.JobState, d.Tries, clock(d.Since), clock(d.DueAt), plain(d.URL), plain(d.Error))
	}
	return table.Flush()
}

func newRedeliverCommand(server *serverFlag) *cobra.Command {
	return newNamedOrAllCommand(server, "redeliver", "deliveries", "Try dead webhooks for another day: those named, or every one", "every dead webhook", redeliver)
}

// redeliver has the named webhooks tried again; none named stands for every dead one.
func redeliver(cmd *cobra.Command, c *client.Client, ids []string) error {
	if len(ids) == 0 {
		for d, err := range c.Deliveries(cmd.Context(), "") {
			if err != nil {
				return err
			}
			if d.State == "dead" {
				ids = append(ids, d.ID)
			}
		}
	}
	for _, id := range ids {
		if err := c.Redeliver(cmd.Context(), id); err != nil {
			return err
		}
	}
	if wantsJSON(cmd) {
		printJSON(cmd.OutOrStdout(), map[string]int{"redelivered": len(ids)})
		return nil
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s will be tried again\n", counted(len(ids), "webhook"))
	return nil
}

// printDeliveries tells of a job's webhooks that were not delivered. Who may
// not see them is told nothing.
func printDeliveries(cmd *cobra.Command, c *client.Client, out io.Writer, j client.Job) {
	for d, err := range c.Deliveries(cmd.Context(), j.ID) {
		if err != nil {
			return // They are for admins.
		}
		next := "tried no more; motionmill jobs redeliver " + d.ID
		if d.State != "dead" {
			next = "next try " + clock(d.DueAt)
		}
		fmt.Fprintf(out, "  webhook to %s not delivered after %s: %s (%s)\n", plain(d.URL), counted(int(d.Tries), "try"), plain(d.Error), next)
	}
}
