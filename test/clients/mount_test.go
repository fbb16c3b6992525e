package clients

import (
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"syscall"
)

var errNotMounted = errors.New("nothing is mounted yet")

// mounted reports whether a file system is mounted on dir: it is on another device than its parent.
func mounted(dir string) error {
	var here, above syscall.Stat_t
	if err := syscall.Stat(dir, &here); err != nil {
		return err
	}
	if err := syscall.Stat(filepath.Dir(dir), &above); err != nil {
		return err
	}
	if here.Dev == above.Dev {
		return errNotMounted
	}
	return nil
}

// copyTo copies the body of an answer.
func copyTo(w io.Writer, res *http.Response) (int64, error) { return io.Copy(w, res.Body) }
