package pipeline

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/job"
)

const mib = 1 << 20

// fakeDisk is a disk of 1 GiB, of which free MiB are free; 51.2 MiB of them stay so.
func fakeDisk(free, budget int64) *Disk {
	return NewDisk(DiskConfig{Dir: "/disk", Budget: budget * mib, Measure: func(string) (Space, error) {
		return Space{Free: free * mib, Capacity: 1024 * mib}, nil
	}})
}

// holding returns room for a folder of its own, of which bytes MiB are held.
func holding(t *testing.T, d *Disk, bytes int64) *Room {
	t.Helper()
	room := d.Room(t.TempDir(), "s3://b/other.mp4")
	if bytes > 0 {
		if err := room.Reserve(bytes*mib, bytes*mib); err != nil {
			t.Fatal(err)
		}
	}
	return room
}

// fill writes bytes MiB into the folder of a room.
func fill(t *testing.T, room *Room, bytes int) {
	t.Helper()
	text := make([]byte, bytes*mib)
	for i := range text {
		text[i] = byte(i * i >> 7) // A file system that compresses is not to win.
	}
	if err := os.WriteFile(filepath.Join(room.folder, "source"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWhoGetsRoom(t *testing.T) {
	const fits, givenBack, fails = "fits", "given back", "fails"
	cases := map[string]struct {
		free, budget, others int64 // MiB
		least, most          int64
		want                 string
	}{
		"there is room":                             {free: 500, least: 300, most: 300, want: fits},
		"the floor stays free":                      {free: 500, least: 450, most: 450, want: givenBack},
		"another attempt holds it":                  {free: 500, others: 200, least: 300, most: 300, want: givenBack},
		"beside another attempt":                    {free: 500, others: 200, least: 200, most: 200, want: fits},
		"something else has filled the disk":        {free: 60, least: 300, most: 300, want: givenBack},
		"the disk is too small":                     {free: 1024, least: 1000, most: 1000, want: fails},
		"the disk is too small, others hold room":   {free: 1024, others: 100, least: 1000, most: 1000, want: fails},
		"alone, the least will do":                  {free: 500, least: 300, most: 2000, want: fits},
		"alone, less than the least":                {free: 500, least: 460, most: 2000, want: givenBack},
		"not alone, the least will not do":          {free: 500, others: 100, least: 200, most: 2000, want: givenBack},
		"within the budget":                         {free: 900, budget: 400, others: 100, least: 300, most: 300, want: fits},
		"the budget is taken":                       {free: 900, budget: 400, others: 101, least: 300, most: 300, want: givenBack},
		"more than the budget":                      {free: 900, budget: 400, least: 401, most: 401, want: fails},
		"within the budget, but not on the disk":    {free: 200, budget: 400, least: 300, most: 300, want: givenBack},
		"a budget of more than the disk is no room": {free: 1024, budget: 5000, least: 1000, most: 1000, want: fails},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			disk := fakeDisk(c.free, c.budget)
			if c.others > 0 {
				holding(t, disk, c.others)
			}
			room := disk.Room(t.TempDir(), "s3://b/k.mp4")
			err := room.Reserve(c.least*mib, c.most*mib)
			got := fits
			if err != nil {
				got = fails
				if errors.Is(err, job.ErrNoRoom) {
					got = givenBack
				}
				if job.KindOf(err) != job.OutOfDisk || room.bytes != 0 {
					t.Errorf("it is of the kind %s, and %d bytes are held", job.KindOf(err), room.bytes)
				}
				for _, part := range []string{"s3://b/k.mp4", "/disk", "it needs about", "are free", "Free room on that disk, "} {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%v: it must say %q", err, part)
					}
				}
			}
			if got != c.want {
				t.Errorf("it %s (%v), want it %s", got, err, c.want)
			}
		})
	}
}

func TestTheErrorSaysHowMuchWhere(t *testing.T) {
	disk := fakeDisk(500, 0)
	holding(t, disk, 100)
	err := disk.Room(t.TempDir(), "s3://b/k.mp4").Reserve(1<<33, 1<<33)
	const want = "reserve room for s3://b/k.mp4: it needs about 8.0 GiB in /disk, where 348.8 MiB of 972.8 MiB are free " +
		"beside what other jobs (1) have reserved. Free room on that disk, or use a larger one."
	if err == nil || err.Error() != want {
		t.Errorf("it says\n%v, want\n%s", err, want)
	}
	err = fakeDisk(500, 100).Room(t.TempDir(), "k").Reserve(101*mib, 101*mib)
	if err == nil || !strings.Contains(err.Error(), "of 100.0 MiB are free") || !strings.Contains(err.Error(), "--disk-budget") {
		t.Errorf("over a budget it says %v", err)
	}
	for bytes, want := range map[int64]string{-5: "0 bytes", 1023: "1023 bytes", 1536: "1.5 KiB", 3 << 40: "3.0 TiB", 5 << 50: "5120.0 TiB"} {
		if got := size(bytes); got != want {
			t.Errorf("%d is %q, want %q", bytes, got, want)
		}
	}
}

func TestWhatIsWrittenIsNotReservedTwice(t *testing.T) {
	free := int64(500)
	disk := NewDisk(DiskConfig{Dir: "/disk", Measure: func(string) (Space, error) { return Space{Free: free * mib, Capacity: 1024 * mib}, nil }})
	first := holding(t, disk, 300)
	fill(t, first, 20)
	free -= 20
	second := holding(t, disk, 148) // 480 - 51.2 - (300 - 20)
	if err := second.Reserve(149*mib, 149*mib); !errors.Is(err, job.ErrNoRoom) {
		t.Errorf("more than there is: %v", err)
	}
	if second.bytes != 148*mib {
		t.Errorf("after the refusal it holds %d bytes", second.bytes)
	}
	// An exchange counts the room's own files and reservation as free for it.
	if err := first.Extend(260 * mib); err != nil || first.bytes != 280*mib {
		t.Errorf("an exchange for less: %d bytes, %v", first.bytes, err)
	}
	// More was written than reserved: that is taken, and no more.
	if err := second.Reserve(mib, mib); err != nil {
		t.Fatal(err)
	}
	fill(t, second, 5)
	free -= 5
	if err := first.Reserve(443*mib, 443*mib); err != nil { // 475 - 51.2 + 20
		t.Error(err)
	}
	if err := first.Reserve(444*mib, 444*mib); !errors.Is(err, job.ErrNoRoom) {
		t.Errorf("more than there is: %v", err)
	}
}

func TestABudgetCountsWhatWasWrittenBeyondAReservation(t *testing.T) {
	disk := fakeDisk(1000, 400)
	fill(t, holding(t, disk, 1), 11)
	room := disk.Room(t.TempDir(), "s3://b/k.mp4")
	if err := room.Reserve(390*mib, 390*mib); !errors.Is(err, job.ErrNoRoom) {
		t.Errorf("more than is left of the budget: %v", err)
	}
	if err := room.Reserve(389*mib, 389*mib); err != nil {
		t.Errorf("what is left of the budget: %v", err)
	}
}

func TestRoomThatIsLeftIsFree(t *testing.T) {
	disk := fakeDisk(500, 0)
	first := holding(t, disk, 400)
	second := holding(t, disk, 0)
	if err := second.Reserve(400*mib, 400*mib); !errors.Is(err, job.ErrNoRoom) {
		t.Fatalf("there was room: %v", err)
	}
	fill(t, first, 1)
	if err := first.Leave(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first.folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder is still there: %v", err)
	}
	if err := second.Reserve(400*mib, 400*mib); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestADiskThatCannotBeMeasured(t *testing.T) {
	disk := NewDisk(DiskConfig{Dir: "/nowhere"})
	if err := disk.Room(t.TempDir(), "s3://b/k.mp4").Reserve(1, 1); err == nil || job.KindOf(err) != job.Internal || errors.Is(err, job.ErrNoRoom) || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("got %v", err)
	}
	dir := t.TempDir()
	space, err := measure(dir)
	if err != nil || space.Free < 0 || space.Capacity <= 0 || space.Free > space.Capacity {
		t.Errorf("%s has %+v (%v)", dir, space, err)
	}
}
