package console

import "time"

func hostTable() table[Host] {
	return table[Host]{
		text("server", func(h Host) string { return h.Server }),
		text("host", func(h Host) string { return h.Host }),
		count("port", func(h Host) int { return h.Port }),
		text("role", func(h Host) string { return h.Role }),
		flag("fit", func(h Host) bool { return h.Fit }),
		count("connections", func(h Host) int { return h.Connections }),
		large("timeline", func(h Host) int64 { return h.Timeline }),
		optional("lsn", func(h Host) string { return h.LSN }),
		moment("since", func(h Host) time.Time { return h.Since }),
		moment("checked", func(h Host) time.Time { return h.Checked }),
		optional("error", func(h Host) string { return h.Error }),
	}
}

func replicaTable() table[Replica] {
	return table[Replica]{
		text("server", func(r Replica) string { return r.Server }),
		text("host", func(r Replica) string { return r.Host }),
		count("port", func(r Replica) int { return r.Port }),
		optional("receive_lsn", func(r Replica) string { return r.ReceiveLSN }),
		optional("replay_lsn", func(r Replica) string { return r.ReplayLSN }),
		large("lag_bytes", func(r Replica) int64 { return r.LagBytes }),
		large("lag_us", func(r Replica) int64 { return r.Lag.Microseconds() }),
		large("max_lag_us", func(r Replica) int64 { return r.MaxLag.Microseconds() }),
		flag("fit", func(r Replica) bool { return r.Fit }),
		optional("reason", func(r Replica) string { return r.Reason }),
	}
}

func peerTable() table[Peer] {
	return table[Peer]{
		count("peer_id", func(p Peer) int { return p.ID }),
		text("host", func(p Peer) string { return p.Host }),
		count("port", func(p Peer) int { return p.Port }),
		count("pool_size", func(p Peer) int { return p.PoolSize }),
	}
}

func peerPoolTable() table[PeerPool] {
	return table[PeerPool]{
		count("peer_id", func(p PeerPool) int { return p.ID }),
		count("cl_active_cancel_req", func(p PeerPool) int { return p.ClientsCanceling }),
		count("cl_waiting_cancel_req", func(p PeerPool) int { return p.ClientsCancelWaiting }),
		count("sv_active_cancel", func(p PeerPool) int { return p.ServersCanceling }),
		count("sv_login", func(p PeerPool) int { return p.Login }),
	}
}
