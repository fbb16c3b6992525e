package pgbouncer

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"holdfast/internal/fault"
)

// tree is a file system of a few files.
type tree map[string]string

func (f tree) read(path string) ([]byte, error) {
	text, ok := f[path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

const main = "/etc/pgbouncer/pgbouncer.ini"

// convert imports files; the first is given as text.
func convert(t *testing.T, ini string, more ...string) Result {
	t.Helper()
	r, err := importFiles(ini, more...)
	if err != nil {
		t.Fatalf("import: %v\n%s", err, ini)
	}
	var any map[string]any
	if err := toml.Unmarshal([]byte(r.TOML), &any); err != nil {
		t.Fatalf("the output is no TOML: %v\n%s", err, r.TOML)
	}
	return r
}

func importFiles(ini string, more ...string) (Result, error) {
	files := tree{main: ini}
	for i := 0; i+1 < len(more); i += 2 {
		files[more[i]] = more[i+1]
	}
	return importWith(files.read, main)
}

// entries reads one ini and writes each entry as a line.
func entries(t *testing.T, ini string, more ...string) string {
	t.Helper()
	files := tree{main: ini}
	for i := 0; i+1 < len(more); i += 2 {
		files[more[i]] = more[i+1]
	}
	r := reader{read: files.read, dir: "/etc/pgbouncer"}
	if err := r.file(main, 0); err != nil {
		return err.Error()
	}
	var lines []string
	for _, e := range r.entries {
		lines = append(lines, fmt.Sprintf("%s.%s=%s@%d", e.section, e.key, e.value, e.line))
	}
	return strings.Join(lines, "\n")
}

func TestAnIniIsReadAsPgBouncerReadsIt(t *testing.T) {
	t.Parallel()
	f := func(ini, want string) {
		t.Helper()
		if got := entries(t, ini); got != want {
			t.Errorf("%q:\n%s\nwant:\n%s", ini, got, want)
		}
	}
	f("", "")
	f("[pgbouncer]\n; a\n# b\n\n  pool_mode =  session  \r\nlisten_addr=*\n", "pgbouncer.pool_mode=session@5\npgbouncer.listen_addr=*@6")
	f("[pgbouncer]\nserver_check_query = select 1; # all of it", "pgbouncer.server_check_query=select 1; # all of it@2")
	f("[a] x = 1\n[b]y=", "a.x=1@1\nb.y=@2")
	f("[databases]\n* = host=x\nmy.db-1 = \n\"a \"\"b\" = port=1", "databases.*=host=x@2\ndatabases.my.db-1=@3\ndatabases.a \"b=port=1@4")
	f("\ufeff[a]\nx=1", "a.x=1@2")
	f("x = 1", main+":1: x stands before the first section")
	f("[a", main+":1: a section has no ]")
	f("[a]\nnonsense", main+`:2: neither a section nor key = value: "nonsense"`)
	f("[a]\n= 1", main+`:2: neither a section nor key = value: ""`)
	f("[a]\n\"x = 1", main+`:2: neither a section nor key = value: "\"x"`)
	f("[a]\n\xff = 1", main+":1: the file is not UTF-8")
}

func TestFilesAreIncluded(t *testing.T) {
	t.Parallel()
	got := entries(t, "[pgbouncer]\n%include more.ini\n%include /abs/dbs.ini\nz = 2", "/etc/pgbouncer/more.ini", "y = 1\n", "/abs/dbs.ini", "[databases]\na =")
	if want := "pgbouncer.y=1@1\ndatabases.a=@2\ndatabases.z=2@4"; got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if got := entries(t, "%include pgbouncer.ini"); !strings.HasSuffix(got, "files include each other more than 10 deep") {
		t.Errorf("a file that includes itself: %s", got)
	}
	if _, err := importFiles("%include none.ini"); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "/etc/pgbouncer/none.ini") {
		t.Errorf("a missing file: %v", err)
	}
}

func TestConnectionStringsAreCutIntoPairs(t *testing.T) {
	t.Parallel()
	f := func(text, want string) {
		t.Helper()
		got, err := pairs(text)
		text = fmt.Sprint(got)
		if err != nil {
			text = err.Error()
		}
		if text != want {
			t.Errorf("%s, want %s", text, want)
		}
	}
	f("", "[]")
	f("host=a  port = 1 ", "[{host a} {port 1}]")
	f("password='it''s = \"x\"' user=u", "[{password it's = \"x\"} {user u}]")
	f("password='' user=", "[{password } {user }]")
	f("password='secret", "the value of password has no closing quote")
	f("host", "no key=value at the beginning")
	f("=x", "no key=value at the beginning")
	f("password=a secret word=1", "no key=value behind password")
}

func TestUserlistsAreReadForTheKindsOfTheirSecrets(t *testing.T) {
	t.Parallel()
	got, err := userlist("u", "; c\n\n\"a\" \"\"\n\"b \"\"x\"\"\" \"md5a3556571e93b0d20722ba62be61e8c2d\" more\n\"c\"\t\"SCRAM-SHA-256$4096:x$y:z\"\n\"d\" \"hunter\"\"2\"")
	text := ""
	for _, u := range got {
		text += fmt.Sprintf("%s %d %d, ", u.name, u.kind, u.line)
	}
	if err != nil || text != `a 0 3, b "x" 2 4, c 3 5, d 1 6, ` {
		t.Errorf("%v, %v", text, err)
	}
	for _, broken := range []string{"a hunter2", `"a`, `"a" hunter2`, `"a" "hunter2`} {
		if _, err := userlist("u", broken); !errors.Is(err, &fault.Error{Code: "import_syntax"}) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", broken, err)
		}
	}
}

func FuzzIni(f *testing.F) {
	f.Add("[databases]\na = host=b,c user='d' password='e'\n[users]\na = pool_size=3\n[peers]\n1 = host=x\n[pgbouncer]\nauth_type = hba\nauth_hba_file = h\nauth_file = u\nauth_ident_file = i",
		"host all all 0.0.0.0/0 md5\nlocal \"all\" a,b peer map=x", "\"a\" \"b\"", "x y all")
	f.Add("[databases]\n* = host=/tmp\n[pgbouncer]\nauth_type = ldap\nauth_ldap_options = ldapurl=\"ldap://h/b?uid?sub\"", "", "", "")
	f.Fuzz(func(t *testing.T, ini, hba, users, ident string) {
		r, err := importFiles(ini, "/etc/pgbouncer/h", hba, "/etc/pgbouncer/u", users, "/etc/pgbouncer/i", ident)
		if err != nil {
			return
		}
		var any map[string]any
		if err := toml.Unmarshal([]byte(r.TOML), &any); err != nil {
			t.Errorf("the output is no TOML: %v\n%s", err, r.TOML)
		}
	})
}
