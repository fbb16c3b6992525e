package revision

import (
	"context"
	"maps"
	"slices"
	"strings"

	"holdfast/internal/treepack"
)

const (
	maxTarget = 4095       // bytes of a link's target: PATH_MAX without its NUL
	maxHops   = 40         // links that Linux follows in one path (path_resolution(7))
	maxSteps  = 10_000_000 // names that are looked at to judge the links of one chunk
)

// readTarget returns the target of a symbolic link.
func readTarget(ctx context.Context, src treepack.Source, id treepack.ID, path string) (string, error) {
	size, err := src.Size(ctx, id)
	if err != nil {
		return "", at(path, err)
	}
	if size == 0 || size > maxTarget {
		return "", breachf(path, codeLinkTarget, "a symbolic link with a target of %d bytes", size)
	}
	text, err := readBlob(ctx, src, id, maxTarget)
	if err != nil {
		return "", at(path, err)
	}
	switch target := string(text); {
	case strings.ContainsRune(target, 0):
		return "", breachf(path, codeLinkTarget, "a symbolic link whose target has a NUL")
	case target[0] == '/':
		return "", breachf(path, codeLinkLeaves, "a symbolic link to the absolute path %.200q", target)
	default:
		return target, nil
	}
}

// checkLinks follows every link of the chunk as the system would, through the other links of the chunk.
func (s *scanner) checkLinks() error {
	steps := 0
	for _, rel := range slices.Sorted(maps.Keys(s.links)) {
		r := resolver{s: s, link: join(s.f.path, rel), target: s.links[rel], base: names(s.f.path), steps: &steps}
		r.cur = names(parent(join(s.f.path, rel)))
		if err := r.follow(rel); err != nil {
			return err
		}
		if end := strings.Join(r.cur, "/"); !within(end, s.f.path) && len(s.outside) < maxReports {
			s.outside = append(s.outside, end)
		}
	}
	return nil
}

// resolver follows one link.
type resolver struct {
	s            *scanner
	link, target string   // the link's path from the root of the course
	base         []string // directory of the chunk
	cur          []string // where we are, from the root of the course
	todo         []string // names that are still to follow, the next one last
	hops         int
	steps        *int
}

func (r *resolver) follow(rel string) error {
	if err := r.enter(rel); err != nil {
		return err
	}
	for len(r.todo) > 0 {
		name := r.todo[len(r.todo)-1]
		r.todo = r.todo[:len(r.todo)-1]
		if *r.steps++; *r.steps > maxSteps {
			return breachf(r.link, codeLinkLoop, "the symbolic links of the chunk are too entangled to be followed")
		}
		var err error
		switch name {
		case "", ".":
		case "..":
			err = r.up()
		default:
			err = r.down(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// enter puts the target of a link of the chunk before what is still to follow.
func (r *resolver) enter(rel string) error {
	if r.hops++; r.hops > maxHops {
		return breachf(r.link, codeLinkLoop, "symbolic links that lead to each other, or more than %d in a row", maxHops)
	}
	parts := strings.Split(r.s.links[rel], "/")
	slices.Reverse(parts)
	r.todo = append(r.todo, parts...)
	return nil
}

func (r *resolver) up() error {
	course := r.s.b.o.Links == Course
	switch {
	case len(r.cur) == 0:
		return r.leaves("the course")
	case !course && len(r.cur) == len(r.base): // we never are elsewhere than in the chunk
		return r.leaves("its chunk")
	case r.elsewhere():
		// What a name stands for in another chunk may be a link, and then ".." leads we do not know where.
		return breachf(r.link, codeLinkLeaves, "the symbolic link to %.200q has \"..\" behind names of another chunk", r.target)
	}
	r.cur = r.cur[:len(r.cur)-1]
	return nil
}

func (r *resolver) down(name string) error {
	r.cur = append(r.cur, name)
	if len(r.cur) <= len(r.base) || !slices.Equal(r.cur[:len(r.base)], r.base) {
		return nil
	}
	rel := strings.Join(r.cur[len(r.base):], "/")
	if _, ok := r.s.links[rel]; !ok {
		return nil
	}
	r.cur = r.cur[:len(r.cur)-1]
	return r.enter(rel)
}

// elsewhere reports whether we are neither in the chunk nor in a directory above it.
func (r *resolver) elsewhere() bool {
	n := min(len(r.cur), len(r.base))
	return !slices.Equal(r.cur[:n], r.base[:n])
}

func (r *resolver) leaves(what string) error {
	if r.hops > 1 {
		what += " through another one"
	}
	return breachf(r.link, codeLinkLeaves, "the symbolic link to %.200q leaves %s", r.target, what)
}

// names returns the names that a path consists of.
func names(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}
