package archtest

// exception lets one thing break one rule.
type exception struct {
	rule   string
	file   string // slash-separated, below the module
	symbol string // the function, type or variable; for the rules file and leak: empty
	reason string
}

// exceptions returns all exceptions of the tree.
func exceptions() []exception {
	const oneServer = "a test binary starts one PostgreSQL for all its tests, and go test offers no other place to keep it"
	return []exception{
		{"state", "internal/pgtest/main.go", "shared", oneServer},
		{"state", "internal/pgtest/cluster.go", "sweepOnce", oneServer},
		{"state", "internal/pgtest/database.go", "serial", oneServer},
		{"state", "internal/postgres/place_test.go", "madeOnce", oneServer},
		{
			"interface", "internal/blob/blob.go", "Store",
			"the one contract between objects and adapters; it is made of five small ones, which consumers ask for",
		},
	}
}
