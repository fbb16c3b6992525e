package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/certtest"
	"holdfast/internal/fault"
)

// site is a configuration directory of a test.
type site struct {
	dir string
	env []string
}

// newSite writes the files, readable by their owner only. Its state lies beside them.
func newSite(t *testing.T, files map[string]string) *site {
	t.Helper()
	s := &site{dir: t.TempDir()}
	for name, text := range files {
		path := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// oneFile is a site of one file, with what every site needs.
func oneFile(t *testing.T, text string) *site {
	t.Helper()
	return newSite(t, map[string]string{"holdfast.toml": text, "master": goodKey + "\n"})
}

const (
	goodKey = "k3h2s5u7w6b4n2m1q9r8t7y6p5o4i3u2"
	key     = "\n[files]\nmaster_key_file = \"master\"\n"
)

func (s *site) load(names ...string) (*Config, error) {
	path := filepath.Join(s.dir, "holdfast.toml")
	if len(names) > 0 {
		path = filepath.Join(s.dir, names[0])
	}
	local := func(string) string { return "" }
	return loader{network: local}.load(path, s.env)
}

func (s *site) mustLoad(t *testing.T, names ...string) *Config {
	t.Helper()
	c, err := s.load(names...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// mistakes loads and returns the mistakes with file names relative to the site, one to a line.
func (s *site) mistakes(t *testing.T) string {
	t.Helper()
	_, err := s.load()
	var p fault.Problems
	if err != nil && !errors.As(err, &p) {
		t.Fatalf("not a list of mistakes: %v", err)
	}
	return strings.ReplaceAll(p.Error(), s.dir+"/", "")
}

func expect(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func expectIn(t *testing.T, got string, wants ...string) {
	t.Helper()
	for _, w := range wants {
		if !strings.Contains(got, w) {
			t.Errorf("%q is not in\n%s", w, got)
		}
	}
}

// S0-02
func TestAMisspelledKeyIsNamedWithLineAndSuggestion(t *testing.T) {
	t.Parallel()
	f := func(text, want string) {
		t.Helper()
		expect(t, oneFile(t, text+key).mistakes(t), want)
	}
	f("[database]\nhots = \"db\"\n", `holdfast.toml:2: database.hots: no such key → did you mean database.host?`)
	f("[databse]\nhost = \"db\"\n", `holdfast.toml:1: databse: no such table → did you mean database?`)
	f("[media]\n\nendpoint_url = \"x\"\n", `holdfast.toml:3: media.endpoint_url: no such key → did you mean storage.s3.endpoint_url?`)
	f("[database]\ntimeout = 5\n", `holdfast.toml:2: database.timeout: no such key → did you mean database.options.pool.timeout?`)
	f("bucket_name = \"x\"\n", `holdfast.toml:1: bucket_name: no such key → did you mean storage.s3.bucket_name?`)
	f("[storage.s3]\naccess_key = \"x\"\n", `holdfast.toml:2: storage.s3.access_key: no such key → did you mean storage.s3.access_key_id?`)
	f("[database]\npasword_file = \"x\"\n", `holdfast.toml:2: database.pasword_file: no such key → did you mean database.password_file?`)
	f("[files.buckets.avatars]\npubic = true\n", `holdfast.toml:2: files.buckets.avatars.pubic: no such key → did you mean files.buckets.avatars.public?`)
	f("[database.options.pol]\nmin_size = 5\n", `holdfast.toml:1: database.options.pol: no such table → did you mean database.options.pool?`)
	f("[zebra]\nx = 1\n", `holdfast.toml:1: zebra: no such table → holdfast help config lists all keys`)
	f("database = { hots = \"db\" }\n", `holdfast.toml:1: database.hots: no such key → did you mean database.host?`)
}

// S0-02, E-05
func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	got := oneFile(t, `
[database]
port = "5432"
hots = "db"

[log]
level = 3

[media]
reserve = "lots"

[edge]
hosts = "journal.example.org"

[s3]
sigv2 = "yes"
static = 5
`+key).mistakes(t)
	expect(t, got, strings.TrimSpace(`
holdfast.toml:3: database.port: the text "5432" stands where a whole number belongs → write port = 5432, without quotes
holdfast.toml:4: database.hots: no such key → did you mean database.host?
holdfast.toml:7: log.level: the number 3 stands where text in quotes belongs → write level = "3", in quotes
holdfast.toml:10: media.reserve: size "lots": unit "lots" is not one of B, KB, MB, GB, TB, KiB, MiB, GiB, TiB
holdfast.toml:13: edge.hosts: the text "journal.example.org" stands where a list of texts belongs → write hosts = ["journal.example.org"]
holdfast.toml:16: s3.sigv2: the text "yes" stands where true or false belongs → write sigv2 = true
holdfast.toml:17: s3.static: no such key → did you mean static?
`))
}

func TestTextThatIsNotTOMLIsReportedWithoutQuotingIt(t *testing.T) {
	t.Parallel()
	got := oneFile(t, "[database]\npassword = hunter2secret\n").mistakes(t)
	expectIn(t, got, "holdfast.toml:2: syntax: not TOML at column ")
	if strings.Contains(got, "hunter2secret") {
		t.Errorf("the line is quoted: %s", got)
	}
}

func TestValuesOfSecretsAreNeverPartOfAMistake(t *testing.T) {
	t.Parallel()
	s := oneFile(t, "[admin]\ntoken = 123454321\n[storage.s3]\nenabled = true\nsecret_key = [\"abcdefgh\"]\n"+key)
	s.env = []string{"DATABASE_URL=postgresql://u:abcd%zzefgh@h/d"}
	got := s.mistakes(t)
	for _, leak := range []string{"123454321", "abcd", "efgh"} {
		if strings.Contains(got, leak) {
			t.Errorf("%q is shown: %s", leak, got)
		}
	}
	expectIn(t, got, "admin.token: a secret is text in quotes", "secret_key: a secret is text in quotes", "DATABASE_URL: not a URL")
}

// E-04, S0-41
func TestADirectoryIsMergedInNameOrder(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"10-base.toml":  "[database]\nhost = \"one\"\nusername = \"u\"\nport = 1\n[edge]\nhosts = [\"a.org\", \"b.org\"]\n" + key,
		"20-site.toml":  "[database]\nhost = \"two\"\n[edge]\nhosts = [\"c.org\"]\n",
		"README":        "not TOML at all",
		".hidden.toml":  "neither = this",
		"30-slip.toml":  "[log]\nlevel = \"warn\"\n",
		"master":        goodKey,
		"sub/more.toml": "nor = this",
	})
	c := s.mustLoad(t, ".")
	if c.Database.Host != "two" || c.Database.Port != 1 || len(c.Edge.Hosts) != 1 || c.Log.Level != "warn" {
		t.Errorf("merged to %+v, %v, %s", c.Database, c.Edge.Hosts, c.Log.Level)
	}
	expect(t, strings.TrimPrefix(c.Origin("database.host").String(), s.dir+"/"), "20-site.toml:2")
	expect(t, strings.TrimPrefix(c.Origin("database.port").String(), s.dir+"/"), "10-base.toml:4")
}

func TestAMistakeInADirectoryNamesTheFileItStandsIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"a.toml": key, "b.toml": "[log]\nlevle = \"info\"\n", "c.toml": "x = = 1\n", "master": goodKey})
	_, err := s.load(".")
	got := strings.ReplaceAll(err.Error(), s.dir+"/", "")
	expectIn(t, got, "b.toml:2: log.levle: no such key", "c.toml:1: syntax: not TOML")
}

// S0-41, E-04
func TestTheEnvironmentOverridesFiles(t *testing.T) {
	t.Parallel()
	s := oneFile(t, "[database]\nhost = \"one\"\nport = 1\nusername = \"u\"\n"+key)
	s.env = []string{
		"HOLDFAST_DATABASE__HOST=two", "HOLDFAST_DATABASE__PORT=5433", "HOLDFAST_EDGE__HOSTS=a.org, b.org",
		"HOLDFAST_S3__HOSTS=[\"x.org\"]", "HOLDFAST_S3__SIGV2=true", "HOLDFAST_FILES__LINK_TTL=900",
		"HOLDFAST_FILES__BUCKETS__AVATARS__PUBLIC=true", "HOLDFAST_MEDIA__RESERVE=1GB",
		"HOLDFAST_DATABASE__SSLMODE=", "HOLDFAST_TEST_S3=x", "HOLDFAST_CONFIG=elsewhere", "HOLDFAST_SOAK=1", "OTHER=1",
	}
	c := s.mustLoad(t)
	if c.Database.Host != "two" || c.Database.Port != 5433 || !c.S3.SigV2 || c.Files.LinkTTL.D().Minutes() != 15 ||
		!c.Files.Buckets["avatars"].Public || c.Media.Reserve != 1e9 {
		t.Errorf("got %+v %+v %+v", c.Database, c.S3, c.Files)
	}
	expect(t, strings.Join(c.Edge.Hosts, "|")+"|"+strings.Join(c.S3.Hosts, "|"), "a.org|b.org|x.org")
	expect(t, c.Origin("database.host").String(), "HOLDFAST_DATABASE__HOST")
}

func TestAListOfTablesComesFromTheEnvironment(t *testing.T) {
	t.Parallel()
	s := oneFile(t, "[[database.endpoints]]\nlisten = \"127.0.0.1:6432\"\n"+key)
	s.env = []string{`HOLDFAST_DATABASE__ENDPOINTS=[{listen = "127.0.0.1:0", max_size = 3}, {listen = "/run/x/.s.PGSQL.1", mode = "transaction"}]`}
	got := s.mustLoad(t).Database.Pooling.Endpoints
	if len(got) != 2 || got[0].Listen != "127.0.0.1:0" || got[0].MaxSize != 3 || got[1].Mode != "transaction" {
		t.Errorf("got %+v", got)
	}
	for _, text := range []string{"127.0.0.1:0", "[1]", "[{listen"} {
		s.env = []string{"HOLDFAST_DATABASE__ENDPOINTS=" + text}
		expectIn(t, s.mistakes(t), "HOLDFAST_DATABASE__ENDPOINTS: database.endpoints: a list of tables belongs here → write it as in TOML: [{listen = …}]")
	}
	s.env = []string{`HOLDFAST_DATABASE__ENDPOINTS=[{lisen = "127.0.0.1:0"}]`}
	expectIn(t, s.mistakes(t), "HOLDFAST_DATABASE__ENDPOINTS: no such setting")
}

func TestFilesOfThePoolerAreFoundBesideTheConfiguration(t *testing.T) {
	t.Parallel()
	s := oneFile(t, "[database.auth]\nfile = \"users\"\n[database.routes.old]\nsslrootcert = \"ca.pem\"\n"+key)
	if err := os.WriteFile(filepath.Join(s.dir, "users"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := s.mustLoad(t).Database.Pooling
	expect(t, c.Auth.File, filepath.Join(s.dir, "users"))
	expect(t, c.Routes["old"].SSLRootCert, filepath.Join(s.dir, "ca.pem"))
	s = newSite(t, map[string]string{
		"holdfast.toml": "[[database.endpoints]]\nlisten = \"127.0.0.1:0\"\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n" + key,
		"master":        goodKey, "cert.pem": "found, and no certificate", "key.pem": "",
	})
	expectIn(t, s.mistakes(t), "holdfast.toml:3: database.endpoints[0].tls_cert: ", "PEM data")
}

func TestAVariableThatIsNoSettingIsAMistake(t *testing.T) {
	t.Parallel()
	s := oneFile(t, key)
	s.env = []string{
		"HOLDFAST_DATABASE_HOST=x", "HOLDFAST_DATBASE__HOST=x", "HOLDFAST_ZEBRA=1", "HOLDFAST_EDGE=1", "HOLDFAST_DATABASE__PORT=many",
		"HOLDFAST_LOG__LEVEL__DEEP=1",
	}
	got := s.mistakes(t)
	expectIn(
		t, got,
		"HOLDFAST_DATABASE_HOST: no such setting → did you mean HOLDFAST_DATABASE__HOST?",
		"HOLDFAST_DATBASE__HOST: no such setting → did you mean HOLDFAST_DATABASE__HOST?",
		"HOLDFAST_ZEBRA: no such setting → holdfast help config lists all settings",
		`HOLDFAST_EDGE: edge: the text "1" stands where a table belongs`,
		`HOLDFAST_DATABASE__PORT: database.port: the text "many" stands where a whole number belongs`,
		"log.level: a table stands where text in quotes belongs",
	)
}

// S0-02: a switch that is no boolean hides nothing of what it switches.
func TestMistakesBehindABrokenSwitchAreReported(t *testing.T) {
	t.Parallel()
	got := oneFile(t, "[storage.s3]\nenabled = \"yes\"\nendpoint_url = \"minio\"\nbucket_name = \"media\"\n"+key).mistakes(t)
	expectIn(t, got, "holdfast.toml:2: storage.s3.enabled: ", "holdfast.toml:3: storage.s3.endpoint_url: ")
}

// S0-45, S0-46
func TestASecretComesInlineByFileOrFromTheEnvironment(t *testing.T) {
	t.Parallel()
	const head = "[storage.s3]\nenabled = true\nendpoint_url = \"https://s3.school.org/\"\nbucket_name = \"media\"\n"
	f := func(text string, env ...string) {
		t.Helper()
		s := newSite(t, map[string]string{
			"holdfast.toml": head + text + key, "master": goodKey, "secrets/id": "AKIAQ7W3R9T2\n", "secrets/key": "s3cr3t-of-the-store\r\n",
		})
		s.env = env
		c := s.mustLoad(t)
		if !c.Storage.S3.SecretKey.Equal("s3cr3t-of-the-store") || !c.Storage.S3.AccessKeyID.Equal("AKIAQ7W3R9T2") {
			t.Errorf("%s %v: got another secret", text, env)
		}
	}
	f("access_key_id = \"AKIAQ7W3R9T2\"\nsecret_key = \"s3cr3t-of-the-store\"\n")
	f("access_key_id_file = \"secrets/id\"\nsecret_key_file = \"secrets/key\"\n")
	f("", "HOLDFAST_STORAGE__S3__ACCESS_KEY_ID=AKIAQ7W3R9T2", "HOLDFAST_STORAGE__S3__SECRET_KEY=s3cr3t-of-the-store")
	f("", "HOLDFAST_STORAGE__S3__ACCESS_KEY_ID_FILE=secrets/id", "HOLDFAST_STORAGE__S3__SECRET_KEY_FILE=secrets/key")
	f("access_key_id = \"AKIAQ7W3R9T2\"\nsecret_key_file = \"nowhere\"\n", "HOLDFAST_STORAGE__S3__SECRET_KEY=s3cr3t-of-the-store")
	f("access_key_id = \"AKIAQ7W3R9T2\"\nsecret_key = \"another-one-to-win-over\"\n", "HOLDFAST_STORAGE__S3__SECRET_KEY_FILE=secrets/key")
}

func TestSecretFilesThatCannotBeUsedAreMistakes(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"holdfast.toml": "[database]\nhost = \"h\"\nusername = \"u\"\npassword = \"jd83jd83jd\"\npassword_file = \"p\"\n" +
			"[admin]\ntoken_file = \"empty\"\n[files]\nmaster_key_file = \"none\"\n",
		"p": "x", "empty": "\n",
	})
	got := s.mistakes(t)
	expectIn(
		t, got,
		"holdfast.toml:5: database.password_file: is set besides database.password → keep one of the two",
		"holdfast.toml:7: admin.token_file: read empty: empty →",
		"holdfast.toml:9: files.master_key_file: read none: no such file or directory →",
	)
}

// S0-42
func TestASwitchedOffStoreIsIgnoredAsAWhole(t *testing.T) {
	t.Parallel()
	s := oneFile(t, `
[storage.s3]
enabled = false
endpoint_url = "minio.example.com"
bucket_name = "aleksis-test"
access_key_id = "XXXXXXXXXXXXXX"
secret_key_file = "nowhere"
`+key)
	c := s.mustLoad(t)
	if s3 := c.Storage.S3; s3.EndpointURL != "" || s3.BucketName != "" || !s3.AccessKeyID.IsZero() {
		t.Errorf("half used: %+v", s3)
	}
}

func TestADatabaseURLIsUnderstoodWhenNoHostIsSet(t *testing.T) {
	t.Parallel()
	const url = "DATABASE_URL=postgresql+psycopg2://journal:p%40ss-w9rd@db.local:5433/journal_db?sslmode=require&x=y"
	s := oneFile(t, "[database]\nname = \"mine\"\n"+key)
	s.env = []string{url}
	c := s.mustLoad(t)
	db := c.Database
	if db.Host != "db.local" || db.Port != 5433 || db.Name != "mine" || db.Username != "journal" ||
		!db.Password.Equal("p@ss-w9rd") || db.SSLMode != "require" || db.Mode != "attached" {
		t.Errorf("got %+v", db)
	}
	expect(t, c.Origin("database.host").String(), "DATABASE_URL")

	dir := t.TempDir()
	leaf, err := certtest.SelfSigned(certtest.Leaf{Name: "holdfast"})
	if err == nil {
		err = leaf.Write(dir+"/c.crt", dir+"/c.key")
	}
	if err != nil {
		t.Fatal(err)
	}
	s = oneFile(t, key)
	s.env = []string{"DATABASE_URL=postgresql://w@db.local/j?sslmode=require&sslcert=" + dir + "/c.crt&sslkey=" + dir +
		"/c.key&sslnegotiation=direct&channel_binding=require"}
	db = s.mustLoad(t).Database
	if db.SSLCert != dir+"/c.crt" || db.SSLKey != dir+"/c.key" || db.SSLNegotiation != "direct" || db.ChannelBinding != "require" {
		t.Errorf("got %+v", db)
	}

	s = oneFile(t, "[database]\nhost = \"h\"\nusername = \"u\"\n"+key)
	s.env = []string{url}
	if c := s.mustLoad(t); c.Database.Host != "h" || c.Database.Name == "journal_db" {
		t.Errorf("the URL won over the file: %+v", c.Database)
	}

	s = oneFile(t, key)
	s.env = []string{"DATABASE_URL=mysql://u:p@h/d"}
	expectIn(t, s.mistakes(t), `DATABASE_URL: the scheme "mysql" is not PostgreSQL`)
}

func TestRelativePathsStartAtTheConfiguration(t *testing.T) {
	t.Parallel()
	s := oneFile(t, "[paths]\nstate = \"data\"\n[static]\nroot = \"../assets\"\n"+key)
	c := s.mustLoad(t)
	expect(t, c.Paths.State, filepath.Join(s.dir, "data"))
	expect(t, c.Paths.Cache, filepath.Join(s.dir, "data", "cache"))
	expect(t, c.Media.Root, filepath.Join(s.dir, "data", "media"))
	expect(t, c.Static.Root, filepath.Join(filepath.Dir(s.dir), "assets"))
	expect(t, c.Socket(), filepath.Join(s.dir, "data", "holdfast.sock"))
}

func TestWithoutFilesEverythingComesFromTheEnvironment(t *testing.T) {
	t.Parallel()
	c, err := Load(None, []string{"HOLDFAST_FILES__MASTER_KEY=" + goodKey, "HOLDFAST_PATHS__STATE=" + t.TempDir()})
	if err != nil || !c.Files.MasterKey.Equal(goodKey) {
		t.Fatalf("got %+v, %v", c, err)
	}
}

func TestAMissingConfigurationSaysHowToMakeOne(t *testing.T) {
	t.Parallel()
	_, err := newSite(t, nil).load()
	if fault.CodeOf(err) != "config_missing" || !strings.Contains(fault.HintOf(err), "holdfast init") {
		t.Errorf("got %v, hint %q", err, fault.HintOf(err))
	}
}
