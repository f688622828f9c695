/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Giving up rights: user id, capabilities, core dumps. libcap-ng is used here and nowhere else. */

/* What privileges_drop() leaves. */
#define PRIVILEGES_NET_ADMIN (1U << 0)
#define PRIVILEGES_USER (1U << 1)

/*
 * Leaves root's user and group id where the process may unless PRIVILEGES_USER is in keep, drops
 * every capability but CAP_NET_ADMIN if PRIVILEGES_NET_ADMIN is in it and the process has it, and
 * sets no_new_privs and not dumpable. Returns 0, or a negative errno when a right could not be
 * dropped; the caller must not go on then. ret_stays tells why it could not leave root: -EPERM
 * without CAP_SETUID or CAP_SETGID, -EINVAL in a user namespace that has no other id, 0 otherwise.
 */
int privileges_drop(unsigned int keep, int *ret_stays);
