// Command lab plays a cloud on one machine: it starts an engine, a network, a
// DNS server and an image registry, and boots hosts. Under the name of a
// Pulumi provider plugin it is that plugin.
//
// Everything for people goes to standard error; standard output is for data.
// An error is one line that says what was tried, why it did not work and what
// to do. No capital initials, no full stop.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// subcommand is one thing that the program does.
type subcommand struct {
	name, args, help string
	run              func(ctx context.Context, s *session, args []string) error
}

func commands() []subcommand {
	return []subcommand{
		{"up", "[--machines container|vm]", "start the lab: engine, network, DNS, registry, plugins; cheap to repeat", runUp},
		{"down", "", "remove everything that the lab made", runDown},
		{"reset", "", "remove hosts, cloud objects and state; keep what took long to make", runReset},
		{"ls", "[--json]", "list the hosts", runList},
		{"ssh", "HOST [COMMAND…]", "a root shell on a host, or one command, past its sshd", runShell},
		{"logs", "HOST | --all DIR", "what a host logged, or everything of all hosts into files", runLogs},
		{"machine", "NAME [--user U] [--authorized-key KEY] | rm NAME", "add or remove a machine that is of no cloud", runMachine},
		{"images", "", "print which image of the lab stands for which of upstream", runImages},
		{"vm", "boot | exec COMMAND…", "a virtual machine; runs inside the container that stands for it", runVM},
		{"serve", "", "DNS and registry; runs inside the lab's services container", runServe},
	}
}

func main() {
	if name, found := strings.CutPrefix(filepath.Base(os.Args[0]), "pulumi-resource-"); found {
		os.Exit(servePlugin(name))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		var code exitCode
		if errors.As(err, &code) {
			os.Exit(int(code))
		}
		_, _ = fmt.Fprintf(os.Stderr, "lab: %v\n", err)
		os.Exit(1)
	}
}

// exitCode ends the process with the code of a command that ran on a host and
// has said itself what was wrong.
type exitCode int

// Error is never shown.
func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("lab", flag.ContinueOnError)
	flags.SetOutput(os.Stderr)
	dir := flags.String("dir", "", "directory of the lab (default: .skep/lab of this checkout)")
	flags.Usage = func() { usage(flags) }
	if err := flags.Parse(args); err != nil {
		return err
	}
	for _, c := range commands() {
		if c.name == flags.Arg(0) {
			s, err := newSession(*dir)
			if err != nil {
				return err
			}
			return c.run(ctx, s, flags.Args()[1:])
		}
	}
	usage(flags)
	if flags.NArg() == 0 || flags.Arg(0) == "help" {
		return flag.ErrHelp
	}
	return fmt.Errorf("run command %q: there is no such command", flags.Arg(0))
}

func usage(flags *flag.FlagSet) {
	w := flags.Output()
	_, _ = fmt.Fprintln(w, "usage: lab [--dir DIR] COMMAND\n\nPlays a cloud on this machine. Commands:")
	for _, c := range commands() {
		_, _ = fmt.Fprintf(w, "  %s\n        %s\n", strings.TrimSpace(c.name+" "+c.args), c.help)
	}
	_, _ = fmt.Fprintln(w, "\nFlags:")
	flags.PrintDefaults()
}

// parse reads a command's own flags, which may stand before or after its
// arguments, and returns the arguments.
func parse(flags *flag.FlagSet, args []string) ([]string, error) {
	flags.SetOutput(os.Stderr)
	var rest []string
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			return rest, nil
		}
		rest, args = append(rest, flags.Arg(0)), flags.Args()[1:]
	}
}

// noArgs refuses arguments to a command that takes none.
func noArgs(name string, args []string) error {
	flags := flag.NewFlagSet("lab "+name, flag.ContinueOnError)
	rest, err := parse(flags, args)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("run %q: it takes no argument such as %q", name, rest[0])
	}
	return err
}
