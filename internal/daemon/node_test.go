package daemon

import (
	"net/netip"
	"slices"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/edge"
	"holdfast/internal/fault"
)

// S4-04: what a configuration says about one machine is told when another joins with it.
func TestWhatBelongsToOneMachineIsTold(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Storage.S3.Enabled = true
	cfg.Database.Host = "db.example.org"
	if notes := machineNotes(&cfg); len(notes) != 0 {
		t.Errorf("of a site for many machines: %v", notes)
	}
	cfg.Storage.S3.Enabled, cfg.Media.Root = false, t.TempDir()
	cfg.Database.Host, cfg.Edge.Listen = "127.0.0.1", "10.1.2.3:8000"
	cfg.Edge.Listeners = []edge.Listener{{Listen: "0.0.0.0:80"}, {Listen: "[fd00::7]:81"}, {Listen: "unix:/run/x"}}
	var keys []string
	for _, n := range machineNotes(&cfg) {
		keys = append(keys, n.Key)
		if n.Text == "" || n.Hint == "" {
			t.Errorf("%+v", n)
		}
	}
	if want := []string{"edge.listen", "edge.listeners[1].listen", "database.host", "media.root"}; !slices.Equal(keys, want) {
		t.Errorf("told are %v, want %v", keys, want)
	}
}

func TestAConfigurationThatNoOtherMachineCanUseIsNotHandedOut(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(config.None, []string{"HOLDFAST_FILES__MASTER_KEY=q2w4e6r8t1y3u5i7o9p2a4s6d8f1g3h5"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bundleOf(cfg, "1"); fault.CodeOf(err) != "invite_environment" || fault.HintOf(err) == "" {
		t.Errorf("from the environment alone: %v", err)
	}
}

func TestAListenerOnAllInterfacesIsReachedByTheMachinesAddresses(t *testing.T) {
	t.Parallel()
	f := func(addr string, want ...string) {
		t.Helper()
		var got []string
		for _, a := range reachable(addr) {
			got = append(got, a.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
	f("10.0.0.5:8000", "10.0.0.5:8000")
	f("127.0.0.1:8000", "127.0.0.1:8000")
	f("unix:/run/x")
	for _, a := range reachable("0.0.0.0:81") {
		if a.Port() != 81 || a.Addr().IsUnspecified() || a.Addr().IsLoopback() || a.Addr() == (netip.Addr{}) {
			t.Errorf("all interfaces: %s", a)
		}
	}
}
