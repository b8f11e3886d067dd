// Package fit lays pictures into the inputs of models, at the size, in the
// layout and in the numbers that a manifest says, and brings what was found
// there back to the picture.
package fit
