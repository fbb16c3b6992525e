package s3api

import (
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"net/http"
	"time"

	"holdfast/internal/logging"
	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
	"holdfast/internal/web"
)

// Meter hears of every request that was answered.
type Meter interface {
	// Request reports an operation by S3's name ("none" when there was none), the status, and the bytes of both
	// bodies.
	Request(operation string, status int, received, sent int64, took time.Duration)
}

// Server is the S3 endpoint: a lifecycle.Service. It is ready when its address is bound.
type Server struct {
	*web.Server
	index    *objects.Index
	log      *slog.Logger
	meter    Meter
	cfg      Config
	router   router
	verifier *s3wire.Verifier
	flight   *flight
	buffers  *buffers
	hostID   string // x-amz-id-2: tells processes apart, says nothing about the machine
	fixed    fixedHeaders
	now      func() time.Time
	pace     pace
	alive    time.Duration // pause between the blanks that keep a slow answer alive
}

// New returns an endpoint that does not listen yet. The configuration has been validated. meter may be nil.
func New(cfg Config, index *objects.Index, log *slog.Logger, meter Meter) *Server {
	if meter == nil {
		meter = deaf{}
	}
	s := &Server{
		index: index, log: log, meter: meter, cfg: cfg,
		router: newRouter(), flight: newFlight(int64(cfg.MaxInFlight)), buffers: newBuffers(),
		hostID: newHostID(), now: time.Now, pace: pace{window: paceWindow, rate: int64(cfg.MinRate)}, alive: keepAlivePause,
	}
	s.fixed = fixedHeaders{hostID: []string{s.hostID}, server: []string{"Holdfast"}, noSniff: []string{"nosniff"}}
	v := s3wire.Verifier{Hosts: cfg.Hosts, SigV2: cfg.SigV2}
	if cfg.Region != "" {
		v.Regions = []string{cfg.Region}
	}
	s.verifier = s3wire.NewVerifier(v)
	if cfg.SigV2 {
		log.Warn("s3: signatures of version 2 are accepted for presigned GET; they use SHA-1 and name no region",
			"hint", "give the client a region and signature version 4, then set s3.sigv2 = false")
	}
	s.Server = web.NewServer(web.Options{
		Name: "s3", Listen: cfg.Listen, TLSCert: cfg.TLSCert, TLSKey: cfg.TLSKey, Handler: s, Log: log,
	})
	return s
}

// fixedHeaders are the values that every answer has, made once and never changed.
type fixedHeaders struct{ hostID, server, noSniff []string }

// Status is what the endpoint tells about itself.
type Status struct {
	URL      string   `json:"url"`       // where it listens
	Hosts    []string `json:"hosts"`     // further names it answers to
	Region   string   `json:"region"`    // "" when any is accepted
	InFlight int64    `json:"in_flight"` // bytes of uploads being received
}

// Status returns the endpoint's state.
func (s *Server) Status() Status {
	return Status{URL: s.URL(), Hosts: s.cfg.Hosts, Region: s.cfg.Region, InFlight: s.flight.now()}
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{Recorder: web.NewRecorder(w), s: s, r: r, id: logging.NewRequestID(), began: time.Now()}
	c.context = logging.WithRequestID(r.Context(), c.id)
	h := w.Header()
	h["X-Amz-Request-Id"] = []string{c.id}
	h["X-Amz-Id-2"], h["Server"] = s.fixed.hostID, s.fixed.server
	var problem *s3wire.Error
	defer func() {
		if p := recover(); p != nil {
			problem = c.panicked(p)
		}
		c.body.release()
		c.finish(problem)
	}()
	if err := c.serve(); err != nil {
		problem = c.refusal(err)
		c.refuse(problem)
	} else {
		problem = c.late
	}
}

func newHostID() string {
	var b [24]byte
	_, _ = rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// deaf is the Meter of those who do not listen.
type deaf struct{}

func (deaf) Request(string, int, int64, int64, time.Duration) {}
