#!/usr/bin/env bash
# Docker Engine: from Docker's own repository where that can be reached, else
# the distribution's; its settings, its version, the bridge of the swarm's
# containers. An engine that is there already stays the one that it is.
# Options: --docker-pool RANGE, --bridge-mtu BYTES, --engine-version VERSION.
# shellcheck source-path=SCRIPTDIR source=prelude.sh
. "${0%/*}/prelude.sh"

daemon=$root/etc/docker/daemon.json
before=$root/etc/skep/before-daemon.json
held=$root/etc/skep/held-engine
source_list=$root/etc/apt/sources.list.d/skep-docker.list
keyring=$root/etc/apt/keyrings/skep-docker.asc

# docs.docker.com/engine/install/debian names it.
fingerprint=9DC858229FC7DD38854AE2D88D81803C0EBFCD88

# text: live-restore is off since the engine refuses it beside a swarm. icc and
# the rest of the bridge's settings are for containers outside of the swarm's
# networks; those of docker_gwbridge are given where it is made.
text() {
	local pool
	pool=$(option docker-pool "$@")
	cat <<-END
		{
		  "icc": false,
		  "live-restore": false,
		  "userland-proxy": false,
		  "no-new-privileges": true,
		  "default-ulimits": {"core": {"Name": "core", "Soft": 0, "Hard": 0}},
		  "log-level": "info",
		  "log-driver": "json-file",
		  "log-opts": {"max-size": "10m", "max-file": "3"},
		  "bip": "$(first_of "$pool")/24",
		  "default-address-pools": [{"base": "$pool", "size": 24}]
		}
	END
}

# first_of POOL: docker0's address is the first of the pool, in its first /24.
first_of() {
	local base=${1%/*}
	printf '%s.1' "${base%.*}"
}

do_apply() {
	local changed
	keep_former
	# Before the packages, whose first start is then the right one already.
	changed=$(text "$@" | install_file 644 "$daemon")
	if ! systemctl cat docker.service >/dev/null 2>&1; then
		install_engine "$(option engine-version "$@")"
		changed=''
	fi
	version "$(option engine-version "$@")"
	systemctl -q is-enabled docker.service >/dev/null 2>&1 || systemctl -q enable docker.service
	if [ -n "$changed" ]; then
		systemctl restart docker.service || die "Docker does not start; see: journalctl -u docker"
	else
		systemctl start docker.service || die "Docker does not start; see: journalctl -u docker"
	fi
	wait_until 60 "Docker Engine" docker info
	bridge "$(option bridge-mtu "$@")"
}

# keep_former keeps what a machine's owner had set, for undo.
keep_former() {
	[ ! -e "$before" ] || return 0
	if [ -e "$daemon" ]; then install_file 600 "$before" <"$daemon"; else install_file 600 "$before" </dev/null; fi >/dev/null
}

install_engine() {
	local packages
	if docker_repository; then
		packages=(docker-ce docker-ce-cli containerd.io)
		apt_get update
	else
		packages=(docker.io)
		apt_get update
		# Debian 13 has the client apart; Debian 12 and Ubuntu inside docker.io.
		if apt-cache show docker-cli >/dev/null 2>&1; then packages+=(docker-cli); fi
	fi
	with_version "$1"
	log "installing ${packages[*]}"
	apt_get install -y --no-install-recommends "${packages[@]}"
}

reach() { curl -fsSL --max-time 5 "$1" 2>/dev/null; }

# docker_repository adds Docker's own where it answers soon, with a key that is
# the one we know, and fails where it does not answer.
docker_repository() {
	local ID='' VERSION_CODENAME='' url key got
	# shellcheck source=/dev/null # the distribution's
	. "$root/etc/os-release"
	case $ID in debian | ubuntu) ;; *) return 1 ;; esac
	url=https://download.docker.com/linux/$ID
	if ! { key=$(reach "$url/gpg") && reach "$url/dists/$VERSION_CODENAME/Release" >/dev/null; }; then
		log "download.docker.com does not answer, or not for $VERSION_CODENAME: taking the distribution's engine"
		return 1
	fi
	if ! command -v gpg >/dev/null; then
		apt_get update
		apt_get install -y --no-install-recommends gpg
	fi
	# Exactly one primary key, ours: a second one beside it would be trusted too.
	got=$(gpg --batch --show-keys --with-colons <<<"$key" 2>/dev/null | awk -F: '$1 == "pub" { p = 1 } $1 == "fpr" && p { print $10; p = 0 }')
	[ "$got" = "$fingerprint" ] || die "$url/gpg is not Docker's key: its fingerprint is ${got:-unreadable}, need $fingerprint. Something stands between this machine and Docker"
	printf '%s\n' "$key" | install_file 644 "$keyring" >/dev/null
	printf '# Made by Skep.\ndeb [arch=%s signed-by=%s] %s %s stable\n' "$(dpkg --print-architecture)" "${keyring#"$root"}" "$url" "$VERSION_CODENAME" |
		install_file 644 "$source_list" >/dev/null
}

# with_version PIN puts "=VERSION" behind each of the caller's packages that has
# the pinned one: containerd and others have versions of their own.
with_version() {
	local i found hit=''
	[ -n "$1" ] || return 0
	for i in "${!packages[@]}"; do
		found=$(candidate "${packages[i]}" "$1")
		if [ -n "$found" ]; then packages[i]+="=$found" hit=yes; fi
	done
	[ -n "$hit" ] || die "skep:engine.version: there is no ${packages[0]} $1; there is: $(apt-cache madison "${packages[0]}" | awk '{ print $3 }' | xargs)"
}

# candidate PACKAGE PIN prints the newest version that the pin means.
candidate() {
	local have
	while read -r have; do
		if means "$2" "$have"; then
			printf '%s' "$have"
			return 0
		fi
	done < <(apt-cache madison "$1" | awk '{ print $3 }')
}

# means PIN VERSION: 28.3 means 5:28.3.3-1~debian.13~trixie, and not 28.31.
means() {
	local plain=${2#*:}
	[[ $plain == "$1" || $plain == "$1"[.~+-]* ]]
}

# engine_package prints the package that the engine came from.
engine_package() {
	local name
	for name in docker-ce docker.io; do
		if [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ]; then
			printf '%s' "$name"
			return 0
		fi
	done
}

installed() { dpkg-query -W -f '${Version}' "$1"; }

# version brings the engine to the pinned version and holds it there; without a
# pin it lets go what it held.
version() {
	local pin=$1 package packages
	if [ -z "$pin" ]; then
		release
		return 0
	fi
	package=$(engine_package)
	[ -n "$package" ] || die "skep:engine.version: the engine here came from no package, so its version cannot be pinned"
	if ! means "$pin" "$(installed "$package")"; then
		# All hosts come by here at once, and each restart takes a manager away.
		[ "$(docker info --format '{{.Swarm.LocalNodeState}}' 2>/dev/null)" != active ] ||
			die "skep:engine.version: $package here is $(installed "$package"), config wants $pin, and this host is in a swarm: scripts/upgrade-engine exchanges it on one host after the other; then pulumi up"
		exchange "$pin"
	fi
	[ "$(cat "$held" 2>/dev/null)" = "$package" ] || apt-mark hold "$package" >/dev/null
	printf '%s\n' "$package" | install_file 600 "$held" >/dev/null
}

# exchange PIN [OPTION...] puts the pinned version in the engine's place. Not
# every package starts the engine anew: Debian's does not.
exchange() {
	local package packages before
	package=$(engine_package)
	before=$(main_process)
	apt_get update
	packages=("$package")
	if [ "$package" = docker-ce ]; then packages+=(docker-ce-cli); fi
	with_version "$1"
	apt_get install -y --no-install-recommends --allow-downgrades --allow-change-held-packages "${@:2}" "${packages[@]}"
	[ "$(main_process)" != "$before" ] ||
		systemctl restart docker.service || die "Docker does not start; see: journalctl -u docker"
}

main_process() { systemctl show --property MainPID --value docker.service; }

# do_up is for scripts/upgrade-engine, on a host that has been drained: it
# exchanges the engine although the host is in a swarm, with --again yes also for
# the same version.
do_up() {
	local pin package again
	pin=$(option engine-version "$@")
	again=$(option again "$@")
	package=$(engine_package)
	[ -n "$package" ] || die "the engine here came from no package"
	if [ "$again" = yes ] || ! means "$pin" "$(installed "$package")"; then
		exchange "$pin" ${again:+--reinstall}
	fi
	version "$pin"
	systemctl start docker.service || die "Docker does not start; see: journalctl -u docker"
	wait_until 60 "Docker Engine" docker info
	installed "$package"
}

release() {
	[ -e "$held" ] || return 0
	apt-mark unhold "$(cat "$held")" >/dev/null
	rm -f "$held"
}

# bridge makes the network through which containers of a swarm reach the world,
# before the swarm does: only then can its MTU be chosen.
bridge() {
	docker network inspect docker_gwbridge >/dev/null 2>&1 && return 0
	docker network create -d bridge \
		-o com.docker.network.bridge.name=docker_gwbridge \
		-o com.docker.network.bridge.enable_icc=false \
		-o com.docker.network.bridge.enable_ip_masquerade=true \
		-o com.docker.network.driver.mtu="$1" docker_gwbridge >/dev/null
}

# do_check asks the running engine too: a file that it has not read yet counts
# for nothing.
do_check() {
	local pin package mtu
	same_file "$daemon" < <(text "$@")
	docker info >/dev/null 2>&1 || {
		fault "Docker Engine does not answer"
		return 0
	}
	[ "$(docker network inspect bridge --format '{{index .Options "com.docker.network.bridge.enable_icc"}}')" = false ] ||
		fault "the running engine has not read $daemon: restart it"
	mtu=$(docker network inspect docker_gwbridge --format '{{index .Options "com.docker.network.driver.mtu"}}' 2>/dev/null) || true
	[ "$mtu" = "$(option bridge-mtu "$@")" ] || fault "docker_gwbridge has MTU ${mtu:-unset}, not $(option bridge-mtu "$@")"
	systemctl -q is-enabled docker.service >/dev/null 2>&1 || fault "docker.service does not start at boot"
	pin=$(option engine-version "$@")
	[ -n "$pin" ] || return 0
	package=$(engine_package)
	{ [ -n "$package" ] && means "$pin" "$(installed "$package")"; } || fault "the engine is ${package:-no package} $(installed "$package" 2>/dev/null), not $pin"
	apt-mark showhold | grep -qxF -- "$package" || fault "$package is not held at its version"
}

# do_undo leaves the packages, and the settings that the owner had.
do_undo() {
	docker network rm docker_gwbridge >/dev/null 2>&1 || true
	release
	rm -f "$source_list" "$keyring"
	[ -e "$before" ] || return 0
	if [ -s "$before" ]; then install_file 644 "$daemon" <"$before" >/dev/null; else rm -f "$daemon"; fi
	rm -f "$before"
	systemctl restart docker.service
}

dispatch "$@"
