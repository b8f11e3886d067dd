package main

import "github.com/motionmill/motionmill/worker"

// seam is where a test comes between a worker and the parts that it is wired
// to: it gets the configuration and returns the one to use. The program itself
// has none.
type seam func(worker.Config) worker.Config

// worker makes a worker of cfg as the seam leaves it.
func (s seam) worker(cfg worker.Config) (*worker.Worker, error) {
	if s != nil {
		cfg = s(cfg)
	}
	return worker.New(cfg)
}
