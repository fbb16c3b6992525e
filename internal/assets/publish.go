package assets

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"holdfast/internal/fault"
)

// Publish serves content under a hashed name on every node, and lets the logical name lead to it. References of stylesheets
// and scripts to assets that exist are rewritten. When it returns, the URL works everywhere.
func (a *Assets) Publish(ctx context.Context, logical string, body io.Reader) (Published, error) {
	if a.shelf == nil {
		return Published{}, fault.New(fault.Unavailable, "no_database", "publish %s: this process has no database", logical)
	}
	if err := checkLogical(logical); err != nil {
		return Published{}, err
	}
	limit := int64(a.config().PublishMaxSize)
	content, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return Published{}, fmt.Errorf("publish %s: %w", logical, err)
	}
	if int64(len(content)) > limit {
		return Published{}, fault.New(fault.Full, "asset_too_large", "%s has more than %s", logical, a.config().PublishMaxSize).
			WithHint("raise static.publish_max_size")
	}
	content, notes := a.rewritePublished(logical, content)
	f, parts, err := packed(logical, content)
	if err != nil {
		return Published{}, fmt.Errorf("publish %s: %w", logical, err)
	}
	if err := a.putOnShelf(ctx, f, parts); err != nil {
		return Published{}, fmt.Errorf("publish %s: %w", logical, err)
	}
	entry, _ := a.lookUp(logical)
	return Published{Entry: entry, Notes: notes}, nil
}

// Published is an asset that was published, and what was found in it.
type Published struct {
	Entry
	Notes []Note `json:"notes,omitempty"`
}

func (a *Assets) putOnShelf(ctx context.Context, f fetched, parts [][]byte) error {
	if !a.shelf.has(f) {
		for i, p := range f.Parts {
			if err := a.shelf.settle(f.Name+p.Coding.suffix(), bytes.NewReader(parts[i]), p.SHA256); err != nil {
				return err
			}
		}
	}
	if err := a.shelf.put(ctx, f, parts); err != nil {
		return err
	}
	if err := a.sync(ctx, false); err != nil && a.set.Load().resources[f.Name] == nil {
		return err
	}
	return nil
}

// rewritePublished replaces references by the hashed names that are served now.
func (a *Assets) rewritePublished(logical string, content []byte) ([]byte, []Note) {
	lang := languageOf(logical)
	refs, err := lang.references(string(content))
	if err != nil {
		return content, []Note{{File: logical, Text: "left as it is: " + err.Error()}}
	}
	where, names := site{url: a.config().URL, base: a.config().BaseURL}, a.set.Load().names
	var notes []Note
	sure, _ := where.targets(logical, refs)
	for _, name := range sure {
		if names[name] == "" {
			notes = append(notes, Note{logical, name, "it is not there, so the reference is left as it is"})
		}
	}
	return []byte(where.rewrite(logical, string(content), refs, func(name string) string { return names[name] })), notes
}

// packed names the content and makes its variants.
func packed(logical string, content []byte) (fetched, [][]byte, error) {
	digest := sum(content)
	f := fetched{
		Name: hashedName(logical, digest[:nameLength]), Logical: logical, Current: true, Since: time.Now().UTC(),
		Parts: []part{{Identity, int64(len(content)), digest}},
	}
	parts := [][]byte{content}
	for _, c := range codings() {
		if !compressible(logical) {
			break
		}
		small, err := compress(c, content)
		if err != nil {
			return f, nil, err
		}
		if len(small) < len(content) {
			f.Parts = append(f.Parts, part{c, int64(len(small)), sum(small)})
			parts = append(parts, small)
		}
	}
	return f, parts, nil
}

// checkName refuses names that could lead elsewhere.
func checkName(name string) error {
	switch {
	case name == "" || name != path.Clean(name) || strings.HasPrefix(name, "/") || name == ".." || strings.HasPrefix(name, "../"):
		return badName(name, "it must be a plain path")
	case !servable(name):
		return badName(name, "it holds characters that cannot stand in a URL")
	case hidden(name):
		return badName(name, "such files are not served")
	}
	return nil
}

// checkLogical refuses names that nobody would serve, either.
func checkLogical(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if excludedFile(path.Base(name)) {
		return badName(name, "such files are not served")
	}
	return nil
}

func badName(name, why string) error {
	return fault.New(fault.Usage, "asset_name", "%q is no name of an asset: %s", name, why).
		WithHint("name it as a path below static.url, as css/theme.css")
}

// Unpublish lets a logical name lead to what was built, or nowhere. The hashed name is served until static.keep has passed.
func (a *Assets) Unpublish(ctx context.Context, logical string) error {
	if a.shelf == nil {
		return fault.New(fault.Unavailable, "no_database", "withdraw %s: this process has no database", logical)
	}
	if err := a.shelf.withdraw(ctx, logical); err != nil {
		return fmt.Errorf("withdraw %s: %w", logical, err)
	}
	return a.sync(ctx, false)
}
