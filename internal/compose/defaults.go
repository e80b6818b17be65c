package compose

import (
	"maps"
	"slices"
)

// How long a task must run before it counts: Swarm's own 5 s are enough where a
// health check has said that it works, and too short for an application that
// fails while it starts.
const (
	monitorChecked   = "5s"
	monitorUnchecked = "15s"
)

// withDefaults fills in what the file leaves open about its rollout, so that it
// is without a gap where that can be, and taken back where it fails.
func (f *File) withDefaults(s service, declared map[string]any) map[string]any {
	deploy := maps.Clone(declared)
	if deploy == nil {
		deploy = map[string]any{}
	}
	if hosts := s.hosts(); len(hosts) == 1 {
		deploy["placement"] = placed(mapping(deploy["placement"]), "node.labels.host == "+hosts[0])
	}
	if s.job() {
		if deploy["restart_policy"] == nil {
			deploy["restart_policy"] = map[string]any{"condition": "on-failure", "delay": "2s", "max_attempts": 2}
		}
		return deploy
	}
	order, monitor := "stop-first", monitorUnchecked
	if s.checked() {
		monitor = monitorChecked
		if !s.exclusive() {
			order = "start-first"
		}
	}
	deploy["update_config"] = filled(mapping(deploy["update_config"]), map[string]any{
		"order": order, "failure_action": "rollback", "monitor": monitor,
	})
	deploy["rollback_config"] = filled(mapping(deploy["rollback_config"]), map[string]any{
		"order": mapping(deploy["update_config"])["order"],
	})
	return deploy
}

// exclusive says whether two tasks of the service cannot run side by side for a
// moment: they would need one port of a host, or write the same data.
func (s service) exclusive() bool {
	hostPort := slices.ContainsFunc(s.ports(), func(p port) bool { return p.hostMode })
	data := slices.ContainsFunc(s.mounts(), s.file.keepsData)
	return hostPort || data || mapping(s.deploy()["placement"])["max_replicas_per_node"] != nil
}

func placed(placement map[string]any, constraint string) map[string]any {
	out := maps.Clone(placement)
	if out == nil {
		out = map[string]any{}
	}
	if constraints := list(out["constraints"]); !slices.Contains(constraints, any(constraint)) {
		out["constraints"] = append(slices.Clone(constraints), constraint)
	}
	return out
}

func filled(declared, defaults map[string]any) map[string]any {
	out := maps.Clone(defaults)
	maps.Copy(out, declared)
	return out
}
