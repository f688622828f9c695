/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Allocations that do not fail, since what the libraries do then is known, and theirs. */

#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "inject.h"

/*
 * What below GnuTLS has no answer to a lack of memory: GMP ends the process, and libtasn1 (4.19)
 * writes to NULL. The process ends either way, and what they ask for does not fail here.
 */
static const char *const fatal_names[] = { "/libgmp.so", "/libtasn1.so" };
static struct {
	uintptr_t begin, end;
} fatal[sizeof(fatal_names) / sizeof(*fatal_names)];

static int find_fatal(struct dl_phdr_info *info, size_t size, void *ctx)
{
	(void)size;
	(void)ctx;
	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		for (size_t j = 0; strstr(info->dlpi_name, fatal_names[i]) && j < info->dlpi_phnum;
		     j++)
			if (info->dlpi_phdr[j].p_type == PT_LOAD &&
			    info->dlpi_phdr[j].p_flags & PF_X) {
				fatal[i].begin = info->dlpi_addr + info->dlpi_phdr[j].p_vaddr;
				fatal[i].end = fatal[i].begin + info->dlpi_phdr[j].p_memsz;
			}
	return 0;
}

void spared_find(void)
{
	(void)dl_iterate_phdr(find_fatal, NULL);
}

/*
 * libseccomp (2.5.4) crashes or never ends where it has no memory, and the exporter makes sure
 * before that it has. While it makes a filter nothing fails.
 */
static bool spared;

bool is_spared(const void *caller)
{
	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		if ((uintptr_t)caller >= fatal[i].begin && (uintptr_t)caller < fatal[i].end)
			return true;
	return spared;
}

void *seccomp_init(uint32_t action);
void seccomp_release(void *filter);

void *seccomp_init(uint32_t action)
{
	REAL(seccomp_init);
	spared = true;
	return real(action);
}

void seccomp_release(void *filter)
{
	REAL(seccomp_release);
	real(filter);
	spared = false;
}

int gnutls_certificate_set_x509_key(void *credentials, void *chain, int n, void *key);

/* GnuTLS (3.7.9) loses its copy of the certificate where it has no memory here, or aborts. */
int gnutls_certificate_set_x509_key(void *credentials, void *chain, int n, void *key)
{
	int r;
	REAL(gnutls_certificate_set_x509_key);

	spared = true;
	r = real(credentials, chain, n, key);
	spared = false;
	return r;
}
