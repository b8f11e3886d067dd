package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// makeFolder makes a folder, with those above it, and tries that something can be
// put into it, before any work is done for what flag names. What undo returns
// removes again what was made, as far as it is empty.
func makeFolder(dir, flag string) (undo func(), err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, usageError{fmt.Errorf("find the folder of %s: %w", flag, err)}
	}
	var made []string
	for at := dir; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Lstat(at); err == nil {
			break
		}
		made = append(made, at)
	}
	undo = func() {
		for _, folder := range made {
			_ = os.Remove(folder) // One that holds something stays.
		}
	}
	err = os.MkdirAll(dir, 0o755)
	if err == nil {
		var trial string
		if trial, err = os.MkdirTemp(dir, ".trial-"); err == nil {
			err = os.Remove(trial)
		}
	}
	if err != nil {
		undo()
		return nil, usageError{fmt.Errorf("make the folder %s: %w; give another by %s", dir, err, flag)}
	}
	return undo, nil
}
