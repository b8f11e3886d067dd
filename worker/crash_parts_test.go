package worker_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"time"

	"github.com/motionmill/motionmill/ledger"
	"github.com/motionmill/motionmill/local/database"
	"github.com/motionmill/motionmill/queue"
	"github.com/motionmill/motionmill/worker"
)

// The queues of a lane.
const (
	workQueue  = "work"
	timerQueue = "in-progress"
	deadQueue  = "dead-letter"
)

// visibility is how long a delivery stays hidden when its receiver was killed.
const visibility = time.Second

// parts are the queues and the ledger of one lane, as workers have them and as
// the test looks at them.
type parts struct {
	ledger worker.Ledger
	queues map[string]messages
	db     *sql.DB // nil on servers
	close  func() error
}

// messages is a queue whose messages are counted.
type messages interface {
	worker.Queue
	Depth(ctx context.Context) (queue.Depth, error)
}

// pace is how fast things go on a kind of stage.
type pace struct {
	lease time.Duration
	// soon is when what a story has due soon is due, and later, later.
	soon, later time.Duration
	// lanes is how many rounds one process serves: each has a worker, queues and
	// jobs of its own, and the process dies when all of them stand at the point.
	lanes int
	// together is how many processes are under way at once; they mostly wait.
	together int
	// look is how often the test looks, patience how long a trial may take.
	look, patience time.Duration
}

func embeddedPace() pace {
	return pace{
		lease: 800 * time.Millisecond, soon: 2 * time.Second, later: 3 * time.Second, lanes: 10, together: 16,
		look: 100 * time.Millisecond, patience: time.Minute,
	}
}

// openEmbedded opens a lane's database, and makes it first if there is none.
func openEmbedded(folder, lane string) (*parts, error) {
	db, err := database.Open(filepath.Join(folder, lane, "stage.sqlite"))
	if err != nil {
		return nil, err
	}
	p := &parts{queues: map[string]messages{}, db: db, close: db.Close}
	for _, what := range []string{workQueue, timerQueue, deadQueue} {
		p.queues[what], err = queue.NewEmbedded(db, what, queue.EmbeddedConfig{Visibility: visibility, Poll: 50 * time.Millisecond})
		if err != nil {
			return nil, err
		}
	}
	p.ledger, err = ledger.NewEmbedded(db, ledger.EmbeddedConfig{})
	return p, err
}

// receivedBefore has the messages of the work queue, which are so many,
// received n times already.
func (p *parts) receivedBefore(n, messages int) error {
	if p.db == nil {
		return p.receiveAll(n, messages)
	}
	_, err := p.db.Exec("UPDATE queue_messages SET received = ? WHERE queue = ?", n, workQueue)
	return err
}

// receiveAll receives each message of the work queue n times, all of them before
// any is given back. How many there are is told, not counted: right after a
// message was sent, ElasticMQ may leave it out of its count.
func (p *parts) receiveAll(n, messages int) error {
	ctx, work := context.Background(), p.queues[workQueue]
	for range n {
		receipts := map[string]string{}
		for len(receipts) < messages {
			got, err := work.Receive(ctx, 10, time.Second)
			if err != nil {
				return err
			}
			for _, m := range got {
				receipts[m.ID] = m.Receipt
			}
		}
		for _, receipt := range receipts {
			if err := work.Hide(ctx, receipt, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// letters returns the bodies that lie in an embedded queue, visible or not,
// without touching them.
func (p *parts) letters(what string) (bodies [][]byte, err error) {
	rows, err := p.db.Query("SELECT body FROM queue_messages WHERE queue = ?", what)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		bodies = append(bodies, body)
	}
	return bodies, rows.Err()
}

// left tells what lies in a queue: the bodies, or on servers the counts.
func (p *parts) left(what string) (texts []string, err error) {
	if p.db == nil {
		depth, err := p.queues[what].Depth(context.Background())
		return []string{fmt.Sprintf("%+v", depth)}, err
	}
	bodies, err := p.letters(what)
	for _, body := range bodies {
		texts = append(texts, string(body))
	}
	return texts, err
}
