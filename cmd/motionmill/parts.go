package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/motionmill/motionmill/ledger"
	"github.com/motionmill/motionmill/local/database"
	"github.com/motionmill/motionmill/queue"
)

// parts opens the parts of a stage by their names. A name tells what a part is,
// each by itself: a URL of sqlite is embedded, any other queue is in SQS, any
// other ledger a table of DynamoDB.
type parts struct {
	log       *slog.Logger
	databases map[string]*sql.DB // By path; parts in one file share it.
	sqs       *sqs.Client        // All queues share it.
}

func newParts(log *slog.Logger) *parts {
	return &parts{log: log, databases: map[string]*sql.DB{}}
}

func (p *parts) close() error {
	var errs []error
	for _, db := range p.databases {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}

func isEmbedded(name string) bool { return strings.HasPrefix(name, "sqlite:") }

func (p *parts) queue(ctx context.Context, name string) (messages, error) {
	if isEmbedded(name) {
		return p.embeddedQueue(name)
	}
	if p.sqs == nil {
		client, err := queue.NewSQSClient(ctx, nil)
		if err != nil {
			return nil, usageError{err}
		}
		p.sqs = client
	}
	q, err := queue.NewSQS(queue.SQSConfig{Client: p.sqs, URL: name})
	if err != nil {
		return nil, usageError{err}
	}
	return q, nil
}

func (p *parts) ledger(ctx context.Context, name string, keepDays int) (records, error) {
	if isEmbedded(name) {
		db, _, err := p.database(name)
		if err != nil {
			return nil, err
		}
		return ledger.NewEmbedded(db, ledger.EmbeddedConfig{})
	}
	l, err := ledger.NewDynamo(ctx, ledger.DynamoConfig{Table: name, KeepDays: keepDays, Logger: p.log})
	if err != nil {
		return nil, usageError{err}
	}
	return l, nil
}

func (p *parts) embeddedQueue(name string) (messages, error) {
	db, u, err := p.database(name)
	if err != nil {
		return nil, err
	}
	queueName := u.Query().Get("queue")
	if queueName == "" {
		return nil, usageError{fmt.Errorf("open queue %s: it names no queue; append ?queue=NAME", name)}
	}
	visibility, err := visibilityOf(u)
	if err != nil {
		return nil, err
	}
	return queue.NewEmbedded(db, queueName, queue.EmbeddedConfig{Visibility: visibility})
}

// visibilityOf reads how long a received message stays hidden, a property of
// the queue as in SQS: ?queue=NAME&visibility=30s. Zero takes the default.
func visibilityOf(u *url.URL) (time.Duration, error) {
	text := u.Query().Get("visibility")
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, usageError{fmt.Errorf("open queue %s: visibility %q is no positive duration; write it as visibility=30s", u, text)}
	}
	return d, nil
}

// database opens the SQLite file of a sqlite URL, once for all parts in it.
func (p *parts) database(raw string) (*sql.DB, *url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, nil, usageError{fmt.Errorf("read %q: %w", raw, err)}
	}
	if db, ok := p.databases[u.Path]; ok {
		return db, u, nil
	}
	db, err := database.Open(u.Path)
	if err != nil {
		return nil, nil, missingError{err}
	}
	p.databases[u.Path] = db
	return db, u, nil
}
