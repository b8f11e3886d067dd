package queue

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/motionmill/motionmill/job"
)

// readLetter reads a message of our own.
func (r *Reader) readLetter(body []byte, envelopes int) (job.Notice, error) {
	var letter job.Letter
	if err := json.Unmarshal(body, &letter); err != nil {
		return job.Notice{}, unreadable("letter", err)
	}
	fail := func(err error) (job.Notice, error) {
		return job.Notice{}, unreadable(string(letter.Type)+" letter", err)
	}
	switch letter.Type {
	case job.RequeueLetter:
		read, err := r.readRequeue(letter)
		if err != nil {
			return fail(err)
		}
		return notice([]judged{read}), nil
	case job.RetryLetter:
		if letter.Job == "" || letter.Fence < 0 {
			return fail(fmt.Errorf("it names no job and fence to revive: job %q, fence %d", letter.Job, letter.Fence))
		}
		return job.Notice{Retry: &letter}, nil
	case job.UnreadableLetter:
		// Someone put it back, perhaps because this version can read it.
		n, err := r.read([]byte(letter.Body), envelopes-1)
		if err != nil {
			return fail(fmt.Errorf("still: %w", err))
		}
		return n, nil
	case job.TimerLetter:
		return fail(errors.New("it belongs in the in-progress queue"))
	default:
		return fail(errors.New("there is no such type of letter"))
	}
}

// readRequeue reads the order that a requeue letter repeats.
func (r *Reader) readRequeue(letter job.Letter) (judged, error) {
	switch {
	case letter.Source == nil:
		return judged{}, errors.New("it has no source")
	case letter.Profile == "":
		return judged{}, errors.New("it has no profile")
	case letter.Weight < 0 || letter.Fence < 0:
		return judged{}, fmt.Errorf("its weight or fence is negative: %d, %d", letter.Weight, letter.Fence)
	case r.cfg.Bucket != "" && letter.Source.Bucket != r.cfg.Bucket:
		// It stands for a job, so it is not dropped.
		return judged{}, fmt.Errorf("its source %s is not in the bucket %s", letter.Source.URI(), r.cfg.Bucket)
	}
	if err := checkSource(*letter.Source); err != nil {
		return judged{}, err
	}
	read := r.judge(*letter.Source)
	read.order.Profile, read.order.Weight, read.order.Fence = letter.Profile, letter.Weight, letter.Fence
	if id := read.order.ID(); read.ignored == "" && letter.Job != "" && letter.Job != id {
		return judged{}, fmt.Errorf("it names the job %s, but its source and profile are those of %s", letter.Job, id)
	}
	return read, nil
}
