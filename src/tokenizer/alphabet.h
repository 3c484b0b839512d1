/*
 * alphabet.h: the printable alphabet in which byte-level BPE vocabularies write bytes (introduced
 * with GPT-2, Radford et al. 2019, encoder.py): bytes that are printable in Latin-1 stand for
 * themselves, the other 68 are the characters from U+0100 on, in order. A space is thus "Ġ", a
 * newline "Ċ".
 */
#ifndef RF_TOKENIZER_ALPHABET_H
#define RF_TOKENIZER_ALPHABET_H

#include <stddef.h>
#include <stdint.h>

#define RF_ALPHABET_BYTES_MAX 2 /* UTF-8 bytes of one letter */

/* Writes the letter for a byte and returns its length. */
size_t rf_alphabet_letter(unsigned char byte, char out[RF_ALPHABET_BYTES_MAX]);

/* The byte that a code point stands for; -1 where it is no letter of the alphabet. */
int rf_alphabet_byte(uint32_t code_point);

#endif
