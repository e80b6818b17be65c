#!/usr/bin/env bash
# Makes the folders that Traefik has mounted on a host that takes visitors: they
# must be there before it starts, and what goes into them comes after it. On
# another host they are not there: one that took visitors before has keys in them.
# Options: --ingress yes.
# shellcheck source-path=SCRIPTDIR source=prelude.sh
. "${0%/*}/prelude.sh"

dir=$root/var/lib/skep/ingress
# Who Traefik runs as; its group alone, beside root, reads keys.
group=20080
# acme.sh, where it was applied.
issuer=$root/usr/local/lib/skep/acme

do_apply() {
	if [ "$(option ingress "$@")" != yes ]; then
		do_undo
		return
	fi
	mkdir -p "$dir/dynamic" "$dir/certs"
	chmod 755 "$root/var/lib/skep" "$dir" "$dir/dynamic"
	chmod 750 "$dir/certs"
	[ -n "$root" ] || chgrp "$group" "$dir/certs"
}

do_check() {
	if [ "$(option ingress "$@")" != yes ]; then
		[ ! -e "$dir" ] || fault "$dir is there, and this host takes no visitors"
		return
	fi
	[ "$(stat -c %a "$dir/dynamic" 2>/dev/null)" = 755 ] || fault "$dir/dynamic is missing, or open to others than it should be"
	[ "$(stat -c %a "$dir/certs" 2>/dev/null)" = 750 ] || fault "$dir/certs is missing, or open to others than it should be"
}

do_undo() {
	# What renews certificates here would write them anew.
	[ ! -e "$issuer" ] || bash "$issuer" undo </dev/null || fault "the issuer of certificates could not be undone; going on"
	rm -rf "$dir" "$root/etc/skep/ingress"
}

dispatch "$@"
