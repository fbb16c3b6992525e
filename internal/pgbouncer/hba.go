package pgbouncer

import (
	"cmp"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// word is a word of an HBA file; in quotes it loses the meanings that it could have.
type word struct {
	text   string
	quoted bool
}

func (w word) is(keyword string) bool { return !w.quoted && w.text == keyword }

// fields cuts a line of an HBA or ident file into fields, each of which is a list of words with commas between them.
func fields(line string) ([][]word, bool) {
	var out [][]word
	open := true // a new field begins
	for line = strings.TrimLeft(line, " \t"); line != "" && line[0] != '#'; line = strings.TrimLeft(line, " \t") {
		var w word
		if line[0] == ',' {
			open, line = false, line[1:]
			continue
		}
		var rest string
		if line[0] == '"' {
			text, after, ok := cutQuoted(line, '"')
			if !ok {
				return nil, false
			}
			w, rest = word{text, true}, after
		} else {
			end := 0
			for quoted := false; end < len(line) && (quoted || strings.IndexByte(" \t,#", line[end]) < 0); end++ {
				if line[end] == '"' {
					quoted = !quoted
				}
			}
			w, rest = word{text: line[:end]}, line[end:]
		}
		if open || len(out) == 0 {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], w)
		open, line = true, rest
	}
	return out, true
}

// hbaRules reads auth_hba_file.
func (im *importer) hbaRules() ([]rule, error) {
	e := im.global["auth_hba_file"]
	if e.value == "" {
		im.remark("auth_type", im.global["auth_type"].place, false, "hba without auth_hba_file lets nobody in")
		return nil, nil
	}
	path := im.resolve(e.value)
	text, err := im.text(path)
	if err != nil {
		return nil, err
	}
	maps, err := im.identMaps()
	if err != nil {
		return nil, err
	}
	var out []rule
	for i, line := range strings.Split(text, "\n") {
		at := place{path, i + 1}
		parts, ok := fields(strings.TrimSpace(line))
		if !ok {
			return nil, invalid(at, "a double quote is not closed")
		}
		if len(parts) > 0 {
			out = append(out, im.bounded(im.hbaLine(parts, at, maps), "auth_hba_file")...)
		}
	}
	return out, nil
}

// hbaLine turns a line into rules: none when it cannot be said.
func (im *importer) hbaLine(parts [][]word, at place, maps identMap) []rule {
	kind := parts[0][0].text
	r := rule{place: at, tls: kind == "hostssl", plain: kind == "hostnossl"}
	least := 5 // type, database, user, address, method
	if kind == "local" {
		least, r.addresses = 4, []string{"local"}
	}
	if len(parts) < least || !slices.Contains([]string{"local", "host", "hostssl", "hostnossl"}, kind) {
		im.remark("auth_hba_file", at, false, "PgBouncer does not understand this line")
		return nil
	}
	var why [3]string
	r.databases, why[0] = im.databaseNames(parts[1])
	r.users, why[1] = im.names(parts[2], "user")
	rest := parts[3:]
	if kind != "local" {
		r.addresses, rest, why[2] = addressesOf(rest)
	}
	if len(rest) == 0 {
		im.remark("auth_hba_file", at, false, "the line has no method")
		return nil
	}
	theirs, options := rest[0][0].text, optionsOf(rest[1:])
	unsaid := cmp.Or(why[0], why[1], why[2])
	if r.plain && im.wantsTLS() {
		im.remark("auth_hba_file", at, false, "client_tls_sslmode lets nobody in without TLS, so the line is for nobody")
		return nil
	}
	if r.plain && theirs == "cert" {
		unsaid = cmp.Or(unsaid, "certificates are shown inside TLS")
	}
	if unsaid != "" {
		return im.unsaid(r, theirs, unsaid)
	}
	return im.withMethod(r, theirs, options, maps)
}

// wantsTLS reports whether clients have to use TLS.
func (im *importer) wantsTLS() bool {
	tls, err := asClientTLS(im.value("client_tls_sslmode", "disable"))
	return err == nil && tls == "require"
}

// unsaid leaves out a line that lets somebody in and cannot be said, and says more strictly one that refuses.
func (im *importer) unsaid(r rule, theirs, why string) []rule {
	if theirs != "reject" {
		im.remark("auth_hba_file", r.place, false, "%s", why)
		return nil
	}
	im.remark("auth_hba_file", r.place, true, "%s; the rule refuses more than the line does", why)
	r.method, r.tls = "reject", false
	return []rule{r}
}

func (im *importer) withMethod(r rule, theirs string, options []pair, maps identMap) []rule {
	method, difference := methodOf(theirs)
	if method == "" || strings.EqualFold(theirs, "any") {
		im.remark("auth_hba_file", r.place, false, "the method %s is not offered", theirs)
		return nil
	}
	if near := slices.Equal(r.addresses, []string{"local"}); difference != "" && (method != "trust" || !near) {
		im.remark("auth_hba_file", r.place, true, "%s", difference)
	}
	r.method = method
	name := ""
	for _, o := range options {
		switch {
		case o.key == "map" && (method == "cert" || method == "peer"):
			name = o.value
		case method == "ldap" && strings.HasPrefix(o.key, "ldap"):
		default:
			im.remark("auth_hba_file", r.place, false, "the option %s is not carried over", o.key)
		}
	}
	if method == "ldap" {
		im.ldapPairs(options, r.place)
	}
	if name != "" {
		return im.mapped(r, maps[name], name)
	}
	return []rule{r}
}

// databaseNames reads the databases of a line. The words that mean something else than names cannot be said, but all.
func (im *importer) databaseNames(words []word) ([]string, string) {
	for _, keyword := range []string{"sameuser", "samerole", "samegroup"} {
		if slices.ContainsFunc(words, func(w word) bool { return w.is(keyword) }) {
			return nil, keyword + " is not known: name databases and users"
		}
	}
	return im.names(words, "database")
}

// names reads a list of names, in which @file stands for those in a file. No names mean all of them.
func (im *importer) names(words []word, what string) (names []string, why string) {
	for _, w := range words {
		switch {
		case w.is("all"):
			return nil, ""
		case !w.quoted && strings.HasPrefix(w.text, "+"):
			return nil, "the members of a role are not known: name them"
		case !w.quoted && strings.HasPrefix(w.text, "@"):
			more, err := im.namesIn(w.text[1:])
			if err != nil {
				return nil, err.Error()
			}
			names = append(names, more...)
		default:
			names = append(names, w.text)
		}
	}
	if len(names) == 0 {
		return nil, "the line names no " + what
	}
	return names, ""
}

// namesIn reads a file of names with spaces, commas or line ends between them.
func (im *importer) namesIn(path string) ([]string, error) {
	hba := im.resolve(im.global["auth_hba_file"].value)
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(hba), path)
	}
	text, err := im.text(path)
	if err != nil {
		return nil, err
	}
	var out []string
	for i, line := range strings.Split(text, "\n") {
		parts, ok := fields(strings.TrimSpace(line))
		if !ok {
			return nil, invalid(place{path, i + 1}, "a double quote is not closed")
		}
		for _, w := range slices.Concat(parts...) {
			out = append(out, w.text)
		}
	}
	return out, nil
}

// addressesOf reads an address, or an address and a mask, and returns what follows.
func addressesOf(parts [][]word) (addresses []string, rest [][]word, why string) {
	text := parts[0][0].text
	if parts[0][0].is("all") {
		return []string{"0.0.0.0/0", "::/0"}, parts[1:], ""
	}
	if p, err := netip.ParsePrefix(text); err == nil {
		return []string{p.Masked().String()}, parts[1:], ""
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return nil, parts[1:], "addresses are numbers: " + text + " is not carried over"
	}
	if len(parts) < 2 {
		return nil, nil, "the address has no mask"
	}
	mask, err := netip.ParseAddr(parts[1][0].text)
	if err != nil || mask.BitLen() != ip.BitLen() {
		return nil, parts[1:], "the address has no mask"
	}
	bits, ok := ones(mask.AsSlice())
	if !ok {
		return nil, parts[2:], "the mask " + mask.String() + " has holes"
	}
	return []string{netip.PrefixFrom(ip.WithZone(""), bits).Masked().String()}, parts[2:], ""
}

// ones counts the bits of a mask that are set, if they stand together.
func ones(mask []byte) (int, bool) {
	n, over := 0, false
	for _, b := range mask {
		for bit := 7; bit >= 0; bit-- {
			set := b>>bit&1 == 1
			if set && over {
				return 0, false
			}
			if set {
				n++
			}
			over = over || !set
		}
	}
	return n, true
}

// optionsOf reads name=value.
func optionsOf(parts [][]word) []pair {
	var out []pair
	for _, w := range slices.Concat(parts...) {
		key, value, _ := strings.Cut(w.text, "=")
		out = append(out, pair{key, strings.ReplaceAll(value, `"`, "")})
	}
	return out
}
