package revision

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
)

const (
	maxNeedFile = 1 << 20 // bytes of a JSON file that names needed chunks
	maxNeeds    = 100     // names in one member
	maxNeed     = 1024    // bytes of a name
)

// requires returns what the chunk needs: what its files name, and where its links lead.
func (s *scanner) requires(ctx context.Context) ([]string, error) {
	var out []string
	for _, q := range s.f.rule.Requires {
		id, ok := s.needed[q.File]
		if !ok {
			continue
		}
		n, err := s.b.needOf(ctx, s.src, needKey{id, q.Field})
		if err != nil {
			return nil, at(join(s.f.path, q.File), err)
		}
		if n.odd != "" {
			s.warn(Rejection{Key: s.f.key, Dir: s.f.path, Path: join(s.f.path, q.File), Code: codeRequires, Reason: n.odd})
		}
		for _, text := range n.texts {
			out = append(out, strings.Replace(q.Chunk, placeholder, text, 1))
		}
	}
	for _, path := range s.outside {
		out = append(out, filePrefix+path)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// needOf returns the texts of a member of a JSON file, from the memo if it can.
func (b *builder) needOf(ctx context.Context, src *objects, k needKey) (need, error) {
	if n, ok := b.o.Memo.need(k); ok {
		return n, nil
	}
	text, err := readBlob(ctx, src, k.blob, maxNeedFile+1)
	if err != nil {
		return need{}, err
	}
	n := parseNeed(text, k.field)
	b.o.Memo.setNeed(k, n)
	return n, nil
}

// parseNeed returns the texts of a member. That it is absent, null or empty is no fault.
func parseNeed(text []byte, field string) need {
	if len(text) > maxNeedFile {
		return need{odd: "too large to be read"}
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return need{odd: "no JSON: " + err.Error()}
	}
	for name := range strings.SplitSeq(field, ".") {
		object, ok := v.(map[string]any)
		if !ok {
			return need{}
		}
		v = object[name]
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var n need
	for _, item := range list {
		text, ok := item.(string)
		switch {
		case item == nil || ok && text == "":
		case !ok || len(text) > maxNeed || len(n.texts) >= maxNeeds:
			n.odd = `"` + field + `" is neither a short text nor a list of such`
		default:
			n.texts = append(n.texts, text)
		}
	}
	return n
}
