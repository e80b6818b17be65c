package stack

import (
	_ "embed"
	"time"

	"skep/components/host"
)

//go:embed stack.sh
var scriptText string

//go:embed stack-input.sh
var inputText string

//go:embed stack-judge.sh
var judgeText string

//go:embed stack-waves.sh
var wavesText string

//go:embed stack-objects.sh
var objectsText string

//go:embed stack-paths.sh
var pathsText string

// script deploys a stack, checks it and removes it.
var script = host.Script{Name: "stack", Text: scriptText, Parts: []host.Script{
	{Name: "input", Text: inputText},
	{Name: "judge", Text: judgeText},
	{Name: "waves", Text: wavesText},
	{Name: "objects", Text: objectsText},
	{Name: "paths", Text: pathsText},
}}

// Scripts are the host scripts of this package.
func Scripts() []host.Script { return []host.Script{script} }

// deployLimit bounds one deploy. The script ends before it by itself: 15 minutes
// for all services to run, pulling large images on a slow line included, and 3
// for the version before to come back.
const deployLimit = 20 * time.Minute
