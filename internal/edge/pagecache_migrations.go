package edge

import "embed"

// PageCacheMigrations are the migrations of the component "page_cache", for postgres.DB.Migrate.
//
//go:embed pagecache_migrations/*.sql
var PageCacheMigrations embed.FS
