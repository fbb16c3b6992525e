package console_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const bouncerInstall = "apt-get install pgbouncer"

// A program that reads PgBouncer's tables by name finds each of them here with the same type, and one that reads them in order finds the
// same order: columns that newer versions have brought stand in between, ours behind.
func TestEveryTableOfTheInstalledPgBouncerIsPartOfOurs(t *testing.T) {
	t.Parallel()
	theirs, ours := connect(t, bouncer(t), "admin"), connect(t, address(serve(t)), "boss")
	compared := 0
	for name := range heads {
		head, err := columns(t, theirs, name)
		if err != nil {
			continue // a newer table, or one of our own
		}
		compared++
		own, err := columns(t, ours, name)
		if err != nil {
			t.Errorf("SHOW %s: %v", name, err)
			continue
		}
		at := 0
		for _, column := range head {
			if column == "reserve_pool 23" { // renamed in 1.24; ours has it again behind all others
				if !slices.Contains(own, column) {
					t.Errorf("SHOW %s has no %s", name, column)
				}
				continue
			}
			i := slices.Index(own[at:], column)
			if i < 0 {
				t.Errorf("SHOW %s: no %s, or not in this order\ntheirs %v\nours   %v", name, column, head, own)
				break
			}
			at += i + 1
		}
	}
	if compared < 18 { // as many as 1.18 has
		t.Errorf("only %d tables were compared", compared)
	}
}

// Rows that are known by their first column are the same, too.
func TestListsAndTotalsHaveTheRowsOfTheInstalledPgBouncer(t *testing.T) {
	t.Parallel()
	theirs, ours := connect(t, bouncer(t), "admin"), connect(t, address(serve(t)), "boss")
	for _, table := range []string{"LISTS", "TOTALS"} {
		own := firsts(t, ours, table)
		at := 0
		for _, row := range firsts(t, theirs, table) {
			i := slices.Index(own[at:], row)
			if i < 0 {
				t.Errorf("SHOW %s has no %q, or not in this order: %v", table, row, own)
				break
			}
			at += i + 1
		}
	}
}

// Both consoles give the same answers to commands: the same tags, and an error where the other has one.
func TestCommandsAreAnsweredLikeTheInstalledPgBouncerDoes(t *testing.T) {
	t.Parallel()
	theirs, ours := connect(t, bouncer(t), "admin"), connect(t, address(serve(t)), "boss")
	for _, sql := range []string{
		"PAUSE", "RESUME", "PAUSE app", "RESUME app", "DISABLE app", "ENABLE app", "RECONNECT", "RECONNECT app", "RELOAD", "WAIT_CLOSE", "WAIT_CLOSE app", "SHOW HELP",
		"show version;", "PAUSE pgbouncer", "KILL pgbouncer", "nonsense", "PAUSE app app", "RELOAD x", "DISABLE", "SHOW", "SHOW nothing", "KILL app",
	} {
		a, b := tag(t, theirs, sql), tag(t, ours, sql)
		if a != b {
			t.Errorf("%s: PgBouncer answers %q, we answer %q", sql, a, b)
		}
	}
}

func tag(t *testing.T, conn *pgconn.PgConn, sql string) string {
	t.Helper()
	results, err := conn.Exec(t.Context(), sql).ReadAll()
	if err != nil {
		return "error"
	}
	return results[len(results)-1].CommandTag.String()
}

func columns(t *testing.T, conn *pgconn.PgConn, table string) ([]string, error) {
	t.Helper()
	results, err := conn.Exec(t.Context(), "SHOW "+table).ReadAll()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, f := range results[0].FieldDescriptions {
		out = append(out, fmt.Sprintf("%s %d", f.Name, f.DataTypeOID))
	}
	return out, nil
}

func firsts(t *testing.T, conn *pgconn.PgConn, table string) []string {
	t.Helper()
	results, err := conn.Exec(t.Context(), "SHOW "+table).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, row := range results[0].Rows {
		out = append(out, string(row[0]))
	}
	return out
}

func address(s *served) string { return fmt.Sprintf("host=%s port=%s", s.host, s.port) }

func connect(t *testing.T, at, user string) *pgconn.PgConn {
	t.Helper()
	cfg, err := pgx.ParseConfig(at + " user=" + user + " dbname=pgbouncer sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgconn.ConnectConfig(t.Context(), &cfg.Config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	return conn
}

// bouncer starts the installed PgBouncer on a Unix socket and returns where it is.
func bouncer(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		path = "/usr/sbin/pgbouncer"
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("pgbouncer is needed for this test: %s", bouncerInstall)
	}
	dir, err := os.MkdirTemp("/tmp", "hfb") // short, for the path of the socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	account := unprivileged(t, dir)
	ini := fmt.Sprintf("[databases]\napp = host=%[1]s port=1\n[pgbouncer]\nunix_socket_dir = %[1]s\nlisten_port = 6432\nauth_type = trust\n"+
		"auth_file = %[1]s/users\nadmin_users = admin\n", dir)
	for name, text := range map[string]string{"ini": ini, "users": `"admin" ""` + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(path, "-q", filepath.Join(dir, "ini"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account, Pdeathsig: syscall.SIGKILL}
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended itself
		_ = cmd.Wait()         // killed is no success
	})
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("unix", filepath.Join(dir, ".s.PGSQL.6432"))
		if err == nil {
			conn.Close()
			return "host=" + dir + " port=6432"
		}
		if time.Now().After(deadline) {
			t.Fatalf("pgbouncer does not start: %v\n%s", err, log.String())
		}
		<-time.After(5 * time.Millisecond)
	}
}

// unprivileged gives the directory to an account that is not root, because PgBouncer refuses to be root; nil when we are not root.
func unprivileged(t *testing.T, dir string) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if uidErr != nil || gidErr != nil {
		t.Fatalf("the account nobody has no number: %v, %v", uidErr, gidErr)
	}
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
