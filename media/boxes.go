package media

import (
	"bytes"
	"errors"
	"fmt"
)

var errBox = errors.New("a box is cut off")

// part is the content of one box in memory.
type part struct {
	kind string
	body []byte
}

// parts reads the boxes that data consists of.
func parts(data []byte) ([]part, error) {
	var all []part
	end := int64(len(data))
	for at := int64(0); at < end; {
		b, err := readBox(bytes.NewReader(data), at, end)
		if err != nil || b.end > end || b.end < b.body {
			return nil, errBox
		}
		all = append(all, part{b.kind, data[b.body:b.end]})
		at = b.end
	}
	return all, nil
}

// find returns the content of the first box at a path of kinds, from the boxes
// of data on.
func find(data []byte, path ...string) ([]byte, error) {
	for _, kind := range path {
		all, err := parts(data)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", kind, err)
		}
		data = nil
		for _, p := range all {
			if p.kind == kind {
				data = p.body
				break
			}
		}
		if data == nil {
			return nil, fmt.Errorf("there is no %s", kind)
		}
	}
	return data, nil
}

// fields reads big-endian numbers one after the other; failed is set when they
// end too early.
type fields struct {
	data   []byte
	failed bool
}

func (f *fields) take(bytes int) uint64 {
	if len(f.data) < bytes {
		f.failed, f.data = true, nil
		return 0
	}
	value := uint64(0)
	for _, b := range f.data[:bytes] {
		value = value<<8 | uint64(b)
	}
	f.data = f.data[bytes:]
	return value
}

func (f *fields) u8() int     { return int(f.take(1)) }
func (f *fields) u16() int    { return int(f.take(2)) }
func (f *fields) u32() uint32 { return uint32(f.take(4)) }

// skip leaves out bytes.
func (f *fields) skip(bytes int) {
	if len(f.data) < bytes {
		f.failed, f.data = true, nil
		return
	}
	f.data = f.data[bytes:]
}

// full reads the head of a full box: its version and its flags.
func (f *fields) full() (version int, flags uint32) {
	head := f.u32()
	return int(head >> 24), head & 0xffffff
}

// versioned reads a number of 64 bits in version 1 of a box, else of 32.
func (f *fields) versioned(version int) int64 {
	if version == 1 {
		return int64(f.take(8))
	}
	return int64(f.u32())
}
