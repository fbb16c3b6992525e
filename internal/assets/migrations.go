package assets

import "embed"

// Migrations are the migrations of the component "assets", for postgres.DB.Migrate.
//
//go:embed migrations/*.sql
var Migrations embed.FS
