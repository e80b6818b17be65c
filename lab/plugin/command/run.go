package command

import (
	"context"
	"fmt"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"skep/lab/plugin/serve"
)

// The environment variables that hold what the previous run printed.
const (
	previousStdout = "PULUMI_COMMAND_STDOUT"
	previousStderr = "PULUMI_COMMAND_STDERR"
)

// logTimeout bounds one log message to the engine.
const logTimeout = 5 * time.Second

// call is what a run needs to know of the request that caused it.
type call struct {
	urn  resource.URN
	host *serve.Host
}

// status shows a line beside the resource. It outlives the request's context,
// so that the last words of a cancelled command are still seen.
func (c call) status(message string) error {
	ctx, cancel := context.WithTimeout(context.Background(), logTimeout)
	defer cancel()
	return c.host.LogStatus(ctx, diag.Info, c.urn, message)
}

// warn keeps a warning in the final output.
func (c call) warn(message string) {
	ctx, cancel := context.WithTimeout(context.Background(), logTimeout)
	defer cancel()
	// Without an engine there is nobody to warn.
	_ = c.host.Log(ctx, diag.Warning, c.urn, message)
}

// job is one command to run, here or on a host.
type job struct {
	call
	command     string
	stdin       string
	environment map[string]string
	// previous is what the run before printed; both empty means none or that
	// the command does not want it.
	previous output
	capture  *capture
	logging  string
	hide     redactor
}

// newJob reads a job from the inputs of a resource.
func newJob(c call, command string, props resource.PropertyMap, previous output) *job {
	j := &job{call: c, command: command, environment: mapOf(props, "environment"), hide: redactorOf(props)}
	j.stdin, _ = textOf(props, "stdin")
	if flagOf(props, "addPreviousOutputInEnv", true) {
		j.previous = previous
	}
	j.logging = logBoth
	if logging, ok := textOf(props, "logging"); ok {
		j.logging = logging
	}
	j.capture = &capture{hide: j.hide, log: newLineLog(j.hide, j.status)}
	return j
}

// previousOutputs lists the variables for what the run before printed.
func (j *job) previousOutputs() [][2]string {
	var list [][2]string
	if j.previous.stdout != "" {
		list = append(list, [2]string{previousStdout, j.previous.stdout})
	}
	if j.previous.stderr != "" {
		list = append(list, [2]string{previousStderr, j.previous.stderr})
	}
	return list
}

func (j *job) logsStdout() bool { return j.logging == logBoth || j.logging == logStdout }
func (j *job) logsStderr() bool { return j.logging == logBoth || j.logging == logStderr }

// finish ends the log and turns the end of the command into its result. The
// error holds the command and what it printed, and never its stdin.
func (j *job) finish(ctx context.Context, err error) (output, error) {
	j.capture.close()
	if err != nil {
		if cause := ctx.Err(); cause != nil {
			err = fmt.Errorf("stopped the command: %w", cause)
		}
		return output{}, fmt.Errorf("%w: running %q:\n%s", err, j.hide.text(j.command), j.capture.report())
	}
	out := j.capture.output()
	if out.damaged {
		j.warn("the command printed bytes that are not UTF-8; they are kept as U+FFFD:" +
			" pass its output through base64 to keep them")
	}
	return out, nil
}
