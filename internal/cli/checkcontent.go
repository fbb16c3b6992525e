package cli

import (
	"context"
	"os/exec"
	"os/user"
	"strconv"
	"strings"

	"holdfast/internal/fault"
)

// content looks whether the sources of content can be read from here: the git program is there, and the group exists.
func (k *checker) content(ctx context.Context) {
	c := k.cfg.Content
	if !c.On() {
		return
	}
	bad := false
	if c.Group != "" {
		if _, err := strconv.ParseUint(c.Group, 10, 31); err != nil {
			if _, err := user.LookupGroup(c.Group); err != nil {
				bad = true
				k.fail("content", fault.New(fault.Config, "content_group", "content.group: %w", err).
					WithHint("make it with: groupadd %s", c.Group))
			}
		}
	}
	version := "this machine does not sync"
	if c.Sync {
		out, err := exec.CommandContext(ctx, "git", "--version").Output()
		if err != nil {
			bad = true
			k.fail("content", fault.New(fault.Unavailable, "content_no_git", "run git, which fetches the sources: %w", err).
				WithHint("install it with: apt-get install git; or set content.sync = false and let other machines sync"))
		}
		version = strings.TrimSpace(string(out))
	}
	if !bad {
		k.ok("content", "%s, %s", count(len(c.Sources), "source"), version)
	}
}
