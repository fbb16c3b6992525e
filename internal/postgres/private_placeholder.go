package postgres

const superuser = "postgres"
