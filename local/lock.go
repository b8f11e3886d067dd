package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// lockDir takes the one lock of a stage's folder and writes this process's id
// into it. The lock goes with the file, and so with the process, however that
// ends; children do not inherit it.
func lockDir(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock stage %s: %w", dir, err)
	}
	if err := hold(file, dir); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func hold(file *os.File, dir string) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return &BusyError{Dir: dir, PID: readPID(file.Name())}
	}
	if err == nil {
		err = file.Truncate(0)
	}
	if err == nil {
		_, err = file.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	}
	if err != nil {
		return fmt.Errorf("lock stage %s: %w", dir, err)
	}
	return nil
}

// readPID returns the process id in a lock file, 0 when there is none to read.
func readPID(path string) int {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0
	}
	return pid
}
