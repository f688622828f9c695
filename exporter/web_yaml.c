/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "web_yaml.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "util.h"

struct web_yaml {
	yaml_parser_t parser;
	yaml_event_t event;
	bool has_event;
	bool had_document;
	const char *text;
	size_t length;
};

int web_yaml_create(const char *text, size_t length, struct web_yaml **ret)
{
	struct web_yaml *yaml = calloc(1, sizeof(*yaml));

	if (!yaml)
		return -ENOMEM;
	if (!yaml_parser_initialize(&yaml->parser)) {
		free(yaml);
		return -ENOMEM;
	}
	yaml->text = text;
	yaml->length = length;
	yaml_parser_set_encoding(&yaml->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&yaml->parser, (const unsigned char *)text, length);
	*ret = yaml;
	return 0;
}

static void event_delete(struct web_yaml *yaml)
{
	if (!yaml->has_event)
		return;
	if (yaml->event.type == YAML_SCALAR_EVENT)
		explicit_bzero(yaml->event.data.scalar.value, yaml->event.data.scalar.length);
	yaml_event_delete(&yaml->event);
	yaml->has_event = false;
}

void web_yaml_destroy(struct web_yaml *yaml)
{
	yaml_parser_t *parser;

	if (!yaml)
		return;
	event_delete(yaml);
	parser = &yaml->parser;
	explicit_bzero(parser->buffer.start, (size_t)(parser->buffer.end - parser->buffer.start));
	explicit_bzero(parser->raw_buffer.start,
		       (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
	yaml_parser_delete(parser);
	free(yaml);
}

/* libyaml knows the offset alone of bytes that are no text. */
static size_t line_of_offset(const struct web_yaml *yaml, size_t offset)
{
	size_t line = 1;

	for (size_t i = 0; i < offset && i < yaml->length; i++)
		line += yaml->text[i] == '\n';
	return line;
}

static int refuse(size_t line, const char *why, char *error)
{
	(void)snprintf(error, WEB_YAML_ERROR_MAX, "line %zu: %s", line, why);
	return -EINVAL;
}

static int refuse_syntax(const struct web_yaml *yaml, char *error)
{
	const yaml_parser_t *parser = &yaml->parser;

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (parser->error == YAML_READER_ERROR)
		return refuse(line_of_offset(yaml, parser->problem_offset), parser->problem, error);
	return refuse(parser->problem_mark.line + 1,
		      parser->problem ? parser->problem : "this is no YAML", error);
}

static bool is_null(const char *text)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };

	for (size_t i = 0; i < ARRAY_SIZE(nulls); i++)
		if (strcmp(text, nulls[i]) == 0)
			return true;
	return false;
}

static const char *refusal(const struct web_yaml *yaml)
{
	const yaml_event_t *event = &yaml->event;
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (event->type == YAML_ALIAS_EVENT)
		return "aliases are not accepted";
	if (event->type == YAML_DOCUMENT_START_EVENT && yaml->had_document)
		return "only one document is accepted";
	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		if (memchr(event->data.scalar.value, '\0', event->data.scalar.length))
			return "a NUL character is not accepted";
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	}
	if (anchor)
		return "anchors are not accepted";
	return tag ? "tags are not accepted" : NULL;
}

static void describe(const yaml_event_t *event, enum web_yaml_kind kind, struct web_yaml_event *ret)
{
	*ret = (struct web_yaml_event){ .kind = kind, .line = event->start_mark.line + 1 };
	if (kind != WEB_YAML_TEXT)
		return;
	ret->text = (const char *)event->data.scalar.value;
	ret->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	ret->is_null = ret->is_plain && is_null(ret->text);
}

/* False: the event is of no use to the reader. */
static bool event_kind(yaml_event_type_t type, enum web_yaml_kind *ret)
{
	static const struct {
		yaml_event_type_t type;
		enum web_yaml_kind kind;
	} kinds[] = {
		{ YAML_SCALAR_EVENT, WEB_YAML_TEXT },
		{ YAML_MAPPING_START_EVENT, WEB_YAML_MAP },
		{ YAML_SEQUENCE_START_EVENT, WEB_YAML_LIST },
		{ YAML_MAPPING_END_EVENT, WEB_YAML_END },
		{ YAML_SEQUENCE_END_EVENT, WEB_YAML_END },
		{ YAML_STREAM_END_EVENT, WEB_YAML_NOTHING },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].type == type) {
			*ret = kinds[i].kind;
			return true;
		}
	return false;
}

int web_yaml_next(struct web_yaml *yaml, struct web_yaml_event *ret, char error[WEB_YAML_ERROR_MAX])
{
	enum web_yaml_kind kind;
	const char *why;

	do {
		event_delete(yaml);
		if (!yaml_parser_parse(&yaml->parser, &yaml->event))
			return refuse_syntax(yaml, error);
		yaml->has_event = true;
		why = refusal(yaml);
		if (why)
			return refuse(yaml->event.start_mark.line + 1, why, error);
		yaml->had_document |= yaml->event.type == YAML_DOCUMENT_START_EVENT;
	} while (!event_kind(yaml->event.type, &kind));
	describe(&yaml->event, kind, ret);
	return 0;
}
