package onnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/motionmill/motionmill/inference/models"
)

// proveProvider has a model run once with ONNX Runtime's own profiler on and
// counts its nodes by the provider that they ran on. It fails unless some ran on the one
// asked for: a GPU provider that cannot load is replaced by the CPU without a word.
func proveProvider(data []byte, o sessionOptions, m models.Model, once func(*Network) error) (nodes map[string]int, err error) {
	folder, err := os.MkdirTemp("", "motionmill-profile-")
	if err != nil {
		return nil, fmt.Errorf("create folder for profile: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	o.profile = filepath.Join(folder, "warmup")
	if err := warmUp(data, o, m, once); err != nil {
		return nil, err
	}
	profiles, err := filepath.Glob(o.profile + "*.json")
	if err != nil || len(profiles) != 1 {
		return nil, fmt.Errorf("find profile of warm-up run: %d files: %w", len(profiles), errors.Join(err, os.ErrNotExist))
	}
	text, err := os.ReadFile(profiles[0])
	if err != nil {
		return nil, fmt.Errorf("read profile of warm-up run: %w", err)
	}
	if nodes, err = nodesByProvider(text); err != nil {
		return nil, err
	}
	if nodes[o.provider] == 0 {
		return nil, fmt.Errorf("run model %s on %s: no node ran there (nodes by provider: %v)", m.Name, o.provider, nodes)
	}
	return nodes, nil
}

// warmUp has a model run once. The profile is written when the session closes.
func warmUp(data []byte, o sessionOptions, m models.Model, once func(*Network) error) error {
	s, err := openORT(data, o)
	if err != nil {
		return err
	}
	n, err := NewNetwork(m, o.provider, s)
	if err == nil {
		err = once(n)
	}
	return errors.Join(err, s.Close())
}

// nodesByProvider counts, in a profile of ONNX Runtime, the nodes that ran on
// each provider: cpu, cuda, tensorrt, or the library's own name of another.
func nodesByProvider(profile []byte) (map[string]int, error) {
	var events []struct {
		Category string `json:"cat"`
		Args     struct {
			Provider string `json:"provider"`
		} `json:"args"`
	}
	if err := json.Unmarshal(profile, &events); err != nil {
		return nil, fmt.Errorf("read profile of warm-up run: %w", err)
	}
	nodes := map[string]int{}
	for _, event := range events {
		if event.Category != "Node" || event.Args.Provider == "" {
			continue
		}
		name := strings.TrimSuffix(event.Args.Provider, "ExecutionProvider")
		switch lower := strings.ToLower(name); lower {
		case ProviderCPU, ProviderCUDA, ProviderTensorRT:
			name = lower
		}
		nodes[name]++
	}
	return nodes, nil
}
