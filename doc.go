// Package motionmill is the root of the project: it holds only the test of the
// architecture, that is of who imports whom and how long things may be. The
// command is in cmd/motionmill; design and words are explained in job.
package motionmill
