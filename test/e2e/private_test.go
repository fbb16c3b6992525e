package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/lifecycle/lifecycletest"
)

// E-29, S0-12: a PostgreSQL of our own that is killed is started again by itself, and links are served meanwhile; when
// the daemon is killed, its PostgreSQL does not stay behind.
func TestAPostgreSQLOfOurOwnLivesAndDiesWithTheDaemon(t *testing.T) {
	t.Parallel()
	site := newSite(t, nil)
	n := site.serve()
	c := n.client(site.newKey())
	site.Must("files", "bucket", "create", "papers")
	c.put("papers", "one", "text")
	link := n.link("papers/one")
	for range 2 {
		killed := postmaster(t, site)
		if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		wantLinks(t, link)
		lifecycletest.Eventually(t, noticed, func() error {
			if postmaster(t, site) == killed {
				return fmt.Errorf("no server since process %d was killed", killed)
			}
			return nil
		})
		lifecycletest.Eventually(t, noticed, func() error { return c.tryPut("papers", "two", "again") })
	}
	c.want("papers", "one", "text")
	lifecycletest.Eventually(t, noticed, func() error { return wantStatus(n.admin+"/readyz", 200) })

	family := descendants(t, n.PID)
	if len(family) < 3 {
		t.Fatalf("processes besides the daemon: %v", family)
	}
	n.Kill()
	for _, pid := range family {
		lifecycletest.Eventually(t, 10*time.Second, func() error {
			if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
				return nil
			}
			return fmt.Errorf("process %d still runs", pid)
		})
	}
}

// postmaster returns the process id of the site's private server, the last one while there is none.
func postmaster(t *testing.T, s *site) int {
	t.Helper()
	var text []byte
	lifecycletest.Eventually(t, noticed, func() (err error) {
		text, err = os.ReadFile(s.Path("data/postgres/data/postmaster.pid"))
		if err == nil && len(text) == 0 {
			err = os.ErrNotExist
		}
		return err
	})
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}
