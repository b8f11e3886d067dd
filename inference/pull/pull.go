package pull

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/job"
)

// Config says how models are pulled.
type Config struct {
	// Dir is the models folder; it is made when absent.
	Dir string
	// AcceptLicence consents to licences that ask for it.
	AcceptLicence bool
	// TrustFirst takes a file whose SHA-256 is not known, and pins what it has.
	TrustFirst bool
	// Client fetches; default one that gives up on a server which says nothing for 30 s.
	Client *http.Client
	// Tries is how often a transfer that breaks off is taken up again; default 5.
	Tries int
	// Wait is the pause before the second try, then twice as long each time; default 1 s.
	Wait time.Duration
	// Most is how many bytes are fetched, and unpacked, at most; default 4 GiB.
	Most int64
	// Report, if set, is called with the bytes so far and in all (0 is unknown).
	Report func(done, total int64)
}

// Pulled is a model that was installed, or was there already.
type Pulled struct {
	// Path is the model's file, Manifest that beside it.
	Path, Manifest string
	SHA256         string
	// Fetched is false when the right file was there already.
	Fetched bool
}

// Pull installs a model: its file, verified, and then the manifest beside it. A
// transfer that broke off is taken up where it ended, also by a later Pull. A
// file that is not the one that was meant is removed. Errors are of kind
// model_missing, with what to do.
func Pull(ctx context.Context, o Offer, cfg Config) (Pulled, error) {
	cfg = cfg.withDefaults()
	p := &pull{Config: cfg, offer: o, want: o.SHA256}
	done := Pulled{Path: filepath.Join(cfg.Dir, o.File), Manifest: filepath.Join(cfg.Dir, o.Name+".yaml")}
	if o.AsksConsent() && !cfg.AcceptLicence {
		return done, p.fail("its licence is "+o.Licence+", which binds whoever uses it", "Read the licence, then repeat with --accept-license", nil)
	}
	there, err := p.installed(done)
	if err != nil || there {
		done.SHA256 = p.want
		return done, err
	}
	if p.want == "" && !cfg.TrustFirst {
		return done, p.fail("its SHA-256 is not known, so nothing can tell whether "+o.Source+" gives the file that was meant",
			"Repeat with --trust-first to take what comes and pin its hash, or put a file that you trust into the models folder by hand", nil)
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return done, p.fail("the models folder cannot be made", "Name another by --models-dir", err)
	}
	folder, err := p.lock()
	if err != nil {
		return done, err
	}
	defer folder.Close()
	part := filepath.Join(cfg.Dir, "."+o.Name+".part")
	if err := p.fetch(ctx, part); err != nil {
		return done, err
	}
	done.SHA256, err = p.install(ctx, part, done)
	done.Fetched = err == nil
	return done, err
}

// lock lets one process at a time pull into the folder: two would write to the
// same part. It holds until the file is closed, or the process ends, however.
func (p *pull) lock() (*os.File, error) {
	folder, err := os.Open(p.Dir)
	if err != nil {
		return nil, p.fail("the models folder cannot be opened", "Name another by --models-dir", err)
	}
	err = syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(p.fail("another process is pulling into "+p.Dir, "Repeat when it is done", nil), folder.Close())
	}
	if err != nil {
		return nil, errors.Join(p.fail("the models folder cannot be locked", "Name one on a local disk by --models-dir", err), folder.Close())
	}
	return folder, nil
}

func (c Config) withDefaults() Config {
	if c.Client == nil {
		c.Client = &http.Client{CheckRedirect: staySafe, Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: 30 * time.Second, TLSHandshakeTimeout: 30 * time.Second,
		}}
	}
	if c.Tries < 1 {
		c.Tries = 5
	}
	if c.Wait <= 0 {
		c.Wait = time.Second
	}
	if c.Most < 1 {
		c.Most = 4 << 30
	}
	if c.Report == nil {
		c.Report = func(int64, int64) {}
	}
	return c
}

// pull is one model on its way.
type pull struct {
	Config
	offer Offer
	want  string // the SHA-256 of the model's file; empty where it is not known
	// unpinned tells that the manifest is there, and says nothing of the file.
	unpinned bool
}

func (p *pull) fail(finding, remedy string, err error) error {
	return job.Fail(job.ModelMissing, "pull model", p.offer.Name, finding, remedy, err)
}

// installed tells whether the file is there and right. What an earlier pull
// pinned is what this one wants.
func (p *pull) installed(at Pulled) (bool, error) {
	text, err := os.ReadFile(at.Manifest)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, p.fail("its manifest cannot be read", "", err)
	}
	if !p.offer.Known && bytes.Equal(text, p.offer.text) {
		p.unpinned = true // The offer is that very file, which waits for its hash.
		return false, nil
	}
	m, err := models.ParseManifest(text)
	if err != nil || m.Name != p.offer.Name || m.File != p.offer.File {
		return false, p.fail(at.Manifest+" is there and is another one", "Move it away", err)
	}
	if p.want != "" && m.SHA256 != p.want {
		return false, p.fail(at.Manifest+" is there and names another file", "Move it away", nil)
	}
	p.want = m.SHA256
	model := models.New(m, os.DirFS(p.Dir), at.Path)
	return model.Verify() == nil, nil // What is wrong or gone is fetched again.
}

// install takes the model out of what was fetched, verifies it, and puts it
// and its manifest in place. The part is gone then, whatever became of it; only
// an interrupt leaves it for a later pull.
func (p *pull) install(ctx context.Context, part string, at Pulled) (hash string, err error) {
	made := part
	defer func() {
		if ctx.Err() == nil || hash != "" {
			err = errors.Join(err, removeAll(part, part+".tag"))
		}
		if made != part {
			err = errors.Join(err, removeAll(made))
		}
	}()
	if p.offer.packing() != packedNot {
		made = filepath.Join(p.Dir, "."+p.offer.Name+".unpacked")
		if err := p.unpack(ctx, part, made); err != nil {
			return "", err
		}
	}
	if err := p.looksRight(made); err != nil {
		return "", err
	}
	if hash, err = hashOf(made); err != nil {
		return "", p.fail("what was fetched cannot be read", "", err)
	}
	if p.want != "" && hash != p.want {
		return "", p.fail(fmt.Sprintf("%s gave a file whose SHA-256 is %s, want %s: it is not the one that was meant, and was removed",
			p.offer.Source, hash, p.want), "Try again later; if it stays so, the file was replaced there", nil)
	}
	if err := p.sparesOthers(at, hash); err != nil {
		return "", err
	}
	text := filepath.Join(p.Dir, "."+p.offer.Name+".manifest")
	if err := os.WriteFile(text, p.offer.pinned(hash), 0o644); err != nil {
		return "", p.fail("its manifest cannot be written", "", err)
	}
	// The file comes first: a manifest without one would be an error of the catalogue's user.
	if err := errors.Join(os.Chmod(made, 0o644), os.Rename(made, at.Path), os.Rename(text, at.Manifest)); err != nil {
		return "", errors.Join(p.fail("it cannot be put in place", "", err), removeAll(text))
	}
	return hash, nil
}

// sparesOthers refuses to replace a file that lies there without our manifest.
func (p *pull) sparesOthers(at Pulled, hash string) error {
	if _, err := os.Stat(at.Manifest); err == nil && !p.unpinned {
		return nil
	}
	there, err := hashOf(at.Path)
	if errors.Is(err, os.ErrNotExist) || err == nil && there == hash {
		return nil
	}
	return p.fail(at.Path+" is there, no manifest says that it may be replaced, and it is another file", "Move it away", err)
}

// removeAll removes files that may be there.
func removeAll(paths ...string) (failed error) {
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = errors.Join(failed, fmt.Errorf("remove what is left of a pull: %w", err))
		}
	}
	return failed
}

func hashOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
