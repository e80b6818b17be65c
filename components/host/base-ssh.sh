#!/usr/bin/env bash
# Lets in SSH with keys and modern algorithms only. What this sshd does not know
# is left out, found by asking it. Options: --admins RANGES (with commas),
# --login NAME (who Skep logs in as; root is shut out where it is another),
# --admin NAME (who alone may log in), --drop-host-key PATH.
# shellcheck source-path=SCRIPTDIR source=prelude.sh
. "${0%/*}/prelude.sh"

settings=$root/etc/ssh/sshd_config.d/10-skep.conf

# Of each kind the best first. Clients share curve25519-sha256 at the least, and
# an AES-GCM cipher: OpenSSH since 6.5, golang.org/x/crypto since 2023.
kex=(mlkem768x25519-sha256 sntrup761x25519-sha512 sntrup761x25519-sha512@openssh.com
	curve25519-sha256 curve25519-sha256@libssh.org)
ciphers=(chacha20-poly1305@openssh.com aes256-gcm@openssh.com aes128-gcm@openssh.com)
macs=(hmac-sha2-512-etm@openssh.com hmac-sha2-256-etm@openssh.com)

# known KIND NAMES...: those that this OpenSSH has, with commas.
known() {
	local kind=$1 name found=()
	shift
	local all
	all=$(ssh -Q "$kind") || die "ssh does not tell which algorithms it has"
	for name; do
		if grep -qxF -- "$name" <<<"$all"; then found+=("$name"); fi
	done
	[ ${#found[@]} -gt 0 ] || die "this OpenSSH has no modern $kind; need 8.4 or newer"
	(IFS=, && printf '%s' "${found[*]}")
}

# wanted prints all settings, also such as this sshd may not know.
#
# Which types of user keys may log in is left to sshd's defaults, which are
# sound since 8.8: narrowing them could lock an operator out.
wanted() {
	cat <<-END
		HostKey $root/etc/ssh/ssh_host_ed25519_key
		HostKeyAlgorithms ssh-ed25519
		KexAlgorithms $(known kex "${kex[@]}")
		Ciphers $(known cipher "${ciphers[@]}")
		MACs $(known mac "${macs[@]}")
		AuthenticationMethods publickey
		PubkeyAuthentication yes
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		HostbasedAuthentication no
		GSSAPIAuthentication no
		PermitEmptyPasswords no
		PermitRootLogin $root_login
		PermitUserEnvironment no
		DisableForwarding yes
		AllowTcpForwarding no
		AllowAgentForwarding no
		AllowStreamLocalForwarding no
		X11Forwarding no
		PermitTunnel no
		LogLevel VERBOSE
		UseDNS no
		TCPKeepAlive no
		ClientAliveInterval 60
		ClientAliveCountMax 2
		LoginGraceTime 30
		MaxStartups 64:30:128
	END
	if [ -n "$exempt" ]; then printf 'PerSourcePenaltyExemptList %s\n' "$exempt"; fi
}

# exempt_from: admins are spared the delays that sshd lays on an address with
# failed logins, or one mistake would stop a parallel deploy. A range that is
# the whole internet is no list of admins and exempts nobody.
exempt_from() {
	local range found=()
	while IFS= read -r -d, range; do
		if [ -n "$range" ] && [ "${range##*/}" != 0 ]; then found+=("$range"); fi
	done <<<"$1,"
	(IFS=, && printf '%s' "${found[*]}")
}

# text prints the settings that this sshd knows: it lists all its keywords when
# asked for what it would do without any settings.
text() {
	local keywords line keyword exempt admin root_login=no
	[ "$(option login "$@")" != root ] || root_login=prohibit-password
	exempt=$(exempt_from "$(option admins "$@")")
	keywords=$(sshd -T -f /dev/null | cut -d' ' -f1) || die "sshd does not tell which settings it knows"
	printf '# Made by Skep.\n'
	while read -r line; do
		keyword=${line%% *}
		if grep -qxF -- "${keyword,,}" <<<"$keywords"; then printf '%s\n' "$line"; fi
	done < <(wanted)
	# Every sshd knows it, and none lists it while it is not set.
	admin=$(option admin "$@")
	if [ -n "$admin" ]; then printf 'AllowUsers %s\n' "$admin"; fi
}

# out_of_force prints a line for each of the settings on stdin that is not what
# sshd does.
out_of_force() {
	local keyword value
	local -A now=()
	while read -r keyword value; do
		now[${keyword:--}]=${value/#without-password/prohibit-password}
	done < <(sshd -T)
	while read -r keyword value; do
		case $keyword in \#* | '') continue ;; esac
		[ "${now[${keyword,,}]:-}" = "$value" ] || printf '%s is %s, not %s\n' "$keyword" "${now[${keyword,,}]:-unset}" "$value"
	done
}

do_apply() {
	local new changed='' drop amiss login
	# Only who has come in as another may shut root out.
	login=$(option login "$@")
	[ "$login" = root ] || [ "${SUDO_USER:-nobody}" = "$login" ] ||
		die "root's login would be shut off, but this run came in as ${SUDO_USER:-root} and not as ${login:-anybody named}"
	new=$(text "$@")
	# Not put in place unless sshd takes it together with all other settings: a
	# file that it refuses would shut the door at its next start.
	if ! cmp -s <(printf '%s\n' "$new") "$settings"; then
		replace "$new"
		changed=yes
	fi
	# That we are here means that the machine's own key has been pinned.
	drop=$(option drop-host-key "$@")
	if [ -n "$drop" ] && [ -s "$root/etc/ssh/ssh_host_ed25519_key" ] && [ -e "$root$drop" ]; then
		rm -f "$root$drop" "$root$drop.pub"
		changed=yes
	fi
	# Where a socket starts sshd, it may not run now.
	[ -z "$changed" ] || systemctl try-reload-or-restart ssh.service
	amiss=$(out_of_force <<<"$new")
	[ -z "$amiss" ] || die "another file below /etc/ssh has its way before $settings, or sshd_config does not include it: $amiss"
}

# replace TEXT puts the settings in place, and the former ones back when sshd
# refuses them.
replace() {
	local before=''
	[ ! -e "$settings" ] || before=$(cat "$settings")
	printf '%s\n' "$1" | install_file 644 "$settings" >/dev/null
	sshd -t && return
	if [ -n "$before" ]; then printf '%s\n' "$before" | install_file 644 "$settings" >/dev/null; else rm -f "$settings"; fi
	die "sshd refuses the new settings, so the former ones are back; what it says is above"
}

do_check() {
	local line drop
	same_file "$settings" < <(text "$@")
	while read -r line; do fault "sshd: $line"; done < <(text "$@" | out_of_force)
	drop=$(option drop-host-key "$@")
	if [ -n "$drop" ] && [ -e "$root$drop" ]; then fault "the host key that came with the user data is back: $drop"; fi
}

do_undo() {
	[ -e "$settings" ] || return 0
	rm -f "$settings"
	systemctl try-reload-or-restart ssh.service
}

dispatch "$@"
