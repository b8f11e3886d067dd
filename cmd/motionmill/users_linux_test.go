package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// newTerminal returns both sides of a terminal: what a person has before them, and
// what a program is given.
func newTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skip(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Skip(err)
	}
	if program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

// TestCtrlCEndsTheQuestionForAPassword changes one's mind where a password is asked
// for: the program ends, and the terminal shows again what is typed.
func TestCtrlCEndsTheQuestionForAPassword(t *testing.T) {
	person, screen := newTerminal(t)
	cmd := program(t.Context(), "users", "add", "anna", "--users", filepath.Join(t.TempDir(), "users.db"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = screen, screen, screen
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	shown := ""
	for buffer := make([]byte, 256); !strings.Contains(shown, "password: "); {
		n, err := person.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		shown += string(buffer[:n])
	}
	for shows(t, screen) { // The program turns it off right after the question.
		runtime.Gosched()
	}
	if _, err := person.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // The status tells.
	if status := cmd.ProcessState.ExitCode(); status != statusInterrupted {
		t.Errorf("status %d", status)
	}
	if !shows(t, screen) {
		t.Error("the terminal shows nothing that is typed")
	}
}

// shows tells whether a terminal shows what is typed.
func shows(t *testing.T, screen *os.File) bool {
	t.Helper()
	settings, err := unix.IoctlGetTermios(int(screen.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return settings.Lflag&unix.ECHO != 0
}
