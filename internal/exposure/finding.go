package exposure

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/internal/doctor"
	"holdfast/internal/fault"
	"holdfast/internal/health"
)

// told is how many paths a finding names; the others are counted.
const told = 3

// words are what a verdict is called, how bad it is for visitors' sites, and what to do.
type words struct {
	code, title, hint string
	severity          health.Severity
}

const private = "keep uploads in a private bucket and hand out links (docs/operate/files.md), and let the web server serve no directory of uploads"

func wordsOf(v Verdict) (words, bool) {
	w, ok := map[Verdict]words{
		Listed: {
			"exposure_listing", "Anybody can list a directory",
			"switch listings off (nginx: autoindex off; Apache: Options -Indexes); " + private, health.Error,
		},
		Served: {"exposure_file", "Anybody can fetch a file of a private bucket", private, health.Error},
		Linked: {
			"exposure_link", "Anybody is given a link to a file of a private bucket",
			"let the application check who asks before it makes a link", health.Error,
		},
		Git: {
			"exposure_git", "Anybody can read the repository",
			"serve no path that begins with /.git, take the repository out of the document root, and replace every secret that was ever in it", health.Error,
		},
		Env: {
			"exposure_env", "Anybody can read the application's secrets",
			"take .env out of the document root, and replace every password and key in it", health.Error,
		},
		Answered: {
			"exposure_answer", "A path where uploads or secrets may lie answers without credentials",
			"see what it shows to somebody who is not logged in; if it is no page for everybody: " + private, health.Warning,
		},
		Sent: {
			"exposure_redirect", "A path where uploads or secrets may lie sends strangers elsewhere",
			"look where it leads somebody who is not logged in", health.Warning,
		},
		Limited: {"exposure_limited", "The site takes no more requests from here for now", "look again in a while", health.Info},
		Broken:  {"exposure_error", "The site fails at a path that should be refused", "look into the application's log", health.Info},
	}[v]
	return w, ok
}

// findings says what the answers of a site amount to: one finding for each verdict.
func findings(s Site, answers []Answer) []doctor.Finding {
	var all []doctor.Finding
	for _, v := range []Verdict{Served, Linked, Env, Git, Listed, Answered, Sent, Limited, Broken} {
		w, _ := wordsOf(v)
		var seen []string
		for _, a := range answers {
			if a.Verdict == v {
				seen = append(seen, describe(a))
			}
		}
		if len(seen) == 0 {
			continue
		}
		more := ""
		if n := len(seen) - told; n > 0 {
			more = fmt.Sprintf("; and %d more", n)
		}
		f := doctor.Finding{
			Code: w.code, Subject: s.Name, Title: w.title, Severity: w.severity, Hint: w.hint, Kind: fault.Config,
			Text: strings.Join(seen[:min(told, len(seen))], "; ") + more,
		}
		all = append(all, atReach(f, s.Reach))
	}
	return all
}

func describe(a Answer) string {
	text := fmt.Sprintf("GET %s was answered with %d", a.Path, a.Status)
	switch {
	case a.Status == 0:
		text = fmt.Sprintf("GET %s ended without an answer", a.Path)
	case a.to != "":
		text += " to " + a.to
	}
	if a.name != "" && a.Verdict != Refused {
		text += fmt.Sprintf(" (%s)", a.name)
	}
	return text
}

// atReach makes a finding as bad as those are many who can get to the site.
func atReach(f doctor.Finding, r Reach) doctor.Finding {
	switch r {
	case Visitors:
	case Network:
		f.Severity = min(f.Severity, health.Warning)
		f.Title += ", past the edge"
		f.Hint = "let the application listen on 127.0.0.1 or a Unix socket, or let a firewall pass the edge alone; and " + f.Hint
	case Machine:
		f.Severity = min(f.Severity, health.Info)
		f.Title += ", from this machine"
	}
	return f
}

func unexamined(s Site, err error) doctor.Finding {
	f := doctor.Finding{
		Code: "exposure_unexamined", Subject: s.Name, Title: "A site could not be asked", Text: err.Error(), Severity: health.Warning,
		Hint: "give the address that visitors use: holdfast doctor --url https://HOST",
	}
	if s.Reach != Visitors {
		f.Severity, f.Hint = health.Info, "see: holdfast edge upstream list"
	}
	return f
}

// withoutEchoes leaves out what a server of the application answers to this machine where the edge answers visitors the same.
func withoutEchoes(all []doctor.Finding) []doctor.Finding {
	loud := map[string]bool{}
	for _, f := range all {
		loud[f.Code] = loud[f.Code] || f.Severity >= health.Warning
	}
	return slices.DeleteFunc(all, func(f doctor.Finding) bool {
		return f.Severity == health.Info && strings.HasSuffix(f.Title, "from this machine") && loud[f.Code]
	})
}
