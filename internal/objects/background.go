package objects

// Status is what the index does at this moment.
type Status struct {
	Deaths   int              // blobs whose links are known to be dead
	Troubles map[string]error // background work that fails now, by its name; empty when all is well
}

// Status answers from memory.
func (x *Index) Status() Status {
	return Status{Deaths: x.deaths.len(), Troubles: x.trouble.All()}
}
