package edge

import (
	"fmt"

	"holdfast/internal/limit"
	"holdfast/internal/web"
)

// Waits are the waits at the front; keys are relative to the table [edge].
func (c Config) Waits() limit.Waits {
	all := web.Waits().At("visitors")
	if len(c.Upstreams) > 0 {
		all = append(all, c.Upstream.Waits().Under("upstream").At("application")...)
	}
	for i, a := range c.Apps {
		all = append(all, c.appWaits(a, fmt.Sprintf("apps[%d].upstream", i)).At("application "+a.Name)...)
	}
	for i, r := range c.Limits {
		all = append(all, r.Waits().Under(fmt.Sprintf("limits[%d]", i)).At("limit of "+r.Path)...)
	}
	for _, r := range c.Auth {
		all = append(all, limit.Wait{
			Name: "the application's yes or no at " + r.URL, Where: "paths below " + r.Path,
			Kind: limit.ByParts, By: "upstream.timeouts.header", Ends: "503 auth_unavailable",
		})
	}
	return append(append(all, c.Cache.Waits().Under("cache")...), c.ACME.Waits().Under("acme")...)
}

// appWaits are the waits for an application of its own. What it leaves out has the key of [edge.upstream].
func (c Config) appWaits(a App, table string) limit.Waits {
	own := a.Upstream.Waits().Under(table)
	base := a.Upstream.Over(c.Upstream).Waits().Under("upstream")
	for i, w := range own {
		if w.Key != "" && (w.For > 0 || w.Most > 0) {
			base[i] = w // it is written for this one
		}
	}
	return base
}
