package importer

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"go.yaml.in/yaml/v3"

	"skep/internal/compose"
)

// meaningless are keys that Swarm ignores and that lose nothing.
var meaningless = []string{"attach", "container_name", "develop", "expose", "memswap_limit", "mem_swappiness", "oom_kill_disable", "pull_policy", "platform"}

// repairService changes what can be changed without a decision.
func (i *importer) repairService(name string, body *yaml.Node) {
	for _, key := range meaningless {
		if take(body, key) != nil {
			i.did("service %s: %s removed, Swarm ignores it", name, key)
		}
	}
	if get(body, "image") != nil && take(body, "build") != nil {
		i.did("service %s: build removed, its image is built elsewhere", name)
	}
	i.repairRestart(name, body)
	i.moveLimits(name, body)
	i.inlineEnvironment(name, body)
	i.repairVolumes(name, body)
	if options := get(body, "security_opt"); options != nil && !slices.ContainsFunc(options.Content, func(n *yaml.Node) bool {
		return !strings.HasPrefix(n.Value, "no-new-privileges")
	}) {
		take(body, "security_opt")
		i.did("service %s: security_opt removed, the engine sets no-new-privileges for all", name)
	}
	if check := get(body, "healthcheck"); check != nil && take(check, "start_interval") != nil {
		i.did("service %s: healthcheck.start_interval removed, Swarm does not know it", name)
	}
	if get(body, "cap_drop") == nil {
		put(body, "cap_drop", sequence(text("ALL")))
		if adds := get(body, "cap_add"); adds == nil {
			addComment(body.Content[len(body.Content)-2], "TODO(skep): try it; add what it needs under cap_add: (often CHOWN, SETUID, SETGID, NET_BIND_SERVICE)")
		}
		i.did("service %s: cap_drop: [ALL]", name)
	}
	i.pin(name, body)
}

// repairRestart moves restart to where Swarm reads it.
func (i *importer) repairRestart(name string, body *yaml.Node) {
	restart := take(body, "restart")
	if restart == nil {
		return
	}
	condition, attempts, limited := strings.Cut(restart.Value, ":")
	switch condition {
	case "always", "unless-stopped":
		i.did("service %s: restart: %s removed, it is what Swarm does", name, condition)
		return
	case "no":
		condition = "none"
	}
	policy := below(body, "deploy", "restart_policy")
	put(policy, "condition", text(condition))
	if limited {
		put(policy, "max_attempts", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: attempts})
	}
	i.did("service %s: restart becomes deploy.restart_policy", name)
}

// moveLimits moves what has another place in Swarm.
func (i *importer) moveLimits(name string, body *yaml.Node) {
	for _, move := range []struct {
		key  string
		path []string
	}{
		{"mem_limit", []string{"deploy", "resources", "limits", "memory"}},
		{"cpus", []string{"deploy", "resources", "limits", "cpus"}},
		{"pids_limit", []string{"deploy", "resources", "limits", "pids"}},
		{"mem_reservation", []string{"deploy", "resources", "reservations", "memory"}},
		{"scale", []string{"deploy", "replicas"}},
	} {
		if value := take(body, move.key); value != nil {
			last := len(move.path) - 1
			if move.key == "cpus" {
				value = text(value.Value)
			}
			put(below(body, move.path[:last]...), move.path[last], value)
			i.did("service %s: %s becomes %s", name, move.key, strings.Join(move.path, "."))
		}
	}
}

// notInNames is what no name of a compose variable has.
var notInNames = regexp.MustCompile(`[^A-Za-z0-9_]`)

// inlineEnvironment writes the variables of env_file where Swarm reads them. A
// value that looks like a secret stays behind: such files are kept out of
// version control, and the stack's is not.
func (i *importer) inlineEnvironment(name string, body *yaml.Node) {
	declared := get(body, "env_file")
	if declared == nil || i.Folder == nil {
		return
	}
	files := declared.Content
	if declared.Kind == yaml.ScalarNode {
		files = []*yaml.Node{declared}
	}
	values := map[string]string{}
	var order []string
	for _, file := range files {
		content, err := fs.ReadFile(i.Folder, path.Clean(file.Value))
		if err != nil {
			return // the key stays and is marked
		}
		read, err := dotenv.UnmarshalBytesWithLookup(content, nil)
		if err != nil {
			return
		}
		for key, value := range read {
			values[key] = value
			order = append(order, key)
		}
	}
	take(body, "env_file")
	slices.Sort(order)
	environment := asMapping(get(body, "environment"))
	for _, key := range slices.Compact(order) {
		switch {
		case get(environment, key) != nil:
		case compose.LooksSecret(key, values[key]):
			variable := notInNames.ReplaceAllString(key, "_")
			put(environment, key, text("${"+variable+"}"))
			i.declareOpen(variable, true)
		default:
			put(environment, key, text(strings.ReplaceAll(values[key], "$", "$$")))
		}
	}
	put(body, "environment", environment)
	i.did("service %s: env_file becomes environment", name)
}

// asMapping makes a mapping of an environment in either form.
func asMapping(environment *yaml.Node) *yaml.Node {
	if environment == nil {
		return mapping()
	}
	if environment.Kind != yaml.SequenceNode {
		return environment
	}
	out := mapping()
	for _, entry := range environment.Content {
		key, value, set := strings.Cut(entry.Value, "=")
		node := text(value)
		if !set {
			node = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
		}
		name := text(key)
		name.HeadComment, node.LineComment = entry.HeadComment, entry.LineComment
		out.Content = append(out.Content, name, node)
	}
	return out
}

// repairVolumes makes configs of files beside the compose file that are mounted
// read-only.
func (i *importer) repairVolumes(name string, body *yaml.Node) {
	volumes := get(body, "volumes")
	if volumes == nil || volumes.Kind != yaml.SequenceNode {
		return
	}
	volumes.Content = slices.DeleteFunc(volumes.Content, func(entry *yaml.Node) bool {
		source, rest, _ := strings.Cut(entry.Value, ":")
		target, mode, _ := strings.Cut(rest, ":")
		if !strings.HasPrefix(source, "./") || !slices.Contains(strings.Split(mode, ","), "ro") || i.Folder == nil {
			return false
		}
		if info, err := fs.Stat(i.Folder, path.Clean(source)); err != nil || !info.Mode().IsRegular() {
			return false
		}
		copied, ok := i.copy(source)
		if !ok {
			addComment(entry, "TODO(skep): it holds what looks like a secret: make it one (secrets:), and mount that")
			return false
		}
		config := strings.NewReplacer(".", "-", "/", "-", "_", "-").Replace(copied)
		put(i.root2("configs"), config, mapping(text("file"), text("./"+copied)))
		mounts := get(body, "configs")
		if mounts == nil {
			mounts = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
			put(body, "configs", mounts)
		}
		mounts.Content = append(mounts.Content, mapping(text("source"), text(config), text("target"), text(target)))
		i.did("service %s: %s becomes config %s", name, source, config)
		return true
	})
	if len(volumes.Content) == 0 {
		take(body, "volumes")
	}
}

// pin adds the image's digest, where a registry tells it.
func (i *importer) pin(name string, body *yaml.Node) {
	image := get(body, "image")
	if image == nil || strings.Contains(image.Value, "@sha256:") || strings.Contains(image.Value, "$") || i.Digest == nil {
		return
	}
	digest, err := i.Digest(image.Value)
	if err != nil {
		i.result.Open = append(i.result.Open, fmt.Sprintf("service %s: %v", name, err))
		return
	}
	image.Value += "@" + digest
	i.did("service %s: image pinned to the digest of today", name)
}

// makeJobs makes jobs of services that others wait for to complete.
func (i *importer) makeJobs(services *yaml.Node) {
	for name, body := range pairs(services) {
		for need, how := range pairs(get(body, "depends_on")) {
			target := get(services, need.Value)
			condition := get(how, "condition")
			if target == nil || condition == nil || condition.Value != "service_completed_successfully" || get(get(target, "deploy"), "mode") != nil {
				continue
			}
			deploy := below(target, "deploy")
			put(deploy, "mode", text("replicated-job"))
			take(deploy, "restart_policy")
			i.did("service %s becomes a job, since %s waits for it to complete", need.Value, name.Value)
		}
	}
}
