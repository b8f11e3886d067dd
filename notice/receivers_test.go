package notice

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// receivers make programs of what docs/webhooks.md tells receivers to do. Each
// takes the secret, the header and the body as its arguments.
func receivers() map[string]struct{ program, file, before, after string } {
	return map[string]struct{ program, file, before, after string }{
		"go": {"go", "main.go", `package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

`, "\nfunc main() { for i := 1; i+2 < len(os.Args); i += 3 { fmt.Println(verify([]byte(os.Args[i]), os.Args[i+1], []byte(os.Args[i+2]))) } }\n"},
		"javascript": {"node", "main.cjs", `const crypto = require("node:crypto");
`, `
const all = process.argv.slice(2);
for (let i = 0; i + 2 < all.length; i += 3) console.log(verify(all[i], all[i + 1], Buffer.from(all[i + 2])));
`},
		"python": {"python3", "main.py", "import hashlib, hmac, sys, time\n\n", `
for i in range(1, len(sys.argv) - 2, 3):
    print(str(verify(sys.argv[i].encode(), sys.argv[i + 1], sys.argv[i + 2].encode())).lower())
`},
	}
}

// What the documentation tells receivers to do takes what is signed, with
// either of two secrets, and nothing else.
func TestReceiversVerifySignatures(t *testing.T) {
	page, err := os.ReadFile("../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	const body, old, fresh = `{"id":"j1","name":"Kniebeuge ü"}`, "whsec-the-old-one-0", "whsec-the-new-one-1"
	now := time.Now()
	both := Sign([][]byte{[]byte(old), []byte(fresh)}, now, []byte(body))
	late := Sign([][]byte{[]byte(old)}, now.Add(-10*time.Minute), []byte(body))
	var args []string
	want := ""
	for _, c := range []struct {
		secret, header, body string
		good                 bool
	}{
		{old, both, body, true}, {fresh, both, body, true}, {"whsec-changed-since", both, body, false},
		{old, both, body + " ", false}, {old, late, body, false}, {old, strings.Replace(both, "t=", "t=1", 1), body, false},
		{old, "t=" + both[2:12], body, false}, {old, "t=" + both[2:12] + ",v1=", body, false},
	} {
		args = append(args, c.secret, c.header, c.body)
		if c.good {
			want += "true\n"
		} else {
			want += "false\n"
		}
	}
	for language, r := range receivers() {
		t.Run(language, func(t *testing.T) {
			program, err := exec.LookPath(r.program)
			if err != nil {
				t.Skip(r.program + " is not installed")
			}
			snippet := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(page)
			if snippet == nil || strings.Count(string(snippet[1]), "\n") > 10 {
				t.Fatalf("docs/webhooks.md has no receiver of at most ten lines in %s", language)
			}
			path := filepath.Join(t.TempDir(), r.file)
			if err := os.WriteFile(path, []byte(r.before+string(snippet[1])+r.after), 0o600); err != nil {
				t.Fatal(err)
			}
			command := []string{path}
			if language == "go" {
				command = []string{"run", path}
			}
			out, err := exec.CommandContext(t.Context(), program, append(command, args...)...).CombinedOutput() //nolint:gosec // the machine's own
			if err != nil || string(out) != want {
				t.Errorf("it says %q (%v), want %q", out, err, want)
			}
		})
	}
}

func TestSecretsThatAreNoneAreRefused(t *testing.T) {
	to, err := NewEndpoint(hook)
	if err != nil {
		t.Fatal(err)
	}
	for _, secrets := range [][][]byte{nil, {[]byte("too short")}, {testSecret, []byte("")}} {
		_, err := New(Config{Box: newMemory(), Endpoints: []Endpoint{to}, Secrets: secrets, Client: deliverer(t, newMemory(), &endpoint{}, hook).client, Render: render})
		if err == nil {
			t.Errorf("secrets %q are taken", secrets)
		}
	}
	for _, bad := range []string{"", "ftp://x/y", "hook", "https://", "http://[::1"} {
		if _, err := NewEndpoint(bad); err == nil {
			t.Errorf("the address %q is taken", bad)
		}
	}
}
