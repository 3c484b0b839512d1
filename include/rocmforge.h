/*
 * rocmforge.h: the public interface of librocmforge, an inference engine for GGUF language models.
 *
 * The nouns, in the order in which a program meets them, and how long each lives:
 *
 *   rf_runtime    One opened device with its memory account, kernels and worker threads. Opened
 *                 first, closed last: closing fails while a model on it is loaded.
 *   rf_gguf       A GGUF file (or a split one), validated: metadata and tensor table. Models and
 *                 tokenizers copy or reference what they need and keep it alive themselves, so a
 *                 caller may close its own handle at any time.
 *   rf_plan       Every byte that a load would take, by class and pool, before one is allocated.
 *   rf_model      Weights on a device and the tokenizer. Constant after load: any number of threads
 *                 may read it. Freed after its engines.
 *   rf_tokenizer  Text to token ids and back. Belongs to its model, or stands alone.
 *   rf_engine     A KV cache and scratch memory for a fixed number of sequences of one model. One
 *                 thread at a time may call into one engine.
 *   rf_sequence   A number that names one stream of tokens in an engine, valid until it finishes.
 *
 * Conventions, which hold for every function unless its comment says otherwise:
 *
 *   - A function that can fail returns rf_status and takes an rf_error as its last parameter, which
 *     may be NULL. RF_OK is zero.
 *   - Output parameters are written only on success.
 *   - Functions that free or close take NULL and then do nothing.
 *   - Strings that come in are NUL-terminated UTF-8; rf_string is a view that is not terminated.
 *   - Sizes are in bytes, token counts in tokens, times in nanoseconds.
 *   - Shapes are written innermost dimension first, as in the GGUF format.
 *   - Options structs start with a size member, set by their _INIT macro, so that they can grow
 *     without breaking programs that were built before.
 *   - The library never exits, aborts or writes to standard output; its log goes to a callback.
 */
#ifndef ROCMFORGE_H
#define ROCMFORGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RF_API __attribute__((visibility("default")))

#define RF_VERSION_MAJOR 0
#define RF_VERSION_MINOR 1
#define RF_VERSION_PATCH 0

/* The version of the library that is running, as "MAJOR.MINOR.PATCH". */
RF_API const char *rf_version(void);

/* ---------------------------------------------------------------------------------- errors --- */

/* Every status: name, number, text. The one list that the enum and rf_status_text are made from. */
#define RF_STATUS_LIST(X)                                                                          \
    X(RF_OK, 0, "success")                                                                         \
    X(RF_ERROR_ARGUMENT, 1, "invalid argument")                                                    \
    X(RF_ERROR_FORMAT, 2, "malformed file")                                                        \
    X(RF_ERROR_UNSUPPORTED, 3, "not supported")                                                    \
    X(RF_ERROR_IO, 4, "input/output error")                                                        \
    X(RF_ERROR_NOT_FOUND, 5, "not found")                                                          \
    X(RF_ERROR_HOST_MEMORY, 6, "out of host memory")                                               \
    X(RF_ERROR_DEVICE_MEMORY, 7, "out of device memory")                                           \
    X(RF_ERROR_DEVICE, 8, "device error")                                                          \
    X(RF_ERROR_OVERFLOW, 9, "size overflow")                                                       \
    X(RF_ERROR_RANGE, 10, "out of range")                                                          \
    X(RF_ERROR_STALE, 11, "stale handle")                                                          \
    X(RF_ERROR_BUSY, 12, "still in use")                                                           \
    X(RF_ERROR_FULL, 13, "no room left")                                                           \
    X(RF_ERROR_CANCELLED, 14, "cancelled")                                                         \
    X(RF_ERROR_INTERNAL, 15, "internal error")

typedef enum rf_status {
#define RF_STATUS_ENUM(name, number, text) name = (number),
    RF_STATUS_LIST(RF_STATUS_ENUM)
#undef RF_STATUS_ENUM
} rf_status;

#define RF_ERROR_MESSAGE_BYTES 1024

/* What went wrong. Each layer that knows more puts its context in front: "load m.gguf: tensor x:
 * …". */
typedef struct rf_error {
    rf_status status;
    int driver_code; /* the device driver's or errno's own number; 0 where there is none */
    char message[RF_ERROR_MESSAGE_BYTES]; /* one line, NUL-terminated, cut if it is longer */
} rf_error;

/* The text of a status from the list above; "unknown status" for any other number. */
RF_API const char *rf_status_text(rf_status status);

/* ------------------------------------------------------------------------------------- log --- */

typedef enum rf_log_level {
    RF_LOG_DEBUG = 0,
    RF_LOG_INFO = 1,
    RF_LOG_WARNING = 2,
} rf_log_level;

/* Called with one line, without its newline; from any thread, one call at a time. It must not call
 * the library. */
typedef void (*rf_log_callback)(void *user, rf_log_level level, const char *line);

/* Sends log lines at or above a level to the callback; NULL switches the log off, as at start. */
RF_API void rf_log_set(rf_log_callback callback, void *user, rf_log_level level);

/* ----------------------------------------------------------------------------------- types --- */

/* A view of bytes owned by someone else; usually UTF-8, never assumed to be valid. */
typedef struct rf_string {
    const char *data;
    size_t length; /* bytes */
} rf_string;

/* Element types under their GGUF names and numbers (ggml's enum ggml_type; gaps are types that the
 * format has removed). Block sizes and which of them are computed with: rf_type_describe. */
typedef enum rf_type {
    RF_TYPE_F32 = 0,
    RF_TYPE_F16 = 1,
    RF_TYPE_Q4_0 = 2,
    RF_TYPE_Q4_1 = 3,
    RF_TYPE_Q5_0 = 6,
    RF_TYPE_Q5_1 = 7,
    RF_TYPE_Q8_0 = 8,
    RF_TYPE_Q8_1 = 9,
    RF_TYPE_Q2_K = 10,
    RF_TYPE_Q3_K = 11,
    RF_TYPE_Q4_K = 12,
    RF_TYPE_Q5_K = 13,
    RF_TYPE_Q6_K = 14,
    RF_TYPE_Q8_K = 15,
    RF_TYPE_IQ2_XXS = 16,
    RF_TYPE_IQ2_XS = 17,
    RF_TYPE_IQ3_XXS = 18,
    RF_TYPE_IQ1_S = 19,
    RF_TYPE_IQ4_NL = 20,
    RF_TYPE_IQ3_S = 21,
    RF_TYPE_IQ2_S = 22,
    RF_TYPE_IQ4_XS = 23,
    RF_TYPE_I8 = 24,
    RF_TYPE_I16 = 25,
    RF_TYPE_I32 = 26,
    RF_TYPE_I64 = 27,
    RF_TYPE_F64 = 28,
    RF_TYPE_IQ1_M = 29,
    RF_TYPE_BF16 = 30,
    RF_TYPE_TQ1_0 = 34,
    RF_TYPE_TQ2_0 = 35,
    RF_TYPE_MXFP4 = 39,
} rf_type;

typedef struct rf_type_info {
    rf_type type;
    const char *name;        /* "Q4_K", as in the format's own documents */
    uint32_t block_elements; /* elements in one block; rows are whole blocks */
    uint32_t block_bytes;    /* bytes of one block */
    bool computable;         /* weights of this type can be used; others are refused by name */
} rf_type_info;

/* The description of an element type, or NULL where the number is none (or one that was removed).
 */
RF_API const rf_type_info *rf_type_describe(uint32_t type);

/* -------------------------------------------------------------------------------- GGUF files ---
 */

typedef struct rf_gguf rf_gguf;

/* Metadata value types under the format's own numbers. */
typedef enum rf_gguf_type {
    RF_GGUF_UINT8 = 0,
    RF_GGUF_INT8 = 1,
    RF_GGUF_UINT16 = 2,
    RF_GGUF_INT16 = 3,
    RF_GGUF_UINT32 = 4,
    RF_GGUF_INT32 = 5,
    RF_GGUF_FLOAT32 = 6,
    RF_GGUF_BOOL = 7,
    RF_GGUF_STRING = 8,
    RF_GGUF_ARRAY = 9,
    RF_GGUF_UINT64 = 10,
    RF_GGUF_INT64 = 11,
    RF_GGUF_FLOAT64 = 12,
} rf_gguf_type;

/* One metadata value. Views live as long as their rf_gguf. */
typedef struct rf_gguf_value {
    rf_string key;
    rf_gguf_type type;
    union {
        uint64_t u;  /* unsigned integers */
        int64_t i;   /* signed integers */
        double f;    /* floats */
        bool b;      /* bool */
        rf_string s; /* string */
        struct {
            rf_gguf_type item_type; /* never RF_GGUF_ARRAY: nested arrays are refused */
            uint64_t count;
            const void *items;              /* unaligned, as in the file: read with rf_gguf_item */
            const uint64_t *string_offsets; /* of each string's length field from items, or NULL */
        } array;
    };
} rf_gguf_value;

#define RF_MAX_DIMENSIONS 4

/* One tensor of the table: where its bytes are, checked to lie inside the file. */
typedef struct rf_gguf_tensor {
    rf_string name;
    rf_type type;
    uint32_t n_dimensions;
    uint64_t shape[RF_MAX_DIMENSIONS]; /* elements, innermost first; unused ones are 1 */
    uint64_t n_elements;
    uint64_t bytes;
    uint32_t file;   /* which file of a split model, from 0 */
    uint64_t offset; /* from the start of that file */
} rf_gguf_tensor;

/*
 * Opens and validates a GGUF file of version 2 or 3. Given the first file of a split model
 * ("…-00001-of-0000N.gguf") the others are opened too. Nothing is used before it is checked.
 * Errors: NOT_FOUND and IO (path), FORMAT (what is wrong and where), UNSUPPORTED (version, byte
 * order, arrays of arrays, removed element types), ARGUMENT (another part than the first of a split
 * model).
 */
RF_API rf_status rf_gguf_open(const char *path, rf_gguf **out, rf_error *error);
RF_API void rf_gguf_close(rf_gguf *gguf);

RF_API uint32_t rf_gguf_version(const rf_gguf *gguf);
RF_API uint32_t rf_gguf_file_count(const rf_gguf *gguf);
RF_API const char *rf_gguf_file_path(const rf_gguf *gguf, uint32_t file); /* NULL past the end */
RF_API uint64_t rf_gguf_file_bytes(const rf_gguf *gguf, uint32_t file);   /* 0 past the end */
RF_API uint64_t rf_gguf_alignment(const rf_gguf *gguf);                   /* of tensor data */

RF_API size_t rf_gguf_value_count(const rf_gguf *gguf);
RF_API const rf_gguf_value *rf_gguf_value_at(const rf_gguf *gguf, size_t i); /* NULL past the end */
RF_API const rf_gguf_value *rf_gguf_find(const rf_gguf *gguf, const char *key); /* NULL if absent */
/* Item i of an array as a scalar value with an empty key; RF_ERROR_RANGE past the end. */
RF_API rf_status rf_gguf_item(const rf_gguf_value *array, uint64_t i, rf_gguf_value *out,
                              rf_error *error);

RF_API size_t rf_gguf_tensor_count(const rf_gguf *gguf);
RF_API const rf_gguf_tensor *rf_gguf_tensor_at(const rf_gguf *gguf,
                                               size_t i); /* NULL past the end */
RF_API const rf_gguf_tensor *rf_gguf_find_tensor(const rf_gguf *gguf, const char *name);

/* --------------------------------------------------------------------------------- devices --- */

typedef struct rf_runtime rf_runtime;

#define RF_NAME_BYTES 128

/* What one source says of a memory, in bytes; a total of 0: it does not say. */
typedef struct rf_memory_word {
    uint64_t free;
    uint64_t total;
} rf_memory_word;

typedef struct rf_device_info {
    char id[32];              /* what rf_runtime_open takes: "cpu", "hip:0", "cuda:1" */
    char name[RF_NAME_BYTES]; /* the product's name */
    char architecture[64];    /* "x86-64 avx2 fma", "gfx1100", "sm_90" */
    uint32_t compute_units;   /* cores, compute units or multiprocessors */
    uint32_t warp_size;       /* threads that run in step; 1 on a CPU */
    uint64_t memory_total;    /* bytes */
    uint64_t memory_free;     /* bytes, as measured now */
    char memory_source[32];   /* whose word that is: "driver", "sysfs", "/proc/meminfo" */
    /* Of a GPU, what each said: its driver, and sysfs of its own memory and of the host memory that
     * it may use (GTT). An APU's total and free, where sysfs is believed, are the sum of the two.
     */
    rf_memory_word driver_memory;
    rf_memory_word vram;
    rf_memory_word gtt;
    char driver[RF_NAME_BYTES]; /* "CUDA 12.4 (libcuda.so.1), nvidia 550.54.15"; empty: it has none
                                 */
} rf_device_info;

/* The devices that can be opened here. Writes at most capacity entries; *count is how many there
 * are. */
RF_API rf_status rf_device_list(rf_device_info *out, size_t capacity, size_t *count,
                                rf_error *error);

typedef struct rf_runtime_options {
    size_t size;
    const char *device;     /* an id; NULL: the GPU with most memory that this build has kernels
                               for, or else the CPU, as it is for reference_kernels. Where there is
                               a GPU without kernels, the log warns that it is not used, and why */
    uint32_t n_threads;     /* CPU threads, 1 to 512; 0: one a core */
    bool reference_kernels; /* only the portable kernels: exact arithmetic on dequantised weights */
} rf_runtime_options;

#define RF_RUNTIME_OPTIONS_INIT ((rf_runtime_options){.size = sizeof(rf_runtime_options)})

/* Errors: NOT_FOUND (no such device), DEVICE (the driver's word), ARGUMENT. */
RF_API rf_status rf_runtime_open(const rf_runtime_options *options, rf_runtime **out,
                                 rf_error *error);
/* RF_ERROR_BUSY, and nothing closed, while a model is loaded on it or a block of its memory is
 * live: these are named. RF_ERROR_INTERNAL where the device was closed with memory that nobody had
 * given back: that is given back now, and named. */
RF_API rf_status rf_runtime_close(rf_runtime *runtime, rf_error *error);
RF_API rf_status rf_runtime_device(rf_runtime *runtime, rf_device_info *out, rf_error *error);
/* What its kernels were compiled for: "cpu avx2", "sm_90", "gfx11-generic"; NULL where this build
 * has none for the device, so that models can be planned and loaded on it, and not computed. */
RF_API const char *rf_runtime_kernels(const rf_runtime *runtime);

/* ---------------------------------------------------------------------------- device check --- */

typedef enum rf_check_result {
    RF_CHECK_OK = 0,
    RF_CHECK_FAILED = 1,
    RF_CHECK_WORKED_AROUND = 2, /* what the device or its driver lacks, this library makes good */
    RF_CHECK_NOT_AVAILABLE = 3, /* the device has no such thing, and need not have it */
    RF_CHECK_RESULT_COUNT
} rf_check_result;

/* "ok", "failed", "worked around", "not available". */
RF_API const char *rf_check_result_name(rf_check_result result);

/* What one check came to. Pointers are valid until the callback returns. */
typedef struct rf_check_report {
    const rf_device_info *device; /* as far as it is known: its id always is */
    const char *name;             /* "copies"; what a bug report names */
    uint32_t index;               /* of all checks, from 0 */
    uint32_t count;
    rf_check_result result;
    rf_status status;   /* of a failed one */
    int driver_code;    /* of a failed one: the driver's own number; 0: none */
    const char *detail; /* one line: what was seen, or worked around, or what failed and how */
    uint64_t bytes_per_second; /* of a check of speed, the median of its runs; else 0 */
    uint64_t slowest;          /* of these runs, as is fastest */
    uint64_t fastest;
    uint64_t nanoseconds; /* that the check took */
} rf_check_report;

typedef void (*rf_check_callback)(void *user, const rf_check_report *report);

/* Called before every check and between its steps, on the calling thread. Return false to cancel.
 */
typedef bool (*rf_check_progress)(void *user, const char *name, uint32_t index, uint32_t count);

typedef struct rf_check_options {
    size_t size;
    uint64_t max_bytes; /* of device memory to hold at once, at least 4 MiB; 0: 1 GiB, or an eighth
                           of the free memory where that is less */
    rf_check_callback report;   /* or NULL */
    rf_check_progress progress; /* or NULL */
    void *user;                 /* of both */
} rf_check_options;

#define RF_CHECK_OPTIONS_INIT ((rf_check_options){.size = sizeof(rf_check_options)})

typedef struct rf_check_summary {
    rf_device_info device;
    uint32_t results[RF_CHECK_RESULT_COUNT]; /* how many checks came to each */
    uint64_t nanoseconds;
} rf_check_summary;

/*
 * Tries what loads and runs need of a device: memory, copies at any offset both ways, the order of
 * streams and events, graphs, running out of memory, and how fast bytes move. Takes a few seconds,
 * beside whatever else the device does, and gives everything back. RF_OK also where checks failed:
 * the summary counts them. Errors: those of rf_runtime_open; CANCELLED.
 */
RF_API rf_status rf_device_check(const char *id, const rf_check_options *options,
                                 rf_check_summary *out, rf_error *error);

/* ---------------------------------------------------------------------------------- memory --- */

/* What memory is for. The one list that the enum and rf_memory_class_name are made from. */
#define RF_MEMORY_CLASS_LIST(X)                                                                    \
    X(RF_MEMORY_WEIGHTS, "weights")                                                                \
    X(RF_MEMORY_KV, "kv cache")                                                                    \
    X(RF_MEMORY_SCRATCH, "scratch")                                                                \
    X(RF_MEMORY_STAGING, "staging")

typedef enum rf_memory_class {
#define RF_MEMORY_CLASS_ENUM(name, text) name,
    RF_MEMORY_CLASS_LIST(RF_MEMORY_CLASS_ENUM)
#undef RF_MEMORY_CLASS_ENUM
        RF_MEMORY_CLASS_COUNT
} rf_memory_class;

RF_API const char *rf_memory_class_name(rf_memory_class memory_class);

#define RF_MEMORY_STATS_VERSION 1

typedef struct rf_memory_class_stats {
    uint64_t current; /* bytes in live blocks */
    uint64_t peak;    /* the most that current has been */
    uint64_t total;   /* bytes ever taken */
    uint64_t count;   /* live blocks */
    uint64_t
        external; /* of current: bytes in no pool: a mapped file's in place, or pinned buffers */
} rf_memory_class_stats;

/* The account of one runtime's device memory. At every moment live + free + padding = reserved. */
typedef struct rf_memory_stats {
    uint32_t version; /* RF_MEMORY_STATS_VERSION, set by the caller before the call */
    uint32_t pools;   /* device allocations held */
    uint64_t reserved;
    uint64_t live; /* in blocks taken from pools; external blocks are not counted here */
    uint64_t free;
    uint64_t padding;
    uint64_t largest_free;
    double fragmentation;        /* 1 - largest_free / free; 0 when nothing is free */
    uint64_t high_water;         /* the most that reserved has been */
    uint64_t driver_allocations; /* calls ever made, refused ones too */
    uint64_t driver_frees;
    uint64_t driver_nanoseconds; /* spent in the two */
    rf_memory_class_stats classes[RF_MEMORY_CLASS_COUNT];
} rf_memory_stats;

/* RF_ERROR_ARGUMENT where version is not one that this library knows. */
RF_API rf_status rf_memory_stats_get(rf_runtime *runtime, rf_memory_stats *stats, rf_error *error);

/* One device allocation. At every moment live + free + padding = bytes. */
typedef struct rf_pool_stats {
    char label[RF_NAME_BYTES]; /* what it was opened for: "weights", "engine" */
    uint64_t bytes;
    uint64_t live; /* in blocks taken from it */
    uint64_t free;
    uint64_t padding;
    uint64_t largest_free;
    uint32_t blocks; /* live ones */
} rf_pool_stats;

/* The pools that are open now, in the order in which they were opened, which is that of
 * rf_engine_plan where one engine is open. Writes at most capacity entries; *count is how many
 * there are. */
RF_API rf_status rf_memory_pools(rf_runtime *runtime, rf_pool_stats *out, size_t capacity,
                                 size_t *count, rf_error *error);

/* ----------------------------------------------------------------------- models and plans --- */

typedef struct rf_model rf_model;
typedef struct rf_plan rf_plan;
typedef struct rf_engine rf_engine;
typedef struct rf_tokenizer rf_tokenizer;

/* Return false to cancel: the call then gives everything back and returns RF_ERROR_CANCELLED.
 * Called on the thread that made the call; it must not load or free models itself. */
typedef bool (*rf_progress_callback)(void *user, uint64_t done_bytes, uint64_t total_bytes);

/* How weights are read from their file. */
typedef enum rf_read_mode {
    RF_READ_AUTO = 0,     /* as is fastest as a rule: buffered */
    RF_READ_BUFFERED = 1, /* through the page cache */
    RF_READ_DIRECT = 2,   /* past it (O_DIRECT); buffered where the file system has no such reads */
    RF_READ_MAPPED = 3,   /* not read at all: used in place. What a load did, never what is asked */
} rf_read_mode;

typedef struct rf_model_options {
    size_t size;
    bool no_mmap;        /* CPU: read weights into pools and do not use the mapped file in place */
    uint64_t pool_bytes; /* the most one pool holds; a power of two; 0: 1 GiB */
    uint64_t alignment;  /* of every placement; a power of two, at least 256; 0: 4096 */
    rf_progress_callback progress; /* with verify, the bytes count twice: read, and compared */
    void *progress_user;
    /* The rest is of loads into pools; weights in place are not read. */
    rf_read_mode read_mode;
    bool verify;              /* read every tensor back and compare it with what the file gave */
    uint32_t n_readers;       /* threads that read the file, at most 64; 0: 12 */
    uint32_t staging_buffers; /* pinned buffers that the bytes pass through, at most 256; 0: 14 */
    uint64_t staging_bytes;   /* of one buffer: a multiple of 4096, 128 KiB to 256 MiB; all buffers
                                 together at most 2 GiB; 0: 4 MiB */
    /* A model may be divided between a GPU and the host, where it does not fit the GPU: its last
     * layers and the output are on the GPU, the others on the host, and computed there. */
    rf_runtime *host;       /* a CPU's, for the layers that are not on the device; it stays open as
                               long as the model. NULL: all layers are on the device */
    uint32_t device_layers; /* with a host: how many are on the device; more than there are: all */
} rf_model_options;

#define RF_MODEL_OPTIONS_INIT ((rf_model_options){.size = sizeof(rf_model_options)})

/*
 * Loads a model: plans its weights, allocates the pools of that plan, and fills them (or, on the
 * CPU, uses the mapped file in place). On failure everything is given back. Errors: those of
 * rf_gguf_open; FORMAT and UNSUPPORTED with the metadata key or tensor that is to blame;
 * DEVICE_MEMORY with bytes asked, free and the largest free block; CANCELLED; INTERNAL where verify
 * finds bytes that differ, with tensor, pool and offset.
 *
 * Models are shared: asked again, by any thread, for a file that is loaded on this runtime with the
 * same layout (no_mmap, pool_bytes, alignment, host, device_layers) and the same verify, it gives
 * the same model, to be freed once more. A file is the same by device, inode, size and time of
 * change, whatever its path; of a split model, every part. A call that comes while the model is
 * being loaded waits, with the load's progress in its own callback, which cancels the waiting
 * alone. A load that fails gives its error to all who wait for it; when one is cancelled, one of
 * those who wait loads instead. RF_ERROR_BUSY where a model is asked for from the progress callback
 * of its own load.
 */
RF_API rf_status rf_model_load(rf_runtime *runtime, const char *path,
                               const rf_model_options *options, rf_model **out, rf_error *error);
/* Gives one load back; the last one frees the model. RF_ERROR_BUSY, and nothing given back, where
 * it is the last and an engine uses the model. */
RF_API rf_status rf_model_free(rf_model *model, rf_error *error);

/* What the load of a model did: of one that is divided, that of its layers on the device, but for
 * the times of planning and of all. Times of threads are added up, so they may exceed the time that
 * passed. */
typedef struct rf_load_stats {
    uint64_t bytes;    /* of tensors, brought to the device or used in place */
    uint64_t checksum; /* of these bytes as they were read; 0 where they are used in place. The same
                          for the same file and model, whatever the options: see docs/memory.md */
    rf_read_mode read_mode; /* what was done: never RF_READ_AUTO */
    bool verified;
    uint32_t n_readers;
    uint32_t staging_buffers;
    uint64_t staging_bytes;        /* of all buffers together */
    uint32_t driver_allocations;   /* pools of the weights, and staging buffers */
    uint64_t plan_nanoseconds;     /* opening the file, checking it, planning */
    uint64_t allocate_nanoseconds; /* the pools */
    uint64_t transfer_nanoseconds; /* reading and copying, which overlap: from first to last */
    uint64_t verify_nanoseconds;
    uint64_t total_nanoseconds;       /* all of rf_model_load */
    uint64_t read_thread_nanoseconds; /* of transfer, by all readers: reading and checksums */
    uint64_t wait_thread_nanoseconds; /* of transfer, by all readers: waiting for a free buffer, its
                                         first allocation included */
} rf_load_stats;

/* Of the one load that made a shared model. */
RF_API rf_load_stats rf_model_load_statistics(const rf_model *model);

typedef struct rf_model_info {
    rf_string name;         /* general.name; empty where the file has none */
    rf_string architecture; /* "llama", "qwen2", … */
    uint32_t n_layers;
    uint32_t n_embedding;
    uint32_t n_vocabulary;
    uint32_t n_context_trained; /* tokens */
    uint64_t n_parameters;
    uint64_t weight_bytes;
    uint32_t n_device_layers; /* that are on the runtime's device, the last ones; the others are on
                                 the host */
} rf_model_info;

RF_API rf_model_info rf_model_describe(const rf_model *model);
RF_API const rf_tokenizer *
rf_model_tokenizer(const rf_model *model); /* NULL where the file has none */

/* Element type of the KV cache: RF_TYPE_F16, RF_TYPE_F32 or RF_TYPE_Q8_0. */
typedef struct rf_engine_options {
    size_t size;
    uint32_t n_context;   /* tokens a sequence may hold; 0: the lesser of trained length and 4096 */
    uint32_t n_sequences; /* that may be live at once; 0: 1 */
    uint32_t n_batch;     /* tokens computed in one pass at most; 0: 512 */
    uint32_t n_logits;    /* rows of logits one pass may give; 0: n_sequences */
    rf_type kv_type;      /* RF_TYPE_F32 (0) only if kv_type_set */
    bool kv_type_set;     /* false: RF_TYPE_F16 */
    uint32_t page_tokens; /* tokens in a KV page, a power of two from 1 to 256; 0: 16 */
} rf_engine_options;

#define RF_ENGINE_OPTIONS_INIT ((rf_engine_options){.size = sizeof(rf_engine_options)})

/* ------------------------------------------------------------------------------------ plan --- */

typedef struct rf_plan_pool {
    rf_memory_class memory_class; /* pools hold one lifetime: weights, or KV cache and scratch */
    uint64_t bytes;               /* what the driver will be asked for */
    uint64_t padding;             /* of bytes: lost to alignment */
    uint64_t rounding;            /* beyond bytes: what the driver takes at most, as it rounds up */
    uint32_t items;
} rf_plan_pool;

typedef struct rf_plan_item {
    const char *label;
    rf_memory_class memory_class;
    uint64_t bytes;
    uint32_t pool;   /* index; RF_PLAN_EXTERNAL: in none, but used in place, or pinned */
    uint64_t offset; /* in the pool */
} rf_plan_item;

#define RF_PLAN_EXTERNAL UINT32_MAX

typedef struct rf_plan_summary {
    uint64_t pooled[RF_MEMORY_CLASS_COUNT];   /* bytes asked for, without padding */
    uint64_t external[RF_MEMORY_CLASS_COUNT]; /* bytes in no pool: used in place, or pinned */
    uint64_t padding;
    uint64_t total;     /* what all pools take: the sum of pooled, plus padding */
    uint64_t rounding;  /* what the driver takes beyond it, as it rounds each pool up */
    uint64_t driver;    /* what the driver will take for itself, an estimate; 0 of an open device,
                           whose driver has it already: it is missing in available */
    uint64_t needed;    /* total + rounding + driver */
    uint64_t available; /* the device's free memory when the plan was made */
    uint64_t capacity;  /* all its memory; capacity - available is used by others and the driver */
    bool absent;        /* for a device that is not here: available is what the caller said */
    bool fits;          /* needed <= available; on the host too, where layers are there */
    uint32_t n_context; /* as resolved from the options, or found */
    uint32_t n_context_trained;
    uint32_t n_sequences;
    uint32_t n_batch;
    rf_type kv_type;
    uint32_t n_layers;
    uint32_t n_device_layers; /* as in rf_model_info; rf_plan_host is the plan of the others */
} rf_plan_summary;

/* For which device to plan, and what to look for. */
typedef struct rf_plan_options {
    size_t size;
    rf_runtime *runtime;   /* the device; NULL: a GPU with memory of its own that is not here, for
                              which no driver is opened */
    uint64_t memory_bytes; /* free on the one that is not here, before a driver took any for this
                              process; 0 where there is a runtime */
    bool fit_context; /* n_context becomes the largest with which the plan fits, in whole pages,
                         up to the trained length, or to n_context where that is not 0. Where
                         even one page does not fit, the plan is of that, and fits is false. As
                         rounding depends on where pools end, it is the largest to within what
                         they lose by rounding: a page more does not fit. */
    bool fit_layers;  /* device_layers of the model's options becomes the largest with which what
                         is on the device fits there, in the same sense, and a GPU's driver has
                         64 MiB left for the kernels that it loads later; 0 always fits. It needs
                         a host, and a context that is not looked for. */
} rf_plan_options;

#define RF_PLAN_OPTIONS_INIT ((rf_plan_options){.size = sizeof(rf_plan_options)})

/*
 * Plans a model and an engine on a device without allocating device memory. A load with the same
 * options takes exactly these pools. The plan is the caller's, independent of gguf and runtime. It
 * is not an error that a plan does not fit.
 */
RF_API rf_status rf_plan_create(rf_runtime *runtime, const rf_gguf *gguf,
                                const rf_model_options *model_options,
                                const rf_engine_options *engine_options, rf_plan **out,
                                rf_error *error);
/* The same as *plan_options says. RF_ERROR_ARGUMENT unless it has either a runtime or
 * memory_bytes, or for fit_layers without a host, or with fit_context. */
RF_API rf_status rf_plan_create_for(const rf_plan_options *plan_options, const rf_gguf *gguf,
                                    const rf_model_options *model_options,
                                    const rf_engine_options *engine_options, rf_plan **out,
                                    rf_error *error);
/* Only the number of layers that fit_layers finds, for a load with these options, which need not
 * set fit_layers: quicker than the plan, as no tokenizer is made. */
RF_API rf_status rf_plan_fit_layers(const rf_plan_options *plan_options, const rf_gguf *gguf,
                                    const rf_model_options *model_options,
                                    const rf_engine_options *engine_options, uint32_t *n_layers,
                                    rf_error *error);
RF_API void rf_plan_free(rf_plan *plan);
/* Of a plan for a device: that of the layers which are on the host, in the host's memory; owned by
 * the plan. NULL where all are on the device. */
RF_API const rf_plan *rf_plan_host(const rf_plan *plan);
RF_API rf_plan_summary rf_plan_summarise(const rf_plan *plan);
RF_API size_t rf_plan_pool_count(const rf_plan *plan);
RF_API rf_plan_pool rf_plan_pool_at(const rf_plan *plan, size_t i); /* all zero past the end */
RF_API size_t rf_plan_item_count(const rf_plan *plan);
RF_API rf_plan_item rf_plan_item_at(const rf_plan *plan, size_t i); /* all zero past the end */

/* --------------------------------------------------------------------------------- measuring ---
 */

/*
 * What a load is held against: its two halves by themselves, made with the same threads, buffers
 * and streams, and the state of the page cache that it starts from. And what a token is held
 * against: how fast memory is read.
 */

typedef struct rf_measure_options {
    size_t size;
    rf_read_mode read_mode; /* of rf_measure_read */
    uint32_t n_readers;     /* the same; as in rf_model_options, as are the next two */
    uint32_t staging_buffers;
    uint64_t staging_bytes;
    uint64_t copy_bytes; /* of rf_measure_copy: how much to copy, rounded up to whole buffers; 0: 4
                            GiB */
} rf_measure_options;

#define RF_MEASURE_OPTIONS_INIT ((rf_measure_options){.size = sizeof(rf_measure_options)})

typedef struct rf_transfer_measurement {
    uint64_t bytes;
    uint64_t nanoseconds;
    rf_read_mode read_mode; /* what was done: never RF_READ_AUTO; 0 of a copy */
    uint32_t n_readers;     /* 0 of a copy */
    uint32_t staging_buffers;
    uint64_t staging_bytes; /* of all buffers together */
} rf_transfer_measurement;

/* Reads whole files into pinned buffers: no checksums, no copies. The buffers are allocated before
 * the clock starts. Errors: NOT_FOUND, IO, ARGUMENT (a limit; an empty file), DEVICE, HOST_MEMORY.
 */
RF_API rf_status rf_measure_read(rf_runtime *runtime, const char *const *paths, size_t count,
                                 const rf_measure_options *options, rf_transfer_measurement *out,
                                 rf_error *error);

/* Copies from pinned buffers to device memory, as many bytes of it as the buffers have; what is
 * allocated is freed again. Errors: ARGUMENT, DEVICE, DEVICE_MEMORY, HOST_MEMORY. */
RF_API rf_status rf_measure_copy(rf_runtime *runtime, const rf_measure_options *options,
                                 rf_transfer_measurement *out, rf_error *error);

typedef struct rf_memory_measurement {
    uint64_t bytes; /* that were moved: read, and where they were copied written as well */
    uint64_t nanoseconds;
    uint64_t slowest_nanoseconds; /* of the runs, of which the above is the fastest */
    uint32_t n_runs;
    bool copied;        /* by the device, within its memory; false: read alone, by threads */
    uint32_t n_threads; /* that read; 0 where they were copied */
} rf_memory_measurement;

/*
 * How fast the memory that weights lie in is: on a GPU by copies within it, on a CPU by reading
 * with all of the runtime's threads. Takes at most 1 GiB of it, or a quarter of what is free, and
 * gives it back. Errors: DEVICE, DEVICE_MEMORY, HOST_MEMORY.
 */
RF_API rf_status rf_measure_memory(rf_runtime *runtime, rf_memory_measurement *out,
                                   rf_error *error);

/* Which part of a file is in the page cache, 0 to 1, from a sample of places. UNSUPPORTED where the
 * file system does not tell. */
RF_API rf_status rf_page_cache_share(const char *path, double *out, rf_error *error);
/* Asks the system to write a file to storage and forget it in the page cache. It need not: pages
 * that somebody has mapped stay, and all of a file system in memory; rf_page_cache_share tells. */
RF_API rf_status rf_page_cache_drop(const char *path, rf_error *error);

/* ------------------------------------------------------------------------------- tokenizer --- */

#define RF_TOKEN_NONE (-1)

/* Makes a tokenizer from a file's metadata alone; the architecture does not matter. */
RF_API rf_status rf_tokenizer_open(const rf_gguf *gguf, rf_tokenizer **out, rf_error *error);
RF_API void rf_tokenizer_free(rf_tokenizer *tokenizer); /* only for those from rf_tokenizer_open */

typedef struct rf_tokenize_options {
    bool add_bos_eos;   /* put BOS and EOS where the metadata says so */
    bool parse_special; /* text such as "<|im_end|>" becomes its control token, not plain text */
} rf_tokenize_options;

/*
 * Tokenizes text, any bytes. *out is a new array of *count ids, to be freed with rf_free.
 * Invalid UTF-8 is kept: BPE encodes it byte by byte, SentencePiece by byte fallback. Bytes that no
 * token stands for are left out. At most 1 GiB of text (RF_ERROR_RANGE).
 */
RF_API rf_status rf_tokenize(const rf_tokenizer *tokenizer, rf_string text,
                             rf_tokenize_options options, int32_t **out, size_t *count,
                             rf_error *error);

/* Ids to text; *out is NUL-terminated (the terminator is not in *length), to be freed with rf_free.
 * Control tokens are left out unless special is true. RF_ERROR_RANGE names an id that is none. */
RF_API rf_status rf_detokenize(const rf_tokenizer *tokenizer, const int32_t *tokens, size_t count,
                               bool special, char **out, size_t *length, rf_error *error);

RF_API uint32_t rf_tokenizer_size(const rf_tokenizer *tokenizer);
RF_API int32_t
rf_tokenizer_bos(const rf_tokenizer *tokenizer); /* RF_TOKEN_NONE where there is none */
RF_API int32_t rf_tokenizer_eos(const rf_tokenizer *tokenizer);
RF_API bool rf_tokenizer_is_end(const rf_tokenizer *tokenizer, int32_t token); /* ends generation */
/* A token's text as stored in the vocabulary. RF_ERROR_RANGE for an id that is none. */
RF_API rf_status rf_tokenizer_text(const rf_tokenizer *tokenizer, int32_t token, rf_string *out,
                                   rf_error *error);

/* Turns a stream of ids into text without ever giving out half a UTF-8 character. */
typedef struct rf_text_stream rf_text_stream;

RF_API rf_status rf_text_stream_create(const rf_tokenizer *tokenizer, bool special,
                                       rf_text_stream **out, rf_error *error);
RF_API void rf_text_stream_free(rf_text_stream *stream);
/* Adds a token; *text are the whole characters now complete, valid until the next call. */
RF_API rf_status rf_text_stream_add(rf_text_stream *stream, int32_t token, rf_string *text,
                                    rf_error *error);
/* Ends the stream; *text is what was held back, each broken sequence as U+FFFD. */
RF_API rf_status rf_text_stream_end(rf_text_stream *stream, rf_string *text, rf_error *error);

/* ------------------------------------------------------------------------------------ chat --- */

typedef struct rf_chat_message {
    const char *role; /* "system", "user" or "assistant" */
    const char *content;
} rf_chat_message;

/* The family recognised from tokenizer.chat_template: "chatml", "llama2", "llama3", "mistral",
 * "gemma", "phi3", "deepseek", "zephyr"; "plain" where there is no template or an unknown one. */
RF_API const char *rf_chat_family(const rf_tokenizer *tokenizer);

/*
 * Renders messages and the opening of the assistant's answer as text to be tokenized with
 * parse_special. BOS is not in it: tokenize with add_bos_eos. Family "plain" gives the contents,
 * each with a newline behind it. *out is NUL-terminated, to be freed with rf_free. Errors: ARGUMENT
 * (a role that is none, by its name), HOST_MEMORY.
 */
RF_API rf_status rf_chat_render(const rf_tokenizer *tokenizer, const rf_chat_message *messages,
                                size_t count, char **out, rf_error *error);

/* ---------------------------------------------------------------------------------- engine --- */

typedef uint64_t rf_sequence; /* never reused within an engine */

typedef struct rf_logit_bias {
    int32_t token;
    float bias; /* added to the logit; -INFINITY forbids the token */
} rf_logit_bias;

/* How the next token is drawn. Applied in this order: bias, penalties, top-k, top-p, min-p,
 * temperature. Zero or neutral values switch a step off. */
typedef struct rf_sampling {
    float temperature;       /* 0: the most likely token (greedy) */
    uint32_t top_k;          /* 0: off */
    float top_p;             /* in (0, 1]; 1: off */
    float min_p;             /* in [0, 1); 0: off */
    float repeat_penalty;    /* 1: off; logits of seen tokens are divided (or multiplied, if < 0) */
    float frequency_penalty; /* 0: off; subtracted once for each time seen */
    float presence_penalty;  /* 0: off; subtracted once if seen */
    uint32_t penalty_last_n; /* how many latest tokens, prompt included, count as seen */
    uint64_t seed;           /* same seed, same text */
    const rf_logit_bias *biases;
    size_t n_biases;
} rf_sampling;

#define RF_SAMPLING_INIT                                                                           \
    ((rf_sampling){.temperature = 0.8F,                                                            \
                   .top_k = 40,                                                                    \
                   .top_p = 0.95F,                                                                 \
                   .min_p = 0.05F,                                                                 \
                   .repeat_penalty = 1.0F,                                                         \
                   .penalty_last_n = 64})

/* Plans, allocates and readies an engine. RF_ERROR_DEVICE_MEMORY says what was asked and free. */
RF_API rf_status rf_engine_create(rf_model *model, const rf_engine_options *options,
                                  rf_engine **out, rf_error *error);
RF_API void rf_engine_free(rf_engine *engine);

/* The plan that this engine's memory and its model's were allocated from, on both devices where the
 * model is divided; owned by the engine. */
RF_API const rf_plan *rf_engine_plan(const rf_engine *engine);

typedef struct rf_request {
    const int32_t *tokens; /* the prompt, copied */
    size_t n_tokens;       /* at least 1 */
    uint32_t max_tokens;   /* to generate; 0: until the context is full */
    bool ignore_end;       /* go on after an end-of-generation token */
    rf_sampling sampling;  /* biases are copied */
} rf_request;

/* Queues a request; it starts when a sequence is free. Errors: ARGUMENT (bad option or token id, by
 * name), FULL (the prompt does not fit into the context: both sizes are in the message). */
RF_API rf_status rf_engine_submit(rf_engine *engine, const rf_request *request, rf_sequence *out,
                                  rf_error *error);

typedef enum rf_finish {
    RF_FINISH_NONE = 0,   /* goes on */
    RF_FINISH_END = 1,    /* the model ended it */
    RF_FINISH_LENGTH = 2, /* max_tokens reached, or the context is full */
} rf_finish;

/* What one pass gave a sequence. */
typedef struct rf_output {
    rf_sequence sequence;
    int32_t token;    /* the new token */
    rf_finish finish; /* anything but NONE: the sequence is over and its memory is free again */
} rf_output;

/*
 * One pass: admits waiting requests, computes one batch (prefill chunks and one token for each
 * sequence that generates), and reports the new tokens. *count is 0 after a pass that only
 * prefilled, and capacity must be at least n_sequences. On failure no sequence has advanced.
 * Where all sequences are greedy, a GPU computes on behind the pass that is reported: requests are
 * admitted a step later then.
 */
RF_API rf_status rf_engine_step(rf_engine *engine, rf_output *outputs, size_t capacity,
                                size_t *count, rf_error *error);
/* Requests that are waiting or running. */
RF_API size_t rf_engine_active(const rf_engine *engine);
/* Ends a sequence, waiting or running, and frees its memory. RF_ERROR_NOT_FOUND if it is over. */
RF_API rf_status rf_engine_cancel(rf_engine *engine, rf_sequence sequence, rf_error *error);

/*
 * Cuts a running sequence back to the first n_keep tokens of its prompt, which stay computed, and
 * lets it go on with another request behind them, as if the two had been submitted together: the
 * rest of the prompt and what was generated is gone, max_tokens and the sampling are new. On
 * failure the sequence is as before. Errors: NOT_FOUND (it is over, or waits still), RANGE (fewer
 * tokens of its prompt are computed than it should keep), ARGUMENT and FULL as in rf_engine_submit.
 */
RF_API rf_status rf_engine_rewind(rf_engine *engine, rf_sequence sequence, size_t n_keep,
                                  const rf_request *rest, rf_error *error);

/*
 * The logits of every token of a text: logits[n_tokens][n_vocabulary], f32, row i after token i.
 * In passes of n_batch tokens, or token by token through the cache if one_by_one; no request may be
 * active (RF_ERROR_BUSY). RF_ERROR_FULL where the text exceeds the context. After a failure logits
 * may hold the rows of the passes before it.
 */
RF_API rf_status rf_engine_logits(rf_engine *engine, const int32_t *tokens, size_t n_tokens,
                                  bool one_by_one, float *logits, rf_error *error);

typedef struct rf_engine_stats {
    uint64_t prefill_tokens;
    uint64_t prefill_nanoseconds;
    uint64_t decode_tokens;
    uint64_t decode_nanoseconds;
    uint64_t kv_pages_total;
    uint64_t kv_pages_used;
    uint64_t kv_pages_peak;
} rf_engine_stats;

RF_API rf_engine_stats rf_engine_statistics(const rf_engine *engine);

/* One pass: each of n_sequences, which hold depth tokens, computes n_tokens more. */
typedef struct rf_pass_shape {
    uint32_t n_sequences;
    uint32_t depth;
    uint32_t n_tokens;
    bool logits; /* of each sequence's last token */
} rf_pass_shape;

/* What a pass has to do at least, by arithmetic: what its time is held against. */
typedef struct rf_pass_work {
    double weight_bytes; /* of every weight that is used, once; of experts, those that tokens which
                            choose at random use together, on average */
    double kv_bytes;     /* keys and values of every sequence, its new tokens included, once */
    double flops;        /* multiplications and additions of products and attention */
} rf_pass_work;

/* Any shape: it need not fit the engine. */
RF_API rf_pass_work rf_engine_pass_work(const rf_engine *engine, const rf_pass_shape *shape);

/* ------------------------------------------------------------------------ synthetic models --- */

/*
 * A synthetic model is a GGUF file with the shapes of a published model and random weights: it
 * loads, takes the memory and computes at the speed of the real one, and says nothing sensible. Its
 * numbers are sane: activations keep their magnitude over any number of layers, logits are finite.
 */

/* One shape or one quantisation that can be asked for; both NULL past the end of a list. */
typedef struct rf_synth_entry {
    const char *name;        /* "llama-8b", "Q4_K_M" */
    const char *description; /* one line */
} rf_synth_entry;

RF_API size_t rf_synth_shape_count(void);
RF_API rf_synth_entry rf_synth_shape_at(size_t i);
RF_API size_t rf_synth_quant_count(void);
RF_API rf_synth_entry rf_synth_quant_at(size_t i);

typedef struct rf_synth_options {
    size_t size;
    const char *shape;             /* a name from the list of shapes; upper or lower case */
    const char *quant;             /* a name from the list of quantisations; upper or lower case */
    uint64_t seed;                 /* same options and seed, same bytes, whatever n_threads is */
    uint32_t n_layers;             /* 0: as published */
    uint32_t n_context;            /* trained context in the metadata; 0: as published */
    bool pure;                     /* every matrix in the quantisation's base type: no mix */
    bool overwrite;                /* replace a file that is there */
    uint32_t n_threads;            /* 1 to 512; 0: one a core */
    rf_progress_callback progress; /* counts the bytes of tensors */
    void *progress_user;
} rf_synth_options;

#define RF_SYNTH_OPTIONS_INIT ((rf_synth_options){.size = sizeof(rf_synth_options)})

typedef struct rf_synth_summary {
    uint64_t n_parameters; /* as published: rope_freqs.weight is computed and does not count */
    uint64_t n_tensors;
    uint64_t tensor_bytes;
    uint64_t largest_tensor; /* bytes */
    uint64_t file_bytes;     /* at most: what stands before the tensors is rounded up */
} rf_synth_summary;

/* What rf_synth_write would write. RF_ERROR_ARGUMENT for an unknown shape or quantisation. */
RF_API rf_status rf_synth_measure(const rf_synth_options *options, rf_synth_summary *out,
                                  rf_error *error);

/*
 * Writes the file. It appears under its name only when it is complete: after a failure or a
 * cancellation nothing is left. Errors: ARGUMENT (also where path is there and overwrite is not
 * set, or is no regular file), FULL (the file system has less free space than the file takes: both
 * are in the message), IO, CANCELLED, HOST_MEMORY.
 */
RF_API rf_status rf_synth_write(const char *path, const rf_synth_options *options, rf_error *error);

/* Frees what rf_tokenize, rf_detokenize and rf_chat_render gave out. */
RF_API void rf_free(void *memory);

#ifdef __cplusplus
}
#endif

#endif
