//go:build !race

package inference

// danceFrames is how much of the dance video is looked at: all.
const danceFrames = 545
