/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <dlfcn.h>
#include <stdbool.h>

/* What can fail, and how. faults.py reads the names here: the place in its list is the number. */

enum call {
	CALL_ANY, /* every one but the allocations */
	CALL_ALLOC,
	CALL_OPEN,
	CALL_OPENDIR,
	CALL_READDIR,
	CALL_READ,
	CALL_PREAD,
	CALL_WRITE,
	CALL_RECV,
	CALL_RECVMSG,
	CALL_SEND,
	CALL_SENDTO,
	CALL_SENDMSG,
	CALL_SOCKET,
	CALL_BIND,
	CALL_GETSOCKOPT,
	CALL_SETSOCKOPT,
	CALL_GETSOCKNAME,
	CALL_ACCEPT,
	CALL_EPOLL_WAIT,
	CALL_EPOLL_CTL,
	CALL_NANOSLEEP,
	CALL_SOCKETPAIR,
	CALL_GETRANDOM,
	CALL_FORK,
	CALL_STAT,  /* of a path */
	CALL_FSTAT, /* of a descriptor */
	N_CALLS,
};

enum action {
	ACTION_FAIL,	 /* with the errno; of allocations, those of argument bytes or more */
	ACTION_SHORT,	 /* at most argument bytes; what else a datagram had is lost */
	ACTION_TRUNCATE, /* the datagram was longer, says the kernel */
	ACTION_FLAGS,	 /* argument is set in each netlink header received */
	ACTION_LENGTH,	 /* argument is the length in netlink header number error */
	ACTION_ERROR,	 /* message number argument is a refusal with the errno */
	ACTION_STOP,	 /* the process stops before the call */
	ACTION_KILL,	 /* the process dies before the call */
};

#define REAL(name)                     \
	static __typeof__(&name) real; \
	if (!real)                     \
	*(void **)&real = dlsym(RTLD_NEXT, #name)

/* Where libraries ask for memory that lose, crash or never end without it. */
void spared_find(void);
bool is_spared(const void *caller);
