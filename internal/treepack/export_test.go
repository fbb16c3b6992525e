package treepack

import "hash/crc32"

// AppendTrailer makes a pack of a zstd frame.
func AppendTrailer(frame []byte) []byte {
	t := trailerOf(crc32.Checksum(frame, castagnoli))
	return append(frame, t[:]...)
}
