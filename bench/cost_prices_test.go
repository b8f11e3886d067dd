package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"
)

// pricesVariable names a JSON file with the fields of prices that differ.
const pricesVariable = "MOTIONMILL_COST_PRICES"

// prices are inputs. They are dollars, without tax, of one region on one day;
// look them up for yours.
type prices struct {
	// Of says which region and day they are of, for people.
	Of string `json:"of"`
	// SQS is of a million requests to standard queues; each 64 KB are one.
	SQS float64 `json:"sqs"`
	// Writes is of a million write units of DynamoDB on demand, of 1 KB each.
	Writes float64 `json:"writes"`
	// Reads is of a million read units of DynamoDB on demand, each a strongly
	// consistent read of up to 4 KB.
	Reads float64 `json:"reads"`
	// Puts is of a million PUT and POST requests to S3, Gets of GET and HEAD.
	Puts float64 `json:"puts"`
	Gets float64 `json:"gets"`
	// Storage is of a GB in S3 for a month, Egress of a GB sent to the internet.
	Storage float64 `json:"storage"`
	Egress  float64 `json:"egress"`
	// Machines are instance types to compare; the first is what the others are
	// held against.
	Machines []machine `json:"machines"`
}

// machine is an instance type.
type machine struct {
	Name string `json:"name"`
	// PerHour is its price, in dollars an hour.
	PerHour float64 `json:"per_hour"`
	// Share is the part of it, 0 to 1, that works as fast as what the figures of
	// docs/performance.md were measured on; 0 where nobody has measured it.
	Share float64 `json:"share"`
}

// examplePrices are of the table in docs/cost.md.
func examplePrices() prices {
	return prices{
		Of: "us-east-1, on demand, as they were known in November 2026", SQS: 0.40, Writes: 0.625, Reads: 0.125, Puts: 5, Gets: 0.40,
		Storage: 0.023, Egress: 0.09,
		Machines: []machine{
			{"c7i.2xlarge (8 vCPU)", 0.357, 2. / 8}, {"c7i.2xlarge, spot at 40 %", 0.143, 2. / 8},
			{"g4dn.xlarge (T4)", 0.526, 0}, {"g6.xlarge (L4)", 0.805, 0}, {"g5.xlarge (A10G)", 1.006, 0},
		},
	}
}

// readPrices returns the example, with what the user's file says otherwise.
func readPrices(t *testing.T) (p prices, own bool) {
	t.Helper()
	p = examplePrices()
	path := os.Getenv(pricesVariable)
	if path == "" {
		return p, false
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read prices of %s: %v", pricesVariable, err)
	}
	p.Of = "given by " + filepath.Base(path)
	example := p.Machines
	p.Machines = nil // Else what a machine of the file leaves out would be the example's.
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		t.Fatalf("read prices of %s: %v", pricesVariable, err)
	}
	if len(p.Machines) == 0 {
		p.Machines = example
	}
	if p.Machines[0].Share <= 0 || slices.ContainsFunc(p.Machines, func(m machine) bool { return m.PerHour <= 0 || m.Share > 1 }) {
		t.Fatalf("prices of %s: every machine has a price an hour, and the first one a share above 0, at most 1", pricesVariable)
	}
	return p, true
}

// ofSQS, ofLedger and ofS3 give dollars.
func (p prices) ofSQS(requests int) float64 { return float64(requests) * p.SQS / 1e6 }

func (p prices) ofLedger(u units) float64 {
	return (float64(u.written+u.indexed)*p.Writes + float64(u.read)*p.Reads) / 1e6
}

func (p prices) ofS3(r s3Requests) float64 {
	return (float64(r.puts)*p.Puts + float64(r.gets)*p.Gets) / 1e6
}

// ofWork gives the dollars of processing: a machine's price by the second, the
// seconds, and the share of its units that the job holds meanwhile.
func (m machine) ofWork(takes time.Duration, share float64) float64 {
	return m.PerHour / 3600 * takes.Seconds() * share
}

// video is one whose processing was measured.
type video struct {
	name string
	// length is in time, source and outputs in bytes.
	length  time.Duration
	source  int64
	outputs map[string]int64
	// rungs are the bytes of each rung below hls/, which lies there in segments.
	rungs []int64
	// takes is how long its processing takes alone on the machine of docs/performance.md.
	takes time.Duration
}

// measured returns the video of the examples: jumping jacks of the shared test
// data, made by the models that docs/performance.md names.
func measured() video {
	return video{
		name: "jumping jacks, 1280×720", length: 5300 * time.Millisecond, source: 3_186_230,
		outputs: map[string]int64{
			"video.mp4": 2_086_794, "poster.jpg": 194_290, "pose.json.gz": 46_466, "overlay.mp4": 1_674_203,
			"silhouette.webm": 3_608_108, "silhouette.mp4": 911_314, "sprite.jpg": 34_168, "sprite.vtt": 365,
		},
		rungs: []int64{2_086_996, 940_068, 374_241},
	}
}

// segment is how long a segment of HLS is.
const segment = 4 * time.Second

// files returns the names of the outputs but for those below hls/, in order.
func (v video) files() []string {
	var all []string
	for name := range v.outputs {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// timedBy returns the video with the time that docs/performance.md has for it.
func (v video) timedBy(t *testing.T) video {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(v.name) + `, [^|]*\| ([\d.]+) s \|`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("docs/performance.md has no row that begins with %q and tells the seconds", v.name)
	}
	seconds, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	v.takes = time.Duration(seconds * float64(time.Second))
	return v
}

// as returns a video of the same sort and another length.
func (v video) as(length time.Duration) video {
	factor := length.Seconds() / v.length.Seconds()
	scale := func(n int64) int64 { return int64(float64(n) * factor) }
	longer := video{
		name: v.name, length: length, source: scale(v.source), outputs: map[string]int64{},
		takes: time.Duration(float64(v.takes) * factor).Round(time.Millisecond),
	}
	for name, bytes := range v.outputs {
		longer.outputs[name] = scale(bytes)
	}
	for _, bytes := range v.rungs {
		longer.rungs = append(longer.rungs, scale(bytes))
	}
	longer.outputs["poster.jpg"] = v.outputs["poster.jpg"] // One picture, however long.
	return longer
}

// taking returns a video of the same sort whose processing takes so long.
func (v video) taking(d time.Duration) video {
	longer := v.as(time.Duration(float64(v.length) * d.Seconds() / v.takes.Seconds()))
	longer.takes = d
	return longer
}

func (v video) results() (bytes int64) {
	for _, n := range v.outputs {
		bytes += n
	}
	for _, n := range v.rungs {
		bytes += n
	}
	return bytes
}

func (v video) s3() s3Requests {
	var sizes []int64
	for _, bytes := range v.outputs {
		sizes = append(sizes, bytes)
	}
	segments := int((v.length + segment - 1) / segment)
	for _, bytes := range v.rungs {
		sizes = append(sizes, 0, 0, 0) // The header and two playlists.
		for range segments {
			sizes = append(sizes, bytes/int64(segments))
		}
	}
	return s3OfJob(v.source, append(sizes, 0)...) // The master playlist.
}

func gb(bytes int64) float64 { return float64(bytes) / 1e9 }

// dollars writes an amount with so many decimals.
func dollars(d float64, decimals int) string { return fmt.Sprintf("$%.*f", decimals, d) }
