// Package demo is the page that "holdfast demo" shows: a picture is stored straight from the browser, opened through
// its signed link, and then asked for in every way that must be refused.
//
// The page is an app in miniature. Its three routes do what an app's server would do (ask for a slot, ask for a link),
// and everything else goes through the same listeners as in production. The routes exist only while the demo runs.
// They hand out rights, so they answer only requests that a page of the same origin made: the header X-Holdfast-Demo
// cannot be set by a form, and by a script of another origin only after a preflight, which is refused.
package demo
