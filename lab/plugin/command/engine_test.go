package command

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-command/sdk/go/command/local"
	"github.com/pulumi/pulumi-command/sdk/go/command/remote"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// languageName is the language of the test programs: it has one program,
// which does what the plan in the environment says.
const languageName = "skeptest"

// planVariable holds the plan as JSON.
const planVariable = "SKEP_TEST_PLAN"

// plan says what the test program registers. No create means no resource.
type plan struct {
	Create, Update, Delete string
	Triggers               []string
	Connection             resource.PropertyMap
	DeleteBeforeReplace    bool
	DeletedWithHost        bool
	IgnoreChanges          []string
}

// program registers one command with the official SDK.
func (p plan) program(ctx *pulumi.Context) error {
	if p.Create == "" {
		return nil
	}
	options := []pulumi.ResourceOption{
		pulumi.DeleteBeforeReplace(p.DeleteBeforeReplace), pulumi.IgnoreChanges(p.IgnoreChanges),
	}
	if p.DeletedWithHost {
		host, err := local.NewCommand(ctx, "host", &local.CommandArgs{Create: pulumi.String("true")})
		if err != nil {
			return err
		}
		options = append(options, pulumi.DeletedWith(host))
	}
	args := &remote.CommandArgs{
		Create: pulumi.String(p.Create),
		Connection: remote.ConnectionArgs{
			Host:       pulumi.String(text(p.Connection, "host")),
			Port:       pulumi.Float64(numberOf(p.Connection, "port", 0)),
			User:       pulumi.String(text(p.Connection, "user")),
			PrivateKey: pulumi.String(text(p.Connection, "privateKey")),
			HostKey:    pulumi.String(text(p.Connection, "hostKey")),
		},
	}
	if p.Update != "" {
		args.Update = pulumi.String(p.Update)
	}
	if p.Delete != "" {
		args.Delete = pulumi.String(p.Delete)
	}
	if p.Triggers != nil {
		args.Triggers = pulumi.ToArray([]any{p.Triggers[0]})
	}
	_, err := remote.NewCommand(ctx, "box", args, options...)
	return err
}

// realEngine is the pulumi command in a folder and a home of its own.
type realEngine struct {
	*testing.T
	dir string
	env []string
}

// newEngine sets a stack up, or gives nil when there is no pulumi command.
func newEngine(t *testing.T) *realEngine {
	t.Helper()
	if _, err := exec.LookPath("pulumi"); err != nil {
		absent(t, "pulumi", "run make tools and put its folder into PATH")
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	plugin := filepath.Join(dir, "home", "plugins", "resource-command-v"+version)
	for _, folder := range []string{plugin, filepath.Join(dir, "bin"), filepath.Join(dir, "state")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, link := range []string{
		filepath.Join(plugin, "pulumi-resource-command"),
		filepath.Join(dir, "bin", "pulumi-language-"+languageName),
	} {
		if err := os.Symlink(self, link); err != nil {
			t.Fatal(err)
		}
	}
	project := "name: box\nruntime: " + languageName + "\n"
	if err := os.WriteFile(filepath.Join(dir, "Pulumi.yaml"), []byte(project), 0o600); err != nil {
		t.Fatal(err)
	}
	e := &realEngine{T: t, dir: dir, env: append(os.Environ(),
		"PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"),
		"PULUMI_HOME="+filepath.Join(dir, "home"), "PULUMI_BACKEND_URL=file://"+filepath.Join(dir, "state"),
		"PULUMI_CONFIG_PASSPHRASE=test", "PULUMI_SKIP_UPDATE_CHECK=true", "SSH_AUTH_SOCK=",
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true")}
	if out, err := e.pulumi(plan{}, "stack", "init", "lab"); err != nil {
		t.Fatalf("stack init: %v\n%s", err, out)
	}
	return e
}

func (e *realEngine) pulumi(p plan, args ...string) (string, error) {
	e.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		e.Fatal(err)
	}
	cmd := exec.CommandContext(e.Context(), "pulumi", append(args, "--non-interactive", "--color=never")...)
	cmd.Dir, cmd.Env = e.dir, append(e.env, planVariable+"="+string(text))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (e *realEngine) up(p plan) {
	e.Helper()
	if out, err := e.pulumi(p, "up", "--yes", "--skip-preview"); err != nil {
		e.Fatalf("up: %v\n%s", err, out)
	}
}

func (e *realEngine) failingUp(p plan, part string) {
	e.Helper()
	out, err := e.pulumi(p, "up", "--yes", "--skip-preview")
	if err == nil || !strings.Contains(out, part) {
		e.Errorf("up: %v, want a failure with %q\n%s", err, part, out)
	}
}

// stored is a resource in the state.
type stored struct {
	URN     resource.URN
	Inputs  map[string]any
	Outputs map[string]any
}

// state finds a resource in the state by its name, or gives nil.
func (e *realEngine) state(name string) *stored {
	e.Helper()
	content, err := os.ReadFile(filepath.Join(e.dir, "state", ".pulumi", "stacks", "box", "lab.json"))
	if err != nil {
		e.Fatal(err)
	}
	var export struct {
		Checkpoint struct {
			Latest struct{ Resources []stored }
		}
	}
	if err := json.Unmarshal(content, &export); err != nil {
		e.Fatalf("read state: %v\n%s", err, content)
	}
	if len(export.Checkpoint.Latest.Resources) == 0 {
		e.Fatalf("the state is empty:\n%s", content)
	}
	for _, r := range export.Checkpoint.Latest.Resources {
		if r.URN.Name() == name {
			return &r
		}
	}
	return nil
}

// language is the language host of the test programs.
type language struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
}

// serveLanguage is the main function of the language host.
func serveLanguage() int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	server := grpc.NewServer()
	pulumirpc.RegisterLanguageRuntimeServer(server, &language{})
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	if err := server.Serve(listener); err != nil {
		return 1
	}
	return 0
}

func (*language) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: "0.0.1"}, nil
}

func (*language) GetRequiredPackages(
	context.Context, *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	return &pulumirpc.GetRequiredPackagesResponse{}, nil
}

func (*language) Run(ctx context.Context, req *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	var p plan
	if err := json.Unmarshal([]byte(os.Getenv(planVariable)), &p); err != nil {
		return &pulumirpc.RunResponse{Error: err.Error()}, nil
	}
	// The address of the engine is the last argument of a language host.
	run, err := pulumi.NewContext(ctx, pulumi.RunInfo{
		Project: req.GetProject(), Stack: req.GetStack(), MonitorAddr: req.GetMonitorAddress(),
		EngineAddr: os.Args[len(os.Args)-1], DryRun: req.GetDryRun(), Parallel: req.GetParallel(),
		Organization: req.GetOrganization(),
	})
	if err == nil {
		err = pulumi.RunWithContext(run, p.program)
	}
	if err != nil {
		return &pulumirpc.RunResponse{Error: err.Error()}, nil
	}
	return &pulumirpc.RunResponse{}, nil
}
