package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"skep/lab/traffic"
)

const (
	benchFile = "stacks/bench/compose.yaml"
	benchPage = "https://bench.skep.test/bench"
	// floor is what the ratio is to reach. It is reported and not asserted: a
	// busy machine would decide.
	floor = 0.95
)

// TestBenchIngress prints how Skep's Traefik does beside the same Traefik with
// its swarm provider, configured by hand on the same host for the same tasks.
// scripts/bench-ingress runs it.
func TestBenchIngress(t *testing.T) {
	if os.Getenv("SKEP_BENCH") == "" {
		t.Skip("prints figures and asserts little: run it by `make bench`")
	}
	c := newCheckout(t)
	c.ends()
	c.steps([]step{
		{"three tasks behind one route come up", benchUp},
		{"beside a Traefik configured by hand", benchByHand},
		{"1,000 routes more", benchRoutes},
	})
}

func benchUp(c *checkout) {
	c.run("cp -r lab/e2e/testdata/stacks/bench stacks/ && rm -r stacks/whoami")
	c.edit("Pulumi.lab.yaml", "skep:stacks: [whoami]", "skep:stacks: [bench]")
	c.run("scripts/tools --packages-for lab && .skep/bin/lab up")
	c.pulumi("lab", "pulumi stack init lab && pulumi up --yes --skip-preview")
	c.until(time.Minute, "the first answer", func() bool { return answers(visitors(c)["node-1"], benchPage) })
}

func answers(v visitor, page string) bool {
	response, err := v.browser().Get(page)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// byHandPort is where the Traefik configured by hand answers.
const byHandPort = "8445"

// byHand starts a Traefik beside Skep's: the same image and options, but for
// where routes come from, which is the engine's socket.
func byHand(c *checkout) {
	c.t.Helper()
	var spec struct {
		Image, User string
		Args        []string
	}
	out := c.on("node-1", `docker service inspect ingress_traefik --format "{{json .Spec.TaskTemplate.ContainerSpec}}"`)
	if err := json.Unmarshal([]byte(out), &spec); err != nil {
		c.t.Fatalf("read how Traefik is started: %v: %s", err, out)
	}
	args := slices.DeleteFunc(spec.Args, func(arg string) bool {
		lower := strings.ToLower(arg)
		return strings.HasPrefix(lower, "--providers.") || strings.Contains(lower, "@file")
	})
	args = append(args, "--providers.swarm=true", "--providers.swarm.exposedByDefault=false", "--providers.swarm.network=edge-apps")
	for _, label := range []string{
		"traefik.enable=true", "traefik.http.routers.app.rule=Host(`bench.skep.test`)", "traefik.http.routers.app.entrypoints=websecure",
		"traefik.http.routers.app.tls=true", "traefik.http.services.app.loadbalancer.server.port=8080",
	} {
		c.on("node-1", "docker service update -q --detach --label-add "+shellWord(label)+" bench_app")
	}
	for i, arg := range args {
		args[i] = shellWord(arg)
	}
	c.on("node-1", fmt.Sprintf(`docker service create -q --detach --name byhand --constraint node.hostname==node-1 --network edge-apps \
		--publish mode=host,published=%s,target=8443 --mount type=bind,src=/var/run/docker.sock,dst=/var/run/docker.sock,readonly \
		--user 0:0 --entrypoint traefik %s %s`, byHandPort, spec.Image, strings.Join(args, " ")))
	c.on("node-1", "nft insert rule inet skep outside tcp dport "+byHandPort+" accept")
}

// shellWord is a word for a shell within the quotes that checkout.on puts around.
func shellWord(word string) string {
	return `"` + strings.NewReplacer("`", "\\`", `"`, `\"`, "$", `\$`).Replace(word) + `"`
}

// figures are what one of the two did in one round.
type figures struct {
	p50        time.Duration
	throughput float64
	failed     int
}

// measured asks at a rate that leaves the machine idle, for the latency, and
// then as fast as answers come.
func measured(ctx context.Context, target traffic.Target) figures {
	quiet, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	steady := target.AtRate(quiet, 100)
	flood := target.Flood(ctx, 16, 4*time.Second)
	return figures{steady.P50, flood.PerSecond, steady.Failed + flood.Failed}
}

// middle is the median.
func middle[T time.Duration | float64](all []T) T {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// rounds is how often the two are compared.
const rounds = 7

func benchByHand(c *checkout) {
	byHand(c)
	v := visitors(c)["node-1"]
	ours := traffic.Target{URL: benchPage, Address: v.to, Roots: v.roots}
	theirs := traffic.Target{URL: "https://bench.skep.test:" + byHandPort + "/bench", Address: v.to, AnyCertificate: true}
	c.until(time.Minute, "the Traefik by hand to answer", func() bool {
		return theirs.Flood(c.t.Context(), 1, 200*time.Millisecond).Failed == 0
	})
	var latencies, throughputs []float64
	row := func(what string, skep, hand figures) {
		latencies = append(latencies, float64(hand.p50)/float64(skep.p50))
		throughputs = append(throughputs, skep.throughput/hand.throughput)
		c.t.Logf("bench: %-10s %10s %10s %10.0f %10.0f", what, skep.p50.Round(10*time.Microsecond), hand.p50.Round(10*time.Microsecond), skep.throughput, hand.throughput)
		if skep.failed+hand.failed > 0 {
			c.t.Errorf("requests failed: %d of ours, %d of theirs", skep.failed, hand.failed)
		}
	}
	c.t.Logf("bench: %-10s %10s %10s %10s %10s", "", "p50 skep", "by hand", "skep, 1/s", "by hand")
	// They take turns, each as often the first as the second, and are compared
	// round by round: what else the machine does falls on both.
	for i := range rounds {
		var skep, hand figures
		if i%2 == 0 {
			skep, hand = measured(c.t.Context(), ours), measured(c.t.Context(), theirs)
		} else {
			hand, skep = measured(c.t.Context(), theirs), measured(c.t.Context(), ours)
		}
		row(fmt.Sprintf("round %d", i+1), skep, hand)
	}
	c.t.Logf("bench: ratio of p50 %.2f, of throughput %.2f, median of %d rounds, floor %.2f", middle(latencies), middle(throughputs), rounds, floor)
}

// benchRoutes brings a thousand routes to all hosts while each serves.
func benchRoutes(c *checkout) {
	const mark = "        # More routes come here.\n"
	var labels strings.Builder
	labels.WriteString("        traefik.http.middlewares.new.headers.customresponseheaders.X-Route: new\n")
	for i := range 1000 {
		fmt.Fprintf(&labels, "        traefik.http.routers.r%d.rule: Host(`bench.${DOMAIN}`) && Path(`/r/%d`)\n", i, i)
		fmt.Fprintf(&labels, "        traefik.http.routers.r%d.middlewares: new\n", i)
	}
	ctx, stop := context.WithCancel(c.t.Context())
	defer stop()
	all := visitors(c)
	results := map[string]chan traffic.Figures{}
	for _, host := range hosts {
		result, v := make(chan traffic.Figures, 1), all[host]
		results[host] = result
		go func() {
			result <- traffic.Target{URL: benchPage, Address: v.to, Roots: v.roots}.AtRate(ctx, 50)
		}()
	}
	c.edit(benchFile, mark, labels.String())
	start := time.Now()
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	c.t.Logf("bench: up with 1,000 routes more took %s", time.Since(start).Round(100*time.Millisecond))
	for _, host := range hosts {
		c.until(time.Minute, host+" to serve the last route", func() bool { return routed(all[host], "https://bench.skep.test/r/999") })
	}
	c.t.Logf("bench: the last host serves the last route %s after up began", time.Since(start).Round(100*time.Millisecond))
	stop()
	for _, host := range hosts {
		got := <-results[host]
		c.t.Logf("bench: %s meanwhile: %s", host, got)
		if got.Failed > 0 || got.Requests == 0 {
			c.t.Errorf("%s dropped %d of %d requests: %q", host, got.Failed, got.Requests, got.Faults)
		}
	}
}

// routed says whether a page comes over one of the new routes.
func routed(v visitor, page string) bool {
	response, err := v.browser().Get(page)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK && response.Header.Get("X-Route") == "new"
}
