package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// ofOneCall are flags that nobody sets for good: --help tells of them.
var ofOneCall = []string{"help", "after"}

// TestTheDocumentsTellOfEverySetting compares what processes and clients of a stage
// can be told with docs/settings.md and docs/access.md, both ways.
func TestTheDocumentsTellOfEverySetting(t *testing.T) {
	var text string
	for _, path := range []string{"../../docs/settings.md", "../../docs/access.md"} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text += string(content)
	}
	told := regexp.MustCompile(`MOTIONMILL_[A-Z0-9_]+`).FindAllString(text, -1)
	all := map[string]bool{}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		whole := slices.Contains([]string{"serve", "work", "local", "reconcile"}, cmd.Name())
		for _, flags := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
			flags.VisitAll(func(f *pflag.Flag) {
				all[variable(f.Name)] = true
				if (whole || flags == cmd.PersistentFlags()) && !slices.Contains(ofOneCall, f.Name) && !slices.Contains(told, variable(f.Name)) {
					t.Errorf("--%s of %s is not told of", f.Name, cmd.CommandPath())
				}
			})
		}
		for _, child := range cmd.Commands() {
			visit(child)
		}
	}
	visit(newRoot(nil))
	for _, name := range told {
		if !all[strings.TrimSuffix(name, "_")] {
			t.Errorf("%s is told of, but no flag has it", name)
		}
	}
}
