/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "diagnosis_overview.h"

#include <errno.h>
#include <math.h>

#include "../exporter/util.h"
#include "labels.h"
#include "talkers_write.h"

/* Every whole number below is a double. */
#define DOUBLE_WHOLE_MAX 9007199254740992.0

void json_put(json_t *object, const char *key, json_t *value, int *error)
{
	if (json_object_set_new(object, key, value) < 0)
		*error = -ENOMEM;
}

json_t *json_number(double value)
{
	if (fabs(value) < DOUBLE_WHOLE_MAX && value == floor(value))
		return json_integer((json_int_t)value);
	return json_real(value);
}

static json_t *json_count(uint64_t value)
{
	return value <= INT64_MAX ? json_integer((json_int_t)value) : json_real((double)value);
}

static json_t *json_reading(struct reading value)
{
	return value.known ? json_count(value.value) : json_null();
}

static json_t *json_rate(struct rate rate)
{
	return rate.known ? json_real(rate.per_second) : json_null();
}

static void put_table(json_t *object, const struct diagnosis *diagnosis,
		      const struct observation *now, int *error)
{
	json_put(object, "entries", json_reading(now->table[TABLE_ENTRIES]), error);
	json_put(object, "entries_limit", json_reading(now->table[TABLE_ENTRIES_LIMIT]), error);
	json_put(object, "buckets", json_reading(now->table[TABLE_BUCKETS]), error);
	json_put(object, "entry_size_bytes", json_reading(now->table[TABLE_ENTRY_SIZE_BYTES]),
		 error);
	json_put(object, "growth_per_second", json_rate(diagnosis->growth), error);
	json_put(object, "drops_total", json_reading(now->stat[STAT_DROP]), error);
	json_put(object, "drops_per_second", json_rate(diagnosis->drops), error);
	json_put(object, "early_drops_per_second", json_rate(diagnosis->early_drops), error);
	json_put(object, "insert_failed_per_second", json_rate(diagnosis->insert_failed), error);
}

static json_t *tracking(const struct observation *now, int *error)
{
	json_t *object = json_object();

	for (int family = 0; family < N_FLOW_FAMILIES; family++) {
		const enum tracking state = now->tracking[family];

		json_put(object, label_family.values[family],
			 state == TRACKING_UNKNOWN ? json_null()
						   : json_integer(state == TRACKING_ACTIVE),
			 error);
	}
	return object;
}

static json_t *sockets_established(const struct observation *now)
{
	uint64_t sockets = 0;

	if (!now->has_sockets)
		return json_null();
	for (int family = 0; family < N_FLOW_FAMILIES; family++)
		sockets += now->sockets.tcp[family][TCP_SOCKET_ESTABLISHED];
	return json_count(sockets);
}

/* {names[i]: values[i]} */
static json_t *counts(const char *const *names, const uint64_t *values, size_t n, int *error)
{
	json_t *object = json_object();

	for (size_t i = 0; i < n; i++)
		json_put(object, names[i], json_count(values[i]), error);
	return object;
}

static json_t *established_sockets(const struct observation *now, int *error)
{
	json_t *object;

	if (!now->join.has_sockets)
		return json_null();
	object = json_object();
	for (int i = 0; i < N_JOIN_TRACKINGS; i++)
		json_put(
			object, label_tracking.values[i],
			counts(label_socket_path.values, now->join.sockets[i], N_JOIN_PATHS, error),
			error);
	return object;
}

static json_t *established_flows(const struct observation *now, int *error)
{
	if (!now->join.has_flows)
		return json_null();
	return counts(label_socket.values, now->join.flows, N_JOIN_SOCKETS, error);
}

/* Without what every flow must have to be in it, a breakdown would lie. */
static bool has(const struct observation *now, uint32_t bits)
{
	return now->has_walk && !(now->flows.missing & bits);
}

static void put_by_protocol(json_t *object, const struct observation *now, int *error)
{
	uint64_t flows[N_FLOW_PROTOCOLS] = { 0 }, states[N_FLOW_TCP_STATES] = { 0 };
	const uint32_t bits = FLOW_HAS_FAMILY | FLOW_HAS_PROTOCOL;
	const uint32_t state_bits = bits | FLOW_HAS_TCP_STATE;

	for (int family = 0; family < N_FLOW_FAMILIES; family++) {
		for (int i = 0; i < N_FLOW_PROTOCOLS; i++)
			flows[i] += now->flows.by_protocol[family][i];
		for (int i = 0; i < N_FLOW_TCP_STATES; i++)
			states[i] += now->flows.by_tcp_state[family][i];
	}
	json_put(object, "flows",
		 has(now, bits) ? counts(label_protocol.values, flows, N_FLOW_PROTOCOLS, error)
				: json_null(),
		 error);
	json_put(object, "tcp_flows",
		 has(now, state_bits) ? counts(tcp_state_names, states, N_FLOW_TCP_STATES, error)
				      : json_null(),
		 error);
}

static void put_by_path(json_t *object, const struct observation *now, int *error)
{
	uint64_t replies[N_FLOW_REPLIES] = { 0 };

	for (int protocol = 0; protocol < N_FLOW_PROTOCOLS; protocol++)
		for (int i = 0; i < N_FLOW_REPLIES; i++)
			replies[i] += now->flows.by_reply[protocol][i];
	json_put(object, "flows_by_path",
		 has(now, FLOW_HAS_INITIATOR | FLOW_HAS_RESPONDER)
			 ? counts(label_path.values, now->flows.by_path, N_FLOW_PATHS, error)
			 : json_null(),
		 error);
	json_put(object, "flows_by_reply",
		 has(now, FLOW_HAS_PROTOCOL | FLOW_HAS_STATUS)
			 ? counts(label_reply.values, replies, N_FLOW_REPLIES, error)
			 : json_null(),
		 error);
}

static json_t *walk(const struct observation *now, int *error)
{
	json_t *object;

	if (!now->has_walk)
		return json_null();
	object = json_object();
	json_put(object, "flows", json_count(now->walk_visited), error);
	json_put(object, "complete", json_boolean(now->walk_complete), error);
	json_put(object, "duration_seconds", json_real(now->walk_duration_s), error);
	return object;
}

static json_t *talkers_by(const struct observation *now, enum talkers_by by, int *error)
{
	const struct observation_talkers *talkers = &now->talkers[by];
	json_t *array = json_array();
	char value[TALKER_TEXT_MAX];

	for (size_t i = 0; i < talkers->n; i++) {
		json_t *object = json_object();

		talker_format(&talkers->talkers[i], by, value);
		json_put(object, "value", json_string(value), error);
		json_put(object, "flows", json_count(talkers->talkers[i].flows), error);
		if (json_array_append_new(array, object) < 0)
			*error = -ENOMEM;
	}
	return array;
}

static json_t *talkers(const struct observation *now, int *error)
{
	json_t *object;

	if (!now->has_walk)
		return json_null();
	object = json_object();
	for (int by = 0; by < N_TALKERS_BYS; by++)
		json_put(object, talkers_by_names[by], talkers_by(now, (enum talkers_by)by, error),
			 error);
	return object;
}

json_t *diagnosis_overview(const struct diagnosis *diagnosis, const struct observation *now,
			   int *error)
{
	json_t *object = json_object();

	put_table(object, diagnosis, now, error);
	json_put(object, "tracking_active", tracking(now, error), error);
	json_put(object, "tcp_sockets_established", sockets_established(now), error);
	json_put(object, "established_sockets", established_sockets(now, error), error);
	json_put(object, "established_flows", established_flows(now, error), error);
	put_by_protocol(object, now, error);
	put_by_path(object, now, error);
	json_put(object, "walk", walk(now, error), error);
	json_put(object, "talkers", talkers(now, error), error);
	return object;
}
