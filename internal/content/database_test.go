package content

import (
	"net/url"
	"strconv"
	"strings"

	"holdfast/internal/postgres"
)

// databaseConfig returns the settings for a database of pgtest.
func databaseConfig(text string) postgres.Config {
	u, err := url.Parse(text)
	if err != nil {
		panic(err) // pgtest made it
	}
	c := postgres.DefaultConfig()
	c.Host, c.Name, c.Username = u.Query().Get("host"), strings.TrimPrefix(u.Path, "/"), u.User.Username()
	c.Port, _ = strconv.Atoi(u.Query().Get("port"))
	return c
}
