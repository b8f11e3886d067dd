package worker

// The mutants that leave out rules of the sweep, and what lies around the
// protocol: limits, requests, capacity, identity.

func mutantsOfTheSweep() []section {
	return []section{{"Sweep: the table", mutantsOfSweepTable()}, {"Sweep: its order of steps", mutantsOfSweepSteps()}, {"Limits", mutantsOfLimits()}}
}

func mutantsOfSweepTable() []mutant {
	return []mutant{
		{name: "sweep-newer", rule: "row a newer fence: delete the timer", instead: "it is judged by the newer claim", file: "worker/sweep.go",
			swaps: []swap{{`case rec.Fence > timer.Fence:`, `case false && rec.Fence > timer.Fence:`}}},
		{name: "sweep-unclaimed", rule: "row the claim is not made yet", instead: "the row is left out: the timer is deleted", file: "worker/sweep.go",
			swaps: []swap{{`case !rec.State.Final() && rec.Fence < timer.Fence:`, `case false && rec.Fence < timer.Fence:`}}},
		{name: "sweep-unclaimed-send", rule: "… never send", instead: "the work message is sent", file: "worker/sweep.go",
			swaps: []swap{{`return false, w.hide(ctx, m, timer, w.Lease)`, `return false, w.sendBack(ctx, m, job.Record{ID: timer.Job, Source: *timer.Source, Profile: timer.Profile})`}}},
		{name: "sweep-unclaimed-delete", rule: "… never delete", instead: "the timer is deleted", file: "worker/sweep.go",
			swaps: []swap{{`return false, w.hide(ctx, m, timer, w.Lease)`, "return true, nil"}}},
		{name: "sweep-unclaimed-final", rule: "… but a final job is announced whatever the timer's fence", instead: "the timer waits for ever for its claim", file: "worker/sweep.go",
			swaps: []swap{{`case !rec.State.Final() && rec.Fence < timer.Fence:`, `case rec.Fence < timer.Fence:`}}},
		{name: "sweep-live", rule: "row running, lease live: hide", instead: "the lease is ended", file: "worker/sweep.go",
			swaps: []swap{{`case rec.State == job.Running && rec.ReadAt.Before(leaseOver):`, `case false && rec.ReadAt.Before(leaseOver):`}}},
		{name: "sweep-live-until", rule: "… until the lease ends", instead: "for a second", file: "worker/sweep.go",
			swaps: []swap{{`return false, w.hide(ctx, m, timer, leaseOver.Sub(rec.ReadAt))`, `return false, w.hide(ctx, m, timer, time.Second)`}}},
		{name: "sweep-over", rule: "row running, lease over: write failed", instead: "hide", file: "worker/sweep.go",
			swaps: []swap{{`err = w.endLease(ctx, rec)`, `return false, w.hide(ctx, m, timer, w.Lease)`}}},
		{name: "sweep-over-lease", rule: "… conditional on the lease value read", instead: "a renewal in between is written over", file: "worker/sweep.go",
			swaps: []swap{{`States: []job.State{job.Running}, LeaseUntil: rec.LeaseUntil}`, `States: []job.State{job.Running}}`}}},
		{name: "sweep-over-again", rule: "… read again", instead: "the timer comes again by itself", file: "worker/sweep.go",
			swaps: []swap{{`err = w.endLease(ctx, rec)`, `return false, w.endLease(ctx, rec)`}}},
		{name: "sweep-used-up", rule: "row failed, attempts used up: write dead", instead: "it is tried for ever", file: "worker/sweep.go",
			swaps: []swap{{`case rec.State == job.Failed && rec.Attempt >= w.MaxAttempts:`, `case false && rec.Attempt >= w.MaxAttempts:`}}},
		{name: "sweep-used-up-charged", rule: "… the charged counter, not the fence", instead: "the fence", file: "worker/sweep.go",
			swaps: []swap{{`rec.Attempt >= w.MaxAttempts:`, `rec.Fence >= int64(w.MaxAttempts):`}}},
		{name: "sweep-used-up-again", rule: "… read again, and so announce", instead: "the timer is deleted", file: "worker/sweep.go",
			swaps: []swap{{`err = w.put(ctx, buried(rec), rec)`, "if err = w.put(ctx, buried(rec), rec); err == nil {\n\t\t\t\treturn true, nil\n\t\t\t}"}}},
		{name: "sweep-not-due", rule: "row failed, not due: hide", instead: "it is put back at once", file: "worker/sweep.go",
			swaps: []swap{{`case rec.State == job.Failed && rec.ReadAt.Before(rec.DueAt):`, `case false && rec.ReadAt.Before(rec.DueAt):`}}},
		{name: "sweep-not-due-until", rule: "… until due", instead: "for a lease", file: "worker/sweep.go",
			swaps: []swap{{`return false, w.hide(ctx, m, timer, rec.DueAt.Sub(rec.ReadAt))`, `return false, w.hide(ctx, m, timer, max(w.Lease, w.Lease+0*rec.DueAt.Sub(rec.ReadAt)))`}}},
		{name: "sweep-due", rule: "row failed and due: write queued, send the work message", instead: "the timer is deleted", file: "worker/sweep.go",
			swaps: []swap{{"rec); err == nil {\n\t\t\t\treturn false, w.sendBack(ctx, m, rec)", "rec); err == nil {\n\t\t\t\treturn true, nil"}}},
		{name: "sweep-queued", rule: "row queued: send the work message", instead: "the timer is deleted", file: "worker/sweep.go",
			swaps: []swap{{"case rec.State == job.Queued:\n\t\t\treturn false, w.sendBack(ctx, m, rec)", "case rec.State == job.Queued:\n\t\t\treturn true, nil"}}, crash: "^release.send$"},
		{name: "sweep-unannounced", rule: "row final, not announced: announce", instead: "the timer is deleted", file: "worker/sweep.go",
			swaps: []swap{{`case rec.State.Final() && !rec.Announced:`, `case false && !rec.Announced:`}}},
		{name: "sweep-unannounced-refused", rule: "… and delete the timer only then", instead: "also when it could not be announced", file: "worker/sweep.go",
			swaps: []swap{{"if err := w.announce(ctx, rec); err != nil {\n\t\t\t\treturn false, err\n\t\t\t}", "if err := w.announce(ctx, rec); err != nil {\n\t\t\t\tw.Logger.Warn(\"announce\", keyError, err)\n\t\t\t}"}}},
		{name: "sweep-final", rule: "row final: delete the timer", instead: "hide", file: "worker/sweep.go",
			swaps: []swap{{"default: // Final and announced.\n\t\t\treturn true, nil", "default:\n\t\t\treturn false, w.hide(ctx, m, timer, w.Lease)"}}},
	}
}

func mutantsOfSweepSteps() []mutant {
	return []mutant{
		{name: "sweep-write-first", rule: "write queued, then send", instead: "send first", file: "worker/sweep.go",
			swaps: []swap{{`if err = w.put(ctx, requeued(rec), rec); err == nil {`,
				"if err := w.Work.Send(ctx, job.Outgoing{Body: requeueLetter(rec).Encode()}); err != nil {\n\t\t\t\treturn false, err\n\t\t\t}\n\t\t\tif err = w.put(ctx, requeued(rec), rec); err == nil {"}}},
		{name: "sweep-send-first", rule: "send, then delete the timer", instead: "delete first", file: "worker/sweep.go",
			swaps: []swap{{`if err := w.Work.Send(ctx, job.Outgoing{Body: requeueLetter(rec).Encode()}); err != nil {`,
				"w.drop(ctx, w.InProgress, m)\n\tif err := w.Work.Send(ctx, job.Outgoing{Body: requeueLetter(rec).Encode()}); err != nil {"}}, crash: "^sweep.requeue-send$"},
		{name: "sweep-send-refused", rule: "… and not when it could not be sent", instead: "it is deleted all the same", file: "worker/sweep.go",
			swaps: []swap{{`return fmt.Errorf("send job %s back: %w", rec.ID, err)`, `w.Logger.Warn("send back", keyError, err)`}}},
		{name: "sweep-sent-delete", rule: "… and delete it", instead: "it stays", file: "worker/sweep.go",
			swaps: []swap{{"w.drop(ctx, w.InProgress, m)\n\treturn nil\n}\n\n// hide puts a timer off", "return nil\n}\n\n// hide puts a timer off"}}},
		{name: "sweep-announce-first", rule: "announce, then delete the timer", instead: "delete first", file: "worker/sweep.go",
			swaps: []swap{{`if err := w.announce(ctx, rec); err != nil {`, "w.drop(ctx, w.InProgress, m)\n\t\t\tif err := w.announce(ctx, rec); err != nil {"}}, crash: "^sweep.(announce|mark)$"},
		{name: "sweep-all", rule: "a sweep deals with each visible timer", instead: "with the first of a batch", file: "worker/sweep.go",
			swaps: []swap{{"done = append(done, m.Receipt)\n\t\t}\n", "done = append(done, m.Receipt)\n\t\t}\n\t\tbreak\n"}}},
		{name: "sweep-fails", rule: "a sweep that fails is tried again after a quarter of a lease", instead: "when the timer becomes visible by itself", file: "worker/sweep.go",
			swaps: []swap{{`if err := w.InProgress.Hide(ctx, m.Receipt, w.Lease/4); err != nil {`, `if err := ctx.Err(); err != nil {`}}},
		{name: "sweep-aside", rule: "what is no timer goes to the dead-letter queue", instead: "it is deleted", file: "worker/sweep.go",
			swaps: []swap{{`w.setAside(ctx, w.InProgress, m, "not a timer")`, `w.drop(ctx, w.InProgress, m)`}}},
	}
}

func mutantsOfLimits() []mutant {
	return []mutant{
		{name: "delay-clamp", rule: "delay at most 15 min: a timer comes early", instead: "the queue refuses it", file: "worker/claim.go",
			swaps: []swap{{`Delay: min(w.Lease, maxDelay)}`, `Delay: w.Lease}`}}},
		{name: "delay-clamp-anew", rule: "… also one that is sent anew", instead: "the queue refuses it", file: "worker/sweep.go",
			swaps: []swap{{`Delay: min(d, maxDelay)}`, `Delay: d}`}}},
		{name: "delay-clamp-release", rule: "… and the message of a release", instead: "the queue refuses it", file: "worker/settle.go",
			swaps: []swap{{`10), w.Lease, maxDelay)`, `10), w.Lease)`}}},
		{name: "hide-clamp", rule: "hiding at most 12 h from each receive", instead: "the queue refuses it", file: "worker/sweep.go",
			swaps: []swap{{`d = min(max(d, time.Second), maxHide)`, `d = max(d, time.Second)`}}},
		{name: "timer-age", rule: "a timer older than 7 days is sent anew", instead: "its queue drops it after 14", file: "worker/sweep.go",
			swaps: []swap{{`w.clock.now().Sub(timer.SentAt) < timerAge {`, `w.clock.now().Sub(timer.SentAt) < 99*timerAge {`}}},
		{name: "timer-age-order", rule: "… before it is deleted", instead: "after", file: "worker/sweep.go",
			swaps: []swap{{`timer.SentAt = w.clock.now()`, "timer.SentAt = w.clock.now()\n\tw.drop(ctx, w.InProgress, m)"}}},
		{name: "timer-age-counts", rule: "… and its age counts from then on", instead: "it is sent anew at every look", file: "worker/sweep.go",
			swaps: []swap{{"timer.SentAt = w.clock.now()\n", ""}}},
		{name: "timer-age-deleted", rule: "… and is deleted", instead: "it stays beside the new one", file: "worker/sweep.go",
			swaps: []swap{{"anew: %w\", timer.Job, err)\n\t}\n\tw.drop(ctx, w.InProgress, m)", "anew: %w\", timer.Job, err)\n\t}"}}},
		{name: "reconcile", rule: "objects without a record are enqueued when the embedded stage starts", instead: "an event that was lost stays lost", file: "local/gateway/scan.go",
			swaps: []swap{{"o.untold.Store(true)\n\ttimer :=", "timer :="}}, unit: "^TestEventLost"},
		{name: "reconcile-known", rule: "… and no others", instead: "all", file: "local/gateway/scan.go",
			swaps: []swap{{`if err != nil || known {`, `if err != nil || false && known {`}}, unit: "^TestEventLost"},
	}
}
