package main

import (
	"errors"
	"os"
	"path/filepath"

	"holdfast/internal/certtest"
)

// certificate are the files of a certificate that signs itself.
type certificate struct{ cert, key string }

// newCertificate makes one for 127.0.0.1 that the poolers' account can read.
func newCertificate(dir string, pg *pgServer) (*certificate, error) {
	pair, err := certtest.SelfSigned(certtest.Leaf{Hosts: []string{"127.0.0.1"}})
	if err != nil {
		return nil, err
	}
	c := &certificate{filepath.Join(dir, "bench.crt"), filepath.Join(dir, "bench.key")}
	err = errors.Join(pair.Write(c.cert, c.key), os.Chmod(c.cert, 0o644))
	if pg.as != nil {
		err = errors.Join(err, os.Chown(c.key, int(pg.as.Uid), int(pg.as.Gid)))
	}
	return c, err
}
