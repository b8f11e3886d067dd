// Package bench measures the whole beside its parts, in the same run, so that
// the figures are ratios and not promises about a machine. `make bench` runs
// it; docs/performance.md holds figures with the machine that they are of.
package bench
