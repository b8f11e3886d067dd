package local

import (
	"errors"
	"fmt"
)

// The exit statuses of this project's commands that concern a supervisor.
const (
	statusUsage   = 2 // wrong usage or configuration
	statusMissing = 3 // a needed part is missing or cannot be reached
)

// ErrForced is what Run returns when it was told to stop at once.
var ErrForced = errors.New("stop stage: every process was killed at once")

// BusyError says that another process runs the stage of a folder.
type BusyError struct {
	// Dir is the folder of the stage.
	Dir string
	// PID is the process that holds it; 0 when it could not be read.
	PID int
}

// Error gives one line: what, where, and what to do.
func (e *BusyError) Error() string {
	holder := "another process"
	if e.PID > 0 {
		holder = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("open stage %s: %s runs it already. Stop that one, or give another folder by --dir", e.Dir, holder)
}

// ExitStatus is the status of a command that fails with e.
func (e *BusyError) ExitStatus() int { return statusUsage }

// PortError says that an address of the stage cannot be listened on.
type PortError struct {
	// Address is host and port.
	Address string
	// Flag is the option that names another port.
	Flag string
	// Err is what the system said.
	Err error
}

// Error gives one line: what, where, and what to do.
func (e *PortError) Error() string {
	return fmt.Sprintf("listen on %s: %v. Stop the program that holds the port, or give another by %s", e.Address, e.Err, e.Flag)
}

// Unwrap returns the system's error.
func (e *PortError) Unwrap() error { return e.Err }

// ExitStatus is the status of a command that fails with e.
func (e *PortError) ExitStatus() int { return statusUsage }

// ChildError says that a child process told at its first start that it cannot
// work: its configuration is wrong or a part is missing.
type ChildError struct {
	// Name is the child's name in the Config.
	Name string
	// Status is the exit status, 2 or 3.
	Status int
	// Line is the last line that the child wrote to stderr.
	Line string
	// Log is the path of the file with all that it wrote.
	Log string
}

// Error gives the child's own line, or where its log lies when it wrote none.
func (e *ChildError) Error() string {
	if e.Line == "" {
		return fmt.Sprintf("start %s: it exited with status %d; see %s", e.Name, e.Status, e.Log)
	}
	return fmt.Sprintf("start %s: %s", e.Name, e.Line)
}

// ExitStatus is the status of a command that fails with e: the child's own.
func (e *ChildError) ExitStatus() int { return e.Status }
