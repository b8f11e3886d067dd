package soak

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/motionmill/motionmill/job"
)

// Evidence is what a soak left behind.
type Evidence struct {
	// Orders holds every source that was announced, once.
	Orders []job.Order
	// Records holds the ledger's records by job; a job that it does not know is absent.
	Records map[string]job.Record
	// Files holds the objects of the outputs bucket, by key: the SHA-256 in
	// hexadecimal. Manifests holds the bodies of the manifests among them.
	Files     map[string]string
	Manifests map[string][]byte
	// Ends says how worker processes ended.
	Ends []End
	// Left is the number of messages in each queue that is to be empty.
	Left map[string]int
}

// Waste is why attempts were charged that came to nothing.
type Waste struct {
	// Kills were of workers killed by SIGKILL while they held the job.
	Kills int
	// Faults ended in a failure of storage: the network was bad, and the worker
	// gave in to it.
	Faults []string
	// Other have no such explanation, as a lease that ran out although its
	// worker was not killed.
	Other []string
}

// Verdict is what the evidence shows. Each text says of one thing what is wrong.
type Verdict struct {
	Jobs int
	// Lost jobs are not final, not announced or have no manifest; Doubled ones
	// have two results, or one that is not whole.
	Lost, Doubled, Left []string
	Wasted              Waste
	// Released counts attempts that were given back uncharged.
	Released int
	// Superseded counts jobs whose source was replaced before they were done.
	Superseded int
	// Recoveries are the times from the kill of a worker that held a job to the
	// job's next claim, or to its announcement, shortest first.
	Recoveries []time.Duration
	// Slowest is the story of the job that took the longest of them.
	Slowest string
	// Stray are files of attempts that were not committed.
	Stray []string
}

// Judge looks through the evidence.
func Judge(e Evidence) Verdict {
	v := Verdict{Jobs: len(e.Orders)}
	ends := map[string]End{}
	for _, end := range e.Ends {
		ends[end.Worker] = end
	}
	newest := map[string]string{}
	for _, o := range e.Orders {
		if job.CompareSequencers(o.Source.Sequencer, newest[o.Source.Key]) > 0 {
			newest[o.Source.Key] = o.Source.Sequencer
		}
	}
	for _, o := range e.Orders {
		replaced := job.CompareSequencers(o.Source.Sequencer, newest[o.Source.Key]) < 0
		rec := e.Records[o.ID()]
		v.ending(rec, o, replaced)
		v.results(e, rec, o)
		v.attempts(rec, ends)
	}
	for name, n := range e.Left {
		if n != 0 {
			v.Left = append(v.Left, fmt.Sprintf("%d messages in the %s queue", n, name))
		}
	}
	slices.Sort(v.Left)
	slices.Sort(v.Recoveries)
	return v
}

// ending checks that a job is final and announced, and in the right state.
func (v *Verdict) ending(rec job.Record, o job.Order, replaced bool) {
	lost := func(format string, args ...any) {
		v.Lost = append(v.Lost, fmt.Sprintf("job %s of %s: ", o.ID(), o.Source.Key)+fmt.Sprintf(format, args...))
	}
	gone := replaced && (rec.State == job.Superseded || rec.State == job.Dead && rec.Error != nil && rec.Error.Kind == job.SourceReplaced)
	switch {
	case rec.State == job.None:
		lost("the ledger has no record")
	case !rec.State.Final():
		lost("it is %s, fence %d; %s", rec.State, rec.Fence, history(rec))
	case !rec.Announced:
		lost("it is %s and was never announced", rec.State)
	case gone:
		v.Superseded++
	case rec.State != job.Succeeded:
		lost("it is %s; %s", rec.State, history(rec))
	}
}

// manifest is the part of a manifest that is looked at.
type manifest struct {
	Job     string `json:"job"`
	Fence   int64  `json:"fence"`
	Outputs []struct {
		Path   string `json:"path"`
		SHA256 string `json:"sha256"`
	} `json:"outputs"`
}

// results checks that a job has one result, and all of it: that of the
// attempt which was committed.
func (v *Verdict) results(e Evidence, rec job.Record, o job.Order) {
	doubled := func(format string, args ...any) {
		v.Doubled = append(v.Doubled, fmt.Sprintf("job %s of %s: ", o.ID(), o.Source.Key)+fmt.Sprintf(format, args...))
	}
	root := "outputs/" + o.ID() + "/"
	stable, published := e.Manifests[root+"manifest.json"]
	folder := fmt.Sprintf("%s%d/", root, rec.Fence)
	commits := 0
	for _, a := range rec.History {
		if a.Outcome == string(job.Succeeded) {
			commits++
		}
	}
	for key := range e.Files {
		if strings.HasPrefix(key, root) && key != root+"manifest.json" && (rec.State != job.Succeeded || !strings.HasPrefix(key, folder)) {
			v.Stray = append(v.Stray, key)
		}
	}
	if rec.State != job.Succeeded {
		if published || commits > 0 {
			doubled("it is %s and has a manifest (%t) or commits (%d)", rec.State, published, commits)
		}
		return
	}
	if commits != 1 {
		doubled("it was committed %d times: %s", commits, history(rec))
	}
	var m manifest
	switch {
	case !published:
		v.Lost = append(v.Lost, fmt.Sprintf("job %s of %s: it succeeded and its manifest was never published", o.ID(), o.Source.Key))
		return
	case json.Unmarshal(stable, &m) != nil, m.Job != o.ID(), m.Fence != rec.Fence:
		doubled("the published manifest is of job %s, fence %d; fence %d was committed", m.Job, m.Fence, rec.Fence)
	case rec.Manifest != folder+"manifest.json":
		doubled("fence %d was committed with the manifest %s", rec.Fence, rec.Manifest)
	case string(e.Manifests[rec.Manifest]) != string(stable):
		doubled("the published manifest differs from the committed one")
	case len(m.Outputs) == 0:
		doubled("the manifest names no outputs")
	}
	for _, output := range m.Outputs {
		if sum, there := e.Files[folder+output.Path]; !there || sum != output.SHA256 {
			doubled("%s is not what the manifest says (there: %t)", folder+output.Path, there)
		}
	}
}

// attempts accounts for what was charged, and for what killed workers held.
func (v *Verdict) attempts(rec job.Record, ends map[string]End) {
	charged := 0
	for i, a := range rec.History {
		end := ends[a.Worker]
		killed := end.Signal == syscall.SIGKILL && !end.At.Before(a.StartedAt)
		switch a.Outcome {
		case "released":
			v.Released++
			continue
		case "lost", string(job.Failed):
			v.waste(rec, a, killed && a.Outcome == "lost" && !a.EndedAt.Before(end.At))
		}
		charged++
		switch {
		case killed && a.Outcome == "lost" && i+1 < len(rec.History):
			v.recovered(rec, end, rec.History[i+1].StartedAt)
		case killed && rec.Announced && i == len(rec.History)-1 && rec.UpdatedAt.After(end.At):
			v.recovered(rec, end, rec.UpdatedAt)
		}
	}
	if charged != rec.Attempt {
		v.Wasted.Other = append(v.Wasted.Other, fmt.Sprintf("job %s was charged %d attempts: %s", rec.ID, rec.Attempt, history(rec)))
	}
}

// recovered notes that a job of a killed worker went on at a time.
func (v *Verdict) recovered(rec job.Record, end End, at time.Time) {
	took := at.Sub(end.At)
	if len(v.Recoveries) == 0 || took > slices.Max(v.Recoveries) {
		v.Slowest = fmt.Sprintf("job %s: %s after %s was killed at %s; %s", rec.ID, took.Round(time.Millisecond), end.Worker,
			end.At.UTC().Format("15:04:05.0"), history(rec))
	}
	v.Recoveries = append(v.Recoveries, took)
}

func (v *Verdict) waste(rec job.Record, a job.Attempt, killed bool) {
	storage := a.Outcome == string(job.Failed) && a.Error != nil && a.Error.Kind == job.Storage
	text := fmt.Sprintf("job %s, fence %d: %s", rec.ID, a.Fence, history(rec))
	switch {
	case killed:
		v.Wasted.Kills++
	case storage:
		v.Wasted.Faults = append(v.Wasted.Faults, text)
	default:
		v.Wasted.Other = append(v.Wasted.Other, text)
	}
}

// history tells of a record's attempts in one line.
func history(rec job.Record) string {
	all := []string{}
	for _, a := range rec.History {
		text := fmt.Sprintf("fence %d by %s at %s", a.Fence, a.Worker, a.StartedAt.Format("15:04:05.0"))
		if a.Outcome != "" {
			text += fmt.Sprintf(": %s after %s", a.Outcome, a.EndedAt.Sub(a.StartedAt).Round(time.Millisecond))
		}
		if a.Error != nil {
			text += fmt.Sprintf(" (%s: %s)", a.Error.Kind, a.Error.Message)
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// Limits is what a verdict must keep.
type Limits struct {
	// Recovery is the longest that the 99th percentile of recoveries may be: one
	// in a hundred may take longer, and one of fewer.
	Recovery time.Duration
}

// Wrong lists everything that a soak may not end with.
func (v Verdict) Wrong(l Limits) []string {
	var wrong []string
	for _, list := range []struct {
		what  string
		found []string
	}{
		{"lost", v.Lost}, {"doubled", v.Doubled}, {"left", v.Left}, {"wasted by faults", v.Wasted.Faults},
		{"wasted by nothing known", v.Wasted.Other}, {"stray", v.Stray},
	} {
		for _, text := range list.found {
			wrong = append(wrong, list.what+": "+text)
		}
	}
	slow := 0
	for _, took := range v.Recoveries {
		if took > l.Recovery {
			slow++
		}
	}
	if slow > max(len(v.Recoveries)/100, 1) {
		wrong = append(wrong, fmt.Sprintf("%d of %d recoveries took more than %s; the slowest is %s", slow, len(v.Recoveries), l.Recovery, v.Slowest))
	}
	return wrong
}

// Percentile returns the least of sorted times that a share of them, 0 to 1, does
// not exceed; 0 of none.
func Percentile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	at := int(share*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(at, 0), len(sorted)-1)]
}
