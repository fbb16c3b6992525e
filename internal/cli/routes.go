package cli

// The routes of the files feature; its http.go says what each does.
const (
	routeList          = "/v1/files/object/list"
	routeStat          = "/v1/files/object/stat"
	routeDelete        = "/v1/files/object/delete"
	routeContent       = "/v1/files/object/content" // GET and PUT of the bytes
	routeSign          = "/v1/files/link/sign"
	routeSlot          = "/v1/files/slot/create"
	routeExport        = "/v1/files/export"
	routeBucketList    = "/v1/files/bucket/list"
	routeBucketCreate  = "/v1/files/bucket/create"
	routeBucketUpdate  = "/v1/files/bucket/update"
	routeBucketDelete  = "/v1/files/bucket/delete"
	routeBucketStat    = "/v1/files/bucket/stat"
	routeKeyList       = "/v1/files/accesskey/list"
	routeKeyCreate     = "/v1/files/accesskey/create"
	routeKeyRotate     = "/v1/files/accesskey/rotate"
	routeKeyRevoke     = "/v1/files/accesskey/revoke"
	routeLinkKeyList   = "/v1/files/linkkey/list"
	routeLinkKeyShow   = "/v1/files/linkkey/reveal"
	routeLinkKeyRotate = "/v1/files/linkkey/rotate"
	routeLinkKeyRevoke = "/v1/files/linkkey/revoke"
	routeLinksRevoke   = "/v1/files/linkkey/revoke-all"
)

// The routes of the pooler; poolcontrol.go of package daemon says what each does.
const (
	routePoolShow      = "/v1/pool/show"
	routePoolCensus    = "/v1/pool/census"
	routePoolPause     = "/v1/pool/pause"
	routePoolResume    = "/v1/pool/resume"
	routePoolReconnect = "/v1/pool/reconnect"
)

// The routes of the cache; cacheserver.go of package daemon says what each does.
const (
	routeCacheStatus = "/v1/cache/status"
	routeCacheFlush  = "/v1/cache/flush"
)
