package postgres

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

func TestTheDefaultsAreValidAndMeanAPrivateServer(t *testing.T) {
	t.Parallel()
	c := DefaultConfig()
	if p := c.Validate(); len(p) > 0 {
		t.Fatal(p)
	}
	c = c.complete()
	if c.Mode != PrivateCluster || c.Name != "app" || c.Username != "app" || c.Schema != "holdfast" || c.Options.Pool.MaxSize != 20 {
		t.Errorf("%+v", c)
	}
	c = Config{Host: "db.local", Username: "journal"}.complete()
	if c.Mode != Attached || c.Name != "journal" || c.SSLMode != "prefer" || c.Port != 5432 {
		t.Errorf("%+v", c)
	}
}

func TestEveryMistakeIsFoundUnderItsKey(t *testing.T) { // S1-81, S2-28
	t.Parallel()
	attached := func(c *Config) { c.Host, c.Username = "db.local", "journal" }
	for name, test := range map[string]struct {
		change func(*Config)
		keys   []string
	}{
		"unknown mode":                {func(c *Config) { c.Mode = "managed" }, []string{"mode"}},
		"attached to nothing":         {func(c *Config) { c.Mode, c.Username = Attached, "app" }, []string{"host"}},
		"attached without a role":     {func(c *Config) { c.Host = "db.local" }, []string{"username"}},
		"host in private mode":        {func(c *Config) { c.Mode, c.Host = PrivateCluster, "db.local" }, []string{"host"}},
		"URL as host":                 {func(c *Config) { attached(c); c.Host = "postgresql://db.local/app" }, []string{"host"}},
		"two hosts":                   {func(c *Config) { attached(c); c.Host = "a,b" }, []string{"host"}},
		"private table when attached": {func(c *Config) { attached(c); c.Private.Listen = "127.0.0.1:5433" }, []string{"private"}},
		"unknown sslmode":             {func(c *Config) { attached(c); c.SSLMode = "on" }, []string{"sslmode"}},
		"TLS on a socket":             {func(c *Config) { attached(c); c.Host, c.SSLMode = "/run/postgresql", "require" }, []string{"sslmode"}},
		"authority without TLS":       {func(c *Config) { attached(c); c.SSLMode, c.SSLRootCert = "disable", "/ca.pem" }, []string{"sslrootcert"}},
		"TLS from a private server":   {func(c *Config) { c.SSLMode = "verify-full" }, []string{"sslmode"}},
		"superuser as application":    {func(c *Config) { c.Username = "postgres" }, []string{"username"}},
		"PostgreSQL's own database":   {func(c *Config) { c.Name = "template1" }, []string{"name"}},
		"public listener":             {func(c *Config) { c.Private.Listen = "0.0.0.0:5432" }, []string{"private.listen"}},
		"listener in the network":     {func(c *Config) { c.Private.Listen = "192.168.1.5:5432" }, []string{"private.listen"}},
		"no listener":                 {func(c *Config) { c.Private.Listen = "5432" }, []string{"private.listen"}},
		"no memory":                   {func(c *Config) { c.Private.SharedBuffers = 1 }, []string{"private.shared_buffers"}},
		"port":                        {func(c *Config) { c.Port = 70000 }, []string{"port"}},
		"schema of PostgreSQL":        {func(c *Config) { c.Schema = "pg_holdfast" }, []string{"schema"}},
		"everybody's schema":          {func(c *Config) { c.Schema = "public" }, []string{"schema"}},
		"schema with a quote":         {func(c *Config) { c.Schema = `a"b` }, []string{"schema"}},
		"long name":                   {func(c *Config) { c.Name = strings.Repeat("n", 64) }, []string{"name"}},
		"placeholder":                 {func(c *Config) { c.Password = secret.New("changeme") }, []string{"password"}},
		"sample's placeholder":        {func(c *Config) { c.Password = secret.New("XXXXXXXX") }, []string{"password"}},
		"no timeout":                  {func(c *Config) { c.ConnectTimeout = 0 }, []string{"connect_timeout"}},
		"endless timeout":             {func(c *Config) { c.ConnectTimeout = unit.Duration(1 << 60) }, []string{"connect_timeout"}},
		"one connection":              {func(c *Config) { c.MaxConnections = 1 }, []string{"max_connections"}},
		"pool upside down":            {func(c *Config) { c.Options.Pool.MinSize, c.Options.Pool.MaxSize = 50, 10 }, []string{"options.pool.max_size"}},
		"negative pool":               {func(c *Config) { c.Options.Pool.MinSize = -1 }, []string{"options.pool.min_size"}},
		"endless wait":                {func(c *Config) { c.Options.Pool.Timeout = 0 }, []string{"options.pool.timeout"}},
		"several at once":             {func(c *Config) { c.Port, c.Schema, c.Password = 0, "", secret.New("secret") }, []string{"password", "port", "schema"}},
		"attached and fine":           {attached, nil},
		"socket and fine":             {func(c *Config) { attached(c); c.Host = "/var/run/postgresql" }, nil},
		"the source document's pool":  {func(c *Config) { attached(c); c.Options.Pool.MinSize, c.Options.Pool.MaxSize = 50, 150 }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := DefaultConfig()
			test.change(&c)
			var keys []string
			for _, p := range c.Validate() {
				keys = append(keys, p.Key)
				if p.Message == "" || p.Hint == "" {
					t.Errorf("%s: message %q, hint %q", p.Key, p.Message, p.Hint)
				}
			}
			if slices.Sort(keys); !slices.Equal(keys, test.keys) {
				t.Errorf("got %q, want %q", keys, test.keys)
			}
		})
	}
}

// Row S1-80: the application's own variable.
func TestTheApplicationsURLIsReadByLibpq(t *testing.T) {
	t.Parallel()
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Fatal("psql is needed for this test: apt-get install postgresql-client")
	}
	place := madePlace(t)
	c := privateSettings()
	c.Password = secret.New(`p@ss:w/rd?&=%'"\ #+ü`)
	c.Name, c.Username = "the app", "the owner"
	s := NewPrivateServer(c, place, logger(t), nil)
	start(t, s)
	app, err := s.Config()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), psql, "--no-psqlrc", "-Atc", "SELECT current_database(), current_user", app.AppURL()).CombinedOutput()
	if err != nil || string(out) != "the app|the owner\n" {
		t.Errorf("%s, %v", out, err)
	}
}

func TestTheApplicationsURLNamesHostAndTLS(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		config Config
		want   string
	}{
		{
			Config{Host: "db.local", Name: "journal", Username: "web", Password: secret.New("a b/c")},
			"postgresql://web:a%20b%2Fc@db.local:5432/journal?sslmode=prefer",
		},
		{
			Config{Host: "2001:db8::1", Port: 5433, Name: "j", Username: "w", SSLMode: "verify-full", SSLRootCert: "/etc/ca.pem"},
			"postgresql://w@[2001:db8::1]:5433/j?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem",
		},
		{
			Config{Mode: PrivateCluster, Host: "/var/lib/holdfast/postgres/run", Password: secret.New("s")},
			"postgresql://app:s@/app?host=%2Fvar%2Flib%2Fholdfast%2Fpostgres%2Frun",
		},
		{
			Config{Mode: PrivateCluster, Host: "/run/x", Password: secret.New("s"), Private: Private{Listen: "127.0.0.1:5433"}},
			"postgresql://app:s@127.0.0.1:5433/app",
		},
	} {
		got := test.config.AppURL()
		if got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
		if _, err := url.Parse(got); err != nil {
			t.Error(err)
		}
	}
}

func TestDataOnANetworkDiskIsRefused(t *testing.T) { // C-06
	t.Parallel()
	for kind, refused := range map[int64]bool{0x6969: true, 0xff534d42: true, 0xfe534d42: true, 0x01021997: true, 0xef53: false, 0x01021994: false} {
		err := refuseNetwork("/srv", func(string) (int64, error) { return kind, nil })
		if refused {
			wantFault(t, err, "private_network_disk")
		} else if err != nil {
			t.Errorf("%#x: %v", kind, err)
		}
	}
	if err := refuseNetwork(t.TempDir(), statfs); err != nil {
		t.Error(err)
	}
	if err := refuseNetwork("/nowhere", statfs); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestAPlaceThatTheServerCannotUseIsNamed(t *testing.T) {
	t.Parallel()
	closed := t.TempDir()
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	other := account{name: "somebody", uid: 12345, gid: 12345, other: true}
	err := Place{Dir: filepath.Join(closed, "postgres"), Secrets: closed}.prepare(other, 5432)
	wantFault(t, err, "private_path")
	if !strings.Contains(fault.HintOf(err), "chmod o+x") {
		t.Errorf("hint: %s", fault.HintOf(err))
	}
	err = Place{Dir: filepath.Join(t.TempDir(), strings.Repeat("long", 30))}.prepare(account{}, 5432)
	wantFault(t, err, "private_path")
	err = Place{Dir: filepath.Join(t.TempDir(), "a,b")}.prepare(account{}, 5432)
	wantFault(t, err, "private_path")
}

func TestAMissingPostgreSQLIsToldWithTheLineThatInstallsIt(t *testing.T) {
	t.Parallel()
	_, err := chooseRelease(t.Context(), t.TempDir(), filepath.Join(t.TempDir(), "data"))
	wantFault(t, err, "private_no_postgres")
	if !strings.Contains(fault.HintOf(err), "apt-get install postgresql") {
		t.Errorf("hint: %s", fault.HintOf(err))
	}
}

// fakeRelease makes a directory with programs that say they are of a version.
func fakeRelease(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %s'\n", version)
	for _, name := range []string{"postgres", "initdb"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAnUnsupportedInstallationIsNotUsedForANewServer(t *testing.T) { // S0-03
	t.Parallel()
	for version, ok := range map[string]bool{"12.4": false, "13.0": true, "18.1": true, "19devel": false} {
		_, err := chooseRelease(t.Context(), fakeRelease(t, version), filepath.Join(t.TempDir(), "data"))
		if ok != (err == nil) {
			t.Errorf("%s: %v", version, err)
		}
	}
}

func TestTheServersLogBecomesOurs(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := &serverLog{log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
		Level: slog.LevelInfo,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))}
	l.read(io.MultiReader(strings.NewReader(strings.Join([]string{
		"7|00000|||LOG:  checkpoint starting: time",
		"7|23505|web|app|ERROR:  duplicate key value violates unique constraint",
		"7|23505|web|app|DETAIL:  Key (n)=(7) already exists.",
		"8|28P01|web|app|FATAL:  password authentication failed for user \"web\"",
		"1|00000|||LOG:  server process (PID 7) was terminated by signal 9: Killed",
		"9|XX000|||PANIC:  could not write to file",
		"\tsecond line of a message",
		"1|00000|||LOG:  " + strings.Repeat("x", 3*maxLogLine),
		"1|01000|||WARNING:  after a long line",
	}, "\n"))))
	want := []string{
		`level=INFO msg="postgres: duplicate key value violates unique constraint" pid=7 sqlstate=23505 user=web database=app`,
		`level=WARN msg="postgres: password authentication failed for user \"web\"" pid=8 sqlstate=28P01 user=web database=app`,
		`level=WARN msg="postgres: server process (PID 7) was terminated by signal 9: Killed" pid=1`,
		`level=ERROR msg="postgres: could not write to file" pid=9 sqlstate=XX000`,
		`level=WARN msg="postgres: after a long line" pid=1 sqlstate=01000`,
	}
	if got := strings.Split(strings.TrimSpace(out.String()), "\n"); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := l.lastComplaint(); got != ": PANIC: could not write to file" {
		t.Errorf("complaint %q", got)
	}
}

func TestTheExplainedErrorsAllSayWhatToDo(t *testing.T) {
	t.Parallel()
	codes := map[string]string{}
	for state, m := range sqlstates {
		if m.code == "" || m.hint == "" || len(state) != 5 {
			t.Errorf("%s: %+v", state, m)
		}
		if other, ok := codes[m.code]; ok {
			t.Errorf("%s and %s have the same code", state, other)
		}
		codes[m.code] = state
	}
}
