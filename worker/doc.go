// Package worker is the protocol: it claims jobs from the work queue, holds
// them by a lease, commits what they made, and sweeps the timers of those that
// were left behind, so that nothing is lost and nothing is done twice.
//
// The order of steps is the design. Walk it file by file, as a job does:
//
//	round.go     a tick polls the work queue while the semaphore has room
//	intake.go    what a message says; what cannot be read is set aside
//	claim.go     read the ledger, send the timer, claim, delete the message
//	attempt.go   run under a lease that is renewed every third of itself
//	settle.go    commit, fail or release by one conditional write
//	announce.go  publish a final state, then mark it announced
//	sweep.go     the in-progress queue: what every timer finds, row by row
//
// The invariant: whenever a work message has been deleted, the job is final
// and announced, or a timer of its fence or a newer one exists, or another work
// message does.
package worker
