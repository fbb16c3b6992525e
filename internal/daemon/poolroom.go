package daemon

import (
	"fmt"

	"holdfast/internal/health"
	"holdfast/internal/pooler"
)

// tooLittleRoom says that the settings let more clients and servers in than the machine can bear.
func tooLittleRoom(n pooler.Need) health.Condition {
	return health.Condition{
		Code: "pooler_" + n.Code, Title: "The pooler may come to need more " + n.Thing + " than there is", Severity: health.Warning, Hint: n.Hint,
	}
}

// watchRoom compares what the pooler may come to with what the machine has (S0-22).
func (d *Daemon) watchRoom() {
	c := d.config().Database
	for _, n := range c.Pooling.Needs(c.Config, pooler.FindRoom()) {
		if n.Fits {
			d.health.Clear(tooLittleRoom(n))
			continue
		}
		d.health.Set(tooLittleRoom(n), fmt.Sprintf("there is %s, and it may need %s", n.Allowed, n.Sum))
		d.log.Warn("the pooler may need more than the machine has", "of", n.Thing, "allowed", n.Allowed, "sum", n.Sum, "hint", n.Hint)
	}
}
