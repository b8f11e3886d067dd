package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/api/client"
)

// newNamedOrAllCommand does something to the things of the API that its arguments
// name, or with --all to every one: then do gets no ids.
func newNamedOrAllCommand(
	server *serverFlag, verb, things, short, everyOne string, do func(cmd *cobra.Command, c *client.Client, ids []string) error,
) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   verb + " [ID…]",
		Short: short,
		RunE: func(cmd *cobra.Command, ids []string) error {
			if all == (len(ids) > 0) {
				return usageError{fmt.Errorf("%s: name %s, or say --all for %s; not both", verb, things, everyOne)}
			}
			c, err := server.client()
			if err != nil {
				return err
			}
			return reached(do(cmd, c, ids))
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, everyOne)
	return cmd
}
