package postgres

import "context"

// Programs is the PostgreSQL that a private server would run.
type Programs struct {
	Bin     string // directory of initdb and postgres
	Major   int
	Account string // whom the server runs as
}

// FindPrograms returns what a private server with these settings and that data directory would run, or why it cannot be
// run. Nothing is started, but for asking the programs for their version.
func FindPrograms(ctx context.Context, c Config, data string) (Programs, error) {
	r, err := chooseRelease(ctx, c.Private.Bin, data)
	if err != nil {
		return Programs{}, err
	}
	a, err := findAccount(c.Private.RunAs)
	if err != nil {
		return Programs{}, err
	}
	return Programs{Bin: r.bin, Major: r.major, Account: a.String()}, nil
}
