package cli

import (
	"context"
	_ "embed"
	"runtime"
	"strings"
	"text/template"

	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/pooler"
)

//go:embed settings/django.py.tmpl
var djangoSettings string

//go:embed settings/flask.py.tmpl
var flaskSettings string

// settingsOf are the frameworks whose settings can be printed.
func settingsOf(framework string) (text string, ok bool) {
	switch framework {
	case "django":
		return djangoSettings, true
	case "flask":
		return flaskSettings, true
	}
	return "", false
}

// settings are what the lines for a framework depend on. They hold no secret: those stay in the environment.
type settings struct {
	Hosts     []string
	Origins   []string
	Processes int
	Pooled    bool // through the pooler
	Sessions  bool // a client keeps its server connection until it leaves
	MaxSize   int  // of the pool
	Each      int  // connections for each process of the application
	Patience  int  // seconds that a client waits, a little longer than the pool
	Cache     bool
	Bucket    string
}

func runSettings(ctx context.Context, a *app, o envOptions) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	client := control.NewClient(cfg.Socket())
	defer client.Close()
	site, err := siteVariables(ctx, client, cfg)
	if err != nil {
		return err
	}
	text, _ := settingsOf(o.settings)
	t, err := template.New(o.settings).Parse(text)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, newSettings(cfg, site[0].value, o.processes)); err != nil {
		return err
	}
	a.printf("%s", b.String())
	return nil
}

// newSettings derives what fits the server side. Without a number of processes it is what Gunicorn advises.
func newSettings(cfg *config.Config, site string, processes int) settings {
	if processes <= 0 {
		processes = 2*runtime.NumCPU() + 1
	}
	s := settings{
		Hosts: cfg.Edge.Hosts, Origins: []string{site}, Processes: processes, Cache: cfg.Cache.Enabled, Bucket: "media",
		MaxSize: cfg.Database.Options.Pool.MaxSize, Patience: int(cfg.Database.Options.Pool.Timeout.D().Seconds()) + 5,
	}
	if len(s.Hosts) == 0 {
		s.Hosts = []string{"127.0.0.1", "localhost"}
	}
	if direct := cfg.Database.Pooling.Direct(); len(direct) > 0 {
		if direct[0].MaxSize > 0 {
			s.MaxSize = direct[0].MaxSize
		}
	} else if doors := cfg.Database.Pooling.Doors(); len(doors) > 0 {
		e := doors[max(0, appDoor(doors))]
		s.Pooled, s.Sessions = true, e.Mode == pooler.ModeSession
		if e.MaxSize > 0 {
			s.MaxSize = e.MaxSize
		}
	}
	s.Each = max(1, s.MaxSize/processes)
	return s
}
