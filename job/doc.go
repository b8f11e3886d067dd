// Package job is the vocabulary of Motionmill: what a source, a job, a state,
// a fence, a timer and an error kind are, and which changes of state are legal.
//
// It is a leaf: it imports nothing of ours and does no input or output. Every
// other package speaks in its words, so that a reader who knows this package
// can read the rest.
package job
