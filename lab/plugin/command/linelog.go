package command

import (
	"bytes"
	"strings"
	"sync"
	"time"
)

const (
	// maxLine is how much of one line goes to the log; the rest is cut off
	// there, and only there.
	maxLine = 16 << 10
	// maxBatch is how much text goes in one log message.
	maxBatch = 64 << 10
	// drainLimit bounds the wait for the log when a command has ended.
	drainLimit = 5 * time.Second
)

// lineLog sends lines to the engine from a goroutine of its own, so that a
// slow terminal never holds up a command and no line is too long for it.
// Lines that wait together go in one message.
type lineLog struct {
	send func(message string) error
	hide redactor

	mu      sync.Mutex
	pending []string
	parts   []*lineSplitter
	wake    chan struct{}
	quit    chan struct{}
	done    chan struct{}
}

// newLineLog starts a log that hands its messages to send.
func newLineLog(hide redactor, send func(message string) error) *lineLog {
	l := &lineLog{
		send: send, hide: hide,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
	go l.run()
	return l
}

// splitter gives the sink for one stream.
func (l *lineLog) splitter() *lineSplitter {
	s := &lineSplitter{log: l}
	l.parts = append(l.parts, s)
	return s
}

// close sends what is left, also lines without a newline, and waits for it.
// Nothing may be written any more.
func (l *lineLog) close() {
	for _, s := range l.parts {
		s.flush()
	}
	close(l.quit)
	select {
	case <-l.done:
	case <-time.After(drainLimit):
	}
}

func (l *lineLog) add(line string) {
	l.mu.Lock()
	l.pending = append(l.pending, l.hide.line(line))
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run sends until close; after a first failure it only empties the queue.
func (l *lineLog) run() {
	defer close(l.done)
	broken, last := false, false
	for !last {
		select {
		case <-l.wake:
		case <-l.quit:
			last = true
		}
		for {
			message := l.next()
			if message == nil {
				break
			}
			if !broken && l.send(*message) != nil {
				broken = true
			}
		}
	}
}

// next takes the lines of one message, or nil when none wait.
func (l *lineLog) next() *string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pending) == 0 {
		return nil
	}
	size, n := 0, 0
	for n < len(l.pending) && (n == 0 || size+len(l.pending[n]) < maxBatch) {
		size += len(l.pending[n]) + 1
		n++
	}
	message := strings.Join(l.pending[:n], "\n")
	l.pending = l.pending[n:]
	return &message
}

// lineSplitter cuts a stream into lines.
type lineSplitter struct {
	log  *lineLog
	part bytes.Buffer
	long bool
	open bool
}

func (s *lineSplitter) write(p []byte) {
	for len(p) > 0 {
		line, rest, ended := bytes.Cut(p, []byte{'\n'})
		s.open = true
		if room := maxLine - s.part.Len(); len(line) > room {
			line, s.long = line[:room], true
		}
		s.part.Write(line)
		if ended {
			s.flush()
		}
		p = rest
	}
}

// flush ends the line that is being gathered, if there is one.
func (s *lineSplitter) flush() {
	if !s.open {
		return
	}
	line := strings.TrimSuffix(s.part.String(), "\r")
	if s.long {
		line += " (cut)"
	}
	s.part.Reset()
	s.long, s.open = false, false
	s.log.add(line)
}
