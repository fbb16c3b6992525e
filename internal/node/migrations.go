package node

import "embed"

// Migrations are the migrations of the component "node", for postgres.DB.Migrate.
//
//go:embed migrations/*.sql
var Migrations embed.FS
