package main

const (
	// worthwhile is what more jobs at once must bring to be called faster: less
	// is within the noise.
	worthwhile = 1.05
	// patience is how many levels in a row may bring nothing before the climb ends.
	patience = 2
)

// level is how fast a machine is with so many jobs at once.
type level struct {
	Jobs int `json:"jobs"`
	// Speed is seconds of video, of all jobs, a second.
	Speed float64 `json:"speed"`
	// units is what those jobs weigh.
	units int
}

// climb measures with more and more jobs at once, until more of them bring nothing,
// or there are four for each processor.
func climb(processors int, measure func(jobs int) (level, error)) ([]level, error) {
	var levels []level
	top, useless := 0.0, 0
	for jobs := 1; jobs <= 4*processors && useless < patience; jobs = next(jobs) {
		l, err := measure(jobs)
		if err != nil {
			return nil, err
		}
		levels = append(levels, l)
		useless++
		if l.Speed > top*worthwhile {
			useless = 0
		}
		top = max(top, l.Speed)
	}
	return levels, nil
}

// next goes up by a third or so: 1, 2, 3, 4, 5, 7, 9, 12, …
func next(jobs int) int { return jobs + max(1, (jobs+1)/3) }

// best returns the level with the fewest jobs at once that is as fast as any: more would only
// wait for each other.
func best(levels []level) level {
	top := 0.0
	for _, l := range levels {
		top = max(top, l.Speed)
	}
	for _, l := range levels {
		if l.Speed*worthwhile >= top {
			return l
		}
	}
	return level{}
}
