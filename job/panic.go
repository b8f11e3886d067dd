package job

import (
	"fmt"
	"runtime/debug"
)

// Panic is a panic that was caught: a failure of kind Internal, with the stack
// of where it happened.
type Panic struct {
	// Where names what was under way, for people: "read thumbnails".
	Where string
	// Value is what the code panicked with.
	Value any
	// Stack is the stack of the goroutine, as text.
	Stack string
}

// Error tells where it happened and what with; the stack stays apart.
func (p *Panic) Error() string { return fmt.Sprintf("%s: panic: %v", p.Where, p.Value) }

// Catch turns a panic of the function that defers it into its error, so that
// it ends a job and not the process: `defer job.Catch("read thumbnails", &err)`.
func Catch(where string, err *error) {
	if value := recover(); value != nil {
		*err = &Panic{Where: where, Value: value, Stack: string(debug.Stack())}
	}
}

// Guarded calls f and returns its error; a panic of f is a *Panic. It is for
// goroutines, whose panics nobody else can catch.
func Guarded(where string, f func() error) (err error) {
	defer Catch(where, &err)
	return f()
}
