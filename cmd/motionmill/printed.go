package main

import (
	"fmt"
	"io"
	"sync"
)

// printed is stdout, which remembers that something could not be written: a list that
// a full disk cut short is no success.
type printed struct {
	to io.Writer

	mu  sync.Mutex
	err error
}

// Write passes p on.
func (o *printed) Write(p []byte) (int, error) {
	n, err := o.to.Write(p)
	if err != nil {
		o.mu.Lock()
		o.err = err
		o.mu.Unlock()
	}
	return n, err
}

// lost tells that something could not be written.
func (o *printed) lost() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return fmt.Errorf("print the output: %w", o.err)
	}
	return nil
}
