package compose

import (
	"fmt"
	"slices"
	"strings"
)

// Conditions of depends_on.
const (
	whenStarted   = "service_started"
	whenHealthy   = "service_healthy"
	whenCompleted = "service_completed_successfully"
)

// planWaves sorts the services so that each comes in a later wave than those it
// depends on. Services of one wave are deployed together.
func (f *File) planWaves() {
	const visiting = -1
	wave := map[string]int{}
	var trail []string
	var visit func(name string) int
	visit = func(name string) int {
		if w, seen := wave[name]; seen {
			if w == visiting {
				circle := append(trail[slices.Index(trail, name):], name)
				f.refuse("depends_on goes in a circle: "+strings.Join(circle, " → "), "take one of them out", "services", name, "depends_on")
				return 0
			}
			return w
		}
		wave[name] = visiting
		trail = append(trail, name)
		w := 1
		needs := mapping(f.service(name)["depends_on"])
		for _, need := range sortedKeys(needs) {
			if f.checkDependency(name, need, mapping(needs[need])) {
				w = max(w, visit(need)+1)
			}
		}
		trail = trail[:len(trail)-1]
		wave[name] = w
		return w
	}
	for _, name := range f.Services() {
		w := visit(name)
		for len(f.waves) < w {
			f.waves = append(f.waves, nil)
		}
	}
	// In a second pass: a service may have been visited before its turn.
	for _, name := range f.Services() {
		f.waves[wave[name]-1] = append(f.waves[wave[name]-1], name)
	}
}

// checkDependency says whether a dependency orders anything.
func (f *File) checkDependency(name, need string, how map[string]any) bool {
	at := []string{"services", name, "depends_on", need}
	if _, there := f.section("services")[need]; !there {
		if required, set := how["required"].(bool); !set || required {
			f.refuse(fmt.Sprintf("depends on %q, which the file has not", need), "", at...)
		}
		return false
	}
	target := service{f, need, f.service(need)}
	switch condition := text(how["condition"]); {
	case condition == whenCompleted && !target.job():
		f.refuse(fmt.Sprintf("waits for %q to complete, which is no job", need), "set deploy: {mode: replicated-job} there", at...)
	case condition == whenHealthy && !target.job() && !target.checked():
		f.tell(fmt.Sprintf("service %q waits for %q to be healthy, which states no health check: that it runs must do", name, need), at...)
	case !slices.Contains([]string{"", whenStarted, whenHealthy, whenCompleted}, condition):
		f.refuse(fmt.Sprintf("condition %q is unknown", condition), "need service_started, service_healthy or service_completed_successfully", at...)
	}
	return true
}
