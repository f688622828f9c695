/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "util.h"

/* "nobody" by number: it exists without an entry in any user database. */
#define UNPRIVILEGED_ID 65534

static int leave_root(void)
{
	if (geteuid() != 0)
		return 0;
	/* A user namespace may forbid setgroups(); what groups it has there are its creator's. */
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return -errno;
	if (setresgid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID) < 0 ||
	    setresuid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID) < 0)
		return -errno;
	return 0;
}

static int drop_capabilities(bool keep)
{
	capng_clear(CAPNG_SELECT_BOTH);
	if (keep && capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN) < 0)
		return -EINVAL;
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return -EPERM;
	return 0;
}

/*
 * While CAP_SETPCAP is there. Without it the set stays, and no_new_privs makes it useless all the
 * same.
 */
static void drop_bounding_set(bool keep)
{
	for (int capability = 0; capability <= CAP_LAST_CAP; capability++)
		if (!keep || capability != CAP_NET_ADMIN)
			(void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

int privileges_drop(unsigned int keep, int *ret_stays)
{
	bool net_admin;
	int r, stays;

	if (capng_get_caps_process() < 0)
		return -EINVAL;
	net_admin = keep & PRIVILEGES_NET_ADMIN &&
		    capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN);
	drop_bounding_set(net_admin);
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	stays = keep & PRIVILEGES_USER ? 0 : leave_root();
	if (stays < 0 && stays != -EPERM && stays != -EINVAL)
		return stays;
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	r = drop_capabilities(net_admin);
	if (r < 0)
		return r;
	/* Another user id may have made it dumpable again: fs.suid_dumpable says so. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	*ret_stays = stays;
	return 0;
}
