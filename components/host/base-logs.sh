#!/usr/bin/env bash
# Keeps the journal on disk and within bounds. Containers' logs are bounded by
# the engine (base-engine.sh).
# shellcheck source-path=SCRIPTDIR source=prelude.sh
. "${0%/*}/prelude.sh"

settings=$root/etc/systemd/journald.conf.d/60-skep.conf

text() {
	cat <<-'END'
		# Made by Skep.
		[Journal]
		Storage=persistent
		Compress=yes
		SystemMaxUse=500M
		SystemKeepFree=1G
		RuntimeMaxUse=64M
		MaxRetentionSec=60day
	END
}

do_apply() {
	local changed
	changed=$(text | install_file 644 "$settings")
	[ -z "$changed" ] || systemctl restart systemd-journald.service
}

do_check() {
	same_file "$settings" < <(text)
	systemctl -q is-active systemd-journald.service || fault "systemd-journald does not run"
}

do_undo() {
	[ -e "$settings" ] || return 0
	rm -f "$settings"
	systemctl restart systemd-journald.service
}

dispatch "$@"
