package content

import (
	"time"

	"holdfast/internal/revision"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// Config is the table [content].
type Config struct {
	// Enabled switches the distribution of content on; it is on only if a source is named, too. Default true.
	Enabled bool `toml:"enabled"`
	// Sync lets this process take the role of syncing when nobody holds it. Default true.
	Sync bool `toml:"sync"`
	// Store keeps the parts of chunks in the store, for other machines. Without it they stay in the mirror of the repository on
	// this machine, and nothing is uploaded or kept twice: for a platform of one server. Default true.
	Store bool `toml:"store"`
	// SyncParallel is how many sources are synced at the same time. Default 2.
	SyncParallel int `toml:"sync_parallel"`
	// Poll is how often a branch is looked at besides webhooks and requests; 0 never. Default 1m.
	Poll unit.Duration `toml:"poll"`
	// Parallel is how many parts are moved to or from the store at the same time. Default 32.
	Parallel int `toml:"parallel"`
	// KeepRevisions is how many of the newest revisions of a source are kept whatever their age. Default 10.
	KeepRevisions int `toml:"keep_revisions"`
	// KeepFor is how long a revision is kept whatever their number. Default 14d.
	KeepFor unit.Duration `toml:"keep_for"`
	// Grace is how long what nothing refers to stays in the store before it is removed. Default 72h.
	Grace unit.Duration `toml:"grace"`
	// GCEvery is how often the store is collected; 0 never. Default 24h.
	GCEvery unit.Duration `toml:"gc_every"`
	// ScrubEvery is within what time the stored parts are verified once each; 0 never. Default 30d.
	ScrubEvery unit.Duration `toml:"scrub_every"`
	// PartSize is what a chunk is split above, in bytes of its plain form. Default 256KiB.
	PartSize unit.Bytes `toml:"part_size"`
	// MaxChunk is the largest chunk that is taken. Default 1GiB.
	MaxChunk unit.Bytes `toml:"max_chunk"`
	// MaxChunkFiles is how many files a chunk may have. Default 50000.
	MaxChunkFiles int `toml:"max_chunk_files"`
	// MaxDepth is how deep directories may be nested in a chunk. Default 64.
	MaxDepth int `toml:"max_depth"`
	// MaxFile is the largest single file that is taken. Default 512MiB.
	MaxFile unit.Bytes `toml:"max_file"`
	// MaxRepository is how large a mirror may become. Default 10GiB.
	MaxRepository unit.Bytes `toml:"max_repository"`
	// FetchStall ends a fetch that made no progress for so long. Default 1m.
	FetchStall unit.Duration `toml:"fetch_stall"`
	// HookTimeout is how long the hook of an application may take. Default 30s.
	HookTimeout unit.Duration `toml:"hook_timeout"`

	// CacheSize bounds the unpacked files on this machine. Default 10GiB.
	CacheSize unit.Bytes `toml:"cache_size"`
	// CacheInodes bounds their number. Default 2000000.
	CacheInodes int64 `toml:"cache_inodes"`
	// FreeBytes is the space that is left free on the file system of the cache. Default 1GiB.
	FreeBytes unit.Bytes `toml:"free_bytes"`
	// FreeInodes is the number of inodes that is left free there. Default 10000.
	FreeInodes int64 `toml:"free_inodes"`
	// LeasesPerMachine is how many leases one machine is to carry; by it holdfast_content_desired_machines tells an autoscaler how many
	// machines the present load asks for. Default 0: no such figure.
	LeasesPerMachine int `toml:"leases_per_machine"`
	// Group of the operating system that may read the cache and open the socket. Default: Holdfast's own.
	Group string `toml:"group"`
	// Socket is where applications on this machine ask for content. Default: "content.sock" below the state directory.
	Socket string `toml:"socket"`
	// SwitchWhenWarm answers "current" with the last revision until what changed in the next one is on this machine.
	// Default false.
	SwitchWhenWarm bool `toml:"switch_when_warm"`

	// Sources are the repositories, by name: lower-case letters, digits, "-" and "_".
	Sources map[string]SourceConfig `toml:"sources"`
	// Presets are sets of rules besides "course", "directories", "plain" and "themes", which are built in.
	Presets map[string]revision.Preset `toml:"presets"`
}

// SourceConfig is a table [content.sources.NAME].
type SourceConfig struct {
	// Git is the address of the repository, as "git@host:team/course.git", "https://host/team/course.git", or a
	// directory of this machine.
	Git string `toml:"git"`
	// Branch that is followed. Default: the one that the repository names itself.
	Branch string `toml:"branch"`
	// Root is the directory of the course below the top of the repository. Default: the top.
	Root string `toml:"root"`
	// Preset names the rules that make chunks of it. Default "course".
	Preset string `toml:"preset"`
	// DeployKey is the private SSH key that may read the repository; also deploy_key_file.
	DeployKey secret.String `toml:"deploy_key"`
	// KnownHosts is a file with the keys of SSH hosts. Default: the system's.
	KnownHosts string `toml:"known_hosts"`
	// Token is the password or token for an https address; also token_file.
	Token secret.String `toml:"token"`
	// Poll is how often the branch is looked at. Default 0: as poll of [content] says.
	Poll unit.Duration `toml:"poll"`
	// WebhookSecret proves that a call of /content-hook/NAME comes from the git service; also webhook_secret_file.
	// Default none: such calls are refused.
	WebhookSecret secret.String `toml:"webhook_secret"`
	// Links says which symbolic links are good: "reject" takes those that stay inside their chunk, "course" those that
	// stay inside the course. Default "reject".
	Links string `toml:"links"`
	// Submodules are refused with their chunk ("reject") or left out ("skip"). Default "reject".
	Submodules string `toml:"submodules"`
	// Hook is asked before a revision is published: an http or https address that gets a POST, or a command. See
	// docs/operate/content.md. Default none.
	Hook string `toml:"hook"`
	// HookSecret signs what is posted to the hook; also hook_secret_file. Default none: it is not signed.
	HookSecret secret.String `toml:"hook_secret"`
	// Prefetch is what every machine fetches when it starts, and after each publish, before anybody asks for it: chunks and profiles,
	// as "page:questions" or "all". A machine is not ready (/readyz) before it has it. Default none.
	Prefetch []string `toml:"prefetch"`
	// Serve says who may read files over HTTP that the rules show to browsers: "off", "signed" or "public". Default "signed".
	Serve string `toml:"serve"`
}

// DefaultConfig returns the settings of an empty table.
func DefaultConfig() Config {
	return Config{
		Enabled: true, Sync: true, Store: true, SyncParallel: 2, Parallel: 32,
		Poll:          unit.Duration(time.Minute),
		KeepRevisions: 10, KeepFor: unit.Duration(14 * 24 * time.Hour),
		Grace: unit.Duration(72 * time.Hour), GCEvery: unit.Duration(24 * time.Hour), ScrubEvery: unit.Duration(30 * 24 * time.Hour),
		PartSize: 256 << 10, MaxChunk: 1 << 30, MaxChunkFiles: 50_000, MaxDepth: 64, MaxFile: 512 << 20,
		MaxRepository: 10 << 30, FetchStall: unit.Duration(time.Minute), HookTimeout: unit.Duration(30 * time.Second),
		CacheSize: 10 << 30, CacheInodes: 2_000_000, FreeBytes: 1 << 30, FreeInodes: 10_000,
	}
}

// On reports whether content is distributed at all.
func (c Config) On() bool {
	return c.Enabled && len(c.Sources) > 0
}
