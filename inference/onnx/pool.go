package onnx

import (
	"errors"
	"sync"
)

// pool holds lanes that no one is using.
type pool struct {
	mu    sync.Mutex
	free  []*Lane
	tried map[string]bool // by manifest: what was rehearsed
	many  map[int]*pool   // for runs of so many pictures
}

// Lane is a runner with the memory that whoever fills its input and reads its
// outputs needs.
type Lane struct {
	runner Runner
	// Memory is kept from run to run; nil before the first.
	Memory any
}

// Input is where the pictures of a run are to be written.
func (l *Lane) Input() []float32 { return l.runner.Input() }

func (p *pool) take() *Lane {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.free) - 1
	if last < 0 {
		return nil
	}
	l := p.free[last]
	p.free = p.free[:last]
	return l
}

func (p *pool) give(l *Lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, l)
}

// knows tells whether a manifest was tried with the pool's session.
func (p *pool) knows(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tried[key]
}

func (p *pool) learn(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tried == nil {
		p.tried = map[string]bool{}
	}
	p.tried[key] = true
}

// sized returns the lanes for runs of count pictures.
func (p *pool) sized(count int) *pool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.many == nil {
		p.many = map[int]*pool{}
	}
	if p.many[count] == nil {
		p.many[count] = &pool{}
	}
	return p.many[count]
}

// drain closes the runners of all sizes that no one is using.
func (p *pool) drain() (failed error) {
	for l := p.take(); l != nil; l = p.take() {
		failed = errors.Join(failed, l.runner.Close())
	}
	for _, many := range p.many {
		failed = errors.Join(failed, many.drain())
	}
	return failed
}
