package archtest

// tier is a floor of the house: its packages, named by their path below internal/ (cmd and main packages: below the
// module), import packages of the tiers that stand before it, and none of their own.
type tier struct {
	name     string
	packages []string
}

// tiers returns the floors from the ground up. docs/architecture.md says what each package is for.
func tiers() []tier {
	return []tier{
		{"bedrock", []string{"fault", "secret"}},
		{"ground", []string{
			"unit", "atomicfile", "lifecycle", "health", "metrics", "logging", "control", "handover", "s3wire", "link",
			"pgwire", "scram", "epoll", "pgbouncer", "fstype", "treepack", "coursegen", "cache", "resp", "limit",
		}},
		{"ways", []string{"lane"}},
		{"engines", []string{
			"blob", "postgres", "web",
			"upstream", "throttle", "httpcache", "certs", "timing", "pool", "relay", "backend", "cluster", "pgauth", "console", "audit",
			"rolelimit", "census", "doctor",
			"gitrepo", "revision", "treecache",
		}},
		{"objects", []string{"objects"}},
		{"features", []string{
			"files", "s3api", "edge", "admin", "demo",
			"pooler", "assets", "content", "node", "cacheserver", "watch", "advise", "backup", "access", "jobs", "load", "exposure",
		}},
		{"adapters", []string{"blob/disk", "blob/s3", "blob/mem", "blob/readcache"}},
		{"config", []string{"config"}},
		{"daemon", []string{"daemon"}},
		{"cli", []string{"cli"}},
		{"cmd", []string{"cmd/holdfast"}},
	}
}

// testOnly returns the packages that only tests, and each other, may import. They may import any tier.
func testOnly() []string {
	return []string{"archtest", "browsertest", "certtest", "pgtest", "s3test", "s3api/s3apitest", "blob/blobtest", "pgauth/ldaptest", "postgres/postgrestest", "lifecycle/lifecycletest", "lane/lanetest"}
}

// planned returns packages that have their place but do not exist yet, with the work that brings them.
func planned() map[string]string {
	const later = "watching, backup and access"
	return map[string]string{
		"watch": later, "advise": later, "backup": later, "access": later, "jobs": later,
	}
}
