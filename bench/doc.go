// Package bench measures the whole beside its parts, in the same run, so that
// the figures are ratios and not promises about a machine. `make bench` runs
// it; docs/performance.md holds figures with the machine that they are of.
//
// Its tests count the requests that a stage on AWS makes, and reckon what they
// and a minute of video cost. `make cost` writes that into docs/cost.md.
package bench
