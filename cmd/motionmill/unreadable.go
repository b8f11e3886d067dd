package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/api/client"
)

// bodyShown is how many characters of a message the list shows.
const bodyShown = 60

func newUnreadableCommand(server *serverFlag) *cobra.Command {
	var discard bool
	cmd := &cobra.Command{
		Use:   "unreadable",
		Short: "List the messages that no worker could read, with the reason",
		Long: "Lists the messages that no worker could read, with the reason. They lie in the dead-letter queue;\n" +
			"no job belongs to them. --json prints up to 2 KiB of each message.",
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := server.client()
			if err != nil {
				return err
			}
			return reached(listUnreadable(cmd, c, discard))
		},
	}
	cmd.Flags().BoolVar(&discard, "discard", false, "throw those away that were listed")
	return cmd
}

func listUnreadable(cmd *cobra.Command, c *client.Client, discard bool) error {
	found, err := c.Unreadable(cmd.Context())
	if err != nil {
		return err
	}
	if err := printUnreadable(cmd, found); err != nil || !discard || found.Count == 0 {
		return err
	}
	ids := make([]string, 0, len(found.Messages))
	for _, m := range found.Messages {
		ids = append(ids, m.ID)
	}
	count, err := c.Discard(cmd.Context(), ids...)
	if err != nil {
		return err
	}
	left := int(found.Count) - count
	if wantsJSON(cmd) {
		printJSON(cmd.OutOrStdout(), map[string]int{"discarded": count, "left": left})
		return nil
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s thrown away, %d left\n", counted(count, "message"), left)
	return nil
}

func printUnreadable(cmd *cobra.Command, found client.Unreadable) error {
	out := cmd.OutOrStdout()
	if wantsJSON(cmd) {
		for _, m := range found.Messages {
			printJSON(out, m)
		}
		return nil
	}
	if found.Count == 0 {
		fmt.Fprintln(out, "every message could be read")
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tREASON\tMESSAGE")
	for _, m := range found.Messages {
		body := []rune(strings.Join(strings.Fields(m.Body), " "))
		if len(body) > bodyShown {
			body = append(body[:bodyShown], '…')
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", m.ID, plain(m.Reason), plain(string(body)))
	}
	if more := int(found.Count) - len(found.Messages); more > 0 {
		fmt.Fprintf(table, "and %d more\n", more)
	}
	return table.Flush()
}

// mentionUnreadable tells, beside what a command was asked for, of messages
// that became no job.
func mentionUnreadable(cmd *cobra.Command, c *client.Client) error {
	found, err := c.Unreadable(cmd.Context())
	var refused *client.Problem
	if errors.As(err, &refused) && refused.Status == http.StatusForbidden {
		return nil // They are for admins.
	}
	if err == nil && found.Count > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s could not be read and became no job; see `motionmill jobs unreadable`\n", counted(int(found.Count), "message"))
	}
	return err
}

// counted writes a number of things: "1 job", "2 jobs".
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
