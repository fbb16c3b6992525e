package ldaptest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"holdfast/internal/certtest"
)

// writeCertificates makes an authority and a server's certificate for the names.
func writeCertificates(t testing.TB, dir string, names []string) {
	t.Helper()
	authority, err := certtest.NewAuthority(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Issue(certtest.Leaf{Hosts: names})
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		authority.Write(filepath.Join(dir, "ca.pem"), ""),
		leaf.Write(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")))
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
