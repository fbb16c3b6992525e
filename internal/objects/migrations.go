package objects

import "embed"

// Migrations are the migrations of the component "objects", for postgres.DB.Migrate. 00001 belongs to this package;
// later numbers may belong to features that add SQL functions over its tables, and say so in their first line.
//
//go:embed migrations/*.sql
var Migrations embed.FS
