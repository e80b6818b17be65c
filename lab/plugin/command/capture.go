package command

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"unicode/utf8"
)

// errorTail is how much of the mixed output an error message holds at most.
const errorTail = 64 << 10

// replacement stands for bytes that are not UTF-8. The protocol cannot carry
// them, and a command that ran must not be lost for what it printed.
const replacement = "\uFFFD"

// capture keeps what a command prints, apart and mixed, and passes lines on.
type capture struct {
	mu     sync.Mutex
	stdout bytes.Buffer
	stderr bytes.Buffer
	mixed  bytes.Buffer
	cut    bool
	// closed drops what still comes from a process that would not end.
	closed bool
	log    *lineLog
	hide   redactor
}

// writer gives the writer for one stream; lines say whether they are logged.
func (c *capture) writer(buffer *bytes.Buffer, lines bool) io.Writer {
	var splitter *lineSplitter
	if lines {
		splitter = c.log.splitter()
	}
	return writerFunc(func(p []byte) (int, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.closed {
			return len(p), nil
		}
		buffer.Write(p)
		c.mixed.Write(p)
		if c.mixed.Len() > 2*errorTail {
			c.cut = true
			c.mixed.Next(c.mixed.Len() - errorTail)
		}
		if splitter != nil {
			splitter.write(p)
		}
		return len(p), nil
	})
}

// close ends the capture and its log, and waits for the log.
func (c *capture) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.log.close()
}

// output is what a run leaves in the state.
type output struct {
	stdout, stderr string
	// damaged says that bytes which are not UTF-8 were replaced.
	damaged bool
}

// output gives the two streams, each without one last newline.
func (c *capture) output() output {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out output
	out.stdout = strings.TrimSuffix(c.stdout.String(), "\n")
	out.stderr = strings.TrimSuffix(c.stderr.String(), "\n")
	out.damaged = !utf8.ValidString(out.stdout) || !utf8.ValidString(out.stderr)
	out.stdout = strings.ToValidUTF8(out.stdout, replacement)
	out.stderr = strings.ToValidUTF8(out.stderr, replacement)
	return out
}

// report is the end of the mixed output for an error message, without the
// secrets that the inputs are known to hold.
func (c *capture) report() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := strings.ToValidUTF8(c.mixed.String(), replacement)
	if c.cut {
		text = "(the beginning is left out)\n" + text
	}
	return c.hide.text(text)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
