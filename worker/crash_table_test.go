package worker_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

const matrixText = `A real worker process on the embedded stage is killed (SIGKILL) right before and right after each step of the protocol. The
invariant is checked on what it left; another process then finishes. A cell says how every job ended, what it was charged, and in
how many rounds: nothing lost, one published manifest a source, that of the committed fence, no fence used twice. An attempt is
charged when its worker died between the claim and the commit, else not. A dead-letter message can come twice, when the
process died between sending it and noting that; redriving the second does nothing. Written by ` + "`make crash`" + `.
`

const lateText = `The process is stopped (SIGSTOP) right before the step, another one finishes the job, and then the first goes on (SIGCONT) and makes
the step late. What it writes late is refused, or changes nothing; the result stays that of the other. *Meanwhile*: the other one is
still running the job when the first goes on, so that nothing but the fence tells them apart.
`

const serversText = `The same with the queues in ElasticMQ and the ledger in dynalite, by the code that talks to SQS and DynamoDB. Nobody can look into a queue of theirs
without disturbing it, so the invariant is not checked on what the crash left, only by how everything ends. Leases are longer there, because
delays are whole seconds, and so is the ledger's clock.
`

// keepTable logs a table, and writes it to the file that the environment names,
// if it names one and all went well.
func keepTable(t *testing.T, how int, table string) {
	t.Helper()
	t.Log("\n" + table)
	path := os.Getenv(tableVariable)
	if path == "" || t.Failed() {
		return
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|how, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(table)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// matrix tells of the trials, which come in pairs of before and after.
func matrix(trials []*trial) string {
	var b strings.Builder
	b.WriteString("| point | step | killed before it | killed after it |\n| --- | --- | --- | --- |\n")
	for i := 0; i+1 < len(trials); i += 2 {
		first, second := trials[i], trials[i+1]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", first.point.name, first.point.does, first.cell(), second.cell())
	}
	return b.String()
}

// late tells of the trials with a stopped process.
func late(trials []*trial) string {
	var b strings.Builder
	b.WriteString("| point | the late step | ended | the late write |\n| --- | --- | --- | --- |\n")
	for _, t := range trials {
		refused, does := "changes nothing", t.point.does
		if t.point.refused != "" {
			refused = "refused"
		}
		if t.side == meanwhile {
			does += " (meanwhile)"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", t.point.name, does, t.cell(), refused)
	}
	return b.String()
}

func (t *trial) cell() string {
	switch {
	case len(t.wrong) > 0:
		return fmt.Sprintf("**%d wrong**, %d right", len(t.wrong), t.rounds)
	case t.rounds == 0:
		return "not tried"
	default:
		return fmt.Sprintf("%s ×%d", t.want, t.rounds)
	}
}
