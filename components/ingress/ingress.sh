#!/usr/bin/env bash
# Keeps what Traefik reads on this host: routes, certificates and their keys. Its
# stdin, packed by gzip and base64, is files, each after a line `@@skep PATH`, where
# PATH is dynamic/NAME.yaml or certs/NAME.crt or .key. What is there and not on
# stdin goes, but for files named acme*, which others keep: the script of --acme,
# which is applied in the end with what stands below acme/. When it ends, Traefik
# has read all of it, where it runs here.
# shellcheck source-path=SCRIPTDIR/../host source=../host/prelude.sh
. "${0%/*}/prelude.sh"

dir=$root/var/lib/skep/ingress
settings=$root/etc/skep/ingress
# The script of --acme as it was applied last.
issuer=$root/usr/local/lib/skep/acme
# Who Traefik runs as: its keys are readable by this group, and by root.
group=20080
# The route that Traefik has once it has read all that was there before it.
proof=dynamic/read.yaml
changed=

# unpack writes the files of stdin into $work, beside where they go, so that
# each gets there in one step.
unpack() {
	umask 077
	if ! [ -d "$dir/dynamic" ] || ! [ -d "$dir/certs" ]; then die "$dir is not as base-ingress left it: run pulumi refresh, then pulumi up"; fi
	mkdir -p "${settings%/*}"
	work=$(mktemp -d "$dir/.new.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	mkdir "$work/dynamic" "$work/certs" "$work/acme"
	base64 -d 2>/dev/null | gzip -d 2>/dev/null | awk -v dir="$work" '
		/^@@skep / {
			if (file) close(file)
			if ($2 !~ /^(dynamic\/[a-z0-9][a-z0-9._-]*\.yaml|certs\/[a-z0-9][a-z0-9._-]*\.(crt|key)|acme\/[a-z.]+)$/) exit 1
			file = dir "/" $2
			printf "" >file
			next
		}
		!file { exit 1 }
		{ print >file }
	' || die "stdin is no ingress: see the head of ${0##*/}"
	[ -n "$(ls "$work/dynamic")" ] || die "stdin is no ingress: it has no file for Traefik to watch"
}

# place NAME MODE: the file from $work, at once, only when it differs.
place() {
	chmod "$2" "$work/$1"
	[ -n "$root" ] || [ "${1##*.}" != key ] || chgrp "$group" "$work/$1"
	if cmp -s "$work/$1" "$dir/$1" && [ "$(stat -c %a:%g "$work/$1")" = "$(stat -c %a:%g "$dir/$1")" ]; then return 0; fi
	mv -f "$work/$1" "$dir/$1"
	changed=yes
	log "$1 is new"
}

# sweep FOLDER: what is there and was not on stdin.
sweep() {
	local path
	for path in "$dir/$1"/*; do
		case ${path##*/} in acme* | '*') continue ;; esac
		if listed "$1/${path##*/}" "$work/sums"; then continue; fi
		if [ "$1/${path##*/}" = "$proof" ]; then continue; fi
		rm -f "$path"
		changed=yes
		log "$1/${path##*/} is gone"
	done
}

do_apply() {
	local name
	unpack
	(cd "$work" && find certs dynamic -type f -print0 | sort -z | xargs -0 sha256sum) >"$work/sums"
	# Certificates before the file that names them, and that before routes to it.
	while read -r name; do
		case $name in
		*.key) place "$name" 640 ;;
		*.crt) place "$name" 644 ;;
		esac
	done < <(names "$work/sums")
	for name in dynamic/requests.yaml dynamic/tls.yaml; do
		[ ! -e "$work/$name" ] || place "$name" 644
	done
	while read -r name; do
		case $name in
		dynamic/*) [ ! -e "$work/$name" ] || place "$name" 644 ;;
		esac
	done < <(names "$work/sums")
	sweep dynamic
	sweep certs
	prove
	install_file 600 "$settings" <"$work/sums" >/dev/null
	wait_until "${SKEP_READ_LIMIT:-30}" "Traefik to read its files; see: docker service logs ingress_traefik" taken_up
	issue "$(option acme "$@")"
}

# prove adds, as the last file of all, a route with a name of its own for each
# change, at the port of Traefik's health check, which only this host reaches.
prove() {
	local token
	if [ -n "$changed" ] || ! [ -s "$dir/$proof" ]; then
		token=$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
		cat >"$work/$proof" <<-END
			http:
			  routers:
			    skep-read:
			      entryPoints: [traefik]
			      rule: Path(\`/read/$token\`)
			      service: ping@internal
		END
		chmod 644 "$work/$proof"
		mv -f "$work/$proof" "$dir/$proof"
	fi
	(cd "$dir" && sha256sum "$proof") >>"$work/sums"
}

# taken_up: whether Traefik has that route; where it does not run, it will read
# the files when it starts.
taken_up() {
	local id pid token
	id=$(docker ps -q --filter label=com.docker.swarm.service.name=ingress_traefik | head -n1) || return 1
	[ -n "$id" ] || return 0
	pid=$(docker inspect --format '{{.State.Pid}}' "$id") || return 1
	token=$(grep -o '/read/[0-9a-f]*' "$dir/$proof") || return 1
	nsenter --target "$pid" --net curl -fsS -o /dev/null --max-time 2 "http://127.0.0.1:8082$token"
}

# issue SCRIPT hands on what it is to have; without one, it takes away what the
# one before made.
issue() {
	local file
	if [ -z "$1" ]; then
		[ ! -e "$issuer" ] || bash "$issuer" undo </dev/null
		return
	fi
	for file in "$work"/acme/*; do
		printf '@@skep acme/%s\n' "${file##*/}"
		cat "$file"
	done | bash "$1" apply
}

# names SUMS, listed NAME SUMS: of the files in a list of sums.
names() { sed 's/^[0-9a-f]*  //' "$1"; }
listed() { grep -qxF -- "$1" < <(names "$2"); }

do_check() {
	[ -s "$settings" ] || die "nothing was applied here: $settings is missing"
	local path sum name
	while read -r sum name; do
		if ! [ -e "$dir/$name" ]; then
			fault "$dir/$name is missing"
		elif [ "$(sha256sum <"$dir/$name")" != "$sum  -" ]; then
			fault "$dir/$name is not as Skep wrote it"
		fi
	done <"$settings"
	for path in "$dir"/dynamic/* "$dir"/certs/*; do
		case ${path##*/} in acme* | '*') continue ;; esac
		listed "${path#"$dir"/}" "$settings" || fault "$path is none of Skep's"
	done
	[ ! -e "$issuer" ] || bash "$issuer" check </dev/null || fault "the certificate by ACME is not as it should be"
}

# do_undo takes the routes first: Traefik, where it still runs, then answers none.
do_undo() {
	[ ! -e "$issuer" ] || bash "$issuer" undo </dev/null || fault "the issuer of certificates could not be undone; going on"
	# Not the folders: a container may have them mounted still.
	rm -f "$dir"/dynamic/*.yaml "$dir"/certs/* "$settings"
	rm -rf "$dir"/.new.*
}

dispatch "$@"
