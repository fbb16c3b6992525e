package demo

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// StylesheetName is where the demo's stylesheet lies below static.root. A campus application published what it measured with
// "hey -c 50 -n 5000 -o csv -disable-keepalive" at this path; the same line can be run against the demo.
const StylesheetName = "gcampuscore/styles/main.css"

// stylesheetSize is about what Bootstrap 5 is with a site's own rules, in bytes.
const stylesheetSize = 220_000

// Stylesheet returns CSS that repeats itself as a framework's does: in gzip about a sixth of it is left. It is always the same.
func Stylesheet() []byte {
	r := rand.New(rand.NewChaCha8([32]byte{5})) //nolint:gosec // no secret
	names := []string{"card", "btn", "nav", "form", "alert", "col", "table", "badge"}
	properties := []string{
		"margin", "margin-top", "margin-left", "padding", "padding-right", "border-radius", "width", "max-width", "font-size", "line-height", "gap", "top", "left",
	}
	colours := []string{"color", "background-color", "border-color", "outline-color", "fill"}
	var b strings.Builder
	for n := 0; b.Len() < stylesheetSize; n++ {
		if n%40 == 0 {
			fmt.Fprintf(&b, "@media (min-width: %dpx) {\n  .container-%d { max-width: %dpx; }\n}\n", 400+r.IntN(1000), n, 300+r.IntN(1000))
		}
		fmt.Fprintf(&b, ".%s-%d, .btn-%d:hover {\n", names[r.IntN(len(names))], n, n)
		for range 2 + r.IntN(5) {
			fmt.Fprintf(&b, "  %s: %grem;\n", properties[r.IntN(len(properties))], float64(r.IntN(400))/100)
		}
		fmt.Fprintf(&b, "  %s: #%06x;\n}\n\n", colours[r.IntN(len(colours))], r.IntN(1<<24))
	}
	return []byte(b.String())
}
