package audit

// folder lets a pattern that is repeated with commas in between pass once.
type folder struct {
	pattern string
	matched int  // tokens of the pattern that passed just now
	whole   bool // the whole pattern passed just now
	held    int  // tokens of a comma and the pattern again that are held back
}

// match notes a token that passed.
func (f *folder) match(mark byte) {
	switch mark {
	case f.pattern[f.matched]:
		f.matched++
	case f.pattern[0]:
		f.matched = 1
	default:
		f.matched = 0
	}
	if f.matched == len(f.pattern) {
		f.matched, f.whole = 0, true
	}
}

// hold keeps a token back if it goes on with the repetition, and forgets what it held once the pattern is complete.
func (f *folder) hold(mark byte) bool {
	expected := byte(',')
	if f.held > 0 {
		expected = f.pattern[f.held-1]
	}
	if mark != expected {
		return f.held == 0 && mark == '?' && f.pattern == "?" // a string in several parts
	}
	if f.held++; f.held > len(f.pattern) {
		f.held = 0
	}
	return true
}
