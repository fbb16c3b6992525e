package console

import "time"

// poolTable has one row for a database and user, as PgBouncer's: exporters make labels of the two.
func poolTable() table[Pool] {
	return append(poolCounts(),
		// Of our own:
		count("pool_size", func(p Pool) int { return p.Size }),
		count("min_pool_size", func(p Pool) int { return p.MinSize }),
		count("sv_pinned", func(p Pool) int { return p.Pinned }),
		optional("last_error", func(p Pool) string { return p.LastError }),
	)
}

// endpointPoolTable has a row for each pool: of an endpoint, a class and a replica.
func endpointPoolTable() table[Pool] {
	return append(poolCounts(),
		text("pool", func(p Pool) string { return p.Name }),
		text("target", func(p Pool) string { return p.Target }),
		count("pool_size", func(p Pool) int { return p.Size }),
		count("min_pool_size", func(p Pool) int { return p.MinSize }),
		count("sv_pinned", func(p Pool) int { return p.Pinned }),
		optional("last_error", func(p Pool) string { return p.LastError }),
	)
}

// poolCounts are PgBouncer's own columns.
func poolCounts() table[Pool] {
	t := table[Pool]{
		text("database", func(p Pool) string { return p.Database }),
		text("user", func(p Pool) string { return p.User }),
		count("cl_active", func(p Pool) int { return p.ClientsActive }),
		count("cl_waiting", func(p Pool) int { return p.ClientsWaiting }),
		count("cl_active_cancel_req", func(p Pool) int { return p.ClientsCanceling }),
		count("cl_waiting_cancel_req", func(p Pool) int { return p.ClientsCancelWaiting }),
		count("sv_active", func(p Pool) int { return p.ServersActive }),
		count("sv_active_cancel", func(p Pool) int { return p.ServersCanceling }),
		count("sv_being_canceled", func(p Pool) int { return p.ServersBeingCanceled }),
		count("sv_idle", func(p Pool) int { return p.ServersIdle }),
		count("sv_used", func(p Pool) int { return p.ServersUsed }),
		count("sv_tested", func(p Pool) int { return p.ServersTested }),
		count("sv_login", func(p Pool) int { return p.ServersLogin }),
	}
	t = append(t, wait("maxwait", func(p Pool) time.Duration { return p.MaxWait })...)
	return append(t,
		text("pool_mode", func(p Pool) string { return p.Mode }),
		optional("load_balance_hosts", func(p Pool) string { return p.LoadBalanceHosts }),
	)
}

func databaseTable() table[Database] {
	return table[Database]{
		text("name", func(d Database) string { return d.Name }),
		optional("host", func(d Database) string { return d.Host }),
		count("port", func(d Database) int { return d.Port }),
		text("database", func(d Database) string { return d.Database }),
		optional("force_user", func(d Database) string { return d.ForceUser }),
		count("pool_size", func(d Database) int { return d.PoolSize }),
		count("min_pool_size", func(d Database) int { return d.MinPoolSize }),
		count("reserve_pool_size", func(d Database) int { return d.ReservePoolSize }),
		count("server_lifetime", func(d Database) int { return int(d.ServerLifetime / time.Second) }),
		optional("pool_mode", func(d Database) string { return d.PoolMode }),
		optional("load_balance_hosts", func(d Database) string { return d.LoadBalanceHosts }),
		count("max_connections", func(d Database) int { return d.MaxConnections }),
		count("current_connections", func(d Database) int { return d.CurrentConnections }),
		count("max_client_connections", func(d Database) int { return d.MaxClientConnections }),
		count("current_client_connections", func(d Database) int { return d.CurrentClientConnections }),
		flag("paused", func(d Database) bool { return d.Paused }),
		flag("disabled", func(d Database) bool { return d.Disabled }),
		// The name of reserve_pool_size before PgBouncer 1.24, for exporters that ask for it:
		count("reserve_pool", func(d Database) int { return d.ReservePoolSize }),
	}
}

func userTable() table[User] {
	return table[User]{
		text("name", func(u User) string { return u.Name }),
		optional("pool_size", func(u User) string { return unlessZero(u.PoolSize) }),
		optional("reserve_pool_size", func(u User) string { return unlessZero(u.ReservePoolSize) }),
		optional("pool_mode", func(u User) string { return u.PoolMode }),
		count("max_user_connections", func(u User) int { return u.MaxUserConnections }),
		count("current_connections", func(u User) int { return u.CurrentConnections }),
		count("max_user_client_connections", func(u User) int { return u.MaxUserClientConnections }),
		count("current_client_connections", func(u User) int { return u.CurrentClientConnections }),
	}
}

// listed is a row of SHOW LISTS.
type listed struct {
	name  string
	items int
}

func listTable() table[listed] {
	return table[listed]{
		text("list", func(l listed) string { return l.name }),
		count("items", func(l listed) int { return l.items }),
	}
}

func (l Lists) rows() []listed {
	return []listed{
		{"databases", l.Databases},
		{"users", l.Users},
		{"peers", l.Peers},
		{"pools", l.Pools},
		{"peer_pools", l.PeerPools},
		{"free_clients", l.FreeClients},
		{"used_clients", l.UsedClients},
		{"login_clients", l.LoginClients},
		{"free_servers", l.FreeServers},
		{"used_servers", l.UsedServers},
		{"dns_names", l.DNSNames},
		{"dns_zones", l.DNSZones},
		{"dns_queries", l.DNSQueries},
		{"dns_pending", l.DNSPendings},
	}
}
