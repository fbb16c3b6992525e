package treecache

import (
	"strings"

	"holdfast/internal/treepack"
)

// A commit is shown by one set of rules, as a rule. When the rules of a source change without a commit, the same commit comes to
// other chunks, and they must not lie among those that readers hold. Then the view is a variant: its directory is that of
// the source with a dot and a mark.

// Variant returns the view of the same commit in another directory.
func (v View) Variant(mark string) View { return View{Source: v.base() + "." + mark, Commit: v.Commit} }

// base is the source without the mark of a variant.
func (v View) base() string {
	name, _, _ := strings.Cut(v.Source, ".")
	return name
}

// Differs reports whether the view shows something that is not among the chunks, which are all that its revision has.
func (c *Cache) Differs(v View, chunks func(key string) (path string, tree treepack.ID, ok bool)) (bool, error) {
	p := c.live.Load()
	if p == nil || !p.admit() {
		return false, ErrStopped
	}
	defer p.ops.Done()
	if err := v.check(); err != nil {
		return false, err
	}
	facts, err := p.facts(v)
	if err != nil {
		return false, onDisk("look at a view", err)
	}
	for _, f := range facts {
		path, tree, ok := chunks(f.key)
		if ok && path == f.path && strings.Contains(f.object, tree.String()) {
			continue
		}
		if p.shows(v, f.key) {
			return true, nil
		}
	}
	return false, nil
}
