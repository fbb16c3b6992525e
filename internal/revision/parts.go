package revision

import "holdfast/internal/treepack"

// Parts returns the parts that the revision consists of, each once, in the order of the chunks.
func (ix *Index) Parts() []treepack.Part {
	var out []treepack.Part
	seen := map[treepack.PartID]bool{}
	for i := range ix.Chunks {
		for _, p := range ix.Chunks[i].Pieces {
			if !seen[p.Part.ID] {
				seen[p.Part.ID] = true
				out = append(out, p.Part)
			}
		}
	}
	return out
}

// Unpacked returns the parts that have no sums yet, each once, in the order of the chunks: they must be packed. Whoever knows
// their sums from elsewhere must know them for the same Limits.Part.
func (ix *Index) Unpacked() []treepack.PartID {
	var out []treepack.PartID
	for _, p := range ix.Parts() {
		if p.SHA256 == [32]byte{} {
			out = append(out, p.ID)
		}
	}
	return out
}

// Fill sets the sums of all pieces that are one of the parts. It is for the time before the index is shared.
func (ix *Index) Fill(parts ...treepack.Part) {
	byID := make(map[treepack.PartID]treepack.Part, len(parts))
	for _, p := range parts {
		byID[p.ID] = p
	}
	for i := range ix.Chunks {
		for j := range ix.Chunks[i].Pieces {
			if p, ok := byID[ix.Chunks[i].Pieces[j].Part.ID]; ok {
				ix.Chunks[i].Pieces[j].Part = p
			}
		}
	}
}
