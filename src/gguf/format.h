/*
 * format.h: the numbers of the GGUF format
 * (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md) that reader and writer share, and the
 * limits put on what the format leaves open.
 *
 * A file, little-endian throughout:
 *   header        magic "GGUF", u32 version, u64 number of tensors, u64 number of metadata values
 *   metadata      for each: string key, u32 type, value
 *   tensor table  for each: string name, u32 n_dimensions, u64 shape[n_dimensions],
 *                 u32 element type, u64 offset from the start of the data
 *   data          from the next multiple of the alignment on
 *
 * A string is a u64 length and its bytes; an array a u32 item type, a u64 count and its items.
 */
#ifndef RF_GGUF_FORMAT_H
#define RF_GGUF_FORMAT_H

#define RF_GGUF_MAGIC        "GGUF"
#define RF_GGUF_MAGIC_BYTES  4
#define RF_GGUF_HEADER_BYTES 24

/* Version 1 had 32-bit lengths and is long gone; 3 differs from 2 only in allowing big-endian
 * files. */
#define RF_GGUF_VERSION_MIN 2
#define RF_GGUF_VERSION_MAX 3

#define RF_GGUF_KEY_ALIGNMENT "general.alignment"

/* The format asks for a multiple of 8. Above 1 MiB an alignment would do nothing but waste the
 * file. */
#define RF_GGUF_ALIGNMENT_DEFAULT 32
#define RF_GGUF_ALIGNMENT_MIN     8
#define RF_GGUF_ALIGNMENT_MAX     (1U << 20)

/* Lengths in bytes, from the format's description. */
#define RF_GGUF_KEY_MAX  65535
#define RF_GGUF_NAME_MAX 64

/* Models have tens of values and at most some tens of thousands of tensors (experts stored one by
 * one). */
#define RF_GGUF_VALUES_MAX  (1U << 16)
#define RF_GGUF_TENSORS_MAX (1U << 18)

/* Vocabularies reach some 300 000 entries; at this limit the table of offsets takes 512 MiB. */
#define RF_GGUF_STRINGS_MAX (1U << 26)

/* The smallest entries: a key (or name) of one byte and a value of one byte (or one dimension). */
#define RF_GGUF_VALUE_BYTES_MIN  (8 + 1 + 4 + 1)
#define RF_GGUF_TENSOR_BYTES_MIN (8 + 1 + 4 + 8 + 4 + 8)

/* Files of a split model. Each keeps a descriptor open, of which a process has 1024 by default. */
#define RF_GGUF_FILES_MAX 512

#define RF_GGUF_KEY_SPLIT_NO      "split.no"
#define RF_GGUF_KEY_SPLIT_COUNT   "split.count"
#define RF_GGUF_KEY_SPLIT_TENSORS "split.tensors.count"

#endif
