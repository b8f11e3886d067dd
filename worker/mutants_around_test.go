package worker

// The mutants that leave out what lies around the protocol.

func mutantsAround() []section {
	return []section{{"Idle cost", mutantsOfCost()}, {"Capacity", mutantsOfCapacity()}, {"Identity", mutantsOfIdentity()}}
}

func mutantsOfCost() []mutant {
	return []mutant{
		{name: "batch-timers", rule: "busy queues share requests: timers", instead: "a request for each", file: "worker/claim.go",
			swaps: []swap{{`if err := w.InProgress.Send(ctx, timers...); err != nil {`,
				"for len(timers) > 1 {\n\t\tif err := w.InProgress.Send(ctx, timers[0]); err != nil {\n\t\t\treturn w.withoutTimers(ctx, ready, err)\n\t\t}\n\t\ttimers = timers[1:]\n\t}\n\tif err := w.InProgress.Send(ctx, timers...); err != nil {"}}},
		{name: "batch-deletions", rule: "… and deletions", instead: "a request for each", file: "worker/claim.go",
			swaps: []swap{{`if err := w.Work.Delete(ctx, receipts...); err != nil {`,
				"for _, receipt := range receipts[1:] {\n\t\t\t_ = w.Work.Delete(ctx, receipt)\n\t\t}\n\t\tif err := w.Work.Delete(ctx, receipts[0]); err != nil {"}}},
		{name: "batch-timer-deletions", rule: "… and deletions of timers that are of no more use", instead: "a request for each", file: "worker/sweep.go",
			swaps: []swap{{`done = append(done, m.Receipt)`, `w.drop(ctx, w.InProgress, m)`}}},
		{name: "one-poll", rule: "one long poll at a time", instead: "one more at every tick", file: "worker/worker.go",
			swaps: []swap{{`cron.WithChain(cron.SkipIfStillRunning(cron.DiscardLogger))`, `cron.WithChain()`}}},
		{name: "long-sweeps", rule: "the polls of a quiet worker's sweeper are long", instead: "a second", file: "worker/sweep.go",
			swaps: []swap{{`w.InProgress.Receive(ctx, batchLimit, w.sweepWait())`, `w.InProgress.Receive(ctx, batchLimit, time.Second)`}}},
		{name: "short-sweeps", rule: "… and short where jobs are claimed: a queue may wake every poll that waits at each timer that is sent", instead: "long", file: "worker/sweep.go",
			swaps: []swap{{`w.sweepWait())`, `w.PollWait)`}}},
	}
}

func mutantsOfCapacity() []mutant {
	return []mutant{
		{name: "one-waits", rule: "at most one claimed job waits for its weight", instead: "any number", file: "worker/units.go",
			swaps: []swap{{`if !u.beginWait() {`, `if !u.beginWait() && false {`}}},
		{name: "arrival-order", rule: "units are exchanged in order of arrival", instead: "whoever comes when there is room", file: "worker/units.go",
			swaps: []swap{{`err := u.sem.Acquire(ctx, int64(more))`, "var err error\n\tfor err == nil && !u.sem.TryAcquire(int64(more)) {\n\t\terr = job.Pause(ctx, 1e9)\n\t}"}}},
		{name: "free-while-waiting", rule: "while a job waits nothing is free for others", instead: "what is freed bit by bit counts as free", file: "worker/units.go",
			swaps: []swap{{"if u.waiting {\n\t\treturn 0\n\t}\n\treturn u.capacity", `return u.capacity`}}},
		{name: "weight-clamp", rule: "a weight is at most the capacity", instead: "a heavier job never starts", file: "worker/units.go",
			swaps: []swap{{`return min(max(weight, 1), u.capacity)`, `return max(weight, 1)`}}},
		{name: "capacity", rule: "never more than the capacity is held", instead: "the exchange takes nothing", file: "worker/units.go",
			swaps: []swap{{"u.count(more)\n\t\treturn weight, nil\n\t}\n\tif !u.beginWait()", "u.sem.Release(int64(more))\n\t\treturn weight, nil\n\t}\n\tif !u.beginWait()"}}},
		{name: "surplus", rule: "units that a job does not need are given back", instead: "they are lost", file: "worker/units.go",
			swaps: []swap{{"u.Give(held - weight)\n", ""}}},
		{name: "units-back", rule: "a finished job frees its units", instead: "it keeps them", file: "worker/attempt.go",
			swaps: []swap{{"w.units.Give(a.units)\n", ""}}},
		{name: "units-back-unclaimed", rule: "… and so does a message that needs no claim", instead: "it keeps its unit", file: "worker/claim.go",
			swaps: []swap{{"} else {\n\t\t\tw.units.Give(c.units)\n\t\t}", "}"}}},
	}
}

func mutantsOfIdentity() []mutant {
	return []mutant{
		{name: "id-version", rule: "a job's ID comes from the version id", instead: "not from it", file: "job/source.go",
			swaps: []swap{{`s.Bucket, s.Key, s.Version, s.ETag,`, `s.Bucket, s.Key, s.ETag,`}}},
		{name: "id-null", rule: "… where null and empty are none", instead: "null is one", file: "job/source.go",
			swaps: []swap{{`if s.Version == "null" {`, `if false && s.Version == "null" {`}}},
		{name: "id-etag", rule: "… from the ETag", instead: "not from it", file: "job/source.go",
			swaps: []swap{{`s.Version, s.ETag, strings.ToUpper(sequencer)`, `s.Version, strings.ToUpper(sequencer)`}}},
		{name: "id-quotes", rule: "… without quotes", instead: "with them", file: "job/source.go",
			swaps: []swap{{"strings.Trim(s.ETag, `\"`)", `s.ETag`}}},
		{name: "id-sequencer", rule: "… from the sequencer", instead: "not from it: A, B, A again is taken for the first", file: "job/source.go",
			swaps: []swap{{`strings.ToUpper(sequencer), profile}`, `strings.ToUpper(sequencer[:0]), profile}`}}},
		{name: "id-sequencer-versioned", rule: "… when there is no version", instead: "always", file: "job/source.go",
			swaps: []swap{{`if s.Version != "" {`, `if false && s.Version != "" {`}}},
		{name: "id-profile", rule: "… and from the profile", instead: "not from it", file: "job/source.go",
			swaps: []swap{{`strings.ToUpper(sequencer), profile}`, `strings.ToUpper(sequencer), profile[:0]}`}}},
		{name: "sequencers", rule: "sequencers compare as hex padded right with zeros", instead: "padded left", file: "job/source.go",
			swaps: []swap{{`a += strings.Repeat("0", n-len(a))`, `a = strings.Repeat("0", n-len(a)) + a`}, {`b += strings.Repeat("0", n-len(b))`, `b = strings.Repeat("0", n-len(b)) + b`}}},
		{name: "gateway-sequencer", rule: "the embedded stage's sequencer comes from the object: a scan finds the same ID", instead: "from the clock", file: "local/gateway/publication.go",
			swaps: []swap{{`Sequencer: sequencer(info.ModTime())`, `Sequencer: sequencer(time.Now())`}}, unit: "^Test(EventLost|EventIsAs)"},
	}
}
