/* CoAP over DTLS (and TLS) from devices that libcoap 4.3 verifies by itself: a server to begin yours from.
 *
 *     cc -O2 -Wall -o server server.c -lcoap-3-openssl        (or -lcoap-3-gnutls)
 *     ./server ADDRESS PORT SERVER.PEM BUNDLE.PEM
 *
 * Debian has what it needs in libcoap3-dev. */

#include <arpa/inet.h>
#include <coap3/coap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void answer(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
                   const coap_string_t *query, coap_pdu_t *response)
{
    static const uint8_t text[] = "You are in.\n";

    (void)resource, (void)session, (void)request, (void)query;
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
    coap_add_data(response, sizeof text - 1, text);
}

/* Whom to trust: what libcoap's own example server does otherwise is said beside it. */
static int verify_devices(coap_context_t *context, const char *server, const char *bundle)
{
    coap_dtls_pki_t pki;

    memset(&pki, 0, sizeof pki);
    pki.version = COAP_DTLS_PKI_SETUP_VERSION;
    pki.verify_peer_cert = 1;
    /* Its option -C sets this, which refuses everybody whose CA is not the one of the server's own certificate. */
    pki.check_common_ca = 0;
    /* It sets both, and so lets in any device that signs itself, and expired ones, whatever the bundle holds. */
    pki.allow_self_signed = 0;
    pki.allow_expired_certs = 0;
    pki.cert_chain_validation = 1;
    pki.cert_chain_verify_depth = 10;
    pki.pki_key.key_type = COAP_PKI_KEY_PEM;
    pki.pki_key.key.pem.public_cert = server;
    pki.pki_key.key.pem.private_key = server;
    return coap_context_set_pki_root_cas(context, bundle, NULL) && coap_context_set_pki(context, &pki);
}

int main(int count, char **words)
{
    coap_context_t *context;
    coap_resource_t *resource;
    coap_address_t place;

    if (count != 5) {
        fprintf(stderr, "usage: %s ADDRESS PORT SERVER.PEM BUNDLE.PEM\n", words[0]);
        return 2;
    }
    coap_startup();
    context = coap_new_context(NULL);
    if (!context || !verify_devices(context, words[3], words[4])) {
        fprintf(stderr, "%s or %s cannot be used.\n", words[3], words[4]);
        return 1;
    }
    coap_address_init(&place);
    place.size = sizeof place.addr.sin;
    place.addr.sin.sin_family = AF_INET;
    place.addr.sin.sin_port = htons((uint16_t)atoi(words[2]));
    /* No endpoint without DTLS or TLS: what came there would be nobody. */
    if (inet_pton(AF_INET, words[1], &place.addr.sin.sin_addr) != 1
        || !coap_new_endpoint(context, &place, COAP_PROTO_DTLS) || !coap_new_endpoint(context, &place, COAP_PROTO_TLS)) {
        fprintf(stderr, "%s:%s cannot be listened at.\n", words[1], words[2]);
        return 1;
    }
    resource = coap_resource_init(coap_make_str_const(""), 0);
    coap_register_request_handler(resource, COAP_REQUEST_GET, answer);
    coap_add_resource(context, resource);
    while (coap_io_process(context, COAP_IO_WAIT) >= 0)
        continue;
    return 1;
}
