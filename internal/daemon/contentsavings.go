package daemon

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"holdfast/internal/admin"
	"holdfast/internal/content"
	"holdfast/internal/control"
)

// shownSources is how many sources the status names: those that were asked for most.
const shownSources = 20

// contentSavings says, for each source that was used on this machine, what its cache was good for, and what publishing took and
// saved (S4-26).
func (d *Daemon) contentSavings(ctx context.Context) admin.Facts {
	list, err := d.content.List(ctx, control.Empty{})
	if err != nil {
		return nil // the section says that already
	}
	var uploaded, reused content.Amount
	for _, s := range list.Sources {
		uploaded.Parts, uploaded.Bytes = uploaded.Parts+s.Stored.Uploaded.Parts, uploaded.Bytes+s.Stored.Uploaded.Bytes
		reused.Parts, reused.Bytes = reused.Parts+s.Stored.Reused.Parts, reused.Bytes+s.Stored.Reused.Bytes
	}
	slices.SortStableFunc(list.Sources, func(a, b content.SourceHere) int { return cmp.Compare(b.Use.Asked, a.Use.Asked) })
	by := []string{}
	for _, s := range list.Sources[:min(len(list.Sources), shownSources)] {
		if rate := s.Use.HitRate(); rate != nil {
			by = append(by, fmt.Sprintf("%s %.1f %% of %s, %s saved", s.Name, *rate, count(s.Use.Calls, "call"), admin.Size(s.Use.Saved)))
		}
	}
	return admin.Facts{
		{Name: "hit_rate_by_source", Value: by},
		{Name: "published_parts_uploaded", Value: uploaded.Parts},
		{Name: "published_parts_reused", Value: reused.Parts},
		{Name: "published_uploaded_bytes", Value: uploaded.Bytes},
		{Name: "published_reused_bytes", Value: reused.Bytes},
	}
}

// percent is a number that may be missing.
func percent(rate *float64) any {
	if rate == nil {
		return nil
	}
	return *rate
}
