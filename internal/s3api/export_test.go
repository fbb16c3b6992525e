package s3api

import "time"

// SetPace shortens the time over which an endpoint judges uploads.
func SetPace(s *Server, window time.Duration) { s.pace.window = window }

// SetKeepAlive shortens the pause after which a slow answer is begun.
func SetKeepAlive(s *Server, pause time.Duration) { s.alive = pause }
