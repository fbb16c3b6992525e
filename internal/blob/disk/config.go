package disk

import "holdfast/internal/unit"

// Config is the table [media].
type Config struct {
	// Root is the directory of the stored files. Default: "media" below the state directory.
	Root string `toml:"root"`
	// URL is the path below which browsers find files. Default "/media/".
	URL string `toml:"url"`
	// Reserve is the free space that is never used: a write that would go below it is refused with 507 before a byte
	// is read. Default 256MiB; 0 for none.
	Reserve unit.Bytes `toml:"reserve"`
}
