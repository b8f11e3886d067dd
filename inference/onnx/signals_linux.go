package onnx

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"
)

// sigaction is what the kernel holds of a signal (struct sigaction of linux/signal_types.h, 64 bits).
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

const lastSignal = 64

// keepSignals runs f and then puts back every signal's handler that f has
// changed: the libraries of CUDA install their own when they are loaded, and
// Go's would be lost, with them a worker's way of stopping in order.
func keepSignals(f func() error) error {
	var before [lastSignal + 1]sigaction
	for n := 1; n <= lastSignal; n++ {
		if err := actionOf(n, nil, &before[n]); err != nil {
			return fmt.Errorf("read the handler of signal %d: %w", n, err)
		}
	}
	failed := f()
	for n := 1; n <= lastSignal; n++ {
		var after sigaction
		if err := actionOf(n, nil, &after); err != nil || after == before[n] {
			continue // It could be read before.
		}
		if err := actionOf(n, &before[n], nil); err != nil {
			failed = errors.Join(failed, fmt.Errorf("put back the handler of signal %d: %w", n, err))
		}
	}
	return failed
}

// actionOf sets and reads the handler of a signal, in this order; nil leaves it out.
func actionOf(signal int, set, old *sigaction) error {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(signal),
		uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(old)), 8, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
