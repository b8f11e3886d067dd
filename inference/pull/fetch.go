package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// silence is how long a transfer may give nothing.
const silence = time.Minute

// errUnsafe is a redirect out of TLS.
var errUnsafe = errors.New("a redirect from https to http")

// staySafe follows redirects as net/http does, but never out of TLS.
func staySafe(next *http.Request, before []*http.Request) error {
	if next.URL.Scheme != "https" && before[len(before)-1].URL.Scheme == "https" {
		return errUnsafe
	}
	if len(before) >= 10 {
		return errors.New("ten redirects")
	}
	return nil
}

// brokenOff is a transfer that ended too early: worth another try.
type brokenOff struct{ error }

func (e brokenOff) Unwrap() error { return e.error }

// fetch brings the source to the file part, going on where that ends.
func (p *pull) fetch(ctx context.Context, part string) error {
	wait := p.Wait
	for try := 1; ; try++ {
		err := p.transfer(ctx, part)
		var broken brokenOff
		if err == nil || !errors.As(err, &broken) || ctx.Err() != nil || try == p.Tries {
			if ctx.Err() != nil {
				return fmt.Errorf("pull model %s: %w", p.offer.Name, context.Cause(ctx))
			}
			return err
		}
		pause := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			pause.Stop()
		case <-pause.C:
		}
		wait *= 2
	}
}

// transfer makes one request for what is missing of the part.
func (p *pull) transfer(ctx context.Context, part string) (err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	have, tag := p.begun(part)
	source, _ := p.offer.place()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, source.String(), nil)
	if err != nil {
		return p.fail("its source is no URL", "", err)
	}
	request.Header.Set("Accept-Encoding", "identity") // Ranges are of the file itself.
	if have > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		if tag != "" {
			request.Header.Set("If-Range", tag)
		}
	}
	response, err := p.Client.Do(request)
	if errors.Is(err, errUnsafe) {
		return p.fail("its source leads from https to http, where anybody could send another file", "Look for another source", err)
	}
	if err != nil {
		return brokenOff{p.fail("its source cannot be reached", "Check the network, then repeat: what is there is kept", err)}
	}
	defer response.Body.Close()
	if whole(response, have) {
		return nil
	}
	flags, start, err := p.answer(response, have, part)
	if err != nil {
		return err
	}
	// The file first: a new tag beside an old part would join two files.
	file, err := os.OpenFile(part, flags, 0o644)
	if err != nil {
		return p.fail("what is fetched cannot be written", "", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := os.WriteFile(part+".tag", []byte(validator(response)), 0o644); err != nil {
		return p.fail("what is fetched cannot be written", "", err)
	}
	return p.receive(response, file, start, func() { stop(errors.New("nothing came for " + silence.String())) })
}

// begun returns how much of the part is there, and what tells whether the
// source is still the same. Without a known hash and a validator nothing
// would tell a file of two halves: it is begun anew.
func (p *pull) begun(part string) (have int64, tag string) {
	info, err := os.Stat(part)
	if err != nil {
		return 0, ""
	}
	text, err := os.ReadFile(part + ".tag")
	if err != nil || len(text) == 0 {
		if p.want == "" || p.offer.packing() != packedNot {
			return 0, ""
		}
		return info.Size(), ""
	}
	return info.Size(), string(text)
}

// whole tells that the source has no more than what is there.
func whole(response *http.Response, have int64) bool {
	var size int64
	_, err := fmt.Sscanf(response.Header.Get("Content-Range"), "bytes */%d", &size)
	return response.StatusCode == http.StatusRequestedRangeNotSatisfiable && have > 0 && err == nil && size == have
}

// validator is what If-Range takes: a strong ETag, else the date.
func validator(response *http.Response) string {
	if tag := response.Header.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return response.Header.Get("Last-Modified")
}

// answer reads the head of a response: how to open the part, and at which byte the body starts.
func (p *pull) answer(response *http.Response, have int64, part string) (flags int, start int64, err error) {
	const anew = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	kind := response.Header.Get("Content-Type")
	switch code := response.StatusCode; {
	case code == http.StatusRequestedRangeNotSatisfiable && have > 0:
		return 0, 0, errors.Join(brokenOff{p.fail("what was fetched before does not fit", "", nil)}, removeAll(part, part+".tag"))
	case code >= 500 || code == http.StatusTooManyRequests:
		return 0, 0, brokenOff{p.fail("its source answers "+response.Status, "Try again later", nil)}
	case code != http.StatusOK && code != http.StatusPartialContent:
		return 0, 0, p.fail(p.offer.Source+" answers "+response.Status, "The file may have moved: look for it, and put it into the models folder by hand", nil)
	case strings.HasPrefix(kind, "text/html"):
		return 0, 0, p.fail(p.offer.Source+" gives a web page and not a file", "A proxy or a login may be in between: open the URL in a browser", nil)
	case code == http.StatusPartialContent:
		var first int64
		if _, err := fmt.Sscanf(response.Header.Get("Content-Range"), "bytes %d-", &first); err != nil || first != have {
			return 0, 0, errors.Join(brokenOff{p.fail("its source sends another part than was asked for", "", err)}, removeAll(part, part+".tag"))
		}
		return os.O_WRONLY | os.O_APPEND, have, nil
	}
	return anew, 0, nil
}

// receive writes the body to the part. quiet is called when nothing comes any more.
func (p *pull) receive(response *http.Response, file *os.File, start int64, quiet func()) error {
	total := int64(0)
	if response.ContentLength > 0 {
		total = start + response.ContentLength
	}
	done := start
	watch := time.AfterFunc(silence, quiet)
	defer watch.Stop()
	buffer := make([]byte, 1<<17)
	for {
		n, err := response.Body.Read(buffer)
		if n > 0 {
			watch.Reset(silence)
			if done += int64(n); done > p.Most {
				return errors.Join(p.fail(fmt.Sprintf("its source gives more than %d bytes", p.Most), "", nil), removeAll(file.Name(), file.Name()+".tag"))
			}
			if _, err := file.Write(buffer[:n]); err != nil {
				return p.fail("what is fetched cannot be written", "Make room, then repeat: what is there is kept", err)
			}
			p.Report(done, total)
		}
		switch {
		case errors.Is(err, io.EOF) && (total == 0 || done == total):
			return nil
		case err != nil:
			return brokenOff{p.fail(fmt.Sprintf("the transfer broke off after %d bytes", done), "Repeat: what is there is kept", err)}
		}
	}
}
