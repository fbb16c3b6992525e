package certs

import "embed"

// Migrations are the migrations of the component "certs", for postgres.DB.Migrate.
//
//go:embed migrations/*.sql
var Migrations embed.FS
