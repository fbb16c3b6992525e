package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/treepack"
)

// maxCommit is what a commit may have at most to be read here, in bytes; git log is asked about larger ones.
const maxCommit = 1 << 20

// Commit is [Repo.Commit] without a process of its own. What it cannot read as git would, git is asked about.
func (o *Objects) Commit(ctx context.Context, id treepack.ID) (CommitInfo, error) {
	raw, err := o.read(ctx, id, "commit", maxCommit)
	if err == nil {
		if info, ok := parseCommit(id, raw); ok {
			return info, nil
		}
	}
	if ctx.Err() != nil || errors.Is(err, ErrClosed) {
		return CommitInfo{}, err
	}
	return o.repo.Commit(ctx, id)
}

// parseCommit takes a commit apart, if it is one that needs no interpretation: in UTF-8, with the usual lines.
func parseCommit(id treepack.ID, raw []byte) (info CommitInfo, ok bool) {
	head, message, found := bytes.Cut(raw, []byte("\n\n"))
	if !found {
		return info, false
	}
	lines := headLines(string(head))
	tree, err := treepack.ParseID(lines["tree"])
	name, _, authorOK := person(lines["author"])
	_, seconds, committerOK := person(lines["committer"])
	if err != nil || tree.Format() != id.Format() || !authorOK || !committerOK || lines["encoding"] != "" {
		return info, false
	}
	return CommitInfo{
		ID: id, Tree: tree, Time: time.Unix(seconds, 0).UTC(),
		Author: printable([]byte(name)), Subject: printable([]byte(subject(string(message)))),
	}, true
}

// headLines returns the first line of each kind in the head of a commit.
func headLines(head string) map[string]string {
	lines := map[string]string{}
	for line := range strings.SplitSeq(head, "\n") {
		kind, rest, _ := strings.Cut(line, " ")
		if _, had := lines[kind]; !had {
			lines[kind] = rest
		}
	}
	return lines
}

// person reads "Name <mail> seconds zone".
func person(line string) (name string, seconds int64, ok bool) {
	name, rest, found := strings.Cut(line, " <")
	if !found || strings.ContainsAny(name, "<>") {
		return "", 0, false
	}
	_, when, found := strings.Cut(rest, "> ")
	digits, _, zone := strings.Cut(when, " ")
	seconds, err := strconv.ParseInt(digits, 10, 63)
	return name, seconds, found && zone && err == nil && seconds >= 0
}

// subject returns the first paragraph of a message on one line.
func subject(message string) string {
	var words []string
	for line := range strings.SplitSeq(message, "\n") {
		if line = strings.TrimRight(line, " \t\r"); line != "" {
			words = append(words, line)
		} else if len(words) > 0 {
			break
		}
	}
	return strings.Join(words, " ")
}

// Below is [Repo.Below] without a process of its own.
func (o *Objects) Below(ctx context.Context, tree treepack.ID, path string) (treepack.ID, error) {
	if path == "" || path == "." {
		return tree, nil
	}
	at := tree
	if fs.ValidPath(path) {
		for name := range strings.SplitSeq(path, "/") {
			if at = o.child(ctx, at, name); at.IsZero() {
				break
			}
		}
		if !at.IsZero() {
			return at, nil
		}
	}
	return o.repo.Below(ctx, tree, path) // it says what is wrong
}

// child returns the sub-tree with the name; none if there is no such one, or if it cannot be read.
func (o *Objects) child(ctx context.Context, tree treepack.ID, name string) treepack.ID {
	entries, err := o.entries(ctx, tree)
	if err != nil {
		return treepack.ID{}
	}
	for _, e := range entries {
		if e.Name == name && e.Mode.Kind() == treepack.Dir {
			return e.ID
		}
	}
	return treepack.ID{}
}

func (o *Objects) entries(ctx context.Context, tree treepack.ID) ([]treepack.Entry, error) {
	raw, err := o.Tree(ctx, tree)
	if err != nil {
		return nil, err
	}
	return treepack.ParseTree(tree.Format(), raw)
}
