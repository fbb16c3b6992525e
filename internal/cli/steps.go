package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// steps tells people who wait what is being done: in one line that is written again where standard error is a terminal, and
// otherwise not at all, because what was done stands in the answer.
type steps struct {
	app   *app
	shown int // letters on the line
}

// progressSteps returns the line of steps; there is one for all who have something to tell.
func (a *app) progressSteps() *steps {
	if a.steps == nil {
		a.steps = &steps{app: a}
	}
	return a.steps
}

// step replaces what is shown.
func (s *steps) step(text string) {
	if s.app.json || !isTerminal(s.app.stderr) {
		return
	}
	s.end()
	text += " …"
	s.shown = utf8.RuneCountInString(text)
	fmt.Fprint(s.app.stderr, text)
}

// end takes the line away.
func (s *steps) end() {
	if s.shown > 0 {
		fmt.Fprint(s.app.stderr, "\r"+strings.Repeat(" ", s.shown)+"\r")
		s.shown = 0
	}
}
