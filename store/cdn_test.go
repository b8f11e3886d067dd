package store_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/cloudtest"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

// botocoreSigns signs a URL as the AWS SDK for Python does.
const botocoreSigns = `
import datetime, sys
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
key = serialization.load_pem_private_key(open(sys.argv[1], "rb").read(), None)
signer = CloudFrontSigner("KEYID", lambda text: key.sign(text, padding.PKCS1v15(), hashes.SHA1()))
until = datetime.datetime.fromtimestamp(int(sys.argv[3]), datetime.timezone.utc)
print(signer.generate_presigned_url(sys.argv[2], date_less_than=until))
`

// keyFile writes a new private key in one of PEM's two forms.
func keyFile(t *testing.T, pkcs8 bool) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	if pkcs8 {
		block.Type = "PRIVATE KEY"
		if block.Bytes, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCDNSignsAsBotocore holds our URLs against those of AWS's SDK for Python,
// with keys of either form and names that need escaping.
func TestCDNSignsAsBotocore(t *testing.T) {
	python := cloudtest.Program(t, "python3")
	if out, err := exec.Command(python, "-c", "import botocore, cryptography").CombinedOutput(); err != nil {
		t.Skipf("no Python with botocore, which scripts/setup.sh test installs: %v %s", err, out)
	}
	for form, pkcs8 := range map[string]bool{"PKCS 1": false, "PKCS 8": true} {
		path := keyFile(t, pkcs8)
		cdn, err := store.NewCDN(store.CDNConfig{URL: "https://cdn.example", KeyID: "KEYID", KeyFile: path})
		if err != nil {
			t.Fatalf("%s: %v", form, err)
		}
		signed, err := cdn.PresignGet("outputs/job/1/a b+ü.mp4", time.Minute, "mein tanz.mp4")
		if err != nil {
			t.Fatal(err)
		}
		got, err := url.Parse(signed)
		if err != nil {
			t.Fatal(err)
		}
		plain := "https://cdn.example/outputs/job/1/a%20b+%C3%BC.mp4?response-content-disposition=attachment%3B+filename%3D%22mein+tanz.mp4%22"
		out, err := exec.Command(python, "-c", botocoreSigns, path, plain, got.Query().Get("Expires")).Output()
		if err != nil {
			t.Fatal(err)
		}
		want, err := url.Parse(strings.TrimSpace(string(out)))
		if err != nil {
			t.Fatal(err)
		}
		if got.EscapedPath() != want.EscapedPath() || got.Query().Encode() != want.Query().Encode() || want.Query().Get("Signature") == "" {
			t.Errorf("%s: signed\n%s, botocore\n%s", form, got, want)
		}
	}
}

func TestCDNRefuses(t *testing.T) {
	good, other := keyFile(t, false), filepath.Join(t.TempDir(), "other.pem")
	if err := os.WriteFile(other, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]store.CDNConfig{
		"no TLS":      {URL: "http://cdn.example", KeyID: "K", KeyFile: good},
		"a path":      {URL: "https://cdn.example/outputs", KeyID: "K", KeyFile: good},
		"no key id":   {URL: "https://cdn.example", KeyFile: good},
		"no key file": {URL: "https://cdn.example", KeyID: "K", KeyFile: other + ".absent"},
		"no key":      {URL: "https://cdn.example", KeyID: "K", KeyFile: other},
	} {
		_, err := store.NewCDN(cfg)
		var told *job.Error
		if !errors.As(err, &told) || told.Remedy == "" {
			t.Errorf("%s: %v; it must say what to do", name, err)
		}
	}
	cdn, err := store.NewCDN(store.CDNConfig{URL: "https://cdn.example/", KeyID: "K", KeyFile: good})
	if err != nil {
		t.Fatal(err)
	}
	for name, expires := range map[string]time.Duration{"negative": -time.Second, "a year": 365 * 24 * time.Hour} {
		if got, err := cdn.PresignGet("k", expires, ""); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got, err := cdn.PresignGet("", time.Minute, ""); err == nil {
		t.Errorf("without a key: %s", got)
	}
}
