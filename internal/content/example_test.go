package content

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"holdfast/internal/coursegen"
)

// runExample runs a program in the directory of the examples against a node.
func runExample(t *testing.T, c *Content, install, program string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is missing; install it with: apt-get install %s", program, install)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = "../../examples"
	cmd.Env = append(os.Environ(), "HOLDFAST_CONTENT_SOCKET="+c.cfg().Socket, "PYTHONDONTWRITEBYTECODE=1", "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// exampleNode is a node with one question whose text is known.
func exampleNode(t *testing.T) *Content {
	t.Helper()
	w, course := newNodes(t, coursegen.Options{Seed: 61, Questions: 1})
	write(t, course, map[string]string{
		"questions/mechanics/lever/info.json": `{"title": "Lever"}`, "questions/mechanics/lever/question.html": "A lever",
	})
	c := w.node()
	publish(t, c)
	return c
}

const exampleAnswer = "A lever\ntrue\nno source is called"

// S4-21, C-29: the one call from Python. The lease lives as long as the block; after it the fast way by lock file works.
func TestTheCallFromPython(t *testing.T) {
	t.Parallel()
	c := exampleNode(t)
	out := runExample(t, c, "python3", "/usr/bin/python3", "-c", `
from holdfast_content import ensure, at_hand
with ensure("course", "render:mechanics/lever") as course:
    print(open(course["dir"] + "/questions/mechanics/lever/question.html").read())
    view = course["dir"]
with at_hand(view, "question:mechanics/lever", "elements") as here, at_hand(view, "question:no/such") as absent:
    with at_hand(view + "x", "elements") as nowhere:
        print(str(here and not absent and not nowhere).lower())
try:
    with ensure("nowhere", "all"):
        pass
except RuntimeError as e:
    print(str(e)[:len("no source is called")])`)
	if out != exampleAnswer {
		t.Errorf("%s", out)
	}
	within(t, freshFor, func() (bool, string) { return stats(t, c).Leases == 0, "a lease is left" })
}

// S4-21, C-29: the one call from Node.
func TestTheCallFromNode(t *testing.T) {
	t.Parallel()
	c := exampleNode(t)
	out := runExample(t, c, "nodejs", "node", "-e", `
const { ensure } = require('./holdfast_content.js')
async function main() {
  const course = await ensure('course', ['render:mechanics/lever'])
  console.log(require('fs').readFileSync(course.dir + '/questions/mechanics/lever/question.html', 'utf8'))
  console.log(course.lease.length > 0 && !course.stale)
  course.release()
  await ensure('nowhere', ['all']).catch((e) => console.log(e.message.slice(0, 'no source is called'.length)))
}
main()`)
	if out != exampleAnswer {
		t.Errorf("%s", out)
	}
	within(t, freshFor, func() (bool, string) { return stats(t, c).Leases == 0, "a lease is left" })
}
