package content

import (
	"fmt"
	"testing"

	"holdfast/internal/coursegen"
)

// BenchmarkSyncOfAnEdit syncs commits that edit one question of a course with 1,772 of them, and tells how long each step took.
func BenchmarkSyncOfAnEdit(b *testing.B) {
	w := newWorld(b)
	course := w.course("mega", coursegen.Mega(1))
	c, _ := w.build()
	token := own(b, c)
	c.producer.repos.begin()
	defer c.producer.repos.end()
	first := syncNow(b, c, token, "mega")
	b.ReportMetric(first.Took.Total-first.Took.Fetch, "first-ms")
	b.Logf("first: %d chunks, %d parts, %d bytes, %+v", first.Chunks, first.Uploaded.Parts, first.Uploaded.Bytes, first.Took)
	var sum Took
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		id := course.Questions()[i%len(course.Questions())]
		write(b, course, map[string]string{"questions/" + id + "/question.html": fmt.Sprintf("<p>Edit %d</p>", i)})
		b.StartTimer()
		report := syncNow(b, c, token, "mega")
		sum.Fetch += report.Took.Fetch
		sum.Build += report.Took.Build
		sum.Upload += report.Took.Upload
		sum.Publish += report.Took.Publish
		sum.Total += report.Took.Total - report.Took.Tend
	}
	n := float64(b.N)
	b.ReportMetric(sum.Fetch/n, "fetch-ms")
	b.ReportMetric(sum.Build/n, "build-ms")
	b.ReportMetric(sum.Upload/n, "upload-ms")
	b.ReportMetric(sum.Publish/n, "publish-ms")
	b.ReportMetric((sum.Total-sum.Fetch-sum.Upload)/n, "ms-besides-fetch-and-upload")
}
