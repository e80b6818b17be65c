#!/usr/bin/env bash
# Makes a machine ready: SSH with keys only and with its own host key, packages,
# Docker Engine. Options: --docker-pool RANGE, --bridge-mtu BYTES, --undo PATH.
# shellcheck source-path=SCRIPTDIR source=prelude.sh
. "${0%/*}/prelude.sh"

sshd_settings=/etc/ssh/sshd_config.d/10-skep.conf
sysctls=/etc/sysctl.d/60-skep.conf
daemon=/etc/docker/daemon.json
undo_link=/usr/local/lib/skep/undo

options() {
	pool='' mtu='' undo=''
	while [ $# -gt 0 ]; do
		case $1 in
		--docker-pool) pool=$2 ;;
		--bridge-mtu) mtu=$2 ;;
		--undo) undo=$2 ;;
		*) die "unknown option $1" ;;
		esac
		shift 2
	done
}

do_apply() {
	options "$@"
	packages
	ssh_server
	kernel
	engine
	bridge
	ln -sfn "$undo" "$undo_link"
	sweep
}

# packages installs what is missing and touches nothing that is there.
packages() {
	local need=() tool
	for tool in jq:jq curl:curl wg:wireguard-tools nft:nftables ip:iproute2; do
		command -v "${tool%%:*}" >/dev/null || need+=("${tool##*:}")
	done
	command -v dockerd >/dev/null || need+=(docker.io)
	# Debian 13 has the client apart; Debian 12 and Ubuntu inside docker.io.
	if ! command -v docker >/dev/null && apt-cache show docker-cli >/dev/null 2>&1; then need+=(docker-cli); fi
	[ ${#need[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null || die "missing ${need[*]}, and this is no Debian or Ubuntu: install them by hand"
	log "installing ${need[*]}"
	apt-get -qq -o DPkg::Lock::Timeout=120 update >/dev/null </dev/null
	apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "${need[@]}" >/dev/null </dev/null
}

# ssh_server allows keys only, and drops the host key that came with the user
# data: that we are here means that the machine's own key has been pinned.
ssh_server() {
	local changed
	changed=$(install_file 644 "$sshd_settings" <<-'END'
		# Made by Skep.
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		PermitRootLogin prohibit-password
		X11Forwarding no
		ClientAliveInterval 30
		ClientAliveCountMax 4
		MaxStartups 64:30:128
	END
	)
	if [ -s /etc/ssh/ssh_host_ed25519_key ] && [ -e /etc/ssh/ssh_host_ecdsa_key ]; then
		rm -f /etc/ssh/ssh_host_ecdsa_key /etc/ssh/ssh_host_ecdsa_key.pub
		changed=yes
	fi
	[ -n "$changed" ] || return 0
	sshd -t || die "sshd refuses its settings; $sshd_settings is the one we wrote"
	systemctl reload ssh.service
}

# kernel lets the engine bind to the mesh address before the mesh is up, so
# that a reboot cannot leave the swarm without its listener.
kernel() {
	install_file 644 "$sysctls" >/dev/null <<-'END'
		# Made by Skep.
		net.ipv4.ip_nonlocal_bind = 1
	END
	sysctl -q -p "$sysctls"
}

# engine writes Docker's settings. live-restore cannot be used with a swarm.
engine() {
	local changed bip
	bip=$(bridge_address)
	changed=$(install_file 644 "$daemon" <<-END
		{
		  "live-restore": false,
		  "userland-proxy": false,
		  "no-new-privileges": true,
		  "log-driver": "json-file",
		  "log-opts": {"max-size": "10m", "max-file": "3"},
		  "bip": "$bip",
		  "default-address-pools": [{"base": "$pool", "size": 24}]
		}
	END
	)
	systemctl -q enable docker.service containerd.service >/dev/null 2>&1
	if [ -n "$changed" ]; then
		systemctl restart docker.service || die "Docker does not start; see: journalctl -u docker"
	else
		systemctl start docker.service || die "Docker does not start; see: journalctl -u docker"
	fi
	wait_until 60 "Docker Engine" docker info
}

# bridge_address is docker0's: the first of the pool, in its first /24.
bridge_address() {
	local base=${pool%/*}
	printf '%s.1/24' "${base%.*}"
}

# bridge makes the network through which containers of a swarm reach the world,
# before the swarm does: only then can its MTU be chosen.
bridge() {
	docker network inspect docker_gwbridge >/dev/null 2>&1 && return 0
	docker network create -d bridge \
		-o com.docker.network.bridge.name=docker_gwbridge \
		-o com.docker.network.bridge.enable_icc=false \
		-o com.docker.network.bridge.enable_ip_masquerade=true \
		-o com.docker.network.driver.mtu="$mtu" docker_gwbridge >/dev/null
}

# sweep drops scripts of earlier versions, but only old ones: a command whose
# update has not run yet still names them. All that are in use have just been
# written anew.
sweep() {
	find "${undo_link%/*}" -maxdepth 1 -name '*-??????????.sh' -mtime +30 -delete
}

do_check() {
	options "$@"
	[ -e "$sshd_settings" ] || die "$sshd_settings is gone"
	[ ! -e /etc/ssh/ssh_host_ecdsa_key ] || die "the bootstrap host key is back"
	docker info >/dev/null 2>&1 || die "Docker Engine does not answer"
}

# do_undo takes away settings. Packages stay: what else uses them is not ours to know.
do_undo() {
	docker network rm docker_gwbridge >/dev/null 2>&1 || true
	rm -f "$daemon" "$sysctls"
	systemctl restart docker.service >/dev/null 2>&1 || true
	rm -f "$sshd_settings"
	systemctl reload ssh.service || true
}

dispatch "$@"
