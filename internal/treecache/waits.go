package treecache

import "holdfast/internal/limit"

// Waits are the waits of those who ask the cache for content.
func Waits() limit.Waits {
	return limit.Waits{
		limit.After("leases to end, while the cache is full", "", usualPatience, "507 content_cache_full"),
		limit.After("more of a part that the store sends", "", usualStall, "503 content_store_unavailable"),
		limit.After("the ledger that processes of this machine share", "", ledgerPatience, "503 unavailable"),
	}
}
