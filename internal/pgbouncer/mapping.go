package pgbouncer

// This file is all that is known about the names of settings, PgBouncer's and ours. When one of ours changes, change it
// here.

// Names of tables and keys that the import writes by itself.
const (
	tableDatabase    = "database"
	tableUsers       = "users"        // [database.users.NAME]
	tableRoutes      = "routes"       // [database.routes.NAME]
	tableEndpoints   = "endpoints"    // [[database.endpoints]]
	tableRules       = "rules"        // [[database.rules]]
	tableAuth        = "auth"         // [database.auth]
	tableLDAP        = "ldap"         // [database.auth.ldap]
	tableServerUsers = "server_users" // [database.auth.server_users.NAME]
	tableLimits      = "limits"       // [database.limits.CLASS]
	tableOptions     = "options"
	tablePool        = "pool" // [database.options.pool]
	tablePeers       = "peers"

	keyHost, keyPort, keyName, keyUsername, keyReplicas = "host", "port", "name", "username", "replicas"
	keyPassword, keyPasswordFile                        = "password", "password_file"
	keyListen, keyTLS, keySocketMode                    = "listen", "tls", "socket_mode"
	keyHosts, keyRouteDatabase                          = "hosts", "database"
	keyDatabases, keyUsers, keyAddresses, keyMethod     = "databases", "users", "addresses", "method"
	keyIdentities, keyClass, keyServerUser              = "identities", "class", "server_user"
	keyAuthFile, keyAuthQuery                           = "file", "query"
	keyURLs, keyStartTLS, keyBindPattern                = "urls", "start_tls", "bind_pattern"
	keySearchBase, keySearchFilter, keySearchDN         = "search_base", "search_filter", "search_dn"
	keySearchPasswordFile                               = "search_password_file"
	keyPeerID, keyPeerAddress                           = "id", "address"
	keyKeepAlive, keyNoTLS                              = "keepalive", "no_tls"
)

// setting says what becomes of one of PgBouncer's settings.
type setting struct {
	name   string     // PgBouncer's
	table  target     // where ours stands
	key    string     // ours; empty: it is not carried over
	as     conversion // of the value; nil: the import treats it together with others
	theirs string     // PgBouncer's default, written out where Holdfast has another
	ours   string     // that other one, for the comment
	zero   string     // why 0 is not carried over, where it means something that Holdfast does not have
	same   []string   // values with which nothing is lost
	reason string     // why it is not carried over
	note   string     // what is different though it is carried over
	fine   bool       // times are whole milliseconds, and not seconds
}

// target is a place for settings.
type target uint8

const (
	nowhere       target = iota
	inDatabase           // [database]
	inPool               // [database.options.pool]
	inEndpoints          // each of [[database.endpoints]]
	inAuth               // [database.auth]
	inLimits             // [database.limits.CLASS]: of everybody, or of a user
	inUsers              // [database.users.NAME]
	inRoute              // [database.routes.NAME]
	inRules              // [[database.rules]]
	inPeers              // [[database.peers]]
	inServerUsers        // [database.auth.server_users.NAME]
)

// Reasons that many settings share.
const (
	ownLog      = "Holdfast has its own log; see the table [log] and systemd's journal"
	ownProcess  = "the process is run by systemd or a container, which know its user and its id"
	ownBuffers  = "Holdfast sizes its buffers itself"
	ownResolver = "a name is resolved again for each new connection, by the system's rules"
	everyWait   = "every wait has a limit; without this setting it is 5s"
	ownTLS      = "Holdfast offers TLS 1.2 and 1.3 with safe ciphers and curves, and no others"
	ownProbes   = "three probes may stay unanswered"
	ownInterval = "it is keepalive, which tcp_keepidle is: the silence before the first probe and the time between probes are one"
	noSilence   = "0 is the system's time there; without this setting it is 15s"
	ownCleanup  = "what is unused is forgotten by itself"
	byDatabase  = "set it where it belongs: ALTER DATABASE or ALTER ROLE … SET"
	onlyOwnRole = "here connections are open before anybody comes, and for the role of [database] alone (username); those of others stay open for max_idle"
	perEndpoint = "a mode belongs to an endpoint: add one with this mode, and point the application at it"
	allMode     = "a pool that lends for a statement is one that lends for a transaction here; transactions are not refused"
)

// globalSettings are those of the section pgbouncer, in the order of its manual.
func globalSettings() []setting {
	return join(genericSettings(), authSettings(), checkSettings(), tlsSettings(), timeoutSettings(), networkSettings(), logSettings())
}

func genericSettings() []setting {
	return []setting{
		{name: "listen_addr", table: inEndpoints, key: keyListen},
		{name: "listen_port", table: inEndpoints, key: keyListen},
		{name: "unix_socket_dir", table: inEndpoints, key: keyListen},
		{name: "unix_socket_mode", table: inEndpoints, key: keySocketMode, as: asOctal},
		{name: "unix_socket_group", reason: "the group of a socket is that of its directory (chmod g+s)"},
		{name: "pool_mode", table: inEndpoints, key: "mode", as: asMode},
		{name: "max_client_conn", table: inDatabase, key: "max_clients", as: asNumber, theirs: "100", ours: "10000"},
		{name: "default_pool_size", table: inPool, key: "max_size", as: asNumber, theirs: "20", ours: "min_size", zero: "a pool has a largest size"},
		{name: "min_pool_size", table: inPool, key: "min_size", as: asNumber, theirs: "0", ours: "4", note: onlyOwnRole},
		{name: "reserve_pool_size", same: []string{"0"}, reason: "there is no second size: make max_size larger by this number, or use reserved in a table [database.limits.CLASS]"},
		{name: "reserve_pool_timeout", reason: "there is no reserve"},
		{name: "max_db_connections", same: []string{"0"}, reason: "the limit belongs to a database: max_connections in [database.routes.NAME]"},
		{name: "max_db_client_connections", same: []string{"0"}, reason: "clients are limited together, by max_clients"},
		{name: "max_user_connections", table: inDatabase, key: "max_user_connections", as: asNumber, same: []string{"0"}},
		{name: "max_user_client_connections", same: []string{"0"}, reason: "clients are limited together, by max_clients"},
		{name: "server_round_robin", same: []string{"0"}, reason: "the server connection that was used last is used first; reads are balanced over replicas by the endpoint"},
		{name: "track_extra_parameters", reason: "every setting that the server reports is kept for its client"},
		{name: "ignore_startup_parameters", reason: "parameters of a log-in are passed on to the server and need not be ignored"},
		{name: "peer_id", table: inPeers, key: keyPeerID},
		{name: "disable_pqexec", same: []string{"0"}, reason: "the simple protocol cannot be turned off"},
		{name: "application_name_add_host", same: []string{"0"}, reason: "who came from where stands in the audit stream"},
		{name: "stats_period", reason: "averages are of the last minute"},
		{name: "max_prepared_statements", table: inDatabase, key: "prepared_statements", as: asNumber, zero: "prepared statements always work"},
		{name: "scram_iterations", reason: "verifiers keep the iterations that they were made with"},
		{name: "conffile", reason: ownProcess},
		{name: "service_name", reason: ownProcess},
		{name: "job_name", reason: ownProcess},
		{name: "user", reason: ownProcess},
		{name: "pidfile", reason: ownProcess},
	}
}

func authSettings() []setting {
	return []setting{
		{name: "auth_type", table: inRules, key: keyMethod},
		{name: "auth_file", table: inAuth, key: keyAuthFile},
		{name: "auth_hba_file", table: inDatabase, key: tableRules},
		{name: "auth_ident_file", table: inRules, key: keyIdentities},
		{name: "auth_user", table: inDatabase, key: keyUsername},
		{name: "auth_query", table: inAuth, key: keyAuthQuery},
		{name: "auth_dbname", reason: "Holdfast asks in the database of the table [database]"},
		{name: "auth_ldap_options", table: inAuth, key: tableLDAP},
		{name: "admin_users", table: inDatabase, key: "admins", as: asList},
		{name: "stats_users", table: inDatabase, key: "stats_users", as: asList},
	}
}

func checkSettings() []setting {
	return []setting{
		{name: "server_reset_query", same: []string{"DISCARD ALL", "discard all"}, reason: "what a session left behind is always discarded, whole"},
		{name: "server_reset_query_always", same: []string{"0"}, reason: "in transaction mode nothing is left behind: a client with session state keeps its server"},
		{name: "server_check_delay", same: []string{"30", "30.0"}, reason: "a connection that lay idle for 30s is checked before it is lent"},
		{name: "server_check_query", same: []string{"<empty>", "select 1", "SELECT 1", "select 1;", "SELECT 1;", ";"}, reason: "connections are checked by an empty query"},
		{name: "server_fast_close", same: []string{"0"}, reason: "a session keeps its server until it ends, or until KILL"},
		{name: "server_lifetime", table: inPool, key: "max_lifetime", as: asSeconds, zero: "0 means no limit here, and one use there: a connection for one use is not offered"},
		{name: "server_idle_timeout", table: inPool, key: "max_idle", as: asSeconds},
		{name: "server_connect_timeout", table: inDatabase, key: "connect_timeout", as: asSeconds, theirs: "15", ours: "5s", zero: everyWait},
		{name: "server_login_retry", reason: "a server that is down is tried again after 100 ms, and then after twice as long each time, up to 5 s"},
		{name: "client_login_timeout", table: inDatabase, key: "login_timeout", as: asSeconds, theirs: "60", ours: "30s", zero: everyWait},
		{name: "autodb_idle_timeout", reason: ownCleanup},
		{name: "pool_idle_timeout", same: []string{"0"}, reason: ownCleanup},
		{name: "dns_max_ttl", reason: ownResolver},
		{name: "dns_nxdomain_ttl", reason: ownResolver},
		{name: "dns_zone_check_period", same: []string{"0"}, reason: ownResolver},
		{name: "resolv_conf", reason: ownResolver},
		{name: "query_wait_notify", reason: "a client that waits is told when its time is over, not before"},
		{name: "login_notify_message", reason: "clients are not greeted"},
	}
}

func tlsSettings() []setting {
	return []setting{
		{name: "client_tls_sslmode", table: inEndpoints, key: keyTLS, as: asClientTLS},
		{name: "client_tls_key_file", table: inEndpoints, key: "tls_key", as: asText},
		{name: "client_tls_cert_file", table: inEndpoints, key: "tls_cert", as: asText},
		{name: "client_tls_ca_file", table: inEndpoints, key: "tls_client_ca", as: asText},
		{name: "client_tls_protocols", same: []string{"secure", "tlsv1.2,tlsv1.3"}, reason: ownTLS},
		{name: "client_tls_ciphers", same: []string{"default", "secure", "fast", "normal"}, reason: ownTLS},
		{name: "client_tls13_ciphers", same: []string{"<empty>"}, reason: ownTLS},
		{name: "client_tls_ecdhcurve", same: []string{"auto"}, reason: ownTLS},
		{name: "client_tls_dheparams", same: []string{"auto"}, reason: ownTLS},
		{name: "server_tls_sslmode", table: inDatabase, key: "sslmode", as: asSSLMode},
		{name: "server_tls_ca_file", table: inDatabase, key: "sslrootcert", as: asText},
		{name: "server_tls_key_file", table: inDatabase, key: "sslkey", as: asText},
		{name: "server_tls_cert_file", table: inDatabase, key: "sslcert", as: asText},
		{name: "server_tls_protocols", same: []string{"secure", "tlsv1.2,tlsv1.3"}, reason: ownTLS},
		{name: "server_tls_ciphers", same: []string{"default", "secure", "fast", "normal"}, reason: ownTLS},
		{name: "server_tls13_ciphers", same: []string{"<empty>"}, reason: ownTLS},
	}
}

func timeoutSettings() []setting {
	return []setting{
		{name: "query_timeout", table: inLimits, key: "statement_timeout", as: asSeconds, same: []string{"0", "0.0"}},
		{name: "query_wait_timeout", table: inPool, key: "timeout", as: asSeconds, theirs: "120", ours: "5s", zero: everyWait},
		{name: "cancel_wait_timeout", reason: "a cancel request has a limit of its own"},
		{name: "client_idle_timeout", same: []string{"0", "0.0"}, reason: "an idle client costs a few kilobytes and is left alone"},
		{name: "idle_transaction_timeout", table: inLimits, key: "idle_in_transaction_timeout", as: asSeconds, same: []string{"0", "0.0"}},
		{name: "transaction_timeout", same: []string{"0", "0.0"}, reason: "PostgreSQL 17 has it: ALTER ROLE … SET transaction_timeout"},
		{name: "suspend_timeout", reason: "nothing is suspended for an upgrade"},
	}
}

func networkSettings() []setting {
	return []setting{
		{name: "pkt_buf", reason: ownBuffers},
		{name: "max_packet_size", same: []string{"2147483647"}, reason: "a message may be as long as PostgreSQL lets it be"},
		{name: "listen_backlog", reason: "the system's limit is used (net.core.somaxconn)"},
		{name: "sbuf_loopcnt", reason: ownBuffers},
		{name: "so_reuseport", same: []string{"0"}, reason: "one process uses all processors"},
		{name: "tcp_defer_accept", reason: "not needed: a client that says nothing costs next to nothing"},
		{name: "tcp_socket_buffer", same: []string{"0"}, reason: ownBuffers},
		{name: "tcp_keepalive", same: []string{"1"}, reason: "probes are always sent: of servers they cannot be turned off"},
		{name: "tcp_keepcnt", same: []string{"0", "3"}, reason: ownProbes},
		{name: "tcp_keepidle", table: inDatabase, key: keyKeepAlive, as: asSeconds, same: []string{"0"}, zero: noSilence, note: "it is also the time between probes (tcp_keepintvl), of which three may stay unanswered (tcp_keepcnt)"},
		{name: "tcp_keepintvl", same: []string{"0"}, reason: ownInterval},
		{name: "tcp_user_timeout", table: inDatabase, key: "user_timeout", as: asMilliseconds, fine: true},
	}
}

func logSettings() []setting {
	var out []setting
	for _, name := range []string{
		"logfile", "syslog", "syslog_ident", "syslog_facility", "log_connections", "log_disconnections", "log_pooler_errors", "log_stats", "verbose",
	} {
		out = append(out, setting{name: name, reason: ownLog})
	}
	return out
}

// databaseSettings are those of a connection string in the section databases.
func databaseSettings() []setting {
	return []setting{
		{name: "dbname", table: inRoute, key: keyRouteDatabase},
		{name: "host", table: inRoute, key: keyHosts},
		{name: "port", table: inRoute, key: keyHosts},
		{name: "user", table: inRules, key: keyServerUser},
		{name: "password", table: inServerUsers, key: keyPasswordFile},
		{name: "auth_user", reason: "Holdfast asks for verifiers as the username of the table [database]"},
		{name: "auth_query", reason: "there is one query for all databases: query in [database.auth]"},
		{name: "auth_dbname", reason: "Holdfast asks in the database of the table [database]"},
		{name: "pool_size", table: inRoute, key: "max_size", as: asNumber, zero: "a pool has a largest size"},
		{name: "min_pool_size", table: inRoute, key: "min_size", as: asNumber, same: []string{"0"}, note: onlyOwnRole},
		{name: "reserve_pool", same: []string{"0"}, reason: "there is no second size: make max_size larger by this number"},
		{name: "reserve_pool_size", same: []string{"0"}, reason: "there is no second size: make max_size larger by this number"},
		{name: "max_db_connections", table: inRoute, key: "max_connections", as: asNumber, same: []string{"0"}},
		{name: "max_db_client_connections", same: []string{"0"}, reason: "clients are limited together, by max_clients"},
		{name: "pool_mode", reason: perEndpoint},
		{name: "connect_query", reason: byDatabase},
		{name: "query_wait_timeout", reason: "the wait belongs to an endpoint (timeout) or to a class (timeout in [database.limits.CLASS])"},
		{name: "load_balance_hosts", reason: "of several hosts the primary is used, and the replicas by endpoints with target = \"replica\""},
		{name: "target_session_attrs", same: []string{"any", "primary", "read-write"}, reason: "add an endpoint with target = \"replica\", and point the application's reads at it"},
		{name: "server_lifetime", reason: "max_lifetime is the same for all databases"},
		{name: "client_encoding", reason: byDatabase},
		{name: "datestyle", reason: byDatabase},
		{name: "timezone", reason: byDatabase},
		{name: "application_name", reason: "clients name themselves"},
	}
}

// userSettings are those of a line in the section users. Each user that has some gets a class of its own.
func userSettings() []setting {
	return []setting{
		{name: "pool_size", table: inLimits, key: "max_per_person", as: asNumber},
		{name: "reserve_pool_size", table: inLimits, key: "reserved", as: asNumber, same: []string{"0"}},
		{name: "pool_mode", reason: perEndpoint},
		{name: "max_user_connections", table: inUsers, key: "max_connections", as: asNumber, zero: "leave max_user_connections of the section pgbouncer out, if users are to have no limit"},
		{name: "max_user_client_connections", same: []string{"0"}, reason: "clients are limited together, by max_clients"},
		{name: "query_timeout", table: inLimits, key: "statement_timeout", as: asSeconds, same: []string{"0"}},
		{name: "query_wait_timeout", table: inLimits, key: "timeout", as: asSeconds, zero: everyWait, same: []string{"-1"}},
		{name: "idle_transaction_timeout", table: inLimits, key: "idle_in_transaction_timeout", as: asSeconds, same: []string{"0"}},
		{name: "transaction_timeout", same: []string{"0"}, reason: "PostgreSQL 17 has it: ALTER ROLE … SET transaction_timeout"},
		{name: "client_idle_timeout", same: []string{"0"}, reason: "an idle client costs a few kilobytes and is left alone"},
	}
}

// defaultAuthQuery is PgBouncer's.
const defaultAuthQuery = "SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END FROM pg_authid WHERE rolname=$1 AND rolcanlogin"

// path returns the tables in which a target's keys stand. name is the class or the route.
func (t target) path(name string) []string {
	switch t {
	case inPool:
		return []string{tableDatabase, tableOptions, tablePool}
	case inAuth:
		return []string{tableDatabase, tableAuth}
	case inEndpoints:
		return []string{tableDatabase, tableEndpoints}
	case inLimits:
		return []string{tableDatabase, tableLimits, name}
	case inUsers:
		return []string{tableDatabase, tableUsers, name}
	case inRoute:
		return []string{tableDatabase, tableRoutes, name}
	case inRules:
		return []string{tableDatabase, tableRules}
	case inPeers:
		return []string{tableDatabase, tablePeers}
	case inServerUsers:
		return []string{tableDatabase, tableAuth, tableServerUsers, name}
	}
	return []string{tableDatabase}
}

func join(lists ...[]setting) []setting {
	var out []setting
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// find returns what becomes of a setting.
func find(settings []setting, name string) (setting, bool) {
	for _, s := range settings {
		if s.name == name {
			return s, true
		}
	}
	return setting{}, false
}
