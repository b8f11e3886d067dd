package auth_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/auth"
)

// Neither a password nor a token can be read from the file.
func TestFileHoldsNoSecretOfAUser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	db := openDB(t, path)
	a, err := auth.OpenAccounts(t.Context(), auth.AccountsConfig{DB: db}) // at the real cost
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Add(t.Context(), "anna", password, auth.Viewer); err != nil {
		t.Fatal(err)
	}
	tokens := login(t, a)
	var hash string
	if err := db.QueryRowContext(t.Context(), "SELECT hash FROM auth_users").Scan(&hash); err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=65536,t=3,p=4$") {
		t.Errorf("the hash is %q, %v", hash, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	secret := tokens.Refresh[strings.LastIndexByte(tokens.Refresh, '.')+1:]
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, planted := range []string{password, secret, tokens.Access} {
			if bytes.Contains(content, []byte(planted)) {
				t.Errorf("%s holds %q", filepath.Base(file), planted)
			}
		}
	}
}

func TestDamagedHashesLetNobodyIn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	a, db := openAccounts(t, path), openDB(t, path)
	if err := a.Add(t.Context(), "anna", password, auth.Viewer); err != nil {
		t.Fatal(err)
	}
	empty := base64.RawStdEncoding.EncodeToString(nil)
	for i, hash := range []string{
		"", "plain", "$argon2id$v=19$m=64,t=1,p=1$" + empty + "$" + empty, "$argon2id$v=19$m=4294967295,t=1,p=1$AAAA$AAAA",
		"$argon2i$v=19$m=64,t=1,p=1$AAAA$AAAA", "$argon2id$v=19$m=64,t=0,p=0$AAAA$" + strings.Repeat("A", 43),
	} {
		if _, err := db.ExecContext(t.Context(), "UPDATE auth_users SET hash = ?", hash); err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{password, ""} {
			if _, err := a.Login(t.Context(), "anna", p, string(rune('a'+i))); err == nil {
				t.Errorf("the hash %q let %q in", hash, p)
			}
		}
	}
}
