package backend

import "holdfast/internal/pgwire"

// noteAsync takes a message that the server may send at any time, and reports whether it was one. Notifications and notices
// are dropped: the session belongs to nobody at this moment.
func (c *Conn) noteAsync(typ pgwire.BackendType, body []byte) (async bool, err error) {
	switch typ {
	case pgwire.ParameterStatus:
		return true, c.noteParam(body)
	case pgwire.NoticeResponse, pgwire.NotificationResponse:
		return true, nil
	}
	return false, nil
}

func (c *Conn) noteParam(body []byte) error {
	name, value, err := pgwire.ParseParameterStatus(body)
	if err != nil {
		return err
	}
	c.SetParam(string(name), string(value))
	return nil
}

func (c *Conn) noteReady(body []byte) error {
	status, err := pgwire.ParseReady(body)
	if err != nil {
		return err
	}
	c.status = status
	return nil
}
