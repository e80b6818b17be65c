#!/usr/bin/env bash
# Keeps what Traefik reads on this host: routes, certificates and their keys. Its
# stdin is files, each after a line `@@skep PATH`, where PATH is dynamic/NAME.yaml
# or certs/NAME.crt or .key. What is there and not on stdin goes, but for files
# named acme*, which others keep.
# shellcheck source-path=SCRIPTDIR/../host source=../host/prelude.sh
. "${0%/*}/prelude.sh"

dir=$root/var/lib/skep/ingress
settings=$root/etc/skep/ingress
# Who Traefik runs as: its keys are readable by this group, and by root.
group=20080

# unpack writes the files of stdin into $work, beside where they go, so that
# each gets there in one step.
unpack() {
	umask 077
	[ -d "$dir/dynamic" ] && [ -d "$dir/certs" ] || die "$dir is not as base-ingress left it: run pulumi refresh, then pulumi up"
	mkdir -p "${settings%/*}"
	work=$(mktemp -d "$dir/.new.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	mkdir "$work/dynamic" "$work/certs"
	awk -v dir="$work" '
		/^@@skep / {
			if (file) close(file)
			if ($2 !~ /^(dynamic\/[a-z0-9][a-z0-9._-]*\.yaml|certs\/[a-z0-9][a-z0-9._-]*\.(crt|key))$/) exit 1
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
	if [ -e "$dir/$1" ] && cmp -s "$work/$1" "$dir/$1"; then
		touch -r "$dir/$1" "$work/$1"
		[ "$(stat -c %a:%g "$work/$1")" != "$(stat -c %a:%g "$dir/$1")" ] || return 0
	fi
	mv -f "$work/$1" "$dir/$1"
	log "$1 is new"
}

# sweep FOLDER: what is there and was not on stdin.
sweep() {
	local path
	for path in "$dir/$1"/*; do
		case ${path##*/} in acme* | '*') continue ;; esac
		[ -e "$path" ] && ! grep -qF "  $1/${path##*/}" "$work/sums" || continue
		rm -f "$path"
		log "$1/${path##*/} is gone"
	done
}

do_apply() {
	local name
	unpack
	(cd "$work" && sha256sum -- certs/* dynamic/* 2>/dev/null || true) >"$work/sums"
	# Certificates before the file that names them, and that before routes to it.
	while read -r name; do
		case $name in
		*.key) place "$name" 640 ;;
		*.crt) place "$name" 644 ;;
		esac
	done < <(names)
	for name in dynamic/requests.yaml dynamic/tls.yaml; do
		[ ! -e "$work/$name" ] || place "$name" 644
	done
	while read -r name; do
		case $name in
		dynamic/*) [ ! -e "$work/$name" ] || place "$name" 644 ;;
		esac
	done < <(names)
	sweep dynamic
	sweep certs
	install_file 600 "$settings" <"$work/sums" >/dev/null
}

names() { sed 's/^[0-9a-f]*  //' "$work/sums"; }

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
		grep -qF "  ${path#"$dir"/}" "$settings" || fault "$path is none of Skep's"
	done
}

# do_undo takes the routes first: Traefik, where it still runs, then answers none.
do_undo() {
	# Not the folders: a container may have them mounted still.
	rm -f "$dir"/dynamic/*.yaml "$dir"/certs/* "$settings"
	rm -rf "$dir"/.new.*
}

dispatch "$@"
