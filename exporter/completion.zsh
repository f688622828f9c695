#compdef {{program}}
# SPDX-License-Identifier: GPL-2.0-or-later

_{{program}}()
{
	local -a flags commands
	local command

	flags=(
{{flags}}
	)
	commands=(
{{commands}}
	)
	for command in $words[2,CURRENT-1]; do
		case $command in
{{command_flags}}
		*)
			continue
			;;
		esac
		break
	done
	_arguments $flags ':command:_{{program}}_commands'
}

_{{program}}_commands()
{
	_describe command commands
}

if [[ $funcstack[1] == _{{program}} ]]; then
	_{{program}} "$@"
else
	compdef _{{program}} {{program}}
fi
