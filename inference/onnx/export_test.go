package onnx

import "github.com/motionmill/motionmill/inference/models"

// What the tests of this package look at from outside, as inferencetest needs the package whole.
var (
	CompareVersions = compareVersions
	EngineFolder    = engineFolder
	Finite          = finite
	FromHalf        = fromHalf
	GPUCount        = gpuCount
	MemoryLimitOf   = memoryLimit
	NewestLibrary   = newestLibrary
	NodesByProvider = nodesByProvider
	OpenORT         = openORT
	ProveProvider   = proveProvider
	ToHalf          = toHalf
	UsableCPUs      = usableCPUs
	WhyNot          = whyNot
)

// OnCPU are the options of a session with so many threads.
func OnCPU(threads int) sessionOptions {
	return sessionOptions{provider: ProviderCPU, threads: threads}
}

// RuntimeOn is a runtime that tries these providers; it has no library.
func RuntimeOn(providers ...string) *Runtime {
	return &Runtime{providers: providers, dealt: map[string]int{}}
}

// ThreadsOf is how many threads an inference of a model uses.
func ThreadsOf(cfg Config, m models.Model) int { return (&Runtime{config: cfg}).threads(m) }

// Bounded lets at most so many inferences of a network run at once.
func Bounded(n *Network, most int) { n.gate = make(chan struct{}, most) }

// Close frees a network, as closing its runtime does.
func Close(n *Network) error { return n.close() }

// Refused types an error of a run.
func Refused(n *Network, err error) error { return n.refused(err) }

// SessionOf is the session that a network shares.
func SessionOf(n *Network) Session { return n.session }

// WholeNumbers drops the fraction of each value.
func WholeNumbers[T int32 | uint8](from []float32, to []T) { wholeNumbers(from, to) }
