package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/files"
	"holdfast/internal/unit"
)

const filesBucketHelp = `The buckets and their rules.

Usage:
  holdfast files bucket list [--json]
  holdfast files bucket show NAME [--json]
  holdfast files bucket create NAME [RULES] [--json]
  holdfast files bucket set NAME [RULES] [--json]
  holdfast files bucket rm NAME [--json]

A bucket is private unless it is made public. What "set" does not name stays as it is. A bucket that stands in the
configuration ([files.buckets.NAME]) is changed there, and comes back from there.

Rules:
      --public                  anyone may read its files, without a link (--public=false: no more)
      --max-size SIZE           the largest file, as "20MB"; 0 for no limit
      --max-objects N           how many files; 0 for no limit
      --type TYPE               what content must look like, as "image/*"; may be repeated; "" for any
      --expire-after DURATION   the default life of a file, as "30d"; 0 for ever
      --versions                keep replaced and deleted files (--versions=false: no more)
      --keep-versions N         how many for each key; 0 for all
      --origin ORIGIN           a site whose pages may read and upload, as "https://app.example.com"; may be repeated

With --json the fields of a bucket are name, created, owner, declared, public, versioning, max_size, max_objects, types,
expire_after, keep_versions, origins, inline, resources, and usage (objects, bytes) where one bucket is asked for.

EXIT STATUS
  0, or 4 when there is no such bucket, 6 when it exists already or is not empty

EXAMPLE
  holdfast files bucket create avatars --public --type 'image/*' --max-size 5MB
`

func newFilesBucket(a *app) *cobra.Command {
	c := a.group("bucket", "the buckets and their rules", filesBucketHelp)
	list := a.command("list", "list the buckets", filesBucketHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		return runBucketList(c.Context(), a)
	})
	show := a.command("show", "describe a bucket", filesBucketHelp, 1, 1, func(c *cobra.Command, args []string) error {
		return a.bucketCall(c.Context(), routeBucketStat, files.BucketRef{Name: args[0]})
	})
	rm := a.command("rm", "delete an empty bucket", filesBucketHelp, 1, 1, func(c *cobra.Command, args []string) error {
		return runBucketRm(c.Context(), a, args[0])
	})
	c.AddCommand(list, show, newBucketCreate(a), newBucketSet(a), rm)
	return c
}

func newBucketCreate(a *app) *cobra.Command {
	var rules bucketRules
	c := a.command("create", "make a bucket", filesBucketHelp, 1, 1, func(c *cobra.Command, args []string) error {
		return a.bucketCall(c.Context(), routeBucketCreate, files.CreateBucketRequest{Name: args[0], BucketSettings: rules.settings(c)})
	})
	rules.flags(c)
	return c
}

func newBucketSet(a *app) *cobra.Command {
	var rules bucketRules
	c := a.command("set", "change a bucket", filesBucketHelp, 1, 1, func(c *cobra.Command, args []string) error {
		return a.bucketCall(c.Context(), routeBucketUpdate, files.UpdateBucketRequest{Name: args[0], BucketSettings: rules.settings(c)})
	})
	rules.flags(c)
	return c
}

// bucketRules are the options of bucket create and set.
type bucketRules struct {
	public, versions         bool
	maxSize                  sizeFlag
	maxObjects, keepVersions int64
	types, origins           []string
	expireAfter              durationFlag
}

func (r *bucketRules) flags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&r.public, "public", false, "")
	f.Var(&r.maxSize, "max-size", "")
	f.Int64Var(&r.maxObjects, "max-objects", 0, "")
	f.StringArrayVar(&r.types, "type", nil, "")
	f.Var(&r.expireAfter, "expire-after", "")
	f.BoolVar(&r.versions, "versions", false, "")
	f.Int64Var(&r.keepVersions, "keep-versions", 0, "")
	f.StringArrayVar(&r.origins, "origin", nil, "")
}

// settings holds what was named on the command line, and nothing else.
func (r *bucketRules) settings(c *cobra.Command) files.BucketSettings {
	var s files.BucketSettings
	given := c.Flags().Changed
	if given("public") {
		s.Public = &r.public
	}
	if given("max-size") {
		n := int64(r.maxSize.Bytes)
		s.MaxSize = &n
	}
	if given("max-objects") {
		s.MaxObjects = &r.maxObjects
	}
	if given("type") {
		s.Types = named(r.types)
	}
	if given("expire-after") {
		s.ExpireAfter = &r.expireAfter.Duration
	}
	if given("versions") {
		state := "Suspended"
		if r.versions {
			state = "Enabled"
		}
		s.Versioning = &state
	}
	if given("keep-versions") {
		n := int(r.keepVersions)
		s.KeepVersions = &n
	}
	if given("origin") {
		s.Origins = named(r.origins)
	}
	return s
}

// named drops the empty text, with which a list is emptied.
func named(items []string) *[]string {
	out := []string{}
	for _, item := range items {
		if item != "" {
			out = append(out, item)
		}
	}
	return &out
}

func runBucketList(ctx context.Context, a *app) error {
	answer, err := ask[files.ListBucketsAnswer](ctx, a, routeBucketList, files.Empty{})
	if err != nil {
		return err
	}
	return a.data(answer, func() {
		rows := [][]string{{"bucket", "public", "max size", "types", "expires", "versions", "from"}}
		for _, b := range answer.Buckets {
			from := "files bucket create"
			if b.Declared {
				from = "configuration"
			}
			rows = append(rows, []string{
				b.Name, yesNo(b.Public), limit(b.MaxSize, size), orDash(strings.Join(b.Types, ",")),
				orDash(durationText(b.ExpireAfter)), orDash(b.Versioning), from,
			})
		}
		a.table(rows)
	})
}

func (a *app) bucketCall(ctx context.Context, route string, req any) error {
	b, err := ask[files.BucketInfo](ctx, a, route, req)
	if err != nil {
		return err
	}
	return a.data(b, func() {
		a.printf("%s\n  public        %s\n  max size      %s\n", b.Name, yesNo(b.Public), limit(b.MaxSize, size))
		a.printf("  max objects   %s\n  types         %s\n", limit(b.MaxObjects, decimal), orDash(strings.Join(b.Types, ", ")))
		a.printf("  expire after  %s\n  versions      %s\n", orDash(durationText(b.ExpireAfter)), orDash(b.Versioning))
		a.printf("  origins       %s\n", orDash(strings.Join(b.Origins, ", ")))
		if b.KeepVersions > 0 {
			a.printf("  keeps         %s of each key\n", count(b.KeepVersions, "version"))
		}
		if len(b.Inline) > 0 {
			a.printf("  shown pages   %s, which load from %s\n", strings.Join(b.Inline, ", "), orDash(strings.Join(b.Resources, ", ")))
		}
		if b.Usage != nil {
			a.printf("  holds         %s, %s\n", count(int(b.Usage.Objects), "file"), size(b.Usage.Bytes))
		}
	})
}

func runBucketRm(ctx context.Context, a *app, name string) error {
	if _, err := ask[files.Empty](ctx, a, routeBucketDelete, files.BucketRef{Name: name}); err != nil {
		return err
	}
	return a.data(map[string]string{"deleted": name}, func() { a.printf("deleted %s\n", name) })
}

func durationText(d unit.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
