package node

import "holdfast/internal/limit"

// Waits are the waits between nodes.
func Waits() limit.Waits {
	return limit.Waits{
		limit.After("the answer of a node", "", askLimit, "join_unreachable"),
		limit.After("the configuration, however many nodes are tried", "", fetchLimit, "join_unreachable"),
	}.At("holdfast join")
}
