// Package sandbox starts a child process that sees only what it needs: the
// programs of the system, the files that it was given, one folder to write to,
// no network and no other process.
//
// Find tries, best first, what this machine can do, and keeps what was seen to
// hold: bubblewrap; Landlock, with namespaces where the system lets us make
// them; a filter of system calls alone; nothing but resource limits. Box.Start
// starts a child so. Resource limits are set in every case.
//
// Landlock and the filter confine a thread, and what it starts inherits them:
// so nothing has to run between fork and exec, and no helper program is needed.
package sandbox

import (
	"fmt"
	"slices"
)

// Mode says what is done where a child cannot be confined.
type Mode string

// The modes. Auto takes the best that works, Strict refuses to go on where
// files or network cannot be kept from the child, Off confines nothing.
const (
	Auto   Mode = "auto"
	Strict Mode = "strict"
	Off    Mode = "off"
)

// ReadMode reads a mode; "" is Auto.
func ReadMode(text string) (Mode, error) {
	mode := Mode(text)
	if text == "" {
		mode = Auto
	}
	if !slices.Contains([]Mode{Auto, Strict, Off}, mode) {
		return "", fmt.Errorf("%q is none of auto, strict, off", text)
	}
	return mode, nil
}

// Level names the means by which a child is confined.
type Level string

// The levels, best first.
const (
	// Bubblewrap gives the child a file system that holds nothing else, and
	// namespaces of its own.
	Bubblewrap Level = "bubblewrap"
	// Landlock has the kernel refuse to open anything else; that other
	// files exist can be told.
	Landlock Level = "landlock"
	// Seccomp keeps the child off the network only.
	Seccomp Level = "seccomp"
	// Limits bounds what the child uses, not what it reads.
	Limits Level = "limits"
)

// Levels are all levels, best first.
func Levels() []Level { return []Level{Bubblewrap, Landlock, Seccomp, Limits} }

// Config says what to look for.
type Config struct {
	// Mode is Auto when empty.
	Mode Mode
	// Levels are those that may be taken, in the order in which they are
	// tried. Default: all.
	Levels []Level
	// FFmpeg and FFprobe are the absolute paths of the programs that are run;
	// the second one serves to try what a child can reach.
	FFmpeg, FFprobe string
}

// Report says what was in force, as manifests show it.
type Report struct {
	Mode  Mode  `json:"mode"`
	Level Level `json:"level"`
	// Filesystem: the child opens nothing but the system's programs and what
	// it was given, and writes only to the job's folder.
	Filesystem bool `json:"filesystem"`
	// Network: the child reaches none, loopback included.
	Network bool `json:"network"`
	// Processes: the child neither sees nor signals others, and whatever it
	// may start ends with it.
	Processes bool `json:"processes"`
	// SystemCalls: those that ffmpeg has no use for are refused.
	SystemCalls bool `json:"system_calls"`
}

// Confined tells whether files and network are kept from the child.
func (r Report) Confined() bool { return r.Filesystem && r.Network }

// Box is a way to start children that was tried. Its methods may be called at
// the same time.
type Box struct {
	mode    Mode
	means   means
	system  system
	refused []string
}

// means are what one try uses.
type means struct {
	level Level
	// wrapper is the path of bubblewrap.
	wrapper string
	// namespaces asks the kernel for them when the child is started. Only root
	// can: others need a user namespace, for which Go copies the page tables of
	// the whole process (50 ms a GB), where bubblewrap costs 5 ms.
	namespaces bool
}

// Report says what is in force.
func (b *Box) Report() Report {
	l := b.means.level
	files := l == Bubblewrap || l == Landlock
	return Report{
		Mode: b.mode, Level: l, Filesystem: files, Network: files || l == Seccomp,
		Processes: l == Bubblewrap || b.means.namespaces, SystemCalls: l != Limits,
	}
}

// Refused says of each better way than the one taken why it does not work here.
func (b *Box) Refused() []string { return b.refused }

// View is what one child is given.
type View struct {
	// Files are absolute paths that it may read.
	Files []string
	// Dir is the absolute path of the folder in which it may read and write;
	// "" for none.
	Dir string
	// Devices are those of GPUs, with what their drivers read.
	Devices bool
}
