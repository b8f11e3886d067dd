package bench

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/doctable"
)

const (
	// costVariable names the document whose tables are to be written.
	costVariable = "MOTIONMILL_COST_TABLE"
	// The tables stand between these lines of it.
	firstLine = "<!-- Written by `make cost` from here on. -->\n"
	lastLine  = "<!-- Written by `make cost` up to here. -->\n"
)

// TestCostTable reckons what a stage costs, prints it, and holds docs/cost.md
// to it; or writes it there, where the environment names the file.
func TestCostTable(t *testing.T) {
	p, own := readPrices(t)
	v := measured().timedBy(t)
	text := requestTable(t, p, v) + "\n" + minuteTable(t, p, v) + "\n" + machineTable(p, v)
	t.Log("\n" + text)
	if t.Failed() || own { // The document has the example's prices.
		return
	}
	path := os.Getenv(costVariable)
	place := doctable.Place{Document: cmp.Or(path, filepath.Join("..", "docs", "cost.md")), First: firstLine, Last: lastLine}
	if path != "" {
		if err := place.Write("\n" + text + "\n"); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table, err := place.Read(); err != nil {
		t.Fatal(err)
	} else if table != "\n"+text+"\n" {
		t.Errorf("the tables of docs/cost.md are not those that are reckoned now; run make cost and read what changed:%s", difference(table, text))
	}
}

// difference shows the lines of either text that the other one lacks.
func difference(was, is string) string {
	var b strings.Builder
	for _, side := range []struct{ mark, text, other string }{{"-", was, is}, {"+", is, was}} {
		for line := range strings.Lines(side.text) {
			if !strings.Contains("\n"+side.other, "\n"+line) {
				b.WriteString("\n" + side.mark + " " + strings.TrimSuffix(line, "\n"))
			}
		}
	}
	return b.String()
}

// dearest is the job of a length that costs most, over the phases at which it
// may begin; each figure for itself.
func dearest(t *testing.T, takes time.Duration) (most spent) {
	t.Helper()
	for _, phase := range phases() {
		one := alone(t, takes, phase)
		for _, pair := range [][2]*int{
			{&most.sends, &one.sends}, {&most.deletes, &one.deletes}, {&most.hides, &one.hides}, {&most.polls, &one.polls}, {&most.writes, &one.writes},
			{&most.reads, &one.reads}, {&most.units.read, &one.units.read}, {&most.units.written, &one.units.written},
			{&most.units.indexed, &one.units.indexed}, {&most.largest, &one.largest},
		} {
			*pair[0] = max(*pair[0], *pair[1])
		}
	}
	return most
}

// rows is a table in Markdown.
type rows struct{ b strings.Builder }

func (r *rows) row(cells ...any) {
	for _, c := range cells {
		fmt.Fprintf(&r.b, "| %v ", c)
	}
	r.b.WriteString("|\n")
}

func (r *rows) head(cells ...any) {
	r.row(cells...)
	for range cells {
		r.b.WriteString("| --- ")
	}
	r.b.WriteString("|\n")
}

// ours is what queues cost by a job's own requests: those of its worker, and
// S3's notification.
func (s spent) ours() int { return s.sqs() + 1 }

func requestTable(t *testing.T, p prices, v video) string {
	t.Helper()
	lengths := []time.Duration{10 * time.Second, time.Minute, 10 * time.Minute}
	var costs []spent
	var videos []video
	for _, d := range lengths {
		costs, videos = append(costs, dearest(t, d)), append(videos, v.taking(d))
	}
	var r rows
	line := func(what string, cell func(i int) any) {
		cells := []any{what}
		for i := range lengths {
			cells = append(cells, cell(i))
		}
		r.row(cells...)
	}
	fmt.Fprintf(&r.b, "Requests of one job, alone on its worker, by how long it takes to process; prices of %s.\n\n", p.Of)
	r.head("", "10 s", "1 min", "10 min")
	line("SQS: the notification; the timer sent, hidden, deleted; the work message deleted", func(i int) any { return costs[i].ours() })
	line("SQS: polls of its worker meanwhile", func(i int) any { return costs[i].polls })
	line("DynamoDB: writes", func(i int) any { return costs[i].writes })
	line("DynamoDB: write units, of the table + of its indexes", func(i int) any {
		return fmt.Sprintf("%d + %d", costs[i].units.written, costs[i].units.indexed)
	})
	line("DynamoDB: strongly consistent reads (a unit each)", func(i int) any { return costs[i].reads })
	line("S3: the video and its results, MB", func(i int) any {
		return fmt.Sprintf("%.0f + %.0f", float64(videos[i].source)/1e6, float64(videos[i].results())/1e6)
	})
	line("S3: PUT and POST of the upload", func(i int) any { return s3OfUpload(videos[i].source).puts })
	line("S3: PUT and POST of the worker", func(i int) any { return videos[i].s3().puts })
	line("S3: GET and HEAD of the worker", func(i int) any { return videos[i].s3().gets })
	sqs := func(i int) float64 { return p.ofSQS(costs[i].ours()+costs[i].polls) * 1000 }
	table := func(i int) float64 { return p.ofLedger(costs[i].units) * 1000 }
	objects := func(i int) float64 { return p.ofS3(s3OfUpload(videos[i].source).plus(videos[i].s3())) * 1000 }
	line("SQS, 1,000 jobs", func(i int) any { return dollars(sqs(i), 4) })
	line("DynamoDB, 1,000 jobs", func(i int) any { return dollars(table(i), 4) })
	line("S3, 1,000 jobs", func(i int) any { return dollars(objects(i), 4) })
	line("**together, 1,000 jobs**", func(i int) any { return "**" + dollars(sqs(i)+table(i)+objects(i), 4) + "**" })
	for i, c := range costs {
		if c.reads != c.units.read {
			t.Errorf("%d reads of a job of %s took %d units: the table says that each takes one", c.reads, lengths[i], c.units.read)
		}
	}
	return r.b.String()
}

// minuteTable is the worked example: a minute of video.
func minuteTable(t *testing.T, p prices, v video) string {
	t.Helper()
	minute := v.as(time.Minute)
	cost, first := dearest(t, minute.takes), p.Machines[0]
	requests := p.ofSQS(cost.ours()+cost.polls) + p.ofLedger(cost.units) + p.ofS3(minute.s3().plus(s3OfUpload(minute.source)))
	stored := minute.source + minute.results()
	watched := minute.outputs["video.mp4"] + minute.outputs["silhouette.webm"] + minute.outputs["pose.json.gz"]
	var r rows
	fmt.Fprintf(&r.b, "A minute of video like *%s*: %.1f s of processing on two cores, %.0f MB of source, %.0f MB of results.\n\n",
		minute.name, minute.takes.Seconds(), float64(minute.source)/1e6, float64(minute.results())/1e6)
	r.head("part", "reckoned as", "dollars")
	work := first.ofWork(minute.takes, first.Share)
	r.row("machine", fmt.Sprintf("$%g ÷ 3600 × %.1f s × %g of a %s", first.PerHour, minute.takes.Seconds(), first.Share, first.Name), dollars(work, 5))
	r.row("requests", "as above, for this length", dollars(requests, 5))
	r.row("**to make it**", "", "**"+dollars(work+requests, 5)+"**")
	r.row("storage, each month", fmt.Sprintf("%.3f GB × $%g", gb(stored), p.Storage), dollars(gb(stored)*p.Storage, 5))
	r.row("egress, each viewing", fmt.Sprintf("video, silhouette and pose track, %.3f GB × $%g", gb(watched), p.Egress), dollars(gb(watched)*p.Egress, 5))
	return r.b.String()
}

// machineTable compares instance types.
func machineTable(p prices, v video) string {
	minute, first := v.as(time.Minute), p.Machines[0]
	var r rows
	r.b.WriteString("The same minute by instance type.\n\n")
	r.head("instance type", "assumed price an hour", "a minute of video")
	for _, m := range p.Machines {
		told := ""
		if m.Share > 0 {
			told = dollars(m.ofWork(minute.takes, m.Share), 5)
		} else {
			even := minute.takes.Seconds() * first.Share * first.PerHour / m.PerHour
			told = fmt.Sprintf("not measured; $%.6f a second. Cheaper than the first below %.1f s a minute of video", m.PerHour/3600, even)
		}
		r.row(m.Name, fmt.Sprintf("$%g", m.PerHour), told)
	}
	return r.b.String()
}
