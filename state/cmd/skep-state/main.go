// Command skep-state keeps Pulumi's state encrypted: an S3 gateway on loopback in front of a folder or any S3 service.
//
// What it prints: results on standard output, everything else on standard error with a "state:" prefix, one line per
// problem. Secrets are printed by `key export` only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	rclone "github.com/rclone/rclone/fs"

	"skep/state/internal/home"
)

// Exit codes; status is the only command with one of its own.
const (
	exitOK         = 0
	exitFault      = 1
	exitUsage      = 2
	exitNotRunning = 3
)

// errNotRunning makes status exit with the code that says so.
var errNotRunning = errors.New("not running")

// terminal is what a command reads from and writes to.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

func (t terminal) note(format string, args ...any) {
	fmt.Fprintf(t.err, "state: "+format+"\n", args...)
}

// command is one subcommand: its arguments and one line of help, its flags, and what it does.
type command struct {
	name, args, help string
	hidden           bool
	setup            func(*flag.FlagSet) func(context.Context, terminal, home.Home, []string) error
}

var commands = []command{
	{name: "init", help: "make the state home: keys, passphrase, port; keeps what is there", setup: initCommand},
	{name: "start", help: "start the gateway if it does not run, and wait until it answers", setup: startCommand},
	{name: "stop", help: "stop the gateway", setup: stopCommand},
	{name: "status", help: "say whether the gateway runs; exit status 3 if not", setup: statusCommand},
	{name: "env", help: "print the environment for pulumi (scripts/env adds a stack's own)", setup: envCommand},
	{name: "check", help: "put, overwrite, copy, list and more against the real store, through the gateway", setup: checkCommand},
	{name: "prune", help: "remove old history and backups, and what an old passphrase encrypted", setup: pruneCommand},
	{name: "key", args: "export|import", help: "hand the keys to another operator, or take them", setup: keyCommand},
	{name: "meter", args: "command [argument...]", help: "run a command and count its traffic with the gateway", setup: meterCommand},
	{name: "serve", help: "be the gateway (what start runs)", hidden: true, setup: serveCommand},
}

func main() {
	os.Exit(run(context.Background(), terminal{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:]))
}

func run(ctx context.Context, t terminal, args []string) int {
	dropRcloneSettings()
	if len(args) == 0 {
		usage(t.err)
		return exitUsage
	}
	if args[0] == "--help" || args[0] == "-h" || args[0] == "help" {
		usage(t.out)
		return exitOK
	}
	for _, c := range commands {
		if c.name == args[0] {
			return c.run(ctx, t, args[1:])
		}
	}
	t.note("unknown command %q: see scripts/state --help", args[0])
	return exitUsage
}

func (c command) run(ctx context.Context, t terminal, args []string) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	dir := flags.String("home", "", "state `directory` instead of $SKEP_STATE_HOME")
	do := c.setup(flags)
	rest, err := c.parse(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		c.usage(t.out, flags)
		return exitOK
	} else if err != nil {
		t.note("%v: see scripts/state %s --help", err, c.name)
		return exitUsage
	}
	if len(rest) > 0 && c.args == "" {
		t.note("unexpected argument %q: see scripts/state %s --help", rest[0], c.name)
		return exitUsage
	}
	h, err := home.Locate()
	if *dir != "" {
		h, err = home.Home{Dir: *dir}, nil
	}
	if err == nil {
		err = do(ctx, t, h, rest)
	}
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errNotRunning):
		return exitNotRunning
	default:
		t.note("%s", strings.ReplaceAll(err.Error(), "\n", "; "))
		return exitFault
	}
}

// parse reads flags before, between and after the arguments; those of a command to run are left to it.
func (c command) parse(flags *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		args = flags.Args()
		if len(args) == 0 || c.name == "meter" {
			return append(rest, args...), nil
		}
		rest, args = append(rest, args[0]), args[1:]
	}
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "Usage: scripts/state <command> [--help]\n\nPulumi's state, encrypted, behind an S3 gateway on loopback.\n\nCommands:")
	for _, c := range commands {
		if !c.hidden {
			fmt.Fprintf(w, "  %-8s %s\n", c.name, c.help)
		}
	}
	fmt.Fprintln(w, "\nThe state home is $SKEP_STATE_HOME, else $XDG_STATE_HOME/skep, else ~/.local/state/skep.")
}

func (c command) usage(w io.Writer, flags *flag.FlagSet) {
	fmt.Fprintf(w, "Usage: scripts/state %s [flags] %s\n\n%s\n\nFlags:\n", c.name, c.args, c.help)
	flags.SetOutput(w)
	flags.PrintDefaults()
}

// dropRcloneSettings keeps a user's rclone variables from changing how the store is read and written, and its notices
// from mixing with ours.
func dropRcloneSettings() {
	rclone.GetConfig(context.Background()).LogLevel = rclone.LogLevelError
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "RCLONE_") {
			os.Unsetenv(name)
		}
	}
}
