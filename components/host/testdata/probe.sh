#!/usr/bin/env bash
# A script for testing the prelude: it has what every host script has.
# shellcheck source-path=SCRIPTDIR/.. source=../prelude.sh
. "${0%/*}/prelude.sh"

do_apply() {
	case $1 in
	write)
		local changed
		changed=$(printf '%s\n' "$3" | install_file 600 "$2")
		echo "changed: $changed"
		;;
	fail) false ;;
	unread) echo ignored ;;
	esac
	echo reached
}

dispatch "$@"
