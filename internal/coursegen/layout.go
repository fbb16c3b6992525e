package coursegen

import (
	"encoding/json"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
)

// levels is how many directories the id of a question has, of 100 questions: fewer than the number have one, and so on.
var levels = [...]int{40, 75, 90, 97, 100}

// questionID returns an id of one to five levels. The last part alone has a number, so that no question lies within another.
func (m *maker) questionID(n int) string {
	percent, depth := m.IntN(100), 1
	for percent >= levels[depth-1] {
		depth++
	}
	parts := make([]string, 0, depth)
	for range depth - 1 {
		parts = append(parts, pick(m, topics))
	}
	return path.Join(append(parts, fmt.Sprintf("%s%03d", pick(m, vocabulary), n))...)
}

// info returns a JSON file with an indent, as authors write it.
func info(path string, fields map[string]any) file {
	b, _ := json.MarshalIndent(fields, "", "    ") // of strings, numbers and lists of them
	return file{path: path, content: append(b, '\n')}
}

// question returns the files of a question.
func (m *maker) question(id, template string) []file {
	dir := "questions/" + id + "/"
	fields := map[string]any{"uuid": m.uuid(), "title": m.title(), "topic": pick(m, topics), "tags": []string{pick(m, vocabulary)}, "type": "v3"}
	if template != "" {
		fields["template"] = template
	}
	files := []file{info(dir+"info.json", fields), m.page(id)}
	if m.chance(75) {
		files = append(files, text(dir+"server.py", m.program(m.sized(700, 0.7, 20_000))))
	}
	if m.chance(30) {
		files = append(files, file{path: dir + "thumbnail.png", content: m.thumbnail()})
	}
	if m.chance(35) {
		files = append(files, m.attachments(dir+"clientFilesQuestion/")...)
	}
	if m.chance(8) {
		files = append(files, text(dir+"tests/test.py", m.program(600)), text(dir+"tests/__init__.py", ""))
	}
	if m.chance(1) {
		files = append(files, file{path: dir + "tests/run.sh", content: []byte("#!/bin/sh\nexec python3 test.py\n"), exec: true})
	}
	if m.chance(1) {
		files = append(files, file{path: dir + "tests/answer.html", content: []byte("../question.html"), link: true})
	}
	return files
}

// page returns the text of a question.
func (m *maker) page(id string) file {
	body := m.prose(m.sized(1400, 0.8, 40_000))
	return text("questions/"+id+"/question.html", "<pl-question-panel>\n<p>\n"+body+"</p>\n</pl-question-panel>\n"+
		"<pl-number-input answers-name=\"x\" comparison=\"sigfig\"></pl-number-input>\n")
}

// attachments returns pictures and data, whose sizes have the long tail.
func (m *maker) attachments(dir string) []file {
	var files []file
	for n := range 1 + m.IntN(2) {
		size := m.sized(16_000, 2, 5_000_000)
		switch m.IntN(4) {
		case 0:
			files = append(files, text(fmt.Sprintf("%sfigure%d.svg", dir, n), m.drawing()))
		case 1:
			files = append(files, text(fmt.Sprintf("%sdata %d.csv", dir, n), m.table(size)))
		case 2:
			files = append(files, file{path: fmt.Sprintf("%sphoto-%d.jpg", dir, n), content: m.bytes(size)})
		default:
			files = append(files, file{path: fmt.Sprintf("%szeichnung-für-%d.png", dir, n), content: m.bytes(size)})
		}
	}
	return files
}

// library returns the files of serverFilesCourse: packages in packages, as when authors put Python libraries there.
func (m *maker) library(b Bulk) []file {
	weights, sum := make([]float64, b.Count), 0.0
	for i := range weights {
		if i%12 == 0 {
			continue // __init__.py is empty
		}
		weights[i] = math.Exp(m.NormFloat64() * 1.6)
		sum += weights[i]
	}
	files := make([]file, 0, b.Count)
	dir := "serverFilesCourse"
	for i, w := range weights {
		if i%12 == 0 {
			dir = path.Join("serverFilesCourse", "lib", pick(m, vocabulary), fmt.Sprintf("%s%d", pick(m, vocabulary), i/12))
			if i%36 == 24 {
				dir = path.Join(dir, "inner")
			}
		}
		size := int(w / max(sum, 1e-9) * float64(b.Bytes))
		name := fmt.Sprintf("%s/%s%d", dir, pick(m, vocabulary), i)
		switch {
		case i%12 == 0:
			files = append(files, text(dir+"/__init__.py", ""))
		case i%3 == 0:
			files = append(files, file{path: name + ".so", content: m.bytes(size), exec: i%2 == 0})
		default:
			files = append(files, text(name+".py", m.prose(size)))
		}
	}
	return files
}

// courseLevel returns what stands beside the questions.
func (m *maker) courseLevel() []file {
	files := []file{
		info("infoCourse.json", map[string]any{"uuid": m.uuid(), "name": "GEN 101", "title": "A generated course", "topics": topics}),
		text("clientFilesCourse/notes", m.prose(900)),
		text("clientFilesCourse/formulas.svg", m.drawing()),
		text("README.md", m.prose(300)),
	}
	for _, name := range []string{"course-plot", "course-units", "course-hint"} {
		dir := "elements/" + name + "/"
		files = append(files, info(dir+"info.json", map[string]any{"controller": name + ".py"}),
			text(dir+name+".py", m.program(1500)), text(dir+name+".mustache", m.prose(300)))
	}
	dir := "elementExtensions/course-plot/colours/"
	files = append(files, info(dir+"info.json", map[string]any{"controller": "colours.py"}), text(dir+"colours.py", m.program(500)))
	for i := range 8 {
		files = append(files, file{path: fmt.Sprintf("clientFilesCourse/pictures/%s %d.png", pick(m, vocabulary), i), content: m.bytes(m.sized(9_000, 1, 400_000))})
	}
	return files
}

// instances returns two terms with their assessments, which name the questions.
func (m *maker) instances(questions []string) []file {
	var files []file
	for _, term := range []string{"Fa25", "Sp26"} {
		dir := "courseInstances/" + term + "/"
		files = append(files, info(dir+"infoCourseInstance.json", map[string]any{"uuid": m.uuid(), "longName": "Term " + term}),
			text(dir+"clientFilesCourseInstance/syllabus.html", m.prose(3000)), text(dir+"serverFilesCourseInstance/answers.json", "{}\n"))
		for n, some := range slices.Collect(slices.Chunk(questions, 30)) {
			at := fmt.Sprintf("%sassessments/hw%02d/", dir, n+1)
			files = append(files, m.assessment(at, some))
			if n%2 == 0 {
				files = append(files, text(at+"clientFilesAssessment/hints.html", m.prose(800)))
			}
		}
	}
	return files
}

func (m *maker) assessment(dir string, questions []string) file {
	return info(dir+"infoAssessment.json", map[string]any{
		"uuid": m.uuid(), "title": m.title(), "type": "Homework", "number": strings.TrimSuffix(path.Base(dir), "/"),
		"questions": questions, "points": 1 + m.IntN(10),
	})
}
