/* expected.c: reading expected logits and comparing with them. */
#include "support/expected.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gguf/gguf.h"
#include "support/cmocka.h"

static void *read_tensor(const rf_gguf *gguf, const char *name, rf_type type, uint64_t *shape)
{
    const rf_gguf_tensor *t = rf_gguf_find_tensor(gguf, name);
    assert_non_null(t);
    assert_int_equal(t->type, type);
    void *bytes = malloc(t->bytes);
    assert_int_equal(rf_file_read(rf_gguf_file(gguf, t->file), t->offset, bytes, t->bytes, NULL),
                     RF_OK);
    memcpy(shape, t->shape, sizeof(t->shape));
    return bytes;
}

expected expected_read(const char *path)
{
    rf_gguf *gguf = NULL;
    rf_error error;
    uint64_t n_tokens[RF_MAX_DIMENSIONS];
    uint64_t shape[RF_MAX_DIMENSIONS];
    expected e = {0};
    if (rf_gguf_open(path, &gguf, &error) != RF_OK)
        fail_msg("%s", error.message);
    e.tokens = read_tensor(gguf, "tokens", RF_TYPE_I32, n_tokens);
    e.logits = read_tensor(gguf, "logits", RF_TYPE_F32, shape);
    assert_int_equal(n_tokens[0], shape[1]);
    e.n_vocab = (uint32_t)shape[0];
    e.n_tokens = (uint32_t)shape[1];
    rf_gguf_close(gguf);
    return e;
}

void expected_free(expected *e)
{
    free(e->tokens);
    free(e->logits);
    *e = (expected){0};
}

double expected_distance(const expected *e, const float *logits)
{
    double difference = 0;
    double norm = 0;
    size_t n = (size_t)e->n_tokens * e->n_vocab;
    for (size_t i = 0; i < n; i++) {
        double d = (double)logits[i] - e->logits[i];
        difference += d * d;
        norm += (double)e->logits[i] * e->logits[i];
    }
    double result = sqrt(difference / norm);
    return isnan(result) ? INFINITY : result;
}
