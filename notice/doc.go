// Package notice tells others what became of jobs: programs by webhooks, people
// by Slack, developers by Sentry.
//
// A webhook is durable. Whoever announces a job puts it into the box (Post),
// one small write, and is done: that an endpoint hangs is nothing to a worker.
// A Deliverer, in every process of the API, takes it from there: it makes a
// delivery for each endpoint, tries it until it is taken or a day is over, and
// then leaves it among the dead, where people see it and may have it delivered
// once more (Undelivered). Every step writes what follows before it removes what
// that replaces, so that a process which is killed between any two loses
// nothing; what it had not finished is found by the next look of any process.
//
//	delivery.go  what lies in the box, by which names
//	deliver.go   look into the box, take what is due, some for each endpoint at once
//	try.go       one try of one delivery, and what comes of it
//	dead.go      what was not delivered, for people
//	sign.go      the signature
//	slack.go, sentry.go, scrub.go   failures, for people; without secrets
//
// Notices to Slack and Sentry are not durable: the ledger has every failure.
package notice
