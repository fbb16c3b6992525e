package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/fault"
	"holdfast/internal/load"
)

const benchHTTPHelp = `Ask for an address many times, and say how long the answers took.

Usage:
  holdfast bench http [OPTIONS] URL

The options are those of hey, with one dash, and a line written for hey works as it stands. So do the columns of its CSV.

Only this machine (localhost, 127.0.0.0/8, ::1) and the hosts that the configuration names as its own (edge.hosts, the
listeners, files.public_url) are loaded, and redirections to others are not followed: anywhere else so many requests are
an attack. -anyway does it nevertheless; ask the owner before.

Options:
  -n N                   requests in all (default 200)
  -c N                   requests under way at the same time (default 50)
  -z DURATION            as 10s: so long, whatever -n says
  -q RATE                requests a second of each of the -c (default no limit)
  -o csv                 print a line for each answer in place of the summary
  -m METHOD              default GET
  -H "NAME: VALUE"       a field of the request; any number of them
  -A VALUE               the field Accept
  -T TYPE                the field Content-Type (default text/html)
  -d TEXT                the body
  -D FILE                the body, from a file
  -a USER:PASSWORD       basic authentication
  -t SECONDS             how long a request may take (default 20; 0: as long as it likes)
  -host NAME             the host to ask for, in place of the one in the URL
  -x HOST:PORT           through this proxy
  -h2                    speak HTTP/2 over TLS
  -disable-keepalive     a connection for each request
  -disable-compression   do not ask for gzip
  -disable-redirects     take a redirection as the answer
  -cpus N                processors to use (default all)
  -anyway                load a host that is not yours

Columns of the CSV, in seconds: response-time, DNS+dialup, DNS, Request-write, Response-delay, Response-read, then
status-code, and offset: when the request began. Requests without an answer are not in it, but counted on standard
error. Unlike hey this sends exactly N requests, and does not unpack what it gets. Certificates are not verified, as
with hey.

With -json (or --json) the answer has url, method, workers, seconds, requests, answered, failed, per_second, bytes,
bytes_per_answer, latency (fastest, average, slowest), quantiles (percent, seconds), histogram (seconds, answers),
phases (connect, resolve, write, wait, read), statuses, errors (reason, requests). Times are seconds.

EXIT STATUS
  0 when every request had an answer, whatever its status; 7 when one had none, 5 for a host that is not yours, 130
  after Ctrl-C, which prints what there is until then

EXAMPLE
  holdfast bench http -c 50 -n 5000 -o csv -disable-keepalive http://127.0.0.1:8000/static/css/main.css > latencies.csv
  holdfast bench http -z 10s -H "Accept-Encoding: gzip" http://127.0.0.1:8000/
`

// benchOptions are the options of bench http: hey's, and two of our own.
type benchOptions struct {
	n, c, t, cpus                         int
	z                                     time.Duration
	q                                     float64
	o, m, accept, contentType             string
	d, file, auth, host, proxy            string
	fields                                fieldsFlag
	h2, anyway                            bool
	noKeepAlive, noCompression, noFollows bool
}

// newBenchHTTP makes the one command whose options have a single dash: package flag reads them, as in hey.
func newBenchHTTP(a *app) *cobra.Command {
	c := a.command("http", "ask for an address many times, as hey does", benchHTTPHelp, 0, -1, func(c *cobra.Command, args []string) error {
		var o benchOptions
		rest, err := o.parse(a, args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			return c.Help()
		case err != nil:
			return usage(c, err.Error())
		case len(rest) != 1:
			return usage(c, fmt.Sprintf("one address, not %d: %q", len(rest), rest))
		}
		plan, err := o.plan(rest[0])
		if err != nil {
			return usage(c, err.Error())
		}
		return a.benchHTTP(c.Context(), o, plan)
	})
	c.DisableFlagParsing = true
	return c
}

func (o *benchOptions) flags(a *app) *flag.FlagSet {
	f := flag.NewFlagSet("http", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.IntVar(&o.n, "n", 200, "")
	f.IntVar(&o.c, "c", 50, "")
	f.DurationVar(&o.z, "z", 0, "")
	f.Float64Var(&o.q, "q", 0, "")
	f.StringVar(&o.o, "o", "", "")
	f.StringVar(&o.m, "m", http.MethodGet, "")
	f.Var(&o.fields, "H", "")
	f.StringVar(&o.accept, "A", "", "")
	f.StringVar(&o.contentType, "T", "text/html", "")
	f.StringVar(&o.d, "d", "", "")
	f.StringVar(&o.file, "D", "", "")
	f.StringVar(&o.auth, "a", "", "")
	f.IntVar(&o.t, "t", 20, "")
	f.StringVar(&o.host, "host", "", "")
	f.StringVar(&o.proxy, "x", "", "")
	f.BoolVar(&o.h2, "h2", false, "")
	f.BoolVar(&o.noKeepAlive, "disable-keepalive", false, "")
	f.BoolVar(&o.noCompression, "disable-compression", false, "")
	f.BoolVar(&o.noFollows, "disable-redirects", false, "")
	f.IntVar(&o.cpus, "cpus", runtime.GOMAXPROCS(0), "")
	f.BoolVar(&o.anyway, "anyway", false, "")
	f.BoolVar(&a.json, "json", a.json, "")
	f.StringVar(&a.configPath, "config", a.configPath, "")
	return f
}

// parse reads the options, also those behind the address, and returns what is none.
func (o *benchOptions) parse(a *app, args []string) (rest []string, err error) {
	f := o.flags(a)
	for err = f.Parse(args); err == nil && f.NArg() > 0; err = f.Parse(f.Args()[1:]) {
		rest = append(rest, f.Arg(0))
	}
	return rest, err
}

// plan turns the options into what is to be sent.
func (o *benchOptions) plan(address string) (load.Plan, error) {
	p := load.Plan{
		Method: strings.ToUpper(o.m), Host: o.host, Workers: o.c, Requests: o.n, Span: o.z, Rate: o.q, Timeout: time.Duration(o.t) * time.Second,
		NoKeepAlive: o.noKeepAlive, NoCompression: o.noCompression, NoRedirects: o.noFollows, HTTP2: o.h2,
	}
	if o.o != "" && o.o != "csv" {
		return p, fmt.Errorf("-o %s: csv is the only other output", o.o)
	}
	if o.cpus < 1 {
		return p, fmt.Errorf("-cpus %d: at least one", o.cpus)
	}
	var err error
	if p.URL, err = url.Parse(address); err != nil {
		return p, errors.New("the address cannot be read: write http://HOST/PATH")
	}
	if o.proxy != "" {
		if p.Proxy, err = url.Parse("http://" + o.proxy); err != nil || p.Proxy.Hostname() == "" {
			return p, fmt.Errorf("-x %s: write HOST:PORT", o.proxy)
		}
	}
	if p.Header, err = o.header(); err == nil {
		p.Body, err = o.body()
	}
	if host := p.Header.Get("Host"); host != "" && p.Host == "" { // net/http takes it from elsewhere
		p.Host = host
	}
	return p, err
}

func (o *benchOptions) header() (http.Header, error) {
	h := http.Header{"Content-Type": {o.contentType}, "User-Agent": {"holdfast-bench/" + binaryVersion().Version}}
	if o.accept != "" {
		h.Set("Accept", o.accept)
	}
	for _, f := range o.fields {
		name, value, ok := strings.Cut(f, ":")
		if value = strings.TrimSpace(value); !ok || !isToken(name) || strings.ContainsAny(value, "\r\n\x00") {
			return nil, errors.New(`a field of -H is not written as "Name: value"`) // which may be a secret
		}
		h.Set(name, value)
	}
	if o.auth != "" {
		user, password, ok := strings.Cut(o.auth, ":")
		if !ok {
			return nil, errors.New("-a: write USER:PASSWORD")
		}
		r := http.Request{Header: h}
		r.SetBasicAuth(user, password)
	}
	return h, nil
}

// isToken reports whether a field may have the name (RFC 9110, section 5.6.2).
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// body returns the text of -d or the file of -D.
func (o *benchOptions) body() ([]byte, error) {
	if o.file == "" {
		return []byte(o.d), nil
	}
	b, err := os.ReadFile(o.file)
	if err != nil {
		return nil, fmt.Errorf("-D: %w", err)
	}
	return b, nil
}

// benchHTTP carries the plan out and prints what it showed, also when it was ended early.
func (a *app) benchHTTP(ctx context.Context, o benchOptions, plan load.Plan) error {
	if !o.anyway {
		plan.Allow = a.isOurs
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(o.cpus))
	result, err := load.Run(ctx, plan)
	if result == nil {
		return err
	}
	report := result.Report()
	var shown error
	if o.o == "csv" {
		shown = result.WriteCSV(a.stdout)
	} else {
		shown = a.data(report, func() { shown = report.WriteText(a.stdout) })
	}
	if err == nil && report.Failed > 0 {
		err = fault.New(fault.Unavailable, "no_answer", "%s", report.Line())
	}
	return errors.Join(err, shown)
}

// fieldsFlag collects the values of an option that may be given more than once.
type fieldsFlag []string

// String implements flag.Value.
func (f *fieldsFlag) String() string { return "" }

// Set implements flag.Value.
func (f *fieldsFlag) Set(field string) error {
	*f = append(*f, field)
	return nil
}
