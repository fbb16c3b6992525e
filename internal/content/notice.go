package content

import (
	"context"
	"strconv"
	"strings"
)

// notice is what one process tells the others: a kind and a number, as "published 12".
type notice struct {
	kind  string
	value int64
}

// The kinds of notices. What is notified is only a reason to look: the database has the facts.
const (
	noticePublished = "published" // id of the source
	noticePurged    = "purged"    // number of the newest tombstone
	noticeRequest   = "request"   // id of a request that waits
	noticeEnded     = "ended"     // id of a request that is answered
	noticeRole      = "role"      // the role was given back
)

func (n notice) String() string { return n.kind + " " + strconv.FormatInt(n.value, 10) }

// parseNotice reads the text of a notice; one that we do not know comes from a newer version.
func parseNotice(text string) (n notice, ok bool) {
	kind, number, _ := strings.Cut(text, " ")
	value, err := strconv.ParseInt(number, 10, 64)
	return notice{kind, value}, err == nil
}

// heard is called by the listener for each notification. It reads what has changed and tells it; a read that fails is
// made up for by the poll.
func (c *Content) heard(payload string) {
	n, ok := parseNotice(payload)
	if !ok {
		return
	}
	life, release, running := c.base.Hold()
	if !running {
		return
	}
	defer release()
	ctx, cancel := context.WithTimeout(life, queryLimit)
	defer cancel()
	switch n.kind {
	case noticePublished:
		c.trouble.Report("hear of a publication", c.tellPublished(ctx, n.value))
	case noticePurged:
		c.trouble.Report("hear of a purge", c.tellPurged(ctx))
	case noticeRequest:
		c.producer.requests.Up()
	case noticeEnded:
		c.producer.waiters.tell(n.value)
	case noticeRole:
		c.producer.chances.Up()
	}
}

// resync is called after each connect, when LISTEN is in force, and by the poll: it tells everything that is current.
func (c *Content) resync(ctx context.Context) error {
	if err := c.tellPublished(ctx, 0); err != nil {
		return err
	}
	c.tombs.rewind()
	if err := c.tellPurged(ctx); err != nil {
		return err
	}
	c.producer.requests.Up()
	c.producer.chances.Up()
	c.producer.waiters.tellAll()
	return nil
}

// tellPublished tells the consumer the current revision of a source, or those of all sources.
func (c *Content) tellPublished(ctx context.Context, source int64) error {
	all, err := c.currents(ctx, source)
	if err != nil {
		return err
	}
	for _, p := range all {
		c.consumer.published(p)
	}
	return nil
}
