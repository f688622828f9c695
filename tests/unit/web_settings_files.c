/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <stdio.h>
#include <sys/stat.h>

#include "secret.h"
#include "web_settings_scene.h"

#define NOBODY 65534

/* As Kubernetes mounts a secret: links through a link to a directory, which is replaced. */
static void links_that_move(void **state)
{
	const struct directory *d = *state;
	struct scene scene = { 0 };
	char data[512], fresh[512];

	(void)snprintf(data, sizeof(data), "%s", directory_file(d, "data"));
	(void)snprintf(fresh, sizeof(fresh), "%s", directory_file(d, "fresh"));
	assert_int_equal(mkdir(directory_file(d, "1"), 0700), 0);
	assert_int_equal(mkdir(directory_file(d, "2"), 0700), 0);
	for (int i = 1; i <= 2; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "%d/crt", i);
		directory_write(d, name, i == 1 ? "one" : "two", 3);
		(void)snprintf(name, sizeof(name), "%d/key", i);
		directory_write(d, name, i == 1 ? "one" : "two", 3);
	}
	assert_int_equal(symlink("1", data), 0);
	scene = scene_open(state, "tls_server_config: {cert_file: data/crt, key_file: data/key}");
	assert_int_equal(symlink("2", fresh), 0);
	assert_int_equal(rename(fresh, data), 0);
	assert_false(later(&scene, 1000));
	assert_true(later(&scene, 1000));
	assert_string_equal(cert(&scene), "two");
	check_log(&scene, 1, TAKEN, "");
	scene_close(&scene);
}

/* As certbot does it: the name itself is a link. */
static void a_link_to_another_file(void **state)
{
	struct scene scene = scene_open(state, "");
	char link[512];

	scene_close(&scene);
	(void)snprintf(link, sizeof(link), "%s", directory_file(*state, "live"));
	assert_int_equal(symlink("crt", link), 0);
	scene = scene_open(state, "tls_server_config: {cert_file: live, key_file: live}");
	assert_false(later(&scene, 1000));
	assert_false(later(&scene, 1000));
	assert_int_equal(logged.n, 0);
	put(&scene, "crt2", "two");
	assert_int_equal(symlink("crt2", directory_file(*state, "fresh")), 0);
	assert_int_equal(rename(directory_file(*state, "fresh"), link), 0);
	assert_false(later(&scene, 1000));
	assert_true(later(&scene, 1000));
	assert_string_equal(cert(&scene), "two");
	scene_close(&scene);
}

static void a_file_or_directory_that_is_gone(void **state)
{
	struct scene scene = scene_open(state, LOGIN);
	char path[512], away[512];

	(void)snprintf(path, sizeof(path), "%s", directory_file(scene.directory, "web.yml"));
	(void)snprintf(away, sizeof(away), "%s", directory_file(scene.directory, "away"));
	assert_int_equal(unlink(path), 0);
	check_stays(&scene, "cannot read '<web.yml>': No such file or directory");
	assert_string_equal(hash(&scene), HASH_A);
	put(&scene, "web.yml", LOGIN);
	assert_false(later(&scene, 1000));
	assert_true(later(&scene, 1000));
	check_log(&scene, 2, TAKEN, "");
	(void)snprintf(away, sizeof(away), "%s.away", scene.directory->path);
	assert_int_equal(rename(scene.directory->path, away), 0);
	check_stays(&scene, "cannot read '<web.yml>': No such file or directory");
	assert_int_equal(rename(away, scene.directory->path), 0);
	assert_false(later(&scene, 1000));
	check_log(&scene, 2, BACK, "");
	assert_true(web_settings_is_current(scene.settings));
	scene_close(&scene);
}

/* Neither waits for a writer nor reads a device. */
static void what_is_no_file(void **state)
{
	struct scene scene = scene_open(state, LOGIN);
	char path[512];

	(void)snprintf(path, sizeof(path), "%s", directory_file(scene.directory, "web.yml"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	check_stays(&scene, "cannot read '<web.yml>': it is no regular file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	check_stays(&scene, "cannot read '<web.yml>': Is a directory");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("/dev/zero", path), 0);
	check_stays(&scene, "cannot read '<web.yml>': it is no regular file");
	assert_int_equal(unlink(path), 0);
	put(&scene, "web.yml", LOGIN);
	assert_int_equal(truncate(path, (1 << 20) + 1), 0);
	check_stays(&scene, "cannot read '<web.yml>': File too large");
	assert_string_equal(hash(&scene), HASH_A);
	scene_close(&scene);
}

static void a_right_that_was_lost_and_came_back(void **state)
{
	struct scene scene = scene_open(state, LOGIN);
	const uid_t uid = geteuid();

	put(&scene, "web.yml", LOGIN_B);
	assert_int_equal(chmod(directory_file(scene.directory, "web.yml"), 0), 0);
	assert_int_equal(chmod(scene.directory->path, 0755), 0);
	if (uid == 0 && seteuid(NOBODY) < 0)
		skip();
	memset(&logged, 0, sizeof(logged));
	for (int i = 0; i < 5; i++)
		(void)later(&scene, 1000);
	web_settings_probe(scene.settings);
	assert_int_equal(seteuid(uid), 0);
	assert_int_equal(logged.n, 2);
	assert_int_equal(logged.level, LOG_LEVEL_WARN);
	assert_string_equal(logged.err, "Permission denied");
	assert_string_equal(hash(&scene), HASH_A);
	assert_int_equal(chmod(directory_file(scene.directory, "web.yml"), 0644), 0);
	(void)later(&scene, 1000);
	(void)later(&scene, 1000);
	assert_string_equal(hash(&scene), HASH_B);
	/* What can be read is not warned of. */
	web_settings_probe(scene.settings);
	check_log(&scene, 3, TAKEN, "");
	scene_close(&scene);
}

static void a_directory_for_root_alone(void **state)
{
	struct scene scene = scene_open(state, TLS LOGIN);
	const uid_t uid = geteuid();

	assert_int_equal(chmod(scene.directory->path, 0700), 0);
	if (uid != 0 || seteuid(NOBODY) < 0)
		skip();
	web_settings_probe(scene.settings);
	assert_int_equal(logged.n, 3);
	for (int i = 0; i < 5; i++)
		assert_false(later(&scene, 1000));
	assert_true(web_settings_is_current(scene.settings));
	assert_int_equal(logged.n, 3);
	assert_int_equal(seteuid(uid), 0);
	/* In sight again, it is read again. */
	put(&scene, "web.yml", TLS LOGIN_B);
	assert_false(later(&scene, 1000));
	assert_true(later(&scene, 1000));
	assert_string_equal(hash(&scene), HASH_B);
	scene_close(&scene);
}

/* What changes between the start and the loss of rights is still a change. */
static void a_change_before_the_rights_are_gone(void **state)
{
	struct scene scene = scene_open(state, LOGIN);

	put(&scene, "web.yml", LOGIN_B);
	web_settings_probe(scene.settings);
	assert_false(later(&scene, 1000));
	assert_true(later(&scene, 1000));
	assert_string_equal(hash(&scene), HASH_B);
	assert_int_equal(unlink(directory_file(scene.directory, "web.yml")), 0);
	web_settings_probe(scene.settings);
	check_stays(&scene, "cannot read '<web.yml>': No such file or directory");
	scene_close(&scene);
}

static void note_path(void *ctx, const char *path)
{
	char *text = ctx;

	(void)snprintf(text + strlen(text), 1024 - strlen(text), "%s\n", path);
}

static void directories_of_all_files(void **state)
{
	struct scene scene = scene_open(state, "");
	char paths[1024] = "", wanted[1200];

	web_settings_paths(scene.settings, note_path, paths);
	(void)snprintf(wanted, sizeof(wanted), "%s\n%s\n", scene.directory->path,
		       scene.directory->path);
	assert_string_equal(paths, wanted);
	scene_close(&scene);
	assert_int_equal(mkdir(directory_file(scene.directory, "live"), 0700), 0);
	assert_int_equal(symlink("../crt", directory_file(scene.directory, "live/crt")), 0);
	scene = scene_open(state, "tls_server_config: {cert_file: live/crt, key: one}");
	paths[0] = '\0';
	web_settings_paths(scene.settings, note_path, paths);
	(void)snprintf(wanted, sizeof(wanted), "%s\n%s\n%s/live\n%s\n", scene.directory->path,
		       scene.directory->path, scene.directory->path, scene.directory->path);
	assert_string_equal(paths, wanted);
	scene_close(&scene);
}

/* A link is as good as a mount there. */
static void a_directory_with_procfs_in_it(void **state)
{
	struct scene scene;
	char paths[1024] = "", wanted[1200];

	assert_int_equal(mkdir(directory_file(*state, "live"), 0700), 0);
	assert_int_equal(symlink("../crt", directory_file(*state, "live/crt")), 0);
	assert_int_equal(symlink("/proc", directory_file(*state, "proc")), 0);
	scene = scene_open(state, "tls_server_config: {cert_file: live/crt, key: one}");
	logged.n = 0;
	web_settings_paths(scene.settings, note_path, paths);
	(void)snprintf(wanted, sizeof(wanted), "%s/web.yml\n%s/web.yml\n%s/live\n%s/crt\n",
		       scene.directory->path, scene.directory->path, scene.directory->path,
		       scene.directory->path);
	assert_string_equal(paths, wanted);
	assert_int_equal(logged.n, 1);
	assert_int_equal(logged.level, LOG_LEVEL_WARN);
	scene_close(&scene);
}

static void a_start_without_what_is_needed(void **state)
{
	static const struct {
		const char *config;
		int r;
		const char *error;
	} cases[] = {
		{ "a: b", -EINVAL, "line 1: unknown key 'a'" },
		{ TLS, -ENOENT, "cannot read '<crt>': No such file or directory" },
		{ "tls_server_config: {cert: one, key: two}", -EINVAL,
		  "the key does not go with the certificate" },
	};
	const struct directory *d = *state;
	struct web_settings *settings = NULL;
	char error[WEB_CONFIG_ERROR_MAX], text[512];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		directory_write(d, "web.yml", cases[i].config, strlen(cases[i].config));
		assert_int_equal(web_settings_open(directory_file(d, "web.yml"), &settings, error),
				 cases[i].r);
		shorten(error, d->path, text, sizeof(text));
		assert_string_equal(text, cases[i].error);
		assert_null(settings);
		assert_int_equal(n_tls, 0);
	}
	assert_int_equal(web_settings_open("/nowhere/web.yml", &settings, error), -ENOENT);
	assert_string_equal(error, "cannot read '/nowhere/web.yml': No such file or directory");
	web_settings_close(NULL);
}

static void secrets_are_overwritten(void **state)
{
	struct scene scene = scene_open(state, TLS LOGIN);

	secret.text = "qrstuvABCDEFGHIJ"; /* of both hashes */
	put(&scene, "web.yml", TLS LOGIN_B);
	assert_true(web_settings_refresh(scene.settings, scene.now_ns, true));
	put(&scene, "web.yml", TLS LOGIN "a: b\n");
	assert_false(web_settings_refresh(scene.settings, scene.now_ns, true));
	secret.text = "one";
	assert_false(web_settings_refresh(scene.settings, scene.now_ns, true));
	web_settings_probe(scene.settings);
	secret.text = NULL;
	scene_close(&scene);
	assert_int_equal(secret.n, 0);
}

/* As in every exporter: who has certificates verified and names no CA means those of the system. */
static void the_authorities_of_the_system(void **state)
{
	static const char *const types[] = { "VerifyClientCertIfGiven",
					     "RequireAndVerifyClientCert" };
	char config[256];

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct scene scene;

		(void)snprintf(config, sizeof(config), TLS "  client_auth_type: %s\n", types[i]);
		scene = scene_open(state, config);
		assert_true(web_settings_config(scene.settings)->tls.trusts_system);
		assert_string_equal(web_settings_tls(scene.settings)->ca,
				    "those that the system trusts");
		replace(&scene, "system", "others");
		assert_false(later(&scene, 1000));
		assert_true(later(&scene, 1000));
		assert_string_equal(web_settings_tls(scene.settings)->ca, "others");
		/* It was said at the start. */
		check_log(&scene, 1, TAKEN, "");
		assert_int_equal(unlink(directory_file(scene.directory, "system")), 0);
		check_stays(&scene, "cannot read '<system>': No such file or directory");
		assert_string_equal(web_settings_tls(scene.settings)->ca, "others");
		scene_close(&scene);
	}
}

static void the_authorities_of_the_system_are_told(void **state)
{
	static const char asked[] = TLS "  client_auth_type: RequireAndVerifyClientCert\n";
	struct scene scene = scene_open(state, TLS);
	struct web_settings *other;
	char error[WEB_CONFIG_ERROR_MAX];

	replace(&scene, "web.yml", asked);
	assert_true(web_settings_refresh(scene.settings, scene.now_ns, true));
	check_log(&scene, 2,
		  "No client CA is given: client certificates are verified by the authorities "
		  "that the system trusts",
		  "");
	memset(&logged, 0, sizeof(logged));
	assert_int_equal(
		web_settings_open(directory_file(scene.directory, "web.yml"), &other, error), 0);
	assert_int_equal(logged.n, 1);
	assert_int_equal(logged.level, LOG_LEVEL_WARN);
	web_settings_close(other);
	scene_close(&scene);
	/* Where nobody is verified they are not read. */
	scene = scene_open(state, TLS "  client_auth_type: RequireAnyClientCert\n");
	assert_false(web_settings_config(scene.settings)->tls.trusts_system);
	assert_string_equal(web_settings_tls(scene.settings)->ca, "");
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		directory_test(links_that_move),
		directory_test(a_link_to_another_file),
		directory_test(a_file_or_directory_that_is_gone),
		directory_test(what_is_no_file),
		directory_test(a_right_that_was_lost_and_came_back),
		directory_test(a_directory_for_root_alone),
		directory_test(a_change_before_the_rights_are_gone),
		directory_test(secrets_are_overwritten),
		directory_test(directories_of_all_files),
		directory_test(a_directory_with_procfs_in_it),
		directory_test(a_start_without_what_is_needed),
		directory_test(the_authorities_of_the_system),
		directory_test(the_authorities_of_the_system_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
