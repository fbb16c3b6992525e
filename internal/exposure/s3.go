package exposure

import (
	"context"
	"net/http"
	"slices"

	"holdfast/internal/doctor"
	"holdfast/internal/fault"
	"holdfast/internal/health"
)

// maxBuckets bounds the buckets that the S3 endpoint is asked for.
const maxBuckets = 10

// askS3 asks the S3 endpoint without a signature: for the buckets, for what is in them, for files of private ones.
func askS3(ctx context.Context, s Site, o Options) ([]Answer, error) {
	who := newStranger(s, o.Version)
	defer who.close()
	type question struct{ path, name string }
	all := []question{{path: "/"}}
	buckets := slices.Concat(o.Private, o.Public)
	for _, b := range buckets[:min(len(buckets), maxBuckets)] {
		all = append(all, question{path: "/" + escape(b) + "?list-type=2&max-keys=1"})
	}
	for _, x := range o.Objects {
		name := x.Bucket + "/" + x.Key
		all = append(all, question{"/" + escape(name), name})
	}
	var answers []Answer
	for _, q := range all {
		g, err := who.ask(ctx, q.path)
		if err != nil {
			return answers, err
		}
		a := Answer{Site: s.Name, Path: q.path, Status: g.status, Verdict: Refused, name: q.name}
		switch {
		case g.status >= http.StatusInternalServerError:
			a.Verdict = Broken
		case g.status < http.StatusMultipleChoices && q.name != "":
			a.Verdict = Served
		case g.status < http.StatusMultipleChoices:
			a.Verdict = Listed
		}
		answers = append(answers, a)
	}
	return answers, nil
}

// s3Findings says what the answers of the S3 endpoint amount to. It refuses strangers by itself, so what is found is our mistake.
func s3Findings(s Site, answers []Answer) []doctor.Finding {
	all := findings(s, answers)
	for i, f := range all {
		switch f.Code {
		case "exposure_file":
			all[i].Code, all[i].Hint = "exposure_s3_file", "this is a mistake in Holdfast: stop the endpoint, and report it"
		case "exposure_listing":
			all[i].Code, all[i].Title = "exposure_s3_list", "Anybody can list buckets or what is in them"
			all[i].Hint = "this is a mistake in Holdfast: stop the endpoint, and report it"
		default:
			continue
		}
		all[i].Severity, all[i].Kind = health.Error, fault.Internal
	}
	return all
}
