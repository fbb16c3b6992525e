package revision

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"holdfast/internal/treepack"
)

// attributesFile is where git looks for attributes of paths (gitattributes(5)).
const (
	attributesFile = ".gitattributes"
	maxAttributes  = 64 << 10
)

// collisions reports names of a directory that differ in case or Unicode normalisation alone: macOS and Windows have room for
// one of them.
func collisions(key, dir, path string, entries []treepack.Entry) []Rejection {
	var out []Rejection
	seen := make(map[string]string, len(entries))
	for _, e := range entries {
		folded := fold(e.Name)
		if other, ok := seen[folded]; ok && len(out) < maxReports {
			out = append(out, Rejection{
				Key: key, Dir: dir, Path: join(path, e.Name), Code: codeCollision,
				Reason: fmt.Sprintf("some file systems take the name for %q", other),
			})
		}
		seen[folded] = e.Name
	}
	return out
}

// fold returns what names that collide have in common.
func fold(name string) string {
	ascii := !strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf })
	if ascii || !utf8.ValidString(name) {
		return strings.ToLower(name)
	}
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(name)))
}

// attributes reports attributes that change files when git checks them out. Content is always what is stored.
func attributes(ctx context.Context, src treepack.Source, id treepack.ID, key, dir, path string) ([]Rejection, error) {
	text, err := readBlob(ctx, src, id, maxAttributes)
	if err != nil {
		return nil, at(path, err)
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		for _, a := range fields[1:] {
			if changesFiles(a) && !slices.Contains(found, a) && len(found) < maxReports {
				found = append(found, a)
			}
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	return []Rejection{{
		Key: key, Dir: dir, Path: path, Code: codeAttributes,
		Reason: fmt.Sprintf("%.200q would change files in a checkout; content is taken as it is stored", strings.Join(found, " ")),
	}}, nil
}

func changesFiles(attribute string) bool {
	return attribute == "ident" || attribute == "eol=crlf" || strings.HasPrefix(attribute, "filter=") ||
		strings.HasPrefix(attribute, "working-tree-encoding=")
}

// warnAttributes looks at the attributes of a directory above chunks.
func (b *builder) warnAttributes(ctx context.Context, path string, e treepack.Entry) error {
	if e.Name != attributesFile || !isFile(e.Mode) {
		return nil
	}
	odd, err := attributes(ctx, b.src, e.ID, "", parent(path), path)
	if r, ok := rejection(err, "", parent(path)); err != nil && ok {
		odd = []Rejection{r}
	} else if err != nil {
		return err
	}
	b.warned = append(b.warned, odd...)
	return nil
}

// gatherLoose notes a file to gather that lies in no chunk.
func (b *builder) gatherLoose(ctx context.Context, path string, e treepack.Entry, at state) error {
	for i, g := range b.gather {
		if !g.path.done(at.gather[i]) {
			continue
		}
		size, odd, err := b.judgeLoose(ctx, path, e)
		switch {
		case err != nil:
			return err
		case odd != nil:
			odd.Key = g.rule
			b.warned = append(b.warned, *odd)
		default:
			b.loose = append(b.loose, gathered{g.rule, File{path, e.Mode.Canonical(), e.ID, size}})
		}
	}
	return nil
}

// judgeLoose returns the size of a file to gather, or why it cannot be gathered.
func (b *builder) judgeLoose(ctx context.Context, path string, e treepack.Entry) (int64, *Rejection, error) {
	if !isFile(e.Mode) {
		return 0, &Rejection{Path: path, Code: codeGather, Reason: fmt.Sprintf("a %s is not gathered", e.Mode.Kind())}, nil
	}
	f, err := b.fact(ctx, newObjects(b.src), e.ID)
	if err != nil {
		if r, ok := rejection(at(path, err), "", ""); ok {
			return 0, &r, nil
		}
		return 0, nil, fmt.Errorf("%q: %w", path, err)
	}
	if f.pointer {
		return 0, &Rejection{Path: path, Code: codePointer, Reason: "a Git LFS pointer: the file itself is not in the repository"}, nil
	}
	if limit := b.o.Limits.Blob; limit > 0 && f.size > limit {
		return 0, &Rejection{Path: path, Code: treepack.ErrTooLarge.Code, Reason: fmt.Sprintf("%d bytes: the limit of a file is %d", f.size, limit)}, nil
	}
	return f.size, nil, nil
}
