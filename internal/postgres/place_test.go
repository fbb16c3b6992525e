package postgres

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"holdfast/internal/secret"
)

// newPlace returns a place that the server's account can reach, with a path that is short enough for a socket.
func newPlace(t *testing.T) Place {
	t.Helper()
	state, err := os.MkdirTemp("/tmp", "hf-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(state); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(state, 0o711); err != nil {
		t.Fatal(err)
	}
	return Place{Dir: filepath.Join(state, "postgres"), Secrets: filepath.Join(state, "secrets")}
}

// madeOnce is a place where a server was made and stopped, which other tests copy: initdb is the slow part.
var madeOnce struct {
	once  sync.Once
	place Place
	err   error
}

// madePlace returns a place with a server that is not running. Its role app has the password sesame.
func madePlace(t *testing.T) Place {
	t.Helper()
	madeOnce.once.Do(func() {
		dir, err := os.MkdirTemp("/tmp", "hf-")
		if err == nil {
			err = os.Chmod(dir, 0o711)
		}
		place := Place{Dir: filepath.Join(dir, "postgres"), Secrets: filepath.Join(dir, "secrets")}
		s := NewPrivateServer(privateSettings(), place, slog.New(slog.DiscardHandler), nil)
		if err == nil {
			err = s.Start(context.Background())
		}
		if err == nil {
			err = s.Stop(context.Background())
		}
		madeOnce.place, madeOnce.err = place, err
	})
	if madeOnce.err != nil {
		t.Fatal(madeOnce.err)
	}
	place := newPlace(t)
	from, to := filepath.Dir(madeOnce.place.Dir), filepath.Dir(place.Dir)
	copyAll(t, from, to)
	return place
}

// copyAll copies a tree with its modes and owners.
func copyAll(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == from {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if e.IsDir() {
			err = os.Mkdir(target, 0o700)
		} else {
			var b []byte
			if b, err = os.ReadFile(path); err == nil {
				err = os.WriteFile(target, b, 0o600)
			}
		}
		st := info.Sys().(*syscall.Stat_t)
		return errors.Join(err, os.Chown(target, int(st.Uid), int(st.Gid)), os.Chmod(target, info.Mode().Perm()))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func privateSettings() Config {
	c := DefaultConfig()
	c.Password = secret.New(sesame)
	c.Private.SharedBuffers = 16 << 20
	return c
}
