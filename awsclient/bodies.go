package awsclient

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Doer sends a request, as the SDK has it done.
type Doer interface {
	Do(r *http.Request) (*http.Response, error)
}

// WholeBodies has a client hand net/http bodies that are in memory: for small
// requests, not for files. The SDK's own kind net/http sends apart from the
// headers, and the SDK closes it when the answer begins: where that comes before
// net/http has looked for the end of the body, it takes the connection for
// broken and closes it, the answer half read.
func WholeBodies(client Doer) Doer { return wholeBodies{client} }

type wholeBodies struct{ client Doer }

func (w wholeBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		body, err := io.ReadAll(r.Body)
		if err := errors.Join(err, r.Body.Close()); err != nil {
			return nil, fmt.Errorf("read the request's body: %w", err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return w.client.Do(r)
}
