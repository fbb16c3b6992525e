package postgres

import (
	"testing"

	"holdfast/internal/pgtest"
	"holdfast/internal/secret"
)

// newServer is a server that asks for passwords on TCP, as it should, and on the socket for the account, as Debian's does.
// The test is the account postgres only where it says so.
func newServer(t *testing.T) (*pgtest.PG, Config) {
	t.Helper()
	s := pgtest.Cluster(t, pgtest.TCP(), pgtest.Setting("log_statement", "all"),
		pgtest.HBA("local all all peer", "host all all 127.0.0.1/32 scram-sha-256"))
	c := DefaultConfig()
	c.Host, c.Port, c.Username = s.Host, s.Port, s.User
	return s, c
}

// create runs CreateApplication and says whether it came to the first change.
func create(t *testing.T, admin Config, a Application) (made Created, kept bool, err error) {
	t.Helper()
	a.Password = secret.New(sesame)
	made, err = CreateApplication(t.Context(), admin, a, func() error { kept = true; return nil })
	return made, kept, err
}

// S0-04. As on Debian, where an administrator comes by the socket and nobody else can.
func TestAnApplicationIsMadeAndReachedOverTCPWhereTheSocketKnowsAccountsOnly(t *testing.T) {
	t.Parallel()
	_, admin := newServer(t)
	made, kept, err := create(t, admin, Application{Name: "journal", Username: "editor"})
	if err != nil || !kept || made.Role != Made || made.Database != Made || made.Config.Host != "127.0.0.1" {
		t.Fatalf("%+v, kept %v, %v", made, kept, err)
	}
	again, _, err := create(t, admin, Application{Name: "journal", Username: "editor", Known: true})
	if err != nil || again.Role != Kept || again.Database != Kept || again.Open {
		t.Fatalf("again: %+v, %v", again, err)
	}
	db := connect(t, again.Config)
	if _, err := db.Exec(t.Context(), "CREATE SCHEMA holdfast"); err != nil {
		t.Errorf("make a schema: %v", err)
	}
}

// S0-04. The administrators of hosted servers are no superusers.
func TestAnAdministratorNeedsNoMoreThanCreateRoleAndCreateDB(t *testing.T) {
	t.Parallel()
	s, admin := newServer(t)
	s.Exec(t, "CREATE ROLE hosted LOGIN CREATEROLE CREATEDB PASSWORD 'of-the-admin'", "CREATE ROLE guest LOGIN PASSWORD 'of-the-admin'")
	admin.Host, admin.Password = "127.0.0.1", secret.New("of-the-admin")

	admin.Username = "guest"
	_, _, err := create(t, admin, Application{Name: "journal", Username: "editor"})
	wantFault(t, err, "database_privilege")

	admin.Username = "hosted"
	made, _, err := create(t, admin, Application{Name: "journal", Username: "editor"})
	if err != nil || made.Database != Made {
		t.Fatalf("%+v, %v", made, err)
	}
	var members int
	err = connect(t, superuserOf(s)).QueryRow(t.Context(),
		"SELECT count(*) FROM pg_auth_members WHERE member = 'hosted'::regrole AND grantor = 'hosted'::regrole").Scan(&members)
	if err != nil || members != 0 {
		t.Errorf("the administrator stays a member: %d, %v", members, err)
	}
	guest := made.Config
	guest.Username, guest.Password = "guest", admin.Password
	_, err = Connect(t.Context(), guest)
	wantFault(t, err, "database_privilege")
}

func superuserOf(s *pgtest.PG) Config {
	c := DefaultConfig()
	c.Host, c.Port, c.Name, c.Username = s.Host, s.Port, "postgres", s.User
	return c
}

func TestWhatBelongsToOthersIsRefusedBeforeAnythingIsChanged(t *testing.T) { // S0-04
	t.Parallel()
	s, admin := newServer(t)
	s.Exec(t, "CREATE ROLE taken LOGIN PASSWORD 'another'", "CREATE ROLE nologin", "CREATE DATABASE theirs",
		"CREATE DATABASE ascii OWNER taken TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc")
	f := func(code string, a Application) {
		t.Helper()
		_, kept, err := create(t, admin, a)
		wantFault(t, err, code)
		if kept {
			t.Errorf("%+v: came to the first change", a)
		}
	}
	f("role_exists", Application{Name: "journal", Username: "taken"})
	f("role_exists", Application{Name: "journal", Username: "taken", Known: true})
	f("role_exists", Application{Name: "journal", Username: "nologin", Known: true})
	f("role_admin", Application{Name: "journal", Username: "postgres", Reset: true})
	f("database_exists", Application{Name: "theirs", Username: "fresh"})
	f("database_exists", Application{Name: "theirs", Username: "taken", Reset: true})
	f("database_encoding", Application{Name: "ascii", Username: "taken", Reset: true})
	var there bool
	err := connect(t, superuserOf(s)).QueryRow(t.Context(),
		"SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'fresh') OR EXISTS (SELECT FROM pg_database WHERE datname = 'journal')").Scan(&there)
	if err != nil || there {
		t.Errorf("something was made: %v, %v", there, err)
	}

	s.Exec(t, "GRANT CONNECT, CREATE ON DATABASE theirs TO taken")
	made, _, err := create(t, admin, Application{Name: "theirs", Username: "taken", Reset: true})
	if err != nil || made.Role != Reset || made.Database != Kept || !made.Open {
		t.Errorf("with a grant: %+v, %v", made, err)
	}
}

func TestADatabaseIsInUTF8WhateverTheServersTemplateIs(t *testing.T) { // S0-04
	t.Parallel()
	s, admin := newServer(t)
	s.Exec(t, "ALTER DATABASE template1 IS_TEMPLATE false", "DROP DATABASE template1",
		"CREATE DATABASE template1 TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc")
	made, _, err := create(t, admin, Application{Name: "journal", Username: "editor"})
	if err != nil {
		t.Fatal(err)
	}
	var encoding string
	if err := connect(t, made.Config).QueryRow(t.Context(), "SHOW server_encoding").Scan(&encoding); err != nil || encoding != "UTF8" {
		t.Errorf("%s, %v", encoding, err)
	}
}

func TestAServerThatLetsTheNewRoleInFromNowhereIsTold(t *testing.T) { // S0-04
	t.Parallel()
	s, admin := newServer(t)
	s.SetHBA(t, "local all all peer")
	app := Application{Name: "journal", Username: "editor"}
	_, kept, err := create(t, admin, app)
	wantFault(t, err, "database_not_allowed")
	app.Known = kept
	_, _, err = create(t, admin, app)
	wantFault(t, err, "database_not_allowed")
	s.SetHBA(t, "host all all 127.0.0.1/32 scram-sha-256")
	if made, _, err := create(t, admin, app); err != nil || made.Role != Kept || made.Database != Kept {
		t.Errorf("when it is let in: %+v, %v", made, err)
	}
}

func TestAPasswordThatCannotBeHashedHereIsRefused(t *testing.T) {
	t.Parallel()
	_, err := scramVerifier(secret.New(sesame + "ß"))
	wantFault(t, err, "password_characters")
}
