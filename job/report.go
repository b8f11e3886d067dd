package job

// Report is a failure as the people who run a stage are told of it: that of an
// attempt, or, without a job, a panic of something that goes on beside jobs.
type Report struct {
	Failure
	// Where names what failed when there is no job: "claim round".
	Where string
	// Panic tells that the failure is a panic that was caught.
	Panic bool
	// Final tells that the job is not tried again.
	Final bool
	Job   string
	// Key is the key of the job's source, which names its owner as well.
	Key     string
	Attempt int
	// Worker is the worker that had the job.
	Worker string
	// Request is the id of the API's request that brought the source, or that
	// failed; empty when it is not known.
	Request string
}

// ReportPanic tells of a panic of something that goes on beside jobs.
func ReportPanic(p *Panic) Report {
	return Report{Failure: Failure{Kind: Internal, Message: p.Error(), Stack: p.Stack}, Where: p.Where, Panic: true}
}
