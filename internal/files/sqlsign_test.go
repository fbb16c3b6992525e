package files_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/link"
	"holdfast/internal/objects"
	"holdfast/internal/pgtest"
	"holdfast/internal/postgres/postgrestest"
	"holdfast/internal/secret"
)

const (
	sqlBlob   = "000102030405060708090a0b0c0d0e0f"
	sqlSecret = "oobarbazquuxoobarbazquuxoobarbazquuxoobarbazquuxoobar"
)

// signerDB has the real tables and functions, one bucket "photos" with one object "in/cat.jpg", and two roles: app may
// sign, stranger is an ordinary role.
func signerDB(t testing.TB) *pgtest.DB {
	t.Helper()
	db := pgtest.Template(t, "links", func(ctx context.Context, url string) error {
		if err := postgrestest.Migrate(ctx, url, "objects", objects.Migrations); err != nil {
			return err
		}
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		for _, s := range []string{
			`SET search_path = holdfast`,
			`INSERT INTO buckets (name) VALUES ('photos'), ('keyless')`,
			`INSERT INTO objects (gen, size, created, blob, bucket, null_id, key, etag)
			 SELECT 1, 3, now(), '` + sqlBlob + `', id, true, 'in/cat.jpg', 'e' FROM buckets`,
			`INSERT INTO link_keys (id, bucket, secret) SELECT 'k1photos', id, '` + sqlSecret + `' FROM buckets WHERE name = 'photos'`,
		} {
			if _, err := conn.Exec(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
	// Roles belong to the server, which other tests share: their names are the database's.
	db.Exec(t, `CREATE ROLE `+role(db, "app")+` LOGIN`, `CREATE ROLE `+role(db, "stranger")+` LOGIN`)
	t.Cleanup(func() {
		db.Exec(t, `DROP OWNED BY `+role(db, "app")+`, `+role(db, "stranger"), `DROP ROLE `+role(db, "app")+`, `+role(db, "stranger"))
	})
	configure(t, db.Conn(t), role(db, "app"))
	return db
}

func role(db *pgtest.DB, name string) string { return db.Name + "_" + name }

func configure(t testing.TB, conn *pgx.Conn, signers ...string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), `SELECT holdfast.configure_links('https://files.example.com', 3600, 900, 604800, true, $1)`, signers)
	if err != nil {
		t.Fatal(err)
	}
}

// as is a connection that acts as the role.
func as(t testing.TB, db *pgtest.DB, name string) *pgx.Conn {
	t.Helper()
	conn := db.Conn(t)
	if _, err := conn.Exec(t.Context(), `SET SESSION AUTHORIZATION `+role(db, name)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestSQLMakesThePublishedVectors(t *testing.T) {
	t.Parallel()
	conn := signerDB(t).Conn(t)
	b, err := os.ReadFile("../../testdata/vectors/link.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Valid []struct {
			Name, Purpose string
			Key           struct {
				ID, Bucket, Secret string
				Epoch              int64
			}
			Now, TTL, Window int64
			Blob, Type       string
			Attachment       bool
			Shared           bool
			Session          string
			Download         string `json:"download_name"`
			Path             string
		}
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, v := range all.Valid {
		if v.Purpose != "get" {
			continue
		}
		tried++
		var got string
		err := conn.QueryRow(t.Context(), `SET search_path = holdfast`).Scan()
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			t.Fatal(err)
		}
		err = conn.QueryRow(t.Context(),
			`SELECT link_path($1, $2, $3, $4, $5, link_expiry(to_timestamp($6), $7, $8), $9, $10, $11, $12, $13)`,
			v.Key.ID, v.Key.Bucket, v.Key.Epoch, v.Key.Secret, v.Blob, v.Now, v.TTL, v.Window,
			v.Attachment, v.Type, v.Shared, v.Session, v.Download).Scan(&got)
		if err != nil || got != v.Path {
			t.Errorf("%s:\n got %s\nwant %s (%v)", v.Name, got, v.Path, err)
		}
	}
	if tried < 5 {
		t.Errorf("only %d vectors tried", tried)
	}
}

func TestSQLCleansNamesAsGoDoes(t *testing.T) {
	t.Parallel()
	conn := signerDB(t).Conn(t)
	for _, name := range []string{
		"a/b/cat.jpg", `C:\x\cat.jpg`, "", "..", "dir/", "a\r\nb", "photo\u202egpj.exe", "Prüfung 100%.pdf", "日本語.xls",
		strings.Repeat("ü", 200), strings.Repeat("x", 300), "a\u0085b\u009f", "x\u2066y",
	} {
		var cleaned, escaped string
		err := conn.QueryRow(t.Context(), `SELECT holdfast.link_name($1), holdfast.link_escape($1)`, name).Scan(&cleaned, &escaped)
		if err != nil || cleaned != link.CleanName(name) {
			t.Errorf("%q: got %q, want %q (%v)", name, cleaned, link.CleanName(name), err)
		}
	}
}

// S0-36, S3-26: a link made by a query, with no request in hand, is one that every process honours.
func TestSignURLMakesLinksThatVerify(t *testing.T) {
	t.Parallel()
	db := signerDB(t)
	conn := as(t, db, "app")
	key, err := link.NewKey("k1photos", "photos", 1, secret.New(sqlSecret))
	if err != nil {
		t.Fatal(err)
	}
	f := func(call string, check func(link.GetLink) bool, session string) {
		t.Helper()
		var url string
		if err := conn.QueryRow(t.Context(), `SELECT `+call).Scan(&url); err != nil {
			t.Errorf("%s: %v", call, err)
			return
		}
		path, ok := strings.CutPrefix(url, "https://files.example.com")
		l, err := link.ParseGet(path)
		if !ok || err != nil || l.Blob != sqlBlob || !check(l) {
			t.Errorf("%s: %s: %+v, %v", call, url, l, err)
			return
		}
		if err := key.VerifyGet(l, session, time.Now()); err != nil {
			t.Errorf("%s: %v", call, err)
		}
		if left := time.Until(time.Unix(l.Expires, 0)); l.Expires%900 != 0 || left < 0 {
			t.Errorf("%s: expires in %v, at %d", call, left, l.Expires)
		}
	}
	f(`holdfast.sign_url('photos', 'in/cat.jpg')`, func(l link.GetLink) bool { return l.Name == "cat.jpg" && !l.Attachment }, "")
	f(`holdfast.sign_url('photos', 'in/cat.jpg', '2 days', 'attachment', 'über uns.jpg', 'image/webp', true)`,
		func(l link.GetLink) bool {
			return l.Name == "über uns.jpg" && l.Attachment && l.MediaType == "image/webp" && l.Shared &&
				time.Until(time.Unix(l.Expires, 0)) > 47*time.Hour
		}, "")
	f(`holdfast.sign_url('photos', 'in/cat.jpg', session => 'abc')`, func(l link.GetLink) bool { return l.Bound }, "abc")
}

func TestSignURLSaysNullForWhatIsNotThereAndRefusesNonsense(t *testing.T) {
	t.Parallel()
	conn := as(t, signerDB(t), "app")
	for _, call := range []string{`sign_url('photos', 'none')`, `sign_url('none', 'in/cat.jpg')`, `sign_url(NULL, NULL)`} {
		var url *string
		if err := conn.QueryRow(t.Context(), `SELECT holdfast.`+call).Scan(&url); err != nil || url != nil {
			t.Errorf("%s: %v, %v", call, url, err)
		}
	}
	for _, call := range []string{
		`sign_url('photos', 'in/cat.jpg', '8 days')`, `sign_url('photos', 'in/cat.jpg', '-1 second')`,
		`sign_url('photos', 'in/cat.jpg', disposition => 'x')`, `sign_url('photos', 'in/cat.jpg', media_type => 'text/html; x')`,
		`sign_url('photos', 'in/cat.jpg', shared => true, session => 'x')`, `sign_url('keyless', 'in/cat.jpg')`,
	} {
		var url *string
		err := conn.QueryRow(t.Context(), `SELECT holdfast.`+call).Scan(&url)
		if pg := (*pgconn.PgError)(nil); !errors.As(err, &pg) {
			t.Errorf("%s: %v, %v", call, url, err)
		}
	}
}

func TestSignURLUsesTheNewestLiveKeyAndTheBucketsEpoch(t *testing.T) {
	t.Parallel()
	db := signerDB(t)
	conn := as(t, db, "app")
	sign := func() (l link.GetLink) {
		t.Helper()
		var url string
		if err := conn.QueryRow(t.Context(), `SELECT holdfast.sign_url('photos', 'in/cat.jpg')`).Scan(&url); err != nil {
			t.Fatal(err)
		}
		l, err := link.ParseGet(strings.TrimPrefix(url, "https://files.example.com"))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	insert := `INSERT INTO holdfast.link_keys (id, bucket, secret, sign_from) SELECT `
	db.Exec(t, insert+`'k2', id, '`+sqlSecret+`', now() - interval '1 second' FROM holdfast.buckets WHERE name = 'photos'`,
		insert+`'k3', id, '`+sqlSecret+`', now() + interval '1 day' FROM holdfast.buckets WHERE name = 'photos'`)
	db.Exec(t, `UPDATE holdfast.link_keys SET sign_from = now() - interval '1 day' WHERE id = 'k1photos'`)
	if l := sign(); l.KeyID != "k2" {
		t.Errorf("signed with %s", l.KeyID)
	}
	db.Exec(t, `UPDATE holdfast.link_keys SET revoked = now() WHERE id = 'k2'`, `UPDATE holdfast.buckets SET epoch = 7`)
	l := sign()
	key, err := link.NewKey("k1photos", "photos", 7, secret.New(sqlSecret))
	if err != nil {
		t.Fatal(err)
	}
	if err := key.VerifyGet(l, "", time.Now()); err != nil {
		t.Errorf("key %s after a revocation and a raised epoch: %v", l.KeyID, err)
	}
}

// Threat "token key theft": who may sign is written in the configuration, and signing does not show the key.
func TestAnOrdinaryRoleCanNeitherReadKeysNorSign(t *testing.T) {
	t.Parallel()
	db := signerDB(t)
	db.Exec(t, `GRANT USAGE ON SCHEMA holdfast TO `+role(db, "stranger"))
	denied := func(who, statement string) {
		t.Helper()
		_, err := as(t, db, who).Exec(t.Context(), statement)
		if pg := (*pgconn.PgError)(nil); !errors.As(err, &pg) || pg.Code != "42501" {
			t.Errorf("%s: %s: %v", who, statement, err)
		}
	}
	for _, who := range []string{"app", "stranger"} {
		denied(who, `SELECT * FROM holdfast.link_keys`)
		denied(who, `SELECT * FROM holdfast.link_settings`)
		denied(who, `SELECT holdfast.link_path('k', 'b', 1, 's', 'b', 1, false, '', false, '', 'n')`)
		denied(who, `SELECT holdfast.configure_links('', 1, 1, 1, false, '{}')`)
	}
	denied("stranger", `SELECT holdfast.sign_url('photos', 'in/cat.jpg')`)
}

func TestConfigureLinksWithdrawsTheRightFromRolesThatAreNoLongerNamed(t *testing.T) {
	t.Parallel()
	db := signerDB(t)
	admin := db.Conn(t)
	configure(t, admin, role(db, "stranger"))
	if _, err := as(t, db, "stranger").Exec(t.Context(), `SELECT holdfast.sign_url('photos', 'in/cat.jpg')`); err != nil {
		t.Error(err)
	}
	if _, err := as(t, db, "app").Exec(t.Context(), `SELECT holdfast.sign_url('photos', 'in/cat.jpg')`); err == nil {
		t.Error("the former signer still signs")
	}
	_, err := admin.Exec(t.Context(), `SELECT holdfast.configure_links('', 1, 1, 1, false, '{nobody_has_this_name}')`)
	if pg := (*pgconn.PgError)(nil); !errors.As(err, &pg) || !strings.Contains(pg.Hint, "sql_signers") {
		t.Errorf("a role that does not exist: %v", err)
	}
}

// A SECURITY DEFINER function must find our tables, whatever the caller puts in the way.
func TestACallersTablesDoNotStandInFrontOfOurs(t *testing.T) {
	t.Parallel()
	db := signerDB(t)
	conn := as(t, db, "app")
	sign := func() (url string) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), `SELECT holdfast.sign_url('photos', 'in/cat.jpg')`).Scan(&url); err != nil {
			t.Fatal(err)
		}
		return url
	}
	before := sign()
	for _, s := range []string{
		`CREATE TEMP TABLE link_keys (id text, bucket int, secret text, created timestamptz, sign_from timestamptz, verify_until timestamptz, revoked timestamptz)`,
		`CREATE FUNCTION pg_temp.link_hmac(bytea, bytea) RETURNS bytea LANGUAGE sql AS 'SELECT $1'`,
		`SET search_path = pg_temp, holdfast`,
	} {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if after := sign(); after != before {
		t.Errorf("a temporary table changed the link: %s, then %s", before, after)
	}
}

// How long a query waits for its links: two HMACs for the key, one for the link, and the lookups.
func BenchmarkSignURL(b *testing.B) {
	db := signerDB(b)
	conn := as(b, db, "app")
	for b.Loop() {
		var n int
		err := conn.QueryRow(b.Context(),
			`SELECT count(holdfast.sign_url('photos', 'in/cat.jpg', name => i || '.jpg')) FROM generate_series(1, 1000) i`).Scan(&n)
		if err != nil || n != 1000 {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/link")
}
