package postgres

import "testing"

func TestMistakesAboutTLSAreFoundUnderTheirKeys(t *testing.T) {
	t.Parallel()
	f := func(key string, s TLSSettings, socket bool) {
		t.Helper()
		p := s.Validate(socket)
		if key == "" && len(p) > 0 || key != "" && (len(p) != 1 || p[0].Key != key || p[0].Hint == "") {
			t.Errorf("%+v: %+v, want %q", s, p, key)
		}
	}
	f("", TLSSettings{Mode: "require", Negotiation: "direct", ChannelBinding: "require"}, false)
	f("", TLSSettings{}, true)
	f("sslmode", TLSSettings{Mode: "on"}, false)
	f("sslnegotiation", TLSSettings{Mode: "prefer", Negotiation: "direct"}, false)
	f("sslnegotiation", TLSSettings{Negotiation: "soon"}, false)
	f("channel_binding", TLSSettings{Mode: "disable", ChannelBinding: "require"}, false)
	f("channel_binding", TLSSettings{ChannelBinding: "require"}, true)
	f("channel_binding", TLSSettings{ChannelBinding: "tight"}, false)
	f("sslcert", TLSSettings{Cert: "/x"}, false)
	f("sslcert", TLSSettings{Cert: "/none", Key: "/none"}, false)
	f("sslcert", TLSSettings{Mode: "disable", Cert: "/x", Key: "/x"}, false)
	if p := (Config{ChannelBinding: "require"}).Validate(); len(p) == 0 || p[0].Key != "mode" {
		t.Errorf("a private server has no TLS: %+v", p)
	}
}
