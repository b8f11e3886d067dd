// Package pipeline does the work of one job: it fetches the source, probes it,
// decodes it once into rendition, poster and frames, reads poses and mattes
// from the frames, composes overlay and silhouettes, and stores what came out
// under a manifest.
//
// It brings media and inference together and is the only package that knows
// both. The same code serves the worker (Runner) and a single file on the
// command line (File).
package pipeline
