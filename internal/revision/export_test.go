package revision

// AppendPlain and DecodePlain are the form of an index that is signed, without signature and compression.
func AppendPlain(ix *Index) []byte { return ix.appendPlain(nil) }

func DecodePlain(plain []byte) (*Index, error) { return decodePlain(plain) }

// Pattern is a compiled pattern.
type Pattern = pattern

func ParsePattern(text string) (Pattern, error) { return parsePattern(text) }

func (p pattern) Match(path string) bool { return p.match(path) }

func (p pattern) Captures(path string) []string { return p.captures(path) }
