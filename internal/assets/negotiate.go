package assets

import "strings"

// quality is the weight of a coding in thousandths.
type quality int16

const (
	unsaid     quality = -1 // the header does not mention it
	unwanted   quality = 0
	fullWeight quality = 1000
)

// acceptable are the weights of one Accept-Encoding header (RFC 9110 section 12.5.3).
type acceptable struct {
	identity, gzip, br, zstd, any quality
}

// parseAcceptEncoding reads the header. What is not understood is taken as not said. It allocates nothing.
func parseAcceptEncoding(header string) acceptable {
	a := acceptable{unsaid, unsaid, unsaid, unsaid, unsaid}
	for len(header) > 0 {
		var item string
		item, header, _ = strings.Cut(header, ",")
		coding, params, weighted := strings.Cut(item, ";")
		q := fullWeight
		if weighted {
			var ok bool
			if q, ok = parseWeight(params); !ok {
				continue
			}
		}
		if slot := a.slot(trimSpace(coding)); slot != nil {
			*slot = q
		}
	}
	return a
}

func (a *acceptable) slot(coding string) *quality {
	switch {
	case coding == "*":
		return &a.any
	case strings.EqualFold(coding, "gzip"), strings.EqualFold(coding, "x-gzip"):
		return &a.gzip
	case strings.EqualFold(coding, "br"):
		return &a.br
	case strings.EqualFold(coding, "zstd"):
		return &a.zstd
	case strings.EqualFold(coding, "identity"):
		return &a.identity
	}
	return nil
}

// parseWeight reads "q=0.5" (section 12.4.2): a digit, and up to three after a point.
func parseWeight(text string) (quality, bool) {
	text = trimSpace(text)
	if len(text) < 3 || text[0]|0x20 != 'q' || text[1] != '=' {
		return 0, false
	}
	text = text[2:]
	if text[0] != '0' && text[0] != '1' || len(text) > 5 || len(text) > 1 && text[1] != '.' {
		return 0, false
	}
	q := quality(text[0]-'0') * fullWeight
	for i, unit := 2, quality(100); i < len(text); i, unit = i+1, unit/10 {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		q += quality(text[i]-'0') * unit
	}
	return q, q <= fullWeight
}

func trimSpace(text string) string { return strings.Trim(text, " \t") }

// of returns the weight of a coding. A coding that is not mentioned has that of "*", else it is unwanted; identity is
// wanted unless it is ruled out, but less than anything that was asked for.
func (a acceptable) of(c Coding) quality {
	q := unsaid
	switch c {
	case Identity:
		q = a.identity
	case Gzip:
		q = a.gzip
	case Brotli:
		q = a.br
	case Zstd:
		q = a.zstd
	}
	if q != unsaid {
		return q
	}
	if a.any != unsaid {
		return a.any
	}
	return unwanted
}

// choose returns the variant that is wanted most, the smallest of those wanted alike; nil when none is acceptable. The
// variants are sorted by size.
func choose(variants []*Variant, header string) *Variant {
	if len(variants) == 1 && header == "" {
		return variants[0]
	}
	a := parseAcceptEncoding(header)
	var best, plain *Variant
	most := unwanted
	for _, v := range variants {
		if v.Coding == Identity {
			plain = v
		}
		if q := a.of(v.Coding); q > most {
			best, most = v, q
		}
	}
	if best == nil && a.identity != unwanted && (a.identity != unsaid || a.any != unwanted) {
		return plain
	}
	return best
}
