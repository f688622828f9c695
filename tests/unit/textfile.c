/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../exporter/textfile.h"
#include "directory.h"

#define NOBODY 65534

static void check_content(const char *path, const char *bytes, size_t len)
{
	char *content = malloc(len + 1);
	FILE *f = fopen(path, "r");

	assert_non_null(content);
	assert_non_null(f);
	assert_int_equal(fread(content, 1, len + 1, f), len);
	if (len)
		assert_memory_equal(content, bytes, len);
	assert_int_equal(fclose(f), 0);
	free(content);
}

static int write_text(const char *path, const char *text)
{
	struct buffer b;
	int r;

	buffer_init(&b, 1U << 20);
	buffer_append_string(&b, text);
	r = textfile_write(path, &b);
	buffer_finish(&b);
	return r;
}

static void the_whole_text_and_nothing_else(void **state)
{
	const struct directory *d = *state;
	const char *path = directory_file(d, "conntrack.prom");

	assert_int_equal(write_text(path, "conntrack_entries 7\n"), 0);
	check_content(path, "conntrack_entries 7\n", 20);
	assert_int_equal(directory_count(d), 1);
	/* A shorter text leaves nothing of the longer one. */
	assert_int_equal(write_text(path, "x\n"), 0);
	check_content(path, "x\n", 2);
	assert_int_equal(write_text(path, ""), 0);
	check_content(path, "", 0);
	assert_int_equal(directory_count(d), 1);
}

static void a_large_text(void **state)
{
	const char *path = directory_file(*state, "large.prom");
	struct buffer b;

	buffer_init(&b, 4U << 20);
	for (uint32_t i = 0; i < 500000; i++)
		buffer_append(&b, &i, sizeof(i));
	assert_int_equal(textfile_write(path, &b), 0);
	check_content(path, b.data, b.len);
	buffer_finish(&b);
}

static void a_link_stays_and_its_file_is_replaced(void **state)
{
	const char *path = directory_file(*state, "real.prom");
	char real[PATH_MAX];
	struct stat status;
	const char *link;

	(void)snprintf(real, sizeof(real), "%s", path);
	assert_int_equal(write_text(real, "old\n"), 0);
	link = directory_file(*state, "link.prom");
	assert_int_equal(symlink(real, link), 0);
	assert_int_equal(write_text(link, "new\n"), 0);
	check_content(real, "new\n", 4);
	assert_int_equal(lstat(link, &status), 0);
	assert_true(S_ISLNK(status.st_mode));
}

/* As /dev/stdout may be. */
static void a_pipe_is_written_to_and_stays(void **state)
{
	const char *path = directory_file(*state, "pipe");
	struct stat status;
	char text[8];
	int fd;

	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write_text(path, "x 1\n"), 0);
	assert_int_equal(read(fd, text, sizeof(text)), 4);
	assert_memory_equal(text, "x 1\n", 4);
	assert_int_equal(close(fd), 0);
	assert_int_equal(lstat(path, &status), 0);
	assert_true(S_ISFIFO(status.st_mode));
}

static void others_may_read_it_whatever_the_umask(void **state)
{
	const char *path = directory_file(*state, "conntrack.prom");
	const mode_t mask = umask(0077);
	struct stat st;

	assert_int_equal(write_text(path, "x\n"), 0);
	(void)umask(mask);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
}

/* Who has the old file open goes on reading the old text. */
static void the_old_file_is_replaced_not_rewritten(void **state)
{
	const char *path = directory_file(*state, "conntrack.prom");
	char text[8] = "";
	int fd;

	assert_int_equal(write_text(path, "old\n"), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write_text(path, "new\n"), 0);
	assert_int_equal(read(fd, text, sizeof(text)), 4);
	assert_string_equal(text, "old\n");
	assert_int_equal(close(fd), 0);
	check_content(path, "new\n", 4);
}

static void a_missing_directory(void **state)
{
	const struct directory *d = *state;

	assert_int_equal(write_text(directory_file(d, "none/conntrack.prom"), "x\n"), -ENOENT);
	directory_write(d, "file", "x", 1);
	assert_int_equal(write_text(directory_file(d, "file/conntrack.prom"), "x\n"), -ENOTDIR);
	assert_int_equal(directory_count(d), 1);
}

/* The rename fails, behind everything else. */
static void a_directory_in_the_place_of_the_file(void **state)
{
	const struct directory *d = *state;
	const char *path = directory_file(d, "conntrack.prom");

	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(write_text(path, "x\n"), -EISDIR);
	assert_int_equal(directory_count(d), 1);
}

static void a_directory_that_is_not_writable(void **state)
{
	const struct directory *d = *state;
	const char *path = directory_file(d, "conntrack.prom");
	const uid_t uid = geteuid();
	int r;

	assert_int_equal(write_text(path, "old\n"), 0);
	assert_int_equal(chmod(d->path, 0555), 0);
	/* Root may write everywhere. */
	if (uid == 0 && seteuid(NOBODY) < 0)
		skip();
	r = write_text(path, "new\n");
	assert_int_equal(seteuid(uid), 0);
	assert_int_equal(r, -EACCES);
	check_content(path, "old\n", 4);
	assert_int_equal(directory_count(d), 1);
}

static void a_path_that_is_too_long(_unused_ void **state)
{
	static char path[5000];

	memset(path, 'x', sizeof(path) - 1);
	assert_int_equal(write_text(path, "x\n"), -ENAMETOOLONG);
}

static void text_to_a_descriptor(_unused_ void **state)
{
	struct buffer b;
	char text[16];
	int fds[2], full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	buffer_init(&b, 100);
	assert_int_equal(text_write(-1, &b), 0);
	buffer_append_string(&b, "abc\n");
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(text_write(fds[1], &b), 0);
	assert_int_equal(close(fds[1]), 0);
	assert_int_equal(read(fds[0], text, sizeof(text)), 4);
	assert_memory_equal(text, "abc\n", 4);
	assert_int_equal(close(fds[0]), 0);
	assert_int_equal(text_write(-1, &b), -EBADF);
	if (full >= 0) {
		assert_int_equal(text_write(full, &b), -ENOSPC);
		assert_int_equal(close(full), 0);
	}
	buffer_finish(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		directory_test(the_whole_text_and_nothing_else),
		directory_test(a_large_text),
		directory_test(a_link_stays_and_its_file_is_replaced),
		directory_test(a_pipe_is_written_to_and_stays),
		directory_test(others_may_read_it_whatever_the_umask),
		directory_test(the_old_file_is_replaced_not_rewritten),
		directory_test(a_missing_directory),
		directory_test(a_directory_in_the_place_of_the_file),
		directory_test(a_directory_that_is_not_writable),
		cmocka_unit_test(a_path_that_is_too_long),
		cmocka_unit_test(text_to_a_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
