package limit

import "time"

// Kind says how a wait ends.
type Kind string

// The kinds.
const (
	Bounded Kind = "bounded"  // after For, or when Most wait
	AtOnce  Kind = "at_once"  // nobody waits: the error comes at once
	ByParts Kind = "by_parts" // not as a whole; each pause in it has the limit of the key By
	Theirs  Kind = "theirs"   // another program has the last word: By says which setting of it
	Endless Kind = "endless"  // never
)

// Wait is one wait and its limit.
type Wait struct {
	Name  string        // what is waited for: "a connection of the pool"
	Where string        // where it applies: "endpoint 127.0.0.1:6432"; "" everywhere
	Key   string        // the setting that says so; "" for none
	Kind  Kind          //
	For   time.Duration // the longest wait; 0 for another kind, or for a number
	Most  int64         // how many may wait, where it is a number
	By    string        // of ByParts and Theirs
	Ends  string        // the error: SQLSTATE, HTTP status or S3 code, and Holdfast's own code
}

// Waits are the waits of a room.
type Waits []Wait

// After is a wait that ends after a time. 0 means that it does not end, unless the next call says otherwise.
func After(name, key string, d time.Duration, ends string) Wait {
	w := Wait{Name: name, Key: key, Kind: Bounded, For: d, Ends: ends}
	if d <= 0 {
		w.Kind, w.For = Endless, 0
	}
	return w
}

// Queue is a number of waiting ones, of which one more is refused. 0 means any number.
func Queue(name, key string, most int64, ends string) Wait {
	w := Wait{Name: name, Key: key, Kind: Bounded, Most: most, Ends: ends}
	if most <= 0 {
		w.Kind, w.Most = Endless, 0
	}
	return w
}

// At says where the wait applies.
func (w Wait) At(where string) Wait {
	w.Where = where
	return w
}

// OrAtOnce says that 0 is no wait at all.
func (w Wait) OrAtOnce() Wait { return w.or(AtOnce, "") }

// OrParts says that 0 leaves it to the limit of another key, which each pause in the wait has.
func (w Wait) OrParts(key string) Wait { return w.or(ByParts, key) }

// OrTheirs says that 0 leaves it to a setting of another program.
func (w Wait) OrTheirs(setting string) Wait { return w.or(Theirs, setting) }

func (w Wait) or(k Kind, by string) Wait {
	if w.Kind == Endless {
		w.Kind, w.By = k, by
	}
	return w
}

// Under returns the waits with a table before their keys.
func (all Waits) Under(table string) Waits {
	out := make(Waits, len(all))
	for i, w := range all {
		if w.Key != "" {
			w.Key = table + "." + w.Key
		}
		if w.Kind == ByParts {
			w.By = table + "." + w.By
		}
		out[i] = w
	}
	return out
}

// At says of all where they apply that do not say so themselves.
func (all Waits) At(where string) Waits {
	out := make(Waits, len(all))
	for i, w := range all {
		if w.Where == "" {
			w.Where = where
		}
		out[i] = w
	}
	return out
}
