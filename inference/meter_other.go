//go:build !linux

package inference

import "time"

// threadTime stands for the CPU time of the calling thread where the system
// tells none: the time that passes.
func threadTime() time.Duration { return time.Since(time.Time{}) }
