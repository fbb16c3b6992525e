package pgbouncer

import (
	"slices"
	"strings"
)

// identMap says, by the name of a map, which accounts or certificates may be which users.
type identMap map[string][]identity

type identity struct {
	account string
	user    string // empty: any
}

// identMaps reads auth_ident_file.
func (im *importer) identMaps() (identMap, error) {
	e := im.global["auth_ident_file"]
	if e.value == "" {
		return nil, nil
	}
	path := im.resolve(e.value)
	text, err := im.text(path)
	if err != nil {
		return nil, err
	}
	maps := identMap{}
	for i, line := range strings.Split(text, "\n") {
		at := place{path, i + 1}
		parts, ok := fields(strings.TrimSpace(line))
		switch {
		case !ok:
			return nil, invalid(at, "a double quote is not closed")
		case len(parts) == 0:
			continue
		case len(parts) != 3:
			im.remark("auth_ident_file", at, false, "a line is: map, account, user")
			continue
		}
		id := identity{parts[1][0].text, parts[2][0].text}
		if strings.HasPrefix(id.account, "/") || strings.HasPrefix(id.user, "+") {
			im.remark("auth_ident_file", at, false, "patterns and members of roles are not known: name accounts and users")
			continue
		}
		if parts[2][0].is("all") {
			id.user = ""
		}
		name := parts[0][0].text
		maps[name] = append(maps[name], id)
	}
	return maps, nil
}

// mapped splits a rule into one for each user of the map, and one for all users.
func (im *importer) mapped(r rule, ids []identity, name string) []rule {
	var users, anybody []string
	for _, id := range ids {
		switch {
		case id.user == "":
			anybody = append(anybody, id.account)
		case !slices.Contains(users, id.user) && covers(r.users, id.user):
			users = append(users, id.user)
		}
	}
	if len(users) == 0 && len(anybody) == 0 {
		im.remark("auth_hba_file", r.place, false, "the map %s has no lines for these users", name)
	}
	var out []rule
	for _, u := range users {
		own := r
		own.users, own.identities = []string{u}, slices.Clone(anybody)
		for _, id := range ids {
			if id.user == u {
				own.identities = append(own.identities, id.account)
			}
		}
		out = append(out, own)
	}
	if len(anybody) > 0 {
		r.identities = anybody
		out = append(out, r)
	}
	return out
}
