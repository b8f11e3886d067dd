package auth

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// attemptWindow is how long a failed attempt counts.
	attemptWindow = 15 * time.Minute
	// Failed attempts in a window: for one name from one address; for one name
	// from anywhere; from one address for any name. The first is low, the
	// others high enough that a stranger does not lock somebody out by a few.
	attemptsEach    = 5
	attemptsName    = 50
	attemptsAddress = 50
	// attemptsKept bounds what is remembered.
	attemptsKept = 10_000
)

// attempts counts failed attempts to sign in. An attempt counts as failed from
// its begin, so that many at once are not more than the limit.
type attempts struct {
	mu      sync.Mutex
	windows map[string]*attemptsOf
}

type attemptsOf struct {
	count int
	ends  time.Time
}

func newAttempts() *attempts { return &attempts{windows: map[string]*attemptsOf{}} }

// attemptKeys names what an attempt counts for, with its limits.
func attemptKeys(name, address string) map[string]int {
	if ip, err := netip.ParseAddr(address); err == nil && ip.Is6() && !ip.Is4In6() {
		if network, err := ip.WithZone("").Prefix(64); err == nil { // A host has that many addresses.
			address = network.String()
		}
	}
	return map[string]int{"each " + address + " " + name: attemptsEach, "name " + name: attemptsName, "address " + address: attemptsAddress}
}

// begin counts an attempt, or refuses it with a *TooMany.
func (a *attempts) begin(name, address string) error {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	keys := attemptKeys(name, address)
	var wait time.Duration
	for key, limit := range keys {
		if w := a.windows[key]; w != nil && now.Before(w.ends) && w.count >= limit {
			wait = max(wait, w.ends.Sub(now))
		}
	}
	if wait > 0 {
		return &TooMany{RetryAfter: wait}
	}
	for key := range keys {
		w := a.windows[key]
		if w == nil || !now.Before(w.ends) {
			a.makeRoom(now)
			w = &attemptsOf{ends: now.Add(attemptWindow)}
			a.windows[key] = w
		}
		w.count++
	}
	return nil
}

// succeeded takes back what begin counted, and what the same person mistyped before.
func (a *attempts) succeeded(name, address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, limit := range attemptKeys(name, address) {
		w := a.windows[key]
		if w == nil {
			continue
		}
		if w.count--; w.count <= 0 || limit == attemptsEach {
			delete(a.windows, key)
		}
	}
}

// makeRoom forgets what is over and, where that is not enough, what ends first.
func (a *attempts) makeRoom(now time.Time) {
	if len(a.windows) < attemptsKept {
		return
	}
	first := ""
	for key, w := range a.windows {
		if !now.Before(w.ends) {
			delete(a.windows, key)
		} else if first == "" || w.ends.Before(a.windows[first].ends) {
			first = key
		}
	}
	if len(a.windows) >= attemptsKept {
		delete(a.windows, first)
	}
}
