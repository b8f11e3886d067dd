// Package queue moves messages: it reads what object stores announce and what
// Motionmill tells itself, and it keeps the embedded stage's queues.
//
// Reader turns the bytes of one message into a job.Notice. Embedded is a queue
// in a SQLite file with the meaning of a standard SQS queue: delivery at least
// once, a visibility timeout, delays, receive counts and long polls. SQS is
// such a queue in AWS, or in a server that speaks its language. The folder
// queuetest holds the suite that every implementation must pass.
package queue
