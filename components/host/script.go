package host

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi-command/sdk/go/command/remote"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/internal/toolbox"
)

// ToolboxDir is where scripts live on a host, readable by root only.
const ToolboxDir = "/usr/local/lib/skep"

//go:embed prelude.sh
var preludeText string

// prelude is what every host script sources. Its name holds no digest, but
// each script's digest covers it.
var prelude = Script{Name: "prelude", Text: preludeText}

// Script is a host script: a real .sh file that the component owning it embeds.
// Run with `apply` it makes what its component promises, with `check` it tells
// drift by its exit status, with `undo` it takes its work away.
type Script struct {
	// Name is the file's name without .sh.
	Name string
	// Text is the file.
	Text string
	// Parts are files that it sources as ${0%.sh}-NAME.sh, for a script too long
	// to read as one. They lie beside it under its digest, and have none of
	// their own.
	Parts []Script
}

// Path is where the script lies on a host. The name holds the digest of what
// it does, so that a command in the state always means the same text.
func (s Script) Path() string {
	text := prelude.lean() + s.lean()
	for _, part := range s.Parts {
		text += part.lean()
	}
	sum := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%s/%s-%s.sh", ToolboxDir, s.Name, hex.EncodeToString(sum[:5]))
}

// lean is the text that hosts get.
func (s Script) lean() string { return toolbox.Lean(s.Text) }

// Toolbox is all scripts that a host gets, in one go.
type Toolbox []Script

// packedMark is the line before the rest of an archive, which is packed.
const packedMark = "@@packed\n"

// Archive writes the toolbox and, before it, other files as text that
// installLine unpacks. The files stay readable, so that a preview shows what
// changes in them line by line; Show does that for the scripts, once for all hosts.
func (t Toolbox) Archive(files string) (string, error) {
	var b strings.Builder
	b.WriteString(toolbox.File(ToolboxDir+"/prelude.sh", prelude.lean()))
	for _, s := range t.sorted() {
		b.WriteString(toolbox.File(s.Path(), s.lean()))
		for _, part := range s.Parts {
			b.WriteString(toolbox.File(strings.TrimSuffix(s.Path(), ".sh")+"-"+part.Name+".sh", part.lean()))
		}
	}
	packed, err := toolbox.Pack(b.String())
	return files + packedMark + packed, err
}

func (t Toolbox) sorted() []Script {
	return slices.SortedFunc(slices.Values(t), func(a, b Script) int { return strings.Compare(a.Name, b.Name) })
}

// installLine is the shell text that unpacks an archive from stdin and then
// runs one of its scripts. Each file is complete before it has its name, so a
// connection that breaks half-way leaves no half script.
func installLine(run string) string {
	return `umask 077 && mkdir -p ` + ToolboxDir + ` && cd ` + ToolboxDir + ` && rm -f ./*.new packed && ` +
		`split='/^@@skep /{f=$2 ".new";next}{print >f}' && awk '/^@@packed$/{f="packed";next}'"$split" && ` +
		`base64 -d packed | gzip -d >packed.txt && awk "$split" packed.txt && rm packed packed.txt && ` +
		`for f in *.new; do mv -f "$f" "${f%.new}"; done && ` + run
}

const toolboxToken = "skep:host:Toolbox"

// shown is the scripts for people to look at.
type shown struct{ pulumi.ResourceState }

// Show registers a component that holds the scripts as text, so that a preview
// shows a changed one line by line: once, and not once for each host.
func (t Toolbox) Show(ctx *pulumi.Context, name string) error {
	texts := pulumi.Map{}
	for _, s := range append(Toolbox{prelude}, t...) {
		texts[s.Name] = pulumi.String(s.lean())
		for _, part := range s.Parts {
			texts[s.Name+"-"+part.Name] = pulumi.String(part.lean())
		}
	}
	s := &shown{}
	if err := ctx.RegisterComponentResourceV2(toolboxToken, name, texts, s); err != nil {
		return err
	}
	return ctx.RegisterResourceOutputs(s, pulumi.Map{})
}

// RunArgs says what to run on a host.
type RunArgs struct {
	// Script to run with `apply`; it must be in the host's toolbox.
	Script Script
	// Args follow `apply`. They are seen in process lists and previews, so they
	// hold no secret.
	Args []string
	// Stdin is the script's data, and the only way for a secret.
	Stdin pulumi.StringInput
	// Undo runs the script with `undo` and Args when the resource goes.
	Undo bool
	// Confirms is for what runs first on a host after its base: that it could
	// connect confirms the firewall's rules, and new rules run it again.
	Confirms bool
	// Limit ends the script; 0 means DefaultLimit.
	Limit time.Duration
	// Progress shows what the script says on stderr while it runs. Only for a
	// script that says nothing but its own lines there, each far below 64 KiB
	// and without any value of a secret: the provider hangs for ever on a longer
	// one, and what it logs, everybody reads.
	Progress bool
}

// DefaultLimit bounds a script's time on a host. The provider itself cannot
// stop a command that runs.
const DefaultLimit = 5 * time.Minute

// Run registers the command that keeps a script applied on the host. It is the
// single door to a host: every command goes through it and so has the pinned
// host key, an outer time limit, no logging and secret outputs.
func (h *Host) Run(ctx *pulumi.Context, name string, args RunArgs, opts ...pulumi.ResourceOption) (*remote.Command, error) {
	command := &remote.CommandArgs{Create: h.commandLine(args, "apply"), Stdin: args.Stdin}
	if args.Progress {
		command.Logging = remote.LoggingStderr
	}
	if args.Undo {
		command.Delete = h.commandLine(args, "undo")
	}
	return h.command(ctx, name, command, append([]pulumi.ResourceOption{
		pulumi.DependsOn([]pulumi.Resource{h.ready}), timeouts(args.Limit),
	}, opts...))
}

// commandLine is plain where the host is, so that a preview shows it.
func (h *Host) commandLine(args RunArgs, verb string) pulumi.StringPtrInput {
	words := append([]string{"bash", args.Script.Path(), verb}, args.Args...)
	if args.Confirms {
		words = append([]string{"bash", firewallKeep.Path(), "confirm", h.table}, words...)
	}
	line := func(user string) string { return rootLine(user, args.Limit) + " " + shellWords(words) }
	if h.user == nil {
		return pulumi.String(line(h.User))
	}
	return h.user.ToStringOutput().ApplyT(line).(pulumi.StringOutput).ToStringPtrOutput()
}

// rootLine is the front of every command line: root, and a limit of time.
func rootLine(user string, limit time.Duration) string {
	if limit == 0 {
		limit = DefaultLimit
	}
	line := fmt.Sprintf("timeout --kill-after=10 %d", int(limit.Seconds()))
	if user != "root" {
		line = "sudo -n " + line
	}
	return line
}

// command registers a remote command with what every one of them needs.
func (h *Host) command(ctx *pulumi.Context, name string, args *remote.CommandArgs, opts []pulumi.ResourceOption) (*remote.Command, error) {
	if args.Connection == nil {
		args.Connection = h.connection(h.HostKey)
	}
	// One line of 64 KiB hangs the provider's logger for ever, and what scripts
	// say may hold a token.
	if args.Logging == nil {
		args.Logging = remote.LoggingNone
	}
	args.AddPreviousOutputInEnv = pulumi.Bool(false)
	// Another machine under the same name is a reason to run everything again.
	args.Triggers = pulumi.Array{h.identity}
	return remote.NewCommand(ctx, name, args, append([]pulumi.ResourceOption{
		pulumi.AdditionalSecretOutputs([]string{"stdout", "stderr"}),
		pulumi.DeletedWith(h.machine),
		timeouts(DefaultLimit),
	}, opts...)...)
}

// timeouts are the engine's, which must not be over before the script's own
// limit is.
func timeouts(limit time.Duration) pulumi.ResourceOption {
	most := fmt.Sprintf("%dm", int(max(10*time.Minute, limit+2*time.Minute).Minutes()))
	return pulumi.Timeouts(&pulumi.CustomTimeouts{Create: most, Update: most, Delete: most})
}

// connection is made in one place and always the same way: a difference in
// form would run every command again.
func (h *Host) connection(hostKey pulumi.StringInput) remote.ConnectionArgs {
	var user pulumi.StringInput = pulumi.String(h.User)
	var port pulumi.Float64Input = pulumi.Float64(h.Port)
	if h.user != nil {
		user, port = h.user, h.port
	}
	return remote.ConnectionArgs{
		Host:       h.PublicAddress,
		Port:       port.ToFloat64Output().ToFloat64PtrOutput(),
		User:       user.ToStringOutput().ToStringPtrOutput(),
		PrivateKey: h.privateKey,
		HostKey:    hostKey.ToStringOutput().ToStringPtrOutput(),
	}
}

// shellWords quotes words for a POSIX shell.
func shellWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if w != "" && !strings.ContainsFunc(w, needsQuote) {
			quoted[i] = w
			continue
		}
		quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return strings.Join(quoted, " ")
}

func needsQuote(r rune) bool {
	return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@%_+=:,./-", r)
}
