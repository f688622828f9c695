/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A list through things that live elsewhere. Joining it, leaving it, its first: one step each. */

#include <stddef.h>

/* The head of a ring, or a place in one. Zeroed memory is a place in none. */
struct ring {
	struct ring *prev, *next;
};

/* The thing whose member the place is. */
#define ring_entry(place, type, member) ((type *)(void *)((char *)(place)-offsetof(type, member)))

static inline void ring_init(struct ring *head)
{
	head->prev = head->next = head;
}

/* Also takes a place that is in none. */
static inline void ring_leave(struct ring *place)
{
	if (!place->next)
		return;
	place->prev->next = place->next;
	place->next->prev = place->prev;
	place->prev = place->next = NULL;
}

/* As the last one; leaves the ring it was in. */
static inline void ring_join(struct ring *head, struct ring *place)
{
	ring_leave(place);
	place->prev = head->prev;
	place->next = head;
	place->prev->next = place;
	head->prev = place;
}

/* NULL: it is empty. */
static inline struct ring *ring_first(const struct ring *head)
{
	return head->next == head ? NULL : head->next;
}
