package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/motionmill/motionmill/auth"
)

// maxPasswordFile bounds what is read as a password, in bytes.
const maxPasswordFile = 4 << 10

// usersFlags are where the users are, and where a new password comes from.
type usersFlags struct {
	file     string
	password string
	generate bool
	role     string
}

func newUsersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "users",
		Short: "Add, remove and list the users of serve --users, and set their passwords and roles",
		Args:  subcommandOnly,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	each := func(use, short string, act func(*cobra.Command, *auth.Accounts, *usersFlags, []string) error, args int) *cobra.Command {
		flags := &usersFlags{}
		sub := &cobra.Command{Use: use, Short: short, Args: exactArgs(args), RunE: func(cmd *cobra.Command, args []string) error {
			return withUsers(cmd, flags, func(accounts *auth.Accounts) error { return act(cmd, accounts, flags, args) })
		}}
		addUsersFlag(sub, &flags.file)
		if sub.Name() == "add" || sub.Name() == "password" {
			sub.Flags().StringVar(&flags.password, "password-file", "", "file with the password, - for stdin; default: asked for on the terminal")
			sub.Flags().BoolVar(&flags.generate, "generate", false, "make up a password and print it, once")
		}
		if sub.Name() == "add" {
			sub.Flags().StringVar(&flags.role, "role", "viewer", "viewer (reads own jobs), uploader (uploads, cancels, shares) or admin (everybody's jobs)")
		}
		return sub
	}
	cmd.AddCommand(
		each("add NAME", "Add a user; makes the file when there is none", addUser, 1),
		each("remove NAME", "Remove a user and end the user's sessions", removeUser, 1),
		each("list", "List the users", listUsers, 0),
		each("password NAME", "Set a user's password and end the user's sessions", setPassword, 1),
		each("role NAME ROLE", "Give a user another role, from the next request on", setRole, 2))
	return cmd
}

// withUsers opens the store for one command.
func withUsers(cmd *cobra.Command, flags *usersFlags, act func(*auth.Accounts) error) error {
	if flags.file == "" {
		return usageError{fmt.Errorf("users: --users is not set; name the file that serve --users is given, or set %s", variable("users"))}
	}
	accounts, db, err := openUsers(cmd.Context(), flags.file, cmd.Name() == "add")
	if err != nil {
		return err
	}
	err = act(accounts)
	if closeErr := db.Close(); err == nil && closeErr != nil {
		return fmt.Errorf("close the store of users: %w", closeErr)
	}
	return err
}

func addUser(cmd *cobra.Command, accounts *auth.Accounts, flags *usersFlags, args []string) error {
	role, err := auth.ParseRole(flags.role)
	if err != nil {
		return usageError{fmt.Errorf("read --role: %w", err)}
	}
	return withPassword(cmd, flags, args[0], "added", func(ctx context.Context, password string) error {
		return accounts.Add(ctx, args[0], password, role)
	})
}

func setPassword(cmd *cobra.Command, accounts *auth.Accounts, flags *usersFlags, args []string) error {
	return withPassword(cmd, flags, args[0], "the password is set; every session has ended", func(ctx context.Context, password string) error {
		return accounts.SetPassword(ctx, args[0], password)
	})
}

// withPassword gets a password, uses it and tells what came of it.
func withPassword(cmd *cobra.Command, flags *usersFlags, name, done string, use func(context.Context, string) error) error {
	password, err := flags.newPassword(cmd)
	if err != nil {
		return err
	}
	if err := use(cmd.Context(), password); err != nil {
		return usageError{err}
	}
	if !flags.generate {
		return tellUser(cmd, name, done, "")
	}
	return tellUser(cmd, name, done, password)
}

func removeUser(cmd *cobra.Command, accounts *auth.Accounts, _ *usersFlags, args []string) error {
	if err := accounts.Remove(cmd.Context(), args[0]); err != nil {
		return usageError{err}
	}
	return tellUser(cmd, args[0], "removed; every session has ended", "")
}

func setRole(cmd *cobra.Command, accounts *auth.Accounts, _ *usersFlags, args []string) error {
	role, err := auth.ParseRole(args[1])
	if err != nil {
		return usageError{err}
	}
	if err := accounts.SetRole(cmd.Context(), args[0], role); err != nil {
		return usageError{err}
	}
	return tellUser(cmd, args[0], "is "+role.String()+" now", "")
}

// tellUser says what was done; a password only when it was made up.
func tellUser(cmd *cobra.Command, name, done, password string) error {
	if wantsJSON(cmd) {
		answer := map[string]string{"user": name, "done": done}
		if password != "" {
			answer["password"] = password
		}
		printJSON(cmd.OutOrStdout(), answer)
		return nil
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", plain(name), done)
	if err == nil && password != "" {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), "password:", password)
	}
	return err
}

func listUsers(cmd *cobra.Command, accounts *auth.Accounts, _ *usersFlags, _ []string) error {
	users, err := accounts.List(cmd.Context())
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
	if !wantsJSON(cmd) {
		fmt.Fprintln(table, "NAME\tROLE\tADDED\tPASSWORD SET\tSESSIONS")
	}
	for _, u := range users {
		if wantsJSON(cmd) {
			printJSON(cmd.OutOrStdout(), map[string]any{
				"name": u.Name, "role": u.Role.String(), "created_at": u.CreatedAt, "password_at": u.PasswordAt, "sessions": u.Sessions,
			})
		} else {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\n", u.Name, u.Role, clock(u.CreatedAt), clock(u.PasswordAt), u.Sessions)
		}
	}
	return table.Flush()
}

// newPassword gets a password: made up, from a file, or typed twice.
func (f *usersFlags) newPassword(cmd *cobra.Command) (string, error) {
	switch {
	case f.generate && f.password != "":
		return "", usageError{errors.New("users: give --generate or --password-file, not both")}
	case f.generate:
		return rand.Text(), nil
	case f.password != "":
		return readPassword(cmd, f.password)
	}
	screen := int(os.Stdin.Fd())
	if !term.IsTerminal(screen) {
		return "", usageError{errors.New("users: there is no terminal to ask for the password on; give --password-file FILE, - for stdin, or --generate")}
	}
	first, err := askPassword(cmd, screen, "password: ")
	if err != nil {
		return "", err
	}
	second, err := askPassword(cmd, screen, "once more: ")
	if err != nil {
		return "", err
	}
	if !bytes.Equal(first, second) {
		return "", usageError{errors.New("users: the two passwords differ; nothing was changed")}
	}
	return string(first), nil
}

// askPassword reads a line that the screen does not show. Ctrl-C ends it, and the
// screen shows again what is typed.
func askPassword(cmd *cobra.Command, screen int, question string) ([]byte, error) {
	before, err := term.GetState(screen)
	if err != nil {
		return nil, fmt.Errorf("read the password: %w", err)
	}
	type line struct {
		text []byte
		err  error
	}
	typed := make(chan line, 1)
	fmt.Fprint(cmd.ErrOrStderr(), question)
	go func() { // It cannot be called off; the process ends soon.
		text, err := term.ReadPassword(screen)
		typed <- line{text, err}
	}()
	select {
	case got := <-typed:
		fmt.Fprintln(cmd.ErrOrStderr())
		if got.err != nil {
			return nil, fmt.Errorf("read the password: %w", got.err)
		}
		return got.text, nil
	case <-cmd.Context().Done():
		fmt.Fprintln(cmd.ErrOrStderr())
		return nil, errors.Join(fmt.Errorf("read the password: %w", cmd.Context().Err()), term.Restore(screen, before))
	}
}

// readPassword reads a password from a file or stdin, without the line's end.
func readPassword(cmd *cobra.Command, path string) (string, error) {
	in := cmd.InOrStdin()
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return "", usageError{fmt.Errorf("read --password-file: %w", err)}
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxPasswordFile))
	if err != nil {
		return "", usageError{fmt.Errorf("read --password-file: %w", err)}
	}
	return string(bytes.TrimRight(text, "\r\n")), nil
}
