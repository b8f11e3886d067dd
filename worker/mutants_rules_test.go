package worker

// The mutants that leave out what holds in every step.

func mutantsOfEveryStep() []section {
	return []section{
		{"In every step: reads and conditions", mutantsOfConditions()},
		{"In every step: lost writes, and who ends a lease", mutantsOfLeases()},
	}
}

const staleReads = `// stale holds what the read before gave.
var stale sync.Map

func (w *Worker) weakly(ctx context.Context, id string) (job.Record, error) {
	rec, err := w.Ledger.Get(ctx, id)
	if err != nil {
		return rec, err
	}
	if last, ok := stale.Swap([2]any{w, id}, rec); ok {
		old := last.(job.Record)
		old.ReadAt = rec.ReadAt
		return old, nil
	}
	return rec, nil
}

`

func mutantsOfConditions() []mutant {
	return []mutant{
		{name: "weak-reads", rule: "reads are strongly consistent", instead: "a read may give what the read before it gave", file: "worker/worker.go",
			swaps: []swap{{`rec, err := w.Ledger.Get(ctx, id)`, `rec, err := w.weakly(ctx, id)`},
				{`// newToken returns what a claim`, staleReads + `// newToken returns what a claim`}}},
		{name: "weak-reads-dynamo", rule: "… of the base table of DynamoDB, too", instead: "eventually consistent ones", file: "ledger/dynamo.go",
			swaps: []swap{{`Key: keyOf(key), ConsistentRead: aws.Bool(true),`, `Key: keyOf(key), ConsistentRead: aws.Bool(false),`}}, unit: "^TestDynamo(Clock|Stamps)"},
		{name: "condition-fence", rule: "every write is conditional on the fence", instead: "no condition looks at the fence", file: "job/record.go",
			swaps: []swap{{`if stored.Fence != c.Fence {`, `if false && stored.Fence != c.Fence {`}}},
		{name: "condition-state", rule: "every write is conditional on the state", instead: "any state of a record will do", file: "job/record.go",
			swaps: []swap{{`if s == stored.State {`, `if s == stored.State || stored.State != None {`}}},
		{name: "condition-lease", rule: "a condition may name the end of the lease", instead: "no condition looks at it", file: "job/record.go",
			swaps: []swap{{`if !c.LeaseUntil.IsZero() && !c.LeaseUntil.Equal(`, `if false && !c.LeaseUntil.Equal(`}}},
		{name: "holder-fence", rule: "renew, commit, fail and release: on the fence of the claim", instead: "on whatever fence the record has now", file: "worker/attempt.go",
			swaps: []swap{{`return job.Condition{Fence: a.rec.Fence, States: []job.State{job.Running}}`,
				"now, _ := a.w.Ledger.Get(context.WithoutCancel(a.w.work), a.id)\n\treturn job.Condition{Fence: now.Fence, States: []job.State{job.Running}}"}}, crash: "^commit.write$"},
		{name: "holder-state", rule: "renew, commit, fail and release: on running", instead: "on the fence alone", file: "worker/attempt.go",
			swaps: []swap{{`States: []job.State{job.Running}}`, `States: job.States()}`}}},
		{name: "holder-lease", rule: "… and not on the lease: one that ran out and that nobody took may commit", instead: "a holder whose lease ran out writes nothing",
			file: "worker/settle.go", swaps: []swap{{"a.trying()\n", "a.trying()\n\t\tif a.w.clock.now().After(a.leaseEnd()) {\n\t\t\treturn job.ErrConflict\n\t\t}\n"}}},
		{name: "claim-fence", rule: "claim: on the fence that was read", instead: "on whatever fence the record has now", file: "worker/claim.go",
			swaps: []swap{{`return w.Ledger.Put(ctx, next, when)`,
				"if now, err := w.Ledger.Get(ctx, c.id); err == nil {\n\t\t\twhen.Fence, next.Fence = now.Fence, now.Fence+1\n\t\t}\n\t\treturn w.Ledger.Put(ctx, next, when)"}}},
		{name: "claim-state", rule: "claim: on queued or no record", instead: "on the fence alone", file: "worker/claim.go",
			swaps: []swap{{`States: []job.State{job.None, job.Queued}}`, `States: append(job.States(), job.None)}`}}},
		{name: "sweep-state", rule: "what the sweeper writes: on the state that was read", instead: "on the fence alone", file: "worker/sweep.go",
			swaps: []swap{{`job.Condition{Fence: was.Fence, States: []job.State{was.State}}`, `job.Condition{Fence: was.Fence, States: job.States()}`}}},
		{name: "mark-condition", rule: "the mark announced: on the record that was announced", instead: "on whatever record there is now", file: "worker/announce.go",
			swaps: []swap{{`when := job.Condition{Fence: rec.Fence, States: []job.State{rec.State}}`,
				"now, _ := w.Ledger.Get(ctx, rec.ID)\n\twhen := job.Condition{Fence: now.Fence, States: job.States()}"}}},
		{name: "ledger-condition", rule: "the embedded ledger holds to the condition", instead: "it writes whatever comes", file: "ledger/embedded.go",
			swaps: []swap{{`case !when.Met(stored):`, `case false && !when.Met(stored):`}}, unit: "^TestEmbedded|^TestProcesses"},
		{name: "ledger-fence", rule: "a fence never falls", instead: "the embedded ledger lets it fall", file: "ledger/embedded.go",
			swaps: []swap{{`case next.Fence < stored.Fence:`, `case false && next.Fence < stored.Fence:`}}, unit: "^TestEmbedded"},
		{name: "ledger-moves", rule: "only the legal changes of state are written", instead: "the embedded ledger takes any", file: "ledger/embedded.go",
			swaps: []swap{{`case next.State != stored.State && !job.CanMove(stored.State, next.State):`,
				`case false && !job.CanMove(stored.State, next.State):`}}, unit: "^TestEmbedded"},
	}
}

func mutantsOfLeases() []mutant {
	return []mutant{
		{name: "conflict-claim", rule: "a claim that meets a conflict goes back to the read", instead: "the message is deleted", file: "worker/claim.go",
			swaps: []swap{{`return w.claimAgain(ctx, c)`, "w.units.Give(c.units)\n\treturn true, nil"}}},
		{name: "conflict-claim-timer", rule: "… and needs another timer when the job is queued at another fence", instead: "it claims with the timer of the old one", file: "worker/claim.go",
			swaps: []swap{{`if err := w.InProgress.Send(ctx, w.timer(c.rec, c.rec.Fence+1)); err != nil {`, `if err := ctx.Err(); err != nil {`}}},
		{name: "conflict-sweep", rule: "a sweeper that meets a conflict goes back to the read", instead: "the timer is deleted", file: "worker/sweep.go",
			swaps: []swap{{`if err != nil && !errors.Is(err, job.ErrConflict) {`,
				"if errors.Is(err, job.ErrConflict) {\n\t\t\treturn true, nil\n\t\t}\n\t\tif err != nil {"}}},
		{name: "conflict-requeue", rule: "… also when it puts a failed job back", instead: "the work message is sent whoever was quicker", file: "worker/sweep.go",
			swaps: []swap{{`if err = w.put(ctx, requeued(rec), rec); err == nil {`, `if err = w.put(ctx, requeued(rec), rec); err == nil || errors.Is(err, job.ErrConflict) {`}}},
		{name: "conflict-renew", rule: "a renewal that meets a conflict reads why", instead: "the claim is taken for lost", file: "worker/attempt.go",
			swaps: []swap{{`return a.whyLost(ctx)`, `return errLost`}}},
		{name: "own-claim", rule: "the holder is me: a claim whose reply was lost is a success", instead: "it is a lost race", file: "worker/claim.go",
			swaps: []swap{{`rec.State == job.Running && rec.Owner == c.token {`, `false && rec.Owner == c.token {`}}},
		{name: "others-claim", rule: "the owner token tells whose claim it is", instead: "any claim is taken for one's own", file: "worker/claim.go",
			swaps: []swap{{`rec.State == job.Running && rec.Owner == c.token {`, `rec.State == job.Running {`}}},
		{name: "claim-read-surely", rule: "… and one whose outcome is not known is read until it is", instead: "it is read once", file: "worker/claim.go",
			swaps: []swap{{"var rec job.Record\n\tif reading := w.readSurely(ctx, c.id, &rec); reading != nil {", "rec, reading := w.read(ctx, c.id)\n\tif reading != nil {"}}},
		{name: "own-write", rule: "the holder is me: a commit whose reply was lost is a success", instead: "it is a lost claim", file: "worker/settle.go",
			swaps: []swap{{`stored.Owner == a.token {`, `stored.Owner == a.token && false {`}}},
		{name: "claim-ends-lease", rule: "only the sweeper ends leases: the claim judges no time", instead: "the claim takes a job whose lease is over", file: "worker/claim.go",
			swaps: []swap{{`case rec.State == job.Queued:`, `case rec.State == job.Queued, rec.State == job.Running && rec.ReadAt.After(rec.LeaseUntil.Add(w.Margin)):`},
				{`States: []job.State{job.None, job.Queued}}`, `States: []job.State{job.None, job.Queued, job.Running}}`}}},
		{name: "local-clock-sweep", rule: "leases are judged by the ledger's own clock", instead: "by the machine's clock", file: "worker/sweep.go",
			swaps: []swap{{`case rec.State == job.Running && rec.ReadAt.Before(leaseOver):`, `case rec.State == job.Running && time.Now().Before(leaseOver):`}}},
		{name: "local-clock-claim", rule: "leases are written by the ledger's own clock", instead: "by the machine's clock", file: "worker/worker.go",
			swaps: []swap{{`if c.remote.IsZero() {`, `if true || c.remote.IsZero() {`}}},
		{name: "local-clock-dynamo", rule: "… which is the server time of its reply", instead: "the machine's", file: "ledger/dynamo.go",
			swaps: []swap{{`record.ReadAt = readAt`, `record.ReadAt = readAt.Add(-time.Until(readAt))`}}, unit: "^TestDynamo(Clock|Stamps)"},
		{name: "old-reply", rule: "a reply that lay about tells no time", instead: "every reply sets the clock", file: "worker/worker.go",
			swaps: []swap{{`if time.Since(asked) <= w.Margin {`, `if true || time.Since(asked) <= w.Margin {`}}},
		{name: "margin", rule: "a lease is over some seconds after its end", instead: "at its end", file: "worker/sweep.go",
			swaps: []swap{{`leaseOver := rec.LeaseUntil.Add(w.Margin)`, `leaseOver := rec.LeaseUntil`}}},
		{name: "claim-lease-anew", rule: "a claim that is tried again writes a lease from now on", instead: "the lease of the first try", file: "worker/claim.go",
			swaps: []swap{{`next.LeaseUntil = w.clock.now().Add(w.Lease)`, ``}}},
		{name: "lease-counts-from-reply", rule: "a lease counts from before its write", instead: "from its reply on", file: "worker/claim.go",
			swaps: []swap{{"w.start(c, next, began)", "_ = began\n\t\tw.start(c, next, time.Now())"}}},
		{name: "renewal-counts-from-reply", rule: "… and so does a renewed one", instead: "from its reply on", file: "worker/attempt.go",
			swaps: []swap{{`a.rec, a.renewed = next, began`, "_ = began\n\ta.rec, a.renewed = next, time.Now()"}}},
		{name: "no-renewal-no-work", rule: "a worker that could not renew for a lease kills its processes", instead: "it works on", file: "worker/attempt.go",
			swaps: []swap{{`errors.Is(err, errCancelled), a.sinceRenewal() >= a.w.Lease:`, `errors.Is(err, errCancelled):`}}},
		{name: "own-timers", rule: "a sweeper hides the timers of jobs that its own process runs", instead: "it reads and judges them", file: "worker/sweep.go",
			swaps: []swap{{`return until, !a.gaveUp() && a.sinceTry() < 5*w.Lease`, `return until, false`}}},
		{name: "own-settling", rule: "… also while it tries to commit in an outage, however long", instead: "five leases long", file: "worker/settle.go",
			swaps: []swap{{"a.trying()\n", ""}}},
		{name: "own-hanging", rule: "… but an attempt that hangs is no holder", instead: "it is hidden for ever", file: "worker/sweep.go",
			swaps: []swap{{`return until, !a.gaveUp() && a.sinceTry() < 5*w.Lease`, `return until, true`}}},
	}
}
