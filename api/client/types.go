package client

import "github.com/motionmill/motionmill/api/client/wire"

// What the API takes and gives, as its description has it; package wire has the
// names of states and roles, and says of each field what it is.
type (
	// Job is one video made into one profile.
	Job = wire.Job
	// JobState is how far a job is, such as wire.JobStateRunning.
	JobState = wire.JobState
	// Attempt is one try at a job.
	Attempt = wire.Attempt
	// Failure is why an attempt, a job or an import failed.
	Failure = wire.Failure
	// Output is one file of a job's result.
	Output = wire.Output

	// NewUpload is what is said of a file that is to be sent.
	NewUpload = wire.NewUpload
	// Upload tells how to send it.
	Upload = wire.Upload
	// UploadPart is one part of a large file.
	UploadPart = wire.UploadPart
	// UploadState is what became of an upload.
	UploadState = wire.UploadState
	// PartETag is the store's receipt for a part.
	PartETag = wire.PartETag
	// PartSize names a part that is to be signed.
	PartSize = wire.PartSize
	// SignedParts are parts with URLs that are good for a while.
	SignedParts = wire.SignedParts
	// StoredPart is a part that has arrived.
	StoredPart = wire.StoredPart

	// NewImport is what the stage is to fetch from a server.
	NewImport = wire.NewImport
	// Import is how far that is.
	Import = wire.Import

	// Delivery is a webhook that has not been delivered.
	Delivery = wire.Delivery
	// Unreadable are messages that no worker could read.
	Unreadable = wire.Unreadable

	// SignedIn is a session with its tokens.
	SignedIn = wire.SignedIn
	// Caller is whom a token stands for.
	Caller = wire.Caller
	// ShareLink lets others read one job.
	ShareLink = wire.ShareLink
	// ShareNote is what is known of such a link once it was given out.
	ShareNote = wire.ShareNote
	// PlaybackGrant lets a player fetch a job's files.
	PlaybackGrant = wire.PlaybackGrant
	// Stage is what a stage takes.
	Stage = wire.Stage
)
