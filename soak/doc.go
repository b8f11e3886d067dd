// Package soak works a stage under fire, for tests: many small jobs, worker
// processes that are killed and stopped at random, notifications that come
// twice and in the wrong order, and a network between workers and servers that
// delays, drops, cuts and refuses. At the end it judges what is left: jobs
// lost, jobs done twice, attempts wasted and by what, and how long a job of a
// killed worker waited for its next one.
//
// Run is the whole of it. It works on a Stage, which says how a worker is
// started and how the soak itself, past all faults, looks at queues, ledger
// and objects; so it is the same for every stage. Proxy is the bad network for
// what is spoken over HTTP, Queue and Ledger are the same for parts that are
// called without one. Dice decides by a seed what goes wrong.
//
// It speaks of jobs in the words of package job, and imports nothing else of ours.
package soak
