//go:build race

package inference

// danceFrames is how much of the dance video is looked at: under the race
// detector, which slows it down tenfold, a part.
const danceFrames = 120

// filmSeeds is how often each rendered scene is followed, with other mistakes each time.
const filmSeeds = 1

// memoryDrift is by how much memory may change between the hundredth and the
// thousandth frame, with what the race detector keeps of its own.
const memoryDrift = 0.15
