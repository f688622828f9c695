/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "connection.h"

#include <sys/socket.h>

void connections_init(struct connections *all)
{
	all->idle = (struct connection){ .prev = &all->idle, .next = &all->idle, .fd = -1 };
	all->n = 0;
}

void connection_busy(struct connection *c)
{
	if (!c->next)
		return;
	c->prev->next = c->next;
	c->next->prev = c->prev;
	c->prev = c->next = NULL;
}

void connection_idle(struct connections *all, struct connection *c)
{
	connection_busy(c);
	if (c->evicted)
		return;
	c->prev = all->idle.prev;
	c->next = &all->idle;
	c->prev->next = c;
	c->next->prev = c;
}

void connection_add(struct connections *all, struct connection *c, int fd)
{
	*c = (struct connection){ .fd = fd };
	all->n++;
	connection_idle(all, c);
}

void connection_remove(struct connections *all, struct connection *c)
{
	connection_busy(c);
	all->n -= !c->evicted;
}

bool connections_evict(struct connections *all)
{
	struct connection *oldest = all->idle.next;

	if (oldest == &all->idle)
		return false;
	connection_busy(oldest);
	oldest->evicted = true;
	all->n--;
	(void)shutdown(oldest->fd, SHUT_RDWR);
	return true;
}

bool connections_make_room(struct connections *all, size_t max)
{
	while (all->n >= max && connections_evict(all))
		;
	return all->n < max;
}
