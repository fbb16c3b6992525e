package content

import "embed"

// Migrations are the migrations of the component "content", for postgres.DB.Migrate.
//
//go:embed migrations/*.sql
var Migrations embed.FS
