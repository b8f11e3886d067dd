//go:build !race

package inference

// danceFrames is how much of the dance video is looked at: all.
const danceFrames = 545

// filmSeeds is how often each rendered scene is followed, with other mistakes each time.
const filmSeeds = 5

// memoryDrift is by how much memory may change between the hundredth and the
// thousandth frame.
const memoryDrift = 0.05
