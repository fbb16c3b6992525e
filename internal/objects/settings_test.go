package objects_test

import (
	"net/url"
	"strconv"
	"strings"

	"holdfast/internal/postgres"
)

// settingsOf turns a connection string of pgtest into settings.
func settingsOf(text string) postgres.Config {
	u, err := url.Parse(text)
	if err != nil {
		panic(err) // pgtest made it
	}
	c := postgres.DefaultConfig()
	c.Host, c.Name, c.Username = u.Query().Get("host"), strings.TrimPrefix(u.Path, "/"), u.User.Username()
	c.Port, _ = strconv.Atoi(u.Query().Get("port"))
	return c
}
