package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/unit"
)

var update = flag.Bool("update", false, "write the generated files instead of comparing them")

// golden compares a generated file with what the sources say now.
func golden(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(have, want) {
		t.Errorf("%s is stale (%v): run go generate ./internal/config", path, err)
	}
}

func TestTheReferenceIsFresh(t *testing.T) {
	docs := generate(t)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(docs); err != nil {
		t.Fatal(err)
	}
	golden(t, "reference.json", b.Bytes())
	golden(t, filepath.Join("..", "..", "docs", "config.md"), page(docs))
}

// generate reads the reference off the Config structs: types and defaults by reflection, texts from the comments.
func generate(t *testing.T) []Doc {
	t.Helper()
	comments := fieldComments{byStruct: map[reflect.Type]map[string]string{}}
	defaults := map[string]Setting{}
	cfg := Default()
	cfg.Storage.S3.Enabled = true // so that its keys are listed
	for _, s := range cfg.Settings() {
		defaults[s.Key] = s
	}
	var docs []Doc
	lists := listPaths{}
	for _, e := range schemaOf(reflect.TypeFor[Config]()) {
		d := Doc{Key: lists.printed(e.path), Type: typeName(e.typ).short, Text: comments.text(t, e), Secret: e.secret}
		switch {
		case e.table && e.typ.Kind() == reflect.Slice:
			lists[e.path] = true
			d.Type, d.Env = ListOfTables, variable(d.Key)
		case e.table && e.typ.Kind() == reflect.Map:
			d.Type, d.Key = "table", d.Key+"."+nameWord
		case e.table:
			d.Type = "table"
		default:
			d.Default = defaultText(e, defaults)
			if !lists.holds(e.path) {
				d.Env = variable(d.Key)
			}
		}
		if d.Text == "" {
			t.Errorf("%s.%s has no comment, which is the documentation of %s", e.owner, e.field, d.Key)
		}
		docs = append(docs, d)
	}
	return keysFirst(docs)
}

// listPaths are the schema paths of lists of tables, each seen before what is in it.
type listPaths map[string]bool

func (l listPaths) holds(path string) bool {
	for list := range l {
		if strings.HasPrefix(path, list+".") {
			return true
		}
	}
	return false
}

// printed returns a schema path as people write it: NAME is a name of theirs, and the tables of a list have none.
func (l listPaths) printed(path string) string {
	for _, list := range slices.Backward(slices.Sorted(maps.Keys(l))) { // a list in a list before the one around it
		if rest, ok := strings.CutPrefix(path, list+"."+anyName+"."); ok {
			path = list + "." + rest
		}
	}
	return strings.ReplaceAll(path, anyName, nameWord)
}

// keysFirst puts the keys of a table right behind it, before the tables in it, as a file has them.
func keysFirst(docs []Doc) []Doc {
	keys := map[string][]Doc{}
	var tables []Doc
	for _, d := range docs {
		if d.IsTable() {
			tables = append(tables, d)
			continue
		}
		table, _ := parent(d.Key)
		keys[table] = append(keys[table], d)
	}
	out := keys[""]
	for _, d := range tables {
		out = append(append(out, d), keys[d.Key]...)
	}
	return out
}

func defaultText(e entry, defaults map[string]Setting) string {
	s, ok := defaults[e.path]
	switch {
	case e.path == s3Table+".enabled":
		return "false"
	case e.secret:
		return ""
	case !ok && e.typ.Kind() == reflect.Bool:
		return "false"
	case !ok: // below a table that a person names
		return ""
	}
	if text := tomlValue(s.Value); text != `""` && text != "[]" && (text != "0" || saysZero(e)) {
		return text
	}
	return ""
}

// saysZero is false for numbers whose zero stands for "not set".
func saysZero(e entry) bool {
	return e.typ == reflect.TypeFor[unit.Bytes]() || e.typ == reflect.TypeFor[unit.Duration]()
}

// fieldComments finds the comments at the fields of structs, package by package.
type fieldComments struct {
	byStruct map[reflect.Type]map[string]string
}

func (c fieldComments) text(t *testing.T, e entry) string {
	t.Helper()
	if _, ok := c.byStruct[e.owner]; !ok {
		c.byStruct[e.owner] = structComments(t, e.owner)
	}
	return inTOML(c.byStruct[e.owner][e.field], e.owner)
}

// inTOML calls the settings that a comment begins with by their names in TOML: "TLSCert and TLSKey are" becomes
// "tls_cert and tls_key are".
func inTOML(text string, owner reflect.Type) string {
	words := strings.SplitN(text, " ", 4)
	for i, w := range words {
		if f, ok := owner.FieldByName(w); ok && (i == 0 || i == 2 && words[1] == "and") {
			words[i] = tomlName(f)
		}
	}
	return strings.Join(words, " ")
}

func structComments(t *testing.T, typ reflect.Type) map[string]string {
	t.Helper()
	dir := filepath.Join("..", "..", strings.TrimPrefix(typ.PkgPath(), "holdfast/"))
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.Name == typ.Name() {
				if s, ok := spec.Type.(*ast.StructType); ok {
					collectComments(s, out)
				}
			}
			return true
		})
	}
	return out
}

// collectComments gives a field without a comment that of the field before it: "TLSCert and TLSKey are …".
func collectComments(s *ast.StructType, out map[string]string) {
	last := ""
	for _, f := range s.Fields.List {
		if f.Doc != nil {
			last = strings.Join(strings.Fields(f.Doc.Text()), " ")
		}
		for _, name := range f.Names {
			out[name.Name] = last
		}
	}
}

// page writes docs/config.md.
func page(docs []Doc) []byte {
	var b bytes.Buffer
	b.WriteString(pageHead)
	for _, d := range docs {
		if d.IsTable() {
			fmt.Fprintf(&b, "\n## %s\n\n%s\n", d.Header(), d.Text)
			if hasKeys(docs, d.Key) {
				b.WriteString("\n| key | type | default | |\n|---|---|---|---|\n")
			}
			continue
		}
		_, name := parent(d.Key)
		text := strings.ReplaceAll(d.Text, "|", `\|`)
		def := ""
		if d.Default != "" {
			def = "`" + d.Default + "`"
		}
		if d.Secret {
			name += "`, `" + name + fileSuffix
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, d.Type, def, text)
	}
	return b.Bytes()
}

func hasKeys(docs []Doc, table string) bool {
	for _, d := range docs {
		if p, _ := parent(d.Key); p == table && !d.IsTable() {
			return true
		}
	}
	return false
}

const pageHead = `# Configuration reference

This page is generated from the comments in the source (` + "`go generate ./internal/config`" + `); ` +
	"`holdfast help config KEY`" + ` prints the same.

Holdfast reads one file or a directory of ` + "`*.toml`" + ` files, merged in the order of their names: tables are merged, a
later value replaces an earlier one, lists included. It takes the path from ` + "`--config`" + `, else from the variable
` + "`HOLDFAST_CONFIG`" + `, else ` + "`./holdfast.toml`" + `, else ` + "`/etc/holdfast/holdfast.toml`" + `, else the directory ` + "`/etc/holdfast`" + `. ` +
	"`--config none`" + ` reads no file.

Each key can be set in the environment instead, where it wins over the files: ` + "`HOLDFAST_`" + ` and the key in capitals, with
two underscores for each dot (` + "`HOLDFAST_DATABASE__HOST`" + `). A list is written with commas, a list of tables as in TOML
(` + "`HOLDFAST_DATABASE__ENDPOINTS='[{listen = \"127.0.0.1:6432\"}]'`" + `). A variable that is empty counts
as not set; one that is no setting is a mistake. When no file and no such variable names a database host,
` + "`DATABASE_URL`" + ` is understood.

Each secret can be given by file: the key with ` + "`_file`" + ` at its end names a file that holds nothing but the secret. A
secret in the configuration itself is refused when others can read the file or git tracks it. Placeholders from examples are
always refused.

Relative paths start at the directory of the configuration. Sizes are written as ` + "`\"500MB\"`" + ` (powers of 1000) or
` + "`\"2GiB\"`" + ` (powers of 1024), durations as ` + "`\"90s\"`" + `, ` + "`\"15m\"`" + `, ` + "`\"14d\"`" + `, or as a number of bytes or seconds.

` + "`holdfast check`" + ` reports every mistake at once, ` + "`holdfast config render`" + ` prints the settings in effect and where each came
from.
`

// statedDefault finds what a comment calls the default: Default "x", Default 5s, Default false.
var statedDefault = regexp.MustCompile(`Default ("[^"]*"|[0-9][0-9A-Za-z]*|true|false)[.,;: ]`)

func TestDefaultsInCommentsAreTheDefaultsInTheCode(t *testing.T) {
	t.Parallel()
	for _, d := range generate(t) {
		m := statedDefault.FindStringSubmatch(d.Text + " ")
		if m == nil || d.Default == "" || strings.Contains(d.Key, nameWord) {
			continue
		}
		if plainDefault(m[1]) != plainDefault(d.Default) {
			t.Errorf("%s: the comment says the default is %s, the code says %s", d.Key, m[1], d.Default)
		}
	}
}

// plainDefault takes the quotes off, and makes one text of 24h and 1d.
func plainDefault(s string) string {
	s = strings.Trim(s, `"`)
	if d, err := unit.ParseDuration(s); err == nil {
		return d.String()
	}
	return s
}

func TestLookupFindsKeysTwinsVariablesAndTables(t *testing.T) {
	t.Parallel()
	f := func(name, want string) {
		t.Helper()
		if d, _, ok := Lookup(name); !ok || d.Key != want {
			t.Errorf("Lookup(%q) = %q, %v; want %q", name, d.Key, ok, want)
		}
	}
	f("database.host", "database.host")
	f("database.password_file", "database.password")
	f("HOLDFAST_DATABASE__HOST", "database.host")
	f("[storage.s3]", "storage.s3")
	f("files.buckets.avatars.public", "files.buckets.NAME.public")
	f("files.buckets.NAME", "files.buckets.NAME")
	f("files.buckets", "files.buckets.NAME")
	f("content.sources", "content.sources.NAME")
	f("[[database.endpoints]]", "database.endpoints")
	f("database.endpoints.listen", "database.endpoints.listen")
	f("database.endpoints[1].listen", "database.endpoints.listen")
	f("HOLDFAST_DATABASE__ENDPOINTS", "database.endpoints")
	if _, meant, ok := Lookup("database.hots"); ok || meant != "database.host" {
		t.Errorf("Lookup of a slip suggests %q, %v", meant, ok)
	}
}
