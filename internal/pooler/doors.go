package pooler

import (
	"cmp"
	"slices"

	"holdfast/internal/postgres"
)

// Ways returns all endpoints in effect, each with its mode and target: also those of a configuration that names none. A
// pooler that is switched off leaves the direct way.
func (c Config) Ways() []Endpoint {
	ways := []Endpoint{{Mode: ModeDirect}}
	if c.Pooler {
		ways = slices.Clone(c.endpointsOrDefault(postgres.Config{}))
	}
	for i := range ways {
		ways[i].Mode = cmp.Or(ways[i].Mode, ModeSession)
		ways[i].Target = cmp.Or(ways[i].Target, TargetPrimary)
	}
	return ways
}

// Doors returns the ways that lead through the pooler: something listens there.
func (c Config) Doors() []Endpoint { return slices.DeleteFunc(c.Ways(), Endpoint.isDirect) }

// Direct returns the ways past the pooler, one for each role.
func (c Config) Direct() []Endpoint {
	return slices.DeleteFunc(c.Ways(), func(e Endpoint) bool { return !e.isDirect() })
}

func (e Endpoint) isDirect() bool { return e.Mode == ModeDirect }
