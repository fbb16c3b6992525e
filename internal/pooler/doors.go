package pooler

import (
	"cmp"

	"holdfast/internal/postgres"
)

// Doors returns the endpoints in effect, each with its mode and target: also those of a configuration that names none. A
// pooler that is switched off has none.
func (c Config) Doors() []Endpoint {
	if !c.Pooler {
		return nil
	}
	doors := append([]Endpoint(nil), c.endpointsOrDefault(postgres.Config{})...)
	for i := range doors {
		doors[i].Mode = cmp.Or(doors[i].Mode, ModeSession)
		doors[i].Target = cmp.Or(doors[i].Target, TargetPrimary)
	}
	return doors
}
