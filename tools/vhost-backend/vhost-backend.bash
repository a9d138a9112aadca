# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion for vhost-backend, from the output of its --help

_vhost_backend() {
	local current=${COMP_WORDS[COMP_CWORD]} words

	COMPREPLY=()
	if [[ $COMP_CWORD -eq 1 ]]; then
		words='monitor send stat --help --version'
	elif [[ $current == -* ]]; then
		words=$(vhost-backend "${COMP_WORDS[1]}" --help 2> /dev/null |
			grep -oE -- '--[a-z-]+=?')
	elif [[ ${COMP_WORDS[1]} == send ]]; then
		words=$(vhost-backend send --help |
			sed -n '/^Requests/,$s/^  \([a-z-]\+\)\( .*\)\?$/\1/p')
	fi
	mapfile -t COMPREPLY < <(compgen -W "${words-}" -- "$current")
	[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
}

complete -o default -F _vhost_backend vhost-backend
