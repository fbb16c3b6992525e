package cli

import (
	"cmp"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
	"holdfast/internal/control"
)

const envHelp = `Print the variables that the application needs.

Usage:
  holdfast env [--format shell | dotenv | systemd] [--app NAME] [--renew] [--no-s3] [--json]
  holdfast env --settings django | flask [--processes N]

  DATABASE_URL            the application's database, through the pooler or directly, as the configuration says
  DATABASE_URL_READONLY   the same, for sessions that cannot write: at the replicas where there is an endpoint for them
  DATABASE_URL_DIRECT     past the pooler, for backups and for migrations that run for long
  AWS_ACCESS_KEY_ID       the application's key for the S3 endpoint; boto3, the SDKs and most tools read it
  AWS_SECRET_ACCESS_KEY
  AWS_ENDPOINT_URL_S3     where the endpoint is; the SDKs and aws-cli read it since 2023, older ones take --endpoint-url
  AWS_S3_ENDPOINT_URL     the same, for the settings of django-storages
  AWS_REGION              AWS_DEFAULT_REGION is the same for older tools
  CACHE_URL, REDIS_URL    the cache, for frameworks that speak to Redis; only with cache.enabled
  PUBLIC_URL              scheme and host that visitors use, for links in mails and jobs
  MEDIA_URL, STATIC_URL   where visitors find uploads and assets
  HOLDFAST_CONTENT_SOCKET where the application asks for content, when a source is named

DATABASE_URL leads to the first endpoint for sessions ([[database.endpoints]]), and to PostgreSQL itself where one has the
mode "direct", the pooler is switched off, or it does not know the role's password. Of a role that a direct endpoint names no
password is printed, because none is known.

The first call makes an access key for the application, which may read, list, write and delete in all buckets; Holdfast must
run for that. The key is kept in the state directory, so later calls print the same one; one that was revoked or has ended
is replaced. For less rights make a key of your own with "holdfast files key create".

The output holds secrets: send it to the application and nowhere else.

With --settings it is the lines that a framework's configuration needs to use these variables, with sizes that fit the
pool, and without secrets.

Options:
      --app NAME      the application that the key is for (default "app")
      --format NAME   shell: export lines (default); dotenv: for docker and most frameworks; systemd: for EnvironmentFile=
      --no-s3         leave the S3 variables out
      --processes N   how many processes the application has (default: 2 × processors + 1, as Gunicorn advises)
      --renew         make a new key and revoke the old one
      --settings NAME lines for the configuration of: django, flask

With --json it is one object, variable by variable.

EXIT STATUS
  0, 7 when no Holdfast runs and a key is to be made, or a port is only known to it (listen = "127.0.0.1:0")

EXAMPLE
  eval "$(holdfast env)" && ./manage.py runserver
  holdfast env --format systemd > /etc/journal.env
  holdfast env --settings django >> settings.py
`

// envOptions are the options of env.
type envOptions struct {
	format, app string
	noS3, renew bool
	settings    string // a framework; "" prints variables
	processes   int
}

// variable is one line of the output.
type variable struct{ name, value string }

func newEnv(a *app) *cobra.Command {
	var o envOptions
	c := a.command("env", "print the variables that the application needs", envHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		if _, ok := envFormats[o.format]; !ok {
			return usage(c, "no such format: "+o.format)
		}
		if o.settings != "" {
			if _, ok := settingsOf(o.settings); !ok {
				return usage(c, "no settings for "+o.settings+"; there are django and flask")
			}
			return runSettings(c.Context(), a, o)
		}
		return runEnv(c.Context(), a, o)
	})
	c.Flags().StringVar(&o.format, "format", "shell", "")
	c.Flags().StringVar(&o.app, "app", "app", "")
	c.Flags().BoolVar(&o.noS3, "no-s3", false, "")
	c.Flags().BoolVar(&o.renew, "renew", false, "")
	c.Flags().StringVar(&o.settings, "settings", "", "")
	c.Flags().IntVar(&o.processes, "processes", 0, "")
	return c
}

func runEnv(ctx context.Context, a *app, o envOptions) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	client := control.NewClient(cfg.Socket())
	defer client.Close()
	vars, err := a.databaseVariables(ctx, client, cfg)
	if err != nil {
		return err
	}
	if !o.noS3 {
		s3, err := s3Variables(ctx, client, cfg, o)
		if err != nil {
			return err
		}
		vars = append(vars, s3...)
	}
	redis, err := cacheVariables(ctx, client, cfg)
	if err != nil {
		return err
	}
	vars = append(vars, redis...)
	site, err := siteVariables(ctx, client, cfg)
	if err != nil {
		return err
	}
	vars = append(vars, site...)
	object := map[string]string{}
	for _, v := range vars {
		object[v.name] = v.value
	}
	return a.data(object, func() {
		for _, v := range vars {
			a.printf("%s\n", envFormats[o.format](v))
		}
	})
}

func (a *app) databaseVariables(ctx context.Context, client *control.Client, cfg *config.Config) ([]variable, error) {
	u, err := findDatabase(ctx, client, cfg)
	if err != nil {
		return nil, err
	}
	if u.note != "" {
		a.storyf("note: %s", u.note)
	}
	return []variable{{"DATABASE_URL", u.app}, {"DATABASE_URL_READONLY", u.readOnly}, {"DATABASE_URL_DIRECT", u.direct}}, nil
}

// siteVariables are what a template needs to know without a request.
func siteVariables(ctx context.Context, client *control.Client, cfg *config.Config) ([]variable, error) {
	site, err := "", error(nil)
	if len(cfg.Edge.Hosts) > 0 {
		site = "https://" + cfg.Edge.Hosts[0]
	} else if site, err = listenURL(ctx, client, "edge", cfg.Edge.Listen, cfg.Edge.HasTLS()); err != nil {
		return nil, err
	}
	files := strings.TrimSuffix(cmp.Or(cfg.Files.PublicURL, site), "/")
	all := []variable{{"PUBLIC_URL", site}, {"MEDIA_URL", files + cfg.Media.URL}, {"STATIC_URL", site + cfg.Static.URL}}
	if cfg.Content.On() {
		all = append(all, variable{"HOLDFAST_CONTENT_SOCKET", cfg.Content.Socket})
	}
	return all, nil
}

// envFormats write one variable each.
var envFormats = map[string]func(variable) string{
	"shell":   func(v variable) string { return "export " + v.name + "=" + shellQuote(v.value) },
	"dotenv":  func(v variable) string { return v.name + "=" + v.value },
	"systemd": func(v variable) string { return v.name + "=" + systemdQuote(v.value) },
}

// shellQuote quotes for every POSIX shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// systemdQuote quotes for EnvironmentFile= (systemd.exec(5)).
func systemdQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(s) + `"`
}
