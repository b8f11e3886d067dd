package onnx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/motionmill/motionmill/inference/models"
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
	// Parallel is how many inferences run at once in the process, of all jobs
	// together; default CPUs.
	Parallel int
	// Threads is how many threads one inference uses; default CPUs divided by
	// Parallel, at least 1, and CPUs for a generic model that takes no frames,
	// since nothing of its job runs beside it.
	Threads int
	// Memory bounds what ONNX Runtime takes for the tensors inside of graphs, in
	// bytes of the process: the first Open decides. Default half of MemoryLimit; 0
	// where there is none is no bound. A model that needs more fails as out_of_memory.
	Memory int64
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
	gate      chan struct{}

	mu       sync.Mutex
	closed   bool
	networks map[string]*entry
	dealt    map[string]int // how often a device was dealt, by user
}

// errNoSession is what a Runtime gives once it was closed.
var errNoSession = errors.New("the inference runtime is closed")

// entry is a network that is there or being made.
type entry struct {
	mu      sync.Mutex
	network *Network
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
	if cfg.Parallel < 1 {
		cfg.Parallel = CPUs()
	}
	if cfg.Memory < 1 {
		cfg.Memory = MemoryLimit() / 2
	}
	r := &Runtime{
		config: cfg, log: cfg.Logger, networks: map[string]*entry{}, dealt: map[string]int{}, library: cfg.Library, gate: make(chan struct{}, cfg.Parallel),
	}
	if r.library == "" {
		r.library = FindLibrary()
	}
	var err error
	if r.version, err = loadLibrary(r.library, cfg.Memory); err != nil {
		return nil, err
	}
	if r.providers, err = r.probeProviders(); err != nil {
		return nil, err
	}
	r.log.Info("ONNX Runtime loaded", "version", r.version, "library", r.library, "providers", r.providers,
		"parallel", cfg.Parallel, "memory", cfg.Memory)
	return r, nil
}

// threads is how many threads an inference of a model uses.
func (r *Runtime) threads(m models.Model) int {
	switch {
	case r.config.Threads > 0:
		return r.config.Threads
	case m.Task == models.TaskGeneric && m.Input.Name == "":
		return CPUs()
	default:
		return max(CPUs()/r.config.Parallel, 1)
	}
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
func (r *Runtime) Describe(m models.Model) (inputs, outputs []TensorInfo, err error) {
	data, err := m.Load()
	if err != nil {
		return nil, nil, err
	}
	if err := m.InOneFile(data); err != nil {
		return nil, nil, err
	}
	inputs, outputs, err = graphInfo(data)
	if err != nil {
		return nil, nil, m.Unreadable(data, r.version, err)
	}
	return inputs, outputs, nil
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
			return nil, noGPU(r.config.Provider, "it was asked for, and "+whyNot(r.config.Provider, err), err)
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
			reasons = errors.Join(reasons, fmt.Errorf("%s: %s: %w", provider, whyNot(provider, err), err))
			level := slog.LevelInfo
			if gpus() > 0 { // Somebody pays for it.
				level = slog.LevelWarn
			}
			r.log.Log(context.Background(), level, "inference provider not used", "provider", provider,
				"why", whyNot(provider, err), "reason", err.Error())
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
	return keepSignals(func() error {
		options, err := newSessionOptions(sessionOptions{provider: provider, threads: 1})
		if err != nil {
			return fmt.Errorf("try provider %s: %w", provider, err)
		}
		return options.Destroy()
	})
}

func noGPU(provider, finding string, err error) error {
	return job.Fail(job.GPUUnavailable, "open inference on", provider, finding,
		"Install the GPU build of ONNX Runtime with CUDA and cuDNN, or set MOTIONMILL_PROVIDER=cpu and unset MOTIONMILL_REQUIRE_GPU", err)
}
