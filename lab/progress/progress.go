// Package progress tells the person at the terminal what is being done and how
// long it usually takes. It writes to standard error only; standard output is
// for data.
package progress

import (
	"fmt"
	"io"
	"os"
	"time"
)

// Printer writes one line per step.
type Printer struct {
	w io.Writer
	// rich is a terminal that wants colours and lines that change.
	rich bool
}

// New returns a printer to standard error.
func New() *Printer {
	info, err := os.Stderr.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &Printer{
		w:    os.Stderr,
		rich: terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
	}
}

// Note prints one line.
func (p *Printer) Note(format string, args ...any) {
	_, _ = fmt.Fprintf(p.w, format+"\n", args...)
}

// Warn prints one line that should not be overlooked.
func (p *Printer) Warn(format string, args ...any) {
	_, _ = fmt.Fprintln(p.w, p.paint("33", "warning: "+fmt.Sprintf(format, args...)))
}

// Step runs f and prints what it was and how long it took. Usually says how
// long that takes on an ordinary machine; it is empty for what is quick.
func (p *Printer) Step(what, usually string, f func() error) error {
	begin := time.Now()
	stop := p.announce(what, usually, begin)
	err := f()
	stop()
	mark := p.paint("32", "✓")
	if err != nil {
		mark = p.paint("31", "✗")
	}
	p.Note("%s %s %s", mark, what, p.paint("2", since(begin)))
	return err
}

// announce shows that a step has begun. On a terminal the line counts the
// seconds and is erased by the returned function.
func (p *Printer) announce(what, usually string, begin time.Time) (stop func()) {
	if !p.rich {
		if usually != "" {
			p.Note("  %s (usually %s)", what, usually)
		}
		return func() {}
	}
	line := "… " + what
	if usually != "" {
		line += p.paint("2", " (usually "+usually+")")
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			_, _ = fmt.Fprintf(p.w, "\r\033[K%s %s", line, p.paint("2", since(begin)))
			select {
			case <-ticker.C:
			case <-done:
				_, _ = fmt.Fprint(p.w, "\r\033[K")
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

func (p *Printer) paint(code, text string) string {
	if !p.rich {
		return text
	}
	return "\033[" + code + "m" + text + "\033[0m"
}

func since(begin time.Time) string {
	elapsed := time.Since(begin)
	if elapsed < 10*time.Second {
		return elapsed.Round(100 * time.Millisecond).String()
	}
	return elapsed.Round(time.Second).String()
}
