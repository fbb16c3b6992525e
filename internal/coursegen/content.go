package coursegen

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"strings"
)

// file is a file or link at a path below the root of the course.
type file struct {
	path       string
	content    []byte
	exec, link bool
}

func text(path, content string) file { return file{path: path, content: []byte(content)} }

// maker makes content by chance, the same for equal seeds.
type maker struct {
	*rand.Rand
	noise *rand.ChaCha8
}

// newMaker returns a maker for one purpose: what one makes does not depend on how much another has made.
func newMaker(seed uint64, purpose string) *maker {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	copy(key[8:], purpose)
	noise := rand.NewChaCha8(key)
	return &maker{rand.New(noise), noise} //nolint:gosec // chance, not secrecy
}

// sized returns a size from a log-normal distribution, in bytes.
func (m *maker) sized(median, sigma float64, most int) int {
	return min(most, int(median*math.Exp(m.NormFloat64()*sigma)))
}

// chance returns true in so many of a hundred cases.
func (m *maker) chance(percent int) bool { return m.IntN(100) < percent }

func pick[T any](m *maker, from []T) T { return from[m.IntN(len(from))] }

// bytes returns what no compressor makes smaller, as a photograph.
func (m *maker) bytes(n int) []byte {
	b := make([]byte, n)
	_, _ = m.noise.Read(b) // it cannot fail
	return b
}

// prose returns words in sentences, at least n bytes long.
func (m *maker) prose(n int) string {
	var b strings.Builder
	b.Grow(n + 16)
	for words := 0; b.Len() < n; words++ {
		w := pick(m, vocabulary)
		switch {
		case words == 0:
			b.WriteString(strings.ToUpper(w[:1]) + w[1:])
		case m.IntN(12) == 0:
			b.WriteString(".\n" + strings.ToUpper(w[:1]) + w[1:])
		default:
			b.WriteString(" " + w)
		}
	}
	b.WriteString(".\n")
	return b.String()
}

// title returns some words with a capital at the beginning.
func (m *maker) title() string {
	t := pick(m, vocabulary) + " " + pick(m, vocabulary) + " " + pick(m, topics)
	return strings.ToUpper(t[:1]) + t[1:]
}

// program returns lines of Python, at least n bytes long.
func (m *maker) program(n int) string {
	var b strings.Builder
	b.WriteString("import random\n\n\ndef generate(data):\n")
	for b.Len() < n {
		fmt.Fprintf(&b, "    data[\"params\"][\"%s\"] = random.randint(%d, %d)  # %s\n",
			pick(m, vocabulary), m.IntN(10), 10+m.IntN(90), pick(m, vocabulary))
	}
	return b.String()
}

// table returns lines of numbers, at least n bytes long.
func (m *maker) table(n int) string {
	var b strings.Builder
	b.WriteString("t,x,y\n")
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d,%.3f,%.3f\n", i, m.NormFloat64(), m.Float64())
	}
	return b.String()
}

// uuid returns an id as authors put it into info.json.
func (m *maker) uuid() string {
	b := m.bytes(16)
	return fmt.Sprintf("%x-%x-4%x-a%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// thumbnail returns a small picture.
func (m *maker) thumbnail() []byte {
	p := image.NewPaletted(image.Rect(0, 0, 16, 16), color.Palette{color.White, color.RGBA{uint8(m.IntN(256)), uint8(m.IntN(256)), 90, 255}})
	for i := range p.Pix {
		p.Pix[i] = uint8(m.IntN(2)) //nolint:gosec // 0 or 1
	}
	var b bytes.Buffer
	_ = png.Encode(&b, p) // into memory
	return b.Bytes()
}

// drawing returns a picture in SVG.
func (m *maker) drawing() string {
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 180">` + "\n")
	for range 3 + m.IntN(6) {
		fmt.Fprintf(&b, `<circle cx="%d" cy="%d" r="%d" fill="hsl(%d 70%% 60%%)"/>`+"\n", m.IntN(320), m.IntN(180), 5+m.IntN(50), m.IntN(360))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

var topics = []string{
	"algebra", "calculus", "circuits", "dynamics", "energy", "fields", "geometry", "graphs", "heat", "kinematics", "limits", "logic",
	"matrices", "mechanics", "optics", "orbits", "pendulums", "probability", "recursion", "sorting", "statics", "vectors", "waves",
}

var vocabulary = strings.Fields(`a about above accelerates after along among amplitude an and angle answer any are area as at average axis
ball bar be before below between block body both bottom by calculate car charge choose circle coil constant current curve cylinder
density determine diagram distance does each edge elastic electron end equal equation every field figure find first follow for force
frame friction from function given glass gravity ground has height here how if in initial integral into is it its larger law length
lens less lever light line load mass matrix measure metal moment more mirror moves must net no node not number object of on one open
or origin other over part particle path per period plane point positive potential power pressure product pulley radius rate ray ratio
right ring rope rotates same second set shown side sign slope slow smaller so sphere spring square start steel sum surface system
table takes tension than that the then there these three through time to top total train two under unit until value vector velocity
volume wall water wave weight what when where which while wheel width wire with work zero`)
