package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/motionmill/motionmill/job"
)

// freeRoom is the remedy of every error of a full disk.
const freeRoom = "Free room on that disk, or use a larger one."

// Disk is the room for files that the attempts of one process share. What an
// attempt reserves and has not written yet is not free for another one, so
// that what is started can also end.
//
// Other processes share the same disk and know nothing of these reservations:
// what is free is read anew each time, and DiskConfig.Budget divides a disk
// among workers.
type Disk struct {
	cfg DiskConfig

	mu    sync.Mutex
	rooms map[*Room]struct{}
}

// DiskConfig says where the files lie and how many there may be.
type DiskConfig struct {
	// Dir lies on the file system in question; it exists.
	Dir string
	// Budget is how many bytes the files of all attempts may take together. 0
	// is as many as are free, less 256 MiB, or less a twentieth of a disk of
	// under 5 GiB; this floor holds for every budget.
	Budget int64
	// Measure replaces the question to the kernel. Default: statfs.
	Measure func(dir string) (Space, error)
}

// Space is the state of a file system, in bytes.
type Space struct {
	// Free is what this process may still write.
	Free int64
	// Capacity is what it could write if there were no files at all.
	Capacity int64
}

// NewDisk returns a disk of which nothing is reserved.
func NewDisk(cfg DiskConfig) *Disk {
	if cfg.Measure == nil {
		cfg.Measure = measure
	}
	return &Disk{cfg: cfg, rooms: map[*Room]struct{}{}}
}

// Room is what one attempt has reserved for its folder.
type Room struct {
	disk            *Disk
	folder, subject string
	bytes           int64 // guarded by disk.mu
}

// Room returns room of 0 bytes for a folder that exists; subject names the
// work in errors. The caller must call Leave.
func (d *Disk) Room(folder, subject string) *Room {
	return &Room{disk: d, folder: folder, subject: subject}
}

// Leave removes the folder, then gives the room back. The error is that of
// the folder; what could not be removed is no longer free anyway.
func (r *Room) Leave() error {
	err := os.RemoveAll(r.folder)
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	delete(r.disk.rooms, r)
	return err
}

// Reserve exchanges what the room holds for most bytes, of which what lies in
// the folder is a part. When no other attempt holds room, what is free will
// do if it is at least least bytes: nobody's end would make it more.
//
// What does not fit is an error of the kind OutOfDisk, and the room stays as
// it was. It wraps job.ErrNoRoom, so that the job is given back uncharged, if
// it would fit on this disk without any other files, whoever's they are. For
// a disk that something else has filled says nothing of the job: if it were
// charged, one worker with a full disk, failing faster than the others work,
// would use up the attempts of every job in the queue. Only a job that is
// larger than the whole disk, or than the budget, is charged: no waiting helps
// it here, and if no worker has a larger disk, people have to know.
func (r *Room) Reserve(least, most int64) error {
	d := r.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	// The files are measured before the disk: what is written in between then
	// counts twice, not never.
	own, err := written(r.folder)
	if err != nil {
		return unmeasured(r.folder, err)
	}
	unwritten, taken, others := d.held(r)
	space, err := d.cfg.Measure(d.cfg.Dir)
	if err != nil {
		return unmeasured(d.cfg.Dir, err)
	}
	floor := min(256<<20, space.Capacity/20)
	free, capacity := space.Free-floor+own-unwritten, space.Capacity-floor
	if d.cfg.Budget > 0 {
		free, capacity = min(free, d.cfg.Budget-taken), min(capacity, d.cfg.Budget)
	}
	switch {
	case free >= most:
		r.bytes = most
	case others == 0 && free >= least:
		r.bytes = free
	default:
		return r.shortage(least, most, free, capacity, others)
	}
	d.rooms[r] = struct{}{}
	return nil
}

// Extend exchanges what the room holds for what lies in the folder and bytes
// more. Its errors are those of Reserve.
func (r *Room) Extend(bytes int64) error {
	there, err := written(r.folder)
	if err != nil {
		return unmeasured(r.folder, err)
	}
	return r.Reserve(there+bytes, there+bytes)
}

// held sums up what the other attempts reserved and have not written, and
// what they take of the budget in all. Files that cannot be measured, since
// their attempt is just ending, count as not written.
func (d *Disk) held(but *Room) (unwritten, taken int64, others int) {
	for o := range d.rooms {
		if o == but {
			continue
		}
		there, err := written(o.folder)
		if err != nil {
			there = 0
		}
		unwritten += max(o.bytes-there, 0)
		taken += max(o.bytes, there)
		others++
	}
	return unwritten, taken, others
}

// shortage is the error of a room that was asked for in vain.
func (r *Room) shortage(least, most, free, capacity int64, others int) error {
	needed, reserved := least, ""
	if others > 0 {
		needed, reserved = most, fmt.Sprintf(" beside what other jobs (%d) have reserved", others)
	}
	cause := job.ErrNoRoom
	if least > capacity {
		needed, cause = least, nil
	}
	remedy := freeRoom
	if r.disk.cfg.Budget > 0 {
		remedy = "Free room on that disk, use a larger one, or raise --disk-budget."
	}
	finding := fmt.Sprintf("it needs about %s in %s, where %s of %s are free%s",
		size(needed), r.disk.cfg.Dir, size(free), size(capacity), reserved)
	return job.Fail(job.OutOfDisk, "reserve room for", r.subject, finding, remedy, cause)
}

func unmeasured(dir string, err error) error {
	return job.Fail(job.KindOf(err), "measure what is free in", dir, "", "Check that the folder exists and may be read.", err)
}

// failed wraps an error of a file of ours; that of a full disk says what to do.
func failed(op, path string, err error) error {
	kind, remedy := job.KindOf(err), ""
	if kind == job.OutOfDisk {
		remedy = freeRoom
	}
	return job.Fail(kind, op, path, "", remedy, err)
}

// unstarted is failed for what comes before the room is reserved: a disk that
// is full by then gives the job back, as Reserve does.
func unstarted(op, path string, err error) error {
	if job.KindOf(err) == job.OutOfDisk {
		err = fmt.Errorf("%w: %w", job.ErrNoRoom, err)
	}
	return failed(op, path, err)
}

// written returns how many bytes of the disk the files under a folder take.
// A file may go away meanwhile.
func written(folder string) (int64, error) {
	var total int64
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = entry.Info(); err == nil {
				total += onDisk(info)
			}
		}
		if errors.Is(err, fs.ErrNotExist) && path != folder {
			return nil
		}
		return err
	})
	return total, err
}

// onDisk counts the blocks of a file: one that is fetched in parts at once has
// holes, and is longer than what it takes.
func onDisk(info fs.FileInfo) int64 {
	const block = 512 // The unit of st_blocks, whatever the file system's is.
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * block
	}
	return info.Size()
}

func measure(dir string) (Space, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return Space{}, fmt.Errorf("statfs: %w", err)
	}
	block, used := int64(stat.Bsize), stat.Blocks-stat.Bfree
	return Space{Free: int64(stat.Bavail) * block, Capacity: int64(used+stat.Bavail) * block}, nil
}

// size writes a number of bytes for people; less than none is none.
func size(bytes int64) string {
	value, unit := float64(max(bytes, 0)), "bytes"
	for _, larger := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if value < 1024 {
			break
		}
		value, unit = value/1024, larger
	}
	if unit == "bytes" {
		return fmt.Sprintf("%.0f bytes", value)
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}
