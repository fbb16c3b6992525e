package disk

import "holdfast/internal/limit"

// Waits are the waits for the disk of the store; keys are relative to the table [media].
func (c Config) Waits() limit.Waits {
	return limit.Waits{
		{
			Name: "a read or write of the disk", Kind: limit.Theirs, By: "the file system of media.root; NFS: the mount options soft and timeo",
			Ends: "503 store_unavailable, S3 ServiceUnavailable",
		},
		limit.After("another process that settles its journal", "", patience, "process ends").At("start"),
	}.At("files")
}
