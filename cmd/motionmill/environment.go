package main

import (
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// bindEnvironment gives every flag of every command the environment variable
// of the same name: --capacity is MOTIONMILL_CAPACITY. A flag that is given
// wins.
func bindEnvironment(root *cobra.Command) {
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, flags := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
			flags.VisitAll(func(f *pflag.Flag) { f.Usage += " [$" + variable(f.Name) + "]" })
		}
		for _, child := range cmd.Commands() {
			visit(child)
		}
	}
	visit(root)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if err := loadEnvFile(cmd); err != nil {
			return err
		}
		return readEnvironment(cmd)
	}
}

func variable(flag string) string {
	return "MOTIONMILL_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// readEnvironment sets the flags that were not given from the environment.
func readEnvironment(cmd *cobra.Command) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		value, set := os.LookupEnv(variable(f.Name))
		if f.Changed || !set || failed != nil {
			return
		}
		if err := setFlag(cmd.Flags(), f, value); err != nil {
			failed = usageError{fmt.Errorf("read %s=%q: %w", variable(f.Name), value, err)}
		}
	})
	return failed
}

// setFlag sets a flag from the environment; a repeatable one takes a list
// separated by commas.
func setFlag(flags *pflag.FlagSet, f *pflag.Flag, value string) error {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		f.Changed = true
		return list.Replace(strings.Split(value, ","))
	}
	return flags.Set(f.Name, value)
}

// newLogger logs to stderr as the flags say, from level on when they do not.
func newLogger(cmd *cobra.Command, level slog.Level) (*slog.Logger, error) {
	name, err := cmd.Flags().GetString("log-level")
	if err != nil {
		return nil, err
	}
	if name != "" {
		if err := level.UnmarshalText([]byte(name)); err != nil {
			return nil, usageError{fmt.Errorf("read --log-level: %w; it is one of debug, info, warn, error", err)}
		}
	}
	format, err := cmd.Flags().GetString("log-format")
	if err != nil {
		return nil, err
	}
	options := &slog.HandlerOptions{Level: level}
	switch {
	case format == "json", format == "" && wantsJSON(cmd):
		return slog.New(slog.NewJSONHandler(os.Stderr, options)), nil
	case format == "text", format == "":
		return slog.New(slog.NewTextHandler(os.Stderr, options)), nil
	}
	return nil, usageError{fmt.Errorf("read --log-format %q: it is text or json", format)}
}

func wantsJSON(cmd *cobra.Command) bool {
	on, err := cmd.Flags().GetBool("json")
	return err == nil && on
}

// modelVariable passes --model flags on: a list that is read as one flag each.
func modelVariable(models []string) string {
	return variable("model") + "=" + strings.Join(models, ",")
}
