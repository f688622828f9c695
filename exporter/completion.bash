# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for {{program}}

_{{program}}()
{
	local cur=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD - 1]} before='' command='' action='' words='' i
	local flags='{{flags}}' commands='{{commands}}' valued=' {{valued}} '

	# Readline cuts --flag=value into three words where COMP_WORDBREAKS has a =.
	if [[ $cur == = ]]; then
		cur=''
	elif [[ $flag == = ]]; then
		flag=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ $cur == --*=* ]]; then
		flag=${cur%%=*} before=$flag= cur=${cur#*=}
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i - 1]} != = && $valued != *" ${COMP_WORDS[i - 1]} "* &&
			" $commands " == *" ${COMP_WORDS[i]} "* ]]; then
			command=${COMP_WORDS[i]}
			break
		fi
	done

	case $command in
{{command_flags}}
	esac
	case $flag in
{{values}}
	*)
		if [[ $valued == *" $flag "* ]]; then
			return
		elif [[ $cur == -* || -n $command ]]; then
			words=$flags
		else
			words=$commands
		fi
		;;
	esac
	if [[ -n $action ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -P "$before" -A "$action" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -P "$before" -W "$words" -- "$cur")
		if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]]; then
			compopt -o nospace 2>/dev/null
		fi
	fi
} && complete -F _{{program}} {{program}}
