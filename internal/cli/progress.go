package cli

import (
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress shows how far transfers are: bars where standard error is a terminal, a line of JSON each second and file with
// --json, and nothing otherwise. It is safe for concurrent use.
type progress struct {
	app  *app
	bars *mpb.Progress // nil without a terminal
}

// newProgress begins to show progress. Its wait must be called.
func (a *app) newProgress() *progress {
	p := &progress{app: a}
	if !a.json && isTerminal(a.stderr) {
		p.bars = mpb.New(mpb.WithOutput(a.stderr), mpb.WithWidth(40))
	}
	return p
}

// wait ends the bars and gives the terminal back.
func (p *progress) wait() {
	if p.bars != nil {
		p.bars.Wait()
	}
}

// transfer is the progress of one file.
type transfer struct {
	of    *progress
	name  string
	total int64 // -1 when not known
	bar   *mpb.Bar

	mu   sync.Mutex // protects the following
	done int64
	told time.Time
}

// file begins to show a file of total bytes, -1 when their number is not known.
func (p *progress) file(name string, total int64) *transfer {
	t := &transfer{of: p, name: name, total: total, told: time.Now()}
	if p.bars != nil {
		t.bar = p.bars.AddBar(
			max(total, 0), mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(name+" ")),
			mpb.AppendDecorators(decor.CountersKiloByte("% .1f / % .1f "), decor.AverageSpeed(decor.SizeB1000(0), "% .1f")),
		)
	}
	return t
}

// end removes the bar, whether the file is through or not.
func (t *transfer) end() {
	if t.bar != nil {
		t.bar.Abort(true)
	}
}

// reader counts what is read.
func (t *transfer) reader(r io.Reader) io.Reader { return countingReader{r, t} }

type countingReader struct {
	io.Reader
	to *transfer
}

func (c countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.to.add(n)
	return n, err
}

func (t *transfer) add(n int) {
	if t.bar != nil {
		t.bar.IncrBy(n)
	}
	if !t.of.app.json {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done += int64(n)
	if now := time.Now(); now.Sub(t.told) >= time.Second {
		t.told = now
		t.of.app.progressLine(progressEvent{t.name, t.done, t.total})
	}
}

// progressEvent is a line of progress on standard error, with --json. Total is -1 when it is not known.
type progressEvent struct {
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`
	Total int64  `json:"total"`
}
