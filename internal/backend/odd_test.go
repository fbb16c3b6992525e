package backend_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/backend"
	"holdfast/internal/fault"
	"holdfast/internal/pgwire"
)

type unixSyscallConn interface {
	SyscallConn() (syscall.RawConn, error)
}

func itoa(n int) string { return strconv.Itoa(n) }

func TestWhatIsNotPostgresIsToldSo(t *testing.T) {
	t.Parallel()
	f := func(says string, first bool, mode backend.TLSMode) {
		t.Helper()
		target := serve(t, func(p *peer) {
			if !first {
				_, _ = p.Read(make([]byte, 100))
			}
			p.send([]byte(says))
			p.rest()
		})
		target.TLS = &backend.TLSConfig{Mode: mode}
		e := dialFails(t, target, backend.Login{User: "u"})
		begins := `it says ` + strings.TrimSuffix(fmt.Sprintf("%q", says[:4]), `"`)
		if fault.CodeOf(e) != "backend_not_postgres" || !e.Permanent() || !strings.Contains(e.Error(), begins) {
			t.Errorf("%q with sslmode %s: %v", says, mode, e)
		}
	}
	for _, mode := range []backend.TLSMode{backend.TLSDisable, backend.TLSPrefer, backend.TLSRequire} {
		f("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", false, mode)
		f("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", true, mode)
		f("-ERR unknown command\r\n", false, mode)
		f("ERROR\r\n", false, mode)
		f("220 mail ESMTP\r\n", true, mode)
		f("\x4a\x00\x00\x00\x0a8.0.36\x00", true, mode) // MySQL
		f("RTSP/1.0 400 Bad Request\r\n", false, mode)
	}
}

func TestAServerThatHangsUpIsTriedAgain(t *testing.T) {
	t.Parallel()
	whole := welcome()
	for _, n := range []int{0, 1, 4, 5, 9, 20, len(whole) - 1} {
		target := serve(t, func(p *peer) {
			p.packet()
			p.send(whole[:n])
		})
		if e := dialFails(t, target, backend.Login{User: "u"}); e.Permanent() || fault.KindOf(e) != fault.Unavailable {
			t.Errorf("after %d bytes: %v (permanent %v)", n, e, e.Permanent())
		}
	}
}

// S0-24, trap 20: one limit bounds the whole log-in, however slowly it goes on.
func TestASlowLoginEndsInTime(t *testing.T) {
	t.Parallel()
	f := func(name string, act func(p *peer), config *backend.TLSConfig) {
		t.Helper()
		target := serve(t, act)
		target.TLS, target.ConnectTimeout = config, 100*time.Millisecond
		start := time.Now()
		e := dialFails(t, target, backend.Login{User: "u"})
		if took := time.Since(start); fault.CodeOf(e) != "backend_timeout" || e.Permanent() || took < 90*time.Millisecond || took > 5*time.Second {
			t.Errorf("%s: %v after %s", name, e, took)
		}
	}
	f("silence", func(p *peer) { p.rest() }, nil)
	f("silence to SSLRequest", func(p *peer) { p.rest() }, &backend.TLSConfig{Mode: backend.TLSPrefer})
	f("silence in TLS", func(p *peer) { p.packet(); p.send([]byte("S")); p.rest() }, &backend.TLSConfig{Mode: backend.TLSRequire})
	f("a byte now and then", func(p *peer) {
		p.packet()
		for _, b := range welcome() {
			p.send([]byte{b})
			<-time.After(10 * time.Millisecond)
		}
		p.rest()
	}, nil)
	f("half a log-in", func(p *peer) { p.packet(); p.send(pgwire.AppendAuthOK(nil)); p.rest() }, nil)
}

func TestACallerWhoGivesUpIsNotKept(t *testing.T) {
	t.Parallel()
	target := serve(t, func(p *peer) { p.rest() })
	ctx, cancel := context.WithCancel(t.Context())
	go cancel() // nobody waits for it: it does nothing else
	_, err := backend.Dial(ctx, target, backend.Login{User: "u"})
	if fault.KindOf(err) != fault.Interrupted || !errors.Is(err, context.Canceled) {
		t.Errorf("Dial: %v", err)
	}
}

// CVE-2026-6666 (trap 10): an error without SQLSTATE, or with nothing at all.
func TestErrorsWithMissingFieldsAreErrors(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"\x00", "SFATAL\x00\x00", "Mwords\x00\x00", "SFATAL\x00C28P01\x00Mx\x00\x00"} {
		target := serve(t, func(p *peer) {
			p.packet()
			p.send([]byte{'E', 0, 0, 0, byte(len(body) + 4)}, []byte(body))
		})
		e := dialFails(t, target, backend.Login{User: "u"})
		if e.Permanent() != strings.Contains(body, "28P01") || e.SQLState() == "" {
			t.Errorf("%q: %v, permanent %v", body, e, e.Permanent())
		}
	}
}

func TestWhichErrorsOfAServerAreFinal(t *testing.T) {
	t.Parallel()
	for code, final := range map[string]bool{
		"57P03": false, "53300": false, "57P01": false, "XX000": false, "58030": false,
		"28P01": true, "28000": true, "3D000": true, "42704": true, "0A000": true, "08P01": true,
	} {
		target := serve(t, func(p *peer) { p.packet(); p.send(fatal(code, "no")) })
		if e := dialFails(t, target, backend.Login{User: "u"}); e.SQLSTATE != code || e.SQLState() != code || e.Permanent() != final {
			t.Errorf("%s: SQLSTATE %s, permanent %v", code, e.SQLSTATE, e.Permanent())
		}
	}
}

func TestAServerThatBreaksTheProtocolIsLeft(t *testing.T) {
	t.Parallel()
	f := func(name, want string, answer ...[]byte) {
		t.Helper()
		target := serve(t, func(p *peer) {
			p.packet()
			p.send(answer...)
			p.rest()
		})
		l := backend.Login{User: "u", Credential: password("x")}
		if e := dialFails(t, target, l); fault.CodeOf(e) != want || !e.Permanent() {
			t.Errorf("%s: %v", name, e)
		}
	}
	ok := pgwire.AppendAuthOK(nil)
	f("data before it let us in", "backend_protocol", pgwire.AppendAuthSASL(nil, "SCRAM-SHA-256"), pgwire.AppendReadyForQuery(nil, 'I'))
	f("rows while logging in", "backend_protocol", ok, pgwire.AppendDataRow(nil, nil))
	f("a length of 3", "backend_protocol", ok, []byte{'S', 0, 0, 0, 3})
	f("a length of 1 GB", "backend_protocol", ok, []byte{'S', 0x3f, 0, 0, 0})
	f("an unknown status", "backend_protocol", ok, pgwire.AppendReadyForQuery(nil, 'X'))
	f("a newer protocol than asked for", "backend_protocol", pgwire.AppendNegotiate(nil, 5, nil))
	f("an option that we did not ask for", "backend_protocol", pgwire.AppendNegotiate(nil, 0, []string{"_pq_.x"}))
	f("SASL from the middle", "backend_protocol", pgwire.AppendAuthSASLContinue(nil, []byte("r=x")))
	f("an unknown method", "backend_auth_method", []byte{'R', 0, 0, 0, 8, 0, 0, 0, 7})
	f("no mechanism that we know", "backend_auth_method", pgwire.AppendAuthSASL(nil, "OAUTHBEARER"))
}

// The proof goes both ways: a server that takes our proof and gives none is not the one we know.
func TestAServerThatProvesNothingIsLeft(t *testing.T) {
	t.Parallel()
	f := func(name string, end []byte) {
		t.Helper()
		target := serve(t, func(p *peer) {
			p.packet()
			p.send(pgwire.AppendAuthSASL(nil, "SCRAM-SHA-256"))
			_, body := p.message()
			_, data, err := pgwire.ParseSASLInitial(body)
			if err != nil {
				t.Error(err)
			}
			_, nonce, _ := strings.Cut(string(data), ",r=")
			salt := base64.StdEncoding.EncodeToString([]byte("salt"))
			p.send(pgwire.AppendAuthSASLContinue(nil, []byte("r="+nonce+"more,s="+salt+",i=4096")))
			p.message()
			p.send(end, pgwire.AppendReadyForQuery(nil, 'I'))
			p.rest()
		})
		l := backend.Login{User: "u", Credential: password("x")}
		if e := dialFails(t, target, l); fault.CodeOf(e) != "backend_unproven" || !e.Permanent() {
			t.Errorf("%s: %v", name, e)
		}
	}
	f("no proof", pgwire.AppendAuthOK(nil))
	f("a wrong proof", pgwire.AppendAuthSASLFinal(nil, []byte("v="+base64.StdEncoding.EncodeToString(make([]byte, 32)))))
}

// CVE-2021-23222 (trap 13): what stands behind the answer to SSLRequest must not be taken for what comes inside TLS.
func TestWordsSlippedInBeforeTLSAreNotHeard(t *testing.T) {
	t.Parallel()
	target := serve(t, func(p *peer) {
		p.packet()
		p.send(append([]byte("S"), welcome()...))
		p.rest()
	})
	target.TLS = &backend.TLSConfig{Mode: backend.TLSRequire}
	if e := dialFails(t, target, backend.Login{User: "u"}); e.SQLSTATE != "" {
		t.Errorf("Dial: %v", e)
	}
}

func TestTheWordsOfAnErrorBeforeTLSAreNotShown(t *testing.T) {
	t.Parallel()
	target := serve(t, func(p *peer) {
		p.packet()
		p.send(fatal("53300", "send money"))
	})
	target.TLS = &backend.TLSConfig{Mode: backend.TLSRequire}
	e := dialFails(t, target, backend.Login{User: "u"})
	if fault.CodeOf(e) != "backend_tls_refused" || strings.Contains(e.Error(), "money") || e.Permanent() {
		t.Errorf("Dial: %v", e)
	}
}

// idle serves one session by plain TCP or TLS; what is sent on say reaches it, a nil ends it.
func idle(t *testing.T, secure bool) (c *backend.Conn, say chan []byte) {
	t.Helper()
	say = make(chan []byte)
	pair := newAuthority(t).pair(t, "127.0.0.1")
	target := serve(t, func(p *peer) {
		if secure {
			p.secure(&tls.Config{Certificates: []tls.Certificate{pair}})
		}
		p.greet()
		for b := range say {
			if b == nil {
				break
			}
			p.send(b)
		}
		if secure {
			_ = p.Close() // with TLS's good-bye
		}
	})
	if secure {
		target.TLS = &backend.TLSConfig{Mode: backend.TLSRequire}
	}
	c = dial(t, target, backend.Login{User: "u"})
	t.Cleanup(func() { close(say) })
	return c, say
}

// Trap 9: a server whose configuration was reloaded tells idle sessions of new values.
func TestReportsOnAnIdleSessionAreTakenAndRemembered(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		c, say := idle(t, secure)
		size := 9000
		if secure {
			size = 900 // all of it in one TLS record: half a message would end the session
		}
		b := pgwire.AppendParameterStatus(nil, "TimeZone", "Europe/Berlin")
		b = pgwire.AppendNotice(b, pgwire.Notice{Severity: "WARNING", Code: "01000", Message: strings.Repeat("x", size)})
		b = pgwire.AppendNotification(b, 1, "ch", "payload")
		b = pgwire.AppendParameterStatus(b, "in_hot_standby", "off")
		say <- b
		eventually(t, "the report came", func() bool {
			_, last := c.Param("in_hot_standby")
			return c.Dead() || last
		})
		zone, _ := c.Param("TimeZone")
		if c.Err() != nil || zone != "Europe/Berlin" || len(c.Params()) != 3 || c.Params()[1].Name != "TimeZone" {
			t.Errorf("TLS %v: %v, params %v", secure, c.Err(), c.Params())
		}
	}
}

func TestAPlainSessionKeepsHalfAMessageForItsReader(t *testing.T) {
	t.Parallel()
	c, say := idle(t, false)
	report := pgwire.AppendParameterStatus(nil, "TimeZone", "Europe/Berlin")
	say <- append(pgwire.AppendParameterStatus(nil, "x", "1"), report[:7]...)
	eventually(t, "the first report came", func() bool {
		_, ok := c.Param("x")
		return c.Dead() || ok
	})
	say <- report[7:]
	eventually(t, "the second report came", func() bool {
		zone, _ := c.Param("TimeZone")
		return c.Dead() || zone != "UTC"
	})
	if c.Err() != nil {
		t.Error(c.Err())
	}
}

func TestWhatAnIdleServerDoesNotSayEndsTheSession(t *testing.T) {
	t.Parallel()
	f := func(name, want string, say []byte) {
		t.Helper()
		for _, secure := range []bool{false, true} {
			c, out := idle(t, secure)
			out <- say
			eventually(t, name, c.Dead)
			if got := fault.CodeOf(c.Err()); got != want {
				t.Errorf("%s, TLS %v: %v", name, secure, c.Err())
			}
		}
	}
	f("a fatal error", "backend_refused", fatal("57P05", "idle too long"))
	f("an answer", "backend_protocol", pgwire.AppendReadyForQuery(nil, 'I'))
	f("half an answer", "backend_protocol", pgwire.AppendReadyForQuery(nil, 'I')[:5])
	f("nonsense", "backend_protocol", []byte("nonsense"))
	f("an endless notice", "backend_protocol", []byte{'N', 1, 0, 0, 0, 'x'})
	f("the end", "backend_lost", nil)
}
