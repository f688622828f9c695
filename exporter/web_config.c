/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "web_config.h"

#include <string.h>

#include "util.h"
#include "web_config_keys.h"
#include "web_yaml.h"

struct reader {
	struct web_parse parse;
	struct web_yaml *yaml;
};

static int next(struct reader *r)
{
	return web_yaml_next(r->yaml, &r->parse.event, r->parse.error);
}

static int list_read(struct reader *r, const struct web_key *key)
{
	const size_t line = r->parse.event.line;

	for (size_t n = 0;; n++) {
		int error = next(r);

		if (error < 0)
			return error;
		if (r->parse.event.kind == WEB_YAML_END)
			return n == 0 && key->is_never_empty
				       ? web_refuse(&r->parse, line, "%s is empty", key->name)
				       : 0;
		if (r->parse.event.kind != WEB_YAML_TEXT)
			return web_refuse(&r->parse, r->parse.event.line,
					  "an entry of %s must be a text", key->name);
		error = key->set(&r->parse, key);
		if (error < 0)
			return error;
	}
}

static int map_read(struct reader *r, const struct web_map *map, const char *name);

/* Without a value it is as if the key were not there, but where only some values are right. */
static int value_read(struct reader *r, const struct web_key *key)
{
	const struct web_yaml_event *event = &r->parse.event;

	if (event->kind == WEB_YAML_TEXT && event->is_null && !key->values)
		return 0;
	if (key->map)
		return event->kind == WEB_YAML_MAP
			       ? map_read(r, key->map, key->name)
			       : web_refuse(&r->parse, event->line, "%s must be a map", key->name);
	if (key->is_list)
		return event->kind == WEB_YAML_LIST
			       ? list_read(r, key)
			       : web_refuse(&r->parse, event->line, "%s must be a list", key->name);
	return event->kind == WEB_YAML_TEXT
		       ? key->set(&r->parse, key)
		       : web_refuse(&r->parse, event->line, "%s must be a text", key->name);
}

static const struct web_key *key_find(const struct web_map *map, const char *name)
{
	for (size_t i = 0; i < map->n_keys; i++)
		if (strcmp(map->keys[i].name, name) == 0)
			return &map->keys[i];
	return NULL;
}

/* map_name is NULL for the whole file. */
static int known_read(struct reader *r, const struct web_map *map, const char *map_name,
		      size_t *lines)
{
	const struct web_key *key = key_find(map, r->parse.event.text);
	int error;

	if (!key)
		return web_refuse(&r->parse, r->parse.event.line, "unknown key '%.40s'%s%s",
				  r->parse.event.text, map_name ? " in " : "",
				  map_name ? map_name : "");
	if (lines[key - map->keys])
		return web_refuse(&r->parse, r->parse.event.line,
				  "%s is there twice, first in line %zu", key->name,
				  lines[key - map->keys]);
	lines[key - map->keys] = r->parse.event.line;
	error = next(r);
	return error < 0 ? error : value_read(r, key);
}

static int any_read(struct reader *r, const struct web_map *map, const char *map_name)
{
	char *name = strdup(r->parse.event.text);
	int error = name ? next(r) : -ENOMEM;

	if (error == 0)
		error = r->parse.event.kind == WEB_YAML_TEXT
				? map->add(&r->parse, name)
				: web_refuse(&r->parse, r->parse.event.line,
					     "a value in %s must be a text", map_name);
	free(name);
	return error;
}

static int map_read(struct reader *r, const struct web_map *map, const char *name)
{
	const struct web_yaml_event *event = &r->parse.event;
	const size_t line = event->line;
	size_t lines[WEB_KEYS_MAX] = { 0 };
	int error;

	for (;;) {
		error = next(r);
		if (error < 0)
			return error;
		if (event->kind == WEB_YAML_END)
			return map->check ? map->check(&r->parse, line, lines) : 0;
		if (event->kind != WEB_YAML_TEXT || event->is_null)
			return web_refuse(&r->parse, event->line, "a key must be a text");
		error = map->add ? any_read(r, map, name) : known_read(r, map, name, lines);
		if (error < 0)
			return error;
	}
}

static int file_read(struct reader *r)
{
	const struct web_yaml_event *event = &r->parse.event;
	int error = next(r);

	if (error < 0 || event->kind == WEB_YAML_NOTHING)
		return error;
	if (event->kind == WEB_YAML_MAP)
		error = map_read(r, &web_config_map, NULL);
	else if (event->kind != WEB_YAML_TEXT || !event->is_null)
		return web_refuse(&r->parse, event->line, "the file must be a map");
	return error < 0 ? error : next(r);
}

static struct web_config *config_create(void)
{
	struct web_config *config = calloc(1, sizeof(*config));

	if (!config)
		return NULL;
	config->tls.min_version = TLS_VERSION_1_2;
	config->tls.max_version = TLS_VERSION_1_3;
	config->tls.prefer_server_cipher_suites = true;
	return config;
}

static int check_bytes(struct web_parse *p, const char *text, size_t length)
{
	size_t line = 1;

	if (length > WEB_CONFIG_SIZE_MAX)
		return web_refuse(p, line, "the file has more than %u bytes", WEB_CONFIG_SIZE_MAX);
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\0')
			return web_refuse(p, line, "there is a NUL byte");
		line += text[i] == '\n';
	}
	return 0;
}

int web_config_parse(const char *text, size_t length, const char *directory,
		     struct web_config **ret, char error[WEB_CONFIG_ERROR_MAX])
{
	struct reader reader = { .parse = { .directory = directory, .error = error } };
	int r = check_bytes(&reader.parse, text, length);

	if (r < 0)
		return r;
	reader.parse.config = config_create();
	r = reader.parse.config ? web_yaml_create(text, length, &reader.yaml) : -ENOMEM;
	if (r == 0)
		r = file_read(&reader);
	web_yaml_destroy(reader.yaml);
	if (r < 0) {
		web_config_free(reader.parse.config);
		return r;
	}
	*ret = reader.parse.config;
	return 0;
}

static void source_free(struct web_config_source *source)
{
	web_secret_free(&source->text);
	free(source->file);
}

void web_config_free(struct web_config *config)
{
	if (!config)
		return;
	source_free(&config->tls.cert);
	source_free(&config->tls.key);
	source_free(&config->tls.client_ca);
	for (size_t i = 0; i < config->tls.n_sans; i++)
		free(config->tls.sans[i]);
	for (size_t i = 0; i < N_WEB_HEADERS; i++)
		free(config->headers[i]);
	for (size_t i = 0; i < config->n_users; i++) {
		free(config->users[i].name);
		web_secret_free(&config->users[i].hash);
	}
	free(config);
}
