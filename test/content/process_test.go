package content_test

import (
	"holdfast/test/program"
)

type (
	process = program.Process
	result  = program.Result
)
