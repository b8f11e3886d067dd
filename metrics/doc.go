// Package metrics is how a running stage is seen from outside: what is counted
// and measured for Prometheus, the private port that serves it with health,
// readiness and profiles, and the traces of jobs for OpenTelemetry.
//
// It knows the words of package job and nothing else of ours. The packages that
// are measured declare the small interfaces that the types here satisfy, and cmd
// wires them. Nothing is registered with a global registry or a global provider,
// so that two of everything may live in one process, as in tests.
//
// docs/metrics.md lists every name; a test holds it to the code.
package metrics
