package e2e

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/go-cmp/cmp"
)

// scan knocks at TCP ports and tells which are open, and which say no: both
// are answers. All others are silent.
func scan(address string, ports []int) (open, refused []int) {
	var lock sync.Mutex
	var knocks sync.WaitGroup
	slots := make(chan struct{}, 800)
	for _, port := range ports {
		slots <- struct{}{}
		knocks.Go(func() {
			defer func() { <-slots }()
			connection, err := net.DialTimeout("tcp", net.JoinHostPort(address, strconv.Itoa(port)), 700*time.Millisecond)
			lock.Lock()
			defer lock.Unlock()
			switch {
			case err == nil:
				_ = connection.Close()
				open = append(open, port)
			case errors.Is(err, syscall.ECONNREFUSED):
				refused = append(refused, port)
			}
		})
	}
	knocks.Wait()
	slices.Sort(open)
	slices.Sort(refused)
	return open, refused
}

// refuses says whether a UDP port tells that nothing listens there: a port
// behind the firewall never does.
func refuses(c *checkout, address string, port int) bool {
	connection, err := net.Dial("udp", net.JoinHostPort(address, strconv.Itoa(port)))
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	_ = connection.SetDeadline(time.Now().Add(time.Second))
	_, _ = connection.Write([]byte("knock"))
	_, err = connection.Read(make([]byte, 1))
	return errors.Is(err, syscall.ECONNREFUSED)
}

func testStrangers(c *checkout) {
	for i, host := range hosts {
		// Every port of one host; of the others those that mean something.
		ports := []int{2375, 2376, 2377, 4243, 4789, 5000, 7946, 8080, 9323, 9999, 10250, 30000, 30001, 51820}
		for port := 1; port <= 65535 && (i == 0 || port <= 1024); port++ {
			ports = append(ports, port)
		}
		slices.Sort(ports)
		start := time.Now()
		address := hostOutputs(c, "lab")[host].PublicAddress
		open, refused := scan(address, slices.Compact(ports))
		c.t.Logf("%s: %d TCP ports in %s: open %v, refused %v", host, len(ports), time.Since(start).Round(time.Second), open, refused)
		if diff := cmp.Diff([]int{22, 80, 443}, open); diff != "" {
			c.t.Errorf("%s has other open ports (-want +got):\n%s", host, diff)
		}
		if diff := cmp.Diff([]int(nil), refused); diff != "" {
			c.t.Errorf("%s answers at other closed ports (-want +got):\n%s", host, diff)
		}
		for _, port := range []int{53, 68, 123, 2377, 4789, 7946, 9999} {
			if refuses(c, address, port) {
				c.t.Errorf("%s: UDP port %d is not silent", host, port)
			}
		}
		// So that silence means something: what the table lets through says no.
		if i == 0 {
			c.on(host, "nft insert rule inet skep outside udp dport 9998 accept")
			if !refuses(c, address, 9998) {
				c.t.Error("the scan of UDP ports sees nothing at all")
			}
			c.on(host, "nft -f /etc/skep/firewall/rules.nft")
		}
	}
	// A neighbour that knows a container's address does not reach it either.
	inside := c.on("node-1", `docker inspect "$(docker ps -q --filter name=publisher | head -n1)" --format '{{(index .NetworkSettings.Networks "docker_gwbridge").IPAddress}}' 2>/dev/null || true`)
	if inside == "" {
		inside = c.on("node-1", `docker network inspect docker_gwbridge --format "{{range .Containers}}{{.IPv4Address}} {{end}}" | cut -d/ -f1`)
	}
	got := c.on("node-2", fmt.Sprintf("ip route add %[1]s via %[2]s; curl -s --max-time 2 http://%[1]s:8080/ >/dev/null; echo $?; ip route del %[1]s",
		inside, hostOutputs(c, "lab")["node-1"].PublicAddress))
	if got != "28" {
		c.t.Errorf("a neighbour's request to the container at %s ended with %s, want a timeout (28)", inside, got)
	}
}

// stranger6 is a neighbour of the host's that speaks IPv6, which the lab's
// network does not: it prints one word for each thing that it tries. Port 443
// Docker holds for its container, which has no IPv6, and so refuses: the
// firewall let that through.
const stranger6 = `
	trap 'kill $(jobs -p) 2>/dev/null; ip netns del stranger; ip link del out0 2>/dev/null' EXIT
	ip netns add stranger
	ip link add out0 type veth peer name in0 netns stranger
	echo 0 >/proc/sys/net/ipv6/conf/out0/disable_ipv6
	ip netns exec stranger sh -c 'echo 0 >/proc/sys/net/ipv6/conf/in0/disable_ipv6'
	ip addr add fd00:6::1/64 dev out0 nodad && ip link set out0 up
	ip -n stranger addr add fd00:6::2/64 dev in0 nodad && ip -n stranger link set in0 up
	nc -6 -lk 9997 >/dev/null &
	sleep 1
	knock() {
		local said
		said=$(ip netns exec stranger nc -6 -z -v -w 2 fd00:6::1 "$1" 2>&1) && echo "$1" && return
		case $said in *refused*) echo "refused-$1" ;; *) echo "not-$1" ;; esac
	}
	ip netns exec stranger ping -6 -c 1 -W 2 fd00:6::1 >/dev/null && echo ping
	knock 22; knock 443; knock 9997
	nft insert rule inet skep outside tcp dport 9997 accept
	knock 9997
	nft -f /etc/skep/firewall/rules.nft`

// meet6 gives a host a second wire, to this machine, and returns the host's
// address on it: the lab's own network has IPv4 only.
func meet6(c *checkout, host string, n int) string {
	c.t.Helper()
	pid := c.engine("inspect --format {{.State.Pid}} " + c.container(host))
	wire := fmt.Sprintf("s6-%s-%d", c.lab().ID[:6], n)
	net := fmt.Sprintf("fd00:6:%s:%d:", c.lab().ID[:4], n)
	c.run(fmt.Sprintf(`ip link add %[1]s type veth peer name in6 netns %[2]s
		echo 0 >/proc/sys/net/ipv6/conf/%[1]s/disable_ipv6
		ip addr add %[3]s:2/64 dev %[1]s nodad && ip link set %[1]s up
		nsenter -t %[2]s -n sh -c 'ip addr add %[3]s:1/64 dev in6 nodad && ip link set in6 up'`, wire, pid, net))
	return net + ":1"
}

func testIPv6(c *checkout) {
	if c.on("node-3", "test -e /proc/net/if_inet6 && echo yes || echo no") == "no" {
		c.t.Skip("this machine has no IPv6")
	}
	for i, host := range hosts {
		c.on(host, "echo 0 >/proc/sys/net/ipv6/conf/default/disable_ipv6")
		ports := []int{2375, 2376, 2377, 4789, 7946, 9999, 51820}
		for port := 1; port <= 65535 && (i == 0 || port <= 1024); port++ {
			ports = append(ports, port)
		}
		slices.Sort(ports)
		start := time.Now()
		open, refused := scan(meet6(c, host, i+1), slices.Compact(ports))
		c.t.Logf("%s over IPv6: %d TCP ports in %s: open %v, refused %v", host, len(ports), time.Since(start).Round(time.Second), open, refused)
		// Docker holds 80 and 443 for its container, which has no IPv6.
		answers := slices.Sorted(slices.Values(slices.Concat(open, refused)))
		if diff := cmp.Diff([]int{22, 80, 443}, answers); diff != "" || !slices.Contains(open, 22) {
			c.t.Errorf("%s answers at other ports over IPv6 (-want +got):\n%s", host, diff)
		}
		c.on(host, "ip link del in6")
	}
	got := strings.Fields(c.on("node-3", "{ "+stranger6+"\n} 2>/dev/null"))
	if diff := cmp.Diff([]string{"ping", "22", "refused-443", "not-9997", "9997"}, got); diff != "" {
		c.t.Errorf("a stranger on IPv6 sees other things (-want +got):\n%s", diff)
	}
}
