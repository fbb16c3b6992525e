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
	for _, p := range parts {
		if !ix.fill(p) {
			ix.places = ix.placesOf()
			ix.fill(p)
		}
	}
}

// place is where a piece stands: chunk and piece.
type place struct{ chunk, piece int }

// fill reports false if it does not know where the part stands today: chunks may have been taken out since it was noted.
func (ix *Index) fill(p treepack.Part) bool {
	places := ix.places[p.ID]
	for _, at := range places {
		if at.chunk >= len(ix.Chunks) || at.piece >= len(ix.Chunks[at.chunk].Pieces) ||
			ix.Chunks[at.chunk].Pieces[at.piece].Part.ID != p.ID {
			return false
		}
	}
	for _, at := range places {
		ix.Chunks[at.chunk].Pieces[at.piece].Part = p
	}
	return len(places) > 0
}

func (ix *Index) placesOf() map[treepack.PartID][]place {
	out := make(map[treepack.PartID][]place, len(ix.Chunks))
	for i := range ix.Chunks {
		for j, piece := range ix.Chunks[i].Pieces {
			out[piece.Part.ID] = append(out[piece.Part.ID], place{i, j})
		}
	}
	return out
}
