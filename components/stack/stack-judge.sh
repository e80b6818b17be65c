# shellcheck shell=bash
# Tells from what the engine says whether services run. Sourced, never run.

: "${work=}" "${stack=}"

# The engine's word for a service's update is no proof that it runs, and its
# tasks alone are no proof that the update is over: both have to agree.
# shellcheck disable=SC2016 # jq's own variables
judgement='
	def gone: IN("complete", "failed", "rejected", "shutdown", "orphaned", "remove");
	def live: .DesiredState == "running" or .DesiredState == "ready";
	# A change of placement alone leaves tasks where they are, with the old text.
	def essence: del(.Placement, .Runtime);
	def count(f): [.[] | select(f)] | length;
	def word: if . == "preparing" then "preparing (pulling)" else . end;
	def states: map(.Status.State | select(gone | not) | select(. != "running")) | group_by(.) |
		map("\(length) \(.[0] | word)");
	def hint: map(.Status | select(.State == "pending") | .Err // empty) | unique | map(" (\(.))") | join("");
	def age: .Status.Timestamp | sub("\\.[0-9]+"; "") | now - fromdateiso8601;
	# A service that ends without an error has failed too: it may be that its
	# health check did, and that it takes a stop well.
	def misfit($kind): .Status.State | IN("failed", "rejected") or (. == "complete" and $kind == "service");
	def failures($kind): count(misfit($kind)) | if . > 0 then ["\(.) failed"] else [] end;

	def of_job($all; $fresh):
		.JobStatus.JobIteration.Index as $run |
		[$all[] | select(.JobIteration.Index == $run)] as $tasks |
		($tasks | count(.Status.State == "complete")) as $complete |
		(.Spec.Mode.ReplicatedJob | if . then .TotalCompletions // 1 else $tasks | map(.NodeID) | unique | length end) as $want |
		($tasks | count(.Status.State | gone | not)) as $live |
		{
			kind: "job",
			text: ((["\($complete) of \($want) complete"]
				+ ($tasks | count(.Status.State == "running") | if . > 0 then ["\(.) running"] else [] end)
				+ ($tasks | states) + ($fresh | failures("job")) | join(", ")) + ($tasks | hint)),
			verdict: (
				if $want > 0 and $complete >= $want then "done"
				else "wait" end),
			why: "-",
		};

	def of_service($all; $fresh):
		(.Spec.TaskTemplate | essence) as $spec |
		[$all[] | select(live)] as $tasks |
		[$tasks[] | select((.Spec | essence) == $spec)] as $new |
		(($tasks | length) - ($new | length)) as $old |
		[$new[] | select(.Status.State == "running")] as $running |
		(.Spec.Mode.Replicated | if . then .Replicas // 0 else $tasks | map(.NodeID) | unique | length end) as $want |
		(.UpdateStatus.State // "") as $update |
		((.Spec.UpdateConfig.Monitor // 0) / 1e9 | if . == 0 then 5 else . end) as $monitor |
		{
			kind: "service",
			text: ((["\($running | length) of \($want) running"] + ($new | states)
				+ (if $old > 0 then ["\($old) of the old version"] else [] end) + ($fresh | failures("service")) | join(", ")) + ($new | hint)),
			verdict: (
				if $update == "paused" or $update == "rollback_paused" or
					($taking == "forward" and ($update | startswith("rollback_"))) then "failed"
				elif $want == 0 and .Spec.Mode.Replicated and ($tasks | length) == 0 then "done"
				elif ($running | length) != $want or $want == 0 or $old > 0 or ($update | IN("updating", "rollback_started")) then "wait"
				elif $update == "completed" or $update == "rollback_completed" then "done"
				elif ($running | map(age) | min) >= $monitor then "steady"
				else "young" end),
			why: ("the update was taken back (\($update))" + (.UpdateStatus.Message // "" | if . == "" then "" else ": " + . end)),
			monitor: $monitor,
			running: ($running | map(.ID) | sort | join(",")),
		};

	.[] | . as $service | select(.Spec.Name | IN($names[])) |
	[$tasks[0][] | select(.ServiceID == $service.ID)] as $mine |
	[$mine[] | select(.ID | IN($known[0][]) | not)] as $fresh |
	(if .Spec.Mode.ReplicatedJob or .Spec.Mode.GlobalJob then of_job($mine; $fresh) else of_service($mine; $fresh) end) |
	.kind as $kind | . + {
		name: ($service.Spec.Name[$stack | length + 1:]),
		seen: ([$fresh[] | select(misfit($kind)) | "\(.Slot // .NodeID):\(.ID)"] | join(",")),
		live: ($mine | count(.Status.State | gone | not)),
		origin: ($before[0] | map(select(.Spec.Name == $service.Spec.Name)) |
			if . == [] then "added" elif .[0].Spec == $service.Spec then "same" else "changed" end),
	} | [.name, .verdict, .text, .kind, .origin, .why, .monitor // 0, (.running // "" | if . == "" then "-" else . end),
		(.seen | if . == "" then "-" else . end), .live] | @tsv
'

# judge NAMES [back] writes $work/verdicts: a line for each of the services
# whose names are in the JSON list, by tabs:
#   NAME VERDICT PROGRESS service|job ORIGIN REASON MONITOR RUNNING-TASKS FAILED-TASKS LIVE
# VERDICT is done, steady (it runs, longer than its monitor window), young
# (it runs since less), wait or failed. ORIGIN is added, changed or same, since
# before the deploy. On the way back a rollback is no failure.
judge() {
	jq -r --argjson names "$1" --arg taking "${2-forward}" --arg stack "$stack" --slurpfile tasks "$work/tasks.json" \
		--slurpfile known "$work/before-tasks.json" --slurpfile before "$work/before.json" \
		"$judgement" "$work/services.json" >"$work/verdicts"
}

# all_there: the names of all services that the stack has now.
all_there() { jq -c '[.[].Spec.Name]' "$work/services.json"; }

# worst_task NAME: ID, state, node, error and exit code of the task that tells
# most of why a service does not run: the last that failed, else one that waits.
worst_task() {
	ask nodes >"$work/nodes.json" || echo '[]' >"$work/nodes.json"
	jq -r --arg name "$1" --slurpfile services "$work/services.json" --slurpfile nodes "$work/nodes.json" \
		--slurpfile known "$work/before-tasks.json" '
		($services[0][] | select(.Spec.Name == $name)) as $service |
		($nodes[0] | map({key: .ID, value: .Description.Hostname}) | from_entries) as $hosts |
		[.[] | select(.ServiceID == $service.ID and (.ID | IN($known[0][]) | not))] as $tasks |
		($service.Spec.Mode | .Replicated or .Global) as $lasting |
		([$tasks[] | select(.Status.State | IN("failed", "rejected", "orphaned") or (. == "complete" and $lasting))]
			| sort_by(.Status.Timestamp) | last) //
		([$tasks[] | select(.Status.State != "running" and (.DesiredState | IN("running", "ready", "complete")))] | first) // empty |
		[.ID, .Status.State, $hosts[.NodeID // ""] // "no host",
			(if .Status.State == "complete" then "ended by itself, or was stopped since its health check failed" else
			[.Status.Err, .Status.Message, "-"] | map(select(. // "" != "")) | first end), .Status.ContainerStatus.ExitCode // 0] | @tsv' "$work/tasks.json"
}
