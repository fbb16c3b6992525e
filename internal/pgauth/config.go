package pgauth

import (
	"time"

	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// Config is the log-in part of the table [database].
type Config struct {
	// Rules say who may log in; the first one that matches decides, and whoever matches none is refused. Default: users
	// of this machine (addresses local and loopback) by method scram.
	Rules []Rule `toml:"rules"`
	// Auth says where passwords are checked.
	Auth Auth `toml:"auth"`
}

// Rule is a table [[database.rules]].
type Rule struct {
	// Databases that the rule is for; a trailing * stands for any ending. Default: all. Physical replication matches only
	// where "replication" is named, as in pg_hba.conf.
	Databases []string `toml:"databases"`
	// Users that the rule is for; a trailing * stands for any ending. Default: all.
	Users []string `toml:"users"`
	// Addresses of clients: "192.0.2.0/24", "192.0.2.7", "local" (a Unix socket), "loopback". Default: all.
	Addresses []string `toml:"addresses"`
	// TLS lets the rule match only clients inside TLS. Default false: both.
	TLS bool `toml:"tls"`
	// NoTLS lets the rule match only clients outside TLS, as hostnossl in pg_hba.conf. Default false: both.
	NoTLS bool `toml:"no_tls"`
	// Method of the proof: "scram", "scram-plus" (bound to the TLS channel), "ldap" (only inside TLS or by Unix socket),
	// "cert" (client certificate), "peer" (account at the other end of a Unix socket), "trust" (no proof; only for local
	// and loopback), or "reject". Default "scram". md5 is not offered.
	Method string `toml:"method"`
	// Identities are the accounts (peer) or common names of certificates (cert) that may log in as any of the users.
	// Default: only the one with the user's own name.
	Identities []string `toml:"identities"`
	// Class of the people who log in by this rule. Groups of the directory can give them another. Default: none.
	Class string `toml:"class"`
	// Person that is written to the audit stream: "proven" (whom the method proved) or "claimed" (what the client says by
	// the start-up setting holdfast.person, for accounts that several people share). Default "proven".
	Person string `toml:"person"`
	// ServerUser is the role that the server session belongs to; "$user" is the client's user name. Default: the client's
	// own role, with the client's own SCRAM keys; methods without such keys need this setting.
	ServerUser string `toml:"server_user"`
}

// Auth is the table [database.auth].
type Auth struct {
	// File lists users and their SCRAM verifiers, one a line, as PgBouncer's userlist.txt does: "user" "SCRAM-SHA-256$…".
	// It is read again when it changes, a second later: one that is just being written is left alone. Default: none.
	File string `toml:"file"`
	// Query asks the database for a user's verifier: "holdfast" for the function holdfast.login_verifier (holdfast pool
	// auth-query prints the SQL that makes it), or a statement with the user name as $1, whose columns are verifier, can_login
	// and valid_until, or two as in PgBouncer's auth_query. Default: none.
	Query string `toml:"query"`
	// QueryTTL is how long an answer is used, known user or not, and how soon changes end sessions. Default 10s.
	QueryTTL unit.Duration `toml:"query_ttl"`
	// MaxFailures is how often a user may fail from one address before waiting is imposed. Default 5; 0 imposes none.
	MaxFailures int `toml:"max_failures"`
	// FailureWait is the longest wait after a failure; the first is 1s, and each further failure doubles it. Default 1m.
	FailureWait unit.Duration `toml:"failure_wait"`
	// ServerUsers are the passwords of the roles that rules name as server_user.
	ServerUsers map[string]ServerUser `toml:"server_users"`
	// LDAP is the directory for the method ldap.
	LDAP LDAP `toml:"ldap"`
}

// ServerUser is a table [database.auth.server_users.NAME].
type ServerUser struct {
	// Password of the role; also password_file. Default: none, the server must let Holdfast in without.
	Password secret.String `toml:"password"`
}

// LDAP is the table [database.auth.ldap]. Either bind_pattern says what a user's name in the directory is, or
// search_base and search_filter say how to find it.
type LDAP struct {
	// URLs of the servers, tried in order: "ldaps://dc1.example.org", "ldap://…" with start_tls, "ldapi:///path".
	URLs []string `toml:"urls"`
	// StartTLS begins TLS on ldap:// connections. Without it they are refused, but to this machine.
	StartTLS bool `toml:"start_tls"`
	// CAFile is a PEM file with the authorities that may sign the servers' certificates. Default: the system's.
	CAFile string `toml:"ca_file"`
	// BindPattern is the name to bind with, as "uid=$username,ou=people,dc=example,dc=org" or "$username@example.org".
	BindPattern string `toml:"bind_pattern"`
	// SearchBase is the entry below which users are searched.
	SearchBase string `toml:"search_base"`
	// SearchFilter finds a user's entry. Default "(uid=$username)".
	SearchFilter string `toml:"search_filter"`
	// SearchDN is the name to search with. Default: none, the directory must allow anybody to search.
	SearchDN string `toml:"search_dn"`
	// SearchPassword of that name; also search_password_file.
	SearchPassword secret.String `toml:"search_password"`
	// NameAttribute of the user's entry is the person's name in the audit stream. Default "uid".
	NameAttribute string `toml:"name_attribute"`
	// GroupAttribute of the user's entry lists the groups. Default "memberOf".
	GroupAttribute string `toml:"group_attribute"`
	// GroupBase is the entry below which groups are searched, for directories without such an attribute. Default: none.
	GroupBase string `toml:"group_base"`
	// GroupFilter finds a user's groups; $dn is the user's entry. Default "(member=$dn)".
	GroupFilter string `toml:"group_filter"`
	// Groups map groups to classes; the first that the user is in decides.
	Groups []Group `toml:"groups"`
	// RequireGroup refuses users who are in none of the groups. Default false.
	RequireGroup bool `toml:"require_group"`
	// Timeout of one log-in at one server, from connecting to the last answer. Default 5s.
	Timeout unit.Duration `toml:"timeout"`
	// MaxConnections to the directory at the same time. Default 4.
	MaxConnections int `toml:"max_connections"`
	// Recheck is how often people who are logged in are looked up again, where they are found by a search (search_base): sessions of who is
	// not found any more, or is in another group, end. Default 5m; 0 never looks.
	Recheck unit.Duration `toml:"recheck"`
}

// Group is a table [[database.auth.ldap.groups]].
type Group struct {
	// Group is the name of a group's entry, as "cn=curators,ou=groups,dc=example,dc=org", or its first part alone, "curators".
	Group string `toml:"group"`
	// Class of its members. Default: the rule's.
	Class string `toml:"class"`
	// ServerUser that its members' server sessions belong to. Default: the rule's.
	ServerUser string `toml:"server_user"`
}

// DefaultConfig returns the settings of empty tables.
func DefaultConfig() Config {
	return Config{Auth: Auth{
		QueryTTL:    unit.Duration(10 * time.Second),
		MaxFailures: 5,
		FailureWait: unit.Duration(time.Minute),
		LDAP: LDAP{
			SearchFilter:   "(uid=$username)",
			NameAttribute:  "uid",
			GroupAttribute: "memberOf",
			GroupFilter:    "(member=$dn)",
			Timeout:        unit.Duration(5 * time.Second),
			MaxConnections: 4,
			Recheck:        unit.Duration(5 * time.Minute),
		},
	}}
}

// defaultRules are those of a configuration without any.
func defaultRules() []Rule {
	return []Rule{{Addresses: []string{local, loopback}, Method: string(SCRAM)}}
}
