//go:build race

package inference

// danceFrames is how much of the dance video is looked at: under the race
// detector, which slows it down tenfold, a part.
const danceFrames = 120
