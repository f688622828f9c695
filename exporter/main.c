/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "../collectors/registry.h"
#include "../collectors/service.h"
#include "activation.h"
#include "channel.h"
#include "commands.h"
#include "help.h"
#include "log.h"
#include "options.h"
#include "sandbox.h"
#include "util.h"
#include "version.h"
#include "web.h"

static void log_start(uint64_t enabled)
{
	struct buffer names;

	buffer_init(&names, 1024);
	for (size_t i = 0; i < n_collectors; i++)
		if (enabled & 1ULL << i)
			buffer_printf(&names, "%s%s", names.len ? "," : "", collectors[i]->name);
	buffer_append_char(&names, '\0');
	log_info("Starting conntrack_exporter", "version", EXPORTER_VERSION, "revision",
		 EXPORTER_REVISION, "branch", EXPORTER_BRANCH);
	log_info("Build context", "compiler", EXPORTER_COMPILER);
	log_info("Enabled collectors", "collectors", names.error ? "?" : names.data);
	buffer_finish(&names);
}

/*
 * The collector process is the child: signals and the exit code that a supervisor sees are the web
 * process'.
 */
static int serve(const struct options *options)
{
	const uint64_t enabled = options_collectors(options);
	const pid_t web = getpid();
	struct listeners passed = { .n = 0 };
	pid_t pid = -1;
	int fds[2], r;

	log_start(enabled);
	if (!options->systemd_socket)
		activation_decline();
	else if (activation_take(&passed) < 0)
		return EXIT_FAILURE;
	r = sandbox_begin(ACTIVATION_FIRST_FD + (int)passed.n);
	if (r == 0)
		r = channel_create(fds);
	if (r == 0)
		pid = fork();
	if (pid < 0) {
		log_error("Cannot start the collector process", "err",
			  errno_text(r < 0 ? r : errno));
		return EXIT_FAILURE;
	}
	if (pid == 0) {
		(void)close(fds[0]);
		listeners_close(&passed);
		r = service_run(fds[1], web, &options->collector, enabled);
		(void)close(fds[1]);
		return r;
	}
	(void)close(fds[1]);
	return web_run(options, &passed, fds[0], pid, enabled);
}

/* A command has what it was started with for input and output, and nothing else. */
static int begin_command(void)
{
	int r = sandbox_begin(STDERR_FILENO + 1);

	if (r < 0)
		log_error("Command cannot drop its rights", "err", errno_text(r));
	return r;
}

/* A command that prints something once speaks only when something is wrong: it runs from cron. */
static void configure_log(const struct options *options)
{
	enum log_level level = options->log_level;

	if (options->command != COMMAND_SERVE && level == LOG_LEVEL_INFO)
		level = LOG_LEVEL_WARN;
	log_configure(level, options->log_format);
}

typedef void (*print_fn)(FILE *out);

/* What a flag asks to print instead of running a command, or NULL. */
static print_fn find_text(const struct options *options)
{
	const struct {
		bool asked;
		print_fn print;
	} texts[] = {
		{ options->help, help_print },
		{ options->help_metrics, help_print_metrics },
		{ options->help_man, help_print_manual },
		{ options->completion_bash, help_print_completion_bash },
		{ options->completion_zsh, help_print_completion_zsh },
		{ options->version, help_print_version },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].asked)
			return texts[i].print;
	return NULL;
}

static int print_to_stdout(print_fn print)
{
	print(stdout);
	return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Descriptors 0 to 2 that were closed would go to sockets, and log lines into these. */
static void open_standard_files(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_WRONLY : O_RDONLY) != fd)
			_exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	static int (*const run[N_COMMANDS])(const struct options *options) = {
		[COMMAND_SERVE] = serve,
		[COMMAND_METRICS] = command_metrics,
		[COMMAND_DIAGNOSE] = command_diagnose,
		[COMMAND_TALKERS] = command_talkers,
	};
	char error[OPTIONS_ERROR_MAX];
	struct options options;
	print_fn print;
	const char *name;

	open_standard_files();
	if (registry_check(&name) < 0) {
		fprintf(stderr,
			EXPORTER_PROGRAM
			": error: metric family '%s' is ill-formed or defined "
			"twice\n",
			name);
		return EXIT_FAILURE;
	}
	if (options_parse(argc, argv, &options, error) < 0) {
		fprintf(stderr, EXPORTER_PROGRAM ": error: %s\n", error);
		return EXIT_FAILURE;
	}
	configure_log(&options);
	print = find_text(&options);
	if (print)
		return print_to_stdout(print);
	if (options.command != COMMAND_SERVE && begin_command() < 0)
		return EXIT_FAILURE;
	return run[options.command](&options);
}
