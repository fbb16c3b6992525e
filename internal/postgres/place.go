package postgres

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"holdfast/internal/atomicfile"
	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

// maxSocketPath is what the kernel allows for the path of a Unix socket, in bytes, without the NUL at its end.
const maxSocketPath = 107

// Place is where a private server lives.
type Place struct {
	Dir     string // the server's directory, <state>/postgres; created when missing
	Secrets string // the directory of Holdfast's secrets; created with mode 0700 when missing
}

func (p Place) data() string   { return filepath.Join(p.Dir, "data") }
func (p Place) run() string    { return filepath.Join(p.Dir, "run") }
func (p Place) config() string { return filepath.Join(p.Dir, "holdfast.conf") }
func (p Place) hba() string    { return filepath.Join(p.Dir, "pg_hba.conf") }
func (p Place) lock() string   { return filepath.Join(p.Dir, "lock") }

// superuserFile and roleFile hold passwords.
func (p Place) superuserFile() string { return filepath.Join(p.Secrets, "postgres-superuser") }
func (p Place) roleFile() string      { return filepath.Join(p.Secrets, "postgres-app") }

// prepare makes the directories. Dir stays ours, so that the server's account cannot put a link in place of a directory
// that we write to as root; only data and run are its own.
func (p Place) prepare(a account, port int) error {
	if strings.ContainsAny(p.Dir, ",\n") {
		return fault.New(fault.Config, "private_path", "the directory %q has a comma in its name, which PostgreSQL's settings cannot hold", p.Dir).
			WithHint("choose another paths.state")
	}
	if path := fmt.Sprintf("%s/.s.PGSQL.%d", p.run(), port); len(path) > maxSocketPath {
		return fault.New(fault.Config, "private_path", "the path of the socket, %s, has %d bytes, and the system allows %d", path, len(path), maxSocketPath).
			WithHint("choose a shorter paths.state, as /var/lib/holdfast")
	}
	if err := os.MkdirAll(p.Dir, 0o711); err != nil {
		return fmt.Errorf("make directory of the private server: %w", err)
	}
	if err := os.Chmod(p.Dir, 0o711); err != nil { // whatever the umask was
		return fmt.Errorf("make directory of the private server: %w", err)
	}
	for _, dir := range []string{p.Dir, p.data()} { // data may be a link to another disk
		if err := refuseNetwork(dir, statfs); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := a.canReach(p.data()); err != nil {
		return err
	}
	if err := os.MkdirAll(p.Secrets, 0o700); err != nil {
		return fmt.Errorf("make directory of secrets: %w", err)
	}
	return p.makeRun(a)
}

func (p Place) makeRun(a account) error {
	err := os.Mkdir(p.run(), 0o755)
	if err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make directory of the socket: %w", err)
	}
	if err := a.own(p.run()); err != nil {
		return fmt.Errorf("make directory of the socket: %w", err)
	}
	return os.Chmod(p.run(), 0o755) // whatever the umask was
}

// take locks the place for this process, until the lock is released.
func (p Place) take() (*atomicfile.Lock, error) {
	lock, err := atomicfile.TakeLock(p.lock())
	if errors.Is(err, atomicfile.ErrLocked) {
		return nil, fault.New(fault.Conflict, "private_in_use", "another Holdfast runs the PostgreSQL server in %s", p.Dir).
			WithHint("stop it first, or give this one another paths.state")
	}
	return lock, err
}

// readSecret returns the password in a file; the zero value when there is no such file.
func readSecret(path string) (secret.String, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return secret.String{}, nil
	}
	if err != nil {
		return secret.String{}, fmt.Errorf("read password: %w", err)
	}
	s := secret.New(strings.TrimSpace(string(b)))
	if s.IsZero() {
		return s, fault.New(fault.Config, "secret_empty", "the file %s is empty", path).
			WithHint("restore it from a backup")
	}
	return s, nil
}

// ensureSecret returns the password in a file, and generates it first when there is no such file.
func ensureSecret(path string) (secret.String, error) {
	s, err := readSecret(path)
	if err != nil || !s.IsZero() {
		return s, err
	}
	s = secret.Generate(24)
	if err := atomicfile.WriteNew(path, []byte(s.Reveal()+"\n"), 0o600); err != nil {
		return secret.String{}, fmt.Errorf("write password: %w", err)
	}
	return s, nil
}

// networkFileSystems are the magic numbers of statfs(2) for file systems that PostgreSQL's data must not live on: a lock is
// lost there, or a write that was acknowledged.
var networkFileSystems = map[int64]string{
	0x6969: "NFS", 0xff534d42: "CIFS", 0xfe534d42: "SMB", 0x517b: "SMB", 0x5346414f: "AFS", 0x6b414653: "AFS", 0x01021997: "9P",
}

func statfs(path string) (int64, error) {
	var st syscall.Statfs_t
	err := syscall.Statfs(path, &st)
	return int64(st.Type) & 0xffffffff, err //nolint:unconvert // the type differs between architectures
}

func refuseNetwork(path string, magic func(string) (int64, error)) error {
	kind, err := magic(path)
	if err != nil {
		return fmt.Errorf("look at the file system of %s: %w", path, err)
	}
	if name, ok := networkFileSystems[kind]; ok {
		return fault.New(fault.Config, "private_network_disk", "%s is on %s, a network file system: PostgreSQL's data is not safe there", path, name).
			WithHint("choose a paths.state on a local disk; only media.root may be on NFS")
	}
	return nil
}
