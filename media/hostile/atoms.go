package hostile

import (
	"bytes"
	"compress/zlib"
	"context"
	"os"
	"slices"
)

var (
	broken  = []string{"corrupt"}
	limited = []string{"over_limit"}
	refused = []string{"corrupt", "unsupported", "over_limit", "not_a_video"}
	// harmless may also be read rightly.
	harmless = []string{Made, "corrupt", "unsupported", "over_limit", "not_a_video"}
)

// references are movies whose pictures lie in another file.
func references() []File {
	path := func(b Bait) []byte { return full("url ", 0, 0, []byte("file://"+b.Video+"\x00")) }
	all := []File{
		{Name: "dref-url.mov", Group: "references", Trick: "a data reference to a local file by URL", Outcomes: refused, Make: referring(path)},
		{Name: "dref-http.mov", Group: "references", Trick: "a data reference to an address", Outcomes: refused,
			Make: referring(func(b Bait) []byte { return full("url ", 0, 0, []byte("http://"+b.Address+"/v.mp4\x00")) })},
		{Name: "dref-alias.mov", Group: "references", Trick: "a data reference to a local file by a Macintosh alias", Outcomes: refused, Make: referring(alias)},
		{Name: "dref-fifo.mov", Group: "references", Trick: "a data reference to a pipe", Outcomes: refused,
			Make: referring(func(b Bait) []byte { return full("url ", 0, 0, []byte("file://"+b.Fifo+"\x00")) })},
	}
	reference := func(url func(b Bait) string) func(context.Context, Maker) error {
		return content(func(b Bait) []byte {
			at := url(b) + "\x00"
			return join(box("ftyp", []byte("qt  \x00\x00\x02\x00")),
				box("moov", box("rmra", box("rmda", full("rdrf", 0, 0, []byte("url "), u32(uint32(len(at))), []byte(at))))))
		})
	}
	return append(all,
		File{Name: "reference-file.mov", Group: "references", Trick: "a QuickTime reference movie of a local file", Outcomes: refused,
			Make: reference(func(b Bait) string { return "file://" + b.Video })},
		File{Name: "reference-http.mov", Group: "references", Trick: "a QuickTime reference movie of an address", Outcomes: refused,
			Make: reference(func(b Bait) string { return "http://" + b.Address + "/v.mov" })},
	)
}

// referring takes the index of the secret video and says that its pictures lie in that
// other file, at their places there.
func referring(entry func(b Bait) []byte) func(context.Context, Maker) error {
	return func(_ context.Context, m Maker) error {
		secret, err := os.ReadFile(m.Video)
		if err != nil {
			return err
		}
		out := rewritten(secret, func(kind string, _ []byte) []byte {
			switch kind {
			case "dref":
				return full("dref", 0, 0, u32(1), entry(m.Bait))
			case "mdat", "free", "udta":
				return []byte{}
			}
			return nil
		})
		return os.WriteFile(m.Path, out, 0o600)
	}
}

// alias is a Macintosh alias record that names the secret video by its path (type 18).
func alias(b Bait) []byte {
	path := []byte(b.Video)
	name := []byte("secret.mp4")
	record := join(make([]byte, 4), u16(150+4+len(path)+len(path)%2), u16(2), u16(0),
		[]byte{4}, []byte("disk"), make([]byte, 23), make([]byte, 4+2+2+4),
		[]byte{byte(len(name))}, name, make([]byte, 63-len(name)), make([]byte, 4+4+4+4),
		u16(1), u16(1), make([]byte, 16))
	record = append(record, join(u16(18), u16(len(path)), path, make([]byte, len(path)%2), u16(0xffff), u16(0))...)
	return full("alis", 0, 0, record)
}

// atoms are indices that are laid to trip their reader.
func atoms() []File {
	deep := func(kind string, count int) []byte {
		total := 8 * count
		out := make([]byte, 0, total)
		for i := range count {
			out = append(append(out, u32(uint32(total-8*i))...), kind...)
		}
		return out
	}
	head := box("ftyp", []byte("isom\x00\x00\x02\x00"))
	list := []struct {
		name, trick string
		outcomes    []string
		make        func() []byte
	}{
		{"deep-trak.mp4", "a million tracks within each other", refused, func() []byte { return join(head, box("moov", deep("trak", 1_000_000))) }},
		{"deep-udta.mp4", "a million boxes of user data within each other", harmless, func() []byte { return movie{beside: deep("udta", 1_000_000)}.bytes() }},
		{"deep-moov.mp4", "a moov in a moov in a moov", refused, func() []byte { return join(head, deep("moov", 5000)) }},
		{"zero-box.mp4", "a box of size 0 within the index", harmless, func() []byte { return movie{beside: join(u32(0), []byte("trak"))}.bytes() }},
		{"small-box.mp4", "a box smaller than its header", harmless, func() []byte { return movie{beside: join(u32(4), []byte("trak"))}.bytes() }},
		{"large-box.mp4", "a box of 2^63 bytes", refused, func() []byte {
			return join(head, u32(1), []byte("mdat"), u64(1<<63), movie{}.index(0))
		}},
		{"wrap-box.mp4", "a box whose end wraps around to its start", refused, func() []byte {
			return join(head, u32(1), []byte("free"), u64(1<<64-24), movie{}.index(0))
		}},
		{"many-boxes.mp4", "two million empty boxes", harmless, func() []byte {
			return movie{before: bytes.Repeat(box("free"), 2_000_000)}.bytes()
		}},
		{"many-inner.mp4", "two million empty boxes in the index", harmless, func() []byte {
			return movie{beside: bytes.Repeat(box("free"), 2_000_000)}.bytes()
		}},
		{"two-indices.mp4", "two indices of which the second lies elsewhere", harmless, func() []byte { return join(movie{}.bytes(), movie{}.index(1<<31)) }},
		{"far-chunks.mp4", "frames that lie behind the end", refused, func() []byte { return movie{chunks: full("stsc", 0, 0, u32(1), u32(9), u32(10), u32(1))}.bytes() }},
		{"cmov.mov", "a compressed index whose frames are not there", harmless, func() []byte { return compressed(movie{}.index(0), 0) }},
		{"cmov-bomb.mov", "a compressed index that swells a thousandfold, to 400 MB", refused, func() []byte { return compressed(make([]byte, 400<<20), 0) }},
		{"cmov-lie.mov", "a compressed index that says it becomes 2 GB", refused, func() []byte { return compressed(movie{}.index(0), 1<<31-1) }},
		{"cmov-nest.mov", "compressed indices within each other", refused, func() []byte {
			inner := compressedIndex(movie{}.index(0), 0)
			for range 50 {
				inner = compressedIndex(inner, 0)
			}
			return join(head, inner)
		}},
		{"entries.mp4", "a sample description of four thousand million entries", refused, func() []byte {
			return movie{beside: box("trak", box("mdia", box("minf", box("stbl", full("stsd", 0, 0, u32(1<<32-1))))))}.bytes()
		}},
		{"no-index.mp4", "frames without an index", broken, func() []byte { return movie{headless: true}.bytes() }},
		{"skewed.mp4", "a display matrix of the largest numbers", harmless, func() []byte {
			return movie{matrix: bytes.Repeat(u32(0x7fffffff), 9)}.bytes()
		}},
		{"flat.mp4", "a display matrix of zeros", harmless, func() []byte { return movie{matrix: make([]byte, 36)}.bytes() }},
	}
	var all []File
	for _, one := range list {
		heavy := slices.Contains([]string{"deep-udta.mp4", "many-boxes.mp4", "many-inner.mp4", "cmov-bomb.mov"}, one.name)
		all = append(all, File{Name: one.name, Group: "atoms", Trick: one.trick, Outcomes: one.outcomes, Heavy: heavy, Make: fixed(one.make)})
	}
	return all
}

// compressed is a movie with a compressed index only (QuickTime File Format, cmov).
func compressed(index []byte, says uint32) []byte {
	return join(box("ftyp", []byte("qt  \x00\x00\x02\x00")), compressedIndex(index, says))
}

func compressedIndex(index []byte, says uint32) []byte {
	var small bytes.Buffer
	w := zlib.NewWriter(&small)
	_, _ = w.Write(index) // A buffer takes everything.
	_ = w.Close()
	if says == 0 {
		says = uint32(len(index))
	}
	return box("moov", box("cmov", box("dcom", []byte("zlib")), box("cmvd", u32(says), small.Bytes())))
}
