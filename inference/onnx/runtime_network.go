package onnx

import (
	"errors"
	"fmt"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/job"
)

// Network returns the shared network of a model on a device, which is one of
// Devices; it is made when the first job asks. The file is verified each time.
// A GPU has to prove itself by what once runs.
func (r *Runtime) Network(m models.Model, device int, once func(*Network) error) (*Network, error) {
	data, err := m.Load()
	if err != nil {
		return nil, err
	}
	key := fmt.Sprint(m.SHA256, m.Input, r.threads(m), device)
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
		if e.network, err = r.openNetwork(m, data, device, once); err != nil {
			return nil, err
		}
	}
	// Two manifests may name one file: each keeps its own name and options.
	return e.network.As(m), nil
}

// openNetwork makes the session of a model on the first provider that runs it.
func (r *Runtime) openNetwork(m models.Model, data []byte, device int, once func(*Network) error) (*Network, error) {
	if err := m.InOneFile(data); err != nil {
		return nil, err
	}
	var reasons error
	for _, provider := range r.providers {
		n, err := r.openOn(provider, m, data, device, once)
		switch {
		case err == nil:
			if m.BuiltIn && m.Note != "" {
				r.log.Warn("starter model in use", "model", m.Name, "note", m.Note)
			}
			r.log.Info("model opened", "model", m.Name, "provider", provider, "device", device, "nodes", n.Nodes, "sha256", m.SHA256)
			return n, nil
		case job.KindOf(err) == job.ModelMissing: // The model is to blame, wherever it runs.
			return nil, err
		case provider == ProviderCPU:
			return nil, m.Unreadable(data, r.version, err)
		}
		reasons = errors.Join(reasons, err)
		r.log.Warn("inference provider not used", "provider", provider, "model", m.Name, "reason", err.Error())
	}
	return nil, noGPU(r.config.Provider, "model "+m.Name+" does not run on it", reasons)
}

// openOn makes the session of a model on one provider. A GPU's has to prove
// that nodes of the graph run there.
func (r *Runtime) openOn(provider string, m models.Model, data []byte, device int, once func(*Network) error) (n *Network, err error) {
	options := sessionOptions{provider: provider, device: device, threads: r.threads(m)}
	if provider == ProviderTensorRT {
		options.cache = r.engineCache(m)
	}
	open := func() error {
		s, err := openORT(data, options)
		if err != nil {
			return err
		}
		if n, err = NewNetwork(m, provider, s); err != nil {
			return errors.Join(err, s.Close())
		}
		if provider == ProviderCPU {
			return nil
		}
		if n.Nodes, err = proveProvider(data, options, m, once); err != nil {
			return errors.Join(err, s.Close())
		}
		return nil
	}
	if provider != ProviderCPU {
		err = keepSignals(open)
	} else {
		err = open()
	}
	if err != nil {
		return nil, err
	}
	n.gate = r.gate
	return n, nil
}

// Devices returns how many devices models run on: the GPUs, or 1 for the CPU.
func (r *Runtime) Devices() int {
	if len(r.providers) > 0 && r.providers[0] != ProviderCPU {
		return max(gpus(), 1)
	}
	return 1
}

// NextDevice deals out the devices in turn, so that jobs spread over them: to
// each kind of user as if there were no other.
func (r *Runtime) NextDevice(user string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	turn := r.dealt[user]
	r.dealt[user]++
	return turn % r.Devices()
}
