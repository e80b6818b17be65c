#!/usr/bin/env bash
# Sets the kernel: closes what a host of containers does not use, and opens what
# the mesh and the swarm need. A setting that this kernel lacks is passed over.
# Nothing dumps core: a dump holds what the program had in memory, keys included.
# shellcheck source-path=SCRIPTDIR source=prelude.sh
. "${0%/*}/prelude.sh"

settings=$root/etc/sysctl.d/60-skep.conf
modules=$root/etc/modprobe.d/60-skep.conf
limits=$root/etc/security/limits.d/60-skep.conf
dumps=$root/etc/systemd/coredump.conf.d/60-skep.conf
before=$root/etc/skep/before-sysctl

# text: net.ipv4.ip_forward is not here, since Docker drops forwarded packets by
# default only where it has switched forwarding on itself. Nor is what all
# supported distributions set as well or better (perf, BPF).
text() {
	cat <<-'END'
		# Made by Skep.
		# The engine binds to the mesh address before the mesh is up, so that a
		# reboot cannot leave the swarm without its listener.
		net.ipv4.ip_nonlocal_bind = 1
		# Loose, since replies from the mesh may come by another way (RFC 3704 §2.4).
		net.ipv4.conf.all.rp_filter = 2
		net.ipv4.conf.default.rp_filter = 2
		net.ipv4.conf.all.accept_redirects = 0
		net.ipv4.conf.default.accept_redirects = 0
		net.ipv4.conf.all.secure_redirects = 0
		net.ipv4.conf.default.secure_redirects = 0
		net.ipv4.conf.all.send_redirects = 0
		net.ipv4.conf.default.send_redirects = 0
		net.ipv4.conf.all.accept_source_route = 0
		net.ipv4.conf.default.accept_source_route = 0
		net.ipv6.conf.all.accept_redirects = 0
		net.ipv6.conf.default.accept_redirects = 0
		net.ipv6.conf.all.accept_source_route = 0
		net.ipv6.conf.default.accept_source_route = 0
		# Packets whose addresses cannot be; the kernel bounds how many it tells.
		net.ipv4.conf.all.log_martians = 1
		net.ipv4.conf.default.log_martians = 1
		net.ipv4.icmp_echo_ignore_broadcasts = 1
		net.ipv4.icmp_ignore_bogus_error_responses = 1
		net.ipv4.tcp_syncookies = 1
		net.ipv4.tcp_rfc1337 = 1
		net.core.bpf_jit_harden = 2
		net.core.somaxconn = 4096
		# An overlay network has a neighbour for each container on other hosts.
		net.ipv4.neigh.default.gc_thresh1 = 1024
		net.ipv4.neigh.default.gc_thresh2 = 4096
		net.ipv4.neigh.default.gc_thresh3 = 8192
		# Containers share the limits of root's watchers.
		fs.inotify.max_user_instances = 1024
		fs.protected_fifos = 2
		fs.protected_regular = 2
		fs.protected_hardlinks = 1
		fs.protected_symlinks = 1
		fs.suid_dumpable = 0
		dev.tty.ldisc_autoload = 0
		kernel.dmesg_restrict = 1
		kernel.kptr_restrict = 2
		kernel.randomize_va_space = 2
		kernel.sysrq = 0
		kernel.yama.ptrace_scope = 1
	END
}

# Protocols that nothing here speaks, and whose modules any user could load.
modules_text() {
	printf '# Made by Skep.\n'
	printf 'install %s /bin/false\n' dccp sctp rds tipc
}

# Of containers, the engine's settings do the same (base-engine.sh).
limits_text() { printf '# Made by Skep.\n* hard core 0\nroot hard core 0\n'; }

# For machines that have systemd-coredump, which takes dumps whatever the limit.
dumps_text() { printf '# Made by Skep.\n[Coredump]\nStorage=none\nProcessSizeMax=0\n'; }

# settings_here prints "KEY VALUE" for each setting that this kernel has.
settings_here() {
	local key value
	while read -r key _ value; do
		case $key in \#*) continue ;; esac
		if [ -e "$root/proc/sys/${key//./\/}" ]; then printf '%s %s\n' "$key" "$value"; fi
	done < <(text)
}

# now KEY prints what is in force, without a process for each.
now() {
	local value=''
	read -r value <"$root/proc/sys/${1//./\/}" 2>/dev/null || true
	printf '%s' "$value"
}

do_apply() {
	local key value
	if [ ! -e "$before" ]; then
		while read -r key _; do printf '%s = %s\n' "$key" "$(now "$key")"; done < <(settings_here) | install_file 600 "$before" >/dev/null
	fi
	text | install_file 644 "$settings" >/dev/null
	modules_text | install_file 644 "$modules" >/dev/null
	limits_text | install_file 644 "$limits" >/dev/null
	dumps_text | install_file 644 "$dumps" >/dev/null
	# A host that is a container may not set all that it can see.
	sysctl -e -q -p "$settings" || log "this kernel keeps some settings to itself; check names them"
}

do_check() {
	local key value
	same_file "$settings" < <(text)
	same_file "$modules" < <(modules_text)
	same_file "$limits" < <(limits_text)
	same_file "$dumps" < <(dumps_text)
	while read -r key value; do
		[ "$(now "$key")" = "$value" ] || fault "$key is $(now "$key"), not $value"
	done < <(settings_here)
}

do_undo() {
	rm -f "$settings" "$modules" "$limits" "$dumps"
	[ -e "$before" ] || return 0
	sysctl -e -q -p "$before" || log "some settings are as before only after a reboot"
	rm -f "$before"
}

dispatch "$@"
