/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Certificates made while the test runs, so that none in the tree grows old, and a client that
 * shakes hands with a context in memory.
 */

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <time.h>

#include "../../exporter/tls.h"
#include "unit.h"

enum { DAY = 86400, SANS_MAX = 4 };

/* The tags of the alternatives in a GeneralName. */
enum san_type {
	SAN_EMAIL = 0x81,
	SAN_DNS = 0x82,
	SAN_URI = 0x86,
	SAN_ADDRESS = 0x87,
	SAN_ID = 0x88
};

struct san {
	enum san_type type;
	const char *bytes;
	unsigned char size;
};

#define SAN(type, bytes)                             \
	{                                            \
		SAN_##type, bytes, sizeof(bytes) - 1 \
	}

struct identity {
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t certificate;
};

/* From and until in days from now. */
struct wish {
	const char *name;
	const struct identity *issuer; /* NULL: itself */
	bool ca;
	unsigned int rsa_bits; /* 0: an elliptic curve */
	int from, until;       /* both 0: yesterday until tomorrow */
	const char *purpose;   /* NULL: none is named */
	struct san sans[SANS_MAX];
	unsigned int padding; /* so many bytes more in it */
};

struct identity identity_make(const struct wish *wish);
void identity_finish(struct identity *identity);
/* To be freed with gnutls_free(). */
gnutls_datum_t identity_pem(const struct identity *identity);
gnutls_datum_t identity_key_pem(const struct identity *identity);

/* A context for TLS, or NULL with the sentence in error. */
struct tls *context_make(const struct web_config_tls *config, const struct identity *server,
			 const struct identity *client_ca, char error[TLS_ERROR_MAX]);

/* What an empty tls_server_config has. */
#define CONFIG_DEFAULTS                                                 \
	.min_version = TLS_VERSION_1_2, .max_version = TLS_VERSION_1_3, \
	.prefer_server_cipher_suites = true

struct peer {
	const char *priority;	      /* NULL: all but what is insecure */
	const struct identity *shows; /* NULL: no certificate */
	const struct identity *signs; /* NULL: the one it shows */
	bool only_if_wanted;	      /* shows it only to who names its issuer */
	const char *protocols[2];     /* ALPN */
	const char *server_name;      /* SNI */
	bool resumes;		      /* asks for a ticket and comes back with it */
};

struct outcome {
	int server, client; /* what gnutls_handshake() said in the end */
	int alert;	    /* what the client was told; -1: nothing */
	bool carries;	    /* a byte came from the client to the server */
	bool resumed;
	gnutls_protocol_t version;
	gnutls_cipher_algorithm_t cipher;
	gnutls_kx_algorithm_t exchange;
	gnutls_group_t group;
	char protocol[32]; /* ALPN */
};

struct outcome shake_hands(struct tls *tls, const struct peer *peer);
