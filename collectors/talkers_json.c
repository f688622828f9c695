/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <errno.h>
#include <jansson.h>

#include "../exporter/buffer.h"
#include "address_text.h"
#include "talkers_write.h"

static json_t *integer(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *filter_object(const struct talkers_query *query)
{
	struct talkers_filter_text filters[TALKERS_FILTERS_MAX];
	const size_t n = talkers_filters_format(query, filters);
	json_t *object = json_object();
	int r = 0;

	/* json_object_set_new() takes NULL for a failure. */
	for (size_t i = 0; i < n; i++)
		r |= json_object_set_new(object, filters[i].name,
					 filters[i].is_number ? integer(query->port)
							      : json_string(filters[i].value));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *talker_object(const struct talker *talker, enum talkers_by by)
{
	char value[TALKER_TEXT_MAX], source[ADDRESS_TEXT_MAX], destination[ADDRESS_TEXT_MAX];

	talker_format(talker, by, value);
	if (by != TALKERS_BY_PAIR)
		return json_pack("{s:s, s:o, s:o}", "value", value, "flows", integer(talker->flows),
				 "error", integer(talker->error));
	address_format(&talker->source, source);
	address_format(&talker->destination, destination);
	return json_pack("{s:s, s:s, s:s, s:o, s:o}", "value", value, "source", source,
			 "destination", destination, "flows", integer(talker->flows), "error",
			 integer(talker->error));
}

static json_t *talkers_array(const struct talkers_top *top, enum talkers_by by)
{
	json_t *array = json_array();
	int r = 0;

	for (size_t i = 0; i < top->n && r == 0; i++)
		r = json_array_append_new(array, talker_object(&top->talkers[i], by));
	if (r == 0)
		return array;
	json_decref(array);
	return NULL;
}

int talkers_write_json(const struct talkers_query *query, const struct talkers_top *top,
		       const struct walk_summary *walk, bool pretty, struct buffer *out)
{
	const bool entries_known = walk->entries > 0 || walk->visited == 0;
	/* What is packed as o is given up, and NULL among it makes the whole NULL. */
	json_t *object = json_pack("{s:s, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o}", "by",
				   talkers_by_names[query->by], "flows", integer(top->flows),
				   "other", integer(top->other), "error_max",
				   integer(top->error_max), "complete", (int)walk->complete,
				   "walk_flows", integer(walk->visited), "entries",
				   entries_known ? integer(walk->entries) : json_null(), "filter",
				   filter_object(query), "talkers", talkers_array(top, query->by));
	int r;

	if (!object)
		return -ENOMEM;
	r = json_dump_callback(object, buffer_take, out, pretty ? JSON_INDENT(2) : JSON_COMPACT);
	json_decref(object);
	buffer_append_char(out, '\n');
	return r < 0 ? -ENOMEM : out->error;
}
