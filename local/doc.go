// Package local is the embedded stage: the same service as in the cloud, in one
// folder of one machine, without an account.
//
// A Stage describes the folder: where objects, the database and the logs lie,
// which secret guards them, and what environment makes a process of ours work
// against them. A Supervisor runs the processes of the stage as children of one
// command, starts again those that die, and stops them in order. Packages gateway
// and database beside this one hold what the children are made of.
//
// Supervision uses process groups and parent-death signals, and therefore Linux.
package local
