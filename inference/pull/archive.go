package pull

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// unpacker takes a model out of the archive that a source gives.
type unpacker struct {
	*pull
	ctx   context.Context // Large archives take a while.
	to    string
	found string // the model's name in the archive
}

// archiveRemedy is what can be done about an archive that is not as expected.
const archiveRemedy = "Look at what the source gives, and put the file into the models folder by hand"

// unpack takes the one model out of an archive, or the one that the source
// names, and puts it at to. What the archive says of itself is not believed: no
// more than Most bytes are written, nor unpacked on the way there.
func (p *pull) unpack(ctx context.Context, archive, to string) error {
	if err := p.looksRight(archive); err != nil {
		return err
	}
	u := &unpacker{pull: p, ctx: ctx, to: to}
	unpack := u.unzip
	if p.offer.packing() == packedTar {
		unpack = u.untar
	}
	if err := unpack(archive); err != nil {
		return err
	}
	if u.found != "" {
		return nil
	}
	if _, member := p.offer.place(); member != "" {
		return p.fail("the archive holds no file "+member, archiveRemedy, nil)
	}
	return p.fail("the archive holds no .onnx file", archiveRemedy, nil)
}

func (u *unpacker) unzip(archive string) (err error) {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return u.fail("what its source gives is no zip archive, and was removed", archiveRemedy, err)
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	var chosen *zip.File
	for _, f := range reader.File {
		wanted, err := u.wanted(f.Name, f.Mode())
		if err != nil {
			return err
		}
		if wanted {
			chosen = f
		}
	}
	if chosen == nil {
		return nil
	}
	from, err := chosen.Open()
	if err != nil {
		return u.fail("the archive cannot be read", archiveRemedy, err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	return u.write(u.measured(from)) // The reader compares the checksum at the end.
}

func (u *unpacker) untar(archive string) (err error) {
	file, err := os.Open(archive)
	if err != nil {
		return u.fail("what was fetched cannot be read", "", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	stream, err := gzip.NewReader(file)
	if err != nil {
		return u.fail("what its source gives is no tar.gz archive, and was removed", archiveRemedy, err)
	}
	content := u.measured(stream)
	reader := tar.NewReader(content)
	for {
		head, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return u.unreadable("the archive", err)
		}
		wanted, err := u.wanted(head.Name, head.FileInfo().Mode())
		if err != nil {
			return err
		}
		if !wanted {
			continue
		}
		if err := u.write(reader); err != nil {
			return err
		}
	}
	// The checksum comes last, after what pads the archive.
	if _, err := io.Copy(io.Discard, content); err != nil {
		return u.unreadable("the archive", err)
	}
	return nil
}

// wanted tells whether an entry is the model. There must be one.
func (u *unpacker) wanted(name string, mode os.FileMode) (bool, error) {
	_, member := u.offer.place()
	name = path.Clean(name)
	switch {
	case member != "" && name != member, member == "" && (path.Ext(name) != ".onnx" || mode.IsDir()):
		return false, nil
	case !mode.IsRegular():
		return false, u.fail("the archive's "+name+" is a link or no file at all", archiveRemedy, nil)
	case u.found != "":
		return false, u.fail(fmt.Sprintf("the archive holds two models, %s and %s", u.found, name),
			"Name one of them after a # at the end of the source", nil)
	}
	u.found = name
	return true, nil
}

func (u *unpacker) write(from io.Reader) (err error) {
	file, err := os.Create(u.to)
	if err != nil {
		return u.fail("its file cannot be written", "", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := io.Copy(file, from); err != nil {
		return u.unreadable("the archive's "+u.found, err)
	}
	return nil
}

func (u *unpacker) unreadable(what string, err error) error {
	switch {
	case u.ctx.Err() != nil:
		return fmt.Errorf("pull model %s: %w", u.offer.Name, context.Cause(u.ctx))
	case errors.Is(err, errTooLarge):
		return u.fail(fmt.Sprintf("%s unpacks to more than %d bytes, and was removed", what, u.Most), archiveRemedy, nil)
	}
	return u.fail(what+" cannot be unpacked", "Make room where the disk is full; else repeat: if it stays so, the archive is broken", err)
}

// errTooLarge is what a measured reader gives in place of one byte too many.
var errTooLarge = errors.New("too large")

// measured gives at most Most bytes, and nothing after an interrupt.
func (u *unpacker) measured(from io.Reader) io.Reader { return &measured{u.ctx, from, u.Most} }

type measured struct {
	ctx  context.Context
	from io.Reader
	left int64
}

func (m *measured) Read(into []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.from.Read(into)
	if m.left -= int64(n); m.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// The forms of what a source gives.
const (
	packedNot = iota
	packedZip
	packedTar
)

// packing tells by the name in the source's URL what comes: zip, as wheels and
// jars are, tar.gz, as the packages of npm are, or the model itself.
func (o Offer) packing() int {
	url, _ := o.place()
	name := strings.ToLower(url.Path)
	for ending, form := range map[string]int{".zip": packedZip, ".whl": packedZip, ".jar": packedZip, ".tgz": packedTar, ".tar.gz": packedTar} {
		if strings.HasSuffix(name, ending) {
			return form
		}
	}
	return packedNot
}
