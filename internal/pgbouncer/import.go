package pgbouncer

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Result is a configuration of PgBouncer in Holdfast's words.
type Result struct {
	TOML    string   `json:"toml"`
	Remarks []Remark `json:"remarks"`
}

// Remark names a setting that was not carried over, or not exactly, or that leaves something to do.
type Remark struct {
	Setting string `json:"setting"` // "max_packet_size", or "databases.app: connect_query"
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Carried bool   `json:"carried"` // it is in the output, but something is different or left to do
	Text    string `json:"text"`
}

// Import reads the configuration at path and what it names.
func Import(path string) (Result, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Result{}, err
	}
	return importWith(os.ReadFile, abs)
}

func importWith(read func(string) ([]byte, error), path string) (Result, error) {
	im := &importer{
		reader:  reader{read: read, dir: filepath.Dir(path)},
		global:  map[string]entry{},
		classes: map[string]bool{},
		remarks: []Remark{},
	}
	if err := im.file(path, 0); err != nil {
		return Result{}, err
	}
	if err := im.sort(); err != nil {
		return Result{}, err
	}
	if err := im.write(); err != nil {
		return Result{}, err
	}
	slices.SortStableFunc(im.remarks, func(a, b Remark) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return Result{TOML: im.doc.String(), Remarks: im.remarks}, nil
}

// importer collects what was read, and what is written of it.
type importer struct {
	reader
	global    map[string]entry // of the section pgbouncer
	databases []connection
	users     []connection
	peers     []connection
	listed    []listedUser
	classes   map[string]bool // that have limits

	doc     document
	remarks []Remark
}

// connection is a line of the sections databases, users and peers: a name and pairs.
type connection struct {
	name  string
	pairs []pair
	place
}

// get returns the last value of a key, "" when there is none.
func (c connection) get(key string) string {
	for _, p := range slices.Backward(c.pairs) {
		if p.key == key {
			return p.value
		}
	}
	return ""
}

// sort takes the entries to their sections.
func (im *importer) sort() error {
	for _, e := range im.entries {
		var list *[]connection
		switch e.section {
		case "pgbouncer":
			im.global[e.key] = e // the last one counts
			continue
		case "databases":
			list = &im.databases
		case "users":
			list = &im.users
		case "peers":
			list = &im.peers
		default:
			return invalid(e.place, "no such section: [%s]", e.section)
		}
		all, err := pairs(e.value)
		if err != nil {
			return invalid(e.place, "%s: %v", e.key, err)
		}
		c := connection{e.key, all, e.place}
		if i := slices.IndexFunc(*list, func(other connection) bool { return other.name == e.key }); i >= 0 {
			(*list)[i] = c
		} else {
			*list = append(*list, c)
		}
	}
	return nil
}

// write writes all tables, in the order in which they are to stand.
func (im *importer) write() error {
	database := im.doc.table(tableDatabase)
	database.notes = []string{"What PgBouncer's configuration says, in Holdfast's words."}
	main := im.server(database)
	im.doc.table(inPool.path("")...)
	im.endpoints()
	if err := im.loadUsers(); err != nil {
		return err
	}
	im.routes(main)
	im.settings()
	im.limits()
	if err := im.auth(); err != nil {
		return err
	}
	im.peerTables()
	im.capSizes()
	return nil
}

// settings carries over what stands in the section pgbouncer and needs nothing else to be understood.
func (im *importer) settings() {
	known := globalSettings()
	for _, s := range known {
		e, ok := im.global[s.name]
		switch {
		case ok:
			im.carry(s, s.name, everybody, e)
		case s.theirs != "":
			if value, err := s.as(s.theirs); err == nil {
				im.doc.table(s.table.path("")...).set(s.key, value, "PgBouncer's default; Holdfast's is "+s.ours)
			}
		}
	}
	for _, e := range im.entries {
		if _, ok := find(known, e.key); e.section == "pgbouncer" && !ok {
			im.remark(e.key, e.place, false, "PgBouncer 1.25 has no such setting")
		}
	}
}

// carry writes a setting, or says why not. name is the class or the route that its table belongs to.
func (im *importer) carry(s setting, label, name string, e entry) {
	unset := e.value == "" && s.name != "server_check_query" && s.name != "server_reset_query"
	switch {
	case unset, slices.Contains(s.same, e.value), s.key == "" && im.followsIdle(s.name, e.value):
		return
	case s.key == "":
		im.remark(label, e.place, false, "%s", s.reason)
		return
	case s.as == nil:
		return // treated together with others
	}
	value, err := s.convert(e.value)
	if err != nil {
		im.remark(label, e.place, false, "%v", err)
		return
	}
	if s.table == inRoute && s.key == "min_size" && name == anyDatabase {
		im.remark(label, e.place, false, "nobody knows which databases * stands for before somebody names one: write a route for each that is to have connections beforehand")
		return
	}
	if s.note != "" && !isZero(e.value) && !im.probesAlike(s.key) {
		im.remark(label, e.place, true, "%s", s.note)
	}
	if s.table == inLimits {
		im.classes[name] = true
	}
	if s.name == "pool_mode" && strings.EqualFold(e.value, "statement") {
		im.remark(label, e.place, true, "%s", allMode)
	}
	for _, t := range im.tablesOf(s.table, name) {
		if !s.mismatches(t) {
			t.set(s.key, value, s.name)
		}
	}
}

// followsIdle reports whether a setting is the time between probes, and is as long as the silence before the first one: that is what
// keepalive means.
func (im *importer) followsIdle(name, value string) bool {
	return name == "tcp_keepintvl" && value == im.value("tcp_keepidle", "")
}

// probesAlike reports whether a key is keepalive, and nothing about probes is different from what PgBouncer was told.
func (im *importer) probesAlike(key string) bool {
	return key == keyKeepAlive && im.followsIdle("tcp_keepintvl", im.value("tcp_keepintvl", "")) && im.value("tcp_keepcnt", "") == "3"
}

// mismatches reports whether a setting is for endpoints of the other kind: TLS is not for sockets, and modes are for nothing
// else.
func (s setting) mismatches(t *table) bool {
	if s.table != inEndpoints || len(t.items) == 0 {
		return false
	}
	isSocket := strings.HasPrefix(literal(t.items[0].value), `"/`)
	return isSocket && strings.HasPrefix(s.key, keyTLS) || !isSocket && s.key == keySocketMode
}

// tablesOf returns the tables of a target: all endpoints, or one.
func (im *importer) tablesOf(t target, name string) []*table {
	if t != inEndpoints {
		return []*table{im.doc.table(t.path(name)...)}
	}
	var out []*table
	for _, e := range im.doc.tables {
		if e.array && slices.Equal(e.path, t.path("")) {
			out = append(out, e)
		}
	}
	return out
}

func isZero(value string) bool {
	f, err := strconv.ParseFloat(value, 64)
	return err == nil && f == 0
}

// remark notes what is not carried over, or not exactly.
func (im *importer) remark(setting string, at place, carried bool, format string, args ...any) {
	im.remarks = append(im.remarks, Remark{setting, at.file, at.line, carried, fmt.Sprintf(format, args...)})
}

// value returns a setting of the section pgbouncer, or PgBouncer's default.
func (im *importer) value(name, theirs string) string {
	if e, ok := im.global[name]; ok {
		return e.value
	}
	return theirs
}

// everybody is the class of users who have no settings of their own, if anything is limited.
const everybody = "default"

// limits gives each user that has settings a class of its own, with what is said for all users in it.
func (im *importer) limits() {
	common := slices.Clone(im.doc.table(inLimits.path(everybody)...).items)
	for _, u := range im.users {
		im.doc.table(inLimits.path(u.name)...).items = slices.Clone(common)
		for _, p := range u.pairs {
			label := "users." + u.name + ": " + p.key
			s, ok := find(userSettings(), p.key)
			if !ok {
				im.remark(label, u.place, false, "PgBouncer 1.25 has no such setting for a user")
				continue
			}
			im.carry(s, label, u.name, entry{"users", p.key, p.value, u.place})
		}
		if !im.classes[u.name] {
			im.doc.table(inLimits.path(u.name)...).items = nil
		}
	}
}

// peerTables says which processes cancel requests may belong to. Each knows itself by its address, so peer_id has no twin.
func (im *importer) peerTables() {
	for _, p := range im.peers {
		t := im.doc.element(inPeers.path("")...)
		id, err := asNumber(p.name)
		if err != nil {
			im.remark("peers."+p.name, p.place, false, "the name of a peer is a number")
			continue
		}
		t.set(keyPeerID, id, "")
		port := cmp.Or(p.get("port"), "6432")
		t.set(keyPeerAddress, address(p.get("host"), port), "")
		if p.get("pool_size") != "" {
			im.remark("peers."+p.name+": pool_size", p.place, false, "a peer has a limit of its own")
		}
	}
}

// capSizes keeps min_size from being more than max_size, which PgBouncer allows and means as the same.
func (im *importer) capSizes() {
	pool := im.doc.table(inPool.path("")...)
	largest := number(pool, "max_size")
	for _, t := range im.doc.tables {
		least, most := number(t, "min_size"), cmp.Or(number(t, "max_size"), largest)
		if least > most {
			t.set("min_size", most, "no more than max_size")
		}
	}
}

// number returns a whole number of a table, 0 when it has none.
func number(t *table, key string) int {
	for _, i := range t.items {
		if n, ok := i.value.(int64); i.key == key && ok {
			return int(n)
		}
	}
	return 0
}
