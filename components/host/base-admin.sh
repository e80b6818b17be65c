#!/usr/bin/env bash
# Keeps the account that logs in to a machine of ours: no password, a shell, and
# sudo without being asked. On a machine that exists, accounts are its owner's.
# Options: --admin NAME.
# shellcheck source-path=SCRIPTDIR source=prelude.sh
. "${0%/*}/prelude.sh"

rules=$root/etc/sudoers.d/60-skep

# text: sudo takes a terminal of its own, so that what it runs cannot write into
# that of its caller.
text() {
	cat <<-END
		# Made by Skep.
		Defaults:$1 use_pty
		$1 ALL=(ALL:ALL) NOPASSWD: ALL
	END
}

# locked NAME says whether no password opens the account.
locked() { [ "$(passwd -S "$1" | cut -d' ' -f2)" = L ]; }

# private says whether the rules are root's alone.
private() { [ -O "$rules" ] && [ "$(stat -c %a "$rules")" = 440 ]; }

do_apply() {
	local admin
	admin=$(option admin "$@")
	[ -n "$admin" ] || return 0
	# Nobody gets in by this: the account is there, since cloud-init made it.
	id -u "$admin" >/dev/null 2>&1 || die "there is no account $admin, which the user data makes: was this machine made by an older Skep?"
	locked "$admin" || passwd -q -l "$admin"
	if ! { cmp -s <(text "$admin") "$rules" && private; }; then replace "$admin"; fi
}

# replace NAME puts the rules in place once sudo takes them: it refuses to work
# at all over a file that it cannot read.
replace() {
	local new
	new=$(mktemp)
	text "$1" >"$new"
	visudo -cqf "$new" || {
		rm -f "$new"
		die "visudo refuses the rules for $1, so none were written; what it says is above"
	}
	install_file 440 "$rules" <"$new" >/dev/null
	chmod 440 "$rules"
	rm -f "$new"
}

do_check() {
	local admin
	admin=$(option admin "$@")
	[ -n "$admin" ] || return 0
	locked "$admin" || fault "$admin has a password"
	same_file "$rules" < <(text "$admin")
	private || fault "$rules is not root's alone"
	visudo -cq >/dev/null || fault "visudo finds faults below /etc/sudoers.d"
}

# do_undo leaves the account and cloud-init's own rule for it.
do_undo() { rm -f "$rules"; }

dispatch "$@"
