package local

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

const (
	profile   = "motionmill"
	accessKey = "aws_access_key_id"
	secretKey = "aws_secret_access_key"
)

// credentials reads the access key and the secret key of a stage from the file
// at path, and makes both when the file does not exist.
func credentials(path string) (access, secret string, err error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeCredentials(path)
	}
	if err != nil {
		return "", "", fmt.Errorf("read credentials: %w", err)
	}
	values := map[string]string{}
	lines := bufio.NewScanner(strings.NewReader(string(content)))
	for lines.Scan() {
		if name, value, found := strings.Cut(lines.Text(), "="); found {
			values[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	if values[accessKey] == "" || values[secretKey] == "" {
		return "", "", fmt.Errorf("read credentials %s: %s or %s is missing. Remove the file to get new ones", path, accessKey, secretKey)
	}
	return values[accessKey], values[secretKey], nil
}

// makeCredentials writes new random credentials, whole or not at all: 26
// characters of the alphabet A-Z2-7, 130 bits, each.
func makeCredentials(path string) (access, secret string, err error) {
	access, secret = rand.Text(), rand.Text()
	content := fmt.Sprintf("[%s]\n%s = %s\n%s = %s\n", profile, accessKey, access, secretKey, secret)
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		return "", "", fmt.Errorf("write credentials: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return "", "", fmt.Errorf("write credentials: %w", err)
	}
	return access, secret, nil
}
