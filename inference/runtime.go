package inference

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/motionmill/motionmill/job"
)

// The providers: where a model runs.
const (
	ProviderAuto     = "auto"
	ProviderCPU      = "cpu"
	ProviderCUDA     = "cuda"
	ProviderTensorRT = "tensorrt"
)

// Config says how to run models.
type Config struct {
	// Library is the path of libonnxruntime; empty takes FindLibrary's.
	Library string
	// Provider is auto (default: TensorRT, CUDA, CPU, the first that works),
	// cpu, cuda or tensorrt. A named one that does not work is an error.
	Provider string
	// RequireGPU forbids auto to fall back to the CPU.
	RequireGPU bool
	// Threads is how many threads one inference uses; default 1, because several
	// frames are worked on at once.
	Threads int
	// Logger gets what was chosen and why; default discards.
	Logger *slog.Logger
}

// Runtime holds one session for each model and shares it between all jobs of
// the process. It may be used from several goroutines.
type Runtime struct {
	config    Config
	log       *slog.Logger
	library   string
	version   string
	providers []string // those to try, in order

	mu       sync.Mutex
	closed   bool
	networks map[string]*entry
}

// errNoSession is what a Runtime gives once it was closed.
var errNoSession = errors.New("the inference runtime is closed")

// entry is a network that is there or being made.
type entry struct {
	mu      sync.Mutex
	network *network
}

// Open loads the ONNX Runtime library and finds out which providers it has.
// A library that is missing or too old is an error of kind model_missing that
// says what to run; a named GPU provider that does not work, or RequireGPU
// without one, is gpu_unavailable.
func Open(cfg Config) (*Runtime, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Provider == "" {
		cfg.Provider = ProviderAuto
	}
	cfg.Threads = max(cfg.Threads, 1)
	r := &Runtime{config: cfg, log: cfg.Logger, networks: map[string]*entry{}, library: cfg.Library}
	if r.library == "" {
		r.library = FindLibrary()
	}
	var err error
	if r.version, err = loadLibrary(r.library); err != nil {
		return nil, err
	}
	if r.providers, err = r.probeProviders(); err != nil {
		return nil, err
	}
	r.log.Info("ONNX Runtime loaded", "version", r.version, "library", r.library, "providers", r.providers, "threads", cfg.Threads)
	return r, nil
}

// Version returns the version of the ONNX Runtime library.
func (r *Runtime) Version() string { return r.version }

// Library returns the path of the ONNX Runtime library.
func (r *Runtime) Library() string { return r.library }

// Providers returns the providers that are tried for each model, in order.
func (r *Runtime) Providers() []string { return slices.Clone(r.providers) }

// Close frees all sessions. No analysis may be under way. The library itself
// stays in the process: unloading it is not safe.
func (r *Runtime) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	var failed error
	for _, e := range r.networks {
		e.mu.Lock()
		if e.network != nil {
			failed = errors.Join(failed, e.network.close())
		}
		e.network = nil
		e.mu.Unlock()
	}
	return failed
}

// Describe returns the inputs and outputs of a model's graph. The file is verified.
func (r *Runtime) Describe(m Model) (inputs, outputs []TensorInfo, err error) {
	data, err := m.load()
	if err != nil {
		return nil, nil, err
	}
	inputs, outputs, err = graphInfo(data)
	if err != nil {
		return nil, nil, unreadable(m, err)
	}
	return inputs, outputs, nil
}

func unreadable(m Model, err error) error {
	return job.Fail(job.ModelMissing, "open model "+m.Name, m.Path, "ONNX Runtime cannot open it", m.remedy(), err)
}

// probeProviders decides which providers to try. It asks the library, which
// loads a GPU provider's own libraries then.
func (r *Runtime) probeProviders() ([]string, error) {
	switch r.config.Provider {
	case ProviderCPU:
		if r.config.RequireGPU {
			return nil, noGPU(ProviderCPU, "a GPU is required and the provider is set to cpu", nil)
		}
		return []string{ProviderCPU}, nil
	case ProviderCUDA, ProviderTensorRT:
		if err := r.tryProvider(r.config.Provider); err != nil {
			return nil, noGPU(r.config.Provider, "the provider was asked for and does not work", err)
		}
		return []string{r.config.Provider}, nil
	case ProviderAuto:
	default:
		return nil, job.Fail(job.Internal, "open inference", r.config.Provider, "there is no such provider",
			"Set MOTIONMILL_PROVIDER to auto, cpu, cuda or tensorrt", nil)
	}
	var working []string
	var reasons error
	for _, provider := range []string{ProviderTensorRT, ProviderCUDA} {
		if err := r.tryProvider(provider); err != nil {
			reasons = errors.Join(reasons, err)
			r.log.Info("inference provider not used", "provider", provider, "reason", err.Error())
			continue
		}
		working = append(working, provider)
	}
	if r.config.RequireGPU {
		if len(working) == 0 {
			return nil, noGPU(ProviderAuto, "a GPU is required and no GPU provider works", reasons)
		}
		return working, nil
	}
	return append(working, ProviderCPU), nil
}

func (r *Runtime) tryProvider(provider string) error {
	options, err := newSessionOptions(sessionOptions{provider: provider, threads: 1})
	if err != nil {
		return fmt.Errorf("try provider %s: %w", provider, err)
	}
	return options.Destroy()
}

func noGPU(provider, finding string, err error) error {
	return job.Fail(job.GPUUnavailable, "open inference on", provider, finding,
		"Install the GPU build of ONNX Runtime with CUDA and cuDNN, or set MOTIONMILL_PROVIDER=cpu and unset MOTIONMILL_REQUIRE_GPU", err)
}

// network returns the shared network of a model; it is made when the first job
// asks. The file is verified each time.
func (r *Runtime) network(m Model) (*network, error) {
	data, err := m.load()
	if err != nil {
		return nil, err
	}
	key := fmt.Sprint(m.SHA256, m.Input)
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, errNoSession
	}
	e := r.networks[key]
	if e == nil {
		e = &entry{}
		r.networks[key] = e
	}
	r.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.network == nil {
		if e.network, err = r.openNetwork(m, data); err != nil {
			return nil, err
		}
	}
	// Two manifests may name one file: each keeps its own name and options.
	return e.network.as(m), nil
}

func (r *Runtime) openNetwork(m Model, data []byte) (*network, error) {
	var reasons error
	for _, provider := range r.providers {
		options := sessionOptions{provider: provider, threads: r.config.Threads, cache: r.engineCache(m)}
		s, err := openORT(data, options)
		if err == nil && provider != ProviderCPU {
			err = proveProvider(data, options, m)
			if err != nil {
				err = errors.Join(err, s.Close())
			}
		}
		if err != nil {
			if provider == ProviderCPU {
				return nil, unreadable(m, err)
			}
			reasons = errors.Join(reasons, err)
			r.log.Warn("inference provider not used", "provider", provider, "model", m.Name, "reason", err.Error())
			continue
		}
		n, err := newNetwork(m, provider, s)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		if m.BuiltIn && m.Note != "" {
			r.log.Warn("starter model in use", "model", m.Name, "note", m.Note)
		}
		r.log.Info("model opened", "model", m.Name, "provider", provider, "sha256", m.SHA256)
		return n, nil
	}
	return nil, noGPU(r.config.Provider, "model "+m.Name+" does not run on it", reasons)
}

// engineCache is where TensorRT keeps what it builds from a model. It names its
// files for the graph, the GPU and its own version.
func (r *Runtime) engineCache(m Model) string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "" // It builds each time then.
	}
	return filepath.Join(cache, "motionmill", "tensorrt", r.version, m.SHA256[:16])
}
