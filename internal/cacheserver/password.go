package cacheserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"holdfast/internal/atomicfile"
	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

// passwordFile is where a generated password is kept, below the state directory.
const passwordFile = "cache-password"

// PasswordFile is where a generated password is kept.
func PasswordFile(state string) string { return filepath.Join(state, passwordFile) }

// Password returns the password of the endpoint: that of the configuration, else the one that is kept in the state directory,
// which is made if it is not there.
func Password(c Config, state string) (secret.String, error) {
	if !c.Password.IsZero() {
		return c.Password, nil
	}
	path := PasswordFile(state)
	kept, err := readPassword(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return kept, err
	}
	made := secret.Generate(32)
	err = atomicfile.WriteNew(path, []byte(made.Reveal()+"\n"), 0o600)
	if errors.Is(err, fs.ErrExist) { // somebody was faster
		return readPassword(path)
	}
	if err != nil {
		return secret.String{}, fmt.Errorf("keep password of the cache: %w", err)
	}
	return made, nil
}

func readPassword(path string) (secret.String, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return secret.String{}, fmt.Errorf("read password of the cache: %w", err)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		return secret.String{}, fault.New(fault.Config, "cache_password", "others can read the password of the cache in %s", path).
			WithHint("delete the file to have another one made")
	}
	word := strings.TrimSpace(string(text))
	if len(word) < minPassword {
		return secret.String{}, fault.New(fault.Config, "cache_password", "%s holds no password", path).
			WithHint("delete the file to have another one made")
	}
	return secret.New(word), nil
}
