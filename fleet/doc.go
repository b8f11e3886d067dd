// Package fleet makes a worker a good guest of EC2: it leaves within the time
// that it is given, with its jobs given back, and it is not sent away while it
// is busy. Outside EC2 it does nothing.
//
// # Notices
//
// The metadata of the instance (IMDSv2 only) are asked every five seconds for
// three things, each of which stops the claims of the worker at once:
//
//   - A spot interruption leaves two minutes. Running jobs have the grace, but
//     only until a reserve before the end; then they are released, so that
//     another worker has them while this machine is still there.
//   - The group ends the instance (target lifecycle state Terminated: scaling in,
//     an instance refresh, a replacement). Running jobs have the grace; the
//     lifecycle hook holds the instance meanwhile, by heartbeats where the hook's
//     own time is shorter, and is completed as soon as the worker has ended.
//   - A rebalance recommendation says that an interruption is more likely than
//     usual. Nothing is claimed any more, and what runs is finished, however long
//     it takes. Draining at once would throw away work for an event that often
//     does not come, or comes an hour later; and if it does come, its own two
//     minutes are there as always. Claiming on would start jobs that are likely to
//     be done twice. A group with capacity rebalancing has been told too: it
//     starts a replacement, then ends this instance. So the process waits for that
//     with nothing to do. If it does not come, the process ends with ErrNotTaken,
//     for its service manager to start it anew: a recommendation that is there
//     already when a process starts is passed over, so that an instance which
//     nobody takes away goes on working.
//
// # Protection from scaling in
//
// The instance is protected while the worker is busy, and from then until it
// has been idle for a while. A call is made when that changes and not else,
// beside the worker, which never waits for it; a call that fails is made again,
// each time after a longer pause. It is given back when the worker ends, unless
// the instance is about to go, when the group refuses it.
//
// # No metric of the backlog
//
// Nothing is published here. Groups scale by metric math on what SQS and Auto
// Scaling publish by themselves, a minute behind: messages visible in the work
// queue (jobs that wait) plus those visible in the in-progress queue (timers
// that are due, of jobs whose worker is gone), over the instances in service;
// and to zero only when delayed and hidden ones are none as well. A figure of
// ours could only repeat this, later, at a price for each metric, and would be
// missing exactly when it is needed: with no worker there is nobody to publish
// it. One publisher a fleet would also have to be elected; SQS is one already.
package fleet
