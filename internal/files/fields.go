package files

import (
	"net/http"

	"holdfast/internal/lane"
)

// fields is the header of an answer on its way out, by net/http or by the lane. Names are in canonical form, and each is
// written once, but for Vary.
type fields interface {
	set(name, value string)
	share(name string, value []string) // one value, which nobody changes afterwards
}

type webFields http.Header

func (h webFields) set(name, value string) {
	if name == "Vary" {
		http.Header(h).Add(name, value)
		return
	}
	h[name] = one(value)
}

func (h webFields) share(name string, value []string) { h[name] = value }

type laneFields struct{ reply *lane.Reply }

func (h laneFields) set(name, value string)            { h.reply.Header(name, value) }
func (h laneFields) share(name string, value []string) { h.reply.Header(name, value[0]) }
