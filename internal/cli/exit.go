package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"holdfast/internal/control"
	"holdfast/internal/fault"
)

// exitCodes is the contract with scripts. A code never changes its meaning.
func exitCodes() []exitMeaning {
	return []exitMeaning{
		{0, "", "all went well"},
		{1, fault.Internal.String(), "a bug in Holdfast, or a failure that nobody foresaw"},
		{2, fault.Usage.String(), "the command line cannot be understood"},
		{3, fault.Config.String(), "the configuration is missing or wrong"},
		{4, fault.NotFound.String(), "what was named does not exist"},
		{5, fault.Denied.String(), "no permission"},
		{6, fault.Conflict.String(), "it exists already, or changed meanwhile"},
		{7, fault.Unavailable.String(), "something that is needed does not answer: the daemon, the database, the store; trying again later may help"},
		{8, fault.Full.String(), "the disk, a quota or a limit is full"},
		{9, fault.Invalid.String(), "the data is not what was announced: digest, length or type"},
		{11, fault.Partial.String(), "some of the work was done and some failed; running the same command again does the rest"},
		{130, fault.Interrupted.String(), "ended by a signal before it was done"},
	}
}

// exitMeaning is a row of the table of exit codes.
type exitMeaning struct {
	Code    int    `json:"exit"`
	Kind    string `json:"kind,omitempty"`
	Meaning string `json:"meaning"`
}

// exitCode returns the code of an error.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	for _, m := range exitCodes() {
		if m.Kind == fault.KindOf(err).String() {
			return m.Code
		}
	}
	return 1
}

// exitError is the end of another program that ran in our place and has told what was wrong: its exit code is ours.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// report prints an error and returns the exit code. It is the only place that does either.
func (a *app) report(err error) int {
	if other := (*exitError)(nil); errors.As(err, &other) {
		return other.code
	}
	code := exitCode(err)
	switch {
	case err == nil:
	case a.json:
		a.reportJSON(err, code)
	default:
		a.reportText(err)
	}
	return code
}

// errorLine is an error as JSON on standard error.
type errorLine struct {
	control.ErrorBody
	Exit int `json:"exit"`
}

func (a *app) reportJSON(err error, code int) {
	e := json.NewEncoder(a.stderr)
	e.SetEscapeHTML(false)
	_ = e.Encode(map[string]errorLine{"error": {control.Body(err, ""), code}}) // nowhere left to complain
}

func (a *app) reportText(err error) {
	var problems fault.Problems
	switch {
	case errors.As(err, &problems):
		a.reportProblems(problems)
	case fault.KindOf(err) == fault.Interrupted:
		a.notef("holdfast: interrupted")
	default:
		a.notef("holdfast: %s", strings.TrimSpace(err.Error()))
	}
	if hint := fault.HintOf(err); hint != "" {
		a.notef("hint: %s", hint)
	}
}

// reportProblems prints the mistakes of a configuration, two lines each: what is wrong, and what to do.
func (a *app) reportProblems(problems fault.Problems) {
	a.notef("holdfast: %s in the configuration", count(len(problems), "mistake"))
	for _, p := range problems {
		hint := p.Hint
		p.Hint = ""
		a.notef("\n%s", p)
		if hint != "" {
			a.notef("    → %s", hint)
		}
	}
}

// count returns "1 mistake", "2 mistakes".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
