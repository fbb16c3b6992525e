package atomicfile

import "os"

// disk is the steps whose order and errors decide durability; tests record them and let them fail.
type disk interface {
	sync(f *os.File) error
	close(f *os.File) error
	rename(temp, path string) error
	link(temp, path string) error
	syncDir(dir string) error
}

// system is the real disk.
type system struct{}

func (system) sync(f *os.File) error          { return f.Sync() }
func (system) close(f *os.File) error         { return f.Close() }
func (system) rename(temp, path string) error { return os.Rename(temp, path) }
func (system) syncDir(dir string) error       { return SyncDir(dir) }

// link gives temp a second name and takes the first one away. Should the process die in between, both remain.
func (system) link(temp, path string) error {
	if err := os.Link(temp, path); err != nil {
		return err
	}
	return os.Remove(temp)
}
