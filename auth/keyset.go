package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"
)

const (
	// keysFresh is how long fetched keys are used without asking again.
	keysFresh = time.Hour
	// keysKept is how long they are used while the issuer does not answer.
	keysKept = 24 * time.Hour
	// keysPause is the least time between two fetches, whoever asks for them:
	// tokens with invented key ids must not become requests to the issuer.
	keysPause = 30 * time.Second
	// keysWithin bounds one fetch.
	keysWithin = 10 * time.Second
	// maxKeySet bounds the document, in bytes.
	maxKeySet = 1 << 20
)

// keySet holds the keys that an issuer publishes. Readers never wait for a
// fetch, but for those whose key is not known.
type keySet struct {
	url    string
	client *http.Client

	mu      sync.RWMutex
	keys    []publicKey
	fetched time.Time // of the keys that are held; zero for none
	tried   time.Time // of the last fetch, in vain or not
	failed  error     // of the last fetch

	// fetching holds one token, for whoever fetches.
	fetching chan struct{}
}

func newKeySet(address string, client *http.Client) (*keySet, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, errors.New("the address of the issuer's keys is not a URL")
	}
	if u.User != nil {
		return nil, errors.New("the address of the issuer's keys has a password inside; keys are public and need none")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, fmt.Errorf("the issuer's keys at %s must come by https: whoever can change them on the way can sign anything", u.Host)
	}
	if client == nil {
		client = &http.Client{
			Timeout:       keysWithin,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return &keySet{url: address, client: client, fetching: make(chan struct{}, 1)}, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// find gives the key of an id that verifies an algorithm. An empty id stands
// for the only such key. It fetches the keys when they are old or the id is
// not among them, at most once in keysPause.
func (k *keySet) find(ctx context.Context, id, algorithm string) (any, error) {
	key, age := k.held(id, algorithm)
	if key != nil && age < keysFresh {
		return key, nil
	}
	if key != nil && age < keysKept { // Old: one caller fetches, the others go on.
		select {
		case k.fetching <- struct{}{}:
			k.fetchIfDue(ctx)
			<-k.fetching
		default:
		}
	} else {
		select {
		case k.fetching <- struct{}{}:
			k.fetchIfDue(ctx)
			<-k.fetching
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the issuer's keys: %w", ctx.Err())
		}
	}
	if key, age = k.held(id, algorithm); key != nil && age < keysKept {
		return key, nil
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.failed != nil {
		return nil, k.failed
	}
	return nil, &Denied{Reason: UnknownKey}
}

// held gives the key that is known, nil for none, and how old the set is.
func (k *keySet) held(id, algorithm string) (any, time.Duration) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	var found any
	for _, key := range k.keys {
		if id != "" && key.id != id || !key.fits(algorithm) {
			continue
		}
		if found != nil { // Two keys of one id, or no id and a choice: neither is taken.
			return nil, 0
		}
		found = key.key
	}
	return found, time.Since(k.fetched)
}

// fetchIfDue fetches unless that was tried a moment ago. The caller holds the
// token of fetching.
func (k *keySet) fetchIfDue(ctx context.Context) {
	k.mu.RLock()
	due := k.tried.IsZero() || time.Since(k.tried) >= keysPause
	k.mu.RUnlock()
	if due {
		// The keys are for everyone: who asked first may go away meanwhile.
		k.fetch(context.WithoutCancel(ctx))
	}
}

// refresh fetches now.
func (k *keySet) refresh(ctx context.Context) error {
	k.fetching <- struct{}{}
	defer func() { <-k.fetching }()
	k.fetch(ctx)
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.failed
}

// fetch replaces the keys; when that fails it notes why and keeps the old.
func (k *keySet) fetch(ctx context.Context) {
	keys, err := k.download(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tried, k.failed = time.Now(), err
	if err == nil {
		k.keys, k.fetched = keys, k.tried
	}
}

func (k *keySet) download(ctx context.Context) ([]publicKey, error) {
	ctx, cancel := context.WithTimeout(ctx, keysWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch the issuer's keys: %w", err)
	}
	resp, err := k.client.Do(req)
	if err != nil {
		var outer *url.Error
		if errors.As(err, &outer) {
			err = outer.Err // The outer one repeats the whole address.
		}
		return nil, fmt.Errorf("fetch the issuer's keys from %s: %w", req.URL.Host, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch the issuer's keys from %s: it answered %s", req.URL.Host, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1))
	if err != nil {
		return nil, fmt.Errorf("fetch the issuer's keys from %s: %w", req.URL.Host, err)
	}
	if len(body) > maxKeySet {
		return nil, fmt.Errorf("fetch the issuer's keys from %s: the answer has more than %d bytes", req.URL.Host, maxKeySet)
	}
	keys, err := readKeySet(body)
	if err != nil {
		return nil, fmt.Errorf("read the issuer's keys from %s: %w", req.URL.Host, err)
	}
	return keys, nil
}
